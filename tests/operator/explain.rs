//! `ecs-keeper explain` beside a cluster: which objects select a target, what each wants, and what comes next.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use keeper_simulator::{InterfaceSeed, Seed};
use serde_json::{Value, json};

use crate::handover::person;
use crate::process::{answer, with_key};
use crate::stage::{REGION, Stage};

/// What is explained of a target, with this kubeconfig, as JSON.
pub async fn explain(stage: &Stage, kubeconfig: &Path, id: &str) -> Value {
    explain_in(stage, &stage.namespace, kubeconfig, id).await
}

/// The same, if the operator served the objects of this namespace.
pub async fn explain_in(stage: &Stage, namespace: &str, kubeconfig: &Path, id: &str) -> Value {
    let config = stage.folder.join("explain.json");
    let settings = stage.settings().set("/accounts/0/regions", json!([REGION]));
    std::fs::write(&config, settings.config.to_string()).unwrap();
    let mut command = with_key(&settings.key);
    command
        .args(["explain", id, "--output", "json", "--namespace", namespace])
        .arg("--config")
        .arg(&config)
        .arg("--kubeconfig")
        .arg(kubeconfig);
    let answer = answer(command).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    serde_json::from_str(&answer.said).unwrap()
}

/// Object and stance of each that selects the target, by its first flag.
fn wants(told: &Value) -> Vec<(String, String)> {
    let selecting = told["objects"]["selecting"].as_array().unwrap().iter();
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    selecting.map(|it| (word(&it["object"]["name"]), word(&it["wants"][0]["stance"]))).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, stance)| ((*name).to_owned(), (*stance).to_owned())).collect()
}

#[tokio::test]
async fn i59_each_object_is_told_with_what_it_wants_and_what_comes_next() {
    let stage = Stage::new().await;
    let lost = InterfaceSeed::secondary().id("eni-explained");
    stage.account.seed_one(&Seed::new(REGION).id("i-explained").tag("env", "prod").interface(lost));
    let by_id = json!({ "instanceIds": ["i-explained"] });
    let by_tag = json!({ "instanceTags": [{ "key": "env", "value": "prod" }] });
    stage.apply("keeps", json!({ "region": REGION, "targets": by_tag })).await;
    stage.apply("watches", json!({ "region": REGION, "targets": by_id, "mode": "Observe" })).await;
    stage.apply("gives-up", json!({ "region": REGION, "targets": by_id, "protection": "Disabled" })).await;
    stage.apply("elsewhere", json!({ "region": "cn-beijing", "targets": by_id })).await;
    stage.retain("retains", json!({ "region": REGION, "targets": by_id })).await;

    let kubeconfig = stage.cluster.kubeconfig.clone();
    let told = explain(&stage, &kubeconfig, "i-explained").await;
    let expected = [("gives-up", "Unprotects"), ("keeps", "Enforces"), ("watches", "Holds")];
    let mut found = wants(&told);
    found.sort();
    assert_eq!(found, pairs(&expected), "{told}");
    let keeps = json!({ "kind": "EcsInstanceProtection", "namespace": stage.namespace, "name": "keeps" });
    assert_eq!((&told["flags"][0]["next"], &told["flags"][0]["object"]), (&json!("Protect"), &keeps));
    assert_eq!(told["since"], json!([]), "no operator has looked yet");

    stage.by_hand("i-explained", true);
    let told = explain(&stage, &kubeconfig, "i-explained").await;
    let flag = &told["flags"][0];
    assert_eq!((&flag["next"], &flag["reason"]), (&json!("StaysProtected"), &json!("Conflict")), "{told}");
    assert_eq!(flag["object"]["name"], "gives-up");
    assert_eq!(flag["holders"].as_array().unwrap().len(), 2, "{told}");

    let told = explain(&stage, &kubeconfig, "eni-explained").await;
    assert_eq!(wants(&told), pairs(&[("retains", "Enforces")]));
    assert_eq!(told["flags"][0]["object"]["kind"], "EniRetention");
}

