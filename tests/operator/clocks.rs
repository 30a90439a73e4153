//! Wall clocks that jump while two replicas run. Who leads must not depend on them, whatever they show.
//!
//! A replica whose clock is off is known by the dates of its signatures; the cloud refuses those that are off too far before
//! it looks at the key.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::json;

use crate::clock::Clock;
use crate::leaders::{CALM, LEADS, Theatre, time};
use crate::process::Operator;
use crate::stage::{REGION, eventually, message, never};

/// The cloud accepts what is off by less than a quarter of an hour.
const ACCEPTED: i64 = 600;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// Whoever counts wrongly takes the Lease within its span, of 15 s.
const MORE_THAN_A_SPAN: Duration = Duration::from_secs(18);

/// Two replicas, of which the first leads, and the clock of one of them.
async fn two(wrong: &str) -> (Theatre, Clock, [Operator; 2]) {
    let theatre = Theatre::new().await;
    let clock = Clock::new(&theatre.stage);
    let start = |name: &str| {
        let settings = theatre.replica(name).set("/sweepInterval", CALM);
        if name == wrong { settings.clock(&clock).start() } else { settings.start() }
    };
    let first = start("first");
    theatre.until_leads("first", 1).await;
    let second = start("second");
    theatre.until_stands_by("second").await;
    (theatre, clock, [first, second])
}

/// Waits until the newest signature is by a clock that is off by so much.
async fn until_signed_at(theatre: &Theatre, offset: i64) {
    eventually(&format!("a signature is off by {offset} s"), async || {
        let log = theatre.stage.simulator.log();
        let newest = log.last().unwrap();
        let off = time(newest.acs_date.as_deref().unwrap()).duration_since(newest.time).as_secs();
        if (off - offset).abs() < HOUR / 60 { Ok(()) } else { Err(off) }
    })
    .await;
}

/// Shows that for longer than the span of the Lease its holder and the number of its holders stay what they were.
async fn nobody_else_leads(theatre: &Theatre) {
    let of = async || {
        let lease = theatre.leading().await;
        (lease.holder_identity, lease.lease_transitions)
    };
    let before = of().await;
    never("the lead changes", MORE_THAN_A_SPAN, async || of().await != before).await;
    assert_eq!(theatre.stage.printed().matches(LEADS).count(), 1);
    assert!(!theatre.stage.printed().contains("lease lost"));
    assert_eq!(theatre.signed_by("second").len(), 0);
}

/// What the cloud refused is tried again every ten minutes, and sooner when somebody asks for something.
async fn ask_anew(theatre: &Theatre, name: &str, id: &str) {
    theatre.stage.apply(name, json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
    theatre.stage.until(name, "Protected=True/AllProtected").await;
}

/// No condition says that it holds since a time that is still to come.
async fn nothing_is_since_the_future(theatre: &Theatre) {
    for (name, object) in theatre.stored().await {
        for condition in object["status"]["conditions"].as_array().unwrap() {
            let since = time(condition["lastTransitionTime"].as_str().unwrap());
            assert!(since <= Timestamp::now(), "{name}: {condition}");
        }
    }
}

#[tokio::test]
async fn i34_i35_a_leader_whose_clock_jumps_leads_on_and_no_status_changes() {
    let (theatre, clock, _operators) = two("first").await;
    theatre.at_rest().await;
    theatre.stage.reads(4).await;
    let (before, writes) = (theatre.stored().await, theatre.stage.writes().len());
    for offset in [ACCEPTED, -ACCEPTED, 0] {
        clock.jump(offset);
        until_signed_at(&theatre, offset).await;
        nobody_else_leads(&theatre).await;
        assert_eq!(theatre.stored().await, before, "{offset}");
    }
    assert_eq!(theatre.stage.writes().len(), writes);
}

#[tokio::test]
async fn i34_a_spare_whose_clock_is_ahead_waits_for_its_turn_and_serves_when_it_is_mended() {
    let (theatre, clock, [leader, _spare]) = two("second").await;
    let ids = theatre.at_rest().await;
    let writes = theatre.stage.writes().len();
    for offset in [HOUR, -HOUR / 2, DAY] {
        clock.jump(offset);
        nobody_else_leads(&theatre).await;
    }
    // When it is its turn, it leads by a clock that is a day ahead: it really was.
    assert!(leader.terminate().await.success());
    theatre.until_leads("second", 1).await;
    until_signed_at(&theatre, DAY).await;
    theatre.stage.until("tagged", "Protected=Unknown/ClockSkew").await;
    theatre.stage.by_hand(&ids[1], false);
    clock.jump(0);
    ask_anew(&theatre, "asked", &ids[0]).await;
    theatre.stage.until("tagged", "Protected=True/AllProtected Stalled=False").await;
    assert_eq!(theatre.stage.writes().len(), writes + 1, "what was undone, once");
    assert_eq!(theatre.stage.printed().matches(LEADS).count(), 2);
    nothing_is_since_the_future(&theatre).await;
}

#[tokio::test]
async fn i35_a_leader_whose_clock_the_cloud_refuses_says_so_and_serves_when_it_is_mended() {
    let (theatre, clock, _operators) = two("first").await;
    let stage = &theatre.stage;
    let ids = theatre.at_rest().await;
    for (offset, asked) in [(HOUR, "asked"), (-HOUR / 2, "asked-again")] {
        let writes = stage.writes().len();
        clock.jump(offset);
        until_signed_at(&theatre, offset).await;
        let object =
            stage.until("tagged", "Protected=Unknown/ClockSkew Ready=False Stalled=True/ClockSkew").await;
        assert!(message(&object, "Stalled").contains("Set the clock"), "{object:?}");
        stage.by_hand(&ids[1], false);
        nobody_else_leads(&theatre).await;
        assert_eq!(stage.writes().len(), writes);
        clock.jump(0);
        ask_anew(&theatre, asked, &ids[0]).await;
        stage.until("tagged", "Protected=True/AllProtected Ready=True Stalled=False").await;
        stage.until("named", "Protected=True/AllProtected Ready=True Stalled=False").await;
        assert!(stage.protected(&ids[1]));
        assert_eq!(stage.writes()[writes..], [(ids[1].clone(), true)]);
        nothing_is_since_the_future(&theatre).await;
    }
}

#[tokio::test]
async fn i33_a_leader_whose_clock_is_turned_back_while_it_is_stopped_signs_nothing_when_it_goes_on() {
    let (theatre, clock, [leader, heir]) = two("first").await;
    theatre.at_rest().await;
    leader.signal("STOP").await;
    // By this clock the Lease is far from its end when the other one has taken it; and the cloud accepts it.
    clock.jump(-ACCEPTED);
    theatre.until_leads("second", 1).await;
    theatre.until_signs("second").await;
    let signed = theatre.signed_by("first").len();
    leader.signal("CONT").await;
    theatre.stage.until_printed("lease lost", 1).await;
    for _ in 0..4 {
        theatre.until_signs("second").await;
    }
    assert_eq!(theatre.signed_by("first").len(), signed);
    // Its clock had been turned back: it signs by it when it is its turn.
    assert!(heir.terminate().await.success());
    until_signed_at(&theatre, -ACCEPTED).await;
}
