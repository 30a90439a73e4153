//! Whether this replica leads, judged from what the Lease says and when that was seen. Pure: no client and no clock here.
//!
//! **Guarantees.** Of all replicas that follow these rules one leads at a time, whatever their wall clocks say. Who holds
//! the Lease counts its span from *before* the request that renewed it, and stops well before the end. Who waits counts
//! the same span from *after* the answer that showed the last sign of life, and begins only then. So the waiting one's
//! count ends later, however long either request took.
//!
//! **Assumptions.** Monotonic clocks run at about the same pace: what is between [`Timing::renew_deadline`] and the whole
//! span makes up for the difference. Writes name the `resourceVersion` that they replace, and the API server heeds it.
//!
//! **Caveats.** The times that stand in the Lease are for people. A person who empties the holder, deletes the Lease or
//! enters another holder only makes everybody wait for a whole span. That a Lease is missing proves nothing: somebody may
//! have taken it and not know yet that it is gone. So it is made anew without a holder, and whoever wants it waits a span
//! with it. The first replica of all would have nothing to wait for; one that has never seen the Lease, and finds none,
//! takes it at once. So deleting it in the moment in which a replica starts can make two lead until the older one renews,
//! a few seconds later.

use std::time::Duration;

use keeper_core::backoff::Jitter;
use keeper_core::engine::Window;
use keeper_core::time::Moment;

use super::leadership::Lead;

/// A Lease whose holder is gone is waited for no longer than this, whatever span a person has entered.
const LONGEST: Duration = Duration::from_mins(5);

/// The span that a holder enters when it lets go, as client-go does. It tells an emptied holder from a Lease that a
/// person has emptied, whose holder may not know yet.
pub const RELEASED: Duration = Duration::from_secs(1);

/// How long everything takes, all of it in proportion to the span of the Lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The span of the Lease. The other numbers in this file are what comes out for 15 s.
    pub duration: Duration,
}

impl Timing {
    /// The holder stops so long after its last renewal: 10 s. The rest is for calls that are on their way by then.
    pub fn renew_deadline(self) -> Duration {
        self.duration * 2 / 3
    }

    /// Unprotecting calls are sent so long after the last renewal: 5 s.
    fn unprotect_deadline(self) -> Duration {
        self.duration / 3
    }

    /// The holder renews so often: every 3 s.
    fn renew_every(self) -> Duration {
        self.duration / 5
    }

    /// Who waits looks so often, and what failed is repeated so soon: after 1 s.
    fn look_every(self) -> Duration {
        self.duration / 15
    }

    /// One request takes so long at most: 3 s.
    pub fn attempt(self) -> Duration {
        self.duration / 5
    }
}

/// The Lease as it stands, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its `resourceVersion`.
    pub version: String,
    /// What its holder writes. As long as it stays the same, nobody has shown a sign of life.
    pub sign: Sign,
}

/// What the holder of a Lease writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Who holds it; empty: nobody.
    pub holder: String,
    /// For how long without a renewal.
    pub duration: Option<Duration>,
    /// How often it was taken.
    pub transitions: i32,
    /// When it was renewed, by a clock that is none of ours: only whether it changes means anything.
    pub renewed: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Wait(Moment),
    Look,
    Create(Claim),
    /// Make it anew, held by nobody, with this number of transitions.
    Restore(i32),
    /// Replace it, if it still is of this version.
    Replace(String, Claim),
}

/// What a write of the Lease says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// How often the Lease was taken, this time included.
    pub transitions: i32,
    /// Whether it is taken, and not renewed.
    pub takes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// This stands there now.
    Stands(Record),
    /// Somebody else has written or deleted it meanwhile.
    Overtaken,
    /// It is not known whether it was written.
    Unclear,
}

/// One replica that leads or would like to.
#[derive(Debug)]
pub struct Candidate {
    identity: String,
    timing: Timing,
    jitter: Jitter,
    known: Known,
    /// The last sign of life of somebody else, and when it had been seen.
    rival: Option<(Sign, Moment)>,
    /// Whether it was ever seen.
    seen: bool,
    /// What this replica wrote last, as far as it knows.
    wrote: Option<Sign>,
    /// When a write began of which it is not known whether it succeeded.
    unclear: Option<Moment>,
    /// How often the Lease was taken, as far as this replica has seen.
    transitions: i32,
    held: Option<Lead>,
    term: u64,
    not_before: Moment,
}

/// What is known of the Lease.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// Nothing that could be written on.
    Nothing,
    /// There is none, and nobody else can have had it.
    Missing,
    /// There is none any more.
    Lost,
    Stands(Record),
}

impl Candidate {
    /// A replica that has seen nothing yet. No other may have the same identity, ever.
    pub fn new(identity: String, timing: Timing, seed: u64) -> Self {
        Self {
            identity,
            timing,
            jitter: Jitter::new(seed),
            known: Known::Nothing,
            rival: None,
            seen: false,
            wrote: None,
            unclear: None,
            transitions: 0,
            held: None,
            term: 0,
            not_before: Moment::default(),
        }
    }

