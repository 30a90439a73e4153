//! RAM policies: what a user's key may do.

use keeper_simulator::{
    AccessKey, Account, DEFAULT_USER, InterfaceSeed, KeyHolder, Policy, Seed, Simulator, UserSeed,
};
use serde_json::{Value, json};

use crate::client::{Answer, REGION, call, call_with, control, started};

pub fn policy(statements: &Value) -> Policy {
    Policy::new(json!({ "Version": "1", "Statement": statements })).expect("a policy")
}

pub fn allow(action: &str, resource: &str) -> Policy {
    policy(&json!([{ "Effect": "Allow", "Action": action, "Resource": resource }]))
}

/// An account with an instance and an interface, and a user with these policies.
async fn restricted(policies: impl IntoIterator<Item = Policy>) -> (Simulator, Account) {
    let (simulator, account) = started().await;
    account.seed_one(&Seed::new(REGION).id("i-a").tag("env", "prod"));
    account.seed_one(&Seed::new(REGION).id("i-b"));
    account.seed_interfaces(&InterfaceSeed::new(REGION).id("eni-a"));
    account.user(policies.into_iter().fold(UserSeed::new(DEFAULT_USER), UserSeed::policy));
    (simulator, account)
}

/// The usual call of an operation.
fn usual(action: &str) -> &'static [(&'static str, &'static str)] {
    match action {
        "DescribeInstances" => &[("RegionId", REGION), ("DryRun", "true")],
        "DescribeNetworkInterfaces" => &[("RegionId", REGION)],
        "ModifyInstanceAttribute" => &[("InstanceId", "i-a"), ("DeletionProtection", "true")],
        "ModifyNetworkInterfaceAttribute" => {
            &[("RegionId", REGION), ("NetworkInterfaceId", "eni-a"), ("DeleteOnRelease", "false")]
        }
        "AttachNetworkInterface" => {
            &[("RegionId", REGION), ("NetworkInterfaceId", "eni-a"), ("InstanceId", "i-b")]
        }
        "TagResources" => &[
            ("RegionId", REGION),
            ("ResourceType", "instance"),
            ("ResourceId.1", "i-a"),
            ("Tag.1.Key", "team"),
            ("Tag.1.Value", "a"),
        ],
        _ => &[],
    }
}

async fn code(policies: &[Policy], action: &str) -> String {
    let (simulator, account) = restricted(policies.iter().cloned()).await;
    call(&simulator, &account, action, usual(action)).await.expect("an answer").code().to_owned()
}

#[tokio::test]
async fn a_user_may_do_what_each_resource_of_a_call_is_allowed_for() {
    let of_account = |account: &Account, rest: &str| format!("acs:ecs:{REGION}:{}:{rest}", account.id());
    let (_, account) = started().await;
    // Every simulator numbers its first account the same.
    let arn = |rest: &str| of_account(&account, rest);
    for (action, resources, expected) in [
        ("DescribeInstances", vec!["*".to_owned()], "DryRunOperation"),
        ("DescribeInstances", vec![arn("instance/*")], "DryRunOperation"),
        ("DescribeInstances", vec![arn("instance/i-a")], "Forbidden.RAM"),
        ("DescribeInstances", vec!["acs:ecs:cn-beijing:*:instance/*".to_owned()], "Forbidden.RAM"),
        ("DescribeNetworkInterfaces", vec![arn("eni/*")], "OK"),
        ("DescribeNetworkInterfaces", vec![arn("instance/*")], "Forbidden.RAM"),
        ("ModifyInstanceAttribute", vec![arn("instance/i-a")], "OK"),
        ("ModifyInstanceAttribute", vec![arn("instance/i-b")], "Forbidden.RAM"),
        ("ModifyNetworkInterfaceAttribute", vec![arn("eni/*"), arn("securitygroup/*")], "OK"),
        ("ModifyNetworkInterfaceAttribute", vec![arn("eni/*")], "Forbidden.RAM"),
        ("AttachNetworkInterface", vec![arn("eni/eni-a"), arn("instance/i-b")], "OK"),
        ("AttachNetworkInterface", vec![arn("eni/eni-a")], "Forbidden.RAM"),
        ("AttachNetworkInterface", vec![arn("instance/i-b")], "Forbidden.RAM"),
        ("TagResources", vec![arn("instance/i-a")], "OK"),
        ("TagResources", vec![arn("eni/*")], "Forbidden.RAM"),
        ("DescribeRegions", vec!["*".to_owned()], "OK"),
        ("DescribeRegions", vec![arn("*")], "Forbidden.RAM"),
        ("GetCallerIdentity", vec!["none".to_owned()], "OK"),
    ] {
        let policies = resources.iter().map(|resource| allow("*", resource)).collect::<Vec<_>>();
        assert_eq!(code(&policies, action).await, expected, "{action} on {resources:?}");
    }
}

