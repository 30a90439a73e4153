//! ecs-keeper: a Kubernetes operator that keeps release protection on Alibaba Cloud ECS instances.
//!
//! This package holds what knows Kubernetes: the custom resources, how they are read and reported on, the command
//! line. What is decided is decided in `keeper-core`, which knows neither Kubernetes nor the cloud.

pub mod admin;
pub mod api;
pub mod causes;
pub mod cli;
pub mod config;
pub mod controllers;
pub mod crds;
pub mod credentials;
pub mod evidence;
pub mod export;
pub mod fleet;
pub mod grants;
pub mod handover;
pub mod health;
pub mod kubernetes;
pub mod leader;
pub mod metrics;
mod names;
pub mod node;
pub mod provider_id;
pub mod run;
pub mod survivors;
pub mod telemetry;
pub mod uninstall;
