//! How often, how soon and when not at all. Clocks are arguments.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod pace;
