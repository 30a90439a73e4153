//! Members of scaling groups: release protection does not keep them from scale-in, and `scaleIn` does.

use keeper_simulator::{Account, GroupSeed, LifecycleState, MemberChange, MemberSeed, Seed};
use serde_json::{Value, json};

use crate::process::{Operator, ask};
use crate::stage::{LABEL, REGION, Stage, message};

/// A scaling group with so many members, `i-m000001` and so on.
fn group(account: &Account, members: u32) -> Vec<String> {
    let made = MemberSeed::made(Seed::new(REGION).id("i-m").tag("env", "prod").times(members));
    account.seed_group(&GroupSeed::new(REGION).id("asg-1").with(made));
    account.scaling_members("asg-1").iter().map(|member| member.instance_id.clone()).collect()
}

async fn stage(members: u32) -> (Stage, Vec<String>, Operator) {
    let stage = Stage::new().await;
    let members = group(&stage.account, members);
    let operator = stage.start();
    (stage, members, operator)
}

fn spec(ids: &[String], scale_in: &str) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": ids }, "scaleIn": scale_in })
}

fn kept(account: &Account, id: &str) -> bool {
    account.scaling_member(id).is_some_and(|member| member.lifecycle_state == LifecycleState::Protected)
}

/// Somebody sets the state of a member in the console.
fn by_hand(account: &Account, id: &str, state: LifecycleState) {
    assert!(account.change_member(id, &MemberChange::state(state)));
}

const READY: &str = "Protected=True/AllProtected Ready=True Stalled=False";

#[tokio::test]
async fn i58_a_protected_member_dies_by_scale_in_unless_the_spec_keeps_it_from_that() {
    let (stage, members, _operator) = stage(5).await;
    let all = spec(&members, "Report");
    stage.apply("all", all).await;
    let object = stage.until("all", "Protected=True/AllProtected AtRisk=True Ready=True").await;
    assert!(message(&object, "AtRisk").contains("scaleIn: Protect"), "{object:?}");
    assert_eq!(stage.account.count("DescribeScalingInstances").calls, 0, "nobody asked for it");

    stage.apply("some", spec(&members[..3], "Protect")).await;
    let object = stage.until("some", READY).await;
    assert!(message(&object, "AtRisk").contains("scale-down-disabled"), "{object:?}");
    let risks = &object.status.unwrap().instances[0].risks;
    assert_eq!((risks.len(), risks[0].reason.as_str()), (1, "ScalingRemovalByName"));
    assert!(members.iter().all(|id| kept(&stage.account, id) == members[..3].contains(id)));
    assert_eq!(stage.calls_of("SetInstancesProtection").len(), 1, "three of one group in one call");

    let gone = stage.account.scale_in("asg-1", 5);
    assert_eq!(gone.len(), 2, "{gone:?}");
    stage.until_cloud("two are released", |account| account.instance(&members[4]).is_none()).await;
    assert!(members[..3].iter().all(|id| stage.protected(id)));

    // Nothing takes it back but whoever asks for that.
    stage.apply("some", spec(&members[..3], "Report")).await;
    stage.until("some", "Protected=True/AllProtected Ready=True").await;
    stage.delete("some").await;
    stage.witnessed().await;
    assert!(members[..3].iter().all(|id| kept(&stage.account, id)));
}

#[tokio::test]
async fn i12_members_are_given_up_once_and_a_restart_does_not_repeat_it() {
    let (stage, members, operator) = stage(2).await;
    for id in &members {
        by_hand(&stage.account, id, LifecycleState::Protected);
    }
    stage.apply("all", spec(&members, "Unprotect")).await;
    let object = stage.until("all", READY).await;
    let acts = serde_json::to_value(object.status.unwrap().acts).unwrap();
    assert_eq!(acts, json!([{ "act": "UnprotectScaleIn", "generation": object.metadata.generation }]));
    assert!(members.iter().all(|id| !kept(&stage.account, id) && stage.protected(id)));
    stage
        .until_told(
            "all",
            "ScaleInUnprotected",
            "2 members of scaling groups are open to scale-in: asg-1 (2).",
        )
        .await;

    by_hand(&stage.account, &members[0], LifecycleState::Protected);
    drop(operator);
    let _operator = stage.start();
    stage.witnessed().await;
    let events = stage.events("all").await;
    let told: Vec<_> = events.iter().filter(|told| told.reason == "ScaleInUnprotected").collect();
    assert_eq!(told.iter().map(|told| (told.kind.as_str(), told.times)).collect::<Vec<_>>(), [("Normal", 1)]);
    assert!(kept(&stage.account, &members[0]), "this generation has done it");
    assert_eq!(stage.calls_of("SetInstancesProtection").len(), 1);
}

