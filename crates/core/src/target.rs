//! What is remembered of one target.

use std::time::Duration;

use crate::backoff::LONG;
use crate::call::CallId;
use crate::evidence::Evidence;
use crate::kind::{Applicability, Kind};
use crate::reason::Reason;
use crate::time::Moment;
use crate::verdict::Verdict;

/// How long the cloud may take to show the effect of an accepted write before we take it as ignored. No page of the
/// vendor states a delay.
pub const SETTLE: Duration = Duration::from_secs(30);
/// How far apart two look-ups that find nothing must be to prove anything.
pub const MISSES_APART: Duration = Duration::from_secs(5);
/// How long evidence of pay-as-you-go and the cloud's refusal may contradict each other.
pub const CHARGE_TYPE_SETTLES: Duration = Duration::from_secs(900);
/// The span in which repairs are counted, and how many of them are a write war.
pub const CONTEST: (Duration, usize) = (Duration::from_secs(3600), 3);

/// One target. What most targets never need stands behind a pointer: there are a hundred thousand of them.
#[derive(Debug)]
pub struct Target<K: Kind> {
    /// The newest evidence.
    pub evidence: Option<Evidence<K>>,
    /// Set while the cloud's answers lack it.
    pub absence: Option<Box<Absence>>,
    /// Set while something is done, or was recently done, about it.
    pub care: Option<Box<Care>>,
}

impl<K: Kind> Default for Target<K> {
    fn default() -> Self {
        Self { evidence: None, absence: None, care: None }
    }
}

/// A target that the cloud's answers lack.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absence {
    /// Look-ups by id that lacked it although they showed something else.
    pub misses: u8,
    /// Look-ups in all.
    pub lookups: u8,
    /// The last of them.
    pub last_lookup: Option<Moment>,
    /// A look-up came back without anything at all, and nothing else is known to be visible.
    pub blind: bool,
    /// The cloud refuses to be asked for this id.
    pub refused: bool,
}

impl Absence {
    /// Whether the absence is proven: two look-ups by id, apart, both of which showed something else (I4).
    pub fn proven(&self) -> bool {
        self.misses >= 2
    }

    /// When to look it up again: two look-ups prove something when they are apart; after that ever more seldom, and an
    /// id that the cloud refuses to be asked for as seldom as anything else that needs a person.
    pub fn next_lookup(&self, now: Moment) -> Moment {
        let wait = if self.refused {
            LONG
        } else {
            MISSES_APART * (1 << self.lookups.clamp(1, 6).saturating_sub(1))
        };
        self.last_lookup.map_or(now, |at| at.after(wait))
    }

    /// Counts a look-up that lacked the target but showed something else. `telling`: conclusions may be drawn.
    pub fn missed(&mut self, now: Moment, telling: bool) {
        self.blind = false;
        let apart = self.last_lookup.is_none_or(|at| now.since(at) >= MISSES_APART);
        if telling && apart {
            self.misses = self.misses.saturating_add(1);
        }
        if apart {
            self.looked(now);
        }
    }

    /// Counts a look-up that proves nothing.
    pub fn looked(&mut self, now: Moment) {
        self.lookups = self.lookups.saturating_add(1);
        self.last_lookup = Some(now);
    }
}

/// What is being done about a target.
#[derive(Debug, Default)]
pub struct Care {
    /// The write under way.
    pub writing: Option<CallId>,
    /// The first call number after our last write ended: only a read from there on tells of its effect.
    pub written_before: Option<CallId>,
    /// When the cloud accepted a write whose effect we have not seen yet, and which value it set.
    pub accepted: Option<(Moment, Value)>,
    /// Writes that were accepted and ignored.
    pub ignored: u32,
    /// Failures in a row.
    pub failures: u32,
    /// No write before this.
    pub not_before: Moment,
    /// Why it is not safe yet, when we know.
    pub trouble: Option<Trouble>,
    /// When we put the flag right after somebody else had switched it off, within the last hour.
    pub repairs: Vec<Moment>,
    /// It was safe when last seen before it was weak: this is drift and not a first setting.
    pub drifted: bool,
    /// It stands in a lane for writes.
    pub queued: bool,
    /// Its next verifying reads come ever later.
    pub looks: u32,
}

