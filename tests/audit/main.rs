//! `ecs-keeper audit`, run as a program on the simulated cloud. No cluster is needed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod exits;
mod fleet;
mod hostile;
mod names;
mod program;
mod regions;
mod report;
mod scaling_groups;
mod schemas;
mod size;
