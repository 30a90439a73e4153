//! What is told in Events. Pure: no client here.

use std::collections::{BTreeMap, BTreeSet};

use keeper_core::auto_release_time::Cancelled;
use keeper_core::lift::Orphan;
use keeper_core::reason::Reason;
use kube::runtime::events::EventType;

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectEvent {
    /// Whether somebody has to look at it.
    pub kind: EventType,
    pub reason: Reason,
    /// What the operator was doing.
    pub action: &'static str,
    /// What it is, in a sentence. It names what it is about: two Events with different notes are different.
    pub note: String,
}

/// So many of a sort are told one by one; more are told together, with their number and examples.
const ONE_BY_ONE: usize = 10;

/// Bytes of a note that examples may take.
const EXAMPLES: usize = 700;

impl ObjectEvent {
    /// Whether it tells of something that is lost: such an Event is never held back because of others.
    pub fn is_loss(&self) -> bool {
        use Reason::{Departed, InstanceLost, SelectionLost, SelectionShrank, SurvivorsForgotten};
        matches!(self.reason, Departed | InstanceLost | SelectionLost | SelectionShrank | SurvivorsForgotten)
    }
}

/// Tells of things of one sort: one by one, or all at once if they are many. `many` gets the number of names and the examples: what is
/// told of twice is named and counted once.
pub fn each_or_all<T>(
    things: &[T],
    one: impl Fn(&T) -> ObjectEvent,
    name: impl Fn(&T) -> &str,
    many: impl FnOnce(usize, &str) -> ObjectEvent,
) -> Vec<ObjectEvent> {
    if things.len() <= ONE_BY_ONE {
        return things.iter().map(one).collect();
    }
    let mut known = BTreeSet::new();
    let names: Vec<&str> = things.iter().map(name).filter(|name| known.insert(*name)).collect();
    vec![many(names.len(), &examples(names.into_iter()))]
}

/// The first of many, and how many more there are: "eni-a, eni-b and 12 more".
pub fn examples<'a>(all: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = all.len();
    let mut bytes = 0;
    let shown: Vec<&str> = all
        .take_while(|name| {
            bytes += name.len() + 2;
            bytes <= EXAMPLES
        })
        .collect();
    let rest = count - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Interfaces that have outlived their instance, and which instance that was, if it is known.
pub type Survivors = BTreeMap<String, Option<String>>;

/// That interfaces have outlived their instances.
pub fn survived(survivors: &Survivors) -> ObjectEvent {
    let instances: BTreeSet<Option<&str>> = survivors.values().map(Option::as_deref).collect();
    let of_one = instances.first().copied().flatten().filter(|_| instances.len() == 1);
    let ids = || survivors.keys().map(String::as_str);
    let note = match (of_one, survivors.len()) {
        (_, 1) => {
            let instance = of_one.unwrap_or("its instance");
            format!("{} has outlived {instance} and is free: it waits for reuse.", examples(ids()))
        }
        (Some(instance), _) => {
            format!("{} have outlived {instance} and are free: they wait for reuse.", examples(ids()))
        }
        (None, count) => {
            let each: Vec<String> = survivors
                .iter()
                .map(|(id, last)| match last {
                    Some(instance) => format!("{id} ({instance})"),
                    None => id.clone(),
                })
                .collect();
            format!(
                "{count} network interfaces have outlived their instances and are free: {}. They wait for reuse; \
                 status.availableEniIds lists them.",
                examples(each.iter().map(String::as_str)),
            )
        }
    };
    ObjectEvent { kind: EventType::Normal, reason: Reason::Survived, action: "Retain", note }
}

