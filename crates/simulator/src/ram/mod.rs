//! Resource Access Management: who may do what, and who may become whom.

mod arn;
mod condition;
mod document;
mod issuer;
mod policy;
mod provider;
mod role;
mod token_crypto;
mod trust;
mod user;

pub(crate) use arn::{parse_ram_arn, ram_arn};
pub(crate) use condition::Context;
pub(crate) use document::Decision;
pub use document::PolicyError;
pub use issuer::Issuer;
pub(crate) use policy::Access;
pub use policy::Policy;
pub use provider::ProviderSeed;
pub(crate) use provider::{Claims, invalid};
pub(crate) use role::Role;
pub use role::{RoleSeed, Session};
pub(crate) use trust::Claimant;
pub use trust::TrustPolicy;
pub use user::{DEFAULT_USER, UserSeed};
