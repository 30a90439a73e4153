//! One task for each account and region.

mod scope_worker;

pub use scope_worker::{Cloud, Fleet};
