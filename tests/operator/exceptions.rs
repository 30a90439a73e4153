//! One machine is left unprotected for a time: once, only as granted, only without other holds, and never for longer.

use std::time::Duration;

use ecs_keeper::api::{
    EcsInstanceProtection, ExceptionPhase, ExceptionStatus, InstanceState, Mode, ProtectionState,
};
use k8s_openapi::jiff::Timestamp;
use keeper_simulator::Seed;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::refusing::{allow, refuse};
use crate::stage::{REGION, Stage, eventually, message, never};

const REASON: &str = "replaced by another machine";

/// So many seconds from now, as somebody writes it.
fn in_seconds(seconds: i64) -> String {
    Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap().to_string()
}

/// What protects these instances, but for one of them until then.
fn spec(ids: &[String], excepted: &str, until: &str) -> Value {
    let exception = json!({ "instanceId": excepted, "until": until, "reason": REASON });
    json!({ "region": REGION, "targets": { "instanceIds": ids }, "exceptions": [exception] })
}

fn protecting(ids: &[String]) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ids } })
}

fn row(object: &EcsInstanceProtection) -> Option<&ExceptionStatus> {
    object.status.as_ref()?.exceptions.first()
}

async fn until_phase(
    stage: &Stage,
    objects: &Api<EcsInstanceProtection>,
    name: &str,
    wanted: &[ExceptionPhase],
) -> EcsInstanceProtection {
    let what = format!("an exception that is {wanted:?}");
    let shown = |object: &EcsInstanceProtection| row(object).is_some_and(|row| wanted.contains(&row.phase));
    stage.until_protection(objects, name, &what, shown).await
}

/// Writes of release protection of all instances but one, after so many that had been there.
fn other_writes(stage: &Stage, id: &str, before: usize) -> Vec<(String, bool)> {
    stage.writes().into_iter().skip(before).filter(|(of, _)| of != id).collect()
}

#[tokio::test]
async fn i53_one_machine_is_left_unprotected_until_its_entry_is_removed() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3));
    let id = &ids[1];
    let operator = stage.start();
    stage.apply("production", protecting(&ids)).await;
    stage.until("production", "Protected=True/AllProtected").await;
    let before = stage.writes().len();

    let until = in_seconds(3600);
    stage.apply("production", spec(&ids, id, &until)).await;
    let wanted =
        "Protected=True/ProtectedButExceptions AtRisk=True Ready=True Reconciling=False Stalled=False";
    let object = stage.until("production", wanted).await;
    assert!(!stage.protected(id) && stage.protected(&ids[0]) && stage.protected(&ids[2]));
    assert_eq!(stage.writes()[before..], [(id.clone(), false)], "the others stay on, and it is written once");
    for condition in ["Protected", "AtRisk"] {
        let told = message(&object, condition);
        assert!(told.contains(id.as_str()), "{condition}: {told}");
    }
    assert!(message(&object, "Protected").contains(&until), "{object:?}");
    let status = object.status.as_ref().unwrap();
    assert_eq!(status.protection_state, Some(ProtectionState::ProtectedButExceptions));
    let counts = status.counts.unwrap();
    assert_eq!((counts.targets, counts.protected, counts.excepted, counts.unprotected), (3, 2, 1, 0));
    let listed = status.instances.iter().find(|row| row.instance_id == *id).unwrap();
    assert_eq!(listed.state, InstanceState::Excepted);
    assert!(listed.message.contains(&until) && listed.message.contains(REASON), "{}", listed.message);
    let shown = row(&object).unwrap();
    assert_eq!((shown.phase, shown.ends_at.0.to_string()), (ExceptionPhase::InForce, until.clone()));
    let note = stage.until_told("production", "Excepted", id).await;
    assert!(note.contains(&until) && note.contains(REASON), "{note}");

    // An edit of something else is no other exception, and a restart does not do it again.
    let mut edited = spec(&ids, id, &until);
    edited["deletionPolicy"] = "Disable".into();
    stage.apply("production", edited).await;
    stage.until("production", wanted).await;
    assert!(operator.terminate().await.success());
    let _operator = stage.start();
    stage.witnessed().await;
    stage.until("production", wanted).await;
    assert_eq!(stage.unprotecting_writes(), 1);

    stage.apply("production", protecting(&ids)).await;
    let object = stage.until("production", "Protected=True/AllProtected AtRisk=False Ready=True").await;
    assert_eq!(row(&object), None);
    assert!(stage.protected(id));
    assert_eq!(stage.unprotecting_writes(), 1);
    let on = |writes: &[(String, bool)]| writes.iter().filter(|(of, on)| of == id && *on).count();
    assert_eq!(on(&stage.writes()), 2);
    stage.until_told("production", "Excepted", "was removed").await;
}

