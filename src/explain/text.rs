//! What is explained, on one screen of 100 columns.

use std::fmt::Display;

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::flag::Flag as _;

use super::explanation::{
    CloudFacts, Explanation, InstanceSays, InterfaceSays, Objects, Risk, Said, Selecting, StateSince,
    Unresolved, Want,
};
use super::history::{Change, History, Unwatched, Why, Write};
use crate::text_page::Page;
use crate::zone::Zone;

/// The explanation as text, with times in this zone.
pub fn text(told: &Explanation, zone: &Zone) -> String {
    let mut page = Page::default();
    let name = told.name.as_deref().map(|name| format!("  {name}")).unwrap_or_default();
    page.paragraph(0, &format!("{}{name}", told.id));
    page.paragraph(0, &format!("{}, account {}, seen {}", told.region, told.account, zone.time(told.seen)));
    page.title("VERDICT");
    tell_verdict(&mut page, 2, &told.verdict);
    page.title("WHAT THE CLOUD SAYS");
    match &told.cloud {
        CloudFacts::Instance(says) => instance(&mut page, says),
        CloudFacts::NetworkInterface(says) => interface(&mut page, says),
    }
    page.title("WHAT CAN STILL TAKE IT AWAY");
    if told.risks.is_empty() {
        page.paragraph(
            2,
            "Nothing that the cloud's answer shows. See docs/limits.md for what it does not show.",
        );
    }
    for risk in &told.risks {
        tell_risk(&mut page, risk);
    }
    objects(&mut page, told, zone);
    on_release(&mut page, told);
    page.title("SINCE WHEN, AND BY WHOM");
    for since in &told.since {
        let StateSince { state, object, since } = since;
        let differs = told.kind == "Instance" && !agrees(state, told.verdict.state);
        let but = if differs { " That is not what the cloud says now." } else { "" };
        page.paragraph(2, &format!("{state} since {}, as {object} says.{but}", zone.time(*since)));
    }
    if told.since.is_empty() {
        let why = if told.objects.known { "no object has a row about it" } else { "no objects were read" };
        page.paragraph(2, &format!("Since when is not known from status: {why}."));
    }
    if let Some(history) = &told.history {
        past(&mut page, history, told, zone);
    }
    let switched_off = &told.changed_by.switched_off;
    for it in switched_off.iter().take(MOST_PAST) {
        page.paragraph(2, &it.sentence(&told.id, zone));
    }
    more(&mut page, switched_off.len(), "earlier times at which a flag was seen changed");
    page.paragraph(2, &told.changed_by.message);
    if !told.advice.is_empty() {
        page.title("WHAT TO DO");
        for advice in &told.advice {
            page.item(2, advice);
        }
    }
    if !told.not_examined.is_empty() {
        page.title("NOT EXAMINED");
        for region in &told.not_examined {
            page.item(2, &format!("{} (account {}): {}", region.region, region.account, region.error));
        }
    }
    page.text
}

fn instance(page: &mut Page, says: &InstanceSays) {
    let charge = match (says.charge_type, says.spot) {
        (Some("PrePaid"), _) => "subscription".to_owned(),
        (Some(_), Some(true)) => "pay-as-you-go, spot".to_owned(),
        (Some(_), Some(false)) => "pay-as-you-go".to_owned(),
        _ => UNKNOWN.to_owned(),
    };
    let in_group = says.scaling_state.as_ref().map(|state| format!(" ({state})")).unwrap_or_default();
    page.field("DeletionProtection", &or_unknown(says.deletion_protection));
    page.field("charge type", &charge);
    page.field("release time", &or_none(says.auto_release_time.as_deref()));
    page.field("locks", &list(says.locks.as_deref()));
    page.field("scaling group", &(or_none(says.scaling_group_id.as_deref()) + &in_group));
    page.field("status", &or_unknown(says.status));
    page.field("zone", &or_unknown(says.zone_id.as_deref()));
    page.field("network interfaces", &list(says.network_interface_ids.as_deref()));
}

fn interface(page: &mut Page, says: &InterfaceSays) {
    page.field("DeleteOnRelease", &or_unknown(says.delete_on_release));
    page.field("type", &or_unknown(says.interface_type));
    page.field("status", &or_unknown(says.status));
    page.field("on instance", &or_none(says.instance_id.as_deref()));
    if says.instance_id.as_deref().is_some_and(|id| !id.is_empty()) {
        page.field("  DeletionProtection", &or_unknown(says.host_deletion_protection));
    }
    page.field("managed by a product", &or_unknown(says.service_managed));
    page.field("zone", &or_unknown(says.zone_id.as_deref()));
    page.field("private addresses", &list(Some(&says.private_ips)));
}

/// Whether what an object says of the target is how the cloud shows it. One that steps aside for it has it unprotected.
fn agrees(said: &str, shown: &str) -> bool {
    said == shown || (said == "Excepted" && shown == "Unprotected")
}

