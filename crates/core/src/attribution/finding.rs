//! What has come of a question.

use jiff::Timestamp;

use crate::id::Region;
use crate::on_behalf::OnBehalf;
use crate::trail::{TrailEvent, TrailedFlag};

/// What is known of who has switched a flag off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub region: Region,
    /// The flag.
    pub flag: TrailedFlag,
    /// The target.
    pub target: Box<str>,
    /// For which object it was switched on again.
    pub on_behalf: OnBehalf,
    /// When the flag was seen to be on for the last time.
    pub last_seen: Timestamp,
    /// When it was seen to be off.
    pub seen: Timestamp,
    /// Who.
    pub outcome: Outcome,
}

/// Who has switched a flag off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The call that did it.
    ChangedBy(TrailEvent),
    /// Calls that may have done it.
    Candidates {
        /// The newest, the newest first. It may be one call.
        calls: Vec<TrailEvent>,
        /// How many more there are.
        left_out: usize,
    },
    /// Nobody knows.
    Unknown(Unanswered),
}

impl Outcome {
    const CHANGED_BY: &'static str = "ChangedBy";
    const CANDIDATES: &'static str = "Candidates";

    /// The words for all of them.
    pub fn words() -> impl Iterator<Item = &'static str> {
        let unknown = Unanswered::ALL.into_iter().map(Unanswered::as_str);
        [Self::CHANGED_BY, Self::CANDIDATES].into_iter().chain(unknown)
    }

    /// The word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ChangedBy(_) => Self::CHANGED_BY,
            Self::Candidates { .. } => Self::CANDIDATES,
            Self::Unknown(why) => why.as_str(),
        }
    }

    /// The calls that it names.
    pub const fn calls(&self) -> &[TrailEvent] {
        match self {
            Self::ChangedBy(call) => std::slice::from_ref(call),
            Self::Candidates { calls, .. } => calls.as_slice(),
            Self::Unknown(_) => &[],
        }
    }

    /// How many more calls may have done it.
    pub const fn left_out(&self) -> usize {
        match self {
            Self::Candidates { left_out, .. } => *left_out,
            Self::ChangedBy(_) | Self::Unknown(_) => 0,
        }
    }
}

/// Why it is not known who has switched a flag off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unanswered {
    /// No event fits, ten minutes and twenty minutes later.
    NoEvent,
    /// No event of those that were read fits, and not all of them could be read.
    Incomplete,
    /// The identity may not ask.
    NotPermitted,
    /// The question failed, over and over.
    Failed,
    /// Nobody knows where to ask in the region.
    NoEndpoint,
    /// Too many questions wait already.
    TooMany,
}

impl Unanswered {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::NoEvent, Self::Incomplete, Self::NotPermitted, Self::Failed, Self::NoEndpoint, Self::TooMany];

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoEvent => "NoEvent",
            Self::Incomplete => "Incomplete",
            Self::NotPermitted => "NotPermitted",
            Self::Failed => "Failed",
            Self::NoEndpoint => "NoEndpoint",
            Self::TooMany => "TooMany",
        }
    }
}
