//! One flag that was switched off and put right, and which events fit that.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Outcome, Unanswered};
use crate::id::{Region, RequestId};
use crate::on_behalf::OnBehalf;
use crate::time::Moment;
use crate::trail::{Actor, ActorKind, AskedValue, TrailEvent, TrailedFlag};

/// An accepted call may show its effect only later, and a read may show what was before: events are looked for from this long before the
/// flag was seen on.
const BEFORE: SignedDuration = SignedDuration::from_mins(5);
/// And until this long after it was seen off: two clocks are never the same.
const AFTER: SignedDuration = SignedDuration::from_mins(1);
/// What an event may lie outside the time between the two looks and still be in it: clocks that are set differ by less, and events have whole
/// seconds.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

/// An event can be found ten minutes after its call at the latest (the vendor's page on ActionTrail's events). Before that, the one that did
/// it may be missing.
const RECORDED_AFTER: Duration = Duration::from_mins(10);

/// Most candidates that are told.
const MOST_CANDIDATES: usize = 5;

/// Who we are. Our own calls switch nothing off that is asked about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Own {
    /// The account that the identity belongs to.
    pub account_id: Option<Box<str>>,
    /// `role:session`, if the identity is a session of a role. A RAM user may be somebody else's as well, and is told.
    pub session: Option<Box<str>>,
}

impl Own {
    /// From the answer of GetCallerIdentity: `acs:sts::<account>:assumed-role/<role>/<session>` is a session.
    pub fn of_caller(account_id: &str, arn: Option<&str>) -> Self {
        let session = arn.and_then(|arn| arn.split_once(":assumed-role/"));
        let session = session.map(|(_, names)| names.replacen('/', ":", 1).into());
        Self { account_id: Some(account_id.into()), session }
    }

    /// The account of an identity, if it is not known to be the own one.
    pub fn other_account<'a>(&self, actor: &'a Actor) -> Option<&'a str> {
        actor.account_id.as_deref().filter(|id| self.account_id.as_deref() != Some(id))
    }

    fn made(&self, event: &TrailEvent) -> bool {
        let actor = &event.actor;
        let elsewhere = matches!((&actor.account_id, &self.account_id), (Some(a), Some(b)) if a != b);
        actor.kind == ActorKind::AssumedRole
            && !elsewhere
            && self.session.is_some()
            && actor.name == self.session
    }
}

/// What the cloud has recorded.
pub(super) struct Record<'a> {
    pub(super) events: &'a [TrailEvent],
    /// Whether only events about the target were asked for.
    pub(super) asked_for_it: bool,
    /// Whether all pages and entries were read.
    pub(super) all_read: bool,
    /// When it was asked for.
    pub(super) asked_at: Moment,
    /// What the wall clock showed then.
    pub(super) wall: Timestamp,
}

/// A time at which a flag was off.
#[derive(Debug, Clone)]
pub(super) struct Off {
    /// When it was seen to be on for the last time.
    pub(super) last_seen: Timestamp,
    /// When it was seen to be off.
    pub(super) seen: Timestamp,
    pub(super) seen_at: Moment,
}

impl Off {
    /// Whether a call lies between the two looks.
    pub(super) fn is_close(&self, at: Timestamp) -> bool {
        (earlier(self.last_seen, SLACK)..=later(self.seen, SLACK)).contains(&at)
    }

    /// Whether the flag had been seen to be off already when a call came.
    fn precedes(&self, at: Timestamp) -> bool {
        at > later(self.seen, SLACK)
    }

    /// Whether the wall clock was set since: which of the two times is right, nobody knows.
    fn clock_was_set(&self, now: Moment, wall: Timestamp) -> bool {
        let passed = SignedDuration::try_from(now.since(self.seen_at)).unwrap_or(SignedDuration::MAX);
        let set = wall.duration_since(self.seen).checked_sub(passed);
        set.is_none_or(|set| set.unsigned_abs() > SLACK.unsigned_abs())
    }
}

/// What a call has to do with other drifts of the same flag of the same target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Elsewhere {
    /// It fits none of them.
    Nothing,
    /// It may have done another one.
    MayHaveDoneAnother,
    /// It did another one.
    DidAnother,
}

