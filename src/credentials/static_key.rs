//! Access keys in variables and in files.

use std::io;
use std::path::PathBuf;

use keeper_alicloud::credentials::Credentials;
use secrecy::SecretString;

use super::environment::Environment;
use super::error::KeyError;
use super::files;
use crate::config::KeyParts;

/// The key in these variables.
pub fn from_variables(names: &KeyParts<String>, environment: &Environment) -> Result<Credentials, KeyError> {
    let value = |name: &String| Ok(environment.get(name).unwrap_or_default());
    assemble(names, value, |name| KeyError::Unset(name.clone()))
}

/// The key in these files.
pub fn from_files(paths: &KeyParts<PathBuf>) -> Result<Credentials, KeyError> {
    let value = |path: &PathBuf| match files::read(path) {
        // Editors and `echo` end a file with a line break, which no key has. Nor has any what is no Unicode.
        Ok(text) => Ok(String::from_utf8_lossy(&text).trim_end_matches(['\r', '\n']).to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::told;

    fn read(id: &str, secret: &str, token: Option<&str>) -> Result<String, String> {
        let environment = Environment::of([
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", id),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", token.unwrap_or_default()),
        ]);
        let key = from_variables(&KeyParts::usual(), &environment);
        key.map(|key| format!("{key:?}")).map_err(|error| told(&error))
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
