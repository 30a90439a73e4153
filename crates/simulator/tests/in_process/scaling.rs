//! Scaling groups as the handle and the control port show them, and what Auto Scaling does by itself.

use keeper_simulator::{
    Account, Change, Fault, GroupSeed, LifecycleState, MemberChange, MemberSeed, ReclaimMode, ReleaseReason,
    RemovalPolicy, Rule, Seed, Simulator, Status,
};
use serde_json::json;

use crate::client::{REGION, call, control, started};

/// An account with a group of four that it made, and one that was added; all under release protection.
async fn group(seed: GroupSeed) -> (Simulator, Account) {
    let (simulator, account) = started().await;
    simulator.set(|settings| settings.scaling_millis = 0);
    account.seed(&Seed::new(REGION).id("i-added").protected(true));
    let made = Seed::new(REGION).id("i-made").times(4).protected(true);
    account.seed_group(&seed.id("asg-a").with(MemberSeed::attached("i-added")).with(MemberSeed::made(made)));
    (simulator, account)
}

fn states(account: &Account) -> Vec<(String, LifecycleState)> {
    let members = account.scaling_members("asg-a");
    members.iter().map(|member| (member.instance_id.clone(), member.lifecycle_state)).collect()
}

fn ids(account: &Account) -> Vec<String> {
    states(account).into_iter().map(|(id, _)| id).collect()
}

#[tokio::test]
async fn i58_scale_in_takes_the_oldest_that_nothing_protects_and_releases_what_the_group_made() {
    let (_simulator, account) = group(GroupSeed::new(REGION)).await;
    account.change_member("i-made000001", &MemberChange::state(LifecycleState::Protected));
    account.change_member("i-made000002", &MemberChange::state(LifecycleState::Standby));
    assert_eq!(account.scale_in("asg-a", 2), ["i-added", "i-made000003"]);
    assert!(account.instance("i-added").is_some(), "what somebody added lives on");
    let tags = &account.instance("i-added").expect("it lives").tags;
    assert!(!tags.contains_key("acs:autoscaling:scalingGroupId"));
    assert!(account.instance("i-made000003").is_none(), "its release protection doesn't stop the group");
    let released = account.released();
    let released: Vec<_> =
        released.iter().map(|it| (it.instance_id.as_str(), it.reason, it.was_protected)).collect();
    assert_eq!(released, [("i-made000003", ReleaseReason::ScalingGroup, true)]);
    assert_eq!(account.scale_in("asg-a", 10), ["i-made000004"]);
    assert_eq!(ids(&account), ["i-made000001", "i-made000002"], "these are kept from scale-in");
}

#[tokio::test]
async fn a_group_keeps_its_least_size_and_its_policies() {
    let seed = GroupSeed {
        min_size: 3,
        removal_policies: Some(vec![
            RemovalPolicy::OldestScalingConfiguration,
            RemovalPolicy::NewestInstance,
            RemovalPolicy::OldestInstance,
        ]),
        ..GroupSeed::new(REGION)
    };
    let (_simulator, account) = group(seed).await;
    assert_eq!(account.scale_in("asg-a", 10), ["i-made000004", "i-made000003"]);
    assert_eq!(ids(&account), ["i-added", "i-made000001", "i-made000002"]);
}

#[tokio::test]
async fn a_group_that_saves_stops_what_it_made() {
    let seed = GroupSeed { scaling_policy: Some(ReclaimMode::Recycle), ..GroupSeed::new(REGION) };
    let (_simulator, account) = group(seed).await;
    assert_eq!(account.scale_in("asg-a", 2), ["i-added", "i-made000001"]);
    assert_eq!(states(&account)[0], ("i-made000001".to_owned(), LifecycleState::Stopped));
    assert_eq!(account.instance("i-made000001").expect("it stays").status, Status::Stopped);
    assert_eq!(account.released().len(), 0);
}

