//! The sources of credentials, each with its way to a key.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

use keeper_alicloud::{KeySource as _, RoleToAssume, Sts};

use super::current_key::{CurrentKey, NoKey};
use super::ecs_role::EcsRole;
use super::environment::Environment;
use super::error::CredentialError;
use super::exchange::assume_role;
use super::files;
use super::issued::Issued;
use super::oidc::Rrsa;
use super::profile::ProfileFile;
use super::static_key::{from_files, from_variables};
use crate::config::KeyParts;

/// Time between two looks at files: the kubelet itself takes a minute to bring a changed Secret.
const LOOK: Duration = Duration::from_secs(2);

/// Time after which a file that was read amid a change is read again: the parts of a key stand in files of their own.
const SETTLE: Duration = Duration::from_millis(100);

/// Where a key comes from.
pub enum Source {
    Environment(KeyParts<String>, Environment),
    Files(KeyParts<PathBuf>, Seen),
    Rrsa(Rrsa),
    EcsRole(EcsRole),
    Profile(ProfileFile, Seen),
    /// A role for whoever has another key.
    AssumeRole {
        first: CurrentKey,
        role: RoleToAssume,
        sts: Sts,
    },
    /// Nothing but an error: what is configured can't be used.
    Unusable(String),
}

/// What gives keys.
pub trait Issue: Send {
    /// Its name in the configuration, for the log and the metrics.
    fn name(&self) -> &'static str;

    /// Asks for a key, which may be the same as before.
    fn issue(&mut self) -> impl Future<Output = Result<Issued, CredentialError>> + Send;

    /// Waits until there is another key to be had.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
}

impl Issue for Source {
    fn name(&self) -> &'static str {
        match self {
            Self::Environment(..) => "environment",
            Self::Files(..) => "files",
            Self::Rrsa(_) => "oidc",
            Self::EcsRole(_) => "ecsRole",
            Self::Profile(..) => "profile",
            Self::AssumeRole { .. } => "assumeRole",
            Self::Unusable(_) => "none",
        }
    }

    async fn issue(&mut self) -> Result<Issued, CredentialError> {
        match self {
            Self::Environment(names, environment) => Ok(Issued::of_key(from_variables(names, environment)?)),
            Self::Files(paths, seen) => {
                seen.note().await;
                let paths = paths.clone();
                let read = tokio::task::spawn_blocking(move || from_files(&paths)).await;
                let key = read.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
                Ok(Issued::of_key(key))
            }
            Self::Rrsa(rrsa) => rrsa.issue().await,
            Self::EcsRole(role) => role.issue().await,
            Self::Profile(file, seen) => {
                seen.note().await;
                file.issue().await
            }
            Self::AssumeRole { first, role, sts } => {
                let none = |none: NoKey| CredentialError::NoFirstKey { of_call: none.of_call, why: none.why };
                let key = first.obtained().await.map_err(none)?;
                assume_role(sts, &key, role).await.inspect_err(|error| {
                    if let CredentialError::Exchange { error, .. } = error
                        && error.says_expired()
                    {
                        first.expired(&key);
                    }
                })
            }
            Self::Unusable(why) => Err(CredentialError::Unusable(why.clone())),
        }
    }

    async fn changed(&mut self) {
        match self {
            Self::Files(_, seen) | Self::Profile(_, seen) => seen.differ().await,
            Self::AssumeRole { first, .. } => first.changed().await,
            Self::Environment(..) | Self::Rrsa(_) | Self::EcsRole(_) | Self::Unusable(_) => {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Source {
    /// Why there can never be a key, whatever happens outside this process.
    pub fn hopeless(&self) -> Option<CredentialError> {
        match self {
            Self::Environment(names, environment) => {
                from_variables(names, environment).err().map(CredentialError::from)
            }
            Self::Unusable(why) => Some(CredentialError::Unusable(why.clone())),
            _ => None,
        }
    }
}

/// What files contained when they were last read.
#[derive(Debug)]
pub struct Seen {
    paths: Vec<PathBuf>,
    digest: u64,
}

impl Seen {
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self { paths, digest: 0 }
    }

    async fn note(&mut self) {
        self.digest = self.digest_now().await;
    }

    /// Waits until the files contain something else, and no longer change.
    async fn differ(&mut self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.digest_now().await;
            if now != self.digest {
                tokio::time::sleep(SETTLE).await;
                if self.digest_now().await == now {
                    return;
                }
            }
        }
    }

    async fn digest_now(&self) -> u64 {
        let mut digest = DefaultHasher::new();
        for path in &self.paths {
            files::read_aside(path).await.map_err(|error| error.kind()).hash(&mut digest);
        }
        digest.finish()
    }
}
