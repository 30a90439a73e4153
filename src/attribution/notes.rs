//! What is told of who has switched a flag off. Pure: no client here. Names come from strangers.

use keeper_core::attribution::{Finding, Outcome};
use keeper_core::id::RequestId;
use keeper_core::reason::Reason;
use keeper_core::trail::{TrailEvent, TrailedFlag};
use kube::runtime::events::EventType;

use crate::events::{ObjectEvent, each_or_all};
use crate::visible_text::plain;
use crate::who::identity;

/// Candidates that a note has room for.
const CANDIDATES: usize = 3;

/// The Events about one object. What is not known is none, and what is not certain has a reason of its own.
pub fn events(findings: &[Finding], shows_names: bool) -> Vec<ObjectEvent> {
    let (certain, rest): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|finding| matches!(finding.outcome, Outcome::ChangedBy(_)));
    let mut events = events_with(Reason::ChangedBy, "switched off", &certain, shows_names);
    events.extend(events_with(Reason::MayHaveBeenChangedBy, "may have switched off", &rest, shows_names));
    events
}

/// Those with one reason. `did`: what the calls did.
fn events_with(reason: Reason, did: &str, findings: &[&Finding], shows_names: bool) -> Vec<ObjectEvent> {
    let known: Vec<(&str, String)> = findings
        .iter()
        .filter_map(|finding| Some((&*finding.target, sentence(finding, shows_names)?)))
        .collect();
    let event = |note| ObjectEvent { kind: EventType::Normal, reason, action: "Watch", note };
    each_or_all(
        &known,
        |(_, sentence)| event(sentence.clone()),
        |(target, _)| target,
        |count, examples| {
            event(format!(
                "ActionTrail has calls that {did} the flags of {count} targets: {examples}. The log of ecs-keeper has all of \
                 them."
            ))
        },
    )
}

/// What is known, in a sentence.
fn sentence(finding: &Finding, shows_names: bool) -> Option<String> {
    let target = &finding.target;
    let (what, verb) = match finding.flag {
        TrailedFlag::DeletionProtection => (format!("Release protection of {target}"), "switched off"),
        TrailedFlag::AutoReleaseTime => (format!("An automatic release time of {target}"), "set"),
        TrailedFlag::DeleteOnRelease => (format!("Retention of {target}"), "switched off"),
    };
    let more = if shows_names { "" } else { " The log of ecs-keeper has the name." };
    Some(match &finding.outcome {
        Outcome::Unknown(_) => return None,
        Outcome::ChangedBy(call) => format!("{what} was {verb} by {}.{more}", by(call, shows_names)),
        Outcome::Candidates { calls, left_out } => {
            let told: Vec<String> = calls.iter().take(CANDIDATES).map(|call| by(call, shows_names)).collect();
            let rest = calls.len().saturating_sub(CANDIDATES) + left_out;
            let others = if rest > 0 { format!("; and {rest} more") } else { String::new() };
            let which = if told.len() == 1 { "this call" } else { "each of these calls" };
            let told = told.join("; ");
            format!(
                "{what} was {verb}. It is not certain by whom; {which} may have done it: {told}{others}.{more}"
            )
        }
    })
}

