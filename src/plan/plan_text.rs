//! A plan as text, in lines of 100 columns.

use serde_json::Value;

use super::comparison::Outcome;
use super::planned::{Planned, PlannedCost, PlannedObject, PlannedTarget};
use super::spec_difference::Difference;
use crate::text_page::Page;
use crate::visible_text::plain;
use crate::zone::Zone;

/// Targets that are listed of one object, unless all are asked for.
const MOST_TARGETS: usize = 50;

/// What is written above targets that no object of the files selects.
pub const OF_OTHERS: &str = "Targets of other objects, of which the files change something";

/// Entries of a list that are told of.
const MOST_ENTRIES: usize = 5;

/// The plan as text, with times in this zone. `all`: list every target.
pub fn text(planned: &Planned, all: bool, zone: &Zone) -> String {
    let mut page = Page::default();
    let others = planned.targets_of_others();
    if !others.is_empty() {
        page.line(OF_OTHERS);
        tell_targets(&mut page, Some(&others), (all, zone));
        page.line("");
    }
    let targets = planned.targets_by_object();
    for object in &planned.objects {
        tell_object(&mut page, targets.get(&object.object), object, (all, zone));
        page.line("");
    }
    if !planned.reasons.is_empty() {
        page.line("REASONS");
        for (reason, sentence) in &planned.reasons {
            page.item(2, &format!("{reason}: {sentence}"));
        }
        page.line("");
    }
    let notes = notes(planned);
    if !notes.is_empty() {
        page.line("NOTES");
        for note in &notes {
            page.item(2, note);
        }
        page.line("");
    }
    page.paragraph(0, &summary(planned));
    page.text
}

/// What else is to be known, what is not known first.
pub fn notes(planned: &Planned) -> Vec<String> {
    let regions = planned.not_examined.iter();
    let mut notes: Vec<String> = regions
        .map(|region| {
            format!("{} (account {}) could not be read: {}", region.region, region.account, region.error)
        })
        .collect();
    notes.extend(planned.notes.iter().cloned());
    if planned.other_documents > 0 {
        let (count, is) = (planned.other_documents, if planned.other_documents == 1 { "is" } else { "are" });
        let documents = if count == 1 { "document" } else { "documents" };
        notes.push(format!("{count} other {documents} in the files {is} not about objects of ecs-keeper."));
    }
    notes
}

/// The last line: what would be done, and what that takes.
pub fn summary(planned: &Planned) -> String {
    let counts = planned.counts.sentence();
    let counts = if counts.is_empty() { "no target".to_owned() } else { counts };
    let anyway = match planned.anyway {
        0 => String::new(),
        count => format!(", {count} pending also without the files"),
    };
    let unknown = if planned.complete { "" } else { ", and what was not read" };
    format!("Plan: {counts}{anyway}{unknown}; {}.", cost(planned.cost))
}

fn cost(cost: PlannedCost) -> String {
    let calls = cost.writes + cost.reads;
    let several = if calls == 1 { "call" } else { "calls" };
    match (calls, cost.seconds) {
        (0, _) => "no calls".to_owned(),
        (_, ..60) => format!("{calls} {several}, under 1 min"),
        (_, seconds @ ..7200) => format!("{calls} {several}, about {} min", seconds.div_ceil(60)),
        (_, seconds) => format!("{calls} {several}, about {} h", seconds.div_ceil(3600)),
    }
}

/// What applying does to an object.
pub fn action(object: &PlannedObject) -> String {
    match (object.action, object.applied_generation) {
        ("Create", _) => "new".to_owned(),
        ("Change", Some(generation)) => format!("changes generation {generation}"),
        ("Nothing", Some(generation)) => format!("is applied already, as generation {generation}"),
        _ => "not compared with a cluster".to_owned(),
    }
}

/// The regions of an object with what it has there: those that were read, and those that were not.
pub fn places(object: &PlannedObject) -> Vec<String> {
    let (unread, read): (Vec<&str>, Vec<&str>) = object
        .regions
        .iter()
        .map(String::as_str)
        .partition(|region| object.not_read.iter().any(|it| it == region));
    let counts = object.counts.sentence();
    let counts = if counts.is_empty() { "selects nothing".to_owned() } else { counts };
    let mut places = Vec::new();
    places.extend((!read.is_empty()).then(|| format!("{}: {counts}", read.join(", "))));
    places.extend((!unread.is_empty()).then(|| format!("{}: not read, see the notes", unread.join(", "))));
    places
}

