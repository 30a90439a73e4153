//! The right to weaken: the only place in which a [`WeakenPermit`] is made.

use std::time::Duration;

use crate::call::CallId;
use crate::evidence::Fresh;
use crate::kind::{Applicability, Kind};
use crate::reason::Reason;
use crate::time::Moment;
use crate::wish::{Generation, Wish};

/// How long the proofs for a weakening write hold.
pub const PROOF_LIFE: Duration = Duration::from_secs(10);

/// Leave to set the weak value on one target, once. It can't be copied, and is made by [`grant`] alone.
#[derive(Debug, PartialEq, Eq)]
pub struct WeakenPermit<K: Kind> {
    target: K::Id,
}

impl<K: Kind> WeakenPermit<K> {
    /// The target on which the weak value may be set.
    pub fn target(&self) -> &K::Id {
        &self.target
    }
}

/// What the API server said when it was asked without a cache, just before weakening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recheck {
    /// The object's generation and whether it is being deleted; `None` when there is no object with this uid, or when
    /// the API server could not be asked.
    pub object: Option<(Generation, bool)>,
    /// Whether every object of every kind that may hold a claim stands there at the generation which the engines have
    /// been given, and no other. The answer must reach the engine after all wishes that it was compared with.
    pub claims_as_known: bool,
}

/// Proof that the object still asks for the weakening, and that no claim is unknown to us.
#[derive(Debug, Clone, Copy)]
pub struct ObjectProof {
    generation: Generation,
    at: Moment,
}

impl ObjectProof {
    /// The proof, if the answer is one for this wish at this generation. `asked` is when the question was sent.
    pub fn new<K: Kind>(
        answer: Recheck,
        generation: Generation,
        wish: &Wish<K>,
        asked: Moment,
    ) -> Option<Self> {
        let same = answer.object == Some((generation, wish.deleting.is_some()));
        (same && answer.claims_as_known).then_some(Self { generation, at: asked })
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Moment) -> bool {
        now.since(self.at) < PROOF_LIFE
    }

    /// When it ceases to hold.
    pub fn ends(&self) -> Moment {
        self.at.after(PROOF_LIFE)
    }
}

/// Everything that is known for and against one weakening write.
pub struct Case<'a, K: Kind> {
    /// The object's newest generation and wish.
    pub wish: (Generation, &'a Wish<K>),
    /// What the API server said.
    pub object: ObjectProof,
    /// What the cloud said of the target, and in which call.
    pub target: (Fresh<'a, K>, CallId),
    /// The first call after the API server's answer: evidence must not be older.
    pub read_since: CallId,
    /// Whether the object still selects the target, judged on that evidence.
    pub selected: bool,
    /// What may stand against it.
    pub obstacles: Obstacles,
}

/// What may stand against a weakening write.
#[derive(Debug, Clone, Copy)]
pub struct Obstacles {
    /// Whether any other object claims the target.
    pub claimed: bool,
    /// Whether an object of the account can't be decoded: it may be a claim.
    pub opaque: bool,
    /// Whether the brake is on.
    pub braked: bool,
}

/// Gives leave to weaken one target, or says what stands against it.
pub fn grant<K: Kind>(id: &K::Id, case: &Case<'_, K>, now: Moment) -> Result<WeakenPermit<K>, Reason> {
    let (generation, wish) = case.wish;
    let asked = wish.weakening().is_some() && !wish.carried_out && case.object.generation == generation;
    let (fresh, call) = case.target;
    if case.obstacles.claimed {
        Err(Reason::Conflict)
    } else if case.obstacles.opaque {
        Err(Reason::OpaqueRival)
    } else if case.obstacles.braked {
        Err(Reason::Brake)
    } else if !asked || !case.selected || !case.object.holds(now) || call < case.read_since {
        Err(Reason::InProgress)
    } else if K::applicability(fresh.facts()) != Applicability::Yes || fresh.prove().is_none() {
        Err(Reason::Satisfied)
    } else {
        Ok(WeakenPermit { target: id.clone() })
    }
}
