//! Stepping aside for Karpenter: single targets that are about to be released on purpose, with their Node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::id::InstanceId;
use crate::reason::Reason;
use crate::wall_clock::WallTime;

/// What still exists this long after protection was lifted is protected again.
pub const LIFTED_FOR: Duration = Duration::from_mins(15);

/// How far Karpenter has come with the removal of a machine. Order of events: `pkg/controllers/node/termination` and
/// `pkg/controllers/nodeclaim/lifecycle` of sigs.k8s.io/karpenter v1.14.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Removal {
    /// The Node is drained, its volumes are detached or were given up, and the release is the next step: Karpenter waits for
    /// nothing else.
    Due,
    /// The cloud has taken the release, or both Node and NodeClaim are gone.
    Going,
    /// Node and NodeClaim are being deleted, and Karpenter waits for something before the release, also if it did not a moment ago:
    /// a volume that is attached again is one. Until then the machine is protected, and it is the same removal.
    Pending,
    /// A Node or NodeClaim that is not being deleted stands for the machine.
    Withdrawn,
    /// Nobody knows yet: the NodeClaims have not been listed. Until then the machine is protected, and it is not forgotten that the
    /// object has stepped aside for it.
    Unknown,
}

/// What is known of the removal of one target, on whose Node the object steps aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lift {
    /// The Node.
    pub node: Arc<str>,
    /// How far it has come.
    pub removal: Removal,
    /// Whether the object selects the target through a Node that is there. If not, and nothing else in its spec selects it, it is a
    /// target by what status says alone.
    pub selected: bool,
}

/// How far stepping aside has come. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LiftPhase {
    /// The flag has yet to be switched off.
    Waiting,
    /// The flag was switched off, and is not touched until the time for that is over.
    InForce,
    /// That is over, the target is protected again, and Karpenter still is about to release it. It is not lifted once more for the
    /// same removal: whatever keeps the release from succeeding, the machine would be unprotected most of the time.
    Expired,
}

/// What status says durably of a target for which the object has stepped aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiftRecord {
    /// The Node.
    pub node: Arc<str>,
    /// Since when.
    pub since: WallTime,
    /// How far it has come.
    pub phase: LiftPhase,
}

/// What status says durably of the lifts of one object.
pub type LiftRecords = BTreeMap<InstanceId, LiftRecord>;

/// What is said of one target for which the object steps aside.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LiftReport {
    /// The target.
    pub instance: InstanceId,
    /// Its Node.
    pub node: Arc<str>,
    /// Since when the object steps aside; of a new one, since now. Status keeps what it says already.
    pub since: WallTime,
    /// How far it has come.
    pub phase: LiftPhase,
    /// What keeps the flag from being switched off, or a person has to see to; `None`: nothing.
    pub reason: Option<Reason>,
    /// What the cloud said to that, when it helps.
    pub words: Option<Box<str>>,
}

/// A machine that still exists although it was to go, and is protected again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Orphan {
    /// The machine.
    pub instance: InstanceId,
    /// The Node that it was.
    pub node: Arc<str>,
}
