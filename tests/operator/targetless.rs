//! Selected Nodes of which nobody knows the machine, or whose machine is gone.

use ecs_keeper::api::Counts;
use keeper_simulator::{Fault, InterfaceSeed, ReleaseReason, Rule, Seed};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{Custom, LABEL, REGION, Stage, eventually, message, shows};

/// The stage's Nodes of one pool.
fn pool(stage: &Stage, pool: &str) -> Value {
    json!({ "nodes": { "matchLabels": { LABEL: stage.namespace, "pool": pool } } })
}

fn name(stage: &Stage, node: &str) -> String {
    format!("{}-{node}", stage.namespace)
}

async fn node(stage: &Stage, pool: &str, node: &str, provider: Option<&str>) {
    stage.node(&name(stage, node), &[(LABEL, &stage.namespace), ("pool", pool)], provider).await;
}

/// Waits until a condition's message says something.
async fn until_said<K: Custom>(objects: &Api<K>, object: &str, kind: &str, wanted: &str) {
    eventually(&format!("{kind} of {object} says: {wanted}"), async || {
        let object = objects.get(object).await.unwrap();
        if !shows(&object, "") {
            return Err("nothing yet".to_owned());
        }
        let said = message(&object, kind);
        if said.contains(wanted) { Ok(()) } else { Err(said) }
    })
    .await;
}

/// Makes status say what it says since so many minutes, as it would if the operator had run for so long.
async fn age<K: Custom>(objects: &Api<K>, object: &str, minutes: i64) {
    let mut status = serde_json::to_value(objects.get(object).await.unwrap()).unwrap()["status"].take();
    for condition in status["conditions"].as_array_mut().unwrap() {
        let since: k8s_openapi::jiff::Timestamp =
            condition["lastTransitionTime"].as_str().unwrap().parse().unwrap();
        let since = since - k8s_openapi::jiff::SignedDuration::from_mins(minutes);
        condition["lastTransitionTime"] = since.to_string().into();
    }
    let patch = json!({ "status": status });
    objects.patch_status(object, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

async fn kubectl(stage: &Stage, arguments: &[&str]) {
    stage.cluster.kubectl(arguments).await;
}

#[tokio::test]
async fn i49_a_selected_node_without_a_readable_id_is_named_and_no_true_is_said_of_its_pool() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3));
    node(&stage, "a", "w1", Some(&format!("{REGION}.{}", ids[0]))).await;
    node(&stage, "a", "w2", Some(&format!("alicloud://{REGION}.{}", ids[1]))).await;
    node(&stage, "a", "w3", None).await;
    node(&stage, "a", "w4", Some("i-bp1w4")).await;
    node(&stage, "a", "w5", Some("alicloud:///cn-hangzhou.i-bp1w5")).await;
    let operator = stage.start();
    stage.apply("pool", json!({ "targets": pool(&stage, "a") })).await;
    stage.retain("pool", json!({ "region": REGION, "targets": pool(&stage, "a") })).await;
    let young = "Ready=False/NodeUnresolved Reconciling=True/NodeUnresolved Stalled=False";
    let named =
        format!("2 targets: 2 protected. Node {} and 2 more: The Node has no providerID", name(&stage, "w3"));
    until_said(&stage.objects, "pool", "Protected", &named).await;
    until_said(&stage.retentions, "pool", "Retained", &named).await;
    let object = stage.until("pool", &format!("Protected=Unknown/NodeUnresolved {young}")).await;
    stage.until_retention("pool", &format!("Retained=Unknown/NodeUnresolved {young}")).await;
    let counts = object.status.unwrap().counts.unwrap();
    assert_eq!((counts.targets, counts.protected, counts.nodes_ignored), (2, 2, 0));
    assert!(stage.protected(&ids[0]) && stage.protected(&ids[1]));
    operator.kill().await;

    // Another operator goes on from what status says, and not from its own start.
    age(&stage.objects, "pool", 4).await;
    age(&stage.retentions, "pool", 6).await;
    let _operator = stage.start();
    let old = "Ready=False Reconciling=False Stalled=True/NodeUnresolved";
    stage.until_retention("pool", &format!("Retained=Unknown/NodeUnresolved {old}")).await;
    let note = stage.until_event("pool", "NodeUnresolved").await;
    assert!(note.contains(&name(&stage, "w3")), "{note}");
    stage.reads(3).await;
    stage.until("pool", &format!("Protected=Unknown/NodeUnresolved {young}")).await;

    let patch = json!({ "spec": { "providerID": format!("{REGION}.{}", ids[2]) } }).to_string();
    kubectl(&stage, &["patch", "node", &name(&stage, "w3"), "--patch", &patch]).await;
    kubectl(&stage, &["delete", "node", &name(&stage, "w4"), &name(&stage, "w5")]).await;
    stage.until("pool", "Protected=True/AllProtected Ready=True Stalled=False").await;
    stage.until_retention("pool", "Retained=True/AllProtected Ready=True Stalled=False").await;
    assert!(stage.protected(&ids[2]));
}