/// A value of the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// The safe one.
    Safe,
    /// The weak one.
    Weak,
}

/// Why a write does not succeed.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Which value was to be set.
    pub value: Value,
    /// The reason to report.
    pub reason: Reason,
    /// Since when it has failed for this reason.
    pub since: Moment,
    /// The cloud's code and request id, for the message.
    pub detail: Box<str>,
}

impl Care {
    /// Why this value can't be set, when we know.
    pub fn trouble_with(&self, value: Value) -> Option<&Trouble> {
        self.trouble.as_ref().filter(|t| t.value == value)
    }

    /// Repairs within the last hour make a write war.
    pub fn contested(&self, now: Moment) -> bool {
        self.repairs.iter().filter(|at| now.since(**at) < CONTEST.0).count() >= CONTEST.1
    }

    /// Whether nothing here is worth keeping.
    pub fn idle(&self, now: Moment) -> bool {
        self.writing.is_none()
            && self.accepted.is_none()
            && self.trouble.is_none()
            && self.failures == 0
            && self.ignored == 0
            && !self.queued
            && !self.drifted
            && self.repairs.iter().all(|at| now.since(*at) >= CONTEST.0)
    }
}

impl<K: Kind> Target<K> {
    /// The care record, made on demand.
    pub fn care_mut(&mut self) -> &mut Care {
        self.care.get_or_insert_default()
    }

    /// The verdict on evidence alone, whoever asks. `epoch` is the tag epoch that the asker's selector needs.
    pub fn verdict(&self, now: Moment, horizon: Moment, epoch: u32) -> Verdict {
        let care = self.care.as_deref();
        if let Some(absence) = self.absence.as_deref() {
            return Verdict::Unknown(match absence {
                a if a.refused => Reason::RequestRefused,
                a if a.proven() => Reason::NotFound,
                a if a.blind => Reason::NothingVisible,
                _ => Reason::Missing,
            });
        }
        let Some(evidence) = self.evidence.as_ref().filter(|e| e.tag_epoch >= epoch) else {
            return Verdict::Unknown(Reason::AwaitingEvidence);
        };
        if evidence.seen < horizon {
            return Verdict::Unknown(Reason::EvidenceStale);
        }
        match K::applicability(&evidence.facts) {
            Applicability::No(reason) => return Verdict::NotApplicable(reason),
            Applicability::Unreadable => return Verdict::Unknown(Reason::FieldUnreadable),
            Applicability::Yes => {}
        }
        let Some(fresh) = evidence.fresh(horizon, care.and_then(|c| c.written_before)) else {
            return Verdict::Unknown(Reason::Verifying);
        };
        if let Some(proof) = fresh.prove() {
            // Our own weakening write was accepted, and this read may be of a moment before its effect.
            if care.is_some_and(|c| matches!(c.accepted, Some((_, Value::Weak)))) {
                return Verdict::Unknown(Reason::Verifying);
            }
            return Verdict::Safe(proof);
        }
        if K::safe(&evidence.facts).is_none() {
            return Verdict::Unknown(Reason::FieldUnreadable);
        }
        if let Some(trouble) = care.and_then(|c| c.trouble_with(Value::Safe)) {
            return match trouble.reason {
                Reason::ChargeTypeSettling if now.since(trouble.since) >= CHARGE_TYPE_SETTLES => {
                    Verdict::NotApplicable(Reason::ChargeTypeRefused)
                }
                reason => Verdict::Weak(reason),
            };
        }
        match care.and_then(|c| c.accepted) {
            Some((_, Value::Safe)) => Verdict::Unknown(Reason::Verifying),
            _ => Verdict::Weak(Reason::Correcting),
        }
    }
}
