//! At rest nothing is written, and a restart is no reason to.

use std::collections::BTreeMap;

use ecs_keeper::api::EcsInstanceProtection;
use keeper_simulator::{Fault, Rule, Seed};
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;

use crate::stage::{LABEL, REGION, Stage, Told};

/// Reads of one sweep over the region of the first test: two pages.
const SWEEP: u64 = 2;

/// The objects of the namespace, as they are stored.
async fn stored(stage: &Stage) -> BTreeMap<String, EcsInstanceProtection> {
    let list = stage.objects.list(&ListParams::default()).await.unwrap();
    list.items.into_iter().map(|object| (object.name_unchecked(), object)).collect()
}

/// Shows that no object is written while something goes on. A machine that was too busy to sweep in time makes evidence
/// stale, and status rightly says so: then nothing was shown, and it goes on again.
async fn undisturbed(stage: &Stage, mut act: impl AsyncFnMut()) {
    for _ in 0..5 {
        stage.reads(SWEEP).await;
        let (before, printed) = (stored(stage).await, stage.printed().len());
        act().await;
        let after = stored(stage).await;
        if !stage.printed()[printed..].contains("EvidenceStale") {
            for (name, object) in before {
                assert_eq!(after[&name], object, "{name}");
            }
            return;
        }
    }
    panic!("the machine is too busy to show anything");
}

#[tokio::test]
async fn i18_i37_at_rest_and_across_a_restart_nothing_is_written_anywhere() {
    let stage = Stage::new().await;
    let prod = stage.account.seed(&Seed::new(REGION).times(120).tag("env", "prod"));
    let spot = stage.account.seed_one(&Seed::spot(REGION).tag("env", "prod"));
    let test = stage.account.seed_one(&Seed::new(REGION).tag("env", "test").protected(true));
    let unprotected = stage.account.seed_one(&Seed::new(REGION));
    let provider = format!("{REGION}.{}", prod[0]);
    stage.node(&stage.namespace, &[(LABEL, &stage.namespace)], Some(&provider)).await;

    // Long enough that a busy machine does not make evidence stale.
    let calm = stage.settings().set("/sweepInterval", "3s");
    let operator = calm.start();
    let tagged = |value: &str| json!({ "instanceTags": [{ "key": "env", "value": value }] });
    let settled = [
        (
            "tags",
            json!({ "region": REGION, "targets": tagged("prod") }),
            "Protected=True/ProtectedWhereApplicable",
        ),
        (
            "ids",
            json!({ "region": REGION, "targets": { "instanceIds": [prod[1], prod[2]] } }),
            "Protected=True",
        ),
        (
            "nodes",
            json!({ "targets": { "nodes": { "matchLabels": { LABEL: stage.namespace } } } }),
            "Protected=True",
        ),
        (
            "spot",
            json!({ "region": REGION, "targets": { "instanceIds": [spot] } }),
            "Protected=False/NotApplicable Stalled=True/SpotInstance",
        ),
        ("none", json!({ "region": REGION, "targets": tagged("nobody") }), "Protected=Unknown/NoTargets"),
        (
            "off",
            json!({ "region": REGION, "targets": tagged("test"), "protection": "Disabled" }),
            "Protected=False/DisabledAsAsked",
        ),
        (
            "observed",
            json!({ "region": REGION, "targets": { "instanceIds": [unprotected] }, "mode": "Observe" }),
            "Protected=False/Unprotected",
        ),
        (
            "lifted-later",
            json!({ "region": REGION, "targets": { "instanceIds": [prod[3]] }, "deletionPolicy": "Disable" }),
            "Protected=True",
        ),
        (
            "elsewhere",
            json!({ "account": "other", "region": REGION, "targets": tagged("prod") }),
            "Stalled=True/NotGranted",
        ),
    ];
    for (name, spec, _) in &settled {
        stage.apply(name, spec.clone()).await;
    }
    for (name, _, wanted) in &settled {
        stage.until(name, wanted).await;
    }
    let writes = stage.writes().len();
    assert_eq!(writes, prod.len() + 1, "one for each that was unprotected, one to switch off");

    undisturbed(&stage, async || stage.reads(SWEEP * 8).await).await;
    let mut operator = Some(operator);
    undisturbed(&stage, async || {
        assert!(operator.take().unwrap().terminate().await.success());
        operator = Some(calm.start());
        stage.reads(SWEEP * 4).await;
    })
    .await;
    assert_eq!(stage.writes().len(), writes);
    assert!(!stage.protected(&test) && !stage.protected(&unprotected));
}

#[tokio::test]
async fn a_transition_is_one_event_and_rest_is_none() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let operator = stage.start();
    let spec = json!({ "region": REGION, "targets": { "instanceIds": [id] } });
    stage.apply("told", spec.clone()).await;
    stage.until("told", "Protected=True").await;
    let note = stage.until_event("told", "AllProtected").await;
    assert!(note.contains("1 target: 1 protected"), "{note}");
    stage.reads(5).await;
    assert!(operator.terminate().await.success());
    let _operator = stage.start();
    stage.reads(5).await;
    let told = |events: &[Told], reason: &str, kind: &str| -> i32 {
        let same = events.iter().filter(|told| told.reason == reason && told.kind == kind);
        same.map(|told| told.times).sum()
    };
    let events = stage.events("told").await;
    assert_eq!((events.len(), told(&events, "AllProtected", "Normal")), (1, 1), "{events:?}");

    // A promise that does not hold any more is told as a warning; and so is, once, what only a person can mend.
    let denied = Fault::Deny { always_forbidden: true };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", denied));
    stage.by_hand(&id, false);
    stage.until("told", "Protected=False/PermissionDenied Stalled=True").await;
    stage.until_event("told", "PermissionDenied").await;
    stage.reads(5).await;
    let events = stage.events("told").await;
    assert_eq!(told(&events, "PermissionDenied", "Warning"), 1, "{events:?}");
    assert!(events.iter().map(|told| told.times).sum::<i32>() <= 3, "{events:?}");
}

#[tokio::test]
async fn i38_after_a_restart_without_the_cloud_an_old_status_does_not_stand_for_ever() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let operator = stage.start();
    stage.apply("old", json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
    stage.until("old", "Protected=True").await;
    operator.kill().await;
    stage.account.fault(Rule::new("DescribeInstances", Fault::DropBefore));
    let _operator = stage.start();
    stage.until("old", "Protected=Unknown Ready=False").await;
    stage.account.clear_faults();
    stage.until("old", "Protected=True/AllProtected").await;
    assert_eq!(stage.writes().len(), 1);
}

#[tokio::test]
async fn what_somebody_has_just_asked_for_is_no_warning() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let _operator = stage.start();
    let mut spec = json!({ "region": REGION, "targets": { "instanceIds": [id] } });
    stage.apply("done", spec.clone()).await;
    stage.until("done", "Protected=True").await;
    spec["protection"] = "Disabled".into();
    stage.apply("done", spec).await;
    stage.until("done", "Protected=False/DisabledAsAsked").await;
    stage.until_event("done", "DisabledAsAsked").await;
    let events = stage.events("done").await;
    assert!(events.iter().all(|told| told.kind == "Normal"), "{events:?}");
}