#[tokio::test]
async fn i49_a_node_that_outlives_its_machine_is_told_as_that_and_stalls_only_after_a_while() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    for (node_name, id) in ["worker-1", "worker-2"].iter().zip(&ids) {
        node(&stage, "a", node_name, Some(&format!("{REGION}.{id}"))).await;
    }
    let operator = stage.start();
    stage.apply("pool", json!({ "targets": pool(&stage, "a") })).await;
    stage.until("pool", "Protected=True/AllProtected Ready=True").await;

    stage.account.release(&ids[0], ReleaseReason::Overdue).unwrap();
    let wanted =
        "Protected=Unknown/NodeInstanceGone Ready=False Reconciling=True/NodeInstanceGone Stalled=False";
    let object = stage.until("pool", wanted).await;
    let said = format!("he instance behind Node {} is gone", name(&stage, "worker-1"));
    assert!(message(&object, "Protected").contains(&said), "{object:?}");
    let rows = object.status.unwrap().instances;
    let row = rows.iter().find(|row| row.instance_id == ids[0]).unwrap();
    assert!(row.reason == "NodeInstanceGone" && row.message.contains("worker-1"), "{row:?}");
    operator.kill().await;

    age(&stage.objects, "pool", 16).await;
    let _operator = stage.start();
    let object =
        stage.until("pool", "Protected=Unknown/NodeInstanceGone Stalled=True/NodeInstanceGone").await;
    assert!(message(&object, "Stalled").contains(&said), "{object:?}");
    kubectl(&stage, &["delete", "node", &name(&stage, "worker-1")]).await;
    stage.until("pool", "Protected=True/AllProtected Ready=True Stalled=False").await;
}

#[tokio::test]
async fn i49_a_retention_tells_of_a_node_without_a_machine_only_if_nothing_of_it_survived() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-neighbour"));
    let kept = Seed::new(REGION).id("i-kept").interface(InterfaceSeed::secondary().id("eni-kept"));
    stage.account.seed_one(&kept);
    stage.account.seed_one(&Seed::new(REGION).id("i-bare"));
    node(&stage, "a", "kept", Some(&format!("{REGION}.i-kept"))).await;
    node(&stage, "b", "bare", Some(&format!("{REGION}.i-bare"))).await;
    let _operator = stage.start();
    let spec = |pool: Value| json!({ "region": REGION, "targets": pool, "interfaceTypes": ["Secondary"] });
    stage.retain("kept", spec(pool(&stage, "a"))).await;
    stage.retain("bare", spec(pool(&stage, "b"))).await;
    stage.until_retention("kept", "Retained=True/AllProtected Ready=True").await;
    stage.until_retention("bare", "Retained=Unknown/NoTargets Ready=True").await;

    stage.account.release("i-kept", ReleaseReason::Manual).unwrap();
    stage.account.release("i-bare", ReleaseReason::Manual).unwrap();
    let wanted = "Retained=Unknown/NodeInstanceGone Ready=False Reconciling=True Stalled=False";
    let object = stage.until_retention("bare", wanted).await;
    let said = format!("The instance behind Node {} is gone", name(&stage, "bare"));
    assert!(message(&object, "Retained").contains(&said), "{object:?}");
    stage
        .until_retained("kept", "the survivor", |object| {
            object.status.as_ref().unwrap().available_eni_ids == ["eni-kept"]
        })
        .await;
    stage.reads(3).await;
    stage.until_retention("kept", "Retained=True/AllProtected Ready=True Stalled=False").await;
}

