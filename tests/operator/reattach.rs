//! Survivors that are attached to another instance: each intent once, and durable before anything is asked.

use std::time::Duration;

use ecs_keeper::api::{EniRetention, NetworkInterfacePhase, ReattachmentPhase, ReattachmentStatus};
use keeper_simulator::{Fault, InterfaceChange, InterfaceSeed, InterfaceStatus, ReleaseReason, Rule, Seed};
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::refusing::{allow, refuse};
use crate::stage::{REGION, Stage, message, never};

const ATTACH: &str = "AttachNetworkInterface";

/// What the retention asks: the interfaces of the instance that is lost, and this attached.
fn spec(reattach: &Value) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ["i-lost"] }, "reattach": reattach })
}

fn to(instance: &str) -> Value {
    json!([{ "networkInterfaceId": "eni-one", "instanceId": instance }])
}

/// Where the intent to attach an interface stands.
fn row<'a>(object: &'a EniRetention, id: &str) -> Option<&'a ReattachmentStatus> {
    let rows = &object.status.as_ref()?.reattachments;
    rows.iter().find(|row| row.network_interface_id == id)
}

fn stands(object: &EniRetention, id: &str, phase: ReattachmentPhase, reason: &str) -> bool {
    row(object, id).is_some_and(|row| row.phase == phase && row.reason == reason)
}

async fn until(stage: &Stage, phase: ReattachmentPhase, reason: &str) -> EniRetention {
    let what = format!("{phase:?} {reason}");
    stage.until_retained("database", &what, |object| stands(object, "eni-one", phase, reason)).await
}

/// A stage with a free interface, `eni-one`, that outlived its instance and is retained, and `i-new` to attach it to.
async fn stage_with_survivor() -> Stage {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-new"));
    let lost = Seed::new(REGION).id("i-lost");
    stage.account.seed_one(&lost.interface(InterfaceSeed::secondary().id("eni-one")));
    stage
}

async fn lose(stage: &Stage) {
    stage.retain("database", spec(&json!([]))).await;
    stage.until_retention("database", "Retained=True").await;
    stage.account.release("i-lost", ReleaseReason::Manual).unwrap();
    let available = |object: &EniRetention| {
        let status = object.status.as_ref().unwrap();
        status.available_eni_ids.iter().any(|id| id == "eni-one")
    };
    stage.until_retained("database", "a survivor", available).await;
}

#[tokio::test]
async fn i22_a_survivor_is_attached_once_and_what_is_done_later_by_hand_is_left() {
    let stage = stage_with_survivor().await;
    let _operator = stage.start();
    lose(&stage).await;
    stage.retain("database", spec(&to("i-new"))).await;
    let wanted = "Retained=True/AllProtected Ready=True Stalled=False Reconciling=False";
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    let object = stage.until_retention("database", wanted).await;
    let status = object.status.as_ref().unwrap();
    assert_eq!(row(&object, "eni-one").unwrap().instance_id.as_deref(), Some("i-new"));
    let here = status.network_interfaces.iter().find(|row| row.network_interface_id == "eni-one").unwrap();
    assert_eq!((here.phase, here.instance_id.as_deref()), (NetworkInterfacePhase::Reattached, Some("i-new")));
    assert_eq!(here.last_instance_id.as_deref(), Some("i-lost"));
    assert!(!status.available_eni_ids.iter().any(|id| id == "eni-one"));
    assert!(status.retained_eni_ids.iter().any(|id| id == "eni-one"));
    assert_eq!(stage.interface("eni-one").instance_id.as_deref(), Some("i-new"));
    assert!(stage.stays("eni-one"), "attaching sets the flag anew, and it was put right");
    let note = stage.until_event("database", "AttachDone").await;
    assert!(note.contains("eni-one to i-new"), "{note}");

    // Attached is final.
    let detach = [("RegionId", REGION), ("NetworkInterfaceId", "eni-one"), ("InstanceId", "i-new")];
    stage.account.console("DetachNetworkInterface", &detach).unwrap();
    let loose = |object: &EniRetention| {
        let rows = &object.status.as_ref().unwrap().network_interfaces;
        rows.iter()
            .any(|row| row.network_interface_id == "eni-one" && row.phase == NetworkInterfacePhase::Detached)
    };
    stage.until_retained("database", "it is free again", loose).await;
    stage.calls("DescribeNetworkInterfaces", 5).await;
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    assert_eq!(stage.calls_of(ATTACH).len(), 1);

    // Removed and added again, it is another intent.
    stage.retain("database", spec(&json!([]))).await;
    stage.until_retained("database", "no intent", |object| row(object, "eni-one").is_none()).await;
    stage.retain("database", spec(&to("i-new"))).await;
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    stage.until_cloud("it is there", |_| stage.interface("eni-one").status == InterfaceStatus::InUse).await;
    assert_eq!(stage.calls_of(ATTACH).len(), 2);
}

