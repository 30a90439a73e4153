//! An object that could not be read stands against all unprotecting. The file that repairs it has more done than it asks for.

use keeper_simulator::Seed;
use serde_json::{Value, json};

use crate::api_server::api_server;
use crate::program::{HERE, Stage, THERE};
use crate::{expected, only_read, outcomes, plan, protection};

/// An object as it stands in the cluster after `kubectl apply`, in the namespace that is served.
fn standing(name: &str, spec: &Value) -> Value {
    let mut object = protection(name, spec);
    let applied = json!({ "kubectl.kubernetes.io/last-applied-configuration": object.to_string() });
    object["metadata"] = json!({
        "name": name, "namespace": "default", "uid": name, "generation": 1, "resourceVersion": "1", "annotations": applied,
    });
    object
}

/// A kubeconfig of a cluster with these objects.
async fn cluster(stage: &Stage, protections: Vec<Value>) -> String {
    let answer = move |asked: &str| {
        let (kind, items) = if asked.contains("/ecsinstanceprotections?") {
            ("EcsInstanceProtectionList", protections.clone())
        } else {
            ("EniRetentionList", Vec::new())
        };
        let metadata = json!({ "resourceVersion": "1" });
        let list = json!({ "apiVersion": "ecs-keeper.io/v1alpha1", "kind": kind, "metadata": metadata, "items": items });
        (200, list)
    };
    api_server(stage, answer).await.0
}

#[tokio::test]
async fn i09_targets_that_a_repaired_object_releases_are_planned_whoever_asks_for_it() {
    let stage = Stage::new().await;
    stage.write("config.yaml", &stage.config(&[HERE, THERE]).to_string());
    for (region, id) in [(HERE, "i-own"), (HERE, "i-other"), (THERE, "i-there")] {
        stage.account.seed_one(&Seed::new(region).id(id).protected(true));
    }
    let targets = |ids: &[&str]| json!({ "targets": { "instanceIds": ids } });
    let (mut odd, mut off) = (targets(&["i-own"]), targets(&["i-other", "i-own"]));
    odd["mode"] = json!("Rehearse");
    off["protection"] = json!("Disabled");
    let mut there = targets(&["i-there"]);
    (there["region"], there["protection"]) = (json!(THERE), json!("Disabled"));
    let standing = vec![standing("odd", &odd), standing("off", &off), standing("there", &there)];
    let kubeconfig = cluster(&stage, standing).await;
    let with_cluster = |output| ["--kubeconfig", &kubeconfig, "--output", output];

    let repaired = protection("odd", &targets(&["i-own"]));
    let ended = plan(&stage, std::slice::from_ref(&repaired), &with_cluster("json")).await;
    let planned: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    let told = [
        ("i-other", "Unprotect", None),
        ("i-own", "StaysProtected", Some("Conflict")),
        ("i-there", "Unprotect", None),
    ];
    assert_eq!((ended.code, outcomes(&planned)), (3, expected(&told)), "{planned:#}");
    let other = planned["targets"].as_array().unwrap().iter().find(|it| it["id"] == "i-other").unwrap();
    assert_eq!((&other["selectedBy"], &other["object"]["name"]), (&json!([]), &json!("off")));
    assert_eq!(planned["cost"]["writes"], 2);
    for output in ["text", "markdown"] {
        let out = plan(&stage, std::slice::from_ref(&repaired), &with_cluster(output)).await.out;
        let (_, others) = out.split_once("Targets of other objects").unwrap_or_else(|| panic!("{out}"));
        let (others, own) = others.split_once("default/odd").unwrap_or_else(|| panic!("{out}"));
        assert!(
            others.contains("i-other") && others.contains("i-there") && !own.contains("i-other"),
            "{out}"
        );
    }

    // What it stands against goes on to stay: nothing of others is planned, and their regions are not read.
    stage.account.clear_log();
    let new = protection("new", &targets(&["i-own"]));
    let ended = plan(&stage, &[new], &with_cluster("json")).await;
    let planned: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    assert_eq!(planned["targets"].as_array().unwrap().len(), 1, "{planned:#}");
    assert_eq!(stage.account.count("DescribeInstances").calls, 1);
    only_read(&stage);
}