fn objects(page: &mut Page, told: &Explanation, zone: &Zone) {
    let Objects { why_unknown, selecting, doubt, unresolved, unreadable, not_served, known } = &told.objects;
    page.title("OBJECTS");
    if !known {
        page.paragraph(2, &format!("Not known: {}.", why_unknown.as_deref().unwrap_or_default()));
        return;
    }
    if selecting.is_empty() {
        let sure = !told.objects.is_doubtful();
        page.paragraph(2, if sure { "No object selects it." } else { "No object is known to select it." });
    }
    for object in selecting.iter().take(MOST_SELECTING) {
        tell_object(page, object, zone);
    }
    if let Some(more) = selecting.len().checked_sub(MOST_SELECTING).filter(|more| *more > 0) {
        page.paragraph(2, &format!("And {more} more objects: --output json has all of them."));
    }
    if let Some(doubt) = doubt {
        page.paragraph(2, doubt);
    }
    for Unresolved { object, nodes } in unresolved {
        let (which, it) = (some(nodes), if nodes.len() == 1 { "It" } else { "One of them" });
        page.paragraph(
            2,
            &format!(
                "{object} selects Nodes without a readable providerID (NodeUnresolved): {which}. {it} may be the Node of this target."
            ),
        );
    }
    if !unreadable.is_empty() {
        page.paragraph(2, &format!("May be holds, because they can't be read: {}.", some(unreadable)));
    }
    if !not_served.is_empty() {
        let which = some(not_served);
        page.paragraph(2, &format!("Not served, because the configuration does not grant it: {which}."));
    }
    if told.flags.iter().any(|flag| flag.next != "Nothing") {
        page.title("WHAT HAPPENS NEXT");
        for flag in told.flags.iter().filter(|flag| flag.next != "Nothing") {
            page.item(2, &format!("{}: {}", flag.flag, flag.message));
        }
    }
}

/// Changes and spans that are told of: more don't fit on a screen.
const MOST_PAST: usize = 5;

/// What the evidence log says, the newest first.
fn past(page: &mut Page, history: &History, told: &Explanation, zone: &Zone) {
    let (Some(from), Some(to)) = (history.from, history.to) else {
        page.paragraph(2, "The evidence log has no line about this account and region.");
        return;
    };
    page.paragraph(2, &format!("The evidence log, from {} to {}:", zone.time(from), zone.time(to)));
    if history.changes.is_empty() {
        page.item(2, "No line of it is about a change of this target.");
    }
    for change in history.changes.iter().rev().take(MOST_PAST) {
        page.item(2, &sentence(change, zone));
    }
    more(page, history.changes.len(), "earlier changes");
    if let Some(flag) = unexplained(history, told) {
        page.item(2, &format!("The cloud shows another value of {flag} now: that change is not in the log."));
    }
    for Unwatched { from, to, why } in history.unwatched.iter().rev().take(MOST_PAST) {
        let why = match why {
            Why::NoLeader => "no leader had listed the region",
            Why::LinesMissing => "lines of the log are missing",
            Why::NotListed => "no listing was complete",
        };
        page.item(
            2,
            &format!("A change from {} to {} may be missing: {why}.", zone.time(*from), zone.time(*to)),
        );
    }
    more(page, history.unwatched.len(), "such times");
}

fn more(page: &mut Page, all: usize, what: &str) {
    if let Some(more) = all.checked_sub(MOST_PAST).filter(|more| *more > 0) {
        page.item(2, &format!("And {more} {what}: --output json has all of them."));
    }
}

fn sentence(change: &Change, zone: &Zone) -> String {
    let Change { flag, from, to, last_seen, seen, write, .. } = change;
    let when = match last_seen {
        Some(last) => format!("between {} and {}", zone.time(*last), zone.time(*seen)),
        None => format!("by {}", zone.time(*seen)),
    };
    let by = match write {
        Some(Write { kind, namespace, name, reason, .. }) => {
            format!("ecs-keeper did it for {kind} {namespace}/{name} ({reason})")
        }
        None => "ecs-keeper did not do it".to_owned(),
    };
    match (from, to) {
        (Some(from), Some(to)) => format!("{flag} changed from {from} to {to} {when}; {by}."),
        (None, Some(to)) => format!("{flag} was {to} when it was seen first, at {}.", zone.time(*seen)),
        (_, None) => {
            format!("{flag} was watched until {}: no object selected the target any more.", zone.time(*seen))
        }
    }
}