#[tokio::test]
async fn a_resource_is_in_its_own_region_whatever_a_call_says() {
    let beijing = allow("*", "acs:ecs:cn-beijing:*:instance/*");
    let (simulator, account) = restricted([beijing]).await;
    let params = [("InstanceId", "i-a"), ("DeletionProtection", "true"), ("RegionId", "cn-beijing")];
    let answer = call(&simulator, &account, "ModifyInstanceAttribute", &params).await.expect("an answer");
    assert_eq!(answer.code(), "Forbidden.RAM");
}

#[tokio::test]
async fn another_action_does_not_help_and_a_denial_wins() {
    let deny = policy(&json!([{ "Effect": "Deny", "Action": "ecs:Modify*", "Resource": "*" }]));
    for (policies, expected) in [
        (vec![], "Forbidden.RAM"),
        (vec![allow("ecs:Describe*", "*")], "Forbidden.RAM"),
        (vec![allow("ecs:ModifyInstanceAttribute", "*")], "OK"),
        (vec![allow("ecs:ModifyInstanceAttribute", "*"), deny.clone()], "Forbidden.RAM"),
        (vec![deny, allow("*", "*")], "Forbidden.RAM"),
    ] {
        assert_eq!(code(&policies, "ModifyInstanceAttribute").await, expected, "{policies:?}");
    }
}

#[tokio::test]
async fn a_refused_call_has_no_effect_and_says_why() {
    let deny = json!([{ "Effect": "Deny", "Action": "ecs:*", "Resource": "*" }]);
    for (policies, kind) in [(vec![], "ImplicitDeny"), (vec![policy(&deny)], "ExplicitDeny")] {
        let (simulator, account) = restricted(policies).await;
        let answer = call(&simulator, &account, "ModifyInstanceAttribute", usual("ModifyInstanceAttribute"))
            .await
            .expect("an answer");
        assert_eq!((answer.status, answer.code()), (403, "Forbidden.RAM"));
        let detail = &answer.body["AccessDeniedDetail"];
        assert_eq!(detail["NoPermissionType"], kind);
        assert_eq!(detail["AuthAction"], "ecs:ModifyInstanceAttribute");
        assert_eq!(detail["AuthPrincipalDisplayName"], DEFAULT_USER);
        assert!(account.instance("i-a").is_some_and(|instance| !instance.deletion_protection));
        assert_eq!(account.log()[0].code, "Forbidden.RAM");
    }
}

/// As documented: a listing that isn't allowed is empty, and only a dry run tells the truth.
#[tokio::test]
async fn a_listing_that_is_not_allowed_is_empty() {
    let (simulator, account) = restricted([]).await;
    let answer =
        call(&simulator, &account, "DescribeInstances", &[("RegionId", REGION)]).await.expect("an answer");
    assert_eq!((answer.code(), answer.ids().len()), ("OK", 0));
}

#[tokio::test]
async fn conditions_ask_for_tags_and_for_passwords() {
    let with = |effect: &str, operator: &str, key: &str, value: &str| {
        let mut condition = json!({});
        condition[operator][key] = value.into();
        policy(&json!([{ "Effect": effect, "Action": "*", "Resource": "*", "Condition": condition }]))
    };
    let everything = allow("*", "*");
    for (policies, params, expected) in [
        (vec![with("Allow", "StringEquals", "acs:ResourceTag/env", "prod")], ("InstanceId", "i-a"), "OK"),
        (vec![with("Allow", "StringLike", "ecs:tag/env", "p*")], ("InstanceId", "i-a"), "OK"),
        (
            vec![with("Allow", "StringEquals", "acs:ResourceTag/env", "test")],
            ("InstanceId", "i-a"),
            "Forbidden.RAM",
        ),
        (
            vec![with("Allow", "StringEquals", "acs:ResourceTag/env", "prod")],
            ("InstanceId", "i-b"),
            "Forbidden.RAM",
        ),
        (
            vec![everything.clone(), with("Deny", "Bool", "ecs:PasswordCustomized", "true")],
            ("InstanceId", "i-a"),
            "OK",
        ),
    ] {
        let (simulator, account) = restricted(policies.clone()).await;
        let params = [params, ("DeletionProtection", "true")];
        let answer = call(&simulator, &account, "ModifyInstanceAttribute", &params).await.expect("an answer");
        assert_eq!(answer.code(), expected, "{policies:?} {params:?}");
    }
    let (simulator, account) =
        restricted([everything, with("Deny", "Bool", "ecs:PasswordCustomized", "true")]).await;
    let params = [("InstanceId", "i-a"), ("Password", "Secret-1")];
    let answer = call(&simulator, &account, "ModifyInstanceAttribute", &params).await.expect("an answer");
    assert_eq!(answer.code(), "Forbidden.RAM");
}

