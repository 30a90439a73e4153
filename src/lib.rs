//! ecs-keeper: a Kubernetes operator that keeps release protection on Alibaba Cloud ECS instances.
//!
//! This package holds what knows Kubernetes: the custom resources, how they are read and reported on, the command
//! line. What is decided is decided in `keeper-core`, which knows neither Kubernetes nor the cloud.

mod admin;
pub mod api;
pub mod causes;
pub mod cli;
pub mod config;
pub mod crds;
mod credentials;
mod desired;
mod events;
pub mod export;
mod grants;
pub mod handover;
mod health;
pub mod kubernetes;
mod leader;
mod mailbox;
pub mod metrics;
mod names;
pub mod node;
mod preflight;
pub mod provider_id;
pub mod run;
mod scope;
mod status;
mod status_writer;
mod store;
mod survivors;
mod sweep_record;
pub mod telemetry;
pub mod uninstall;
mod watch;
mod worker;
