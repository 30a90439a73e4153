//! Protection is switched off only where it was asked for, once, and where nobody wants it on.

use ecs_keeper::api::{EcsInstanceProtection, ProtectionState};
use keeper_simulator::Seed;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::stage::{REGION, Stage, message};

fn spec(id: &str, protection: &str) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": [id] }, "protection": protection })
}

#[tokio::test]
async fn i09_a_hold_in_another_namespace_stands_against_switching_off() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let (elsewhere, rivals) = stage.another_namespace().await;
    let _operator = stage.settings().serving(&elsewhere).start();
    stage.apply_to(&rivals, "hold", spec(&id, "Enabled")).await;
    stage.until_in(&rivals, "hold", "Protected=True/AllProtected").await;

    stage.apply("off", spec(&id, "Disabled")).await;
    let refused = stage.until("off", "Protected=False/Conflict Ready=False Stalled=True/Conflict").await;
    let told = message(&refused, "Stalled");
    assert!(
        !told.contains(&elsewhere) && !told.contains("hold"),
        "names what its author may not see: {told}"
    );
    // Both orders: a hold that comes while the other waits, and an edit of it that leaves it a hold.
    stage.apply("second", spec(&id, "Enabled")).await;
    rivals.delete("hold", &DeleteParams::default()).await.unwrap();
    let mut observing = spec(&id, "Enabled");
    observing["mode"] = "Observe".into();
    stage.apply("second", observing).await;
    stage.until("second", "Protected=True/AllProtected").await;
    stage.witnessed().await;
    assert_eq!(stage.unprotecting_writes(), 0);
    assert!(stage.protected(&id));
    stage.until("off", "Protected=False/Conflict").await;

    // The last hold falls: now it is done, and once.
    stage.delete("second").await;
    let done = stage.until("off", "Protected=False/DisabledAsAsked Ready=True Stalled=False").await;
    assert_eq!(done.status.unwrap().protection_state, Some(ProtectionState::Disabled));
    assert!(!stage.protected(&id));
    assert_eq!(stage.unprotecting_writes(), 1);
}

/// The policies of one release judge the objects of all tests.
#[tokio::test]
async fn i57_the_operator_unprotects_without_the_verb_and_cannot_ask_for_it() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let _operator = stage.start();
    let account = format!("system:serviceaccount:{}:{}", stage.namespace, stage.release.service_account());
    let client = stage.cluster.client_of(&account).await;
    let objects: Api<EcsInstanceProtection> = Api::namespaced(client, &stage.namespace);
    for name in ["off", "deleted"] {
        let id = &ids[usize::from(name == "deleted")];
        stage.apply(name, spec(id, "Enabled")).await;
        stage.until(name, "Protected=True/AllProtected").await;
        for asked in [json!({ "protection": "Disabled" }), json!({ "deletionPolicy": "Disable" })] {
            let patch = Patch::Merge(json!({ "spec": asked }));
            let refusal = objects.patch(name, &PatchParams::default(), &patch).await.unwrap_err();
            assert!(refusal.to_string().contains("this needs the verb unprotect"), "{refusal}");
        }
    }
    stage.witnessed().await;
    assert_eq!(stage.unprotecting_writes(), 0);

    // Asked by somebody else, it does its work: status, finalizer, flag.
    stage.apply("off", spec(&ids[0], "Disabled")).await;
    stage.until("off", "Protected=False/DisabledAsAsked Ready=True").await;
    let mut giving_up = spec(&ids[1], "Enabled");
    giving_up["deletionPolicy"] = "Disable".into();
    stage.apply("deleted", giving_up).await;
    stage.until("deleted", "Protected=True/AllProtected").await;
    stage.delete("deleted").await;
    stage.until_gone("deleted").await;
    assert!(ids.iter().all(|id| !stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 2);
}

/// Gives an object a condition of somebody else's with a time that the API server stores and nobody can read, or
/// takes it away. Through kubectl: our own types can't decode the answer either.
async fn garble(stage: &Stage, name: &str, garbled: bool) {
    let condition = json!({
        "type": "example.com/Audited", "status": "True", "reason": "Because", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00+99:99",
    });
    let conditions = if garbled { json!([condition]) } else { json!([]) };
    let patch = json!({ "status": { "conditions": conditions } }).to_string();
    let arguments = ["patch", "ecsprot", name, "--subresource=status", "--type=merge", "--patch", &patch];
    stage.cluster.kubectl(&[&arguments[..], &["--namespace", &stage.namespace]].concat()).await;
}