/// That automatic release times were taken away, and what they were.
pub fn cancelled(cancelled: &[Cancelled]) -> Vec<ObjectEvent> {
    let event = |note| ObjectEvent {
        kind: EventType::Normal,
        reason: Reason::ReleaseTimeCancelled,
        action: "Protect",
        note,
    };
    let told: Vec<String> = cancelled.iter().map(|it| format!("{} ({})", it.instance, it.time)).collect();
    each_or_all(
        &told,
        |one| event(format!("The automatic release time of {one} was removed. Nothing puts it back.")),
        |one| one,
        |count, examples| {
            event(format!(
                "The automatic release times of {count} instances were removed: {examples}. Nothing puts them back. The log of \
                 ecs-keeper lists all of them."
            ))
        },
    )
}

/// That machines which Karpenter was to release are still there, though their Nodes are gone.
pub fn orphaned(orphans: &[Orphan]) -> Vec<ObjectEvent> {
    let reason = Reason::OrphanedInstance;
    let event = |what: &str| ObjectEvent {
        kind: EventType::Warning,
        reason,
        action: "Protect",
        note: format!("{what}: {}", reason.sentence()),
    };
    let told: Vec<String> = orphans.iter().map(|it| format!("{} (Node {})", it.instance, it.node)).collect();
    each_or_all(
        &told,
        |one| event(one),
        |one| one,
        |count, examples| event(&format!("{count} instances: {examples}")),
    )
}

/// That no object retains these interfaces any more. `unclear`: for how many status did not show whether they are free.
pub fn forgotten(ids: &BTreeSet<&str>, unclear: usize) -> ObjectEvent {
    let what = if ids.len() == 1 {
        "1 free network interface is".to_owned()
    } else {
        format!("{} free network interfaces are", ids.len())
    };
    let unclear = match unclear {
        0 => String::new(),
        unclear => format!(" For {unclear} of them, status did not show whether they are free."),
    };
    let (examples, sentence) = (examples(ids.iter().copied()), Reason::SurvivorsForgotten.sentence());
    ObjectEvent {
        kind: EventType::Warning,
        reason: Reason::SurvivorsForgotten,
        action: "Delete",
        note: format!(
            "{what} no longer retained by any object: {examples}.{unclear} {sentence} The log of ecs-keeper lists all of them."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(survivors: &[(&str, Option<&str>)]) -> String {
        let owned = |(id, last): &(&str, Option<&str>)| ((*id).to_owned(), last.map(str::to_owned));
        survived(&survivors.iter().map(owned).collect()).note
    }

    #[test]
    fn of_survivors_that_are_forgotten_it_is_said_how_many_may_not_be_free() {
        let note = |unclear| forgotten(&BTreeSet::from(["eni-a", "eni-b"]), unclear).note;
        let begins = "2 free network interfaces are no longer retained by any object: eni-a, eni-b. ";
        assert!(note(0).starts_with(begins) && !note(0).contains("For 0"));
        assert!(note(1).starts_with(&format!("{begins}For 1 of them, status did not show")), "{}", note(1));
    }

    #[test]
    fn survivors_are_one_event_with_their_count_and_examples() {
        assert_eq!(
            note(&[("eni-a", Some("i-1"))]),
            "eni-a has outlived i-1 and is free: it waits for reuse."
        );
        assert_eq!(
            note(&[("eni-a", Some("i-1")), ("eni-b", Some("i-1"))]),
            "eni-a, eni-b have outlived i-1 and are free: they wait for reuse."
        );
        let several = note(&[("eni-a", Some("i-1")), ("eni-b", Some("i-2")), ("eni-c", None)]);
        assert!(several.starts_with(
            "3 network interfaces have outlived their instances and are free: eni-a (i-1), eni-b (i-2), eni-c. They"
        ), "{several}");
        let ids: Vec<String> = (0..1060).map(|n| format!("eni-{n:0>60}")).collect();
        let long = "i-".to_owned() + &"x".repeat(62);
        let crowd: Vec<(&str, Option<&str>)> =
            ids.iter().map(|id| (id.as_str(), (id != &ids[7]).then_some(long.as_str()))).collect();
        let note = note(&crowd);
        assert!(
            note.starts_with("1060 network interfaces have outlived") && note.contains(" and 1055 more.")
        );
        assert!(note.len() <= 1024, "{} bytes", note.len());
    }
}
