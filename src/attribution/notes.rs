//! What is told of who has switched a flag off. Pure: no client here. Names come from strangers.

use std::collections::BTreeMap;

use keeper_core::attribution::{Finding, Outcome, Own};
use keeper_core::id::RequestId;
use keeper_core::reason::Reason;
use keeper_core::trail::{TrailEvent, TrailedFlag};
use kube::runtime::events::EventType;

use crate::events::{ObjectEvent, each_or_all};
use crate::visible_text::plain;
use crate::who::{identity_in, taken_back};

/// Candidates that a note has room for.
const CANDIDATES: usize = 3;

/// The Events about one object. What is not known is none, and what is not certain has a reason of its own. `own`: who has asked.
pub fn events(findings: &[Finding], shows_names: bool, own: &Own) -> Vec<ObjectEvent> {
    let mut alike: BTreeMap<(Reason, TrailedFlag), Vec<(&str, String)>> = BTreeMap::new();
    for finding in findings {
        if let Some((reason, sentence)) = told(finding, shows_names, own) {
            alike.entry((reason, finding.flag)).or_default().push((&finding.target, sentence));
        }
    }
    alike.iter().flat_map(|((reason, flag), told)| events_with(*reason, *flag, told)).collect()
}

/// Those about one flag that have one reason, of the sentences about each target.
fn events_with(reason: Reason, flag: TrailedFlag, told: &[(&str, String)]) -> Vec<ObjectEvent> {
    let event = |note| ObjectEvent { kind: EventType::Normal, reason, action: "Watch", note };
    each_or_all(
        told,
        |(_, sentence)| event(sentence.clone()),
        |(target, _)| target,
        |count, examples| {
            let targets = if count == 1 { "1 target".to_owned() } else { format!("{count} targets") };
            let (what, verb) = taken_back(flag, &targets);
            let which = match reason {
                Reason::ChangedBy => "The log of ecs-keeper has the calls that did it",
                _ => "It is not certain by whom. The log of ecs-keeper has the calls that may have done it",
            };
            event(format!("{what} was {verb}: {examples}. {which}."))
        },
    )
}

/// What is known, in a sentence, and the reason of the Event that says so.
fn told(finding: &Finding, shows_names: bool, own: &Own) -> Option<(Reason, String)> {
    let (what, verb) = taken_back(finding.flag, &finding.target);
    let more = if shows_names { "" } else { " The log of ecs-keeper has the name." };
    match &finding.outcome {
        Outcome::Unknown(_) => None,
        Outcome::ChangedBy(call) => {
            let note = format!("{what} was {verb} by {}.{more}", by(call, shows_names, own));
            Some((Reason::ChangedBy, note))
        }
        Outcome::Candidates { calls, left_out } => {
            let told: Vec<String> =
                calls.iter().take(CANDIDATES).map(|call| by(call, shows_names, own)).collect();
            let rest = calls.len().saturating_sub(CANDIDATES) + left_out;
            let others = if rest > 0 { format!("; and {rest} more") } else { String::new() };
            let which = if told.len() == 1 { "this call" } else { "each of these calls" };
            let told = told.join("; ");
            let note = format!(
                "{what} was {verb}. It is not certain by whom; {which} may have done it: {told}{others}.{more}"
            );
            Some((Reason::MayHaveBeenChangedBy, note))
        }
    }
}