    /// The lead, if this replica has it.
    pub fn lead(&self, now: Moment) -> Option<Lead> {
        self.held.filter(|lead| lead.window.open(now))
    }

    /// Who else holds the Lease, as far as is known.
    pub fn rival(&self) -> Option<&str> {
        self.rival.as_ref().map(|(sign, _)| sign.holder.as_str()).filter(|holder| !holder.is_empty())
    }

    /// How long a request that begins now may take: an attempt, and never beyond the end of the lead.
    pub fn time_for_a_request(&self, now: Moment) -> Duration {
        let end = self.lead(now).and_then(|lead| lead.window.until);
        end.map_or(self.timing.attempt(), |end| end.since(now).min(self.timing.attempt()))
    }

    pub fn next(&mut self, now: Moment) -> Step {
        if self.held.is_some() && self.lead(now).is_none() {
            // Not renewed in time. Somebody else may have it by now, and perhaps nobody: it is taken like any other.
            self.held = None;
            self.known = Known::Nothing;
        }
        if now < self.not_before {
            let end = self.held.and_then(|lead| lead.window.until);
            return Step::Wait(end.map_or(self.not_before, |end| end.min(self.not_before)));
        }
        let takes = Claim { transitions: self.transitions.saturating_add(1), takes: true };
        match &self.known {
            Known::Nothing => Step::Look,
            Known::Missing => Step::Create(takes),
            Known::Lost => Step::Restore(self.transitions),
            Known::Stands(record) => {
                let renews = Claim { transitions: self.transitions, takes: false };
                let claim = if self.held.is_some() { renews } else { takes };
                Step::Replace(record.version.clone(), claim)
            }
        }
    }

    /// The Lease was looked at: `None` when there is none.
    pub fn looked(&mut self, now: Moment, found: Option<Record>) {
        self.not_before = now;
        let led = self.lead(now).is_some();
        let Some(record) = found else {
            // Whoever led until now knows that nobody else did.
            self.held = None;
            self.known = if led || !self.seen { Known::Missing } else { Known::Lost };
            return;
        };
        self.seen = true;
        self.transitions = record.sign.transitions.max(0);
        // In our name, and not by somebody's hand.
        let unclear = self.unclear.take().is_some_and(|began| now.since(began) < self.timing.duration);
        let ours = led || unclear || self.wrote.as_ref() == Some(&record.sign);
        if record.sign.holder == self.identity && ours {
            self.rival = None;
            self.known = Known::Stands(record);
            return;
        }
        self.held = None;
        let since = match &self.rival {
            Some((sign, since)) if *sign == record.sign => *since,
            _ => now,
        };
        let free = since.after(self.span(&record.sign));
        self.rival = Some((record.sign.clone(), since));
        self.known = Known::Stands(record);
        self.wait_or_look_again(now, free);
    }

    /// What is not free yet is looked at again, a little later or when it would be free.
    fn wait_or_look_again(&mut self, now: Moment, free: Moment) {
        if now < free {
            self.known = Known::Nothing;
            let soon = now.after(self.jitter.stretch(self.timing.look_every()));
            self.not_before = soon.min(free);
        }
    }

    /// How long without a sign of life somebody's Lease is respected.
    fn span(&self, sign: &Sign) -> Duration {
        match sign.duration {
            Some(duration) if sign.holder.is_empty() && duration <= RELEASED => Duration::ZERO,
            Some(duration) => duration.min(LONGEST).max(self.timing.duration),
            None => self.timing.duration,
        }
    }

    /// The Lease could not be looked at.
    pub fn looked_in_vain(&mut self, now: Moment) {
        self.known = Known::Nothing;
        self.not_before = now.after(self.jitter.stretch(self.timing.look_every()));
    }

    /// The Lease was made anew, or somebody else was quicker.
    pub fn restored(&mut self, now: Moment) {
        self.known = Known::Nothing;
        self.not_before = now;
    }

    /// A write that began at `began` has ended.
    pub fn wrote(&mut self, began: Moment, now: Moment, claim: Claim, how: Written) {
        match how {
            Written::Stands(record) if record.sign.holder == self.identity => {
                // From before the request: the API server may have carried it out at any time since.
                let window = Window {
                    until: Some(began.after(self.timing.renew_deadline())),
                    unprotect_until: Some(began.after(self.timing.unprotect_deadline())),
                };
                if claim.takes || self.lead(now).is_none() {
                    self.term += 1;
                }
                (self.seen, self.unclear, self.wrote) = (true, None, Some(record.sign.clone()));
                self.transitions = record.sign.transitions;
                self.held = Some(Lead { term: self.term, transitions: self.transitions, window });
                self.rival = None;
                self.known = Known::Stands(record);
                self.not_before = began.after(self.timing.renew_every());
            }
            Written::Stands(_) | Written::Overtaken => {
                self.known = Known::Nothing;
                self.not_before = now;
            }
            Written::Unclear => {
                self.unclear = Some(began);
                self.looked_in_vain(now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
