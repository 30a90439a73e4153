use std::time::Duration;

use super::*;
use crate::id::{ObjectId, PageToken, RequestId};
use crate::on_behalf::{OnBehalf, WriteReason};
use crate::trail::{Actor, ActorKind, AskedValue};
use crate::transition::{FlagState, Look, Wrote};

/// What the wall clock shows at the origin of the monotonic one.
const ORIGIN: i64 = 1_800_000_000;

const fn at(seconds: u64) -> Moment {
    Moment::at(Duration::from_secs(seconds))
}

fn wall(moment: Moment) -> Timestamp {
    let seconds = moment.since(Moment::default()).as_secs();
    Timestamp::from_second(ORIGIN + i64::try_from(seconds).unwrap()).unwrap()
}

fn region() -> Region {
    Region::new("cn-hangzhou")
}

fn on_behalf(reason: WriteReason) -> OnBehalf {
    OnBehalf { object: ObjectId::new("prod", "web", "uid-1"), generation: 3, reason }
}

fn transition(id: &str, seen: u64, to: FlagState) -> Transition {
    let from = if to == FlagState::Protected { FlagState::Unprotected } else { FlagState::Protected };
    Transition {
        resource: "Instance",
        flag: "DeletionProtection",
        id: id.into(),
        from: Some(from),
        to: Some(to),
        last_seen: Some(Look { at: at(seen - 10), request_id: None }),
        seen: Look { at: at(seen), request_id: None },
        write: None,
    }
}

fn switched_off(id: &str, seen: u64) -> Transition {
    transition(id, seen, FlagState::Unprotected)
}

fn repaired(id: &str, seen: u64) -> Transition {
    let request_id = Some(RequestId::new(format!("OWN-{id}")));
    let write = Some(Wrote { on_behalf: on_behalf(WriteReason::Repairing), request_id });
    Transition { write, ..transition(id, seen, FlagState::Protected) }
}

fn event(id: &str, second: u64, who: &str) -> TrailEvent {
    TrailEvent {
        at: wall(at(second)),
        request_id: Some(RequestId::new(format!("R-{second}"))),
        targets: vec![id.into()],
        asked: AskedValue::Unprotected,
        failed: false,
        actor: Actor { kind: ActorKind::RamUser, name: Some(who.into()), account_id: None },
        source: None,
        user_agent: None,
    }
}

fn page(events: Vec<TrailEvent>) -> TrailPage {
    TrailPage { events, unreadable: 0, next: None, request_id: RequestId::new("Q") }
}

/// One that was told of drifts at these seconds, each put right a second later.
fn told(drifts: &[(&str, u64)]) -> Attributor {
    let mut attributor = Attributor::new(Pace::default());
    for (id, seen) in drifts {
        tell(&mut attributor, id, *seen);
    }
    attributor
}

fn tell(attributor: &mut Attributor, id: &str, seen: u64) -> Noted {
    assert_eq!(attributor.note(&region(), &switched_off(id, seen), wall), Noted::Nothing);
    attributor.note(&region(), &repaired(id, seen + 1), wall)
}

fn ask(attributor: &mut Attributor, second: u64) -> Option<Question> {
    attributor.poll(at(second), wall(at(second)))
}

fn answer(attributor: &mut Attributor, second: u64, events: Vec<TrailEvent>) -> Vec<Finding> {
    attributor.answered(at(second), Ok(page(events)), &Own::default())
}

/// Who switched a flag off, if one call did.
fn who(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings
        .iter()
        .map(|finding| match &finding.outcome {
            Outcome::ChangedBy(event) => (&*finding.target, event.actor.name.as_deref().unwrap()),
            other => (&*finding.target, other.as_str()),
        })
        .collect()
}

