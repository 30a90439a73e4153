//! The questions of one account: what waits, what is asked now, and what has come of it.
//!
//! # Guarantees
//!
//! A question is asked only about a flag that was seen to be off and then, after a write of ours, to be on again. It is asked `wait` after
//! the flag was seen to be off at the earliest, and twice at most. One call is under way at a time, within the allowance of [`Pace`].
//! What waits is bounded: what does not fit in is answered with [`Unanswered::TooMany`].
//!
//! # Caveats
//!
//! All of this is memory. A restart, and the end of a term of leadership, forget it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::concern::Concern;
use super::drift::{Drift, Elsewhere, Off, Own, Record};
use super::finding::{Finding, Outcome, Unanswered};
use super::hourly::{Allowance, Pace};
use crate::id::{Region, RequestId};
use crate::time::Moment;
use crate::trail::{TrailEvent, TrailPage, TrailQuery, TrailedFlag};
use crate::transition::Transition;

/// Targets that are asked about one by one; more of them are asked about together.
const ONE_BY_ONE: usize = 20;
/// Drifts that one query for all targets is about.
const TOGETHER: usize = 200;
/// Most pages of one question.
const PAGES_OF_ONE: u32 = 4;
const PAGES_OF_ALL: u32 = 40;
/// Most flags of which it is known that they are off, most drifts that wait for their question, and most calls that are remembered.
const ROOM: usize = 1000;
/// Most times at which a flag was off that are remembered: of flags that are off, and of those that wait.
const TIMES: usize = 2 * ROOM;
/// How often a question is asked (once or twice).
const TRIES: u32 = 2;
/// How often it may fail.
const FAILURES: u32 = 3;
const AFTER_FAILURE: Duration = Duration::from_mins(1);
/// How long nothing is asked when it is not permitted.
const OFF: Duration = Duration::from_hours(1);

/// What of a transition is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// Nothing is to be asked because of it, or not yet.
    Nothing,
    /// A question waits.
    Waits,
    /// A question would have waited, and can't be asked.
    Unanswered(Box<Finding>),
}

/// What is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// At which region's endpoint.
    pub region: Region,
    /// What.
    pub query: TrailQuery,
}

/// Why a question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The cloud allows no more calls for a while.
    Throttled(Option<Duration>),
    /// The identity may not ask.
    NotPermitted,
    /// It failed, and may succeed later.
    Failed,
}

/// A flag of a target.
type Key = (Region, TrailedFlag, Box<str>);

/// What is asked now.
#[derive(Debug)]
struct Asking {
    question: Question,
    about: Vec<Drift>,
    /// When the first page was asked for, and what the wall clock showed then.
    since: Moment,
    wall: Timestamp,
    events: Vec<TrailEvent>,
    /// Whether an entry could not be read.
    unreadable: bool,
    pages: u32,
    /// The call is under way.
    sent: bool,
}

/// A call that a finding has named.
#[derive(Debug)]
struct Told {
    about: Key,
    at: Timestamp,
    request_id: Option<RequestId>,
    /// Whether it did it, or may have.
    certain: bool,
}

impl Told {
    fn is(&self, event: &TrailEvent) -> bool {
        self.at == event.at && self.request_id == event.request_id
    }
}

/// The questions of one account.
#[derive(Debug)]
pub struct Attributor {
    pace: Pace,
    allowance: Allowance,
    /// The flags that are off.
    off: BTreeMap<Key, Off>,
    /// The times at which flags were off, whatever has come of them, the newest last.
    times: VecDeque<(Key, Off)>,
    waiting: Vec<Drift>,
    asking: Option<Asking>,
    /// The newest last.
    told: VecDeque<Told>,
    /// Each region has a record and a permission of its own.
    not_permitted_until: BTreeMap<Region, Moment>,
    /// Where nobody knows where to ask.
    without_endpoint: BTreeSet<Region>,
}

impl Attributor {
    /// Nothing is known and nothing waits.
    pub fn new(pace: Pace) -> Self {
        Self {
            pace,
            allowance: Allowance::new(&pace),
            off: BTreeMap::new(),
            times: VecDeque::new(),
            waiting: Vec::new(),
            asking: None,
            told: VecDeque::new(),
            not_permitted_until: BTreeMap::new(),
            without_endpoint: BTreeSet::new(),
        }
    }

    /// Nothing is asked in a region: nobody knows where.
    pub fn without_endpoint(&mut self, region: Region) {
        self.without_endpoint.insert(region);
    }

