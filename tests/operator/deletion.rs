//! What is left when an object, a namespace, the definitions or the operator goes.

use std::process::Stdio;

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use keeper_simulator::{Fault, Rule, Seed};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::cluster::Cluster;
use crate::stage::{REGION, Stage, eventually};

fn spec(ids: &[String], policy: &str) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ids }, "deletionPolicy": policy })
}

/// No call gets through to the cloud any more.
fn cut_off(stage: &Stage) {
    for operation in ["DescribeInstances", "ModifyInstanceAttribute"] {
        stage.account.fault(Rule::new(operation, Fault::DropBefore));
    }
}

#[tokio::test]
async fn i10_keep_lets_an_object_go_at_once_and_changes_no_flag() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let _operator = stage.start();
    for (name, id) in [("reachable", &ids[0]), ("cut-off", &ids[1])] {
        stage.apply(name, spec(std::slice::from_ref(id), "Keep")).await;
        let object = stage.until(name, "Protected=True").await;
        assert_eq!(object.metadata.finalizers, None);
    }
    stage.delete("reachable").await;
    assert!(stage.objects.get_opt("reachable").await.unwrap().is_none());
    stage.reads(3).await;
    cut_off(&stage);
    stage.delete("cut-off").await;
    assert!(stage.objects.get_opt("cut-off").await.unwrap().is_none());
    stage.account.clear_faults();
    // Nobody repairs any more what nobody asks for.
    stage.by_hand(&ids[0], false);
    stage.witnessed().await;
    assert_eq!((stage.protected(&ids[0]), stage.protected(&ids[1])), (false, true));
    assert_eq!(stage.unprotecting_writes(), 0);
}

#[tokio::test]
async fn i10_a_namespace_goes_without_waiting_for_the_cloud_and_changes_no_flag() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let (doomed, objects) = stage.another_namespace().await;
    let _operator = stage.settings().serving(&doomed).start();
    stage.apply_to(&objects, "kept", spec(&ids, "Keep")).await;
    stage.until_in(&objects, "kept", "Protected=True").await;
    cut_off(&stage);
    let namespaces: Api<Namespace> = Api::all(stage.cluster.client.clone());
    namespaces.delete(&doomed, &DeleteParams::default()).await.unwrap();
    eventually("the namespace is gone", async || {
        namespaces.get_opt(&doomed).await.unwrap().map_or(Ok(()), |left| Err(left.status))
    })
    .await;
    assert!(ids.iter().all(|id| stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 0);
}

/// Deleting the definitions removes everybody's objects, so this has a control plane of its own.
#[tokio::test]
async fn i10_the_definitions_go_without_waiting_for_the_cloud_and_change_no_flag() {
    let launcher = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/control-plane/run.py");
    let mut own = Command::new(launcher)
        .arg("--keep")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let line = BufReader::new(own.stdout.take().unwrap()).lines().next_line().await.unwrap().unwrap();
    let kubeconfig = line.strip_prefix("export KUBECONFIG=").unwrap();
    let cluster = Cluster::seen_with(kubeconfig.into()).await;
    cluster.prepare().await;

    let stage = Stage::on(cluster).await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let mut operator = stage.start();
    stage.apply("kept", spec(&ids, "Keep")).await;
    stage.until("kept", "Protected=True").await;
    cut_off(&stage);
    let definitions: Api<CustomResourceDefinition> = Api::all(stage.cluster.client.clone());
    for crd in ecs_keeper::crds::all() {
        let name = crd.metadata.name.unwrap();
        definitions.delete(&name, &DeleteParams::default()).await.unwrap();
        eventually("the definition is gone", async || {
            let left = definitions.get_opt(&name).await.unwrap();
            left.map_or(Ok(()), |left| Err(left.status.and_then(|status| status.conditions)))
        })
        .await;
    }
    stage.account.clear_faults();

    // And the operator takes up its work when they come back.
    assert!(operator.runs());
    stage.by_hand(&ids[0], false);
    stage.cluster.prepare().await;
    stage.apply("kept", spec(&ids, "Keep")).await;
    stage.until("kept", "Protected=True").await;
    stage.witnessed().await;
    assert!(ids.iter().all(|id| stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 0);
}

#[tokio::test]
async fn i10_disable_switches_off_and_lets_go_with_one_event() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3));
    let _operator = stage.start();
    stage.apply("lifted", spec(&ids, "Disable")).await;
    stage.until("lifted", "Protected=True").await;
    stage.delete("lifted").await;
    stage.until_gone("lifted").await;
    assert!(!ids.iter().any(|id| stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 3);
    stage.until_told("lifted", "DisabledAsAsked", "Targets done: 3.").await;
}

#[tokio::test]
async fn i10_disable_leaves_protected_what_another_object_holds_and_says_so() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let _operator = stage.start();
    stage.apply("hold", spec(&ids[..1], "Keep")).await;
    stage.apply("lifted", spec(&ids, "Disable")).await;
    for name in ["hold", "lifted"] {
        stage.until(name, "Protected=True").await;
    }
    stage.delete("lifted").await;
    stage.until_gone("lifted").await;
    assert_eq!((stage.protected(&ids[0]), stage.protected(&ids[1])), (true, false));
    assert_eq!(stage.unprotecting_writes(), 1);
    let note = stage.until_told("lifted", "DisabledAsAsked", "1 stay protected").await;
    assert!(note.contains("Conflict"), "{note}");
}

#[tokio::test]
async fn i10_a_refused_write_leaves_the_target_protected_and_lets_go() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(1));
    let _operator = stage.start();
    stage.apply("lifted", spec(&ids, "Disable")).await;
    stage.until("lifted", "Protected=True").await;
    stage.account.fault(Rule::new("ModifyInstanceAttribute", Fault::Deny { always_forbidden: true }));
    stage.delete("lifted").await;
    stage.until_gone("lifted").await;
    assert!(stage.protected(&ids[0]));
    let note = stage.until_told("lifted", "DisabledAsAsked", "1 stay protected").await;
    assert!(note.contains("PermissionDenied"), "{note}");
}

#[tokio::test]
async fn i10_who_changes_the_policy_to_keep_while_the_cloud_is_down_is_gone_at_once() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let quick = stage.settings().value("leaseDuration", "5s");
    let operator = quick.start();
    stage.apply("waiting", spec(&ids, "Disable")).await;
    stage.until("waiting", "Protected=True").await;
    cut_off(&stage);
    stage.delete("waiting").await;
    stage.until("waiting", "Ready=False Reconciling=True").await;
    // A restart does not forget that it waits.
    operator.kill().await;
    let _operator = quick.start();
    stage.until_printed("lease acquired", 2).await;
    stage.reads(3).await;
    assert!(stage.objects.get_opt("waiting").await.unwrap().is_some(), "the cloud may come back");

    stage.apply("waiting", spec(&ids, "Keep")).await;
    // The cloud is still away: what waits for it waits for an hour.
    stage.until_gone("waiting").await;
    stage.account.clear_faults();
    stage.witnessed().await;
    assert!(ids.iter().all(|id| stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 0);
}
