//! What the operator is for, told with kubectl.

use std::collections::BTreeMap;

use ecs_keeper::api::{InstanceState, ProtectionState};
use keeper_simulator::{Account, LockReason, Refusal, Seed};
use serde_json::json;

use crate::stage::{LABEL, REGION, Stage, message};

fn release(account: &Account, id: &str) -> Result<(), Refusal> {
    account.console("DeleteInstance", &[("InstanceId", id), ("Force", "true")]).map(|_| ())
}

#[tokio::test]
async fn applied_with_kubectl_every_instance_with_the_tag_is_protected_and_stays_so() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).id("i-web").times(3).tag("env", "prod"));
    let other = stage.account.seed_one(&Seed::new(REGION).id("i-test").tag("env", "test"));
    let mut operator = stage.start();

    let manifest = json!({
        "apiVersion": "ecs-keeper.io/v1alpha1",
        "kind": "EcsInstanceProtection",
        "metadata": { "name": "production", "namespace": stage.namespace, "labels": { LABEL: stage.namespace } },
        "spec": { "region": REGION, "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] } },
    });
    let file = stage.log.with_extension("manifest");
    std::fs::write(&file, manifest.to_string()).unwrap();
    stage.cluster.kubectl(&["apply", "--filename", file.to_str().unwrap()]).await;
    std::fs::remove_file(&file).unwrap();
    let named = ["--namespace", &stage.namespace, "ecsprot/production"];
    let wait = ["wait", "--for=condition=Protected", "--timeout=240s"];
    stage.cluster.kubectl(&[wait, named].concat()).await;

    for id in &ids {
        assert!(stage.protected(id));
        assert_eq!(release(&stage.account, id).unwrap_err().code, "InvalidOperation.DeletionProtection");
    }
    assert!(!stage.protected(&other));
    release(&stage.account, &other).unwrap();
    let object =
        stage.until("production", "Protected=True/AllProtected Ready=True AtRisk=False Stalled=False").await;
    assert_eq!(object.status.unwrap().protection_state, Some(ProtectionState::Protected));
    let shown = stage.cluster.kubectl(&[&["get", "--no-headers"][..], &named].concat()).await;
    let columns: Vec<&str> = shown.split_whitespace().collect();
    assert_eq!(&columns[..6], ["production", "Protected", "3", "3", "0", "True"], "{shown}");

    // Somebody switches it off in the console, and loses.
    let off = [("InstanceId", ids[1].as_str()), ("DeletionProtection", "false")];
    stage.account.console("ModifyInstanceAttribute", &off).unwrap();
    stage.until_cloud("the drift is repaired", |_| stage.protected(&ids[1])).await;
    stage.until("production", "Protected=True/AllProtected").await;
    // One write for each observed difference.
    let mut expected: Vec<_> = ids.iter().chain([&ids[1]]).map(|id| (id.clone(), true)).collect();
    let mut written = stage.writes();
    expected.sort();
    written.sort();
    assert_eq!(written, expected);
    assert!(operator.runs());
}

/// An instance that gets the tag, or loses it, while all is at rest.
#[tokio::test]
async fn i25_what_gets_the_tag_later_is_protected_and_what_loses_it_keeps_its_flag() {
    let stage = Stage::new().await;
    let first = stage.account.seed_one(&Seed::new(REGION).tag("env", "prod"));
    let _operator = stage.start();
    let tags = json!([{ "key": "env", "value": "prod" }]);
    stage.apply("production", json!({ "region": REGION, "targets": { "instanceTags": tags } })).await;
    stage.until("production", "Protected=True/AllProtected").await;

    let second = stage.account.seed_one(&Seed::new(REGION).tag("env", "prod"));
    stage.until_cloud("the new one is protected", |_| stage.protected(&second)).await;
    let untag = [
        ("RegionId", REGION),
        ("ResourceType", "instance"),
        ("ResourceId.1", first.as_str()),
        ("TagKey.1", "env"),
    ];
    stage.account.console("UntagResources", &untag).unwrap();
    crate::stage::eventually("one target is left", async || {
        let object = stage.until("production", "Protected=True/AllProtected").await;
        let targets = object.status.unwrap().counts.unwrap().targets;
        if targets == 1 { Ok(()) } else { Err(targets) }
    })
    .await;
    assert!(stage.protected(&first) && stage.protected(&second));
    assert_eq!(stage.unprotecting_writes(), 0);
}

#[tokio::test]
async fn i25_somebody_who_keeps_switching_it_off_is_told_of_and_answered_each_time() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let _operator = stage.start();
    stage.apply("one", json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
    stage.until("one", "Protected=True").await;
    for _ in 0..8 {
        stage.seen().await;
        stage.until_repaired(&id).await;
    }
    let object = stage.until("one", "Protected=True/AllProtected Ready=True AtRisk=True/RisksFound").await;
    let risks = message(&object, "AtRisk");
    assert!(risks.contains(&id) && risks.contains("ActionTrail"), "{risks}");
    let told = stage.until_event("one", "Contested").await;
    assert!(told.contains(&id) && told.contains("restores it each time"), "{told}");
    assert_eq!(stage.events("one").await.iter().filter(|event| event.reason == "Contested").count(), 1);
    assert_eq!(stage.writes().len(), 9, "one for each time, and the first");
}