/// Who, when, and in which request.
fn by(call: &TrailEvent, shows_names: bool, own: &Own) -> String {
    let TrailEvent { actor, .. } = call;
    let name = actor.name.as_deref().filter(|_| shows_names).map(plain);
    // Without its account, a stranger would be taken for one of the own users.
    let account = own
        .other_account(actor)
        .map(|id| if shows_names { format!("account {}", plain(id)) } else { "another account".to_owned() });
    let who = identity_in(actor.kind, name.as_deref(), account.as_deref());
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
            actor: Actor { kind, name: Some(name.into()), account_id: Some("1".into()) },
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

    fn own() -> Own {
        Own { account_id: Some("1".into()), session: None }
    }

    fn note(outcome: Outcome, shows_names: bool) -> String {
        events(&[finding(outcome)], shows_names, &own()).pop().map(|event| event.note).unwrap_or_default()
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
    fn an_identity_of_another_account_is_not_taken_for_one_of_the_own() {
        let named = |kind, shows_names| {
            let mut call = call(kind, "ann");
            call.actor.account_id = Some("2\u{202e}".into());
            note(Outcome::ChangedBy(call), shows_names)
        };
        for (kind, with_name, without) in [
            (ActorKind::RamUser, "the RAM user ann of account 2", "a RAM user of another account"),
            (
                ActorKind::AssumedRole,
                "the session ann of a RAM role of account 2",
                "a session of a RAM role of another account",
            ),
            (ActorKind::RootAccount, "account 2 itself", "another account itself"),
        ] {
            let begins = |who| format!("Release protection of i-a was switched off by {who} at 1970-");
            assert!(named(kind, true).starts_with(&begins(with_name)), "{}", named(kind, true));
            assert!(named(kind, false).starts_with(&begins(without)), "{}", named(kind, false));
        }
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
        let [event] = &events(&[finding(one())], true, &own())[..] else { panic!() };
        assert_eq!(event.reason, Reason::MayHaveBeenChangedBy);
        assert!(event.note.contains("not certain by whom; this call may have done it: the RAM user ann"));
        let calls = vec![call(ActorKind::RamUser, "ann"); 5];
        let many = note(Outcome::Candidates { calls, left_out: 7 }, true);
        assert!(many.ends_with("; and 9 more."), "{many}");
        let certain = finding(Outcome::ChangedBy(call(ActorKind::RamUser, "ann")));
        let mixed: Vec<Finding> = (0..30).flat_map(|_| [certain.clone(), finding(one())]).collect();
        let told = events(&mixed, true, &own());
        assert_eq!(
            told.iter().map(|it| it.reason).collect::<Vec<_>>(),
            [Reason::ChangedBy, Reason::MayHaveBeenChangedBy]
        );
        let uncertain = "Release protection of 1 target was switched off: i-a. It is not certain by whom. The log of ecs-keeper has the calls \
                         that may have done it.";
        assert_eq!(told[1].note, uncertain);
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
    fn many_at_once_are_one_event_for_each_flag_with_the_number_of_their_targets() {
        let of = |flag, number: usize| Finding {
            flag,
            target: format!("i-{number:02}").into(),
            ..finding(Outcome::ChangedBy(call(ActorKind::RamUser, "ann")))
        };
        // Each target is told of twice.
        let protection = (0..30).map(|number| of(TrailedFlag::DeletionProtection, number / 2));
        let release = (0..22).map(|number| of(TrailedFlag::AutoReleaseTime, number / 2));
        let notes: Vec<String> = events(&protection.chain(release).collect::<Vec<_>>(), true, &own())
            .into_iter()
            .map(|event| event.note)
            .collect();
        let ids =
            |count: usize| (0..count).map(|number| format!("i-{number:02}")).collect::<Vec<_>>().join(", ");
        assert_eq!(
            notes,
            [
                format!(
                    "Release protection of 15 targets was switched off: {}. The log of ecs-keeper has the calls that did it.",
                    ids(15)
                ),
                format!(
                    "An automatic release time of 11 targets was set: {}. The log of ecs-keeper has the calls that did it.",
                    ids(11)
                ),
            ]
        );
        let many: Vec<Finding> =
            (0..3000).map(|number| of(TrailedFlag::DeletionProtection, number)).collect();
        let [event] = &events(&many, true, &own())[..] else { panic!() };
        assert!(event.note.starts_with("Release protection of 3000 targets was") && event.note.len() <= 1024);
    }
}
