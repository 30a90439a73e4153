//! Members of scaling groups: one more flag of instances, which another service lists.

use std::collections::BTreeMap;

use keeper_simulator::{DEFAULT_USER, GroupSeed, MemberSeed, Policy, Seed, UserSeed};
use serde_json::{Value, json};

use crate::program::{HERE, Stage};
use crate::{as_json, only_read, protection};

/// A scaling group with three members that carry a tag, and an object that asks to keep them from scale-in.
async fn stage() -> (Stage, Value) {
    let stage = Stage::new().await;
    let made = MemberSeed::made(Seed::new(HERE).id("i-m").tag("env", "prod").times(3));
    stage.account.seed_group(&GroupSeed::new(HERE).id("asg-1").with(made));
    let targets = json!({ "instanceTags": [{ "key": "env", "value": "prod" }] });
    (stage, protection("web", &json!({ "targets": targets, "scaleIn": "Protect" })))
}

/// How many targets have which outcome, by their flag.
fn by_flag(planned: &Value) -> BTreeMap<(&str, &str), usize> {
    let mut counts = BTreeMap::new();
    for target in planned["targets"].as_array().unwrap() {
        let key = (target["flag"].as_str().unwrap(), target["outcome"].as_str().unwrap());
        *counts.entry(key).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn i58_members_are_planned_to_be_kept_from_scale_in_in_one_call() {
    let (stage, object) = stage().await;
    let (code, planned) = as_json(&stage, &[object]).await;
    let expected = [(("DeletionProtection", "Protect"), 3), (("ProtectedFromScaleIn", "Protect"), 3)];
    assert_eq!((code, by_flag(&planned)), (2, expected.into()), "{planned:#}");
    assert_eq!(planned["cost"]["writes"], 3 + 1);
    only_read(&stage);
}

#[tokio::test]
async fn i58_members_of_two_groups_take_a_call_each() {
    let (stage, object) = stage().await;
    let made = MemberSeed::made(Seed::new(HERE).id("i-n").tag("env", "prod").times(2));
    stage.account.seed_group(&GroupSeed::new(HERE).id("asg-2").with(made));
    let (_, planned) = as_json(&stage, &[object]).await;
    assert_eq!(by_flag(&planned)[&("ProtectedFromScaleIn", "Protect")], 5);
    assert_eq!(planned["cost"]["writes"], 5 + 2, "{planned:#}");
}

#[tokio::test]
async fn i59_who_may_not_list_members_is_told_so_and_of_everything_else() {
    let (stage, object) = stage().await;
    let policy = Policy::new(json!({ "Version": "1", "Statement": [
        { "Effect": "Allow", "Action": "ecs:*", "Resource": "*" },
    ] }));
    stage.account.user(UserSeed::new(DEFAULT_USER).policy(policy.unwrap()));
    let (code, planned) = as_json(&stage, &[object]).await;
    assert_eq!(code, 1, "{planned:#}");
    let why = planned["notExamined"][0]["error"].as_str().unwrap();
    assert!(
        why.starts_with("members of scaling groups can't be read: DescribeScalingInstances failed"),
        "{why}"
    );
    assert_eq!(by_flag(&planned)[&("DeletionProtection", "Protect")], 3);
    assert!(!by_flag(&planned).contains_key(&("ProtectedFromScaleIn", "Protected")), "{planned:#}");
}
