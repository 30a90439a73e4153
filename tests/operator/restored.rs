//! What becomes of objects that come back from a backup, as `docs/velero.md` says.

use ecs_keeper::api::{EcsInstanceProtection, EniRetention};
use json_patch::PatchErrorKind;
use keeper_simulator::{ReleaseReason, Seed};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::pages;
use crate::stage::{Custom, REGION, Stage, message};

/// The object as Velero creates it anew: without what belonged to the old one (`resetMetadata` in its `pkg/restore`). The API server
/// drops the status of an object that is created.
fn backed_up<K: Custom>(object: &K) -> Value {
    let mut object = serde_json::to_value(object).unwrap();
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
        metadata.remove(field);
    }
    object
}

/// Deletes an object and has it come back.
async fn restore<K: Custom>(objects: &Api<K>, backup: &Value) -> K {
    let name = backup["metadata"]["name"].as_str().unwrap();
    if objects.get_opt(name).await.unwrap().is_some() {
        objects.delete(name, &DeleteParams::default()).await.unwrap();
    }
    objects.create(&PostParams::default(), &serde_json::from_value(backup.clone()).unwrap()).await.unwrap()
}

/// The same with the status that it had, as `restoreStatus` has it.
async fn restore_with_status<K: Custom>(objects: &Api<K>, backup: &Value) {
    restore(objects, backup).await;
    let status = Patch::Merge(json!({ "status": backup["status"] }));
    let name = backup["metadata"]["name"].as_str().unwrap();
    objects.patch_status(name, &PatchParams::default(), &status).await.unwrap();
}

/// What the resource modifiers of the page make of an object before it is created.
fn modified(resource: &str, backup: &Value) -> Value {
    let page = std::fs::read_to_string(pages::root().join("docs/velero.md")).unwrap();
    let config_map: Value = serde_saphyr::from_str(pages::blocks(&page, "yaml")[0]).unwrap();
    let rules: Value =
        serde_saphyr::from_str(config_map["data"]["modifiers.yaml"].as_str().unwrap()).unwrap();
    let mut object = backup.clone();
    let rules = rules["resourceModifierRules"].as_array().unwrap();
    for rule in rules.iter().filter(|rule| rule["conditions"]["groupResource"] == resource) {
        let operation = |patch: &Value| {
            let value = patch["value"].as_str().unwrap();
            // Velero takes a list for a list.
            let value =
                if value.starts_with('[') { serde_json::from_str(value).unwrap() } else { json!(value) };
            json!({ "op": patch["operation"], "path": patch["path"], "value": value })
        };
        let patches = rule["patches"].as_array().unwrap().iter().map(operation).collect();
        let patch: json_patch::Patch = serde_json::from_value(Value::Array(patches)).unwrap();
        // A test that fails means that the rule is not meant for the object.
        if let Err(error) = json_patch::patch(&mut object, &patch) {
            assert!(matches!(error.kind, PatchErrorKind::TestFailed), "{error}");
        }
    }
    object
}

fn disabled(id: &str) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": [id] }, "protection": "Disabled" })
}

#[tokio::test]
async fn what_was_done_once_is_done_again_for_an_object_that_a_backup_brings_back() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION).protected(true));
    let _operator = stage.start();
    stage.apply("off", disabled(&id)).await;
    let done = backed_up(&stage.until("off", "Protected=False/DisabledAsAsked").await);
    assert_eq!(stage.unprotecting_writes(), 1);

    stage.by_hand(&id, true);
    restore(&stage.objects, &done).await;
    stage.until("off", "Protected=False/DisabledAsAsked").await;
    stage.until_cloud("it is unprotected again", |_| !stage.protected(&id)).await;
    assert_eq!(stage.unprotecting_writes(), 2, "whoever restores has to prevent it");
}

