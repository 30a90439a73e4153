use serde_json::{Value, json};

use super::*;
use crate::config::parse;

/// What each identity of a configuration must be allowed, by the end of its name.
fn policies(config: &str, observe: bool) -> BTreeMap<String, Value> {
    let config = parse(config).unwrap_or_else(|problems| panic!("{config}\n{problems}"));
    let of = |one: Permissions| {
        let name = one.identity.to_string().rsplit(' ').next().unwrap().to_owned();
        (name, serde_json::to_value(one.policy).unwrap()["Statement"].clone())
    };
    permissions(&config, observe, false).into_iter().map(of).collect()
}

/// The only policy of a configuration.
fn policy(config: &str, observe: bool) -> Value {
    let mut all = policies(config, observe);
    assert_eq!(all.len(), 1, "{all:?}");
    all.pop_first().unwrap().1
}

/// The resources for which a policy allows an action.
fn resources(policy: &Value, action: &str) -> Vec<String> {
    let texts = |value: &Value| match value {
        Value::Array(many) => many.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        one => vec![one.as_str().unwrap().to_owned()],
    };
    let statements = policy.as_array().unwrap().iter();
    let mut allowed = statements.filter(|one| one["Effect"] == "Allow" && one["Action"] == action);
    let found = allowed.next().map(|one| texts(&one["Resource"])).unwrap_or_default();
    assert!(allowed.next().is_none(), "{action} is allowed twice: {policy}");
    found
}

#[test]
fn i13_nothing_is_allowed_but_what_the_client_can_call() {
    let policy = policy("", false);
    let wanted = OPERATIONS.into_iter().filter(|operation| operation.permission() != Permission::None);
    for operation in wanted {
        // No role is to be assumed.
        let expected = operation.permission() != Permission::Role;
        assert_eq!(!resources(&policy, &operation.action()).is_empty(), expected, "{operation:?}");
    }
    assert_eq!(
        policy,
        json!([
            { "Effect": "Allow", "Action": "ecs:DescribeInstances", "Resource": "acs:ecs:*:*:instance/*" },
            { "Effect": "Allow", "Action": "ecs:ModifyInstanceAttribute", "Resource": "acs:ecs:*:*:instance/*" },
            {
                "Effect": "Allow",
                "Action": "ecs:ModifyInstanceAutoReleaseTime",
                "Resource": "acs:ecs:*:*:instance/*"
            },
            { "Effect": "Allow", "Action": "ecs:DescribeNetworkInterfaces", "Resource": "acs:ecs:*:*:eni/*" },
            {
                "Effect": "Allow",
                "Action": "ecs:ModifyNetworkInterfaceAttribute",
                "Resource": ["acs:ecs:*:*:eni/*", "acs:ecs:*:*:securitygroup/*"]
            },
            {
                "Effect": "Allow",
                "Action": "ecs:AttachNetworkInterface",
                "Resource": ["acs:ecs:*:*:eni/*", "acs:ecs:*:*:instance/*"]
            },
            {
                "Effect": "Deny",
                "Action": "ecs:ModifyInstanceAttribute",
                "Resource": "*",
                "Condition": { "Bool": { "ecs:PasswordCustomized": "true" } }
            }
        ])
    );
}

#[test]
fn i13_auto_scaling_is_allowed_only_where_that_is_asked_for() {
    let config =
        parse("accounts: [{name: a, accountId: '11111', regions: [cn-beijing, cn-hangzhou]}]").unwrap();
    let policy = |observe, scale_in| {
        let all = permissions(&config, observe, scale_in).pop().unwrap();
        serde_json::to_value(all.policy).unwrap()["Statement"].clone()
    };
    assert!(!policy(false, false).to_string().contains("ess:"));
    let both = policy(false, true);
    assert_eq!(resources(&both, "ess:DescribeScalingInstances"), ["*"]);
    let groups = ["cn-beijing", "cn-hangzhou"].map(|region| format!("acs:ess:{region}:11111:scalinggroup/*"));
    assert_eq!(resources(&both, "ess:SetInstancesProtection"), groups);
    let reading = policy(true, true);
    assert_eq!(resources(&reading, "ess:DescribeScalingInstances"), ["*"]);
    assert!(resources(&reading, "ess:SetInstancesProtection").is_empty());
}

#[test]
fn i13_actiontrail_is_allowed_only_where_attribution_is_on() {
    let policy = |accounts: &str| {
        let all = permissions(&parse(accounts).unwrap(), false, false).pop().unwrap();
        serde_json::to_value(all.policy).unwrap()["Statement"].clone()
    };
    assert!(!policy("accounts: [{name: a}]").to_string().contains("actiontrail:"));
    assert!(!policy("accounts: [{name: a, attribution: Off}]").to_string().contains("actiontrail:"));
    let on = policy("accounts: [{name: a, attribution: ActionTrail, regions: [cn-beijing, cn-hangzhou]}]");
    assert_eq!(resources(&on, "actiontrail:LookupEvents"), ["*"]);
    let all = parse("accounts: [{name: a, attribution: ActionTrail}]").unwrap();
    let observing = serde_json::to_string(&permissions(&all, true, false).pop().unwrap().policy).unwrap();
    assert!(!observing.contains("actiontrail:"), "who repairs nothing asks nobody: {observing}");
    let one_of_two = policy("accounts: [{name: a}, {name: b, attribution: ActionTrail}]");
    assert_eq!(resources(&one_of_two, "actiontrail:LookupEvents"), ["*"]);
}

