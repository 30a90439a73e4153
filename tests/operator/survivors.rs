//! What is told of interfaces that outlived their instance, and how they outlive the object that retains them.

use std::path::Path;

use ecs_keeper::api::EniRetention;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use keeper_simulator::{InterfaceSeed, ReleaseReason, Seed};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::handover::person;
use crate::process::{Answer, ask};
use crate::stage::{LABEL, REGION, Stage, Told, eventually, message};

/// An instance with a primary interface and a secondary one, both of which are retained already.
fn machine(id: &str) -> Seed {
    let kept =
        |seed: InterfaceSeed, letter: &str| seed.id(&format!("eni-{id}{letter}")).delete_on_release(false);
    Seed::new(REGION)
        .id(&format!("i-{id}"))
        .interface(kept(InterfaceSeed::primary(), "a"))
        .interface(kept(InterfaceSeed::secondary(), "b"))
}

/// A stage on which another instance stays: where no instance is left at all, none is proven to be gone.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-neighbour"));
    stage
}

fn available(object: &EniRetention) -> Vec<&str> {
    object.status.as_ref().unwrap().available_eni_ids.iter().map(String::as_str).collect()
}

async fn told_of(stage: &Stage, name: &str, reason: &str) -> Vec<Told> {
    let mut told = stage.events(name).await;
    told.retain(|told| told.reason == reason);
    told
}

/// More machines than the circuit breaker lets pass, and more interfaces than there are rows.
#[tokio::test]
async fn i51_what_many_machines_leave_is_one_event_and_rows_that_are_missing_stall_nothing() {
    let stage = stage().await;
    let ids: Vec<String> = (0..260).map(|n| format!("m{n:03}")).collect();
    for id in &ids {
        stage.account.seed_one(&machine(id).tag("pool", "a"));
    }
    // A sweep has five pages: one a second would be old before the next one on a busy machine.
    let _operator = stage.settings().set("/sweepInterval", "10s").start();
    let spec = json!({ "region": REGION, "targets": { "instanceTags": [{ "key": "pool", "value": "a" }] } });
    stage.retain("pool", spec).await;
    stage.until_retention("pool", "Retained=True/AllProtected Ready=True").await;
    for id in &ids {
        stage.account.release(&format!("i-{id}"), ReleaseReason::Manual).unwrap();
    }
    stage.until_retained("pool", "all survivors", |object| available(object).len() == 520).await;
    let object = stage.until_retention("pool", "Retained=True/AllProtected Ready=True Stalled=False").await;
    assert_eq!(message(&object, "Retained"), "520 targets: 520 protected. 520 are free and wait for reuse.");
    let status = object.status.as_ref().unwrap();
    assert_eq!((status.retained_eni_ids.len(), status.network_interfaces.len()), (520, 500));

    let note = stage.until_event("pool", "Survived").await;
    assert!(
        note.starts_with("520 network interfaces have outlived their instances and are free: eni-m000a ("),
        "{note}"
    );
    assert!(note.contains(" and 485 more."), "{note}");
    let told = told_of(&stage, "pool", "Survived").await;
    assert_eq!(told.iter().map(|told| told.times).sum::<i32>(), 1, "{told:?}");
    assert_eq!(told[0].kind, "Normal");
}

async fn export(kubeconfig: &Path, arguments: &[&str]) -> Answer {
    ask(kubeconfig, &[&["eni", "export"], arguments].concat()).await
}

/// The survivors that the check lists of the objects of this test, and how it ended.
async fn checked(stage: &Stage) -> (Option<i32>, Value) {
    let selector = format!("{LABEL}={}", stage.namespace);
    let answer =
        ask(&stage.kubeconfig, &["uninstall-check", "--object-selector", &selector, "-o", "json"]).await;
    let said: Value = serde_json::from_str(&answer.said).unwrap_or_else(|_| panic!("{answer:?}"));
    (answer.code, said["survivors"].clone())
}