#[tokio::test]
async fn the_resource_modifiers_of_the_page_take_back_what_asks_for_unprotecting() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3).protected(true));
    let host = stage.account.seed_one(&Seed::new(REGION));
    let operator = stage.start();
    stage.apply("off", disabled(&ids[0])).await;
    let mut excepting =
        json!({ "region": REGION, "targets": { "instanceIds": [ids[1]] }, "scaleIn": "Unprotect" });
    excepting["exceptions"] =
        json!([{ "instanceId": ids[1], "until": "2999-01-01T00:00:00Z", "reason": "is replaced" }]);
    stage.apply("excepting", excepting).await;
    stage
        .retain(
            "release",
            json!({ "region": REGION, "targets": { "instanceIds": [host] }, "retention": "Release" }),
        )
        .await;
    let off = backed_up(&stage.until("off", "Protected=False/DisabledAsAsked").await);
    let excepting = backed_up(&stage.until("excepting", "Protected=False/Excepted").await);
    let release = backed_up(&stage.until_retention("release", "Retained=False/ReleasedAsAsked").await);
    let (unprotected, doomed) = (stage.unprotecting_writes(), stage.interface_writes().len());
    operator.terminate().await;

    for id in &ids[..2] {
        stage.by_hand(id, true);
    }
    let protections = "ecsinstanceprotections.ecs-keeper.io";
    let restored: EcsInstanceProtection = restore(&stage.objects, &modified(protections, &off)).await;
    assert_eq!(json!(restored.spec)["protection"], "Enabled");
    let restored: EcsInstanceProtection = restore(&stage.objects, &modified(protections, &excepting)).await;
    assert_eq!(
        (restored.spec.exceptions.len(), json!(restored.spec)["scaleIn"].clone()),
        (0, json!("Report"))
    );
    let restored: EniRetention =
        restore(&stage.retentions, &modified("eniretentions.ecs-keeper.io", &release)).await;
    assert_eq!(json!(restored.spec)["retention"], "Retain");
    let _operator = stage.start();
    stage.until("off", "Protected=True/AllProtected").await;
    stage.until("excepting", "Protected=True/AllProtected").await;
    stage.until_retention("release", "Retained=True/AllProtected").await;
    assert_eq!(stage.unprotecting_writes(), unprotected);
    assert!(stage.interface_writes()[doomed..].iter().all(|(_, stays)| *stays));
}

#[tokio::test]
async fn a_status_that_comes_back_says_what_was_done_only_for_the_first_generation() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2).protected(true));
    let operator = stage.start();
    stage.apply("first", disabled(&ids[0])).await;
    let mut edited = disabled(&ids[1]);
    edited["protection"] = "Enabled".into();
    stage.apply("edited", edited).await;
    stage.until("edited", "Protected=True/AllProtected").await;
    stage.apply("edited", disabled(&ids[1])).await;
    let first = backed_up(&stage.until("first", "Protected=False/DisabledAsAsked").await);
    let edited = backed_up(&stage.until("edited", "Protected=False/DisabledAsAsked").await);
    operator.terminate().await;

    for id in &ids {
        stage.by_hand(id, true);
    }
    restore_with_status(&stage.objects, &first).await;
    restore_with_status(&stage.objects, &edited).await;
    let _operator = stage.start();
    stage.until_cloud("the edited one is carried out again", |_| !stage.protected(&ids[1])).await;
    stage.witnessed().await;
    assert!(stage.protected(&ids[0]), "its status says that generation 1 was carried out");
    assert_eq!(stage.unprotecting_writes(), 3);
}

#[tokio::test]
async fn i19_an_eni_retention_that_comes_back_with_its_status_remembers_its_survivors() {
    let stage = Stage::new().await;
    let host = stage.account.seed_one(&Seed::new(REGION).tag("service", "database"));
    let operator = stage.start();
    let tagged = json!({ "instanceTags": [{ "key": "service", "value": "database" }] });
    stage.retain("database", json!({ "region": REGION, "targets": tagged })).await;
    stage.until_retention("database", "Retained=True/AllProtected").await;
    // Somebody else is still to be seen when it is gone.
    stage.witnessed().await;
    stage.account.release(&host, ReleaseReason::Manual).unwrap();
    let survived = |object: &EniRetention| object.status.as_ref().unwrap().available_eni_ids.len() == 1;
    let object = stage.until_retained("database", "its survivor", survived).await;
    let backup = backed_up(&object);
    operator.terminate().await;

    restore_with_status(&stage.retentions, &backup).await;
    let _operator = stage.start();
    let object = stage.until_retention("database", "Retained=True/AllProtected").await;
    assert_eq!(
        object.status.as_ref().unwrap().retained_eni_ids,
        [backup["status"]["availableEniIds"][0].as_str().unwrap()]
    );
    assert!(message(&object, "Retained").contains("waits for reuse"), "{object:?}");

    // Without it, nothing leads to the interface.
    restore(&stage.retentions, &backup).await;
    let object = stage.until_retention("database", "Retained=Unknown/NoTargets").await;
    assert_eq!(object.status.unwrap().retained_eni_ids, [""; 0]);
}
