//! ecs-keeper: a Kubernetes operator that keeps release protection on Alibaba Cloud ECS instances.
//!
//! This package holds what knows Kubernetes: the custom resources, how they are read and reported on, the command
//! line. What is decided is decided in `keeper-core`, which knows neither Kubernetes nor the cloud.

pub mod admin;
pub mod api;
pub mod causes;
pub mod cli;
pub mod config;
pub mod crds;
pub mod credentials;
pub mod desired;
pub mod events;
pub mod export;
pub mod grants;
pub mod handover;
pub mod health;
pub mod kubernetes;
pub mod leader;
pub mod mailbox;
pub mod metrics;
mod names;
pub mod node;
pub mod preflight;
pub mod provider_id;
pub mod run;
pub mod scope;
pub mod status;
pub mod status_writer;
pub mod store;
pub mod survivors;
pub mod sweep_record;
pub mod telemetry;
pub mod uninstall;
pub mod watch;
pub mod worker;
