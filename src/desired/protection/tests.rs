use k8s_openapi::jiff::Timestamp;
use keeper_core::reason::Reason;
use serde_json::{Value, json};

use super::*;
use crate::api::Object;
use crate::config;
use crate::desired::{Claim, Cluster, Machine, Nodes, Placement, Served, place};
use crate::node::Node;
use crate::node_claim::NodeClaim;

const HANGZHOU: &str = "cn-hangzhou";

fn node(name: &str, pool: &str, provider: &str, deleting: bool) -> (String, Machine) {
    let mut node = json!({
        "metadata": { "name": name, "uid": format!("uid-{name}"), "labels": { "pool": pool } },
        "spec": { "providerID": provider },
    });
    if deleting {
        node["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    (name.to_owned(), Machine::of(&serde_json::from_value::<Node>(node).unwrap()))
}

/// The NodeClaim of a Node that is drained.
fn claim(node: &str, provider: &str) -> (String, Claim) {
    let condition = |type_: &str| json!({ "type": type_, "status": "True" });
    let name = format!("claim-of-{node}");
    let claim = json!({
        "metadata": { "name": name, "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["karpenter.sh/termination"] },
        "status": { "providerID": provider, "nodeName": node, "conditions": [condition("Drained"), condition("VolumesDetached")] },
    });
    (name, Claim::of(&serde_json::from_value::<NodeClaim>(claim).unwrap()))
}

/// Two machines that Karpenter is about to release, in two regions, one that it is not, and one of another pool.
fn cluster() -> Cluster {
    let nodes = [
        node("n1", "a", "cn-hangzhou.i-one", true),
        node("n2", "a", "cn-hangzhou.i-two", false),
        node("n3", "a", "cn-beijing.i-three", true),
        node("n4", "b", "cn-hangzhou.i-four", true),
    ];
    let claims = [
        claim("n1", "cn-hangzhou.i-one"),
        claim("n2", "cn-hangzhou.i-two"),
        claim("n3", "cn-beijing.i-three"),
        claim("n4", "cn-hangzhou.i-four"),
    ];
    Cluster { nodes: Nodes::from(nodes), claims: Some(claims.into()), watches_claims: true }
}

fn row(region: &str, id: &str, node: &str) -> Value {
    json!({ "instanceId": id, "region": region, "nodeName": node, "since": "2026-01-01T00:00:00Z", "phase": "Waiting" })
}

fn served(fields: &Value, lifted: &[Value], cluster: &Cluster) -> Served {
    let mut spec =
        json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } }, "nodeRemoval": "Lift" });
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let object = json!({
        "metadata": { "name": "a", "namespace": "ours", "uid": "u", "generation": 3 },
        "spec": spec,
        "status": { "lifted": lifted },
    });
    let object = Object::Protection(Arc::new(serde_json::from_value(object).unwrap()));
    let grants = config::parse("accounts: [{name: default, regions: [cn-hangzhou, cn-beijing]}]").unwrap();
    match place(&object, cluster, &grants.grants("ours"), Timestamp::UNIX_EPOCH) {
        Placement::Served(served) => served,
        other => panic!("{other:?}"),
    }
}

/// "i-one n1 Due", of all lifts of a region; and that each of them is selected as a Node is.
fn lifts(served: &Served, region: &str) -> Vec<String> {
    let Some(Desired::Protection(intent, _)) = served.intents.get(&Region::new(region)) else {
        return Vec::new();
    };
    assert!(intent.lifts.keys().all(|id| intent.selector.node_ids.contains(id)));
    intent.lifts.iter().map(|(id, lift)| format!("{id} {} {:?}", lift.node, lift.removal)).collect()
}

#[test]
fn i54_what_karpenter_is_about_to_release_is_told_in_its_region() {
    let served = served(&json!({}), &[], &cluster());
    assert_eq!(lifts(&served, HANGZHOU), ["i-one n1 Due"]);
    assert_eq!(lifts(&served, "cn-beijing"), ["i-three n3 Due"]);
    let of = (Region::new(HANGZHOU), InstanceId::new("i-one"));
    let expected =
        Removing { node: "n1".to_owned(), uid: "uid-n1".to_owned(), claim: "claim-of-n1".to_owned() };
    assert_eq!(served.removals.get(&of), Some(&expected));
    assert_eq!(served.removals.len(), 2);
}

#[test]
fn i54_only_who_asks_for_it_steps_aside() {
    let told = |fields: Value| {
        let served = served(&fields, &[], &cluster());
        let asks = served.intents.values().any(|desired| match desired {
            Desired::Protection(intent, _) => intent.lift,
            Desired::Retention(..) => false,
        });
        (asks, lifts(&served, HANGZHOU).len(), served.karpenter_unwatched)
    };
    assert_eq!(told(json!({})), (true, 1, false));
    assert_eq!(told(json!({ "nodeRemoval": "KeepProtected" })), (false, 0, false));
    assert_eq!(told(json!({ "protection": "Disabled" })), (false, 0, false), "stored before it was refused");
    let exclude =
        json!({ "nodes": { "matchLabels": { "pool": "a" } }, "exclude": { "instanceIds": ["i-one"] } });
    assert_eq!(told(json!({ "targets": exclude })), (true, 0, false));
    assert_eq!(told(json!({ "region": "cn-beijing" })), (true, 0, false), "in another region");
}

