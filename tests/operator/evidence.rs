//! Status says only what was seen.

use std::time::Duration;

use keeper_simulator::{Fault, Rule, Seed};
use serde_json::{Value, json};

use crate::stage::{REGION, Stage, eventually, message, never, shows};

fn by_tag() -> Value {
    json!({ "region": REGION, "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] } })
}

fn by_id(ids: &[&str]) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ids } })
}

fn refused(code: &str) -> Fault {
    Fault::Error { code: code.to_owned(), status: None, message: None }
}

#[tokio::test]
async fn i01_what_can_no_longer_be_read_turns_unknown_and_comes_back() {
    let stage = Stage::new().await;
    stage.account.seed(&Seed::new(REGION).times(2).tag("env", "prod"));
    let _operator = stage.start();
    stage.apply("production", by_tag()).await;
    stage.until("production", "Protected=True").await;

    stage.account.fault(Rule::new("DescribeInstances", refused("ServiceUnavailable")));
    eventually("nothing is said to be protected", async || {
        let object = stage.until("production", "Protected=Unknown Ready=False Reconciling=True").await;
        let counts = object.status.unwrap().counts.unwrap();
        if counts.protected == 0 { Ok(()) } else { Err(counts) }
    })
    .await;
    stage.account.clear_faults();
    stage.until("production", "Protected=True/AllProtected").await;
}

#[tokio::test]
async fn i02_a_write_that_was_accepted_and_ignored_is_never_taken_for_protection() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION).tag("env", "prod"));
    stage.account.fault(Rule::new("ModifyInstanceAttribute", Fault::Ignore));
    let _operator = stage.start();
    stage.apply("production", by_tag()).await;
    stage.until("production", "Protected=Unknown/Verifying Ready=False Reconciling=True").await;
    stage
        .until("production", "Protected=False/WriteIneffective Ready=False Stalled=True/WriteIneffective")
        .await;
    let told = stage.events("production").await;
    assert!(!told.iter().any(|event| event.reason == "AllProtected"), "{told:?}");
    let writes = stage.writes();
    assert!(writes.len() >= 2 && writes.iter().all(|write| *write == (id.clone(), true)), "{writes:?}");

    stage.account.clear_faults();
    stage.until("production", "Protected=True/AllProtected").await;
}

#[tokio::test]
async fn i02_an_effect_that_shows_late_is_waited_for_and_not_written_again() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(5).tag("env", "prod"));
    let late = Fault::Delay { millis: Some(4_000), reads: None };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", late));
    let _operator = stage.start();
    stage.apply("production", by_tag()).await;
    stage.until("production", "Protected=Unknown/Verifying").await;
    stage.until("production", "Protected=True/AllProtected").await;
    assert_eq!(stage.writes().len(), ids.len());
}

#[tokio::test]
async fn i04_a_lost_permission_makes_nothing_gone_and_writes_nothing() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3).tag("env", "prod"));
    let _operator = stage.start();
    stage.apply("by-tag", by_tag()).await;
    stage.apply("by-id", by_id(&[&ids[0]])).await;
    for name in ["by-tag", "by-id"] {
        stage.until(name, "Protected=True").await;
    }
    // Documented: DescribeInstances then answers an empty list, with success.
    stage.account.fault(Rule::new("DescribeInstances", Fault::Deny { always_forbidden: false }));
    for (name, targets) in [("by-tag", 3), ("by-id", 1)] {
        let object = stage.until(name, "Protected=Unknown").await;
        assert_eq!(object.status.unwrap().counts.unwrap().targets, targets, "{name}");
    }
    // Long enough for two look-ups that are apart.
    never("taken for gone", Duration::from_secs(12), async || {
        let mut gone = false;
        for (name, targets) in [("by-tag", 3), ("by-id", 1)] {
            let object = stage.objects.get(name).await.unwrap();
            gone |= shows(&object, "Protected=Unknown/NotFound") || shows(&object, "Protected=True");
            gone |= object.status.unwrap().counts.unwrap().targets != targets;
        }
        gone
    })
    .await;
    stage.account.clear_faults();
    for name in ["by-tag", "by-id"] {
        stage.until(name, "Protected=True/AllProtected").await;
    }
    assert_eq!(stage.writes().len(), ids.len(), "nothing but the first protection");
}

#[tokio::test]
async fn i04_an_id_that_does_not_exist_is_found_missing_and_holds_up_nobody() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let _operator = stage.start();
    stage.apply("mistyped", by_id(&["i-nosuch", &id])).await;
    stage.until_cloud("the one that exists is protected", |_| stage.protected(&id)).await;
    let object =
        stage.until("mistyped", "Protected=Unknown/NotFound Ready=False Stalled=True/NotFound").await;
    assert!(message(&object, "Stalled").contains("i-nosuch"));
    assert_eq!(object.status.unwrap().counts.unwrap().protected, 1);
    // I30: corrected, it is as if it had never been wrong.
    stage.apply("mistyped", by_id(&[&id])).await;
    stage.until("mistyped", "Protected=True/AllProtected Ready=True Stalled=False").await;
    assert_eq!(stage.writes(), [(id, true)]);
}

#[tokio::test]
async fn i05_short_and_moving_pages_leave_nothing_out() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(40).tag("env", "prod"));
    stage.account.fault(Rule::new("DescribeInstances", Fault::ShortPages { items: 7 }));
    stage.account.fault(Rule::new("DescribeInstances", Fault::MovingPages { skip: 1, repeat: 0 }));
    let _operator = stage.start();
    stage.apply("production", by_tag()).await;
    // While pages leave instances out, what is left out is not forgotten once it was seen.
    stage
        .until_cloud("a first page is protected", |_| ids.iter().take(7).all(|id| stage.protected(id)))
        .await;
    stage.account.clear_faults();
    stage.account.fault(Rule::new("DescribeInstances", Fault::ShortPages { items: 7 }));
    eventually("all are protected", async || {
        let object = stage.until("production", "Protected=True/AllProtected").await;
        let counts = object.status.unwrap().counts.unwrap();
        if counts.protected == 40 { Ok(()) } else { Err(counts) }
    })
    .await;
    assert!(ids.iter().all(|id| stage.protected(id)));
    assert_eq!(stage.writes().len(), ids.len());
}