#[tokio::test]
async fn i53_at_its_end_the_machine_is_protected_again_whatever_crashed_meanwhile() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3));
    let id = &ids[1];
    let mut operator = stage.start();
    stage.apply("production", protecting(&ids)).await;
    stage.until("production", "Protected=True/AllProtected").await;
    let before = stage.writes().len();

    // How long it takes until it is in force depends on how busy the machine is.
    let mut attempts = 0;
    let until = 'begun: {
        for seconds in [15, 30, 60, 120] {
            attempts += 1;
            let until = in_seconds(seconds);
            stage.apply("production", spec(&ids, id, &until)).await;
            let of_this = |object: &EcsInstanceProtection| {
                row(object).is_some_and(|row| {
                    row.until.0.to_string() == until
                        && matches!(row.phase, ExceptionPhase::InForce | ExceptionPhase::Expired)
                })
            };
            let shown = stage.until_protection(&stage.objects, "production", "it has begun", of_this).await;
            if row(&shown).unwrap().phase == ExceptionPhase::InForce {
                break 'begun until;
            }
        }
        panic!("the machine is too busy for any exception to begin");
    };
    operator.kill().await;
    operator = stage.start();
    let over = until_phase(&stage, &stage.objects, "production", &[ExceptionPhase::Expired]).await;
    let shown = row(&over).unwrap();
    assert_eq!((shown.until.0.to_string(), shown.ends_at.0.to_string()), (until.clone(), until.clone()));
    stage.until_cloud("it is protected again", |_| stage.protected(id)).await;
    assert!(Timestamp::now() >= until.parse().unwrap(), "an exception is given its time");
    stage.until("production", "Protected=True/AllProtected AtRisk=False Ready=True Stalled=False").await;
    stage.until_told("production", "Excepted", "has ended").await;

    // What is over stays over: across a restart, and whatever else is edited.
    assert!(operator.terminate().await.success());
    let _operator = stage.start();
    let mut edited = spec(&ids, id, &until);
    edited["deletionPolicy"] = "Disable".into();
    stage.apply("production", edited).await;
    stage.until("production", "Protected=True/AllProtected").await;
    stage.witnessed().await;
    until_phase(&stage, &stage.objects, "production", &[ExceptionPhase::Expired]).await;
    assert!(stage.protected(id));
    assert!(stage.unprotecting_writes() <= attempts, "each entry unprotects once");
    let witness = |(of, _): &(String, bool)| ids.contains(of);
    assert_eq!(other_writes(&stage, id, before).iter().filter(|write| witness(write)).count(), 0);
}

#[tokio::test]
async fn i53_another_objects_hold_stands_against_an_exception() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let id = &ids[0];
    let (elsewhere, rivals) = stage.another_namespace().await;
    let _operator = stage.settings().serving(&elsewhere).start();
    stage.apply_to(&rivals, "hold", protecting(&ids[..1])).await;
    stage.until_in(&rivals, "hold", "Protected=True/AllProtected").await;

    stage.apply("production", spec(&ids, id, &in_seconds(3600))).await;
    let object = stage.until("production", "Ready=False Stalled=True/Conflict").await;
    let told = message(&object, "Stalled");
    assert!(
        !told.contains(&elsewhere) && !told.contains("hold"),
        "names what its author may not see: {told}"
    );
    let object = until_phase(&stage, &stage.objects, "production", &[ExceptionPhase::Waiting]).await;
    assert!(row(&object).unwrap().message.contains("wants it protected"), "{object:?}");
    stage.witnessed().await;
    assert!(stage.protected(id));
    assert_eq!(stage.unprotecting_writes(), 0);

    // The hold falls: now it is carried out.
    rivals.delete("hold", &DeleteParams::default()).await.unwrap();
    stage.until("production", "Protected=True/ProtectedButExceptions Ready=True Stalled=False").await;
    assert!(!stage.protected(id) && stage.protected(&ids[1]));
    assert_eq!(stage.unprotecting_writes(), 1);
    // And another one that comes while it is in force protects the machine.
    stage.apply_to(&rivals, "new-hold", protecting(&ids[..1])).await;
    stage.until_in(&rivals, "new-hold", "Protected=True/AllProtected").await;
    assert!(stage.protected(id));
    assert_eq!(stage.unprotecting_writes(), 1);
}

#[tokio::test]
async fn i53_without_the_right_or_under_observe_an_exception_is_void() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let observed = stage.account.seed_one(&Seed::new(REGION).protected(true));
    let (team, objects) = stage.another_namespace().await;
    let all = json!({ "namespaces": [stage.namespace], "may": ["Protect", "Unprotect", "Attach"] });
    let grants = json!([all, { "namespaces": [team], "may": ["Protect"] }]);
    let _operator = stage.settings().set("/grants", grants).start();

    stage.apply_to(&objects, "granted-less", spec(&ids, &ids[0], &in_seconds(3600))).await;
    stage.until_in(&objects, "granted-less", "Protected=True/AllProtected AtRisk=False").await;
    let object = until_phase(&stage, &objects, "granted-less", &[ExceptionPhase::Void]).await;
    assert!(row(&object).unwrap().message.contains("not granted"), "{object:?}");

    let only = std::slice::from_ref(&observed);
    let mut observing = spec(only, &observed, &in_seconds(3600));
    observing["mode"] = json!(Mode::Observe);
    stage.apply("observing", observing).await;
    stage.until("observing", "Protected=True/AllProtected").await;
    until_phase(&stage, &stage.objects, "observing", &[ExceptionPhase::Void]).await;
    stage.witnessed().await;
    assert!(ids.iter().chain([&observed]).all(|id| stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 0);
}