/// Refuses every status of this test's retentions that says `Requested`.
async fn refuse_requested(stage: &Stage, name: &str) {
    let rule = json!({
        "apiGroups": ["ecs-keeper.io"], "apiVersions": ["v1alpha1"],
        "operations": ["UPDATE"], "resources": ["eniretentions/status"],
    });
    let unrequested = "!has(object.status) || !has(object.status.reattachments) \
                      || object.status.reattachments.all(row, row.phase != 'Requested')";
    refuse(stage, name, rule, unrequested).await;
}

/// Whether such a status is refused by now: asked of an object that nobody serves.
async fn refuses(stage: &Stage) -> bool {
    let body = json!({ "status": { "reattachments": [{
        "networkInterfaceId": "eni-probe", "phase": "Requested", "reason": "Probe", "message": "",
        "since": "2026-01-01T00:00:00Z",
    }] } });
    let merge = kube::api::Patch::Merge(&body);
    stage.retentions.patch_status("probe", &kube::api::PatchParams::default(), &merge).await.is_err()
}

#[tokio::test]
async fn i20_nothing_is_attached_before_status_says_durably_that_it_is_requested() {
    let stage = stage_with_survivor().await;
    let operator = stage.start();
    lose(&stage).await;
    operator.kill().await;
    let probe = json!({ "metadata": { "name": "probe" }, "spec": spec(&json!([])) });
    stage.retentions.create(&PostParams::default(), &serde_json::from_value(probe).unwrap()).await.unwrap();
    let policy = format!("no-requests-{}", stage.namespace);
    refuse_requested(&stage, &policy).await;
    crate::stage::eventually("the policy is in force", async || {
        if refuses(&stage).await { Ok(()) } else { Err("it is not") }
    })
    .await;
    let _operator = stage.start();
    stage.retain("database", spec(&to("i-new"))).await;
    crate::stage::eventually("status is refused", async || {
        let printed = stage.printed();
        if printed.contains("status update failed") { Ok(()) } else { Err(printed) }
    })
    .await;
    let asked = async || !stage.calls_of(ATTACH).is_empty();
    never("attached although nothing durable says so", Duration::from_secs(5), asked).await;
    allow(&stage, &policy).await;
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    assert_eq!(stage.calls_of(ATTACH).len(), 1);
}

#[tokio::test]
async fn i23_after_a_lost_answer_there_are_only_reads() {
    let stage = stage_with_survivor().await;
    let _operator = stage.start();
    lose(&stage).await;
    stage.account.fault(Rule::new(ATTACH, Fault::DropAfter).times(1));
    stage.retain("database", spec(&to("i-new"))).await;
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    assert_eq!(stage.calls_of(ATTACH).len(), 1);
}

#[tokio::test]
async fn i23_a_call_that_never_arrived_is_told_of_and_not_repeated_until_it_is_asked_for_anew() {
    let stage = stage_with_survivor().await;
    let _operator = stage.start();
    lose(&stage).await;
    stage.account.fault(Rule::new(ATTACH, Fault::DropBefore).times(1));
    stage.retain("database", spec(&to("i-new"))).await;
    until(&stage, ReattachmentPhase::Refused, "AttachLost").await;
    let object = stage.until_retention("database", "Retained=True Ready=False Stalled=True/AttachLost").await;
    assert!(message(&object, "Stalled").contains("eni-one"), "{object:?}");
    let note = stage.until_event("database", "AttachLost").await;
    assert!(note.contains("add it again"), "{note}");
    stage.calls("DescribeNetworkInterfaces", 5).await;
    assert_eq!(stage.calls_of(ATTACH).len(), 1);
    stage.retain("database", spec(&json!([]))).await;
    stage.until_retained("database", "no intent", |object| row(object, "eni-one").is_none()).await;
    stage.retain("database", spec(&to("i-new"))).await;
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    assert_eq!(stage.calls_of(ATTACH).len(), 2);
}

