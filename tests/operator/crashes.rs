//! Killed at any moment, asked to end at any moment.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use keeper_simulator::{Fault, Rule, Seed};
use serde_json::json;

use crate::stage::{REGION, Stage};

/// A span that differs from call to call. Its value is in the failure's output, by the operator's own log.
fn some_moment(longest: u64) -> Duration {
    Duration::from_millis(RandomState::new().hash_one(()) % longest)
}

#[tokio::test]
async fn i26_killed_at_random_moments_the_end_is_the_same() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(50).tag("env", "prod"));
    let latency = Fault::Latency { millis: 20, jitter_millis: 60 };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", latency));
    let tags = json!([{ "key": "env", "value": "prod" }]);
    stage.apply("production", json!({ "region": REGION, "targets": { "instanceTags": tags } })).await;
    // Slow enough that each life gets through a part only. The next one waits for the Lease of the one before.
    let slow = stage.settings().writes(600, 8).value("leaseDuration", "5s");
    for _ in 0..6 {
        let operator = slow.start();
        let begun = stage.writes().len();
        stage
            .until_cloud("it begins", |account| {
                stage.writes().len() > begun || account.instances().iter().all(|i| i.deletion_protection)
            })
            .await;
        tokio::time::sleep(some_moment(700)).await;
        operator.kill().await;
    }
    let _operator = slow.start();
    let object = stage.until("production", "Protected=True/AllProtected").await;
    assert_eq!(object.status.unwrap().counts.unwrap().protected, 50);
    let writes = stage.writes();
    for id in ids {
        assert!(stage.protected(&id));
        let times = writes.iter().filter(|(written, _)| *written == id).count();
        // Twice when the answer to the first was lost with its process.
        assert!((1..=2).contains(&times), "{id} was written {times} times");
    }
    assert_eq!(stage.account.count("ModifyInstanceAttribute").mutations, 50);
}

#[tokio::test]
async fn i26_killed_while_switching_off_the_rest_is_switched_off_once() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(12).protected(true));
    let latency = Fault::Latency { millis: 20, jitter_millis: 60 };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", latency));
    let targets = json!({ "instanceIds": ids });
    let spec = json!({ "region": REGION, "targets": targets, "deletionPolicy": "Disable" });
    let slow = stage.settings().writes(600, 4).value("leaseDuration", "5s");
    let mut operator = slow.start();
    stage.apply("lifted", spec).await;
    stage.until("lifted", "Protected=True").await;
    stage.delete("lifted").await;
    for _ in 0..3 {
        let begun = stage.unprotecting_writes();
        stage
            .until_cloud("it goes on", |_| {
                stage.unprotecting_writes() > begun || !ids.iter().any(|id| stage.protected(id))
            })
            .await;
        tokio::time::sleep(some_moment(400)).await;
        operator.kill().await;
        operator = slow.start();
    }
    stage.until_gone("lifted").await;
    assert!(!ids.iter().any(|id| stage.protected(id)));
    assert_eq!(stage.account.count("ModifyInstanceAttribute").mutations, 12);
    assert!(stage.writes().iter().all(|(_, on)| !on));
}

#[tokio::test]
async fn asked_to_end_it_waits_for_its_calls_and_ends_cleanly() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let slow = Fault::Latency { millis: 5_000, jitter_millis: 0 };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", slow));
    let operator = stage.start();
    stage.apply("one", json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
    stage
        .until_cloud("a write is under way", |account| account.under_way("ModifyInstanceAttribute") == 1)
        .await;
    assert_eq!(operator.terminate().await.code(), Some(0));
    assert!(stage.protected(&id), "the write that was under way");
    assert!(stage.printed().contains("flag written") && stage.printed().contains("shutting down"));
    let _operator = stage.start();
    stage.until("one", "Protected=True/AllProtected").await;
    assert_eq!(stage.writes().len(), 1);
}

#[tokio::test]
async fn asked_to_end_before_it_could_begin_it_ends_cleanly() {
    let stage = Stage::new().await;
    let operator = stage.start();
    crate::stage::eventually("it begins", async || {
        let printed = stage.printed();
        if printed.contains("starting ecs-keeper") { Ok(()) } else { Err(printed) }
    })
    .await;
    assert_eq!(operator.terminate().await.code(), Some(0));
}
