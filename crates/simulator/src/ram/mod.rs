//! Resource Access Management: who may do what.

mod condition;
mod document;
mod policy;
mod user;

pub(crate) use condition::Context;
pub(crate) use document::Decision;
pub use document::PolicyError;
pub(crate) use policy::Access;
pub use policy::Policy;
pub use user::{DEFAULT_USER, UserSeed};
