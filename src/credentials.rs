//! Access keys, read from where the configuration says. No value of a key is ever repeated.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keeper_alicloud::credentials::{Credentials, CredentialsError};
use keeper_core::id::AccountName;
use secrecy::SecretString;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::causes::told;
use crate::config::{KeyParts, KeySource};

/// Time between two looks at the files of a key: the kubelet itself takes a minute to bring a changed Secret.
const LOOK: Duration = Duration::from_secs(2);

/// Time after which a key that was read amid a change is read again.
const SETTLE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no access key: set the environment variable {0}, for example from a Kubernetes Secret")]
    Unset(String),
    #[error("no access key: write it to the file {path}, for example by mounting a Kubernetes Secret", path = .0.display())]
    NoFile(PathBuf),
    #[error("failed to read the file {path} with a part of the access key", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A part that no key has.
    #[error("invalid access key")]
    Unusable(#[from] CredentialsError),
}

/// The access key that is there now.
fn read(source: &KeySource) -> Result<Credentials, KeyError> {
    match source {
        KeySource::Environment(names) => from_variables(names, variable),
        KeySource::Files(paths) => from_files(paths),
    }
}

#[expect(clippy::disallowed_methods, reason = "flags would show the secret to every process of the machine")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn from_variables(
    names: &KeyParts<String>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Credentials, KeyError> {
    // What is no Unicode has characters that no key has, and is refused for them.
    let value = |name: &String| {
        Ok(variable(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default())
    };
    assemble(names, value, |name| KeyError::Unset(name.clone()))
}

fn from_files(paths: &KeyParts<PathBuf>) -> Result<Credentials, KeyError> {
    let value = |path: &PathBuf| match std::fs::read_to_string(path) {
        // Editors and `echo` end a file with a line break, which no key has.
        Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(KeyError::Unreadable { path: path.clone(), source }),
    };
    assemble(paths, value, |path| KeyError::NoFile(path.clone()))
}

/// The key of these parts. One that is absent is empty, and only the token may be.
fn assemble<T>(
    parts: &KeyParts<T>,
    value: impl Fn(&T) -> Result<String, KeyError>,
    missing: impl Fn(&T) -> KeyError,
) -> Result<Credentials, KeyError> {
    let required = |part: &T| {
        let text = value(part)?;
        if text.is_empty() { Err(missing(part)) } else { Ok(text) }
    };
    let id = required(&parts.access_key_id)?;
    let secret = SecretString::from(required(&parts.access_key_secret)?);
    let token = parts.security_token.as_ref().map(&value).transpose()?.map(SecretString::from);
    Ok(Credentials::new(id, secret, token)?)
}

/// The key that an account has now. Clones see the same.
#[derive(Debug, Clone)]
pub struct CurrentKey(watch::Receiver<Option<Arc<Credentials>>>);

impl CurrentKey {
    /// Waits until there is another key, or none any more.
    pub async fn changed(&mut self) {
        // Whoever follows the source ends only with the process.
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl keeper_alicloud::KeySource for CurrentKey {
    fn current(&self) -> Option<Arc<Credentials>> {
        self.0.borrow().clone()
    }
}

/// Looks after the key of one account.
#[derive(Debug)]
pub struct Follower {
    account: AccountName,
    source: KeySource,
    told: watch::Sender<Option<Arc<Credentials>>>,
    complaint: Option<String>,
}

impl Follower {
    /// Reads the key for the first time. That there is none yet is told in the log, and no reason not to begin: it may come,
    /// and other accounts have theirs.
    pub fn new(account: AccountName, source: KeySource) -> (Self, CurrentKey) {
        let (told, key) = watch::channel(None);
        let mut follower = Self { account, source, told, complaint: None };
        let read = read(&follower.source);
        follower.take(read);
        (follower, CurrentKey(key))
    }

    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// Why there is no key, if there is none.
    pub fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// Follows the files for ever. What stands in the environment never changes.
    pub async fn follow(mut self) -> std::convert::Infallible {
        if let KeySource::Environment(_) = self.source {
            // The sender lives on with the task.
            std::future::pending::<()>().await;
        }
        loop {
            tokio::time::sleep(LOOK).await;
            let read = self.read().await;
            if self.differs(&read) {
                // The parts stand in files of their own: what was read amid a change may be of two keys.
                tokio::time::sleep(SETTLE).await;
                let again = self.read().await;
                if read.as_ref().ok() == again.as_ref().ok() {
                    self.take(again);
                }
            }
        }
    }

    async fn read(&self) -> Result<Credentials, KeyError> {
        let source = self.source.clone();
        let read = tokio::task::spawn_blocking(move || read(&source)).await;
        read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn differs(&self, read: &Result<Credentials, KeyError>) -> bool {
        match read {
            Ok(key) => self.told.borrow().as_deref() != Some(key),
            Err(error) => self.complaint.as_ref() != Some(&told(error)),
        }
    }

    fn take(&mut self, read: Result<Credentials, KeyError>) {
        let account = self.account.as_str();
        match read {
            Ok(key) => {
                info!(account, "access key loaded");
                self.complaint = None;
                self.told.send_replace(Some(Arc::new(key)));
            }
            Err(error) => {
                let why = told(&error);
                warn!(account, why, "access key missing");
                self.complaint = Some(why);
                self.told.send_replace(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> KeyParts<String> {
        match KeySource::default() {
            KeySource::Environment(names) => names,
            KeySource::Files(_) => panic!("not the environment"),
        }
    }

    fn read(id: &str, secret: &str, token: Option<&str>) -> Result<String, String> {
        let variables = |name: &str| match name {
            "ALIBABA_CLOUD_ACCESS_KEY_ID" => Some(id.into()),
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET" => Some(secret.into()),
            "ALIBABA_CLOUD_SECURITY_TOKEN" => token.map(Into::into),
            other => panic!("{other} was read"),
        };
        from_variables(&usual(), variables).map(|key| format!("{key:?}")).map_err(|error| told(&error))
    }

    #[test]
    fn i44_a_key_that_cannot_be_one_is_refused_with_a_sentence() {
        assert!(read("id", "secret", None).unwrap().contains("temporary: false"));
        assert!(read("id", "secret", Some("")).unwrap().contains("temporary: false"));
        assert!(read("id", "secret", Some("token")).unwrap().contains("temporary: true"));
        for (id, secret, sentence) in [
            ("", "canary", "set the environment variable ALIBABA_CLOUD_ACCESS_KEY_ID"),
            ("canary", "", "set the environment variable ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
            (
                "canary",
                "canary\n",
                "invalid access key: the access key secret contains a blank, a line break or a character that no key \
                 has; remove it (a file often ends in a line break)",
            ),
        ] {
            let refusal = read(id, secret, None).unwrap_err();
            assert!(refusal.contains(sentence) && !refusal.contains("canary"), "{refusal}");
        }
    }

    #[test]
    fn files_may_end_in_a_line_break_and_lack_a_token() {
        let folder = std::env::temp_dir().join(format!("ecs-keeper-credentials-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let paths = KeyParts {
            access_key_id: folder.join("id"),
            access_key_secret: folder.join("secret"),
            security_token: Some(folder.join("token")),
        };
        let read = || from_files(&paths).map_err(|error| told(&error));
        assert!(read().unwrap_err().contains(paths.access_key_id.to_str().unwrap()));
        std::fs::write(&paths.access_key_id, "id\n").unwrap();
        std::fs::write(&paths.access_key_secret, "\n").unwrap();
        assert!(read().unwrap_err().contains(paths.access_key_secret.to_str().unwrap()));
        std::fs::write(&paths.access_key_secret, "canary secret\r\n").unwrap();
        let refusal = read().unwrap_err();
        assert!(refusal.contains("access key secret") && !refusal.contains("canary"), "{refusal}");
        std::fs::write(&paths.access_key_secret, "secret\r\n").unwrap();
        assert!(format!("{:?}", read().unwrap()).contains("temporary: false"));
        std::fs::write(paths.security_token.as_ref().unwrap(), "token").unwrap();
        assert!(format!("{:?}", read().unwrap()).contains("temporary: true"));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