/// Those of the targets of an object that are listed, and how many are not.
pub fn listed<'a>(own: Option<&Vec<&'a PlannedTarget>>, all: bool) -> (Vec<&'a PlannedTarget>, usize) {
    let at_rest = |target: &PlannedTarget| matches!(target.outcome, Outcome::Protected | Outcome::Unchanged);
    let own = own.into_iter().flatten().copied().filter(|target| all || !at_rest(target));
    let mut own: Vec<&PlannedTarget> = own.collect();
    let most = if all { own.len() } else { MOST_TARGETS };
    let rest = own.len().saturating_sub(most);
    own.truncate(most);
    (own, rest)
}

fn tell_object(
    page: &mut Page,
    own: Option<&Vec<&PlannedTarget>>,
    object: &PlannedObject,
    how: (bool, &Zone),
) {
    page.hanging(0, 2, &format!("{} ({}): {}", object.object, object.at, action(object)));
    if let Some(why) = &object.not_served {
        page.paragraph(2, &format!("The operator does nothing for it. {why}"));
    }
    for difference in &object.differences {
        page.hanging(2, 4, &told(difference));
    }
    for place in places(object) {
        page.hanging(2, 4, &format!("account {}, {place}", object.account));
    }
    tell_targets(page, own, how);
    for note in &object.notes {
        page.item(2, note);
    }
}

fn tell_targets(page: &mut Page, own: Option<&Vec<&PlannedTarget>>, (all, zone): (bool, &Zone)) {
    let (targets, rest) = listed(own, all);
    for target in targets {
        page.hanging(2, 4, &line(target, zone));
    }
    if rest > 0 {
        page.paragraph(2, &format!("and {rest} more: --all lists them"));
    }
}

/// A sign for those who skim.
pub fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Protect => "+",
        Outcome::Unprotect => "-",
        Outcome::StaysProtected | Outcome::NoLongerHeld | Outcome::LeftUnprotected => "!",
        Outcome::Unknown => "?",
        Outcome::CannotProtect => "x",
        Outcome::Unchanged | Outcome::Protected => "=",
    }
}

fn line(target: &PlannedTarget, zone: &Zone) -> String {
    let message = target.statement().text(zone);
    let name = target.name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
    let reason = target.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{} {:<24}{name}  {message}{reason}", sign(target.outcome), target.id)
}

/// A field that differs.
pub fn told(difference: &Difference) -> String {
    if let Some((added, removed)) = difference.of_lists() {
        let side = |sign: &str, entries: &[&Value]| {
            let mut told: Vec<String> =
                entries.iter().take(MOST_ENTRIES).map(|entry| format!("{sign}{}", value(entry))).collect();
            let more = entries.len().saturating_sub(MOST_ENTRIES);
            told.extend((more > 0).then(|| format!("{sign}{more} more")));
            told
        };
        let both = [side("+", &added), side("-", &removed)].concat();
        let what = if both.is_empty() { "another order".to_owned() } else { both.join(", ") };
        return format!("spec.{}: {what}", difference.field);
    }
    let side = |side: Option<&Value>| side.map_or_else(|| "nothing".to_owned(), value);
    format!(
        "spec.{}: {} -> {}",
        difference.field,
        side(difference.from.as_ref()),
        side(difference.to.as_ref())
    )
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_it_takes_is_told_in_minutes_or_hours() {
        let told = |writes, seconds| cost(PlannedCost { writes, reads: 0, seconds });
        assert_eq!(told(0, 0), "no calls");
        assert_eq!(told(1, 59), "1 call, under 1 min");
        assert_eq!(told(100, 61), "100 calls, about 2 min");
        assert_eq!(told(100_000, 100_000), "100000 calls, about 28 h");
    }

    #[test]
    fn a_field_that_differs_is_told_on_one_line() {
        let differs = |from: Value, to: Value| {
            let side = |value: Value| Some(value).filter(|value| !value.is_null());
            told(&Difference { field: "f".to_owned(), from: side(from), to: side(to) })
        };
        assert_eq!(differs(json!("Enforce"), json!("a\nb")), "spec.f: Enforce -> ab");
        assert_eq!(differs(json!(null), json!(true)), "spec.f: nothing -> true");
        assert_eq!(differs(json!(["i-a", "i-b"]), json!(["i-b", "i-c"])), "spec.f: +i-c, -i-a");
        assert_eq!(differs(json!(["i-a", "i-b"]), json!(["i-b", "i-a"])), "spec.f: another order");
        let many: Vec<String> = (0..8).map(|number| format!("i-{number}")).collect();
        assert_eq!(differs(json!(null), json!(many)), "spec.f: +i-0, +i-1, +i-2, +i-3, +i-4, +3 more");
    }
}