#[tokio::test]
async fn a_node_of_which_nobody_knows_the_instance_may_be_that_of_the_target() {
    let stage = Stage::new().await;
    let lost = InterfaceSeed::secondary().id("eni-behind");
    stage.account.seed_one(&Seed::new(REGION).id("i-behind").interface(lost));
    stage.account.seed_one(&Seed::new(REGION).id("i-named"));
    stage.account.seed_interfaces(&InterfaceSeed::new(REGION).id("eni-free"));
    let [one, two, named] = ["a", "b", "c"].map(|name| format!("{}-{name}", stage.namespace));
    let pool = [("explain-pool", stage.namespace.as_str())];
    stage.node(&one, &pool, None).await;
    stage.node(&two, &pool, Some("no-id")).await;
    stage.node(&named, &pool, Some(&format!("{REGION}.i-named"))).await;
    let nodes = json!({ "nodes": { "matchLabels": { "explain-pool": stage.namespace } } });
    stage.apply("by-node", json!({ "targets": nodes })).await;
    stage.apply("elsewhere", json!({ "region": "cn-beijing", "targets": nodes })).await;
    stage.retain("nets", json!({ "region": REGION, "targets": nodes })).await;

    let kubeconfig = stage.cluster.kubeconfig.clone();
    let named_of = |told: &Value| -> Vec<(String, Value)> {
        let all = told["objects"]["unresolved"].as_array().unwrap().iter();
        all.map(|it| (it["object"]["name"].as_str().unwrap().to_owned(), it["nodes"].clone())).collect()
    };
    let told = explain(&stage, &kubeconfig, "i-behind").await;
    assert_eq!(named_of(&told), [("by-node".to_owned(), json!([one, two]))], "{told}");
    assert_eq!(told["advice"], json!([]), "whether an object selects it is not known: {told}");
    let told = explain(&stage, &kubeconfig, "eni-behind").await;
    assert_eq!(named_of(&told), [("nets".to_owned(), json!([one, two]))], "{told}");
    for id in ["i-named", "eni-free"] {
        let told = explain(&stage, &kubeconfig, id).await;
        assert_eq!(named_of(&told), [], "{told}");
    }
}

#[tokio::test]
async fn i59_what_is_explained_is_what_status_says() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-observed"));
    stage.account.seed_one(&Seed::new(REGION).id("i-safe").protected(true));
    let ids = json!({ "instanceIds": ["i-observed", "i-safe"] });
    let _operator = stage.start();
    stage.apply("watches", json!({ "region": REGION, "targets": ids, "mode": "Observe" })).await;
    let object = stage.until("watches", "Protected=False/Unprotected").await;
    for row in &object.status.unwrap().instances {
        let told = explain(&stage, &stage.cluster.kubeconfig, &row.instance_id).await;
        let says = &told["objects"]["selecting"][0]["verdict"];
        assert_eq!(says["state"], json!(row.state), "{told}");
        // Of what is as it should be, status gives no other reason.
        assert!(says["reason"] == json!(row.reason) || row.reason == "Protected", "{told}");
        assert_eq!(told["since"][0]["since"], json!(row.since), "{told}");
    }
}

#[tokio::test]
async fn whoever_may_not_look_everywhere_is_told_how_to_and_what_the_cloud_says() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-seen"));
    let person = person(&stage.cluster, &stage.namespace).await;
    let told = explain(&stage, &person, "i-seen").await;
    std::fs::remove_file(&person).unwrap();
    let why = told["objects"]["whyUnknown"].as_str().unwrap();
    assert!(why.contains("ask for the ClusterRole ecs-keeper-view by a ClusterRoleBinding"), "{why}");
    assert_eq!((&told["verdict"]["state"], &told["flags"]), (&json!("Unprotected"), &json!([])));
}

#[tokio::test]
async fn i59_an_exception_that_nobody_has_noted_yet_is_foreseen() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-excepted").protected(true));
    let until = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let exceptions = json!([{ "instanceId": "i-excepted", "until": until, "reason": "replaced" }]);
    let by_id = json!({ "instanceIds": ["i-excepted"] });
    stage.apply("web", json!({ "region": REGION, "targets": by_id, "exceptions": exceptions })).await;
    let told = explain(&stage, &stage.cluster.kubeconfig, "i-excepted").await;
    assert_eq!(told["flags"][0]["next"], "Unprotect", "{told}");
    assert_eq!(told["objects"]["selecting"][0]["wants"][0]["stance"], "StepsAside", "{told}");
}
