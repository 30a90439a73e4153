//! Scaling groups: reported, and nothing that anybody protects.

use keeper_simulator::{DEFAULT_USER, Fault, GroupSeed, Policy, Rule, UserSeed};
use serde_json::{Value, json};

use crate::fleet;
use crate::program::{HERE, Stage};

fn seed(stage: &Stage, id: &str, protected: bool) {
    let group = GroupSeed { group_deletion_protection: protected, ..GroupSeed::new(HERE).id(id) };
    stage.account.seed_group(&group);
}

#[tokio::test]
async fn i59_every_form_tells_of_groups_without_deletion_protection_and_no_exit_code_does() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    seed(&stage, "asg-kept", true);
    seed(&stage, "asg-open", false);
    let ended = stage.json(&[]).await;
    assert_eq!(
        (ended.said("asg-open").0, ended.said("asg-kept").0),
        ("Unprotected".to_owned(), "Protected".to_owned())
    );
    let summary = &ended.lines("Region")[0];
    assert_eq!(
        (&summary["scalingGroups"]["total"], &summary["scalingGroups"]["unprotected"]),
        (&json!(2), &json!(1))
    );
    assert!(!summary["notExamined"].as_str().unwrap().contains("can be deleted"), "{summary}");
    stage.only_read();
    let table = stage.audit(&[]).await.out;
    assert!(table.contains("\nUnprotected   asg-open "), "{table}");
    assert!(
        table.contains("Unprotected (scaling groups): The scaling group has no deletion protection"),
        "{table}"
    );
    assert!(table.contains("  scaling groups                2          1            1"), "{table}");
    let csv = stage.audit(&["--output", "csv"]).await.out;
    assert!(csv.contains("\ndefault,cn-hangzhou,ScalingGroup,asg-open,asg-open,,Unprotected,"), "{csv}");
    let sarif: Value = serde_json::from_str(&stage.audit(&["--output", "sarif"]).await.out).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let rules: Vec<_> = results.iter().filter(|one| one["ruleId"] == "ScalingGroup/Unprotected").collect();
    assert_eq!(rules.len(), 1);
    let place = &rules[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
    assert_eq!(place, "alibabacloud/default/cn-hangzhou/scaling-groups/asg-open");
    let html = stage.audit(&["--output", "html"]).await.out;
    assert!(html.contains("<code>asg-open</code>"), "{html}");
    let none = stage.json(&["--select", "env=test"]).await;
    assert_eq!((none.code, none.lines("ScalingGroup").len()), (0, 0));
    assert_eq!(stage.json(&["--instances-only"]).await.lines("ScalingGroup").len(), 0);
}

#[tokio::test]
async fn only_groups_are_no_finding_for_an_exit_code() {
    let stage = Stage::new().await;
    seed(&stage, "asg-open", false);
    let ended = stage.json(&["--fail-on", "unprotected"]).await;
    assert_eq!((ended.code, ended.lines("ScalingGroup").len()), (0, 1), "{ended:?}");
}

#[tokio::test]
async fn i59_who_may_not_list_groups_gets_the_rest_and_a_line_that_says_so() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    seed(&stage, "asg-open", false);
    let policy = json!({ "Version": "1", "Statement": [{ "Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*" }] });
    stage.account.user(UserSeed::new(DEFAULT_USER).policy(Policy::new(policy).unwrap()));
    let ended = stage.json(&["--select", "env=test"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "nobody asks for groups: {ended:?}");
    let ended = stage.json(&[]).await;
    assert_eq!(
        (ended.code, ended.err.lines().count(), ended.lines("Region")[0]["complete"].as_bool()),
        (0, 1, Some(true)),
        "{ended:?}"
    );
    assert!(
        ended
            .err
            .contains("the scaling groups of cn-hangzhou are not known: DescribeScalingGroups failed with "),
        "{ended:?}"
    );
    let summary = &ended.lines("Region")[0];
    assert!(summary["scalingGroups"].is_null() && summary["scalingGroupsError"].is_string(), "{summary}");
    assert!(summary["notExamined"].as_str().unwrap().contains("can be deleted"), "{summary}");
    for output in ["table", "html", "sarif"] {
        let said = stage.audit(&["--output", output]).await;
        assert_eq!(said.code, 0);
        assert!(said.out.contains("DescribeScalingGroups failed with"), "{}", said.out);
    }
}

#[tokio::test]
async fn i05_more_groups_than_a_page_has_are_listed_whole_or_not_at_all() {
    let stage = Stage::new().await;
    for number in 0..120 {
        seed(&stage, &format!("asg-{number:03}"), false);
    }
    let ended = stage.json(&[]).await;
    assert_eq!(
        (ended.lines("ScalingGroup").len(), stage.account.count("DescribeScalingGroups").calls),
        (120, 3)
    );
    stage.account.fault(Rule::new("DescribeScalingGroups", Fault::MovingPages { skip: 2, repeat: 0 }));
    let ended = stage.json(&[]).await;
    assert_eq!((ended.lines("ScalingGroup").len(), ended.err.lines().count()), (0, 1), "{}", ended.err);
    assert!(ended.err.contains("DescribeScalingGroups did not list as many as it says"), "{}", ended.err);
}
