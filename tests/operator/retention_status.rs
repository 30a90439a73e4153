//! What the API server makes of the status of an `EniRetention`.

use ecs_keeper::api::{
    Counts, Eip, EniRetention, EniRetentionSpec, EniRetentionStatus, MAX_ADDRESSES, MAX_ENI_ID, MAX_ID,
    MAX_LISTED_INTERFACES, MAX_MESSAGE, MAX_REASON, MAX_REATTACHMENTS, MAX_RETAINED, MAX_RISKS,
    MAX_SECURITY_GROUPS, NetworkInterfacePhase, NetworkInterfaceStatus, NetworkInterfaceType,
    ReattachmentPhase, ReattachmentStatus, RetentionAct, RetentionActStatus, RetentionState, Risk,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Error};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::retention_rules::{ids, largest_spec};
use crate::status::{apply, condition, fattest_changes};

/// What etcd takes in one request unless it is told otherwise.
const ETCD_LIMIT: usize = 1536 * 1024;

/// A stored object named `subject`, and the API to reach it.
async fn subject(cluster: &Cluster, spec: &Value) -> Api<EniRetention> {
    let objects: Api<EniRetention> = Api::namespaced(cluster.client.clone(), &cluster.namespace().await);
    let spec: EniRetentionSpec = serde_json::from_value(spec.clone()).unwrap();
    objects.create(&PostParams::default(), &EniRetention::new("subject", spec)).await.unwrap();
    objects
}

fn by_id() -> Value {
    json!({ "region": "cn-hangzhou", "targets": { "networkInterfaceIds": ["eni-bp1"] } })
}

fn since() -> Time {
    Time("2026-01-01T00:00:00Z".parse().unwrap())
}

fn id(prefix: &str, n: usize) -> String {
    format!("{prefix}-{n:0>width$}", width = MAX_ID - prefix.len() - 1)
}

/// A listed network interface with everything that it can have, as long as it can be.
fn fattest_row(network_interface_id: String) -> NetworkInterfaceStatus {
    let risk = Risk { reason: "R".repeat(MAX_REASON), message: "s".repeat(MAX_MESSAGE) };
    let address = |n: usize| format!("{n:0>4}:2001:2002:2003:2004:2005:255.255.255.255");
    let addresses = || (0..MAX_ADDRESSES).map(address);
    NetworkInterfaceStatus {
        network_interface_id,
        type_: Some(NetworkInterfaceType::Secondary),
        phase: NetworkInterfacePhase::NotApplicable,
        instance_id: Some(id("i", 1)),
        last_instance_id: Some(id("i", 2)),
        zone_id: Some(id("cn", 1)),
        v_switch_id: Some(id("vsw", 1)),
        vpc_id: Some(id("vpc", 1)),
        private_ips: addresses().collect(),
        ipv6_addresses: addresses().collect(),
        ipv4_prefixes: addresses().map(|address| address + "/128").collect(),
        ipv6_prefixes: addresses().map(|address| address + "/128").collect(),
        more_addresses: Some(u32::MAX),
        eips: (0..MAX_ADDRESSES)
            .map(|n| Eip { allocation_id: Some(id("eip", n)), public_ip: address(n), private_ip: address(n) })
            .collect(),
        security_group_ids: (0..MAX_SECURITY_GROUPS).map(|n| id("sg", n)).collect(),
        risks: vec![risk; MAX_RISKS],
        since: since(),
        reason: "R".repeat(MAX_REASON),
        message: "s".repeat(MAX_MESSAGE),
    }
}

/// A status with every list at its limit and every string as long as it can be.
fn fattest_status() -> EniRetentionStatus {
    let reattachments = ids(MAX_REATTACHMENTS).into_iter().map(|network_interface_id| ReattachmentStatus {
        network_interface_id,
        instance_id: Some(id("i", 1)),
        node_name: Some("n".repeat(253)),
        phase: ReattachmentPhase::Requested,
        reason: "R".repeat(MAX_REASON),
        message: "s".repeat(MAX_MESSAGE),
        since: since(),
    });
    EniRetentionStatus {
        observed_generation: Some(i64::MAX),
        conditions: ["Retained", "AtRisk", "Ready", "Reconciling", "Stalled"]
            .map(|kind| condition(kind, "Unknown", "Reason", &"m".repeat(32768)))
            .to_vec(),
        retention_state: Some(RetentionState::RetainedWhereApplicable),
        counts: Some(Counts { targets: u32::MAX, unknown: u32::MAX, ..Counts::default() }),
        retained_eni_ids: ids(MAX_RETAINED),
        available_eni_ids: ids(MAX_RETAINED),
        network_interfaces: ids(MAX_LISTED_INTERFACES).into_iter().map(fattest_row).collect(),
        reattachments: reattachments.collect(),
        acts: vec![RetentionActStatus { act: RetentionAct::Release, generation: i64::MAX }; 8],
        changes: fattest_changes(),
    }
}

/// Tools that follow kstatus would take an object without status for a finished one.
#[tokio::test]
async fn i08_a_new_object_is_not_taken_for_a_finished_one() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &by_id()).await;
    let stored = objects.get("subject").await.unwrap();
    assert_eq!(stored.status.unwrap().observed_generation, Some(-1));
    assert_eq!(stored.metadata.generation, Some(1));
}

