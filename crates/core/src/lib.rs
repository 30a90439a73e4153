//! The decisions of ecs-keeper, without I/O and without a clock.
//!
//! One [`engine::RegionEngine`] decides for one account and region. It is fed with what objects ask for and what the cloud
//! answered, and says what to call, what to check and what to report. Everything that could surprise it (the cloud,
//! the API server, time) comes in as a value.

mod model;
mod policy;
mod status;

pub mod attribution;
pub mod engine;

pub use model::{
    authority, auto_release_time, call, delete_on_release, deletion_protection, evidence, exception, failure,
    flag, id, instance, intent, interface, lift, loss, on_behalf, protected_from_scale_in, reason, resource,
    retention, scaling_member, surroundings, time, trail, transition, wall_clock,
};
pub use policy::{backoff, breaker, budget, pace};
pub use status::{conditions, scaling_groups, verdict};