#[test]
fn i13_who_only_observes_may_only_read() {
    let policy = policy("", true);
    let text = policy.to_string();
    for operation in OPERATIONS.into_iter().filter(|operation| operation.writes()) {
        assert!(!text.contains(operation.name()), "{operation:?}: {text}");
    }
    assert_eq!(resources(&policy, "ecs:DescribeInstances"), ["acs:ecs:*:*:instance/*"]);
    assert_eq!(resources(&policy, "ecs:DescribeNetworkInterfaces"), ["acs:ecs:*:*:eni/*"]);
}

#[test]
fn regions_and_account_ids_of_the_configuration_narrow_the_resources() {
    const ROLE: &str = "acs:ram::22222:role/keeper";
    for (account, wanted) in [
        ("{name: a, regions: [cn-beijing, cn-hangzhou]}", vec!["cn-beijing:*", "cn-hangzhou:*"]),
        ("{name: a, accountId: '11111'}", vec!["*:11111"]),
        // An ARN says of which account a role is.
        (&format!("{{name: a, credentials: {{oidc: {{roleArn: '{ROLE}'}}}}}}"), vec!["*:22222"]),
        (
            &format!("{{name: a, accountId: '11111', credentials: {{oidc: {{roleArn: '{ROLE}'}}}}}}"),
            vec!["*:11111"],
        ),
    ] {
        let policy = policy(&format!("accounts: [{account}]"), false);
        let all: Vec<String> = wanted.iter().map(|place| format!("acs:ecs:{place}:instance/*")).collect();
        assert_eq!(resources(&policy, "ecs:ModifyInstanceAttribute"), all, "{account}");
    }
}

#[test]
fn only_what_some_namespace_is_granted_is_allowed() {
    let policy = policy(
        "
accounts: [{name: a, regions: [cn-beijing, cn-hangzhou, cn-shanghai]}]
grants:
  - {namespaces: [x], regions: [cn-beijing]}
  - {namespaces: [y], regions: [cn-hangzhou], may: [Protect, Attach]}
",
        false,
    );
    let places = |action: &str, kind: &str| {
        let found = resources(&policy, action).into_iter();
        let found = found.filter_map(|arn| Some(arn.strip_suffix(kind)?.rsplit_once(":*:")?.0.to_owned()));
        found.collect::<Vec<_>>()
    };
    let both = ["acs:ecs:cn-beijing", "acs:ecs:cn-hangzhou"];
    assert_eq!(places("ecs:DescribeInstances", "instance/*"), both);
    assert_eq!(places("ecs:ModifyNetworkInterfaceAttribute", "securitygroup/*"), both);
    assert_eq!(places("ecs:AttachNetworkInterface", "eni/*"), both[1..]);
}

#[test]
fn a_grant_of_all_regions_is_one_of_those_to_come_as_well() {
    let grant = |regions: &str| {
        let config = format!("accounts: [{{name: a}}]\ngrants: [{{namespaces: [x]{regions}}}]");
        resources(&policy(&config, false), "ecs:DescribeInstances")
    };
    assert_eq!(grant(""), ["acs:ecs:*:*:instance/*"]);
    assert_eq!(grant(", regions: [cn-beijing]"), ["acs:ecs:cn-beijing:*:instance/*"]);
}

#[test]
fn each_identity_has_a_policy_and_may_assume_the_roles_that_it_goes_on_to() {
    let policies = policies(
        "
accounts:
  - {name: a, accountId: '11111', regions: [cn-beijing], credentials: {oidc: {}}}
  - {name: b, regions: [cn-beijing], credentials: {oidc: {}}, assumeRole: {roleArn: 'acs:ram::22222:role/b'}}
  - {name: c, regions: [cn-beijing], credentials: {oidc: {}}, assumeRole: {roleArn: 'acs:ram::33333:role/c'}}
  - {name: d, regions: [cn-beijing], credentials: {ecsRole: {name: node}}}
",
        false,
    );
    let names: Vec<&str> = policies.keys().map(String::as_str).collect();
    assert_eq!(names, ["(RRSA)", "acs:ram::22222:role/b", "acs:ram::33333:role/c", "instance"]);
    let first = &policies["(RRSA)"];
    assert_eq!(resources(first, "sts:AssumeRole"), ["acs:ram::22222:role/b", "acs:ram::33333:role/c"]);
    assert_eq!(resources(first, "ecs:DescribeInstances"), ["acs:ecs:cn-beijing:11111:instance/*"]);
    let second = &policies["acs:ram::22222:role/b"];
    assert_eq!(resources(second, "ecs:DescribeInstances"), ["acs:ecs:cn-beijing:22222:instance/*"]);
    for name in ["acs:ram::22222:role/b", "instance"] {
        assert_eq!(resources(&policies[name], "sts:AssumeRole"), [""; 0], "{name}");
    }
}

/// Somebody whose key only leads on to a role needs nothing of ECS.
#[test]
fn an_identity_that_signs_no_call_may_only_go_on() {
    let policies = policies("accounts: [{name: a, assumeRole: {roleArn: 'acs:ram::22222:role/a'}}]", false);
    assert_eq!(
        policies["configures"],
        json!([{ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "acs:ram::22222:role/a" }])
    );
}
