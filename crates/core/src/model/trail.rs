//! What is asked of ActionTrail, the cloud's record of calls, and what it shows: plain values. An event decides nothing about a flag;
//! it only tells who has switched one.

use jiff::Timestamp;

use crate::auto_release_time::AutoReleaseTime;
use crate::delete_on_release::DeleteOnRelease;
use crate::deletion_protection::DeletionProtection;
use crate::flag::Flag;
use crate::id::{PageToken, RequestId};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::resource::Resource;

/// A flag whose calls can be looked for: the events name its target. How those of `SetInstancesProtection` name the members of
/// scaling groups is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrailedFlag {
    /// Release protection of an instance.
    DeletionProtection,
    /// The automatic release time of an instance.
    AutoReleaseTime,
    /// Whether a network interface is deleted with its instance.
    DeleteOnRelease,
}

impl TrailedFlag {
    /// Every such flag.
    pub const ALL: [Self; 3] = [Self::DeletionProtection, Self::AutoReleaseTime, Self::DeleteOnRelease];

    /// The flag with this [`Flag::NAME`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }

    /// Its [`Flag::NAME`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeletionProtection => DeletionProtection::NAME,
            Self::AutoReleaseTime => AutoReleaseTime::NAME,
            Self::DeleteOnRelease => DeleteOnRelease::NAME,
        }
    }

    /// [`Resource::NAME`] of its targets.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::DeletionProtection | Self::AutoReleaseTime => Instance::NAME,
            Self::DeleteOnRelease => Interface::NAME,
        }
    }
}

/// Which events are looked for: calls of the operation that sets a flag, in a span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailQuery {
    /// The flag.
    pub flag: TrailedFlag,
    /// Only the events about this target; `None`: about any.
    pub target: Option<Box<str>>,
    /// When the span begins, in whole seconds.
    pub from: Timestamp,
    /// When it ends, in whole seconds.
    pub until: Timestamp,
    /// Where the answer goes on; `None`: the newest events.
    pub page: Option<PageToken>,
}

/// What a call asked a flag to be, as far as its event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedValue {
    /// The protected value.
    Protected,
    /// The unprotected value.
    Unprotected,
    /// The call was about something else.
    Other,
    /// The event does not show it readably.
    Unreadable,
}

/// What kind of identity has made a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ActorKind {
    /// The account itself.
    RootAccount,
    /// A RAM user.
    RamUser,
    /// A session of a RAM role.
    AssumedRole,
    /// A service of the cloud.
    Service,
    /// None of them, or the event does not say.
    Unknown,
}

impl ActorKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::RootAccount, Self::RamUser, Self::AssumedRole, Self::Service, Self::Unknown];

    /// The kind with this [`ActorKind::as_str`].
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The word in logs and in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RootAccount => "RootAccount",
            Self::RamUser => "RamUser",
            Self::AssumedRole => "AssumedRole",
            Self::Service => "Service",
            Self::Unknown => "Unknown",
        }
    }
}

/// Who has made a call. The names are strangers' text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// What kind of identity.
    pub kind: ActorKind,
    /// Name of the user or of the service, `root`, or of a session `role:session`.
    pub name: Option<Box<str>>,
    /// The account that the identity belongs to.
    pub account_id: Option<Box<str>>,
}

/// A call that was recorded. All texts are of bounded length, and otherwise as the event has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailEvent {
    /// When the call was received, by the cloud's clock, in whole seconds.
    pub at: Timestamp,
    /// The id of the request that its caller was given.
    pub request_id: Option<RequestId>,
    /// The ids of the resources that it was about, as far as the event names them.
    pub targets: Vec<Box<str>>,
    /// What the flag was asked to be.
    pub asked: AskedValue,
    /// Whether the call was refused.
    pub failed: bool,
    /// Who.
    pub actor: Actor,
    /// An address, or the name of a service of the cloud.
    pub source: Option<Box<str>>,
    /// With which program.
    pub user_agent: Option<Box<str>>,
}

/// One page of events, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailPage {
    /// Those that could be read, and are of the operation that was asked for.
    pub events: Vec<TrailEvent>,
    /// Entries without a readable time or operation.
    pub unreadable: usize,
    /// Where the answer goes on.
    pub next: Option<PageToken>,
    /// The cloud's id of the request.
    pub request_id: RequestId,
}
