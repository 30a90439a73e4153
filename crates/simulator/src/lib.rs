//! A server that speaks the wire protocol of Alibaba Cloud's ECS, Auto Scaling, ActionTrail and STS, for tests and dry runs.
//!
//! It is never kinder than the cloud: every request must be rightly signed, pages are as short and errors as terse as
//! documented, and what the vendor's pages leave open is read in the stricter way. It may not be depended upon by
//! anything that runs in production.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use keeper_simulator::{Fault, ReleaseReason, Rule, Seed, Simulator};
//!
//! let simulator = Simulator::start().await?;
//! let account = simulator.new_account();
//! let id = account.seed_one(&Seed::new("cn-hangzhou").tag("env", "prod").protected(true));
//!
//! // The client under test talks to simulator.endpoint() with account.access_key(), and the cloud misbehaves:
//! account.fault(Rule::new("ModifyInstanceAttribute", Fault::DropAfter).times(1));
//!
//! let refusal = account.release(&id, ReleaseReason::Manual).unwrap_err();
//! assert_eq!(refusal.code, "InvalidOperation.DeletionProtection");
//! account.release(&id, ReleaseReason::Overdue).expect("protection doesn't stop this");
//! # std::io::Result::Ok(())
//! # })?;
//! # std::io::Result::Ok(())
//! ```

mod account;
mod clock;
mod control;
mod control_answer;
mod control_scaling;
mod faults;
mod gateway;
mod keys;
mod log;
mod metadata;
mod operations;
mod ram;
mod regions;
mod serve;
mod simulator;
mod state;
mod tls;
mod wire;

pub use account::{Account, AccountSeed};
pub use faults::{Fault, Rule};
pub use keys::{AccessKey, KeyHolder};
pub use log::{Allowed, Count, LogEntry};
pub use metadata::Metadata;
pub use ram::{
    DEFAULT_USER, Issuer, Policy, PolicyError, ProviderSeed, RoleSeed, Session, TrustPolicy, UserSeed,
};
pub use simulator::{
    Addresses, Contents, DEFAULT_ACCESS_KEY_ID, DEFAULT_ACCESS_KEY_SECRET, DEFAULT_ACCOUNT, Simulator,
};
pub use state::{
    Change, ChargeType, ConsoleUser, CreationType, Eip, GroupChange, GroupSeed, GroupState, HealthCheck,
    HealthStatus, HttpTokens, Instance, InterfaceChange, InterfaceSeed, InterfaceStatus, InterfaceType,
    Leaving, LifecycleState, LockReason, MemberChange, MemberSeed, MetadataSettings, NetworkInterface,
    PrimaryRefusal, ReclaimMode, ReleaseReason, Released, RemovalPolicy, ScalingGroup, ScalingMember, Seed,
    Settings, SpotStrategy, Status, Template, TrafficMode,
};
pub use tls::TlsIdentity;
pub use wire::Refusal;
