//! The few calls of Alibaba Cloud's ECS, Auto Scaling, ActionTrail and STS that ecs-keeper needs, over HTTPS.
//!
//! Nothing here decides, waits, repeats or remembers (but whose a key is, see [`account_pinning`]): a call is signed once, sent
//! once, and its answer is handed on as typed facts or as an [`Error`] with a class. Budgets, retries and back-off belong to the engine.
//!
//! What can be expressed is what is needed: of `ModifyInstanceAttribute` only the instance's id and its
//! `DeletionProtection`, of `ModifyNetworkInterfaceAttribute` only the interface's id and its `DeleteOnRelease`, and no call that deletes, detaches or sets a password.

pub mod account_pinning;
pub mod client;
pub mod codes;
pub mod credentials;
pub mod endpoint;
pub mod error;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod metadata_service;
pub mod observe;
pub mod session;
pub mod sign;
pub mod sts_codes;
pub mod transport;

mod answer;
mod assume_role;
mod assume_role_with_oidc;
mod attach_network_interface;
mod describe_instances;
mod describe_network_interfaces;
mod describe_regions;
mod describe_scaling_groups;
mod describe_scaling_instances;
mod get_caller_identity;
mod identifier;
mod listing;
mod lookup_events;
mod modify_instance_attribute;
mod modify_instance_auto_release_time;
mod modify_network_interface_attribute;
mod operation;
mod operations;
mod permission;
mod send;
mod set_instances_protection;
mod sts;
mod wire;

pub use account_pinning::{AccountPinning, KeySource, VerifiedCredentials};
pub use attach_network_interface::OPERATION as ATTACH;
pub use client::Client;
pub use credentials::{Credentials, CredentialsSource, StaticCredentials};
pub use describe_scaling_groups::{ScalingGroup, ScalingGroupPage};
pub use endpoint::{Endpoints, Network, StsEndpoint};
pub use error::Error;
pub use get_caller_identity::Caller;
pub use lookup_events::setting_operation;
pub use metadata_service::MetadataService;
pub use operation::Operation;
pub use operations::{ATTRIBUTION_OPERATIONS, COMMAND_OPERATIONS, OPERATIONS, SCALING_OPERATIONS};
pub use permission::{Permission, ResourceType};
pub use session::{RoleToAssume, Session};
pub use set_instances_protection::OPERATION as PROTECT_MEMBERS;
pub use sign::{Always, LeaseGuard, Stamp, StampSource, SystemStamps};
pub use sts::Sts;
pub use transport::{Timeouts, Transport};
pub use wire::{WireFlag, WireResource};
