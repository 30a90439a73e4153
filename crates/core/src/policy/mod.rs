//! How often, how soon and when not at all. Clocks are arguments.

pub mod backoff;
pub mod brake;
pub mod budget;
pub mod pace;
