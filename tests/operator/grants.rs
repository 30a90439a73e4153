//! What the administrator grants to each namespace, and what becomes of what is asked beyond.

use keeper_simulator::{InterfaceSeed, ReleaseReason, Seed};
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::settings::Settings;
use crate::stage::{REGION, Stage, message};

fn spec(id: &str, more: &Value) -> Value {
    let mut spec = json!({ "region": REGION, "targets": { "instanceIds": [id] } });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

/// Everything for the operator's own namespace, and these rights for another one.
fn granting<'a>(stage: &'a Stage, namespace: &str, may: &[&str]) -> Settings<'a> {
    let all = json!({ "namespaces": [stage.namespace], "may": ["Protect", "Unprotect", "Attach"] });
    stage.settings().set("/grants", json!([all, { "namespaces": [namespace], "may": may }]))
}

#[tokio::test]
async fn i09_i41_a_namespace_that_may_only_protect_switches_nothing_off() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let (team, objects) = stage.another_namespace().await;
    let operator = granting(&stage, &team, &["Protect"]).start();
    stage.apply_to(&objects, "kept", spec(&ids[0], &json!({ "deletionPolicy": "Disable" }))).await;
    stage.until_in(&objects, "kept", "Protected=True/AllProtected").await;
    stage.apply("own", spec(&ids[1], &json!({}))).await;
    stage.until("own", "Protected=True/AllProtected").await;
    stage.delete("own").await;

    for id in &ids {
        stage.apply_to(&objects, "off", spec(id, &json!({ "protection": "Disabled" }))).await;
        let wanted = "Protected=False/NotGranted Ready=False Stalled=True/NotGranted";
        let object = stage.until_in(&objects, "off", wanted).await;
        assert!(message(&object, "Stalled").contains("not granted"), "{object:?}");
    }
    // A deletion is left protected, and does not hang.
    objects.delete("kept", &DeleteParams::default()).await.unwrap();
    stage.until_gone_from(&objects, "kept").await;
    let told = stage.until_event_in(&team, "kept", "DisabledAsAsked").await;
    assert!(told.contains("1 stay protected") && told.contains("NotGranted"), "{told}");
    stage.reads(3).await;
    assert_eq!(stage.unprotecting_writes(), 0);
    assert!(ids.iter().all(|id| stage.protected(id)));

    // With the right, the same object is carried out.
    operator.terminate().await;
    let _operator = granting(&stage, &team, &["Protect", "Unprotect"]).start();
    stage.until_in(&objects, "off", "Protected=False/DisabledAsAsked").await;
    assert_eq!((stage.protected(&ids[0]), stage.protected(&ids[1])), (true, false));
}

#[tokio::test]
async fn i12_a_grant_that_comes_back_switches_nothing_off_again() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION).protected(true));
    let (team, objects) = stage.another_namespace().await;
    let granted = || granting(&stage, &team, &["Protect", "Unprotect"]).start();
    let operator = granted();
    stage.apply_to(&objects, "off", spec(&id, &json!({ "protection": "Disabled" }))).await;
    stage.until_in(&objects, "off", "Protected=False/DisabledAsAsked").await;
    assert_eq!((stage.protected(&id), stage.unprotecting_writes()), (false, 1));
    assert!(operator.terminate().await.success());

    let own = json!([{ "namespaces": [stage.namespace] }]);
    let operator = stage.settings().set("/grants", own).start();
    let object = stage.until_in(&objects, "off", "Protected=Unknown/NotGranted").await;
    let acts = serde_json::to_value(object.status.unwrap().acts).unwrap();
    assert_eq!(acts, json!([{ "act": "Disabled", "generation": object.metadata.generation }]));
    stage.by_hand(&id, true);
    assert!(operator.terminate().await.success());

    let _operator = granted();
    let object = stage.until_in(&objects, "off", "Protected=False/DisabledAsAsked Ready=True").await;
    assert!(message(&object, "Protected").contains("1 of 1"), "{object:?}");
    stage.reads(6).await;
    assert_eq!((stage.protected(&id), stage.unprotecting_writes()), (true, 1));
}

