//! Network interfaces that outlive their instance, and what is told of them.

use std::collections::BTreeMap;

use ecs_keeper::api::{
    EniRetention, NetworkInterfacePhase, NetworkInterfaceStatus, NetworkInterfaceType, RetentionState,
};
use keeper_simulator::{Eip, InterfaceSeed, InterfaceStatus, PrimaryRefusal, ReleaseReason, Seed};
use serde_json::{Value, json};

use crate::stage::{LABEL, REGION, Stage};

/// A stage on which another instance stays: where no instance is left at all, none is proven to be gone.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-neighbour"));
    stage
}

/// An instance with its primary interface, which carries an EIP, and two secondary ones, of which the first carries all
/// sorts of addresses.
fn seed(id: &str) -> Seed {
    let rich = InterfaceSeed {
        private_ip_addresses: (1..=6).map(|n| format!("10.0.9.{n}")).collect(),
        ipv6_addresses: vec!["2001:db8::7".to_owned()],
        ipv4_prefixes: vec!["10.0.8.0/28".to_owned()],
        security_group_ids: vec!["sg-one".to_owned(), "sg-two".to_owned()],
        ..InterfaceSeed::secondary().id(&format!("eni-{id}b"))
    };
    Seed::new(REGION)
        .id(&format!("i-{id}"))
        .interface(InterfaceSeed::primary().id(&format!("eni-{id}a")).eip("eip-one", "203.0.113.7"))
        .interface(rich)
        .interface(InterfaceSeed::secondary().id(&format!("eni-{id}c")))
}

fn of_instances(ids: &[&str]) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ids } })
}

fn rows(object: &EniRetention) -> BTreeMap<&str, &NetworkInterfaceStatus> {
    let rows = &object.status.as_ref().unwrap().network_interfaces;
    rows.iter().map(|row| (row.network_interface_id.as_str(), row)).collect()
}

fn retained(object: &EniRetention) -> Vec<&str> {
    object.status.as_ref().unwrap().retained_eni_ids.iter().map(String::as_str).collect()
}