#[test]
fn nothing_is_asked_before_the_repair_is_seen_nor_before_ten_minutes_are_over() {
    let mut attributor = Attributor::new(Pace::default());
    attributor.note(&region(), &switched_off("i-a", 100), wall);
    assert_eq!(attributor.poll_timeout(at(5000)), None, "it is still off");
    assert_eq!(ask(&mut attributor, 5000), None);
    attributor.note(&region(), &repaired("i-a", 101), wall);
    assert_eq!(attributor.poll_timeout(at(101)), Some(at(700)));
    assert_eq!(ask(&mut attributor, 699), None);
    let Question { query, .. } = ask(&mut attributor, 700).unwrap();
    assert_eq!(query.target.as_deref(), Some("i-a"));
    assert_eq!(query.flag, TrailedFlag::DeletionProtection);
    assert_eq!(
        (query.from, query.until),
        (wall(at(0)) - jiff::SignedDuration::from_secs(210), wall(at(160)))
    );
    assert_eq!((ask(&mut attributor, 800), attributor.poll_timeout(at(800))), (None, None), "one at a time");
    let findings = answer(&mut attributor, 801, vec![event("i-a", 95, "ann")]);
    assert_eq!(who(&findings), [("i-a", "ann")]);
    assert_eq!(findings[0].on_behalf, on_behalf(WriteReason::Repairing));
    assert_eq!((findings[0].last_seen, findings[0].seen), (wall(at(90)), wall(at(100))));
    assert_eq!((attributor.waiting(), attributor.poll_timeout(at(802))), (0, None));
}

#[test]
fn what_is_no_drift_or_no_repair_is_not_asked_about() {
    let write = |reason| Some(Wrote { on_behalf: on_behalf(reason), request_id: None });
    let ours = Transition { write: write(WriteReason::Unprotecting), ..switched_off("i-a", 100) };
    let new = Transition { from: None, ..switched_off("i-a", 100) };
    let other = Transition { flag: "ProtectedFromScaleIn", ..switched_off("i-a", 100) };
    for no_drift in [ours, new, other] {
        let mut attributor = Attributor::new(Pace::default());
        assert_eq!(Concern::of(&no_drift), None);
        attributor.note(&region(), &no_drift, wall);
        assert_eq!(attributor.note(&region(), &repaired("i-a", 101), wall), Noted::Nothing);
    }
    let by_others = Transition { write: None, ..repaired("i-a", 101) };
    let first = Transition { write: write(WriteReason::Correcting), ..repaired("i-a", 101) };
    for no_repair in [by_others, first] {
        let mut attributor = Attributor::new(Pace::default());
        attributor.note(&region(), &switched_off("i-a", 100), wall);
        assert_eq!(attributor.note(&region(), &no_repair, wall), Noted::Nothing);
    }
    let flag = TrailedFlag::DeletionProtection;
    assert_eq!(Concern::of(&switched_off("i-a", 100)), Some((flag, Concern::SwitchedOff)));
    assert_eq!(Concern::of(&repaired("i-a", 101)), Some((flag, Concern::Repaired)));
}

#[test]
fn what_somebody_else_put_right_is_forgotten() {
    let mut attributor = Attributor::new(Pace::default());
    attributor.note(&region(), &switched_off("i-a", 100), wall);
    let by_others = Transition { write: None, ..repaired("i-a", 200) };
    assert_eq!(Concern::of(&by_others), Some((TrailedFlag::DeletionProtection, Concern::Ended)));
    attributor.note(&region(), &by_others, wall);
    let unprotecting = Some(Wrote { on_behalf: on_behalf(WriteReason::Unprotecting), request_id: None });
    let ours = Transition { write: unprotecting, ..switched_off("i-a", 300) };
    assert_eq!(Concern::of(&ours), None);
    attributor.note(&region(), &ours, wall);
    assert_eq!(attributor.note(&region(), &repaired("i-a", 400), wall), Noted::Nothing);
    // A look that shows nothing of the flag does not end it.
    attributor.note(&region(), &switched_off("i-a", 500), wall);
    let unreadable =
        Transition { from: Some(FlagState::Unprotected), ..transition("i-a", 501, FlagState::Unreadable) };
    attributor.note(&region(), &unreadable, wall);
    let repaired = Transition { from: Some(FlagState::Unreadable), ..repaired("i-a", 502) };
    assert_eq!(attributor.note(&region(), &repaired, wall), Noted::Waits);
}

