//! What goes into the engine and what comes out of it.

use std::sync::Arc;
use std::time::Duration;

use crate::authority::{AttachPermit, PreflightAnswer};
use crate::budget::Limit;
use crate::call::{FlagWrite, ReadCall, Reply};
use crate::delete_on_release::DeleteOnRelease;
use crate::deletion_protection::DeletionProtection;
use crate::exception::ExceptionRecords;
use crate::failure::{Class, Effect, Failure};
use crate::flag::Flag;
use crate::id::{CallId, Generation, InstanceId, ObjectId, ScalingGroupId};
use crate::instance::Instance;
use crate::intent::Intent;
use crate::interface::Interface;
use crate::lift::LiftRecords;
use crate::on_behalf::OnBehalf;
use crate::protected_from_scale_in::ProtectedFromScaleIn;
use crate::reason::Reason;
use crate::retention::Record;
use crate::scaling_member::ScalingMember;
use crate::time::Moment;
use crate::verdict::RegionReport;
use crate::wall_clock::WallTime;

/// After this long without an answer a call counts as lost.
pub const CALL_DEADLINE: Duration = Duration::from_mins(1);

/// What the administrator set for one account and region.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How often the cloud is looked at as a whole, at least.
    pub sweep_interval: Duration,
    /// Limit on reads.
    pub reads: Limit,
    /// Limit on writes.
    pub writes: Limit,
    /// Most reads under way at once.
    pub reads_in_flight: usize,
    /// Most writes under way at once.
    pub writes_in_flight: usize,
    /// Seed of the jitter.
    pub seed: u64,
}

/// The span in which calls may be sent: a lease, or for ever where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it ends; `None`: never.
    pub until: Option<Moment>,
    /// When it ends for unprotecting: whoever leads next must not find such a call still on its way, so seconds of the
    /// lease have to be left.
    pub unprotect_until: Option<Moment>,
}

impl Window {
    /// The window of one who leads for ever.
    pub const UNBOUNDED: Self = Self { until: None, unprotect_until: None };

    /// Whether calls may be sent.
    pub fn open(self, now: Moment) -> bool {
        self.until.is_none_or(|end| now < end)
    }

    pub(super) fn open_for_unprotecting(self, now: Moment) -> bool {
        self.open(now) && self.unprotect_until.is_none_or(|end| now < end)
    }
}

/// Since when there is evidence of everything that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proven {
    /// There is nothing to be swept.
    NothingWanted,
    /// No sweep of this lead is complete.
    NotYet,
    /// The start of the newest complete one.
    Since(Moment),
}

impl Proven {
    /// What holds of two sorts of targets together: the older evidence counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::NothingWanted, what) | (what, Self::NothingWanted) => what,
            (Self::NotYet, _) | (_, Self::NotYet) => Self::NotYet,
            (Self::Since(one), Self::Since(two)) => Self::Since(one.min(two)),
        }
    }
}

/// How much there is to do, and how much may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Reads that the budget has left for now.
    pub reads: u32,
    /// Writes that the budget has left for now.
    pub writes: u32,
    /// Targets whose flag waits to be written.
    pub waiting_writes: usize,
}

/// Number of a question to the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreflightId(pub u64);

/// What the status of an object that protects instances says durably.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProtectionRecord {
    /// Of its exceptions.
    pub exceptions: ExceptionRecords,
    /// Of the targets for which it steps aside because Karpenter removes them.
    pub lifted: LiftRecords,
}

/// What an object asks.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Release protection of instances, and what the object's status says already.
    Protection(Box<Intent<Instance>>, Box<ProtectionRecord>),
    /// Retention of network interfaces, and what the object's status says already.
    Retention(Box<Intent<Interface>>, Box<Record>),
    /// It stands there but can't be read: it may be a hold on anything.
    Opaque,
    /// Nothing: it does not exist any more.
    Gone,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// An object's newest generation.
    Intent(ObjectId, Generation, Asked),
    /// An answer about instances, or the lack of one.
    Instances(CallId, Result<Reply<Instance>, Failure>),
    /// An answer about interfaces, or the lack of one.
    Interfaces(CallId, Result<Reply<Interface>, Failure>),
    /// An answer about members of scaling groups, or the lack of one.
    Members(CallId, Result<Reply<ScalingMember>, Failure>),
    /// An answer to [`Action::Preflight`].
    Preflight(PreflightId, PreflightAnswer),
    /// The span in which calls may be sent; `None`: not now.
    Lead(Option<Window>),
    /// So long after the lead was taken what whoever led before said is left standing without evidence of our own.
    Patience(Duration),
    /// There is another key to sign with.
    KeyChanged,
    /// What the wall clock says. To be told before each poll: nothing that goes by it is done without a recent reading.
    WallClock(WallTime),
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Read a page of instances.
    ReadInstances(CallId, ReadCall<Instance>),
    /// Read a page of interfaces.
    ReadInterfaces(CallId, ReadCall<Interface>),
    /// Write an instance's flag.
    WriteInstance(CallId, FlagWrite<DeletionProtection>),
    /// Take an instance's automatic release time away, which was this when it was seen.
    CancelReleaseTime(CallId, InstanceId, Arc<str>, OnBehalf),
    /// Write an interface's flag.
    WriteInterface(CallId, FlagWrite<DeleteOnRelease>),
    /// Read a page of members of scaling groups.
    ReadMembers(CallId, ReadCall<ScalingMember>),
    /// Write the flag on members of this one scaling group, all to the same value.
    WriteMembers(CallId, ScalingGroupId, Vec<FlagWrite<ProtectedFromScaleIn>>),
    /// Have an interface attached. The answer is one about interfaces.
    Attach(CallId, AttachPermit),
    /// Ask the API server, uncached, for the object and for all holds.
    Preflight(PreflightId, ObjectId),
    /// Report this of the object at this generation. It is said once: whoever carries it keeps the newest until it is
    /// written.
    Report(ObjectId, Generation, Box<RegionReport>),
}

/// A call that was given up: it may have had its effect.
pub(crate) fn lost_reply() -> Failure {
    Failure {
        operation: None,
        class: Class::Transient,
        code: "ReplyLost".into(),
        request_id: None,
        effect: Effect::Unknown,
        retry_after: None,
    }
}

/// A read that was answered like a write: a fault of the caller, treated like a lost answer.
pub(super) fn odd_reply() -> Failure {
    Failure { code: "UnexpectedReply".into(), ..lost_reply() }
}

/// The reason to report for a failure, with the words that help to find it.
pub(super) fn describe<F: Flag>(failure: &Failure) -> (Reason, Box<str>) {
    let reason = match failure.class {
        Class::NotApplicable => F::REFUSAL.settling,
        _ => failure.reason(),
    };
    (reason, failure.words())
}