/// I14 besides: what stands in a status can keep protection on, and never takes it off.
#[tokio::test]
async fn i09_an_object_that_cannot_be_read_blocks_switching_off_and_nothing_else() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2).protected(true));
    let other = stage.account.seed_one(&Seed::new(REGION));
    stage.apply("unreadable", spec(&ids[1], "Enabled")).await;
    garble(&stage, "unreadable", true).await;
    let mut operator = stage.start();
    stage.apply("off", spec(&ids[0], "Disabled")).await;
    stage.apply("on", spec(&other, "Enabled")).await;

    let refused = stage.until("off", "Protected=False/OpaqueRival Stalled=True/OpaqueRival").await;
    assert!(!message(&refused, "Stalled").contains("unreadable"), "{refused:?}");
    stage.until("on", "Protected=True/AllProtected").await;
    stage.witnessed().await;
    assert!(stage.protected(&ids[0]));
    // Nor does a restart forget it.
    operator.kill().await;
    operator = stage.start();
    stage.reads(4).await;
    assert_eq!(stage.unprotecting_writes(), 0);
    stage.until_event("unreadable", "Undecodable").await;

    garble(&stage, "unreadable", false).await;
    stage.until("off", "Protected=False/DisabledAsAsked Ready=True").await;
    stage.until("unreadable", "Protected=True/AllProtected").await;
    assert_eq!((stage.protected(&ids[0]), stage.protected(&ids[1])), (false, true));
    assert!(operator.runs());
}

#[tokio::test]
async fn i12_switching_off_is_done_once_for_each_generation() {
    let stage = Stage::new().await;
    let seed = Seed::new(REGION).tag("env", "test").protected(true);
    let ids = stage.account.seed(&seed.clone().times(3));
    let operator = stage.start();
    let mut spec = json!({
        "region": REGION,
        "targets": { "instanceTags": [{ "key": "env", "value": "test" }] },
        "protection": "Disabled",
    });
    stage.apply("off", spec.clone()).await;
    stage.until("off", "Protected=False/DisabledAsAsked Ready=True").await;
    assert!(!ids.iter().any(|id| stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 3);

    // Somebody protects one again, and a protected one gets the tag.
    stage.by_hand(&ids[0], true);
    let newcomer = stage.account.seed_one(&seed);
    stage.reads(6).await;
    let status = stage.until("off", "Protected=False/DisabledAsAsked Ready=True").await;
    assert!(message(&status, "Protected").contains("2 of 4"), "{status:?}");
    assert!(operator.terminate().await.success());
    let _operator = stage.start();
    stage.reads(6).await;
    assert!(stage.protected(&ids[0]) && stage.protected(&newcomer));
    assert_eq!(stage.unprotecting_writes(), 3);

    // A new generation asks anew.
    spec["deletionPolicy"] = "Disable".into();
    stage.apply("off", spec).await;
    stage.until("off", "Protected=False/DisabledAsAsked").await;
    stage
        .until_cloud("the rest is switched off too", |_| {
            !stage.protected(&ids[0]) && !stage.protected(&newcomer)
        })
        .await;
    assert_eq!(stage.unprotecting_writes(), 5);
}

#[tokio::test]
async fn i14_a_forged_status_switches_nothing_off() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let _operator = stage.start();
    stage.apply("on", spec(&id, "Enabled")).await;
    let object = stage.until("on", "Protected=True/AllProtected").await;
    let mut status = object.status.unwrap();
    status.protection_state = Some(ProtectionState::Disabled);
    for condition in &mut status.conditions {
        condition.status = "False".to_owned();
        condition.reason = "DisabledAsAsked".to_owned();
    }
    let patch = json!({ "status": status });
    stage.objects.patch_status("on", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
    let object = stage.until("on", "Protected=True/AllProtected Ready=True Stalled=False AtRisk=False").await;
    assert_eq!(object.status.unwrap().protection_state, Some(ProtectionState::Protected));
    assert_eq!(stage.writes(), [(id, true)]);
}
