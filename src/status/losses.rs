//! How it is told what an object has lost (I50): Events and log lines first, then status. Pure: no client and no clock here.
//!
//! Status counts and lists what is lost until an Event has told of it, so that whoever takes over finds the difference.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use keeper_core::id::{Generation, RequestId};
use keeper_core::loss::{Cause, Loss, Sight};
use keeper_core::reason::Reason;
use keeper_core::time::Moment;
use kube::runtime::events::EventType;

use super::report::Report;
use crate::api::{InstanceState, InstanceStatus, MAX_LISTED_GONE, Resource, WatchedObject, generation};
use crate::events::{ObjectEvent, each_or_all};

/// What an object has lost, as far as it is not told everywhere.
#[derive(Debug, Clone, Default)]
pub struct Losses {
    /// What status does not say yet.
    pub pending: Vec<Lost>,
    /// How many of them the log has.
    pub logged: usize,
    /// How many of them Events have told.
    pub told: usize,
    /// How many targets status counted when this term began, and in which generation; `None`: that has been compared.
    pub counted: Option<(Generation, u32)>,
    /// What went while nobody led, until an Event has told it.
    pub shrinking: Option<Shrinking>,
}

/// That there are fewer targets than status counted when a term began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shrinking {
    /// How many status counted.
    pub counted: u32,
    pub gone: u32,
}

/// A target that is lost, with times of the wall clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    pub id: String,
    pub cause: Cause,
    pub noted: Timestamp,
    /// Whether somebody should look.
    pub grave: bool,
    not_applicable: Option<Reason>,
    last: Option<(Look, Option<bool>)>,
    last_protected: Option<Look>,
}

#[derive(Debug, Clone, PartialEq)]
struct Look {
    at: Timestamp,
    request_id: RequestId,
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moments {
    pub moment: Moment,
    pub wall: Timestamp,
}

impl Moments {
    fn wall_of(self, at: Moment) -> Timestamp {
        let at = self.precise(at);
        Timestamp::from_second(at.as_second()).unwrap_or(at)
    }

    /// That moment by the wall clock, to the millisecond.
    pub fn precise(self, at: Moment) -> Timestamp {
        let ago = SignedDuration::try_from(self.moment.since(at)).unwrap_or_default();
        let at = self.wall.checked_sub(ago).unwrap_or(self.wall);
        Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
    }

    fn look(self, sight: Sight) -> Look {
        Look { at: self.wall_of(sight.at), request_id: sight.request_id }
    }

    /// Gives a loss its times.
    pub fn date(self, loss: Loss) -> Lost {
        Lost {
            id: loss.id.into(),
            cause: loss.cause,
            noted: self.wall_of(loss.noted),
            grave: loss.grave,
            not_applicable: loss.not_applicable,
            last: loss.last.map(|(sight, flag)| (self.look(sight), flag)),
            last_protected: loss.last_protected.map(|sight| self.look(sight)),
        }
    }
}

impl Losses {
    /// What a term begins with. What an earlier one noted says nothing any more: whatever of it status still counts is told by
    /// number.
    pub fn begin(seen: &WatchedObject) -> Self {
        Self { counted: Self::counted_by(seen), ..Self::default() }
    }

    fn counted_by(seen: &WatchedObject) -> Option<(Generation, u32)> {
        let object = seen.object.as_ref()?;
        let counts = object.counts()?;
        (object.observed_generation() == Some(generation(&seen.meta)))
            .then_some((generation(&seen.meta), counts.targets))
    }

    /// What no Event has told.
    pub fn untold(&self) -> &[Lost] {
        self.pending.get(self.told..).unwrap_or_default()
    }

    /// What the log does not have.
    pub fn unlogged(&self) -> &[Lost] {
        self.pending.get(self.logged..).unwrap_or_default()
    }