#[tokio::test]
async fn i23_killed_while_the_call_is_under_way_it_is_not_sent_again() {
    let stage = stage_with_survivor().await;
    let operator = stage.start();
    lose(&stage).await;
    stage.simulator.set(|settings| settings.transition_millis = 4_000);
    stage.account.fault(Rule::new(ATTACH, Fault::Latency { millis: 1_000, jitter_millis: 0 }));
    stage.retain("database", spec(&to("i-new"))).await;
    stage.until_cloud("it is asked for", |_| !stage.calls_of(ATTACH).is_empty()).await;
    operator.kill().await;
    let object = stage.retentions.get("database").await.unwrap();
    assert!(stands(&object, "eni-one", ReattachmentPhase::Requested, "AttachRequested"), "{object:?}");
    let _operator = stage.start();
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    assert_eq!(stage.calls_of(ATTACH).len(), 1);
}

#[tokio::test]
async fn i22_what_does_not_fit_is_refused_with_a_sentence_and_never_tried() {
    let stage = stage_with_survivor().await;
    let elsewhere = Seed { zone_id: Some("cn-hangzhou-k".to_owned()), ..Seed::new(REGION).id("i-far") };
    stage.account.seed_one(&elsewhere);
    let foreign = Seed { vpc_id: Some("vpc-other".to_owned()), ..Seed::new(REGION).id("i-foreign") };
    stage.account.seed_one(&foreign);
    stage
        .account
        .seed_one(&Seed::new(REGION).id("i-busy").interface(InterfaceSeed::secondary().id("eni-busy")));
    stage.account.seed_interfaces(&InterfaceSeed::new(REGION).id("eni-free"));
    let _operator = stage.start();
    lose(&stage).await;
    for (instance, reason) in
        [("i-far", "ZoneMismatch"), ("i-foreign", "VpcMismatch"), ("i-none", "InstanceGone")]
    {
        stage.retain("database", spec(&to(instance))).await;
        let phase =
            if reason == "InstanceGone" { ReattachmentPhase::Obsolete } else { ReattachmentPhase::Refused };
        let object = until(&stage, phase, reason).await;
        let row = row(&object, "eni-one").unwrap();
        assert!(row.message.ends_with('.'), "{row:?}");
    }
    // One that is in use, and one that is free and nobody's.
    let mut spec = spec(&json!([
        { "networkInterfaceId": "eni-busy", "instanceId": "i-new" },
        { "networkInterfaceId": "eni-free", "instanceId": "i-new" },
    ]));
    spec["targets"]["instanceIds"] = json!(["i-lost", "i-busy"]);
    stage.retain("database", spec).await;
    stage
        .until_retained("database", "one waits and one is refused", |object| {
            stands(object, "eni-busy", ReattachmentPhase::Waiting, "InUse")
                && stands(object, "eni-free", ReattachmentPhase::Refused, "NotRetained")
        })
        .await;
    stage.until_retention("database", "Retained=True Ready=False Stalled=True").await;
    assert_eq!(stage.calls_of(ATTACH).len(), 0);
    assert_eq!(stage.interface("eni-busy").instance_id.as_deref(), Some("i-busy"));
}

#[tokio::test]
async fn a_refusal_of_the_cloud_is_told_with_its_code() {
    let stage = stage_with_survivor().await;
    stage.simulator.set(|settings| settings.interfaces_per_instance = 2);
    let full = Seed::new(REGION).id("i-full").interface(InterfaceSeed::secondary().id("eni-full"));
    stage.account.seed_one(&full);
    let _operator = stage.start();
    lose(&stage).await;
    stage.retain("database", spec(&to("i-full"))).await;
    let object = until(&stage, ReattachmentPhase::Refused, "QuotaExceeded").await;
    let told = &row(&object, "eni-one").unwrap().message;
    assert!(told.contains("EniPerInstanceLimitExceeded"), "{told}");
    stage.until_retention("database", "Retained=True Stalled=True/QuotaExceeded").await;
    let note = stage.until_event("database", "QuotaExceeded").await;
    assert!(note.contains("eni-one to i-full"), "{note}");
    assert!(stage.printed().contains("attachment refused"));
    stage.calls("DescribeNetworkInterfaces", 5).await;
    assert_eq!(stage.calls_of(ATTACH).len(), 1, "ten minutes are not over");
    // Another instance is another intent.
    stage.retain("database", spec(&to("i-new"))).await;
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
}

#[tokio::test]
async fn a_refusal_that_is_about_the_interface_does_not_blame_the_instance() {
    let stage = stage_with_survivor().await;
    let _operator = stage.start();
    lose(&stage).await;
    let code = "InvalidOperation.InvalidEniType".to_owned();
    stage.account.fault(Rule::new(ATTACH, Fault::Error { code, status: None, message: None }));
    stage.retain("database", spec(&to("i-new"))).await;
    let object = until(&stage, ReattachmentPhase::Refused, "TypeNotAttachable").await;
    let told = &row(&object, "eni-one").unwrap().message;
    assert!(told.contains("Name another network interface"), "{told}");
    stage.until_retention("database", "Retained=True Stalled=True/TypeNotAttachable").await;
}