#[tokio::test]
async fn the_documented_policy_of_ecs_keeper_is_enough_and_not_more() {
    let page = include_str!("../../../../docs/ram.md");
    let (_, rest) = page.split_once("## The policy").expect("the section");
    let (_, rest) = rest.split_once("```json").expect("its policy");
    let (text, _) = rest.split_once("```").expect("the end of the policy");
    let policy: Policy = serde_json::from_str(text).expect("a policy");
    for (action, expected) in [
        ("DescribeInstances", "DryRunOperation"),
        ("DescribeNetworkInterfaces", "OK"),
        ("ModifyInstanceAttribute", "OK"),
        ("ModifyNetworkInterfaceAttribute", "OK"),
        ("AttachNetworkInterface", "OK"),
        ("GetCallerIdentity", "OK"),
        ("TagResources", "Forbidden.RAM"),
        ("DescribeRegions", "Forbidden.RAM"),
    ] {
        assert_eq!(code(std::slice::from_ref(&policy), action).await, expected, "{action}");
    }
}

#[tokio::test]
async fn policies_are_of_one_user_and_not_of_the_account() {
    let (simulator, account) = restricted([]).await;
    let protect = usual("ModifyInstanceAttribute");
    for (holder, expected) in [
        (KeyHolder::User("somebody".to_owned()), "OK"),
        (KeyHolder::Root, "OK"),
        (KeyHolder::User(DEFAULT_USER.to_owned()), "Forbidden.RAM"),
    ] {
        let key = AccessKey::lasting("LTAI5tOther", "OtherSecret").of(holder);
        account.add_key(key.clone());
        let answer =
            call_with(&simulator, &key, "ModifyInstanceAttribute", protect).await.expect("an answer");
        assert_eq!(answer.code(), expected, "{key:?}");
    }
    assert!(account.remove_user(DEFAULT_USER) && !account.remove_user(DEFAULT_USER));
    let answer = call(&simulator, &account, "ModifyInstanceAttribute", protect).await.expect("an answer");
    assert_eq!(answer.code(), "OK", "without a user, his key may do everything");
}

#[tokio::test]
async fn each_key_says_whose_it_is() {
    let (simulator, account) = started().await;
    let id = account.id();
    for (holder, kind, arn) in [
        (KeyHolder::Root, "Account", format!("acs:ram::{id}:root")),
        (KeyHolder::User("alice".to_owned()), "RAMUser", format!("acs:ram::{id}:user/alice")),
    ] {
        let key = AccessKey::lasting("LTAI5tOther", "OtherSecret").of(holder);
        account.add_key(key.clone());
        let answer: Answer = call_with(&simulator, &key, "GetCallerIdentity", &[]).await.expect("an answer");
        assert_eq!(
            (answer.body["IdentityType"].as_str(), answer.body["Arn"].as_str()),
            (Some(kind), Some(&*arn))
        );
    }
}

#[tokio::test]
async fn users_and_keys_are_set_over_the_control_port() {
    let (simulator, account) = restricted([]).await;
    let path = |rest: &str| format!("/accounts/{}/{rest}", account.id());
    let reads = json!({ "Version": "1",
        "Statement": [{ "Effect": "Allow", "Action": "ecs:DescribeInstances", "Resource": "*" }] });
    let user = json!({ "userName": "reader", "policies": [reads] });
    assert_eq!(control(&simulator, "POST", path("users"), user).await.status, 200);
    let key = json!({ "accessKeyId": "LTAI5tReader", "accessKeySecret": "ReaderSecret",
        "holder": { "user": "reader" } });
    assert_eq!(control(&simulator, "POST", path("keys"), key).await.status, 200);
    let key = AccessKey::lasting("LTAI5tReader", "ReaderSecret");
    for (action, expected) in [("DescribeInstances", "DryRunOperation"), ("DescribeRegions", "Forbidden.RAM")]
    {
        let answer = call_with(&simulator, &key, action, usual(action)).await.expect("an answer");
        assert_eq!(answer.code(), expected, "{action}");
    }
    assert_eq!(control(&simulator, "DELETE", path("users/reader"), json!({})).await.status, 200);
    assert_eq!(control(&simulator, "DELETE", path("users/reader"), json!({})).await.status, 404);
    let odd = json!({ "userName": "reader", "policies": [{ "Version": "2", "Statement": [] }] });
    assert_eq!(control(&simulator, "POST", path("users"), odd).await.status, 422);
}
