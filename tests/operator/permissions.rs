//! Permissions that the operator's identity lacks. What one of them is needed for stops and says so; the rest goes on.

use ecs_keeper::api::{EniRetention, ReattachmentPhase};
use keeper_simulator::{Change, DEFAULT_USER, InterfaceSeed, Policy, ReleaseReason, Seed, UserSeed};
use serde_json::{Value, json};

use crate::process::{Operator, ask};
use crate::stage::{REGION, Stage, message};

/// The account's user may do everything but this.
pub fn deny(stage: &Stage, action: &str) {
    let statements = json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": action, "Resource": "*" },
    ]);
    let policy = Policy::new(json!({ "Version": "1", "Statement": statements })).unwrap();
    stage.account.user(UserSeed::new(DEFAULT_USER).policy(policy));
}

/// He may do again what he usually may.
pub fn permit(stage: &Stage) {
    stage.allow(&stage.settings().write());
}

/// A running operator that may not do this, `i-web` with the interface `eni-web`, and an object for each of both.
async fn without(action: &str) -> (Stage, Operator) {
    let stage = Stage::new().await;
    let web = Seed::new(REGION).id("i-web").interface(InterfaceSeed::secondary().id("eni-web"));
    stage.account.seed_one(&web);
    let operator = stage.start();
    deny(&stage, action);
    stage.apply("web", protection("i-web")).await;
    stage.retain("web", retention(&json!({ "networkInterfaceIds": ["eni-web"] }))).await;
    (stage, operator)
}

fn protection(id: &str) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": [id] } })
}

fn retention(targets: &Value) -> Value {
    json!({ "region": REGION, "targets": targets })
}

/// Edits the retention, so that what was refused is tried again at once.
async fn retry(stage: &Stage) {
    let mut edited = retention(&json!({ "networkInterfaceIds": ["eni-web"] }));
    edited["deletionPolicy"] = "Release".into();
    stage.retain("web", edited).await;
}

/// Without an action on interfaces the retention says so, in this state, and instances are protected and repaired. Once it is
/// allowed, all is well.
async fn only_interfaces_suffer_without(action: &str, status: &str) {
    let (stage, _operator) = without(&format!("ecs:{action}")).await;
    let wanted = format!("Retained={status}/PermissionDenied Ready=False Stalled=True/PermissionDenied");
    let object = stage.until_retention("web", &wanted).await;
    assert!(message(&object, "Stalled").contains(action), "{object:?}");
    stage.until("web", "Protected=True/AllProtected Ready=True Stalled=False").await;
    stage.seen().await;
    stage.until_repaired("i-web").await;
    permit(&stage);
    retry(&stage).await;
    stage.until_retention("web", "Retained=True Ready=True").await;
}

#[tokio::test]
async fn i28_without_writing_interfaces_instances_are_protected() {
    only_interfaces_suffer_without("ModifyNetworkInterfaceAttribute", "False").await;
}

#[tokio::test]
async fn i28_without_reading_interfaces_instances_are_protected() {
    only_interfaces_suffer_without("DescribeNetworkInterfaces", "Unknown").await;
}

#[tokio::test]
async fn i28_without_writing_instances_interfaces_are_retained() {
    let (stage, _operator) = without("ecs:ModifyInstanceAttribute").await;
    let wanted = "Protected=False/PermissionDenied Ready=False Stalled=True/PermissionDenied";
    let object = stage.until("web", wanted).await;
    assert!(message(&object, "Stalled").contains("ModifyInstanceAttribute"), "{object:?}");
    stage.until_retention("web", "Retained=True Ready=True Stalled=False").await;
    stage.doom_by_hand("eni-web");
    stage.until_cloud("the interface stays again", |_| stage.stays("eni-web")).await;
}

#[tokio::test]
async fn i28_without_reading_instances_named_interfaces_are_retained() {
    let (stage, _operator) = without("ecs:DescribeInstances").await;
    // A listing that RAM refuses is an empty one.
    stage.until("web", "Protected=Unknown/NothingVisible Ready=False Stalled=True/NothingVisible").await;
    stage.until_retention("web", "Retained=True Ready=True Stalled=False").await;
    stage.doom_by_hand("eni-web");
    stage.until_cloud("the interface stays again", |_| stage.stays("eni-web")).await;
}

