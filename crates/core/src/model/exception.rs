//! Exceptions: single targets that an object leaves unprotected until a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::id::InstanceId;
use crate::reason::Reason;
use crate::wall_clock::WallTime;

/// An exception ends this long after it was seen first, at the latest.
pub const LONGEST: Duration = Duration::from_hours(720);

/// What an entry of a spec says of its target. An entry is another one if its `until` is: it is carried out once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Whole seconds: status says when it ends with no more.
    pub until: WallTime,
    /// What the user gave as the reason.
    pub reason: Arc<str>,
}

/// What status says durably of an entry. It can end an exception, and never lengthen one (I14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExceptionRecord {
    /// The `until` of the entry.
    pub until: WallTime,
    /// When the exception ends.
    pub ends: WallTime,
    /// How far it has come.
    pub phase: ExceptionPhase,
    /// Whether the flag was switched off for the entry. That is done once, whatever becomes of the exception after it.
    pub carried_out: bool,
}

/// What status says durably of the entries of one object.
pub type ExceptionRecords = BTreeMap<InstanceId, ExceptionRecord>;

/// How far an exception has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExceptionPhase {
    /// The flag has yet to be switched off.
    Waiting,
    /// The flag was switched off for this entry, now or before it was void, and is not touched until the exception ends.
    InForce,
    /// Its time is over: the target is kept like all others.
    Expired,
    /// The object may not unprotect, or only observes: the target is kept like all others.
    Void,
    /// The spec does not select the target, or excludes it.
    NotSelected,
}

impl ExceptionPhase {
    /// All phases.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::InForce, Self::Expired, Self::Void, Self::NotSelected];

    /// The word in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::InForce => "InForce",
            Self::Expired => "Expired",
            Self::Void => "Void",
            Self::NotSelected => "NotSelected",
        }
    }
}

/// What is said of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExceptionReport {
    /// The target.
    pub instance: InstanceId,
    /// The `until` of the entry.
    pub until: WallTime,
    /// When the exception ends.
    pub ends: WallTime,
    /// How far it has come.
    pub phase: ExceptionPhase,
    /// Whether the flag was switched off for the entry.
    pub carried_out: bool,
    /// What it waits for, or why it is void.
    pub reason: Option<Reason>,
    /// What the cloud said to that, when it helps.
    pub words: Option<Box<str>>,
}

impl ExceptionReport {
    /// Adds what another region says of the entry: a target is selected in one region at most.
    pub fn join(&mut self, other: &Self) {
        let ends = self.ends.min(other.ends);
        let carried_out = self.carried_out || other.carried_out;
        // Where it is selected most is said of it; a region that does not select it may not have the right either.
        let rank = |phase| match phase {
            ExceptionPhase::NotSelected => 0,
            ExceptionPhase::Void => 1,
            ExceptionPhase::Waiting => 2,
            ExceptionPhase::Expired => 3,
            ExceptionPhase::InForce => 4,
        };
        if rank(self.phase) < rank(other.phase) {
            self.clone_from(other);
        }
        (self.ends, self.carried_out) = (ends, carried_out);
    }
}
