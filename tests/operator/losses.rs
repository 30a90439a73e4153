//! I50: nothing is lost silently.

use ecs_keeper::api::{EcsInstanceProtection, InstanceState, InstanceStatus};
use k8s_openapi::api::events::v1::Event;
use keeper_simulator::{Change, ReleaseReason, Seed};
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::outside::{address, scrape, sum};
use crate::refusing::{allow, refuse};
use crate::stage::{REGION, Stage, Told, eventually};

fn tagged() -> Value {
    json!({ "region": REGION, "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] } })
}

/// A stage with protected machines that have the tag, and the object that selects them.
async fn stage(ids: &[&str]) -> Stage {
    let stage = Stage::new().await;
    for id in ids {
        stage.account.seed_one(&Seed::new(REGION).id(id).tag("env", "prod"));
    }
    stage
}

fn untag(stage: &Stage, id: &str) {
    let change = Change { tags: [("env".to_owned(), None)].into(), ..Change::default() };
    assert!(stage.account.change(id, &change));
}

async fn until_targets(stage: &Stage, count: u32) -> EcsInstanceProtection {
    eventually(&format!("{count} targets are protected"), async || {
        let object = stage.until("prod", "Protected=True/AllProtected").await;
        let targets = object.status.as_ref().unwrap().counts.unwrap().targets;
        if targets == count { Ok(object) } else { Err(targets) }
    })
    .await
}

/// The rows of what is lost.
fn lost(object: &EcsInstanceProtection) -> Vec<InstanceStatus> {
    let mut rows = object.status.as_ref().unwrap().instances.clone();
    rows.retain(|row| matches!(row.state, InstanceState::Gone | InstanceState::Left));
    rows
}

fn of<'a>(told: &'a [Told], reason: &str) -> Vec<&'a Told> {
    told.iter().filter(|told| told.reason == reason).collect()
}

#[tokio::test]
async fn i50_a_protected_instance_that_is_switched_off_and_released_is_told_once_and_stays_listed() {
    let stage = stage(&["i-one", "i-two", "i-three"]).await;
    let operator = stage.start();
    stage.apply("prod", tagged()).await;
    until_targets(&stage, 3).await;
    stage.by_hand("i-two", false);
    stage.account.release("i-two", ReleaseReason::Manual).unwrap();

    let note = stage.until_event("prod", "InstanceLost").await;
    assert!(
        note.starts_with("i-two is gone; last seen protected at 20") && note.contains("(request "),
        "{note}"
    );
    let object = until_targets(&stage, 2).await;
    let rows = lost(&object);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!(
        (row.instance_id.as_str(), row.state, row.reason.as_str()),
        ("i-two", InstanceState::Gone, "InstanceLost")
    );
    assert!(row.message.starts_with("It is gone; last seen protected at "), "{row:?}");
    assert_eq!(object.status.unwrap().instances.len(), 3, "two targets, and what is lost");
    stage.until_printed("target lost", 1).await;
    let scraped = scrape(&address(&stage, 1).await).await;
    let counted = |kind| {
        let labels = [("kind", "EcsInstanceProtection"), ("reason", "InstanceLost"), ("type", kind)];
        sum(&scraped, "ecs_keeper_targets_lost_total", &labels)
    };
    assert_eq!((counted("Warning"), counted("Normal")), (1.0, 0.0));

    // Whoever comes after that knows of it from status, and tells it to nobody.
    assert!(operator.terminate().await.success());
    let _operator = stage.start();
    stage.reads(5).await;
    let object = until_targets(&stage, 2).await;
    assert_eq!(lost(&object), rows);
    let told = stage.events("prod").await;
    let losses = of(&told, "InstanceLost");
    assert_eq!((losses.len(), losses[0].times, losses[0].kind.as_str()), (1, 1, "Warning"), "{told:?}");
    assert!(of(&told, "SelectionShrank").is_empty(), "{told:?}");
    assert_eq!(stage.printed().matches("target lost").count(), 1);
}

#[tokio::test]
async fn i50_an_instance_that_loses_its_tag_is_told_and_keeps_its_flag() {
    let stage = stage(&["i-one", "i-two"]).await;
    let _operator = stage.start();
    stage.apply("prod", tagged()).await;
    until_targets(&stage, 2).await;
    untag(&stage, "i-two");
    let note = stage.until_event("prod", "SelectionLost").await;
    assert!(note.starts_with("i-two has lost the tag that selected it; last seen protected at "), "{note}");
    let object = until_targets(&stage, 1).await;
    let rows = lost(&object);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].instance_id.as_str(), rows[0].state), ("i-two", InstanceState::Left));
    assert!(stage.protected("i-two"));

    // The last one is told before it is said that nothing is selected.
    untag(&stage, "i-one");
    stage.until("prod", "Protected=Unknown/NoTargets").await;
    let told = stage.events("prod").await;
    let losses = of(&told, "SelectionLost");
    assert_eq!(losses.len(), 2, "{told:?}");
    assert!(losses.iter().all(|told| told.kind == "Warning" && told.times == 1), "{told:?}");

    // One that comes back is a target as before, and no row says that it is lost.
    let back = Change { tags: [("env".to_owned(), Some("prod".to_owned()))].into(), ..Change::default() };
    assert!(stage.account.change("i-two", &back));
    let object = until_targets(&stage, 1).await;
    let rows = lost(&object);
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].instance_id, "i-one");
}