#[test]
fn i39_where_nobody_knows_where_to_ask_no_call_is_spent() {
    let mut attributor = Attributor::new(Pace::default());
    attributor.without_endpoint(Region::new("cn-hangzhou"));
    attributor.forget();
    let Noted::Unanswered(finding) = tell(&mut attributor, "i-a", 100) else { panic!() };
    assert_eq!(finding.outcome, Outcome::Unknown(Unanswered::NoEndpoint));
    assert_eq!((attributor.waiting(), attributor.poll_timeout(at(5000))), (0, None));
}

#[test]
fn a_question_without_an_answer_is_asked_once_more_and_then_given_up() {
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    assert_eq!(answer(&mut attributor, 701, vec![]), []);
    assert_eq!(attributor.poll_timeout(at(702)), Some(at(1300)));
    assert_eq!(ask(&mut attributor, 1299), None);
    ask(&mut attributor, 1300).unwrap();
    assert_eq!(who(&answer(&mut attributor, 1301, vec![])), [("i-a", "NoEvent")]);
    assert_eq!(attributor.poll_timeout(at(1302)), None);
}

#[test]
fn own_calls_are_left_out_by_their_exact_session_and_request() {
    let own = Own::of_caller("1", Some("acs:sts::1:assumed-role/keeper/ecs-keeper-prod"));
    let session = |name: &str, account: &str| TrailEvent {
        actor: Actor {
            kind: ActorKind::AssumedRole,
            name: Some(name.into()),
            account_id: Some(account.into()),
        },
        ..event("i-a", 95, "")
    };
    let mut by_request = event("i-a", 95, "keeper");
    by_request.request_id = Some(RequestId::new("OWN-i-a"));
    for (event, outcome) in [
        (session("keeper:ecs-keeper-prod", "1"), "NoEvent"),
        (session("keeper:ecs-keeper-prod-2", "1"), "ChangedBy"),
        (session("keeper:ecs-keeper-prod", "2"), "ChangedBy"),
        (session("other:ecs-keeper-prod", "1"), "ChangedBy"),
        (by_request, "NoEvent"),
    ] {
        let mut attributor = told(&[("i-a", 100)]);
        ask(&mut attributor, 700).unwrap();
        let name = format!("{event:?}");
        let mut findings = attributor.answered(at(701), Ok(page(vec![event.clone()])), &own);
        if findings.is_empty() {
            ask(&mut attributor, 1300).unwrap();
            findings = attributor.answered(at(1301), Ok(page(vec![event])), &own);
        }
        assert_eq!(findings[0].outcome.as_str(), outcome, "{name}");
    }
    // A user may be somebody else's as well.
    assert_eq!(Own::of_caller("1", Some("acs:ram::1:user/keeper")).session, None);
}

