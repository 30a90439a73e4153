//! What is lost: a target that is proven to be gone, or that has left a selection without its object having changed (I50).

use std::time::Duration;

use crate::evidence::Evidence;
use crate::id::RequestId;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Moment;

/// Targets that lose their tag during one sweep are told together; so long at most is waited for its end.
pub const GATHERS: Duration = Duration::from_secs(30);

/// How a target was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Two look-ups by id, apart, have lacked it.
    Gone,
    /// It has lost the tag that selected it.
    TagLost,
    /// It has got a tag that the spec excludes.
    TagExcluded,
    /// The instance that it is on is gone, or is not selected any more.
    HostLeft,
    /// The instance that it is on has got a tag that the spec excludes.
    HostExcluded,
}

impl Cause {
    /// Whether the spec asks for it.
    pub fn is_asked_for(self) -> bool {
        matches!(self, Self::TagExcluded | Self::HostExcluded)
    }
}

/// A look at a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sight {
    /// When the read was sent.
    pub at: Moment,
    /// The cloud's id of the read.
    pub request_id: RequestId,
}

impl Sight {
    /// The look that this evidence is of.
    pub fn of<R: Resource>(evidence: &Evidence<R>) -> Self {
        Self { at: evidence.seen, request_id: evidence.request_id.clone() }
    }
}

/// A target that an object has lost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Loss {
    /// The target.
    pub id: Box<str>,
    /// How.
    pub cause: Cause,
    /// When that was concluded.
    pub noted: Moment,
    /// Whether the object wanted it protected, and it could have been: somebody should look.
    pub grave: bool,
    /// Why it could not carry the flag, if it could not.
    pub not_applicable: Option<Reason>,
    /// The last look at it, and what its flag was; `None`: this leader has never seen it.
    pub last: Option<(Sight, Option<bool>)>,
    /// The last look that showed the protected value; `None`: this leader has seen none.
    pub last_protected: Option<Sight>,
}
