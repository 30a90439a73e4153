//! How long selected Nodes have been without a target. Pure: the clock is given.
//!
//! A young Node gets its providerID late, and every Node outlives its instance for a while: for so long that is nobody's
//! business. Each Node has a time of its own, so that many young ones, one after the other, are not taken for one old one.

use std::collections::BTreeMap;
use std::time::Duration;

use keeper_core::reason::Reason;
use keeper_core::verdict::{Groups, tell};
use tokio::time::Instant;

/// The Nodes of one object that have no target, each with its reason, as they were noted.
#[derive(Debug, Clone, Default)]
pub struct Lagging {
    nodes: BTreeMap<String, Lag>,
    beginning: Option<Beginning>,
}

/// The beginning of a term. Until all is known that was there, what is found was there.
#[derive(Debug, Clone)]
struct Beginning {
    at: Instant,
    /// When what was there has been there for too long.
    due: BTreeMap<Reason, Instant>,
    over: bool,
}

#[derive(Debug, Clone, Copy)]
struct Lag {
    reason: Reason,
    /// When somebody has to do something about it; `None`: not because of the time.
    due: Option<Instant>,
}

/// What is not known so long after the beginning of a term counts as new when it is found.
const BEGINNING: Duration = Duration::from_mins(5);

/// The reasons that need somebody only after a while.
const PATIENT: [Reason; 2] = [Reason::NodeUnresolved, Reason::NodeInstanceGone];

/// How long a Node may be without a target for this reason before somebody has to do something about it.
fn patience(reason: Reason) -> Option<Duration> {
    match reason {
        Reason::NodeUnresolved => Some(Duration::from_mins(5)),
        Reason::NodeInstanceGone => Some(Duration::from_mins(15)),
        _ => None,
    }
}

impl Lagging {
    /// Takes in which Nodes have no target now. `stood`: for how long status has said this of the object already. At the
    /// beginning of a term that counts, so that a new leader does not begin anew. `complete`: all that was there then is
    /// known by now.
    #[must_use]
    pub fn note(
        &self,
        nodes: &BTreeMap<String, Reason>,
        now: Instant,
        stood: impl Fn(Reason) -> Duration,
        complete: bool,
    ) -> Self {
        let due = |reason, stood: Duration| Some(now + patience(reason)?.saturating_sub(stood));
        let mut beginning = self.beginning.clone().unwrap_or_else(|| {
            let due = PATIENT.iter().filter_map(|reason| Some((*reason, due(*reason, stood(*reason))?)));
            Beginning { at: now, due: due.collect(), over: false }
        });
        let lag = |(name, reason): (&String, &Reason)| {
            let before = self.nodes.get(name).filter(|lag| lag.reason == *reason).copied();
            let inherited = beginning.due.get(reason).filter(|_| !beginning.over).copied();
            let new = || Lag { reason: *reason, due: inherited.or_else(|| due(*reason, Duration::ZERO)) };
            (name.clone(), before.unwrap_or_else(new))
        };
        let nodes = nodes.iter().map(lag).collect();
        beginning.over |= complete || now >= beginning.at + BEGINNING;
        Self { nodes, beginning: Some(beginning) }
    }

    pub fn groups(&self) -> Groups {
        self.told(|_| true)
    }

    /// Those of them about which somebody has to do something by now.
    pub fn overdue(&self, now: Instant) -> Groups {
        self.told(|lag| lag.due.is_some_and(|due| due <= now))
    }

    fn told(&self, which: impl Fn(&Lag) -> bool) -> Groups {
        let mut groups = Groups::new();
        for (name, lag) in self.nodes.iter().filter(|(_, lag)| which(lag)) {
            tell(&mut groups, lag.reason, name);
        }
        groups
    }

