//! How a call to the cloud can fail, reduced to what a decision needs.

use std::time::Duration;

use crate::id::RequestId;

/// What kind of failure it was. Decided from the cloud's error *code*, never from the HTTP status: two codes with
/// HTTP 404 do not mean that the resource is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Too many calls of this operation; the limit is shared with everyone in the account.
    Throttled,
    /// The cloud or the road to it had a bad moment.
    Transient,
    /// The resource is in a state in which the change can't be made now (starting, another operation under way).
    Busy,
    /// The resource is of a kind that can't carry the flag.
    NotApplicable,
    /// The cloud says that it knows no such resource here.
    Gone,
    /// The resource is locked, or the change is denied for a reason that lies in the resource.
    Locked,
    /// The identity may not do this.
    Permission,
    /// The key is wrong, disabled or expired, or the signature was not accepted.
    Credentials,
    /// Our clock and the cloud's are too far apart for signatures to be accepted.
    Clock,
    /// The request itself was refused: a fault of ours or of the configuration.
    Bug,
    /// A code that the table does not know.
    Unrecognized,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Throttled,
        Self::Transient,
        Self::Busy,
        Self::NotApplicable,
        Self::Gone,
        Self::Locked,
        Self::Permission,
        Self::Credentials,
        Self::Clock,
        Self::Bug,
        Self::Unrecognized,
    ];

    /// The class in one word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "Throttled",
            Self::Transient => "Transient",
            Self::Busy => "Busy",
            Self::NotApplicable => "NotApplicable",
            Self::Gone => "Gone",
            Self::Locked => "Locked",
            Self::Permission => "Permission",
            Self::Credentials => "Credentials",
            Self::Clock => "Clock",
            Self::Bug => "Bug",
            Self::Unrecognized => "Unrecognized",
        }
    }

    /// Whether waiting alone can help. The others need a person, and are tried again only at long intervals.
    pub fn heals_itself(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient | Self::Busy)
    }
}

/// Whether a failed write may have taken effect all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The answer proves that nothing was changed.
    None,
    /// The answer was lost or proves nothing: only a read can tell.
    Unknown,
}

/// A failed call. Carries no text of the cloud's error message: that may repeat what was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure.
    pub class: Class,
    /// The cloud's error code, or a CamelCase word of our own (`Timeout`, `ConnectionFailed`, `MalformedResponse`).
    pub code: Box<str>,
    /// The cloud's id of the request, when an answer came.
    pub request_id: Option<RequestId>,
    /// Whether the call may have had its effect. `None` for every read.
    pub effect: Effect,
    /// How long the cloud asks us to wait, when it says so.
    pub retry_after: Option<Duration>,
}
