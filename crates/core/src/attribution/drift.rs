//! One flag that was switched off and put right, and which events fit that.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::finding::{Finding, Outcome};
use crate::id::{Region, RequestId};
use crate::on_behalf::OnBehalf;
use crate::time::Moment;
use crate::trail::{ActorKind, AskedValue, TrailEvent, TrailedFlag};

/// An accepted call may show its effect only later: events are looked for from this long before the flag was seen on.
const BEFORE: SignedDuration = SignedDuration::from_mins(5);
/// And until this long after it was seen off: two clocks are never the same.
const AFTER: SignedDuration = SignedDuration::from_mins(1);
/// What an event may lie outside the time between the two looks and still be in it: clocks that are set differ by less, and events have whole
/// seconds.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

/// An event can be found ten minutes after its call at the latest (the vendor's page on ActionTrail's events). Before that, the one that did
/// it may be missing.
pub(super) const RECORDED_AFTER: Duration = Duration::from_secs(600);

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
    /// Whether no event is missing.
    pub(super) complete: bool,
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
    pub(super) last_seen: Timestamp,
    pub(super) seen: Timestamp,
    pub(super) seen_at: Moment,
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
        (earlier(self.last_seen, BEFORE), later(self.seen, AFTER))
    }

    /// When to ask for the first and for the second time.
    pub(super) fn due_after(&self, wait: Duration, tries: u32) -> Moment {
        self.seen_at.after(wait * (tries + 1))
    }

    /// Whether a call lies between the two looks.
    pub(super) fn is_close(&self, at: Timestamp) -> bool {
        (earlier(self.last_seen, SLACK)..=later(self.seen, SLACK)).contains(&at)
    }

    /// Whether the same flag of the same target was off at another time.
    pub(super) fn is_another_of(&self, drift: &Self) -> bool {
        let same = self.target == drift.target && self.flag == drift.flag && self.region == drift.region;
        same && self.seen_at != drift.seen_at
    }

    /// The flag and the target that it is about.
    pub(super) fn key(&self) -> (Region, TrailedFlag, Box<str>) {
        (self.region.clone(), self.flag, self.target.clone())
    }

    /// Which of these events have switched it off. `None`: none of them. One call did it for certain if no other fits, it lies between the two
    /// looks, the record is complete, and it fits no other drift.
    pub(super) fn outcome(
        &self,
        record: &Record<'_>,
        own: &Own,
        elsewhere: impl Fn(&TrailEvent) -> Elsewhere,
    ) -> Option<Outcome> {
        let Record { events, asked_for_it, complete } = *record;
        let (from, until) = self.span();
        let about = |event: &TrailEvent| {
            let named = event.targets.contains(&self.target);
            named || (event.targets.is_empty() && asked_for_it)
        };
        let mut fitting: Vec<&TrailEvent> = events
            .iter()
            .filter(|event| {
                let ours =
                    own.made(event) || (event.request_id.is_some() && event.request_id == self.own_request);
                let off = matches!(event.asked, AskedValue::Unprotected | AskedValue::Unreadable);
                !event.failed && !ours && off && about(event) && (from..=until).contains(&event.at)
            })
            .filter(|event| elsewhere(event) != Elsewhere::DidAnother)
            .collect();
        let close = |event: &&TrailEvent| self.is_close(event.at);
        if fitting.iter().any(close) {
            fitting.retain(close);
        }
        fitting.sort_by_key(|event| std::cmp::Reverse(event.at));
        let certain = |one: &TrailEvent| {
            let readable = one.asked == AskedValue::Unprotected && !one.targets.is_empty();
            complete && readable && self.is_close(one.at) && elsewhere(one) == Elsewhere::Nothing
        };
        match fitting.as_slice() {
            [] => None,
            [one] if certain(one) => Some(Outcome::ChangedBy((*one).clone())),
            several => Some(Outcome::Candidates {
                calls: several.iter().take(MOST_CANDIDATES).map(|event| (*event).clone()).collect(),
                left_out: several.len().saturating_sub(MOST_CANDIDATES),
            }),
        }
    }

    pub(super) fn found(self, outcome: Outcome) -> Finding {
        let Self { region, flag, target, on_behalf, last_seen, seen, .. } = self;
        Finding { region, flag, target, on_behalf, last_seen, seen, outcome }
    }
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_sub(by).unwrap_or(Timestamp::MIN)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