    /// When the next Node becomes overdue.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        self.nodes.values().filter_map(|lag| lag.due).filter(|due| *due > now).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn nodes(named: &[(&str, Reason)]) -> BTreeMap<String, Reason> {
        named.iter().map(|(name, reason)| ((*name).to_owned(), *reason)).collect()
    }

    fn never(_: Reason) -> Duration {
        Duration::ZERO
    }

    fn overdue(lagging: &Lagging, now: Instant) -> Vec<(Reason, String)> {
        lagging.overdue(now).into_iter().map(|(reason, group)| (reason, group.example.to_string())).collect()
    }

    #[test]
    fn i49_a_node_without_an_id_has_five_minutes_and_one_that_outlives_its_machine_a_quarter_of_an_hour() {
        let start = Instant::now();
        let there = nodes(&[
            ("young", Reason::NodeUnresolved),
            ("left", Reason::NodeInstanceGone),
            ("elsewhere", Reason::NodeNotServed),
        ]);
        let noted = Lagging::default().note(&there, start, never, true);
        assert_eq!(noted.groups().len(), 3);
        for (after, wanted, next) in [
            (Duration::ZERO, &[][..], Some(5 * MINUTE)),
            (Duration::from_millis(299_999), &[], Some(5 * MINUTE)),
            (5 * MINUTE, &[(Reason::NodeUnresolved, "young")], Some(15 * MINUTE)),
            (15 * MINUTE, &[(Reason::NodeUnresolved, "young"), (Reason::NodeInstanceGone, "left")], None),
        ] {
            // That it is noted again and again begins nothing anew.
            let again = noted.note(&there, start + after, never, true);
            let wanted: Vec<_> = wanted.iter().map(|(reason, name)| (*reason, (*name).to_owned())).collect();
            assert_eq!(overdue(&again, start + after), wanted, "after {after:?}");
            assert_eq!(again.next_due(start + after), next.map(|next| start + next), "after {after:?}");
        }
    }

    #[test]
    fn i49_many_young_nodes_one_after_the_other_are_not_one_old_one() {
        let start = Instant::now();
        let mut lagging = Lagging::default();
        for minute in 0..30_u32 {
            let now = start + minute * MINUTE;
            let (one, two) = (format!("n{minute}"), format!("n{}", minute + 1));
            let there = nodes(&[(&one, Reason::NodeUnresolved), (&two, Reason::NodeUnresolved)]);
            lagging = lagging.note(&there, now, never, true);
            assert_eq!(overdue(&lagging, now), []);
        }
    }

    #[test]
    fn i49_a_new_leader_goes_on_from_what_status_says() {
        let start = Instant::now();
        let there = nodes(&[("old", Reason::NodeUnresolved), ("left", Reason::NodeInstanceGone)]);
        let stood = |reason| match reason {
            Reason::NodeUnresolved => 4 * MINUTE,
            _ => Duration::ZERO,
        };
        // As long as not all is known, what is found is taken for what was there, whatever status says meanwhile.
        let noted = Lagging::default().note(&BTreeMap::new(), start, stood, false);
        let noted = noted.note(&there, start + Duration::from_secs(20), never, true);
        assert_eq!(noted.next_due(start), Some(start + MINUTE));
        // What comes later is young, however long status has spoken of others.
        let mut more = there.clone();
        more.insert("new".to_owned(), Reason::NodeUnresolved);
        let noted = noted.note(&more, start + MINUTE, stood, true);
        assert_eq!(noted.overdue(start + MINUTE)[&Reason::NodeUnresolved].count, 1);
        // What is found only long after is new.
        let noted = Lagging::default().note(&BTreeMap::new(), start, |_| Duration::MAX, false);
        let late = start + BEGINNING;
        let noted = noted.note(&BTreeMap::new(), late, never, false).note(&there, late, never, false);
        assert_eq!(noted.next_due(late), Some(late + 5 * MINUTE));
        let long_ago = Lagging::default().note(&there, start, |_| Duration::MAX, true);
        assert_eq!(overdue(&long_ago, start).len(), 2);
        assert_eq!(long_ago.next_due(start), None);
    }

    #[test]
    fn a_node_that_gets_its_id_and_loses_its_machine_later_begins_anew() {
        let start = Instant::now();
        let noted = Lagging::default().note(&nodes(&[("a", Reason::NodeUnresolved)]), start, never, true);
        let later = start + 10 * MINUTE;
        let noted = noted.note(&nodes(&[("a", Reason::NodeInstanceGone)]), later, never, true);
        assert_eq!(noted.next_due(later), Some(later + 15 * MINUTE));
        assert_eq!(overdue(&noted, later), []);
    }
}