#[tokio::test]
async fn the_health_check_replaces_what_does_not_run_unless_it_is_protected_or_set_aside() {
    let (_simulator, account) =
        group(GroupSeed { desired_capacity: Some(5), ..GroupSeed::new(REGION) }).await;
    account.change_member("i-made000001", &MemberChange::state(LifecycleState::Protected));
    account.change_member("i-made000002", &MemberChange::state(LifecycleState::Standby));
    for id in ["i-made000001", "i-made000002", "i-made000003"] {
        account.change(id, &Change { status: Some(Status::Stopped), ..Change::default() });
    }
    assert_eq!(account.check_health("asg-a"), ["i-made000003"]);
    assert!(account.instance("i-made000003").is_none());
    // The other of the two that were settled at once is new.
    let now = ids(&account);
    assert_eq!(now[..4], ["i-added", "i-made000001", "i-made000002", "i-made000004"]);
    assert_eq!(now.len(), 5, "another one was made in its place");
    let new = account.instance(&now[4]).expect("the new one");
    assert_eq!(new.tags["acs:autoscaling:scalingGroupId"], "asg-a");
    assert!(!new.deletion_protection);
}

#[tokio::test]
async fn a_group_notices_that_an_instance_was_released_and_makes_another() {
    let (_simulator, account) =
        group(GroupSeed { desired_capacity: Some(5), ..GroupSeed::new(REGION) }).await;
    account.change("i-made000001", &Change::protection(false));
    account.release("i-made000001", ReleaseReason::Manual).expect("nothing protects it");
    let now = ids(&account);
    assert!(!now.contains(&"i-made000001".to_owned()), "{now:?}");
    assert_eq!(now.len(), 5);
}

#[tokio::test]
async fn a_member_that_comes_is_pending_and_one_that_goes_is_being_removed() {
    let (simulator, account) = group(GroupSeed { desired_capacity: Some(5), ..GroupSeed::new(REGION) }).await;
    simulator.set(|settings| settings.scaling_millis = 3_600_000);
    let modify = |desired: &'static str| [("ScalingGroupId", "asg-a"), ("DesiredCapacity", desired)];
    account.console("ModifyScalingGroup", &modify("6")).expect("it fits");
    assert_eq!(states(&account)[5].1, LifecycleState::Pending);
    account.console("ModifyScalingGroup", &modify("3")).expect("it fits");
    let removing: Vec<_> =
        states(&account).into_iter().filter(|(_, state)| *state == LifecycleState::Removing).collect();
    assert_eq!(removing.len(), 3);
    assert!(account.instance("i-made000001").is_some(), "it is still there");
    simulator.set(|settings| settings.clock_offset_seconds = 7_200);
    assert_eq!(states(&account).len(), 3);
    assert!(states(&account).iter().all(|(_, state)| *state == LifecycleState::InService));
    assert!(account.instance("i-made000001").is_none());
}

#[tokio::test]
async fn i58_a_group_that_is_deleted_by_force_takes_its_protected_members_along() {
    let (_simulator, account) = group(GroupSeed::new(REGION)).await;
    account.change_member("i-made000001", &MemberChange::state(LifecycleState::Protected));
    let plain = account.console("DeleteScalingGroup", &[("ScalingGroupId", "asg-a")]);
    assert_eq!(plain.expect_err("it has members").code, "IncorrectScalingGroupStatus");
    account
        .console("DeleteScalingGroup", &[("ScalingGroupId", "asg-a"), ("ForceDelete", "true")])
        .expect("force");
    assert!(account.scaling_group("asg-a").is_none());
    assert_eq!(account.instances().len(), 1, "only what was added lives on");
    assert_eq!(account.released().len(), 4);
}

#[tokio::test]
async fn protection_shows_late_where_a_fault_delays_it_and_never_where_one_swallows_it() {
    let (simulator, account) = group(GroupSeed::new(REGION)).await;
    let protect =
        [("ScalingGroupId", "asg-a"), ("InstanceIds.1", "i-added"), ("ProtectedFromScaleIn", "true")];
    let shown = async || {
        let params = [("RegionId", REGION), ("InstanceIds.1", "i-added")];
        let answer =
            call(&simulator, &account, "DescribeScalingInstances", &params).await.expect("an answer");
        answer.body["ScalingInstances"][0]["LifecycleState"].as_str().expect("a state").to_owned()
    };
    for (fault, expected) in [
        (Fault::Ignore, ["InService", "InService", "InService"]),
        (Fault::Delay { millis: None, reads: Some(2) }, ["InService", "InService", "Protected"]),
    ] {
        account.fault(Rule::new("SetInstancesProtection", fault).times(1));
        let answer = call(&simulator, &account, "SetInstancesProtection", &protect).await.expect("an answer");
        assert_eq!(answer.code(), "OK");
        assert_eq!([shown().await, shown().await, shown().await], expected);
    }
    let counts = account.count("SetInstancesProtection");
    assert_eq!((counts.calls, counts.mutations), (2, 1));
}

