//! The custom resources: what a user writes and what the operator reports, and nothing of how it is done.
//!
//! Two habits run through every type here. A spec field is never nullable, because the API server and a local
//! evaluation of the same rule disagree on an explicit null. And nothing that is stored may fail to decode: one
//! object that doesn't would stop the whole list, so a value from a newer version decodes to an `Unknown` variant
//! and is judged later, object by object.

mod ecs_instance_protection;
mod ecs_instance_protection_status;
mod eni_retention;
mod eni_retention_status;
mod object;
mod selector;
mod spec;
mod status;

pub use ecs_instance_protection::{
    AutoReleaseTime, DeletionPolicy, EcsInstanceProtection, EcsInstanceProtectionSpec, InstanceException,
    InstanceTargets, MAX_EXCEPTION_REASON, NodeRemoval, Protection, ScaleIn,
};
pub use ecs_instance_protection_status::{
    Act, ActStatus, EcsInstanceProtectionStatus, ExceptionPhase, ExceptionStatus, InstanceState,
    InstanceStatus, LiftPhase, LiftedStatus, MAX_EXCEPTIONS, MAX_LIFTED, MAX_LISTED_INSTANCES,
    MAX_LISTED_TARGETS, MAX_SCALING_GROUPS, ProtectionState, ScalingGroupStatus,
};
pub use eni_retention::{
    EniExclusion, EniRetention, EniRetentionSpec, EniTargets, InterfaceType, Reattach, Retention,
    RetentionDeletionPolicy, Survivors,
};
pub use eni_retention_status::{
    Eip, EniRetentionStatus, MAX_ADDRESS, MAX_ADDRESSES, MAX_LISTED_ATTACHED, MAX_LISTED_INTERFACES,
    MAX_LISTED_SURVIVORS, MAX_PREFIX, MAX_REATTACH, MAX_REATTACHMENTS, MAX_RETAINED, MAX_SECURITY_GROUPS,
    MAX_STATUS_BYTES, NetworkInterfacePhase, NetworkInterfaceStatus, NetworkInterfaceType, ReattachmentPhase,
    ReattachmentStatus, RetentionAct, RetentionActStatus, RetentionState,
};
pub(crate) use object::{Object, Resource, WatchedObject, decode_status, generation, object_id};
pub use selector::{
    InstanceExclusion, MAX_ENI_ID, MAX_EXCLUDED_IDS, MAX_ID, MAX_IDS, MAX_TAGS, NodeOperator,
    NodeRequirement, NodeSelector, TagSelector,
};
pub use spec::{DEFAULT_ACCOUNT, Mode};
pub use status::{
    ChangeStatus, ChangedBy, Counts, MAX_ACCOUNT_ID, MAX_CHANGED_BY, MAX_CHANGES, MAX_LISTED_GONE,
    MAX_MESSAGE, MAX_REASON, MAX_RISKS, Risk,
};