    /// What went while nobody led, as far as this report tells. `None`: it does not, or that is known.
    pub fn compare(&self, report: &Report, of: Generation) -> Option<Shrinking> {
        let (counted_in, counted) = self.counted?;
        if counted_in != of {
            return Some(Shrinking { counted, gone: 0 });
        }
        let named = u32::try_from(self.pending.len()).unwrap_or(u32::MAX);
        let gone = report.counted.then(|| report.part.shrunk(counted, named)).flatten()?;
        Some(Shrinking { counted, gone })
    }
}

impl Lost {
    pub fn reason(&self, resource: Resource) -> Reason {
        match (self.cause, resource) {
            (Cause::Gone, Resource::Protection) => Reason::InstanceLost,
            (Cause::Gone, Resource::Retention) => Reason::Departed,
            (Cause::TagLost | Cause::TagExcluded | Cause::HostLeft | Cause::HostExcluded, _) => {
                Reason::SelectionLost
            }
        }
    }

    pub fn kind(&self) -> EventType {
        if self.grave { EventType::Warning } else { EventType::Normal }
    }

    /// The last look that showed the protected value: when, and the cloud's id of it.
    pub fn last_protected(&self) -> Option<(Timestamp, &str)> {
        self.last_protected.as_ref().map(|look| (look.at, look.request_id.as_str()))
    }

    fn what(&self) -> &'static str {
        match self.cause {
            Cause::Gone => "is gone",
            Cause::TagLost => "has lost the tag that selected it",
            Cause::TagExcluded => "now has a tag that the spec excludes",
            Cause::HostLeft => "was selected through an instance that is gone or no longer selected",
            Cause::HostExcluded => "is on an instance that now has a tag that the spec excludes",
        }
    }

    /// What the cloud last showed of it.
    fn history(&self, resource: Resource) -> String {
        let protected = resource.protected();
        let look = |look: &Look| format!("{} (request {})", look.at, look.request_id);
        match (self.not_applicable, &self.last_protected, &self.last) {
            (Some(reason), _, Some((last, _))) => {
                format!("last seen at {}, and it could not be {protected}: {}", look(last), reason.as_str())
            }
            (_, Some(was), Some((last, flag))) if *flag != Some(true) => {
                format!("last seen {protected} at {}, and not {protected} at {}", look(was), look(last))
            }
            (_, Some(was), _) => format!("last seen {protected} at {}", look(was)),
            // The spec has given it up, or it steps aside.
            (_, None, Some((last, _))) if !self.grave && self.cause == Cause::Gone => {
                format!("last seen at {}, not {protected}, as the spec asks", look(last))
            }
            (_, None, Some((last, _))) => {
                format!(
                    "last seen at {}, and never {protected} since this replica became the leader",
                    look(last)
                )
            }
            (_, None, None) => "not seen since this replica became the leader".to_owned(),
        }
    }

    /// What has become of it, in a sentence.
    pub fn sentence(&self, resource: Resource) -> String {
        format!("It {}; {}.", self.what(), self.history(resource))
    }

    fn event(&self, resource: Resource) -> ObjectEvent {
        let reason = self.reason(resource);
        let note = format!("{} {}; {}. {}", self.id, self.what(), self.history(resource), reason.sentence());
        ObjectEvent { kind: self.kind(), reason, action: "Watch", note }
    }
}

