//! Where the keys come from with which an account's calls are signed.
//!
//! An account has one source of credentials, and perhaps a role to go on with. Each has a [`provider`] that obtains its key,
//! renews it before it ends and tells everybody who uses it. Accounts that name the same source share its provider.
//!
//! * **Closed.** A source that fails is never replaced by another one (I55): the account then has no key, and says why.
//! * **No gap.** A key is renewed well before it ends, and used until shortly before its end if that fails (I56).
//! * **Secret.** No part of a key or of a token is ever repeated, whatever goes wrong (I44).

mod claims;
mod connection;
mod current_key;
mod default_chain;
mod ecs_role;
mod environment;
mod error;
mod exchange;
mod files;
mod issued;
mod oidc;
mod profile;
mod provider;
mod providers;
mod schedule;
mod source;
mod static_key;

pub use connection::{Connection, connections};
pub use current_key::CurrentKey;
pub use environment::Environment;
pub use error::CredentialError;
#[cfg(test)]
pub use error::KeyError;
pub use exchange::Exchange;
pub use providers::Providers;
#[cfg(any(test, fuzzing))]
pub use {claims::Claims, profile::keys};