    /// A flag was seen at another value. `wall`: what time it was at a moment.
    pub fn note(
        &mut self,
        region: &Region,
        transition: &Transition,
        wall: impl Fn(Moment) -> Timestamp,
    ) -> Noted {
        let Some((flag, concern)) = Concern::of(transition) else { return Noted::Nothing };
        let key = (region.clone(), flag, transition.id.clone());
        if let (Concern::SwitchedOff, Some(last_seen)) = (concern, &transition.last_seen) {
            let (last_seen, seen) = (wall(last_seen.at), wall(transition.seen.at));
            self.switched_off(key, Off { last_seen, seen, seen_at: transition.seen.at });
            return Noted::Nothing;
        }
        let off = self.off.remove(&key);
        let (Concern::Repaired, Some(write), Some(off)) = (concern, &transition.write, off) else {
            return Noted::Nothing;
        };
        let (region, flag, target) = key;
        let mut drift = Drift {
            region,
            flag,
            target,
            on_behalf: write.on_behalf.clone(),
            off,
            own_request: write.request_id.clone(),
            tries: 0,
            failures: 0,
            due: Moment::default(),
        };
        drift.due = drift.due_after(self.pace.wait, 0);
        self.queue(drift, transition.seen.at)
    }

    /// Of what stays off, such as for objects that only observe, the newest is kept.
    fn switched_off(&mut self, key: Key, off: Off) {
        self.times.push_back((key.clone(), off.clone()));
        let over = self.times.len().saturating_sub(TIMES);
        self.times.drain(..over);
        let oldest = self.off.iter().min_by_key(|(_, off)| off.seen_at).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest.filter(|_| self.off.len() >= ROOM) {
            self.off.remove(&oldest);
        }
        self.off.insert(key, off);
    }

    fn queue(&mut self, drift: Drift, now: Moment) -> Noted {
        let unanswered = |drift: Drift, why| Noted::Unanswered(Box::new(drift.found(Outcome::Unknown(why))));
        if self.without_endpoint.contains(&drift.region) {
            return unanswered(drift, Unanswered::NoEndpoint);
        }
        if self.not_permitted_until.get(&drift.region).is_some_and(|until| now < *until) {
            return unanswered(drift, Unanswered::NotPermitted);
        }
        if self.waiting.len() >= ROOM {
            return unanswered(drift, Unanswered::TooMany);
        }
        self.waiting.push(drift);
        Noted::Waits
    }

    /// Forgets everything but how many calls were made: another replica leads.
    pub fn forget(&mut self) {
        self.off.clear();
        self.times.clear();
        self.waiting.clear();
        self.asking = None;
        self.told.clear();
    }

    /// How many drifts wait for their question, or for its answer.
    pub fn waiting(&self) -> usize {
        self.waiting.len() + self.asking.as_ref().map_or(0, |asking| asking.about.len())
    }

    /// Whether something is asked, or is due.
    pub fn busy(&self, now: Moment) -> bool {
        self.asking.is_some() || self.waiting.iter().any(|drift| drift.due <= now)
    }

    /// When [`Self::poll`] may have something to ask.
    pub fn poll_timeout(&mut self, now: Moment) -> Option<Moment> {
        let due = match &self.asking {
            Some(asking) if asking.sent => return None,
            Some(_) => now,
            None => self.waiting.iter().map(|drift| drift.due).min()?,
        };
        Some(if due <= now { self.allowance.next(now) } else { due })
    }

    /// What to ask now, if anything. `wall`: what time it is; the cloud knows nothing of what comes later.
    pub fn poll(&mut self, now: Moment, wall: Timestamp) -> Option<Question> {
        if self.asking.is_none() {
            let about = self.take_due(now);
            self.asking = Self::ask(about, now, wall);
        }
        let asking = self.asking.as_mut().filter(|asking| !asking.sent)?;
        if !self.allowance.take(now) {
            return None;
        }
        asking.sent = true;
        Some(asking.question.clone())
    }

    /// The drifts of the next question: all that are due of one target, or of one region and flag if those are about many targets.
    fn take_due(&mut self, now: Moment) -> Vec<Drift> {
        let Some(first) = self.waiting.iter().filter(|drift| drift.due <= now).min_by_key(|drift| drift.due)
        else {
            return Vec::new();
        };
        let (region, flag, target) = (first.region.clone(), first.flag, first.target.clone());
        let beside = |drift: &Drift| drift.due <= now && drift.region == region && drift.flag == flag;
        let targets: BTreeSet<&str> =
            self.waiting.iter().filter(|drift| beside(drift)).map(|drift| &*drift.target).collect();
        let many = targets.len() > ONE_BY_ONE;
        // Those that were seen at the same time have the shortest span together.
        self.waiting.sort_by_key(|drift| drift.due);
        let mut room = TOGETHER;
        let taken = |drift: &mut Drift| {
            let takes = room > 0 && beside(drift) && (many || drift.target == target);
            room -= usize::from(takes);
            takes
        };
        self.waiting.extract_if(.., taken).collect()
    }

