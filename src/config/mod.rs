//! What the administrator has written into the file.

mod check;
mod check_identity;
mod file;
mod identity;
mod load;
mod problem;
mod settings;

pub(crate) use identity::{
    AssumeRole, CredentialSource, EcsRole, KeyParts, Oidc, Profile, ProxySettings, StsSettings,
};
#[cfg(any(test, fuzzing))]
pub(crate) use load::parse;
pub(crate) use load::{ConfigError, load_or_empty};
pub use load::{load, schema};
pub(crate) use problem::{Problems, nearest, of as problems_of, unknown_account, unknown_region};
pub(crate) use settings::{Account, Config};

#[cfg(test)]
mod tests;
