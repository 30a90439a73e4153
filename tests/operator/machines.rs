//! Instances that are selected through their Nodes.

use serde_json::{Value, json};

use keeper_simulator::Seed;

use crate::stage::{LABEL, REGION, Stage, eventually};

/// The stage's Nodes of one pool.
fn pool(stage: &Stage, pool: &str) -> Value {
    json!({ "nodes": { "matchLabels": { LABEL: stage.namespace, "pool": pool } } })
}

async fn node(stage: &Stage, name: &str, labels: &[(&str, &str)], provider: Option<&str>) {
    let mut all = vec![(LABEL, stage.namespace.as_str()), ("pool", "a")];
    all.extend(labels);
    stage.node(&format!("{}-{name}", stage.namespace), &all, provider).await;
}

async fn until_targets(stage: &Stage, name: &str, wanted: (u32, u32)) {
    until_counted(stage, name, "Protected=True/AllProtected", wanted).await;
}

async fn until_counted(stage: &Stage, name: &str, says: &str, wanted: (u32, u32)) {
    eventually(&format!("{name} has (targets, ignored Nodes) {wanted:?}"), async || {
        let object = stage.until(name, says).await;
        let counts = object.status.unwrap().counts;
        let counted = counts.map(|counts| (counts.targets, counts.nodes_ignored));
        if counted == Some(wanted) { Ok(()) } else { Err(counts) }
    })
    .await;
}

#[tokio::test]
async fn every_documented_form_of_a_provider_id_is_read_and_what_is_no_ecs_instance_is_counted() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(4));
    let beijing = stage.account.seed_one(&Seed::new("cn-beijing"));
    let text = |id: &String| format!("{REGION}.{id}");
    node(&stage, "bare", &[], Some(&text(&ids[0]))).await;
    node(&stage, "scheme", &[], Some(&format!("alicloud://{}", text(&ids[1])))).await;
    node(&stage, "beijing", &[], Some(&format!("cn-beijing.{beijing}"))).await;
    node(&stage, "virtual", &[("type", "virtual-kubelet")], Some(&text(&ids[2]))).await;
    node(&stage, "lingjun", &[("alibabacloud.com/lingjun-worker", "true")], Some(&text(&ids[3]))).await;
    for (number, odd) in [
        None,
        Some("ack-hybrid://somewhere/machine"),
        Some("aws:///eu-west-1a/i-0123456789abcdef0"),
        Some("xx-nowhere.i-web"),
        Some("cn-hangzhou"),
        Some("cn-hangzhou.i-../../etc/passwd"),
        Some("evil.example.com.i-web"),
    ]
    .into_iter()
    .enumerate()
    {
        node(&stage, &format!("odd{number}"), &[], odd).await;
    }
    let mut operator = stage.start();
    stage.apply("everywhere", json!({ "targets": pool(&stage, "a") })).await;
    stage.apply("hangzhou", json!({ "region": REGION, "targets": pool(&stage, "a") })).await;
    // What is none of ours is counted; what may be, and can't be read, is no True (see `targetless`).
    until_counted(&stage, "everywhere", "Protected=Unknown/NodeUnresolved", (3, 4)).await;
    until_counted(&stage, "hangzhou", "Protected=Unknown/NodeUnresolved", (2, 6)).await;
    let protected = |id: &String| stage.protected(id);
    assert!(protected(&ids[0]) && protected(&ids[1]) && protected(&beijing));
    assert!(!protected(&ids[2]) && !protected(&ids[3]));
    assert!(operator.runs());
}

#[tokio::test]
async fn a_node_that_goes_takes_its_target_along_and_leaves_its_flag() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    node(&stage, "stays", &[], Some(&format!("{REGION}.{}", ids[0]))).await;
    node(&stage, "goes", &[], Some(&format!("{REGION}.{}", ids[1]))).await;
    let _operator = stage.start();
    stage.apply("pool", json!({ "targets": pool(&stage, "a") })).await;
    until_targets(&stage, "pool", (2, 0)).await;

    let gone = format!("{}-goes", stage.namespace);
    stage.cluster.kubectl(&["delete", "node", &gone]).await;
    until_targets(&stage, "pool", (1, 0)).await;
    let note = stage.until_event("pool", "NodeLeft").await;
    assert!(note.contains(&gone) && note.contains(&ids[1]) && note.contains("is gone"), "{note}");
    stage.reads(4).await;
    assert!(stage.protected(&ids[1]));
    assert_eq!(stage.unprotecting_writes(), 0);
    let told = stage.events("pool").await;
    let times: Vec<i32> =
        told.iter().filter(|told| told.reason == "NodeLeft").map(|told| told.times).collect();
    assert_eq!(times, [1], "{told:?}");
}

#[tokio::test]
async fn a_node_that_gets_or_loses_the_label_joins_or_leaves() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    node(&stage, "first", &[], Some(&format!("{REGION}.{}", ids[0]))).await;
    node(&stage, "second", &[("pool", "b")], Some(&format!("{REGION}.{}", ids[1]))).await;
    let _operator = stage.start();
    stage.apply("pool", json!({ "targets": pool(&stage, "a") })).await;
    until_targets(&stage, "pool", (1, 0)).await;
    assert!(!stage.protected(&ids[1]));

    let label = async |name: &str, pool: &str| {
        let name = format!("{}-{name}", stage.namespace);
        stage.cluster.kubectl(&["label", "--overwrite", "node", &name, &format!("pool={pool}")]).await;
    };
    label("second", "a").await;
    stage.until_cloud("the one that joined is protected", |_| stage.protected(&ids[1])).await;
    until_targets(&stage, "pool", (2, 0)).await;
    label("first", "b").await;
    let note = stage.until_event("pool", "NodeLeft").await;
    assert!(note.contains("is no longer selected") && note.contains(&ids[0]), "{note}");
    until_targets(&stage, "pool", (1, 0)).await;
    assert!(stage.protected(&ids[0]));
}

/// A Node can be there before its cloud provider has said which machine it is.
#[tokio::test]
async fn a_node_is_a_target_as_soon_as_its_provider_id_is_set() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    node(&stage, "new", &[], None).await;
    let _operator = stage.start();
    stage.apply("pool", json!({ "targets": pool(&stage, "a"), "deletionPolicy": "Disable" })).await;
    stage.until("pool", "Protected=Unknown/NodeUnresolved Reconciling=True Stalled=False").await;
    let patch = json!({ "spec": { "providerID": format!("{REGION}.{id}") } }).to_string();
    let name = format!("{}-new", stage.namespace);
    stage.cluster.kubectl(&["patch", "node", &name, "--patch", &patch]).await;
    until_targets(&stage, "pool", (1, 0)).await;
    assert!(stage.protected(&id));
}