#[tokio::test]
async fn a_listing_is_no_snapshot() {
    let (simulator, account) = started().await;
    simulator.set(|settings| settings.scaling_millis = 0);
    let made = Seed::new(REGION).id("i-m").times(30);
    account.seed_group(&GroupSeed::new(REGION).id("asg-a").with(MemberSeed::made(made)));
    let page = async |number: &str| {
        let params = [("RegionId", REGION), ("PageNumber", number), ("PageSize", "10")];
        let answer =
            call(&simulator, &account, "DescribeScalingInstances", &params).await.expect("an answer");
        let items = answer.body["ScalingInstances"].as_array().expect("a flat list");
        let ids: Vec<_> =
            items.iter().map(|item| item["InstanceId"].as_str().expect("an id").to_owned()).collect();
        (answer.body["TotalCount"].as_u64().expect("a number"), ids)
    };
    let (total, first) = page("1").await;
    assert_eq!((total, first.last().map(String::as_str)), (30, Some("i-m000010")));
    account.scale_in("asg-a", 1);
    let (total, second) = page("2").await;
    assert_eq!((total, second.first().map(String::as_str)), (29, Some("i-m000012")), "one is passed over");
    let skipping =
        account.fault(Rule::new("DescribeScalingInstances", Fault::MovingPages { skip: 2, repeat: 0 }));
    assert_eq!(page("2").await.1.first().map(String::as_str), Some("i-m000014"));
    simulator.remove_fault(skipping);
    account.fault(Rule::new("DescribeScalingInstances", Fault::MovingPages { skip: 0, repeat: 3 }));
    assert_eq!(page("2").await.1.first().map(String::as_str), Some("i-m000009"));
}

#[tokio::test]
async fn groups_are_set_over_the_control_port() {
    let (simulator, account) = started().await;
    simulator.set(|settings| settings.scaling_millis = 0);
    let path = |rest: &str| format!("/accounts/{}/{rest}", account.id());
    let seed = json!([{ "scalingGroupId": "asg-a",
        "members": [{ "instances": { "instanceId": "i-m", "count": 3 }, "lifecycleState": "Pending:Wait" }] }]);
    let answer = control(&simulator, "POST", path("scaling-groups"), seed).await;
    assert_eq!(answer.body, json!({ "scalingGroupIds": ["asg-a"] }));
    let more = json!({ "instances": {}, "creationType": "Attached", "entrusted": true });
    let answer = control(&simulator, "POST", path("scaling-groups/asg-a/members"), more).await;
    let added = answer.body["instanceIds"][0].as_str().expect("an id").to_owned();
    let state = json!({ "lifecycleState": "InService" });
    let answer = control(&simulator, "PATCH", path("scaling-members/i-m000001"), state).await;
    assert_eq!(answer.body, json!({ "changed": true }));
    let answer =
        control(&simulator, "POST", path("scaling-groups/asg-a/scale-in"), json!({ "count": 4 })).await;
    assert_eq!(answer.body, json!({ "instanceIds": ["i-m000001", added] }));
    assert!(account.instance(&added).is_none(), "an entrusted one is released too");
    let ill = json!({ "lifecycleState": "InService", "healthStatus": "Unhealthy" });
    control(&simulator, "PATCH", path("scaling-members/i-m000002"), ill).await;
    let answer = control(&simulator, "POST", path("scaling-groups/asg-a/check-health"), json!({})).await;
    assert_eq!(answer.body, json!({ "instanceIds": ["i-m000002"] }));
    let answer = control(&simulator, "GET", path("scaling-groups/asg-a"), json!({})).await;
    assert_eq!(answer.body["members"][0]["lifecycleState"], "Pending:Wait");
    let change = json!({ "lifecycleState": "Inactive" });
    control(&simulator, "PATCH", path("scaling-groups/asg-a"), change).await;
    assert_eq!(account.scale_in("asg-a", 1).len(), 0, "a group that is switched off does nothing");
    for (method, rest) in
        [("GET", "scaling-groups/asg-x"), ("PATCH", "scaling-groups/asg-x"), ("PATCH", "scaling-members/i-x")]
    {
        assert_eq!(control(&simulator, method, path(rest), json!({})).await.status, 404, "{method} {rest}");
    }
    let unknown = json!({ "instanceIds": ["i-x"] });
    let answer = control(&simulator, "POST", path("scaling-groups/asg-a/members"), unknown).await;
    assert_eq!(answer.status, 404);
}