fn available(object: &EniRetention) -> Vec<&str> {
    object.status.as_ref().unwrap().available_eni_ids.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn i19_i21_what_outlives_its_instance_is_listed_with_all_that_it_carries() {
    let stage = stage().await;
    stage.account.seed_one(&seed("db"));
    let mut operator = stage.start();
    let manifest = json!({
        "apiVersion": "ecs-keeper.io/v1alpha1",
        "kind": "EniRetention",
        "metadata": { "name": "database", "namespace": stage.namespace, "labels": { LABEL: stage.namespace } },
        "spec": of_instances(&["i-db"]),
    });
    let file = stage.log.with_extension("manifest");
    std::fs::write(&file, manifest.to_string()).unwrap();
    stage.cluster.kubectl(&["apply", "--filename", file.to_str().unwrap()]).await;
    std::fs::remove_file(&file).unwrap();
    let named = ["--namespace", &stage.namespace, "eniret/database"];
    let wait = ["wait", "--for=condition=Retained", "--timeout=240s"];
    stage.cluster.kubectl(&[wait, named].concat()).await;

    let ids = ["eni-dba", "eni-dbb", "eni-dbc"];
    assert!(ids.iter().all(|id| stage.stays(id)));
    let wanted = "Retained=True/AllProtected Ready=True AtRisk=False Stalled=False Reconciling=False";
    let object = stage.until_retention("database", wanted).await;
    assert_eq!(retained(&object), ids);
    assert_eq!(available(&object), [""; 0]);
    let attached = rows(&object);
    assert_eq!(attached["eni-dba"].type_, Some(NetworkInterfaceType::Primary));
    assert_eq!(attached["eni-dba"].phase, NetworkInterfacePhase::Attached);
    assert_eq!(attached["eni-dba"].instance_id.as_deref(), Some("i-db"));
    assert_eq!(attached["eni-dba"].reason, "Retained");

    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    let object = stage
        .until_retained("database", "three survivors", |object| {
            available(object).len() == 3
                && rows(object).values().all(|row| row.phase == NetworkInterfacePhase::Available)
        })
        .await;
    let status = object.status.as_ref().unwrap();
    assert_eq!(retained(&object), ids);
    assert_eq!(status.retention_state, Some(RetentionState::Retained));
    for (id, row) in rows(&object) {
        let truth = stage.interface(id);
        assert_eq!(row.type_, Some(NetworkInterfaceType::Secondary), "{row:?}");
        assert_eq!((&row.instance_id, row.last_instance_id.as_deref()), (&None, Some("i-db")));
        assert_eq!(row.zone_id.as_deref(), Some(truth.zone_id.as_str()));
        assert_eq!(row.v_switch_id.as_deref(), Some(truth.v_switch_id.as_str()));
        assert_eq!(row.vpc_id.as_deref(), Some(truth.vpc_id.as_str()));
        assert_eq!(row.private_ips[0], truth.primary_ip_address);
        assert_eq!(row.ipv6_addresses, truth.ipv6_addresses);
        assert_eq!(row.ipv4_prefixes, truth.ipv4_prefixes);
        assert_eq!(row.security_group_ids, truth.security_group_ids);
        let eips: Vec<&str> = row.eips.iter().map(|eip| eip.public_ip.as_str()).collect();
        let bound: Vec<&str> = truth.eips.iter().map(|eip: &Eip| eip.public_ip_address.as_str()).collect();
        assert_eq!(eips, bound);
    }
    assert_eq!(rows(&object)["eni-dba"].eips[0].allocation_id.as_deref(), Some("eip-one"));
    let rich = rows(&object)["eni-dbb"];
    assert_eq!((rich.private_ips.len(), rich.more_addresses), (5, Some(2)));
    stage.cluster.kubectl(&[wait, named].concat()).await;
    let shown = stage.cluster.kubectl(&[&["get", "--no-headers"][..], &named].concat()).await;
    let columns: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!(&columns[..6], ["database", "Retained", "3", "3", "0", "True"], "{shown}");

    // At rest: nothing is written any more, neither here nor there.
    let version = |object: EniRetention| object.metadata.resource_version;
    let (before, writes) = (version(object), stage.interface_writes().len());
    stage.calls("DescribeNetworkInterfaces", 5).await;
    assert_eq!(version(stage.retentions.get("database").await.unwrap()), before);
    assert_eq!((stage.interface_writes().len(), writes), (3, 3), "one for each");
    assert!(operator.runs());
}

#[tokio::test]
async fn i25_somebody_who_sets_the_flag_by_hand_loses_also_on_a_survivor() {
    let stage = stage().await;
    stage.account.seed_one(&seed("db"));
    let _operator = stage.start();
    stage.retain("database", of_instances(&["i-db"])).await;
    stage.until_retention("database", "Retained=True").await;
    stage.doom_by_hand("eni-dbb");
    stage.until_cloud("the drift is repaired", |_| stage.stays("eni-dbb")).await;
    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    stage.until_retained("database", "survivors", |object| available(object).len() == 3).await;
    stage.doom_by_hand("eni-dba");
    stage.until_cloud("the drift is repaired", |_| stage.stays("eni-dba")).await;
    let object = stage.until_retention("database", "Retained=True/AllProtected").await;
    assert_eq!(retained(&object), ["eni-dba", "eni-dbb", "eni-dbc"]);
}

#[tokio::test]
async fn i19_the_list_shrinks_by_proof_alone_one_id_at_a_time_and_each_is_told() {
    let stage = stage().await;
    stage.account.seed_one(&seed("db"));
    let _operator = stage.start();
    stage.retain("database", of_instances(&["i-db"])).await;
    stage.until_retention("database", "Retained=True").await;
    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    stage.until_retained("database", "survivors", |object| available(object).len() == 3).await;

    // Somebody deletes one.
    assert!(stage.account.remove_interface("eni-dbb"));
    let object = stage.until_retained("database", "one less", |object| retained(object).len() == 2).await;
    assert_eq!(retained(&object), ["eni-dba", "eni-dbc"]);
    let row = rows(&object)["eni-dbb"];
    assert_eq!((row.phase, row.reason.as_str()), (NetworkInterfacePhase::Gone, "Departed"));
    assert_eq!(row.last_instance_id.as_deref(), Some("i-db"));
    let note = stage.until_event("database", "Departed").await;
    assert!(note.starts_with("eni-dbb is gone; last seen retained at "), "{note}");
    let gone = row.message.clone();
    assert!(gone.starts_with("It is gone; last seen retained at "), "{gone}");

    // The spec excludes one: it leaves the list, and keeps its flag.
    let mut excluding = of_instances(&["i-db"]);
    excluding["targets"]["exclude"] = json!({ "networkInterfaceIds": ["eni-dba"] });
    stage.retain("database", excluding).await;
    let object = stage.until_retained("database", "one less", |object| retained(object).len() == 1).await;
    assert_eq!(retained(&object), ["eni-dbc"]);
    assert_eq!(rows(&object)["eni-dbb"].message, gone, "one that is gone stays listed");
    let note = stage.until_event("database", "Excluded").await;
    assert!(note.contains("eni-dba"), "{note}");
    assert!(stage.stays("eni-dba"));

    // Nothing selects it any more, and it stays all the same.
    stage.retain("database", of_instances(&["i-neighbour"])).await;
    let object = stage.until_retention("database", "Retained=True").await;
    assert!(retained(&object).contains(&"eni-dbc"), "{object:?}");
}

#[tokio::test]
async fn i20_neither_a_restart_nor_an_edit_nor_a_cloud_that_is_away_empties_the_lists() {
    let stage = stage().await;
    stage.account.seed_one(&seed("db"));
    stage.account.seed_one(&seed("web"));
    let operator = stage.start();
    stage.retain("both", of_instances(&["i-db", "i-web"])).await;
    stage.until_retention("both", "Retained=True").await;
    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    let before = stage.until_retained("both", "survivors", |object| available(object).len() == 3).await;
    operator.kill().await;

    // Another life, in which the cloud says nothing, and an edit.
    let away = stage.account.fault(keeper_simulator::Rule {
        operation: None,
        ..keeper_simulator::Rule::new(
            "",
            keeper_simulator::Fault::Error {
                code: "ServiceUnavailable".to_owned(),
                status: Some(503),
                message: None,
            },
        )
    });
    let operator = stage.start();
    let mut edited = of_instances(&["i-db", "i-web"]);
    edited["interfaceTypes"] = json!(["Secondary"]);
    stage.retain("both", edited).await;
    let blind = stage.until_retention("both", "Retained=Unknown").await;
    let (old, new) = (before.status.as_ref().unwrap(), blind.status.as_ref().unwrap());
    assert_eq!(old.retained_eni_ids, new.retained_eni_ids);
    assert_eq!(old.available_eni_ids, new.available_eni_ids);
    let survivors = |object: &EniRetention| -> Vec<NetworkInterfaceStatus> {
        let mut rows = object.status.clone().unwrap().network_interfaces;
        rows.retain(|row| row.phase == NetworkInterfacePhase::Available);
        rows
    };
    assert_eq!(survivors(&before), survivors(&blind));
    operator.kill().await;

    // A third one, and the cloud is back. What left meanwhile is found to be gone.
    assert!(stage.simulator.remove_fault(away));
    assert!(stage.account.remove_interface("eni-dbc"));
    let _operator = stage.start();
    let after = stage.until_retained("both", "one less", |object| retained(object).len() == 5).await;
    assert_eq!(available(&after), ["eni-dba", "eni-dbb"]);
    assert_eq!(rows(&after)["eni-dbc"].phase, NetworkInterfacePhase::Gone);
    let kept: Vec<_> =
        survivors(&before).into_iter().filter(|row| row.network_interface_id != "eni-dbc").collect();
    assert_eq!(kept, survivors(&after), "with all that it carries, and the time");
}

#[tokio::test]
async fn i09_i12_given_up_once_where_it_is_attached_and_never_on_a_survivor() {
    let stage = stage().await;
    stage.account.seed_one(&seed("db"));
    stage.account.seed_one(&seed("web"));
    let _operator = stage.start();
    let with = |retention: &str| {
        let mut spec = of_instances(&["i-db", "i-web"]);
        spec["retention"] = retention.into();
        spec
    };
    stage.retain("both", with("Retain")).await;
    stage.until_retention("both", "Retained=True").await;
    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    stage.until_retained("both", "survivors", |object| available(object).len() == 3).await;

    stage.retain("both", with("Release")).await;
    let object =
        stage.until_retention("both", "Retained=False/ReleasedAsAsked Ready=True Stalled=False").await;
    assert_eq!(object.status.as_ref().unwrap().retention_state, Some(RetentionState::Released));
    for id in ["eni-weba", "eni-webb", "eni-webc"] {
        assert!(!stage.stays(id), "{id}");
    }
    let survivors = ["eni-dba", "eni-dbb", "eni-dbc"];
    assert!(survivors.iter().all(|id| stage.stays(id)));
    let object =
        stage.until_retained("both", "only the survivors", |object| retained(object) == survivors).await;
    assert_eq!(available(&object), survivors);
    crate::stage::eventually("an Event for each", async || {
        let mut told: Vec<String> = stage.events("both").await.into_iter().map(|told| told.note).collect();
        told.retain(|note| note.contains("is no longer retained"));
        let each = |id: &str| told.iter().filter(|note| note.starts_with(id)).count() == 1;
        if ["eni-weba", "eni-webb", "eni-webc"].into_iter().all(each) { Ok(()) } else { Err(told) }
    })
    .await;
    let given_up = stage.interface_writes().iter().filter(|(_, stays)| !stays).count();
    assert_eq!(given_up, 3);
}

#[tokio::test]
async fn i10_deleting_gives_up_only_where_the_policy_says_so() {
    let stage = stage().await;
    stage.account.seed_one(&seed("db"));
    stage.account.seed_one(&seed("web"));
    let _operator = stage.start();
    stage.retain("keep", of_instances(&["i-db"])).await;
    let mut spec = of_instances(&["i-web"]);
    spec["deletionPolicy"] = "Release".into();
    stage.retain("release", spec).await;
    for name in ["keep", "release"] {
        stage.until_retention(name, "Retained=True").await;
        stage.retentions.delete(name, &kube::api::DeleteParams::default()).await.unwrap();
        stage.until_gone_from(&stage.retentions, name).await;
    }
    assert!(["eni-dba", "eni-dbb", "eni-dbc"].iter().all(|id| stage.stays(id)));
    assert!(!["eni-weba", "eni-webb", "eni-webc"].iter().any(|id| stage.stays(id)));
    // If status was written meanwhile, each interface that was given up is told of for the same reason.
    stage.until_told("release", "ReleasedAsAsked", "No target stays retained").await;
}

#[tokio::test]
async fn i11_a_hold_of_another_object_keeps_the_flag() {
    let stage = stage().await;
    stage.account.seed_one(&seed("db"));
    let _operator = stage.start();
    stage
        .retain("hold", json!({ "region": REGION, "targets": { "networkInterfaceIds": ["eni-dbb"] } }))
        .await;
    stage.until_retention("hold", "Retained=True").await;
    let mut spec = of_instances(&["i-db"]);
    spec["retention"] = "Release".into();
    stage.account.change_interface("eni-dba", &keeper_simulator::InterfaceChange::delete_on_release(false));
    stage.retain("release", spec).await;
    stage.until_retention("release", "Retained=False/Conflict Stalled=True/Conflict").await;
    stage.until_cloud("what nobody holds is given up", |_| !stage.stays("eni-dba")).await;
    assert!(stage.stays("eni-dbb"));
}

#[tokio::test]
async fn i07_what_belongs_to_others_is_left_alone_and_told() {
    let stage = Stage::new().await;
    let region = "eu-west-1";
    let seed = Seed::new(region)
        .id("i-far")
        .interface(InterfaceSeed::secondary().id("eni-plain"))
        .interface(InterfaceSeed::secondary().id("eni-product").service_managed())
        .interface(InterfaceSeed::terway("cluster-1").id("eni-terway"))
        .interface(InterfaceSeed::secondary().id("eni-cilium").tag("cilium-eni-index", "1"))
        .interface(InterfaceSeed::erdma().id("eni-erdma"));
    stage.account.seed_one(&seed);
    let _operator = stage.start();
    let spec = json!({ "region": region, "targets": { "instanceIds": ["i-far"] } });
    stage.retain("far", spec).await;
    let object = stage.until_retention("far", "Retained=True/ProtectedWhereApplicable Ready=True").await;
    let reasons: BTreeMap<&str, &str> =
        rows(&object).into_iter().map(|(id, row)| (id, row.reason.as_str())).collect();
    assert_eq!(reasons["eni-plain"], "Retained");
    assert_eq!(reasons["eni-product"], "ServiceManaged");
    assert_eq!(reasons["eni-terway"], "TerwayOwned");
    assert_eq!(reasons["eni-cilium"], "CiliumOwned");
    assert_eq!(reasons["eni-erdma"], "ErdmaOwned");
    assert_eq!(
        object.status.as_ref().unwrap().retention_state,
        Some(RetentionState::RetainedWhereApplicable)
    );
    assert!(!["eni-terway", "eni-product", "eni-cilium", "eni-erdma"].iter().any(|id| stage.stays(id)));
}

/// `me-east-1` has no retention of primary interfaces in the cloud, and doesn't stand in the table: with the flag it is
/// tried, and what the cloud says is told. Which of two codes it answers is not documented; the verdict is the same.
#[tokio::test]
async fn a_region_without_retention_of_primaries_is_told_of_unless_the_administrator_knows_better() {
    for refusal in [PrimaryRefusal::NameAndDescriptionOnly, PrimaryRefusal::InvalidType] {
        let stage = Stage::new().await;
        stage.simulator.set(|settings| settings.primary_refusal = refusal);
        let region = "me-east-1";
        let primary = InterfaceSeed::primary().id("eni-first");
        let second = InterfaceSeed::secondary().id("eni-second");
        stage.account.seed_one(&Seed::new(region).id("i-far").interface(primary).interface(second));
        let operator = stage.start();
        let spec = json!({ "region": region, "targets": { "instanceIds": ["i-far"] } });
        stage.retain("far", spec).await;
        let object = stage.until_retention("far", "Retained=True/ProtectedWhereApplicable Ready=True").await;
        assert_eq!(rows(&object)["eni-first"].reason, "PrimaryNotRetainable");
        assert!(stage.stays("eni-second"));
        operator.kill().await;
        let _operator = stage.settings().set("/primaryRetentionRegions", json!([region])).start();
        let told = |object: &EniRetention| {
            rows(object).get("eni-first").is_some_and(|row| {
                row.phase == NetworkInterfacePhase::NotApplicable && row.reason == "RetentionRefused"
            })
        };
        stage.until_retained("far", "the cloud's refusal", told).await;
        stage.until_retention("far", "Retained=True/ProtectedWhereApplicable Ready=True").await;
    }
}

/// A Node that goes takes its instance out of the selection, and nothing that is retained.
#[tokio::test]
async fn i19_a_node_that_goes_with_its_instance_leaves_the_survivors_retained() {
    let stage = stage().await;
    stage.account.seed_one(&seed("node"));
    let pool = stage.namespace.as_str();
    let node = format!("{pool}-1");
    stage.node(&node, &[("pool", pool)], Some(&format!("{REGION}.i-node"))).await;
    let operator = stage.start();
    let nodes = json!({ "nodes": { "matchLabels": { "pool": pool } } });
    stage.retain("nodes", json!({ "region": REGION, "targets": nodes })).await;
    stage.until_retention("nodes", "Retained=True").await;
    let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(stage.cluster.client.clone());
    nodes.delete(&node, &kube::api::DeleteParams::default()).await.unwrap();
    stage.until_event("nodes", "NodeLeft").await;
    stage.account.release("i-node", ReleaseReason::Manual).unwrap();
    let ids = ["eni-nodea", "eni-nodeb", "eni-nodec"];
    let object = stage.until_retained("nodes", "survivors", |object| available(object) == ids).await;
    assert_eq!(retained(&object), ids);
    assert!(ids.iter().all(|id| stage.interface(id).status == InterfaceStatus::Available));
    // Nothing but status knows of them by now.
    operator.kill().await;
    let _operator = stage.start();
    stage.doom_by_hand("eni-nodeb");
    stage.until_cloud("the drift is repaired", |_| stage.stays("eni-nodeb")).await;
    let object = stage.until_retention("nodes", "Retained=True/AllProtected").await;
    assert_eq!((retained(&object), available(&object)), (ids.to_vec(), ids.to_vec()));
}
