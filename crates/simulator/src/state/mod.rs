//! Everything that the simulated cloud knows.

mod account_state;
mod fleet;
mod instance;
mod interface;
mod interface_seed;
mod making;
mod metadata_state;
pub(crate) mod scaling;
mod scaling_group;
mod scaling_member;
mod scaling_seed;
mod seed;
mod settings;
mod trail;
mod words;
mod world;

pub use account_state::Released;
pub(crate) use account_state::VSwitch;
pub(crate) use fleet::{Effect, Fleet, Item, Mark, Visit};
pub(crate) use instance::NEVER_EXPIRES;
pub use instance::{ChargeType, Instance, LockReason, SpotStrategy, Status};
pub(crate) use interface::{DEFAULT_QUEUES, Ending};
pub use interface::{Eip, InterfaceStatus, InterfaceType, NetworkInterface, TrafficMode};
pub use interface_seed::{InterfaceChange, InterfaceSeed};
pub use metadata_state::{HttpTokens, MetadataSettings};
pub(crate) use metadata_state::{MetadataState, Shown};
pub(crate) use scaling::Joining;
pub use scaling_group::{GroupState, HealthCheck, ReclaimMode, RemovalPolicy, ScalingGroup, Template};
pub use scaling_member::{CreationType, HealthStatus, Leaving, LifecycleState, ScalingMember};
pub use scaling_seed::{GroupChange, GroupSeed, MemberChange, MemberSeed};
pub use seed::{Change, ReleaseReason, Seed};
pub use settings::{PrimaryRefusal, Settings};
pub use trail::ConsoleUser;
pub(crate) use trail::{Identity, KEPT as TRAIL_KEPT, Trail, TrailEvent};
pub(crate) use world::World;