#[tokio::test]
async fn i41_a_grant_that_is_revoked_lifts_no_flag_and_holds_no_object() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let (team, objects) = stage.another_namespace().await;
    let operator = granting(&stage, &team, &["Protect", "Unprotect"]).start();
    stage.apply_to(&objects, "kept", spec(&id, &json!({ "deletionPolicy": "Disable" }))).await;
    stage.until_in(&objects, "kept", "Protected=True/AllProtected").await;
    assert!(operator.terminate().await.success());

    let own = json!([{ "namespaces": [stage.namespace] }]);
    let _operator = stage.settings().set("/grants", own).start();
    stage.until_in(&objects, "kept", "Protected=Unknown/NotGranted Stalled=True/NotGranted").await;
    assert!(stage.protected(&id));
    objects.delete("kept", &DeleteParams::default()).await.unwrap();
    stage.until_gone_from(&objects, "kept").await;
    stage.witnessed().await;
    assert!(stage.protected(&id));
    assert_eq!(stage.unprotecting_writes(), 0);
}

#[tokio::test]
async fn i41_a_namespace_that_may_not_attach_attaches_nothing() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-new"));
    let lost = Seed::new(REGION).id("i-lost");
    stage.account.seed_one(&lost.interface(InterfaceSeed::secondary().id("eni-one")));
    let (team, _) = stage.another_namespace().await;
    let retentions: Api<ecs_keeper::api::EniRetention> = Api::namespaced(stage.cluster.client.clone(), &team);
    let _operator = granting(&stage, &team, &["Protect", "Unprotect"]).start();
    let spec = |reattach: Value| json!({ "region": REGION, "targets": { "instanceIds": ["i-lost"] }, "reattach": reattach });
    stage.apply_to(&retentions, "database", spec(json!([]))).await;
    stage.until_in(&retentions, "database", "Retained=True").await;
    stage.account.release("i-lost", ReleaseReason::Manual).unwrap();
    let entry = json!([{ "networkInterfaceId": "eni-one", "instanceId": "i-new" }]);
    stage.apply_to(&retentions, "database", spec(entry)).await;
    let object = stage.until_in(&retentions, "database", "Stalled=True/NotGranted").await;
    let rows = object.status.as_ref().unwrap().reattachments.clone();
    assert_eq!((rows.len(), rows[0].reason.as_str()), (1, "NotGranted"), "{rows:?}");
    assert!(rows[0].message.contains("not granted"), "{rows:?}");
    stage.calls("DescribeNetworkInterfaces", 3).await;
    assert!(stage.calls_of("AttachNetworkInterface").is_empty());
}

/// I42: whether an account exists is not for those to know who were not granted it.
#[tokio::test]
async fn i42_an_account_that_exists_looks_like_one_that_does_not() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let other = stage.simulator.new_account();
    let foreign = other.seed_one(&Seed::new(REGION).id("i-foreign"));
    let (team, objects) = stage.another_namespace().await;
    let settings = stage.settings();
    let mut accounts = settings.config["accounts"].clone();
    let mut second = accounts[0].clone();
    second["name"] = "other".into();
    accounts.as_array_mut().unwrap().push(second);
    let grants = json!([{ "namespaces": [team], "accounts": ["default"], "regions": [REGION] }]);
    let _operator = settings.set("/accounts", accounts).set("/grants", grants).start();
    stage.apply_to(&objects, "granted", spec(&id, &json!({}))).await;
    stage.apply_to(&objects, "exists", spec(&id, &json!({ "account": "other" }))).await;
    stage.apply_to(&objects, "does-not", spec(&id, &json!({ "account": "nothing" }))).await;
    stage.apply_to(&objects, "region", spec(&id, &json!({ "region": "cn-beijing" }))).await;
    stage.apply("own-namespace", spec(&id, &json!({}))).await;
    let mut told = Vec::new();
    for (api, name) in [
        (&objects, "exists"),
        (&objects, "does-not"),
        (&objects, "region"),
        (&stage.objects, "own-namespace"),
    ] {
        let object = stage.until_in(api, name, "Protected=Unknown/NotGranted Stalled=True/NotGranted").await;
        let mut status = serde_json::to_value(object.status.unwrap()).unwrap();
        for condition in status["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = Value::Null;
        }
        told.push(status);
    }
    assert!(told.iter().all(|status| *status == told[0]), "{told:#?}");
    stage.until_in(&objects, "granted", "Protected=True/AllProtected").await;

    // I41: what belongs to another account is not there, whoever asks.
    stage.apply_to(&objects, "foreign", spec(&foreign, &json!({}))).await;
    stage.until_in(&objects, "foreign", "Protected=Unknown/NotFound Stalled=True/NotFound").await;
    assert!(other.log().is_empty());
}
