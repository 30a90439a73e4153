//! What the cloud has shown of one target: evidence, or its absence.

use std::time::Duration;

use crate::backoff::LONG;
use crate::evidence::Evidence;
use crate::id::CallId;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Moment;

/// How far apart two look-ups that find nothing must be to prove anything.
pub const MISSES_APART: Duration = Duration::from_secs(5);
/// One target. What most targets never need stands behind a pointer: there are a hundred thousand of them.
#[derive(Debug)]
pub struct Target<R: Resource> {
    /// The newest evidence.
    pub evidence: Option<Evidence<R>>,
    /// Set while the cloud's answers lack it.
    pub absence: Option<Box<Absence>>,
}

impl<R: Resource> Default for Target<R> {
    fn default() -> Self {
        Self { evidence: None, absence: None }
    }
}

/// A target that the cloud's answers lack.
#[derive(Debug, Clone, Copy)]
pub struct Absence {
    /// Look-ups by id that lacked it although they showed something else.
    pub misses: u8,
    /// When the last of those came that it took to prove something.
    pub proven: Option<Moment>,
    /// Look-ups in all.
    pub lookups: u8,
    /// The last of them.
    pub last_lookup: Option<Moment>,
    /// The newest call that lacked it: what an older one showed says nothing any more.
    pub lacked: CallId,
    /// A look-up came back without anything at all, and nothing else is known to be visible.
    pub blind: bool,
    /// The cloud refuses to be asked for this id.
    pub refused: bool,
    /// The cloud does not leave the id out, but says of it that it knows no such target.
    pub denied: bool,
}

impl Absence {
    /// The absence that this call showed; nothing is looked up yet.
    pub fn new(lacked: CallId) -> Self {
        Self {
            misses: 0,
            proven: None,
            lookups: 0,
            last_lookup: None,
            lacked,
            blind: false,
            refused: false,
            denied: false,
        }
    }

    /// What is to be said of the target.
    pub fn reason(&self) -> Reason {
        match self {
            absence if absence.refused => Reason::RequestRefused,
            absence if absence.proven() => Reason::NotFound,
            absence if absence.blind => Reason::NothingVisible,
            _ => Reason::Missing,
        }
    }

    /// Whether the absence is proven: two look-ups by id, apart, both of which showed something else (I4).
    pub fn proven(&self) -> bool {
        self.proven.is_some()
    }

    /// When to look it up again: two look-ups prove something when they are apart; after that ever more seldom, and an
    /// id that the cloud refuses to be asked for as seldom as anything else that needs a person.
    pub fn next_lookup(&self, now: Moment) -> Moment {
        let wait = if self.refused || (self.denied && self.proven()) {
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
            self.proven = self.proven.or((self.misses >= 2).then_some(now));
        }
        if apart {
            self.looked(now);
        }
    }

    /// What was looked up before says nothing any more: whoever led meanwhile may have seen more.
    pub fn begin_term(&mut self) {
        (self.misses, self.proven, self.blind) = (0, None, false);
        (self.lookups, self.last_lookup) = (0, self.last_lookup.filter(|_| self.refused));
    }

    /// Counts a look-up that proves nothing.
    pub fn looked(&mut self, now: Moment) {
        self.lookups = self.lookups.saturating_add(1);
        self.last_lookup = Some(now);
    }
}

impl<R: Resource> Target<R> {
    /// The newest call that told whether it is there.
    pub fn newest_call(&self) -> Option<CallId> {
        let shown = self.evidence.as_ref().map(|e| e.call);
        shown.max(self.absence.as_ref().map(|a| a.lacked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    #[test]
    fn i04_two_look_ups_prove_something_only_when_they_are_apart_and_tell() {
        for (looks, proven) in [
            (vec![(0, true)], false),
            (vec![(0, true), (4, true)], false),
            (vec![(0, true), (5, true)], true),
            (vec![(0, true), (5, false)], false),
            (vec![(0, false), (5, true), (10, true)], true),
            (vec![(0, true), (3, true), (6, true)], true),
        ] {
            let mut absence = Absence::new(CallId(1));
            for (second, telling) in &looks {
                absence.missed(at(100 + second), *telling);
            }
            assert_eq!(absence.proven(), proven, "{looks:?}");
        }
    }

    #[test]
    fn i29_what_is_not_found_is_looked_up_ever_more_seldom() {
        let mut absence = Absence::new(CallId(1));
        let mut waits = Vec::new();
        let mut now = at(100);
        for _ in 0..8 {
            absence.looked(now);
            let next = absence.next_lookup(now);
            waits.push(next.since(now).as_secs());
            now = next;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 160, 160]);
        absence.refused = true;
        assert_eq!(absence.next_lookup(now).since(now), LONG.saturating_sub(Duration::from_secs(160)));
    }
}