#[tokio::test]
async fn i50_what_goes_while_nobody_leads_is_told_by_number() {
    let stage = stage(&["i-one", "i-two", "i-three"]).await;
    let operator = stage.start();
    stage.apply("prod", tagged()).await;
    until_targets(&stage, 3).await;
    operator.kill().await;
    stage.by_hand("i-two", false);
    stage.account.release("i-two", ReleaseReason::Manual).unwrap();
    let operator = stage.start();
    let note = stage.until_event("prod", "SelectionShrank").await;
    assert!(note.starts_with("1 of 3 targets is no longer selected."), "{note}");
    until_targets(&stage, 2).await;
    operator.kill().await;
    let _operator = stage.start();
    stage.reads(5).await;
    until_targets(&stage, 2).await;
    let told = stage.events("prod").await;
    let shrank = of(&told, "SelectionShrank");
    assert_eq!((shrank.len(), shrank[0].times, shrank[0].kind.as_str()), (1, 1, "Warning"), "{told:?}");
}

/// Refuses every Event of this test's objects that tells of a smaller selection.
async fn refuse_event(stage: &Stage, name: &str) {
    let rule = json!({
        "apiGroups": ["events.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["events"],
    });
    refuse(stage, name, rule, "object.reason != 'SelectionShrank'").await;
    let events: Api<Event> = Api::namespaced(stage.cluster.client.clone(), &stage.namespace);
    let probe = json!({
        "metadata": { "name": "probe" },
        "reason": "SelectionShrank", "type": "Normal", "action": "Probe", "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "test/probe", "reportingInstance": "probe",
        "regarding": { "kind": "Namespace", "name": stage.namespace, "namespace": stage.namespace },
    });
    let probe: Event = serde_json::from_value(probe).unwrap();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    eventually("the policy is in force", async || match events.create(&dry, &probe).await {
        Err(kube::Error::Api(status)) if status.message.contains(name) => Ok(()),
        answer => Err(answer),
    })
    .await;
}

#[tokio::test]
async fn i50_what_went_by_number_is_told_as_soon_as_an_event_can_be_published() {
    let stage = stage(&["i-one", "i-two", "i-three"]).await;
    let operator = stage.start();
    stage.apply("prod", tagged()).await;
    until_targets(&stage, 3).await;
    operator.kill().await;
    let policy = format!("no-shrinking-{}", stage.namespace);
    refuse_event(&stage, &policy).await;
    stage.by_hand("i-two", false);
    stage.account.release("i-two", ReleaseReason::Manual).unwrap();
    let _operator = stage.start();
    until_targets(&stage, 2).await;
    stage.reads(3).await;
    let told = stage.events("prod").await;
    assert!(of(&told, "SelectionShrank").is_empty(), "{told:?}");
    allow(&stage, &policy).await;
    let note = stage.until_event("prod", "SelectionShrank").await;
    assert!(note.starts_with("1 of 3 targets is no longer selected."), "{note}");
    assert_eq!(stage.printed().matches("targets lost").count(), 1, "the log has it once");
}

#[tokio::test]
async fn i50_a_tag_that_many_lose_at_once_is_one_event_with_their_number() {
    let ids: Vec<String> = (0..120).map(|n| format!("i-{n:03}")).collect();
    let names: Vec<&str> = ids.iter().map(String::as_str).collect();
    let stage = stage(&names).await;
    let _operator = stage.start();
    stage.apply("prod", tagged()).await;
    until_targets(&stage, 120).await;
    for id in &names[..80] {
        untag(&stage, id);
    }
    until_targets(&stage, 40).await;
    let told = stage.events("prod").await;
    // A listing that is under way while the tags go may have shown some of them before.
    let losses = of(&told, "SelectionLost");
    assert!((1..=2).contains(&losses.len()), "{told:?}");
    assert!(losses.iter().any(|told| told.note.contains(" targets (i-")), "{told:?}");
    let object = until_targets(&stage, 40).await;
    assert_eq!(lost(&object).len(), 20, "the last ones");
    assert_eq!(stage.printed().matches("target lost").count(), 80, "the log names each");
}

#[tokio::test]
async fn i50_what_could_not_be_protected_goes_without_alarm() {
    let stage = stage(&["i-one"]).await;
    stage.account.seed_one(&Seed::spot(REGION).id("i-spot").tag("env", "prod"));
    let _operator = stage.start();
    stage.apply("prod", tagged()).await;
    stage.until("prod", "Protected=True/ProtectedWhereApplicable").await;
    stage.account.release("i-spot", ReleaseReason::Manual).unwrap();
    let note = stage.until_event("prod", "InstanceLost").await;
    assert!(note.starts_with("i-spot is gone; ") && note.contains("SpotInstance"), "{note}");
    let told = stage.events("prod").await;
    assert!(of(&told, "InstanceLost").iter().all(|told| told.kind == "Normal"), "{told:?}");
}