/// The main flag, if the log's last line about it does not say what the cloud says now.
fn unexplained(history: &History, told: &Explanation) -> Option<&'static str> {
    let (flag, protected) = match &told.cloud {
        CloudFacts::Instance(says) => (DeletionProtection::NAME, says.deletion_protection),
        CloudFacts::NetworkInterface(says) => {
            (DeleteOnRelease::NAME, says.delete_on_release.map(|deletes| !deletes))
        }
    };
    let last = history.changes.iter().rfind(|change| change.flag == flag)?.to.as_deref()?;
    let now = if protected? { "Protected" } else { "Unprotected" };
    (last != now).then_some(flag)
}

/// Objects that are named where many can be.
const MOST: usize = 5;

/// Objects that select the target and are told of: more don't fit on a screen.
const MOST_SELECTING: usize = 10;

fn some(all: &[impl Display]) -> String {
    let named = all.iter().take(MOST).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(MOST) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn on_release(page: &mut Page, told: &Explanation) {
    let fates = &told.on_release.network_interfaces;
    if told.kind == "NetworkInterface" && fates.is_empty() {
        return;
    }
    page.title("WHEN THE INSTANCE IS RELEASED");
    if let Some(why) = &told.on_release.why_unknown {
        page.paragraph(2, &format!("What becomes of its network interfaces is not known: {why}."));
    }
    for fate in fates {
        let deletes = match fate.delete_on_release {
            Some(true) => "true",
            Some(false) => "false",
            None => UNKNOWN,
        };
        let mut why: Vec<&str> = Vec::new();
        if !matches!(fate.verdict.state, "Protected" | "Unprotected") {
            why.push(fate.verdict.reason);
        }
        why.extend(fate.risks.iter().map(|risk| risk.reason));
        let why = if why.is_empty() { String::new() } else { format!(" {}", why.join(", ")) };
        let line = format!(
            "{:<24} {:<10} DeleteOnRelease {deletes:<8} {:<8}{why}",
            fate.id,
            fate.interface_type.unwrap_or(UNKNOWN),
            fate.fate.to_lowercase()
        );
        page.hanging(2, 27, &line);
    }
    if told.kind == "Instance" {
        page.paragraph(2, "Disks and public addresses of the instance itself are not looked at.");
    }
}

/// What is said of what the answer does not say readably.
const UNKNOWN: &str = "unknown";

fn or_unknown<T: Display>(value: Option<T>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

fn or_none(value: Option<&str>) -> String {
    match value {
        None => UNKNOWN.to_owned(),
        Some("") => "none".to_owned(),
        Some(value) => value.to_owned(),
    }
}

fn list(values: Option<&[String]>) -> String {
    match values {
        None => UNKNOWN.to_owned(),
        Some([]) => "none".to_owned(),
        Some(values) => values.join(" "),
    }
}

fn tell_verdict(page: &mut Page, indent: usize, said: &Said) {
    let reason = match (said.state, said.reason) {
        ("Protected", "AllProtected") | ("Unprotected", "Unprotected") => String::new(),
        (_, reason) => format!(" ({reason})"),
    };
    page.paragraph(indent, &format!("{}{reason}: {}", said.state, said.message));
}

fn tell_risk(page: &mut Page, risk: &Risk) {
    let detail = risk.detail.as_ref().map(|detail| format!(" {detail}")).unwrap_or_default();
    page.item(2, &format!("{}{detail}: {}", risk.reason, risk.message));
}

fn tell_object(page: &mut Page, object: &Selecting, zone: &Zone) {
    let doubt = object.doubt.map(|why| format!(" may select it ({why})"));
    let doubt = doubt.unwrap_or_else(|| " selects it".to_owned());
    page.item(2, &format!("{} (generation {}){doubt}", object.object, object.generation));
    let Said { state, reason, message } = &object.verdict;
    let why = if *state == "Protected" { String::new() } else { format!(". {message}") };
    page.paragraph(4, &format!("says of it: {state}, {reason}{why}"));
    for want in &object.wants {
        page.paragraph(4, &format!("{}: {}", want.flag, stance(want, zone)));
    }
}

fn stance(want: &Want, zone: &Zone) -> String {
    match (want.stance, want.until) {
        ("Enforces", _) if want.flag == AutoReleaseTime::NAME => "has it removed".to_owned(),
        ("Enforces", _) => "keeps it at its protected value".to_owned(),
        ("Holds", _) => "is a hold, so nobody may unprotect it, but sets nothing".to_owned(),
        ("StepsAside", Some(until)) => format!("steps aside until {}", zone.time(until)),
        ("Unprotects", _) => "asks for its unprotected value".to_owned(),
        ("Unprotected", _) => "asked for its unprotected value, and that was carried out".to_owned(),
        _ => "only says how it is".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_steps_aside_and_a_cloud_that_shows_the_flag_off_agree() {
        for (said, shown, expected) in [
            ("Protected", "Protected", true),
            ("Excepted", "Unprotected", true),
            ("Excepted", "Protected", false),
            ("Protected", "Unprotected", false),
        ] {
            assert_eq!(agrees(said, shown), expected, "{said} {shown}");
        }
    }
}