/// What Events tell of losses: one by one, or where they are many, of each sort together.
pub fn loss_events(resource: Resource, lost: &[Lost]) -> Vec<ObjectEvent> {
    let mut sorts: BTreeMap<(Cause, bool), Vec<&Lost>> = BTreeMap::new();
    for lost in lost {
        sorts.entry((lost.cause, !lost.grave)).or_default().push(lost);
    }
    let mut told = Vec::new();
    for sort in sorts.into_values() {
        let many = |count: usize, examples: &str| {
            let first = sort.first().map(|lost| lost.event(resource));
            let what = sort.first().map_or("", |lost| lost.what());
            let newest = sort.iter().filter_map(|lost| lost.last_protected()).max();
            let protected = newest.map_or_else(
                || format!("none was seen {} since this replica became the leader", resource.protected()),
                |(at, request)| {
                    format!("one was last seen {} at {at} (request {request})", resource.protected())
                },
            );
            let reason = first.as_ref().map_or(Reason::SelectionLost, |event| event.reason);
            ObjectEvent {
                kind: first.map_or(EventType::Warning, |event| event.kind),
                reason,
                action: "Watch",
                note: format!(
                    "Each of {count} targets ({examples}) {what}; {protected}. {}",
                    reason.sentence()
                ),
            }
        };
        told.extend(each_or_all(&sort, |lost| lost.event(resource), |lost| &lost.id, many));
    }
    told
}

/// What an Event tells of targets that went while nobody led.
pub fn shrinking_event(Shrinking { counted, gone }: Shrinking) -> ObjectEvent {
    let reason = Reason::SelectionShrank;
    let are = if gone == 1 { "is" } else { "are" };
    ObjectEvent {
        kind: EventType::Warning,
        reason,
        action: "Watch",
        note: format!("{gone} of {counted} targets {are} no longer selected. {}", reason.sentence()),
    }
}