/// Who, when, and in which request.
fn by(call: &TrailEvent, shows_names: bool) -> String {
    let name = call.actor.name.as_deref().filter(|_| shows_names).map(plain);
    let who = identity(call.actor.kind, name.as_deref());
    let request =
        call.request_id.as_ref().map_or_else(String::new, |id: &RequestId| format!(" (request {id})"));
    format!("{who} at {}{request}", call.at)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use keeper_core::attribution::Unanswered;
    use keeper_core::id::{ObjectId, Region};
    use keeper_core::on_behalf::{OnBehalf, WriteReason};
    use keeper_core::trail::{Actor, ActorKind, AskedValue};

    use super::*;

    fn call(kind: ActorKind, name: &str) -> TrailEvent {
        TrailEvent {
            at: Timestamp::UNIX_EPOCH,
            request_id: Some(RequestId::new("R-1")),
            targets: vec!["i-a".into()],
            asked: AskedValue::Unprotected,
            failed: false,
            actor: Actor { kind, name: Some(name.into()), account_id: None },
            source: Some("203.0.113.9".into()),
            user_agent: Some("curl".into()),
        }
    }

    fn finding(outcome: Outcome) -> Finding {
        let object = ObjectId::new("prod", "web", "uid");
        Finding {
            region: Region::new("cn-hangzhou"),
            flag: TrailedFlag::DeletionProtection,
            target: "i-a".into(),
            on_behalf: OnBehalf { object, generation: 1, reason: WriteReason::Repairing },
            last_seen: Timestamp::UNIX_EPOCH,
            seen: Timestamp::UNIX_EPOCH,
            outcome,
        }
    }

    fn note(outcome: Outcome, shows_names: bool) -> String {
        events(&[finding(outcome)], shows_names).pop().map(|event| event.note).unwrap_or_default()
    }

    fn candidates(calls: Vec<TrailEvent>) -> Outcome {
        Outcome::Candidates { calls, left_out: 0 }
    }

    #[test]
    fn an_event_names_who_only_if_names_are_asked_for() {
        let ann = || Outcome::ChangedBy(call(ActorKind::RamUser, "ann"));
        assert_eq!(
            note(ann(), true),
            "Release protection of i-a was switched off by the RAM user ann at 1970-01-01T00:00:00Z (request R-1)."
        );
        assert_eq!(
            note(ann(), false),
            "Release protection of i-a was switched off by a RAM user at 1970-01-01T00:00:00Z (request R-1). The log of \
             ecs-keeper has the name."
        );
        for kind in ActorKind::ALL {
            let calls = vec![call(kind, "secretive"), call(kind, "secretive")];
            let note = note(candidates(calls), false);
            assert!(!note.contains("secretive") && !note.contains("203.0.113.9"), "{note}");
        }
        assert_eq!(note(Outcome::Unknown(Unanswered::NoEvent), true), "");
    }

    #[test]
    fn candidates_are_said_to_be_that() {
        let calls = vec![call(ActorKind::AssumedRole, "admins:ann"), call(ActorKind::Service, "ess")];
        assert_eq!(
            note(candidates(calls), true),
            "Release protection of i-a was switched off. It is not certain by whom; each of these calls may have done it: the \
             session admins:ann of a RAM role at 1970-01-01T00:00:00Z (request R-1); the cloud service ess at \
             1970-01-01T00:00:00Z (request R-1)."
        );
        let one = || candidates(vec![call(ActorKind::RamUser, "ann")]);
        let [event] = &events(&[finding(one())], true)[..] else { panic!() };
        assert_eq!(event.reason, Reason::MayHaveBeenChangedBy);
        assert!(event.note.contains("not certain by whom; this call may have done it: the RAM user ann"));
        let calls = vec![call(ActorKind::RamUser, "ann"); 5];
        let many = note(Outcome::Candidates { calls, left_out: 7 }, true);
        assert!(many.ends_with("; and 9 more."), "{many}");
        let certain = finding(Outcome::ChangedBy(call(ActorKind::RamUser, "ann")));
        let mixed: Vec<Finding> = (0..30).flat_map(|_| [certain.clone(), finding(one())]).collect();
        let told = events(&mixed, true);
        assert_eq!(
            told.iter().map(|it| it.reason).collect::<Vec<_>>(),
            [Reason::ChangedBy, Reason::MayHaveBeenChangedBy]
        );
        assert!(
            told[1].note.starts_with("ActionTrail has calls that may have switched off"),
            "{}",
            told[1].note
        );
    }

    #[test]
    fn names_of_strangers_are_made_harmless() {
        let hostile = format!("\u{1b}[31m\u{202e}</script>\r\n\u{2028}{}", "x".repeat(4000));
        let event = call(ActorKind::RamUser, &hostile);
        let many = note(candidates(vec![event.clone(); 5]), true);
        assert!(many.len() <= 1024 && !many.contains(['\u{1b}', '\n', '\u{202e}', '\u{2028}']), "{many}");
        let event =
            TrailEvent { user_agent: Some(hostile.clone().into()), source: Some(hostile.into()), ..event };
        let who = crate::who::Who::of(&event);
        for text in [who.name, who.user_agent, who.source] {
            let text = text.unwrap();
            assert!(text.chars().count() <= 129 && !text.contains(|c: char| c.is_control()), "{text}");
        }
    }

    #[test]
    fn many_at_once_are_one_event_with_their_number() {
        let findings: Vec<Finding> =
            (0..30).map(|_| finding(Outcome::ChangedBy(call(ActorKind::RamUser, "ann")))).collect();
        let events = events(&findings, true);
        assert_eq!(events.len(), 1);
        assert!(events[0].note.contains("of 30 targets: i-a, ") && events[0].note.len() <= 1024);
    }
}