#[test]
fn only_a_call_that_switched_it_off_in_that_time_fits() {
    let changed = |change: fn(&mut TrailEvent)| {
        let mut event = event("i-a", 95, "ann");
        change(&mut event);
        event
    };
    for (event, outcome) in [
        (event("i-a", 95, "ann"), "ChangedBy"),
        (changed(|it| it.failed = true), "NoEvent"),
        (changed(|it| it.asked = AskedValue::Protected), "NoEvent"),
        (changed(|it| it.asked = AskedValue::Other), "NoEvent"),
        (changed(|it| it.asked = AskedValue::Unreadable), "Candidates"),
        (changed(|it| it.targets = vec!["i-b".into()]), "NoEvent"),
        (changed(|it| it.targets = vec![]), "Candidates"),
        (changed(|it| it.at = wall(at(161))), "NoEvent"),
        (changed(|it| it.at = wall(at(0)) - jiff::SignedDuration::from_secs(211)), "NoEvent"),
        (changed(|it| it.at = wall(at(0)) - jiff::SignedDuration::from_secs(209)), "Candidates"),
        (changed(|it| it.at = wall(at(84))), "Candidates"),
        (changed(|it| it.at = wall(at(85))), "ChangedBy"),
        (changed(|it| it.at = wall(at(105))), "ChangedBy"),
        (changed(|it| it.at = wall(at(106))), "Candidates"),
    ] {
        let mut attributor = told(&[("i-a", 100)]);
        let mut found = Vec::new();
        for second in [700, 1300] {
            if ask(&mut attributor, second).is_some() {
                found.extend(answer(&mut attributor, second + 1, vec![event.clone()]));
            }
        }
        let [finding] = found.as_slice() else { panic!("{event:?}: {found:?}") };
        assert_eq!(finding.outcome.as_str(), outcome, "{event:?}");
    }
}

#[test]
fn several_calls_that_fit_are_candidates_the_newest_first() {
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    let events = vec![event("i-a", 93, "ann"), event("i-a", 97, "bob"), event("i-a", 20, "eve")];
    assert_eq!(names(&answer(&mut attributor, 701, events)[0]), ["bob", "ann", "eve"]);
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    let many = (91..=99).map(|second| event("i-a", second, "ann")).collect();
    let findings = answer(&mut attributor, 701, many);
    let (told, left_out) = candidates(&findings[0]);
    assert_eq!((told.len(), told[0].at, left_out), (5, wall(at(99)), 4));
}

#[test]
fn nobody_is_certain_before_the_record_is_complete() {
    for (asked_at, certain) in [(699, false), (700, true)] {
        let mut attributor = Attributor::new(Pace { wait: Duration::from_secs(1), ..Pace::default() });
        tell(&mut attributor, "i-a", 100);
        ask(&mut attributor, asked_at).unwrap();
        let findings = answer(&mut attributor, 800, vec![event("i-a", 95, "ann")]);
        assert_eq!(who(&findings), [("i-a", if certain { "ann" } else { "Candidates" })]);
    }
}

#[test]
fn where_pages_are_left_or_an_entry_is_unreadable_nobody_is_certain() {
    let more = || TrailPage { next: Some(PageToken::new("more")), ..page(vec![event("i-b", 95, "bob")]) };
    for (ann, outcome) in [(true, "Candidates"), (false, "Incomplete")] {
        let mut attributor = told(&[("i-a", 100)]);
        let mut findings = Vec::new();
        let mut second = 700;
        let mut pages = 0;
        while findings.is_empty() {
            if ask(&mut attributor, second).is_some() {
                let mut page = more();
                page.events.extend(ann.then(|| event("i-a", 95, "ann")).filter(|_| pages == 0));
                pages += 1;
                findings = attributor.answered(at(second), Ok(page), &Own::default());
            }
            second += 2;
        }
        assert_eq!(who(&findings), [("i-a", outcome)]);
        assert_eq!(pages, if ann { 4 } else { 8 }, "pages have a limit, and there are two tries");
    }
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    let page = TrailPage { unreadable: 1, ..page(vec![event("i-a", 95, "ann")]) };
    assert_eq!(who(&attributor.answered(at(701), Ok(page), &Own::default())), [("i-a", "Candidates")]);
}

