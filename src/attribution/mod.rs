//! Asks ActionTrail who has switched a flag off, and tells it. A task of its own for each account, with calls of its own: it never holds up
//! what protects, and what it does not get done is counted and told.

mod account_task;
mod notes;
mod scope_attribution;

pub use account_task::Around;
pub use scope_attribution::{Attributions, ScopeAttribution};