#[tokio::test]
async fn i19_i20_exported_survivors_stay_retained_when_their_object_goes_and_are_told_of_when_nobody_is_left()
{
    let stage = stage().await;
    let here = stage.namespace.as_str();
    stage.account.seed_one(&machine("db"));
    let mut operator = stage.start();
    let spec = json!({ "region": REGION, "targets": { "instanceIds": ["i-db"] } });
    stage.retain("database", spec).await;
    stage.until_retention("database", "Retained=True").await;
    let person = person(&stage.cluster, here).await;
    let nothing = eventually("the person may look", async || {
        let answer = export(&person, &["database", "-n", here]).await;
        if answer.code == Some(0) { Ok(answer) } else { Err(answer) }
    })
    .await;
    assert!(
        nothing.said.starts_with("# There is no network interface that only the status of"),
        "{nothing:?}"
    );
    assert_eq!(checked(&stage).await, (Some(0), json!([])));

    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    let ids = ["eni-dba", "eni-dbb"];
    stage.until_retained("database", "survivors", |object| available(object) == ids).await;
    let survivors = |name: &str| json!([{ "namespace": here, "name": name, "networkInterfaceIds": ids }]);
    assert_eq!(checked(&stage).await, (Some(0), survivors("database")));

    // What is printed is taken as it is, and holds what the first object holds.
    let answer = export(&person, &["database", "-n", here]).await;
    assert_eq!((answer.code, answer.complained.as_str()), (Some(0), ""), "{answer:?}");
    let file = stage.folder.join("survivors.yaml");
    std::fs::write(&file, &answer.said).unwrap();
    let file = file.to_str().unwrap();
    stage.cluster.kubectl(&["apply", "--server-side", "--validate=strict", "--filename", file]).await;
    stage.until_retention("database-survivors", "Retained=True/AllProtected Ready=True").await;
    stage.retentions.delete("database", &DeleteParams::default()).await.unwrap();
    stage.until_gone_from(&stage.retentions, "database").await;
    stage.doom_by_hand("eni-dbb");
    stage.until_cloud("the drift is repaired", |_| stage.stays("eni-dbb")).await;
    stage.until_retention("database-survivors", "Retained=True/AllProtected").await;
    assert_eq!(checked(&stage).await, (Some(0), survivors("database-survivors")));

    // The last object that knew of them goes: at once, and with a word.
    let object = stage.retentions.get("database-survivors").await.unwrap();
    assert_eq!(object.metadata.finalizers, None);
    stage.retentions.delete("database-survivors", &DeleteParams::default()).await.unwrap();
    let note = stage.until_event("database-survivors", "SurvivorsForgotten").await;
    assert!(
        note.starts_with("2 free network interfaces are no longer retained by any object: eni-dba, eni-dbb."),
        "{note}"
    );
    assert_eq!(told_of(&stage, "database-survivors", "SurvivorsForgotten").await[0].kind, "Warning");
    stage.until_printed("eni-dba eni-dbb", 1).await;
    let before = told_of(&stage, "database", "SurvivorsForgotten").await;
    assert!(before.is_empty(), "the exported object retained them: {before:?}");
    assert!(ids.iter().all(|id| stage.stays(id)));
    assert!(operator.runs());

    // Who may not, or asks for what isn't there, is told what to do about it.
    let forbidden = export(&person, &["database", "-n", "kube-system"]).await;
    assert_eq!((forbidden.code, forbidden.said.as_str()), (Some(1), ""), "{forbidden:?}");
    assert!(forbidden.complained.contains("ask for the ClusterRole ecs-keeper-view there"), "{forbidden:?}");
    let absent = export(&person, &["database", "-n", here]).await;
    std::fs::remove_file(&person).unwrap();
    assert_eq!(absent.code, Some(1), "{absent:?}");
    assert!(
        absent.complained.contains(&format!("there is no EniRetention {here}/database: check the name")),
        "{absent:?}"
    );
}