#[test]
fn a_call_that_fits_two_drifts_is_certain_for_none() {
    // Seen off at 100, on again at 101, and off again at 105: the call at 98 fits both within the slack of the clocks.
    let mut attributor = Attributor::new(Pace::default());
    tell(&mut attributor, "i-a", 100);
    let again =
        Transition { last_seen: Some(Look { at: at(101), request_id: None }), ..switched_off("i-a", 105) };
    attributor.note(&region(), &again, wall);
    attributor.note(&region(), &repaired("i-a", 106), wall);
    ask(&mut attributor, 705).unwrap();
    let findings = answer(&mut attributor, 706, vec![event("i-a", 98, "ann")]);
    assert_eq!(who(&findings), [("i-a", "Candidates"), ("i-a", "Candidates")]);
}

#[test]
fn an_earlier_call_whose_effect_may_have_come_late_is_a_candidate_beside_one_between_the_looks() {
    let ann_and_bob = || vec![event("i-a", 30, "ann"), event("i-a", 97, "bob")];
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    assert_eq!(names(&answer(&mut attributor, 701, ann_and_bob())[0]), ["bob", "ann"]);
    // If ann's call did another drift for certain, it can't have done this one.
    let mut attributor = told(&[("i-a", 35), ("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    assert_eq!(who(&answer(&mut attributor, 701, ann_and_bob())), [("i-a", "ann"), ("i-a", "bob")]);
    // If it may only have done it, it can.
    let mut attributor = told(&[("i-a", 35), ("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    let mut events = ann_and_bob();
    events.push(event("i-a", 31, "eve"));
    let findings = answer(&mut attributor, 701, events);
    assert_eq!([names(&findings[0]), names(&findings[1])], [vec!["eve", "ann"], vec!["bob", "eve", "ann"]]);
}

#[test]
fn a_later_call_that_explains_no_other_drift_leaves_it_open_who_did_it() {
    // If nothing was off after it, the clocks differ by more than is taken for granted.
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    let events = vec![event("i-a", 95, "ann"), event("i-a", 150, "bob")];
    assert_eq!(names(&answer(&mut attributor, 701, events)[0]), ["bob", "ann"]);
}

#[test]
fn a_call_that_fits_a_drift_nobody_asks_about_is_certain_for_no_other() {
    // Seen off at 100, on again at 101, and off again at 105: eve's call at 103 may have done the first one within the slack of the clocks.
    let again =
        Transition { last_seen: Some(Look { at: at(101), request_id: None }), ..switched_off("i-a", 105) };
    let by_others = Transition { write: None, ..repaired("i-a", 200) };
    for ends in [None, Some(by_others)] {
        let mut attributor = Attributor::new(Pace::default());
        tell(&mut attributor, "i-a", 100);
        attributor.note(&region(), &again, wall);
        if let Some(ends) = ends {
            attributor.note(&region(), &ends, wall);
        }
        ask(&mut attributor, 700).unwrap();
        let findings = answer(&mut attributor, 701, vec![event("i-a", 103, "eve")]);
        assert_eq!(who(&findings), [("i-a", "Candidates")]);
        if attributor.note(&region(), &repaired("i-a", 702), wall) == Noted::Waits {
            ask(&mut attributor, 800).unwrap();
            let findings = answer(&mut attributor, 801, vec![event("i-a", 103, "eve")]);
            assert_eq!(who(&findings), [("i-a", "Candidates")]);
        }
    }
}

#[test]
fn a_call_that_did_another_drift_did_not_do_this_one() {
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    let ann = || event("i-a", 95, "ann");
    assert_eq!(who(&answer(&mut attributor, 701, vec![ann()])), [("i-a", "ann")]);
    tell(&mut attributor, "i-a", 160);
    ask(&mut attributor, 800).unwrap();
    assert_eq!(answer(&mut attributor, 801, vec![ann()]), [], "it is asked once more");
    ask(&mut attributor, 1400).unwrap();
    assert_eq!(who(&answer(&mut attributor, 1401, vec![ann()])), [("i-a", "NoEvent")]);
}

/// Who made the calls that a finding names as candidates.
fn names(finding: &Finding) -> Vec<&str> {
    candidates(finding).0.iter().map(|event| event.actor.name.as_deref().unwrap()).collect()
}

/// The candidates of a finding, and how many are left out.
fn candidates(finding: &Finding) -> (&[TrailEvent], usize) {
    let Outcome::Candidates { calls, left_out } = &finding.outcome else { panic!("{finding:?}") };
    (calls, *left_out)
}

#[test]
fn of_one_target_all_drifts_that_are_due_are_one_question() {
    let mut attributor = told(&[("i-a", 100), ("i-a", 160), ("i-a", 220)]);
    let Question { query, .. } = ask(&mut attributor, 900).unwrap();
    assert_eq!((query.target.as_deref(), query.until), (Some("i-a"), wall(at(280))));
    let events = vec![event("i-a", 215, "eve"), event("i-a", 155, "bob"), event("i-a", 95, "ann")];
    let findings = answer(&mut attributor, 901, events);
    assert_eq!(who(&findings), [("i-a", "ann"), ("i-a", "bob"), ("i-a", "eve")]);
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("i-{number:04}")).collect()
}

#[test]
fn above_twenty_targets_at_once_there_is_one_query_for_all() {
    for (count, together) in [(20, false), (21, true)] {
        let ids = ids(count);
        let mut attributor = told(&ids.iter().map(|id| (id.as_str(), 100)).collect::<Vec<_>>());
        let question = ask(&mut attributor, 700).unwrap();
        assert_eq!(question.query.target.is_none(), together, "{count}");
        if !together {
            continue;
        }
        let mut first = page(ids[..15].iter().map(|id| event(id, 95, "ann")).collect());
        first.next = Some(PageToken::new("more"));
        assert_eq!(attributor.answered(at(701), Ok(first), &Own::default()), []);
        assert_eq!(ask(&mut attributor, 701), None, "each page is a call of the allowance");
        let next = ask(&mut attributor, 702).unwrap();
        assert_eq!(next.query.page, Some(PageToken::new("more")));
        assert_eq!(TrailQuery { page: None, ..next.query }, question.query);
        let findings =
            answer(&mut attributor, 703, ids[15..20].iter().map(|id| event(id, 96, "bob")).collect());
        assert_eq!(findings.len(), 20);
        assert_eq!(who(&findings[14..16]), [("i-0014", "ann"), ("i-0015", "bob")]);
        assert_eq!(attributor.poll_timeout(at(704)), Some(at(1300)), "one was not found yet");
        let Question { query, .. } = ask(&mut attributor, 1300).unwrap();
        assert_eq!(query.target.as_deref(), Some("i-0020"));
    }
}

#[test]
fn of_a_query_for_all_a_call_that_names_no_target_may_have_done_each() {
    let nameless = |change: fn(&mut TrailEvent)| {
        let mut event = TrailEvent { targets: vec![], ..event("", 95, "eve") };
        change(&mut event);
        event
    };
    let ids = ids(21);
    for (nameless, outcomes) in [
        (nameless(|_| {}), ["Candidates", "Incomplete"]),
        (nameless(|it| it.asked = AskedValue::Unreadable), ["Candidates", "Incomplete"]),
        (nameless(|it| it.asked = AskedValue::Protected), ["ann", "NoEvent"]),
        (nameless(|it| it.failed = true), ["ann", "NoEvent"]),
        (nameless(|it| it.at = wall(at(161))), ["ann", "NoEvent"]),
    ] {
        let mut attributor = told(&ids.iter().map(|id| (id.as_str(), 100)).collect::<Vec<_>>());
        assert_eq!(ask(&mut attributor, 700).unwrap().query.target, None);
        // All but the first are asked about once more, again together.
        let first = answer(&mut attributor, 701, vec![event("i-0000", 95, "ann"), nameless.clone()]);
        assert_eq!(who(&first), [("i-0000", outcomes[0])], "{nameless:?}");
        tell(&mut attributor, "i-0000", 100);
        assert_eq!(ask(&mut attributor, 1300).unwrap().query.target, None);
        let rest = answer(&mut attributor, 1301, vec![nameless.clone()]);
        assert!(rest.iter().all(|finding| finding.outcome.as_str() == outcomes[1]), "{nameless:?}: {rest:?}");
        assert_eq!(rest.len(), 20);
    }
}

#[test]
fn i35_if_the_wall_clock_was_set_meanwhile_nobody_is_certain_and_nothing_is_ruled_out() {
    for (set_by, certain) in
        [(0, true), (5, true), (-5, true), (6, false), (-6, false), (900, false), (-900, false)]
    {
        let later = |second: u64| wall(at(second)) + jiff::SignedDuration::from_secs(set_by);
        let mut attributor = told(&[("i-a", 100)]);
        let Question { query, .. } = attributor.poll(at(700), later(700)).unwrap();
        assert!(query.from < wall(at(90)) && query.until >= wall(at(100)), "{set_by}: {query:?}");
        let findings = answer(&mut attributor, 701, vec![event("i-a", 95, "ann")]);
        assert_eq!(who(&findings), [("i-a", if certain { "ann" } else { "Candidates" })], "{set_by}");
        let mut attributor = told(&[("i-a", 100)]);
        attributor.poll(at(700), later(700)).unwrap();
        answer(&mut attributor, 701, vec![]);
        attributor.poll(at(1300), later(1300)).unwrap();
        let findings = answer(&mut attributor, 1301, vec![]);
        assert_eq!(who(&findings), [("i-a", if certain { "NoEvent" } else { "Incomplete" })], "{set_by}");
    }
}

#[test]
fn i39_no_more_than_one_call_in_two_seconds_and_three_hundred_an_hour() {
    let mut attributor = Attributor::new(Pace::default());
    let mut asked = Vec::new();
    for second in 0..12_000_u64 {
        if second % 7 == 0 && second >= 100 {
            tell(&mut attributor, &format!("i-{second}"), second);
        }
        if ask(&mut attributor, second).is_some() {
            asked.push(second);
            answer(&mut attributor, second, vec![]);
        }
    }
    assert!(asked.windows(2).all(|two| two[1] - two[0] >= 2));
    let most =
        (0..asked.len()).map(|first| asked[first..].partition_point(|at| *at < asked[first] + 3600)).max();
    assert_eq!(most, Some(300), "{} in all", asked.len());
}

#[test]
fn i47_what_waits_is_bounded_and_what_falls_off_is_told() {
    let ids = ids(1001);
    let mut attributor = Attributor::new(Pace::default());
    let noted: Vec<Noted> = ids.iter().map(|id| tell(&mut attributor, id, 100)).collect();
    assert!(noted[..1000].iter().all(|noted| *noted == Noted::Waits));
    let Noted::Unanswered(finding) = &noted[1000] else { panic!("{:?}", noted[1000]) };
    assert_eq!(finding.outcome, Outcome::Unknown(Unanswered::TooMany));
    assert_eq!(attributor.waiting(), 1000);
    let mut attributor = Attributor::new(Pace::default());
    for (id, second) in ids.iter().zip(100..) {
        attributor.note(&region(), &switched_off(id, second), wall);
    }
    assert_eq!(attributor.note(&region(), &repaired(&ids[0], 2000), wall), Noted::Nothing, "the oldest");
    assert_eq!(attributor.note(&region(), &repaired(&ids[1], 2000), wall), Noted::Waits);
}

#[test]
fn without_permission_nothing_is_asked_for_an_hour() {
    let mut attributor = told(&[("i-a", 100), ("i-b", 100)]);
    ask(&mut attributor, 700).unwrap();
    let findings = attributor.answered(at(701), Err(Refusal::NotPermitted), &Own::default());
    assert_eq!(who(&findings), [("i-a", "NotPermitted"), ("i-b", "NotPermitted")]);
    let Noted::Unanswered(finding) = tell(&mut attributor, "i-c", 1000) else { panic!() };
    assert_eq!(finding.outcome, Outcome::Unknown(Unanswered::NotPermitted));
    assert_eq!(attributor.poll_timeout(at(2000)), None);
    assert_eq!(tell(&mut attributor, "i-c", 4301), Noted::Waits);
    assert!(ask(&mut attributor, 4901).is_some());
}

#[test]
fn i28_a_region_without_permission_does_not_silence_the_others() {
    let beijing = Region::new("cn-beijing");
    let mut attributor = told(&[("i-a", 100), ("i-b", 100)]);
    attributor.note(&beijing, &switched_off("i-c", 110), wall);
    attributor.note(&beijing, &repaired("i-c", 111), wall);
    ask(&mut attributor, 700).unwrap();
    let findings = attributor.answered(at(701), Err(Refusal::NotPermitted), &Own::default());
    assert_eq!(who(&findings), [("i-a", "NotPermitted"), ("i-b", "NotPermitted")]);
    assert_eq!(ask(&mut attributor, 710).unwrap().region, beijing);
    assert_eq!(who(&answer(&mut attributor, 711, vec![event("i-c", 105, "ann")])), [("i-c", "ann")]);
    attributor.note(&beijing, &switched_off("i-c", 800), wall);
    assert_eq!(attributor.note(&beijing, &repaired("i-c", 801), wall), Noted::Waits);
    assert!(matches!(tell(&mut attributor, "i-a", 800), Noted::Unanswered(_)));
}

#[test]
fn i29_what_fails_is_asked_again_and_not_for_ever() {
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    assert_eq!(attributor.answered(at(700), Err(Refusal::Failed), &Own::default()), []);
    assert_eq!(attributor.poll_timeout(at(701)), Some(at(760)));
    ask(&mut attributor, 760).unwrap();
    assert_eq!(attributor.answered(at(760), Err(Refusal::Failed), &Own::default()), []);
    ask(&mut attributor, 820).unwrap();
    let findings = attributor.answered(at(820), Err(Refusal::Failed), &Own::default());
    assert_eq!(who(&findings), [("i-a", "Failed")]);
}

#[test]
fn i39_throttling_is_waited_out_and_the_same_page_is_asked_for_again() {
    let mut attributor = told(&[("i-a", 100)]);
    ask(&mut attributor, 700).unwrap();
    let first = TrailPage { next: Some(PageToken::new("more")), ..page(vec![event("i-a", 95, "ann")]) };
    assert_eq!(attributor.answered(at(700), Ok(first), &Own::default()), []);
    let mut second = 702;
    for _ in 0..5 {
        let Question { query, .. } = ask(&mut attributor, second).unwrap();
        assert_eq!(query.page, Some(PageToken::new("more")));
        let throttled = Refusal::Throttled(Some(Duration::from_secs(30)));
        assert_eq!(attributor.answered(at(second), Err(throttled), &Own::default()), []);
        assert_eq!(ask(&mut attributor, second + 29), None);
        second += 32;
    }
    ask(&mut attributor, second).unwrap();
    assert_eq!(who(&answer(&mut attributor, second, vec![])), [("i-a", "ann")], "what was read is kept");
}

#[test]
fn i33_the_end_of_a_term_forgets_what_waits_and_what_is_asked() {
    let mut attributor = told(&[("i-a", 100), ("i-b", 100)]);
    ask(&mut attributor, 700).unwrap();
    attributor.note(&region(), &switched_off("i-c", 700), wall);
    attributor.forget();
    assert_eq!(answer(&mut attributor, 701, vec![event("i-a", 95, "ann")]), []);
    assert_eq!(attributor.note(&region(), &repaired("i-c", 701), wall), Noted::Nothing);
    assert_eq!((attributor.waiting(), attributor.poll_timeout(at(702))), (0, None));
}
