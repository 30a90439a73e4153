//! The decisions of ecs-keeper, without I/O and without a clock.
//!
//! One [`engine::Engine`] decides for one account and region. It is fed with what objects wish and what the cloud
//! answered, and says what to call, what to check and what to report. Everything that could surprise it (the cloud,
//! the API server, time) comes in as a value.

pub mod authority;
pub mod backoff;
pub mod brake;
pub mod budget;
pub mod call;
pub mod conditions;
pub mod engine;
pub mod evidence;
pub mod failure;
pub mod fleet;
pub mod id;
pub mod instance;
pub mod interface;
pub mod kind;
pub mod loss;
pub mod owners;
pub mod pace;
pub mod reason;
pub mod retention;
pub mod selection;
pub mod target;
pub mod time;
pub mod verdict;
pub mod wish;