/// What would hang and what would be forgotten are two things: the one fails, the other doesn't.
#[tokio::test]
async fn survivors_are_listed_beside_what_would_hang() {
    let stage = stage().await;
    stage.account.seed_one(&machine("db"));
    let _operator = stage.start();
    let mut spec =
        json!({ "region": REGION, "targets": { "instanceIds": ["i-db"] }, "deletionPolicy": "Release" });
    stage.retain("database", spec.clone()).await;
    stage.until_retention("database", "Retained=True").await;
    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    stage.until_retained("database", "survivors", |object| available(object).len() == 2).await;
    let selector = format!("{LABEL}={}", stage.namespace);
    let check = async || ask(&stage.kubeconfig, &["uninstall-check", "--object-selector", &selector]).await;
    let answer = check().await;
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let here = &stage.namespace;
    let listed = format!(
        "Retained network interfaces that are free: 2. Only the status of these objects lists them. If an object or its \
         CRD is deleted, they stay in the cloud, but ecs-keeper no longer retains them.\n\nEniRetention {here}/database\n  \
         eni-dba eni-dbb\n  To retain them with another object or on another cluster: ecs-keeper eni export database --namespace {here}\n"
    );
    assert!(
        answer.said.starts_with("Don't uninstall yet: 1 object has") && answer.said.ends_with(&listed),
        "{}",
        answer.said
    );
    spec["deletionPolicy"] = "Keep".into();
    stage.retain("database", spec).await;
    let answer = eventually("nothing would hang", async || {
        let answer = check().await;
        if answer.code == Some(0) { Ok(answer) } else { Err(answer) }
    })
    .await;
    assert!(
        answer.said.starts_with("It is safe to uninstall") && answer.said.ends_with(&listed),
        "{}",
        answer.said
    );
}

/// What has been free for a day by its row is forgotten by the next leader, and what has not been is not.
#[tokio::test]
async fn i19_i31_a_survivor_is_forgotten_once_when_its_time_is_over_and_stays_as_it_is() {
    let stage = stage().await;
    stage.account.seed_one(&machine("db"));
    let operator = stage.start();
    let spec = json!({
        "region": REGION,
        "targets": { "instanceIds": ["i-db"], "instanceTags": [{ "key": "none", "exists": true }] },
        "survivors": { "forgetAfter": "24h" },
    });
    stage.retain("database", spec).await;
    stage.until_retention("database", "Retained=True").await;
    stage.account.release("i-db", ReleaseReason::Manual).unwrap();
    stage.until_retained("database", "survivors", |object| available(object).len() == 2).await;
    assert!(operator.terminate().await.success());

    let mut object = serde_json::to_value(stage.retentions.get("database").await.unwrap()).unwrap();
    let rows = object["status"]["networkInterfaces"].as_array_mut().unwrap();
    let row = rows.iter_mut().find(|row| row["networkInterfaceId"] == "eni-dba").unwrap();
    let since = Timestamp::now().checked_sub(SignedDuration::from_hours(25)).unwrap();
    let since = Timestamp::from_second(since.as_second()).unwrap();
    row["since"] = json!(since.to_string());
    let patch = json!({ "status": { "networkInterfaces": rows } });
    stage.retentions.patch_status("database", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();

    let writes = stage.writes().len();
    let operator = stage.start();
    stage.until_retained("database", "one of them", |object| available(object) == ["eni-dbb"]).await;
    let note = stage.until_event("database", "SurvivorForgotten").await;
    let told =
        format!("eni-dba is no longer retained. It has outlived i-db, and has been free since {since}. ");
    assert!(note.starts_with(&told), "{note}");
    stage.until_printed(&told, 1).await;
    let object = stage.retentions.get("database").await.unwrap();
    let status = object.status.as_ref().unwrap();
    assert_eq!(status.retained_eni_ids, ["eni-dbb"]);
    assert!(status.network_interfaces.iter().all(|row| row.network_interface_id != "eni-dba"));
    assert!(stage.stays("eni-dba"), "its flag stays as it is");

    // The next leader neither tells it again nor misses it.
    assert!(operator.terminate().await.success());
    let _operator = stage.start();
    stage.reads(4).await;
    let forgotten = told_of(&stage, "database", "SurvivorForgotten").await;
    assert_eq!(forgotten.iter().map(|told| told.times).sum::<i32>(), 1, "{forgotten:?}");
    assert_eq!(forgotten[0].kind, "Normal");
    assert!(told_of(&stage, "database", "SelectionShrank").await.is_empty());
    assert_eq!(stage.writes().len(), writes, "nothing is written to the cloud");
    let object = stage.retentions.get("database").await.unwrap();
    assert_eq!(object.status.unwrap().retained_eni_ids, ["eni-dbb"]);
}