#[tokio::test]
async fn an_exception_of_what_is_not_selected_says_so_and_unprotects_nothing() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let stranger = stage.account.seed_one(&Seed::new(REGION).protected(true));
    let _operator = stage.start();
    stage.apply("stranger", spec(&ids, &stranger, &in_seconds(3600))).await;
    let mut excluding = spec(&ids, &ids[0], &in_seconds(3600));
    excluding["targets"]["exclude"] = json!({ "instanceIds": [ids[0]] });
    stage.apply("excluding", excluding).await;
    for name in ["stranger", "excluding"] {
        let object = until_phase(&stage, &stage.objects, name, &[ExceptionPhase::NotSelected]).await;
        assert!(row(&object).unwrap().message.contains("does not select"), "{object:?}");
        stage.until(name, "Protected=True/AllProtected Ready=True Stalled=False").await;
    }
    stage.witnessed().await;
    assert!(ids.iter().chain([&stranger]).all(|id| stage.protected(id)));
    assert_eq!(stage.unprotecting_writes(), 0);
}

/// Refuses every status of this test's protections that says anything of an exception.
async fn refuse_exceptions(stage: &Stage, name: &str) {
    let rule = json!({
        "apiGroups": ["ecs-keeper.io"], "apiVersions": ["v1alpha1"],
        "operations": ["UPDATE"], "resources": ["ecsinstanceprotections/status"],
    });
    let without =
        "!has(object.status) || !has(object.status.exceptions) || size(object.status.exceptions) == 0";
    refuse(stage, name, rule, without).await;
    let probe = json!({ "metadata": { "name": "probe" }, "spec": protecting(&["i-probe".to_owned()]) });
    stage.objects.create(&PostParams::default(), &serde_json::from_value(probe).unwrap()).await.unwrap();
    let said = json!({ "status": { "exceptions": [{
        "instanceId": "i-probe", "until": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z", "phase": "Expired",
    }] } });
    let (merge, as_usual) = (Patch::Merge(&said), PatchParams::default());
    eventually("the policy is in force", async || {
        let answer = stage.objects.patch_status("probe", &as_usual, &merge).await;
        if answer.is_err() { Ok(()) } else { Err("it is not") }
    })
    .await;
}

#[tokio::test]
async fn i53_nothing_is_unprotected_before_status_says_durably_when_that_ends() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let policy = format!("no-exceptions-{}", stage.namespace);
    refuse_exceptions(&stage, &policy).await;
    let _operator = stage.start();
    stage.apply("production", protecting(&ids)).await;
    stage.until("production", "Protected=True/AllProtected").await;
    let until = in_seconds(3600);
    stage.apply("production", spec(&ids, &ids[0], &until)).await;
    stage.until_printed("status update failed", 1).await;
    let asked = async || stage.unprotecting_writes() > 0;
    never("unprotected although nothing durable says when it ends", Duration::from_secs(5), asked).await;
    allow(&stage, &policy).await;
    let object = until_phase(&stage, &stage.objects, "production", &[ExceptionPhase::InForce]).await;
    assert_eq!(row(&object).unwrap().ends_at.0.to_string(), until);
    assert!(!stage.protected(&ids[0]));
    assert_eq!(stage.unprotecting_writes(), 1);
}

#[tokio::test]
async fn i14_a_forged_row_makes_no_exception() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let _operator = stage.start();
    stage.apply("production", protecting(&ids)).await;
    stage.until("production", "Protected=True/AllProtected").await;
    for phase in ["Waiting", "InForce"] {
        let until = in_seconds(3600);
        let row = json!({ "instanceId": ids[0], "until": until, "endsAt": until, "phase": phase });
        let said = Patch::Merge(json!({ "status": { "exceptions": [row] } }));
        stage.objects.patch_status("production", &PatchParams::default(), &said).await.unwrap();
        let none = |object: &EcsInstanceProtection| object.status.as_ref().unwrap().exceptions.is_empty();
        stage.until_protection(&stage.objects, "production", "no exception", none).await;
    }
    stage.witnessed().await;
    stage.until("production", "Protected=True/AllProtected Ready=True").await;
    assert!(stage.protected(&ids[0]));
    assert_eq!(stage.unprotecting_writes(), 0);
}
