//! ecs-keeper: a Kubernetes operator that keeps release protection on Alibaba Cloud ECS instances.
//!
//! This package holds what knows Kubernetes: the custom resources, how they are read and reported on, the command
//! line. What is decided is decided in `keeper-core`, which knows neither Kubernetes nor the cloud.

mod admin;
pub mod api;
mod attribution;
mod audit;
mod causes;
mod claim_watch;
pub mod cli;
mod cloud;
mod cloud_access;
mod clouds;
mod cluster_list;
mod cluster_objects;
pub mod config;
pub mod crds;
mod credentials;
mod desired;
mod doctor;
mod events;
mod evidence_log;
mod explain;
mod export;
#[cfg(all(any(test, fuzzing), feature = "plan"))]
pub mod fuzz;
mod grants;
mod handover;
mod health;
mod identity_check;
mod json_schema;
mod kubernetes;
mod leader;
mod listing;
mod mailbox;
mod manual;
pub mod metrics;
mod names;
mod node;
mod node_claim;
mod not_examined;
mod object_ref;
#[cfg(feature = "plan")]
mod plan;
mod preflight;
mod progress;
mod provider_id;
mod question;
pub mod ram;
mod removal_check;
mod run;
mod scope;
mod scopes;
mod status;
mod status_writer;
mod store;
mod survivors;
mod sweep_record;
mod telemetry;
mod text_page;
mod tls_trouble;
mod uninstall;
mod visible_text;
mod watch;
mod watch_stream;
mod who;
mod worker;
mod zone;

pub use audit::{AuditError, run as audit, schema as audit_schema};
pub use causes::told;
pub use doctor::{examine, schema as doctor_schema};
pub use evidence_log::schema as evidence_schema;
pub use explain::{run as explain, schema as explain_schema};
pub use export::run as export;
pub use handover::handover;
pub use identity_check::check as check_identities;
pub use kubernetes::FIELD_MANAGER;
pub use manual::{completion, man};
pub use node::Node;
#[cfg(feature = "plan")]
pub use plan::{run as plan, schema as plan_schema};
pub use provider_id::ProviderId;
pub use run::run;
pub use telemetry::init as start_logging;
pub use uninstall::check as uninstall_check;
