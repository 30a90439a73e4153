//! What is told in Events: each names what it is about.

use keeper_simulator::{Fault, Rule, Seed};
use serde_json::json;

use crate::stage::{LABEL, REGION, Stage, Told, eventually};

/// The notes of all Events about an object with this reason, and how often each was told.
fn notes(told: &[Told], reason: &str) -> Vec<(String, i32)> {
    told.iter().filter(|told| told.reason == reason).map(|told| (told.note.clone(), told.times)).collect()
}

#[tokio::test]
async fn i51_two_machines_that_drift_one_after_the_other_are_both_named() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let _operator = stage.start();
    stage.apply("both", json!({ "region": REGION, "targets": { "instanceIds": ids } })).await;
    stage.until("both", "Protected=True/AllProtected").await;
    // Long enough for the operator to say that it is being put right.
    stage
        .account
        .fault(Rule::new("ModifyInstanceAttribute", Fault::Latency { millis: 1_000, jitter_millis: 0 }));
    for (id, times) in [(&ids[0], 1), (&ids[1], 1), (&ids[0], 2)] {
        stage.by_hand(id, false);
        eventually(&format!("{id} is named {times} times"), async || {
            let told = notes(&stage.events("both").await, "Correcting");
            let of_it = |(note, _): &&(String, i32)| note.contains(id.as_str());
            let counts: Vec<i32> = told.iter().filter(of_it).map(|(_, times)| *times).collect();
            if counts == [times] { Ok(()) } else { Err(told) }
        })
        .await;
        stage.until_cloud("it is put right", |_| stage.protected(id)).await;
        stage.until("both", "Protected=True/AllProtected").await;
    }
    assert_eq!(
        notes(&stage.events("both").await, "Correcting").len(),
        2,
        "no other Event was counted as one of them"
    );
}

#[tokio::test]
async fn i51_four_nodes_that_leave_are_four_events() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(5));
    let name = |number: usize| format!("{}-worker-{number}", stage.namespace);
    for (number, id) in ids.iter().enumerate() {
        let provider = format!("{REGION}.{id}");
        stage.node(&name(number), &[(LABEL, &stage.namespace)], Some(&provider)).await;
    }
    let _operator = stage.start();
    let pool = json!({ "nodes": { "matchLabels": { LABEL: stage.namespace } } });
    stage.apply("pool", json!({ "targets": pool })).await;
    stage.until("pool", "Protected=True/AllProtected").await;
    // Three at once, and one later.
    stage.cluster.kubectl(&["delete", "node", &name(0), &name(1), &name(2)]).await;
    eventually("three are told", async || {
        let told = notes(&stage.events("pool").await, "NodeLeft");
        if told.len() == 3 { Ok(()) } else { Err(told) }
    })
    .await;
    stage.cluster.kubectl(&["delete", "node", &name(3)]).await;
    eventually("each has an Event of its own", async || {
        let told = notes(&stage.events("pool").await, "NodeLeft");
        let own = |number: usize| {
            let of = format!("Node {} is gone: {}", name(number), ids[number]);
            told.iter().filter(|(note, times)| note.contains(&of) && *times == 1).count() == 1
        };
        if told.len() == 4 && (0..4).all(own) { Ok(()) } else { Err(told) }
    })
    .await;
}