/// The lists of ids must be complete for as long as the limits allow. So must be the words of the conditions and of the
/// reattachments; rows are dropped until all of it goes into one request to etcd, together with everything else that an
/// object can hold.
#[tokio::test]
async fn i20_the_fattest_status_of_the_largest_object_can_be_stored() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &largest_spec()).await;
    let note = json!({ "metadata": { "annotations": { "example.com/note": "n".repeat(190_000) } } });
    objects.patch("subject", &PatchParams::default(), &Patch::Merge(note)).await.unwrap();

    let mut status = fattest_status();
    let dropped = status.shorten_to_fit();
    assert_eq!(status.network_interfaces.len(), MAX_LISTED_INTERFACES - dropped);
    assert!(dropped < MAX_LISTED_INTERFACES, "no row is left");
    let but_for_rows = |status| EniRetentionStatus { network_interfaces: Vec::new(), ..status };
    assert!(but_for_rows(status.clone()) == but_for_rows(fattest_status()), "more was dropped than rows");
    let applied = apply(&objects, "ecs-keeper", &serde_json::to_value(&status).unwrap()).await.unwrap();
    let size = serde_json::to_vec(&applied).unwrap().len();
    assert!((1_500_000..ETCD_LIMIT).contains(&size), "not the largest object: {size} bytes");
    assert_eq!(applied.status, Some(status));
}

/// Every row at the limit of every field, where nothing else needs the room: a row alone is legal, too.
#[tokio::test]
async fn a_row_with_everything_in_it_is_accepted() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &by_id()).await;
    let rows: Vec<_> = ids(80).into_iter().map(fattest_row).collect();
    let mut status = EniRetentionStatus { network_interfaces: rows, ..EniRetentionStatus::default() };
    assert_eq!(status.shorten_to_fit(), 0);
    let applied = apply(&objects, "ecs-keeper", &serde_json::to_value(&status).unwrap()).await.unwrap();
    assert_eq!(applied.status.unwrap().network_interfaces, status.network_interfaces);
}

#[tokio::test]
async fn a_status_that_breaks_a_limit_is_refused() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &by_id()).await;
    let row = |field: &str, value: Value| {
        let mut row = json!({
            "networkInterfaceId": "eni-bp1", "phase": "Available", "since": "2026-01-01T00:00:00Z",
            "reason": "Because", "message": "",
        });
        row[field] = value;
        json!({ "networkInterfaces": [row] })
    };
    let reattachment = |field: &str, value: Value| {
        let mut entry = json!({
            "networkInterfaceId": "eni-bp1", "phase": "Waiting", "since": "2026-01-01T00:00:00Z",
            "reason": "Because", "message": "",
        });
        entry[field] = value;
        json!({ "reattachments": [entry] })
    };
    let accepted = [row("message", json!("Sentence")), reattachment("message", json!("Sentence"))];
    for status in accepted {
        apply(&objects, "ecs-keeper", &status).await.unwrap();
    }
    let addresses = vec!["192.0.2.1"; MAX_ADDRESSES + 1];
    let cases = [
        ("a state that does not exist", json!({ "retentionState": "Protected" })),
        ("a generation below minus one", json!({ "observedGeneration": -2 })),
        ("one retained id too many", json!({ "retainedEniIds": ids(MAX_RETAINED + 1) })),
        ("one available id too many", json!({ "availableEniIds": ids(MAX_RETAINED + 1) })),
        ("a long id", json!({ "retainedEniIds": ["e".repeat(MAX_ENI_ID + 1)] })),
        ("no id", json!({ "availableEniIds": [""] })),
        ("a phase that does not exist", row("phase", json!("Lost"))),
        ("a type that does not exist", row("type", json!("Mirror"))),
        ("a row without a phase", row("phase", Value::Null)),
        ("a time that is none", row("since", json!("yesterday"))),
        ("a reason of two words", row("reason", json!("Two words"))),
        ("a long message", row("message", json!("m".repeat(MAX_MESSAGE + 1)))),
        ("too many addresses", row("privateIps", json!(addresses))),
        ("fewer addresses than none", row("moreAddresses", json!(-1))),
        ("an elastic address of nothing", row("eips", json!([{ "publicIp": "192.0.2.1" }]))),
        ("a phase of another thing", reattachment("phase", json!("Available"))),
        ("a reattachment of nothing", reattachment("networkInterfaceId", Value::Null)),
    ];
    for (what, status) in cases {
        match apply(&objects, "ecs-keeper", &status).await {
            Err(Error::Api(refusal)) => assert!(refusal.is_invalid(), "{what}: {}", refusal.message),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// A list that we write is ours alone: what an earlier report listed must not linger beside what the next one says.
#[tokio::test]
async fn a_shorter_list_replaces_a_longer_one() {
    let cluster = Cluster::connect().await;
    let objects = subject(&cluster, &by_id()).await;
    let retains = |ids: &[&str]| json!({ "retainedEniIds": ids, "availableEniIds": ids });
    apply(&objects, "ecs-keeper", &retains(&["eni-bp1", "eni-bp2"])).await.unwrap();
    let status = apply(&objects, "ecs-keeper", &retains(&["eni-bp2"])).await.unwrap().status.unwrap();
    assert_eq!(
        (status.retained_eni_ids, status.available_eni_ids),
        (vec!["eni-bp2".to_owned()], vec!["eni-bp2".to_owned()])
    );
}
