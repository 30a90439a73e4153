//! How a call to the cloud can fail, reduced to what a decision needs.

use std::time::Duration;

use crate::id::RequestId;
use crate::reason::Reason;

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
    /// There is no key to sign with; nothing was asked.
    NoKey,
    /// The key belongs to another account than it should; nothing was asked of that account.
    WrongAccount,
    /// STS has not said whose the key is; nothing was asked of the account.
    NoIdentity,
    /// The same, and the region has no STS endpoint in the VPC, so that it was asked over the Internet.
    StsOutsideVpc,
    /// Our clock and the cloud's are too far apart for signatures to be accepted.
    Clock,
    /// The request itself was refused: a fault of ours or of the configuration.
    Bug,
    /// A code that the table does not know.
    Unrecognized,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 15] = [
        Self::Throttled,
        Self::Transient,
        Self::Busy,
        Self::NotApplicable,
        Self::Gone,
        Self::Locked,
        Self::Permission,
        Self::Credentials,
        Self::NoKey,
        Self::WrongAccount,
        Self::NoIdentity,
        Self::StsOutsideVpc,
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
            Self::NoKey => "NoKey",
            Self::WrongAccount => "WrongAccount",
            Self::NoIdentity => "NoIdentity",
            Self::StsOutsideVpc => "StsOutsideVpc",
            Self::Clock => "Clock",
            Self::Bug => "Bug",
            Self::Unrecognized => "Unrecognized",
        }
    }

    /// Whether waiting alone can help. The others need a person, and are tried again only at long intervals.
    pub fn heals_itself(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient | Self::Busy)
    }

    /// Whether nothing was sent to the account: trying again costs nobody anything.
    pub fn unsent(self) -> bool {
        matches!(self, Self::NoKey | Self::WrongAccount | Self::NoIdentity | Self::StsOutsideVpc)
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
    /// The operation that failed, as the vendor names it, where it is known. Not always the one that was wanted: before a
    /// key is used, STS is asked whose it is.
    pub operation: Option<&'static str>,
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

/// What stands in [`Failure::words`] before the id of the request.
const REQUEST: &str = ", request ";

impl Failure {
    /// What helps to find it: operation, code, and the id of the request.
    pub fn words(&self) -> Box<str> {
        let operation = self.operation.map(|name| format!("{name}: ")).unwrap_or_default();
        let request = self.request_id.as_ref().map(|id| format!("{REQUEST}{id}")).unwrap_or_default();
        format!("{operation}{}{request}", self.code).into()
    }

    /// The reason to report, where the class does not mean something else for the kind of resource.
    pub fn reason(&self) -> Reason {
        match &*self.code {
            "AclLimitExceed"
            | "InvalidOperation.EniCountExceeded"
            | "InvalidOperation.MultiGroupType"
            | "InvalidOperation.ResourceManagedByCloudProduct"
            | "InvalidSecurityGroupId.NotVpc"
            | "JoinedGroupLimitExceed" => Reason::SecurityGroupRefuses,
            "NoEndpoint" => Reason::NoEndpoint,
            _ => self.class.into(),
        }
    }
}

/// The words without the id of the request, which is another one each time.
pub fn without_request(words: &str) -> &str {
    words.split_once(REQUEST).map_or(words, |(before, _)| before)
}

impl From<Class> for Reason {
    fn from(class: Class) -> Self {
        match class {
            Class::Throttled => Self::Throttled,
            Class::Transient => Self::CloudUnavailable,
            Class::Busy => Self::Busy,
            Class::NotApplicable => Self::NotApplicable,
            Class::Gone => Self::Missing,
            Class::Locked => Self::Locked,
            Class::Permission => Self::PermissionDenied,
            Class::Credentials => Self::CredentialsRejected,
            Class::NoKey => Self::CredentialsMissing,
            Class::WrongAccount => Self::WrongAccount,
            Class::NoIdentity => Self::StsUnavailable,
            Class::StsOutsideVpc => Self::StsOutsideVpc,
            Class::Clock => Self::ClockSkew,
            Class::Bug => Self::RequestRefused,
            Class::Unrecognized => Self::UnrecognizedError,
        }
    }
}