/// What `ecs-keeper uninstall-check` says of the objects of this test, and of their members in its JSON.
async fn uninstall_check(stage: &Stage) -> (String, Value) {
    let selector = format!("{LABEL}={}", stage.namespace);
    let ask = async |more: &[&str]| {
        let words = [&["uninstall-check", "--object-selector", &selector], more].concat();
        let answer = ask(&stage.kubeconfig, &words).await;
        assert_eq!(answer.code, Some(0), "members that stay protected hold up nobody: {answer:?}");
        answer.said
    };
    let json: Value = serde_json::from_str(&ask(&["--output=json"]).await).unwrap();
    (ask(&[]).await, json["protectedFromScaleIn"].clone())
}

#[tokio::test]
async fn i10_groups_that_stay_protected_are_listed_before_the_operator_goes_until_they_are_given_up() {
    let (stage, members, _operator) = stage(3).await;
    by_hand(&stage.account, &members[2], LifecycleState::Protected);
    let mut watched = spec(&members[2..], "Protect");
    watched["mode"] = "Observe".into();
    stage.apply("watched", watched).await;
    stage.until("watched", "Ready=True").await;
    stage.apply("kept", spec(&members[..2], "Protect")).await;
    stage.until("kept", READY).await;
    let here = &stage.namespace;
    let group = json!({ "scalingGroupId": "asg-1", "members": 2, "protected": 2 });
    let (text, json) = uninstall_check(&stage).await;
    let keeps = json!({ "namespace": here, "name": "kept", "scalingGroups": [group] });
    // It may have protected its member before: nobody but status could tell.
    let group = json!({ "scalingGroupId": "asg-1", "members": 1, "protected": 1 });
    let watched = json!({ "namespace": here, "name": "watched", "scalingGroups": [group], "observes": true });
    assert_eq!(json, json!([keeps, watched]));
    let (_, told) = text.split_once(&format!("EcsInstanceProtection {here}/kept\n")).unwrap();
    assert!(told.starts_with("  asg-1: 2 protected members\n"), "{text}");

    // What it says to do.
    let (_, command) = told.split_once("scale-in away: kubectl ").unwrap();
    let words = command.lines().next().unwrap().split(' ').map(|word| word.trim_matches('\''));
    stage.cluster.kubectl(&words.collect::<Vec<_>>()).await;
    stage.until("kept", READY).await;
    let (text, json) = uninstall_check(&stage).await;
    assert_eq!(json, json!([watched]));
    assert!(!text.contains("kubectl"), "{text}");
    assert!(members[..2].iter().all(|id| !kept(&stage.account, id)));
}

#[tokio::test]
async fn i25_who_takes_it_back_loses_and_a_hold_stands_against_giving_up() {
    let (stage, members, _operator) = stage(1).await;
    stage.apply("keeper", spec(&members, "Protect")).await;
    stage.until("keeper", READY).await;
    by_hand(&stage.account, &members[0], LifecycleState::InService);
    stage.until_cloud("it is protected again", |account| kept(account, &members[0])).await;

    stage.apply("breaker", spec(&members, "Unprotect")).await;
    stage.until("breaker", "Protected=True/AllProtected Ready=False Stalled=True/Conflict").await;
    assert!(kept(&stage.account, &members[0]));
}

#[tokio::test]
async fn i28_without_its_permissions_or_an_endpoint_only_scale_in_suffers() {
    let stage = Stage::new().await;
    let members = group(&stage.account, 1);
    let endpoints = json!({ "ecs": stage.simulator.endpoint() });
    let operator = stage.settings().set("/accounts/0/endpoints", endpoints).start();
    stage.apply("all", spec(&members, "Protect")).await;
    let wanted = "Protected=True/AllProtected AtRisk=True Ready=False Stalled=True";
    let object = stage.until("all", &format!("{wanted}/NoEndpoint")).await;
    assert!(message(&object, "Stalled").contains("endpoints"), "{object:?}");
    drop(operator);

    let _operator = stage.start();
    crate::permissions::deny(&stage, "ess:SetInstancesProtection");
    stage.apply("all", spec(&members, "Report")).await;
    stage.until("all", "Protected=True/AllProtected Ready=True").await;
    stage.apply("all", spec(&members, "Protect")).await;
    let object = stage.until("all", &format!("{wanted}/PermissionDenied")).await;
    assert!(message(&object, "Stalled").contains("SetInstancesProtection"), "{object:?}");
    crate::permissions::permit(&stage);
    let mut edited = spec(&members, "Protect");
    edited["autoReleaseTime"] = "Cancel".into();
    stage.apply("all", edited).await;
    stage.until("all", READY).await;
    assert!(kept(&stage.account, &members[0]));
}