#[tokio::test]
async fn i49_a_selected_node_in_a_region_that_is_not_granted_is_named_and_no_true_is_said_of_its_pool() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    node(&stage, "a", "here", Some(&format!("{REGION}.{id}"))).await;
    node(&stage, "a", "there", Some("cn-nowhere.i-there")).await;
    let _operator = stage.start();
    stage.apply("pool", json!({ "targets": pool(&stage, "a") })).await;
    stage.apply("here", json!({ "region": REGION, "targets": pool(&stage, "a") })).await;
    stage.retain("pool", json!({ "region": REGION, "targets": pool(&stage, "a") })).await;
    let object =
        stage.until("pool", "Protected=Unknown/NodeNotServed Ready=False Stalled=True/NodeNotServed").await;
    let said = format!("Node {}: The providerID of the Node names a region", name(&stage, "there"));
    assert!(message(&object, "Stalled").contains(&said), "{object:?}");
    stage.until_cloud("the other is protected all the same", |_| stage.protected(&id)).await;
    let object = stage.until("here", "Protected=True/AllProtected Ready=True").await;
    let ignored = |counts: Option<Counts>| counts.unwrap().nodes_ignored;
    assert_eq!(ignored(object.status.unwrap().counts), 1, "who names a region means no other");
    let object = stage.until_retention("pool", "Retained=True/AllProtected Ready=True").await;
    assert_eq!(ignored(object.status.unwrap().counts), 1);
}

/// Nobody has typed this id, and no region or endpoint is wrong.
#[tokio::test]
async fn i49_a_node_with_an_id_that_the_cloud_refuses_is_named_with_its_provider_id() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    node(&stage, "a", "good", Some(&format!("{REGION}.{id}"))).await;
    node(&stage, "a", "odd", Some(&format!("alicloud://{REGION}.i-odd"))).await;
    let code = "InvalidInstanceID.Malformed".to_owned();
    let refusal = Fault::Error { code, status: None, message: None };
    stage.account.fault(Rule::new("DescribeInstances", refusal).instance("i-odd"));
    let _operator = stage.start();
    stage.apply("pool", json!({ "targets": pool(&stage, "a") })).await;
    stage.retain("pool", json!({ "region": REGION, "targets": pool(&stage, "a") })).await;
    let stalled = "Ready=False Reconciling=False Stalled=True/NodeIdRefused";
    let object = stage.until("pool", &format!("Protected=Unknown/NodeIdRefused {stalled}")).await;
    let said = message(&object, "Stalled");
    assert!(
        said.contains(&format!("Node {}: The cloud refuses the instance id", name(&stage, "odd"))),
        "{said}"
    );
    assert!(said.contains(&format!("({REGION}.i-odd)")), "{said}");
    let rows = object.status.unwrap().instances;
    let row = rows.iter().find(|row| row.instance_id == "i-odd").unwrap();
    assert!(row.reason == "NodeIdRefused" && row.message.contains(&name(&stage, "odd")), "{row:?}");
    let object = stage.until_retention("pool", &format!("Retained=Unknown/NodeIdRefused {stalled}")).await;
    let said = message(&object, "Stalled");
    assert!(said.contains(&name(&stage, "odd")) && said.contains(&format!("({REGION}.i-odd)")), "{said}");
    stage.until_cloud("the other is protected all the same", |_| stage.protected(&id)).await;

    kubectl(&stage, &["delete", "node", &name(&stage, "odd")]).await;
    stage.until("pool", "Protected=True/AllProtected Ready=True Stalled=False").await;
    stage.until_retention("pool", "Retained=True/AllProtected Ready=True Stalled=False").await;
}

/// I10: what is done away with does not wait for Nodes.
#[tokio::test]
async fn i49_a_node_without_an_id_holds_up_neither_an_act_nor_a_deletion() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION).protected(true));
    node(&stage, "a", "here", Some(&format!("{REGION}.{id}"))).await;
    node(&stage, "a", "unresolved", None).await;
    let _operator = stage.start();
    let off = json!({ "targets": pool(&stage, "a"), "protection": "Disabled", "deletionPolicy": "Disable" });
    stage.apply("pool", off).await;
    let object = stage.until("pool", "Protected=False/DisabledAsAsked Ready=True Stalled=False").await;
    assert!(!stage.protected(&id));
    let said = format!("1 selected Node has no target. Node {}: ", name(&stage, "unresolved"));
    assert!(message(&object, "Protected").contains(&said), "{object:?}");
    stage.delete("pool").await;
    stage.until_gone("pool").await;
}