/// A flag that was seen to be off, and has been put right.
#[derive(Debug, Clone)]
pub(super) struct Drift {
    pub(super) region: Region,
    pub(super) flag: TrailedFlag,
    pub(super) target: Box<str>,
    pub(super) on_behalf: OnBehalf,
    pub(super) off: Off,
    /// That of the write that put it right.
    pub(super) own_request: Option<RequestId>,
    /// How often the record had nothing about it.
    pub(super) tries: u32,
    /// How often it could not be asked.
    pub(super) failures: u32,
    /// When to ask next.
    pub(super) due: Moment,
}

impl Drift {
    /// The span in which an event is looked for.
    pub(super) fn span(&self) -> (Timestamp, Timestamp) {
        (earlier(self.off.last_seen, BEFORE), later(self.off.seen, AFTER))
    }

    /// When to ask for the first and for the second time.
    pub(super) fn due_after(&self, wait: Duration, tries: u32) -> Moment {
        self.off.seen_at.after(wait * (tries + 1))
    }

    /// The flag and the target that it is about.
    pub(super) fn key(&self) -> (Region, TrailedFlag, Box<str>) {
        (self.region.clone(), self.flag, self.target.clone())
    }

    /// Whether somebody else switched such a flag off at that time, of whatever target.
    fn may_be(&self, event: &TrailEvent, own: &Own) -> bool {
        let (from, until) = self.span();
        let ours = own.made(event) || (event.request_id.is_some() && event.request_id == self.own_request);
        let off = matches!(event.asked, AskedValue::Unprotected | AskedValue::Unreadable);
        !event.failed && !ours && off && (from..=until).contains(&event.at)
    }

    /// Which of these events have switched it off. One call did it for certain if no other fits, it lies between the two looks, nothing is
    /// missing in the record, and it fits no other drift.
    pub(super) fn outcome(
        &self,
        record: &Record<'_>,
        own: &Own,
        elsewhere: impl Fn(&TrailEvent) -> Elsewhere,
    ) -> Outcome {
        let may_be: Vec<&TrailEvent> = record.events.iter().filter(|event| self.may_be(event, own)).collect();
        // A call that names no target may be about any, unless the cloud was asked for those about this one.
        let nameless = may_be.iter().any(|event| event.targets.is_empty()) && !record.asked_for_it;
        let clock_was_set = self.off.clock_was_set(record.asked_at, record.wall);
        let complete = record.all_read && !nameless && !clock_was_set;
        let about = |event: &TrailEvent| {
            event.targets.contains(&self.target) || (event.targets.is_empty() && record.asked_for_it)
        };
        let mut fitting = may_be;
        fitting.retain(|event| {
            about(event)
                && match elsewhere(event) {
                    Elsewhere::Nothing => true,
                    // This one was off already when it came, and another one explains it.
                    Elsewhere::MayHaveDoneAnother => !self.off.precedes(event.at),
                    Elsewhere::DidAnother => false,
                }
        });
        fitting.sort_by_key(|event| std::cmp::Reverse(event.at));
        let certain = |one: &TrailEvent| {
            let recorded = record.asked_at.since(self.off.seen_at) >= RECORDED_AFTER;
            let readable = one.asked == AskedValue::Unprotected && !one.targets.is_empty();
            let alone = elsewhere(one) == Elsewhere::Nothing;
            complete && recorded && readable && alone && self.off.is_close(one.at)
        };
        match fitting.as_slice() {
            [] if complete => Outcome::Unknown(Unanswered::NoEvent),
            [] => Outcome::Unknown(Unanswered::Incomplete),
            [one] if certain(one) => Outcome::ChangedBy((*one).clone()),
            several => Outcome::Candidates {
                calls: several.iter().take(MOST_CANDIDATES).map(|event| (*event).clone()).collect(),
                left_out: several.len().saturating_sub(MOST_CANDIDATES),
            },
        }
    }

    pub(super) fn found(self, outcome: Outcome) -> Finding {
        let Self { region, flag, target, on_behalf, off: Off { last_seen, seen, .. }, .. } = self;
        Finding { region, flag, target, on_behalf, last_seen, seen, outcome }
    }
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