    fn ask(about: Vec<Drift>, since: Moment, wall: Timestamp) -> Option<Asking> {
        let first = about.first()?;
        let alone = about.iter().all(|drift| drift.target == first.target);
        let from = about.iter().map(|drift| drift.span().0).min()?;
        // A clock that was set back since then does not show what time it is for the cloud.
        let seen = about.iter().map(|drift| drift.off.seen).max()?;
        let until = about.iter().map(|drift| drift.span().1).max()?.min(wall.max(seen));
        let query = TrailQuery {
            flag: first.flag,
            target: alone.then(|| first.target.clone()),
            from,
            until,
            page: None,
        };
        let question = Question { region: first.region.clone(), query };
        let pages = if alone { PAGES_OF_ONE } else { PAGES_OF_ALL };
        let events = Vec::new();
        Some(Asking { question, about, since, wall, events, unreadable: false, pages, sent: false })
    }

    /// The question was answered, or was not. What is known now of those that it was about.
    pub fn answered(&mut self, now: Moment, answer: Result<TrailPage, Refusal>, own: &Own) -> Vec<Finding> {
        // An answer that comes after its term belongs to nothing.
        let Some(mut asking) = self.asking.take_if(|asking| asking.sent) else { return Vec::new() };
        match answer {
            Ok(page) => {
                asking.events.extend(page.events);
                asking.unreadable |= page.unreadable > 0;
                asking.pages -= 1;
                asking.question.query.page = page.next;
                if asking.question.query.page.is_some() && asking.pages > 0 {
                    return self.go_on(asking);
                }
                self.conclude(asking, own)
            }
            Err(Refusal::Throttled(retry_after)) => {
                // What was read stays, and the same page is asked for again: that the account is busy says nothing of the question.
                self.allowance.throttled(now, retry_after);
                self.go_on(asking)
            }
            Err(Refusal::Failed) => self.fail(now, asking),
            Err(Refusal::NotPermitted) => {
                let region = asking.question.region;
                self.not_permitted_until.insert(region.clone(), now.after(OFF));
                let unknown = |drift: Drift| drift.found(Outcome::Unknown(Unanswered::NotPermitted));
                let waiting = self.waiting.extract_if(.., |drift| drift.region == region);
                asking.about.into_iter().chain(waiting).map(unknown).collect()
            }
        }
    }

    /// Asks for the page that is next.
    fn go_on(&mut self, asking: Asking) -> Vec<Finding> {
        self.asking = Some(Asking { sent: false, ..asking });
        Vec::new()
    }

    /// Nothing more is read.
    fn conclude(&mut self, asking: Asking, own: &Own) -> Vec<Finding> {
        let Asking { question, mut about, since, wall, events, unreadable, .. } = asking;
        about.sort_by_key(|drift| drift.off.seen_at);
        let record = Record {
            events: &events,
            asked_for_it: question.query.target.is_some(),
            all_read: !unreadable && question.query.page.is_none(),
            asked_at: since,
            wall,
        };
        let mut findings = Vec::new();
        for mut drift in about {
            drift.tries += 1;
            let others = self.other_times(&drift);
            let outcome = drift.outcome(&record, own, |event| self.elsewhere(&drift, &others, event));
            if matches!(outcome, Outcome::Unknown(_)) && drift.tries < TRIES {
                drift.due = drift.due_after(self.pace.wait, drift.tries);
                self.waiting.push(drift);
            } else {
                self.remember(&drift, &outcome);
                findings.push(drift.found(outcome));
            }
        }
        findings
    }

    /// When else the same flag of the same target was off.
    fn other_times(&self, drift: &Drift) -> Vec<Off> {
        let key = drift.key();
        let same = self.times.iter().filter(|(of, off)| *of == key && off.seen_at != drift.off.seen_at);
        same.map(|(_, off)| off.clone()).collect()
    }

    /// What a call has to do with other drifts than this one.
    fn elsewhere(&self, drift: &Drift, others: &[Off], event: &TrailEvent) -> Elsewhere {
        let key = drift.key();
        let told = self.told.iter().filter(|told| told.about == key && told.is(event));
        match told.map(|told| told.certain).max() {
            Some(true) => return Elsewhere::DidAnother,
            Some(false) => return Elsewhere::MayHaveDoneAnother,
            None => {}
        }
        if others.iter().any(|other| other.is_close(event.at)) {
            return Elsewhere::MayHaveDoneAnother;
        }
        Elsewhere::Nothing
    }

    fn remember(&mut self, drift: &Drift, outcome: &Outcome) {
        let certain = matches!(outcome, Outcome::ChangedBy(_));
        let named = outcome.calls().iter().map(|call| Told {
            about: drift.key(),
            at: call.at,
            request_id: call.request_id.clone(),
            certain,
        });
        self.told.extend(named);
        let over = self.told.len().saturating_sub(ROOM);
        self.told.drain(..over);
    }

    /// It could not be asked. It is asked again, but not for ever.
    fn fail(&mut self, now: Moment, asking: Asking) -> Vec<Finding> {
        let mut findings = Vec::new();
        for mut drift in asking.about {
            drift.failures += 1;
            if drift.failures < FAILURES {
                drift.due = now.after(AFTER_FAILURE);
                self.waiting.push(drift);
            } else {
                findings.push(drift.found(Outcome::Unknown(Unanswered::Failed)));
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests;