#[tokio::test]
async fn i07_rows_say_what_cannot_be_protected_and_what_is_at_risk_all_the_same() {
    let stage = Stage::new().await;
    let prod = |seed: Seed, id: &str| seed.id(id).tag("env", "prod");
    let in_an_hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    for seed in [
        prod(Seed::new(REGION), "i-plain"),
        prod(Seed::subscription(REGION), "i-subscription").protected(true),
        prod(Seed::spot(REGION), "i-spot"),
        Seed { auto_release_time: Some(in_an_hour), ..prod(Seed::new(REGION), "i-timed") },
        prod(Seed::new(REGION), "i-group").tag("acs:autoscaling:scalingGroupId", "asg-1"),
        Seed { locks: vec![LockReason::Security], ..prod(Seed::new(REGION), "i-locked").protected(true) },
    ] {
        stage.account.seed_one(&seed);
    }
    let _operator = stage.start();
    stage
        .apply(
            "by-tag",
            json!({ "region": REGION, "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] } }),
        )
        .await;
    stage
        .apply(
            "by-id",
            json!({ "region": REGION, "targets": { "instanceIds": ["i-subscription", "i-plain"] } }),
        )
        .await;

    let wanted = "Protected=True/ProtectedWhereApplicable AtRisk=True/RisksFound Ready=True Stalled=False";
    let status = stage.until("by-tag", wanted).await.status.unwrap();
    assert_eq!(status.protection_state, Some(ProtectionState::ProtectedWhereApplicable));
    let counts = status.counts.unwrap();
    assert_eq!((counts.targets, counts.protected, counts.unprotected, counts.not_applicable), (6, 4, 0, 2));
    let rows: BTreeMap<&str, (InstanceState, &str, Vec<&str>)> = status
        .instances
        .iter()
        .map(|row| {
            assert!(row.message.ends_with('.') || row.message.ends_with(')'), "{row:?}");
            let risks = row.risks.iter().map(|risk| risk.reason.as_str()).collect();
            (row.instance_id.as_str(), (row.state, row.reason.as_str(), risks))
        })
        .collect();
    let protected = |risks: &[&'static str]| (InstanceState::Protected, "Protected", risks.to_vec());
    assert_eq!(rows["i-plain"], protected(&[]));
    assert_eq!(rows["i-timed"], protected(&["AutoReleaseTimeSet"]));
    assert_eq!(rows["i-group"], protected(&["ScalingGroupMember"]));
    assert_eq!(rows["i-locked"], protected(&["SecurityLock"]));
    assert_eq!(
        (rows["i-subscription"].0, rows["i-subscription"].1),
        (InstanceState::NotApplicable, "SubscriptionInstance")
    );
    assert_eq!((rows["i-spot"].0, rows["i-spot"].1), (InstanceState::NotApplicable, "SpotInstance"));

    // Who names it by id is told that it can't be done.
    let named = stage.until("by-id", "Protected=False/NotApplicable Ready=False Stalled=True").await;
    assert!(message(&named, "Stalled").contains("i-subscription"), "{named:?}");
}

#[tokio::test]
async fn i58_a_release_time_is_removed_where_the_spec_says_so_and_an_event_keeps_what_it_was() {
    let stage = Stage::new().await;
    let in_an_hour = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1);
    for id in ["i-timed", "i-left"] {
        stage.account.seed_one(&Seed {
            auto_release_time: Some(in_an_hour),
            ..Seed::new(REGION).id(id).protected(true)
        });
    }
    let _operator = stage.start();
    let spec = |id: &str, what: &str| json!({ "region": REGION, "targets": { "instanceIds": [id] }, "autoReleaseTime": what });
    stage.apply("one", spec("i-timed", "Report")).await;
    stage.apply("other", spec("i-left", "Report")).await;
    let reported = stage.until("one", "Protected=True/AllProtected AtRisk=True/RisksFound Ready=True").await;
    assert!(message(&reported, "AtRisk").contains("autoReleaseTime: Cancel"), "{reported:?}");
    let shown = |id: &str| stage.account.instance(id).unwrap().auto_release_time;
    assert!(shown("i-timed").is_some(), "it is only reported");

    stage.apply("one", spec("i-timed", "Cancel")).await;
    stage.until("one", "Protected=True/AllProtected AtRisk=False Ready=True Reconciling=False").await;
    assert_eq!(shown("i-timed"), None);
    let told = stage.until_event("one", "ReleaseTimeCancelled").await;
    let minute = in_an_hour.strftime("%Y-%m-%dT%H:%MZ").to_string();
    assert!(told.contains("i-timed") && told.contains(&minute), "{told}");
    assert!(shown("i-left").is_some(), "nobody asked for that");
    let calls = stage.calls_of("ModifyInstanceAutoReleaseTime");
    assert_eq!(calls.len(), 1);
    assert_eq!(stage.writes().len(), 0, "both were protected already");

    stage.apply("one", spec("i-timed", "Report")).await;
    stage.seen().await;
    assert_eq!((shown("i-timed"), stage.calls_of("ModifyInstanceAutoReleaseTime").len()), (None, 1));
}