#[test]
fn i54_what_status_lists_stays_a_target_when_its_node_is_gone() {
    let mut cluster = cluster();
    cluster.nodes.remove("n1");
    cluster.claims.as_mut().unwrap().remove("claim-of-n1");
    let rows = [row(HANGZHOU, "i-one", "n1")];
    let gone = served(&json!({}), &rows, &cluster);
    assert_eq!(lifts(&gone, HANGZHOU), ["i-one n1 Going"]);
    assert!(gone.lifts(&Region::new(HANGZHOU), &InstanceId::new("i-one")));
    let Desired::Protection(_, record) = &gone.intents[&Region::new(HANGZHOU)] else { panic!("{gone:?}") };
    assert_eq!(&*record.lifted[&InstanceId::new("i-one")].node, "n1");
    let Desired::Protection(_, record) = &gone.intents[&Region::new("cn-beijing")] else {
        panic!("{gone:?}")
    };
    assert!(record.lifted.is_empty(), "it is in another region");
    // Also the last one of its region.
    cluster.nodes.retain(|name, _| name == "n3");
    assert_eq!(lifts(&served(&json!({}), &rows, &cluster), HANGZHOU), ["i-one n1 Going"]);
    // As long as it is about to go, by the name that status says.
    let stands = served(&json!({}), &[row(HANGZHOU, "i-one", "n0")], &self::cluster());
    assert_eq!(lifts(&stands, HANGZHOU), ["i-one n0 Due"]);
}

#[test]
fn i54_what_is_not_known_of_karpenter_is_protected() {
    let rows = [row(HANGZHOU, "i-one", "n1")];
    let told = |fields: Value, rows: &[Value], change: fn(&mut Cluster)| {
        let mut cluster = cluster();
        change(&mut cluster);
        let served = served(&fields, rows, &cluster);
        assert!(served.removals.is_empty());
        lifts(&served, HANGZHOU)
    };
    let (withdrawn, not_known) = (["i-one n1 Withdrawn"], ["i-one n1 Unknown"]);
    let unknown = |cluster: &mut Cluster| cluster.claims = None;
    assert_eq!(told(json!({}), &rows, unknown), not_known, "it is not forgotten");
    let unwatched = |cluster: &mut Cluster| (cluster.claims, cluster.watches_claims) = (None, false);
    assert_eq!(told(json!({}), &rows, unwatched), withdrawn);
    let asked_no_more = json!({ "nodeRemoval": "KeepProtected", "region": HANGZHOU });
    assert_eq!(told(asked_no_more, &rows, unknown), withdrawn);
    assert!(told(json!({}), &[], unknown).is_empty());
    let unknown_and_gone = |cluster: &mut Cluster| {
        cluster.claims = None;
        cluster.nodes.remove("n1");
    };
    assert_eq!(told(json!({}), &rows, unknown_and_gone), not_known);
    let away = |cluster: &mut Cluster| {
        cluster.claims = Some(Claims::new());
        cluster.nodes.get_mut("n1").unwrap().deleting = false;
    };
    assert!(told(json!({ "nodeRemoval": "KeepProtected", "region": HANGZHOU }), &rows, |_| ()) == withdrawn);
    assert_eq!(told(json!({ "region": HANGZHOU }), &rows, away), withdrawn);
}

#[test]
fn i57_what_others_write_into_status_reaches_no_region_that_is_not_asked_for() {
    let rows = [
        row("cn-shanghai", "i-one", "n1"),
        row("nowhere.example.com/", "i-one", "n1"),
        row(HANGZHOU, "everything", "n1"),
    ];
    let served = served(&json!({}), &rows, &Cluster { watches_claims: true, ..Cluster::default() });
    assert!(served.intents.is_empty(), "{served:?}");
}

#[test]
fn whoever_steps_aside_for_what_is_not_watched_is_told() {
    let unwatched = Cluster { watches_claims: false, claims: None, ..cluster() };
    let asked = served(&json!({}), &[], &unwatched);
    assert!(asked.karpenter_unwatched && lifts(&asked, HANGZHOU).is_empty());
    let Desired::Protection(intent, _) = &asked.intents[&Region::new(HANGZHOU)] else { panic!("{asked:?}") };
    assert!(!intent.lift, "{}", Reason::KarpenterOwned.sentence());
    let observes = served(&json!({ "mode": "Observe" }), &[], &unwatched);
    assert!(!observes.karpenter_unwatched, "it does nothing anyway");
}