#[tokio::test]
async fn i22_to_a_node_only_what_terway_is_told_to_leave_alone() {
    let stage = stage_with_survivor().await;
    let node = format!("{}-1", stage.namespace);
    // The cluster's Nodes are those of every test: this instance is no other's.
    let instance = format!("i-{}", stage.namespace.replace('-', ""));
    stage.account.seed_one(&Seed::new(REGION).id(&instance));
    stage.node(&node, &[], Some(&format!("{REGION}.{instance}"))).await;
    let _operator = stage.start();
    lose(&stage).await;
    // However the Node is named.
    stage.retain("database", spec(&to(&instance))).await;
    until(&stage, ReattachmentPhase::Refused, "TerwayWouldTake").await;
    let named = json!([{ "networkInterfaceId": "eni-one", "nodeName": node }]);
    stage.retain("database", spec(&named)).await;
    let by_name = |object: &EniRetention| {
        stands(object, "eni-one", ReattachmentPhase::Refused, "TerwayWouldTake")
            && row(object, "eni-one").unwrap().node_name.as_deref() == Some(node.as_str())
    };
    stage.until_retained("database", "it is refused by the Node's name, too", by_name).await;
    assert_eq!(stage.calls_of(ATTACH).len(), 0);
    let excluded = InterfaceChange::tag("terway.alibabacloud.com/excluded", Some("true"));
    assert!(stage.account.change_interface("eni-one", &excluded));
    let object = until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    assert_eq!(row(&object, "eni-one").unwrap().instance_id.as_deref(), Some(instance.as_str()));
}

#[tokio::test]
async fn i22_of_two_objects_that_want_the_same_neither_proceeds() {
    let stage = stage_with_survivor().await;
    let _operator = stage.start();
    lose(&stage).await;
    let rival = json!({
        "region": REGION, "targets": { "networkInterfaceIds": ["eni-one"] }, "reattach": to("i-none"),
        "mode": "Observe",
    });
    stage.retain("rival", rival.clone()).await;
    stage.until_retention("rival", "Retained=True").await;
    stage.retain("database", spec(&to("i-new"))).await;
    until(&stage, ReattachmentPhase::Refused, "Contended").await;
    stage.calls("DescribeNetworkInterfaces", 3).await;
    assert_eq!(stage.calls_of(ATTACH).len(), 0);
    stage.retentions.delete("rival", &DeleteParams::default()).await.unwrap();
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    assert_eq!(stage.calls_of(ATTACH).len(), 1);
}

/// Everything that status can say, and an operator that knows nothing but this status.
#[tokio::test]
async fn i37_i38_a_restart_writes_nothing_neither_here_nor_there() {
    let stage = stage_with_survivor().await;
    stage.account.seed_one(
        &Seed::new(REGION)
            .id("i-busy")
            .interface(InterfaceSeed::secondary().id("eni-busy"))
            .interface(InterfaceSeed::terway("cluster-1").id("eni-terway")),
    );
    let operator = stage.start();
    lose(&stage).await;
    let mut spec = spec(&json!([
        { "networkInterfaceId": "eni-one", "instanceId": "i-new" },
        { "networkInterfaceId": "eni-busy", "instanceId": "i-new" },
    ]));
    spec["targets"]["instanceIds"] = json!(["i-lost", "i-busy"]);
    stage.retain("database", spec).await;
    until(&stage, ReattachmentPhase::Attached, "AttachDone").await;
    let wanted = "Retained=True/ProtectedWhereApplicable Ready=True Stalled=False AtRisk=True";
    stage.until_retention("database", wanted).await;
    stage.calls("DescribeNetworkInterfaces", 5).await;
    let before = stage.until_retention("database", wanted).await;
    let writes = stage.interface_writes().len();
    operator.kill().await;

    // Two intervals are the time in which it has to prove once more that the lost instance is gone.
    let _operator = stage.settings().set("/sweepInterval", "10s").start();
    stage.calls("DescribeNetworkInterfaces", 4).await;
    let after = stage.retentions.get("database").await.unwrap();
    assert_eq!(before, after);
    assert_eq!((stage.interface_writes().len(), stage.calls_of(ATTACH).len()), (writes, 1));
}