/// The rows of the last instances that are lost: what is pending, and of those that status lists the newest. `listed`: they
/// are targets again.
pub fn rows(pending: &[Lost], old: &[InstanceStatus], listed: &[InstanceStatus]) -> Vec<InstanceStatus> {
    let mut ids: BTreeSet<&str> = listed.iter().map(|row| row.instance_id.as_str()).collect();
    let new = pending.iter().rev().filter(|lost| ids.insert(&lost.id)).map(|lost| InstanceStatus {
        instance_id: lost.id.clone(),
        state: if lost.cause == Cause::Gone { InstanceState::Gone } else { InstanceState::Left },
        reason: lost.reason(Resource::Protection).as_str().to_owned(),
        message: lost.sentence(Resource::Protection),
        risks: Vec::new(),
        since: Time(lost.noted),
    });
    let mut rows: Vec<InstanceStatus> = new.collect();
    let gone = |row: &&InstanceStatus| matches!(row.state, InstanceState::Gone | InstanceState::Left);
    let kept = old.iter().filter(gone).filter(|row| ids.insert(&row.instance_id)).cloned();
    rows.extend(kept);
    rows.sort_by(|a, b| b.since.0.cmp(&a.since.0).then_with(|| a.instance_id.cmp(&b.instance_id)));
    rows.truncate(MAX_LISTED_GONE);
    rows
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Moments =
        Moments { moment: Moment::at(Duration::from_secs(1000)), wall: Timestamp::UNIX_EPOCH };

    fn sight(ago: u64) -> Sight {
        Sight {
            at: Moment::at(Duration::from_secs(1000 - ago)),
            request_id: RequestId::new(format!("R{ago}")),
        }
    }

    /// Last seen so many seconds ago, protected.
    fn loss(id: &str, cause: Cause, ago: u64) -> Lost {
        NOW.date(Loss {
            id: id.into(),
            cause,
            noted: Moment::at(Duration::from_secs(1000 - ago + 10)),
            grave: true,
            not_applicable: None,
            last: Some((sight(ago), Some(true))),
            last_protected: Some(sight(ago)),
        })
    }

    #[test]
    fn i50_a_loss_says_when_it_was_last_seen_protected_and_by_which_request() {
        let protected = loss("i-a", Cause::Gone, 60);
        assert_eq!(protected.last_protected().unwrap().0, Timestamp::from_second(-60).unwrap());
        let unprotected = Lost { last: Some((NOW.look(sight(5)), Some(false))), ..protected.clone() };
        let never = Lost { last_protected: None, ..unprotected.clone() };
        let spot = Lost { grave: false, not_applicable: Some(Reason::SpotInstance), ..never.clone() };
        let given_up = Lost { grave: false, ..never.clone() };
        let unseen = Lost { last: None, ..never.clone() };
        for (lost, expected) in [
            (&protected, "It is gone; last seen protected at 1969-12-31T23:59:00Z (request R60)."),
            (
                &unprotected,
                "It is gone; last seen protected at 1969-12-31T23:59:00Z (request R60), and not protected at \
                 1969-12-31T23:59:55Z (request R5).",
            ),
            (
                &never,
                "It is gone; last seen at 1969-12-31T23:59:55Z (request R5), and never protected since this replica \
                 became the leader.",
            ),
            (
                &spot,
                "It is gone; last seen at 1969-12-31T23:59:55Z (request R5), and it could not be protected: SpotInstance.",
            ),
            (
                &given_up,
                "It is gone; last seen at 1969-12-31T23:59:55Z (request R5), not protected, as the spec asks.",
            ),
            (&unseen, "It is gone; not seen since this replica became the leader."),
        ] {
            assert_eq!(lost.sentence(Resource::Protection), expected);
        }
        for (cause, expected) in [
            (Cause::TagExcluded, "It now has a tag that the spec excludes; last seen retained at "),
            (
                Cause::HostLeft,
                "It was selected through an instance that is gone or no longer selected; last seen",
            ),
            (
                Cause::HostExcluded,
                "It is on an instance that now has a tag that the spec excludes; last seen retained",
            ),
        ] {
            let lost = Lost { cause, ..protected.clone() };
            let told = lost.sentence(Resource::Retention);
            assert!(told.starts_with(expected), "{told}");
            assert_eq!(lost.reason(Resource::Retention), Reason::SelectionLost);
        }
        let told = loss_events(Resource::Protection, &[protected, spot]);
        let kinds: Vec<(EventType, Reason)> = told.iter().map(|event| (event.kind, event.reason)).collect();
        assert_eq!(
            kinds,
            [(EventType::Warning, Reason::InstanceLost), (EventType::Normal, Reason::InstanceLost)]
        );
        assert!(told[0].note.starts_with("i-a is gone; last seen protected at "), "{told:?}");
        assert!(told.iter().all(ObjectEvent::is_loss));
    }

    #[test]
    fn i50_many_losses_of_a_sort_are_one_event_with_their_number_and_examples() {
        let many: Vec<Lost> = (0..60).map(|n| loss(&format!("i-bp1{n:017}"), Cause::TagLost, 20)).collect();
        let told = loss_events(Resource::Protection, &many);
        assert_eq!(told.len(), 1);
        let note = &told[0].note;
        assert!(note.starts_with("Each of 60 targets (i-bp1"), "{note}");
        assert!(
            note.contains(" more) has lost the tag that selected it; one was last seen protected at ")
                && note.len() <= 1024,
            "{note}"
        );
        assert_eq!(loss_events(Resource::Protection, &many[..10]).len(), 10);
    }

    #[test]
    fn i50_the_last_twenty_that_are_lost_stay_listed_until_they_are_targets_again() {
        let mut old = Vec::new();
        for n in 0..30 {
            old = rows(&[loss(&format!("i-{n:02}"), Cause::Gone, 500 - n)], &old, &[]);
        }
        let ids: Vec<&str> = old.iter().map(|row| row.instance_id.as_str()).collect();
        assert_eq!((ids.len(), ids[0], ids[19]), (20, "i-29", "i-10"));
        assert_eq!(rows(&[], &old, &[]), old, "whatever is not spoken of stands");
        let back = InstanceStatus { state: InstanceState::Protected, ..old[0].clone() };
        let left = rows(&[], &old, std::slice::from_ref(&back));
        assert_eq!((left.len(), left[0].instance_id.as_str()), (19, "i-28"));
        let tagged = rows(&[loss("i-28", Cause::TagLost, 1)], &left, &[]);
        assert_eq!((tagged.len(), tagged[0].state), (19, InstanceState::Left));
    }
}