#[tokio::test]
async fn i28_without_attaching_everything_stays_protected_and_retained() {
    let (stage, _operator) = without("ecs:AttachNetworkInterface").await;
    let lost = Seed::new(REGION).id("i-lost").interface(InterfaceSeed::secondary().id("eni-lost"));
    stage.account.seed_one(&lost);
    stage.account.seed_one(&Seed::new(REGION).id("i-new"));
    let mut spec = retention(&json!({ "instanceIds": ["i-lost"] }));
    stage.retain("lost", spec.clone()).await;
    stage.until_retention("lost", "Retained=True").await;
    stage.account.release("i-lost", ReleaseReason::Manual).unwrap();
    spec["reattach"] = json!([{ "networkInterfaceId": "eni-lost", "instanceId": "i-new" }]);
    stage.retain("lost", spec).await;
    let stands = |phase: ReattachmentPhase, reason: &'static str| {
        move |object: &EniRetention| {
            let rows = &object.status.as_ref().unwrap().reattachments;
            rows.iter().any(|row| row.phase == phase && row.reason == reason)
        }
    };
    let refused = stands(ReattachmentPhase::Refused, "PermissionDenied");
    let object = stage.until_retained("lost", "the attachment is refused", refused).await;
    let row = &object.status.as_ref().unwrap().reattachments[0];
    assert!(row.message.contains("AttachNetworkInterface"), "{row:?}");
    // Of the same object, only the attachment stops.
    stage.until_retention("lost", "Retained=True Stalled=True/PermissionDenied").await;
    stage.until_retention("web", "Retained=True Ready=True Stalled=False").await;
    stage.until("web", "Protected=True/AllProtected Ready=True Stalled=False").await;
    stage.doom_by_hand("eni-lost");
    stage.until_cloud("the interface stays again", |_| stage.stays("eni-lost")).await;
    stage.until_repaired("i-web").await;
}

#[tokio::test]
async fn i28_without_removing_release_times_instances_are_protected() {
    let (stage, _operator) = without("ecs:ModifyInstanceAutoReleaseTime").await;
    let time = Some(jiff::Timestamp::now() + jiff::SignedDuration::from_hours(1));
    stage.account.change("i-web", &Change { auto_release_time: Some(time), ..Change::default() });
    let mut spec = protection("i-web");
    spec["autoReleaseTime"] = "Cancel".into();
    stage.apply("web", spec.clone()).await;
    let wanted = "Protected=True/AllProtected AtRisk=True Ready=False Stalled=True/PermissionDenied";
    let object = stage.until("web", wanted).await;
    assert!(message(&object, "Stalled").contains("ModifyInstanceAutoReleaseTime"), "{object:?}");
    stage.until_repaired("i-web").await;
    permit(&stage);
    spec["deletionPolicy"] = "Disable".into();
    stage.apply("web", spec).await;
    stage.until("web", "Protected=True/AllProtected AtRisk=False Ready=True Stalled=False").await;
    assert_eq!(stage.account.instance("i-web").unwrap().auto_release_time, None);
}

/// The cluster says who issues its tokens, and the policy is for no other one.
#[tokio::test]
async fn i43_the_issuer_is_that_of_the_api_server() {
    let stage = Stage::new().await;
    let provider = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1";
    let words = ["ram", "trust", "--provider-arn", provider, "--namespace", &stage.namespace];
    let answer = ask(&stage.cluster.kubeconfig, &words).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let said: Value = serde_json::from_str(&answer.said).unwrap();
    let token = &said["Statement"][0]["Condition"]["StringEquals"];
    let discovery = stage.cluster.kubectl(&["get", "--raw", "/.well-known/openid-configuration"]).await;
    let discovery: Value = serde_json::from_str(&discovery).unwrap();
    assert_eq!(token["oidc:iss"], discovery["issuer"]);
    assert_eq!(token["oidc:sub"], format!("system:serviceaccount:{}:ecs-keeper", stage.namespace));
    let server = stage.api_server().to_string();
    assert!(answer.complained.contains(&server), "{answer:?}");
    assert!(answer.complained.contains(discovery["issuer"].as_str().unwrap()), "{answer:?}");

    // Given by name, nobody is asked.
    let nowhere = stage.folder.join("no-kubeconfig");
    let given = [&words[..], &["--issuer", "https://issuer.example"]].concat();
    let answer = ask(&nowhere, &given).await;
    assert_eq!((answer.code, answer.complained.as_str()), (Some(0), ""), "{answer:?}");
    let answer = ask(&nowhere, &words).await;
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.complained.contains("set --issuer"), "{answer:?}");
}
