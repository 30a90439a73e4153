//! All regions that there are.

use keeper_simulator::{DEFAULT_USER, Fault, Policy, Rule, Seed, UserSeed};
use serde_json::json;

use crate::fleet;
use crate::program::{Stage, THERE, ended};

const ALL: &str = "--all-regions";

#[tokio::test]
async fn i59_all_regions_are_those_that_the_cloud_names() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    stage.account.seed_one(&Seed::new(THERE).id("i-there"));
    let ended = stage.json(&[ALL]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let regions = ended.lines("Region");
    assert_eq!((stage.account.count("DescribeRegions").calls, regions.len() > 30), (1, true));
    assert_eq!(ended.said("i-there").0, "Unprotected");
    assert_eq!(ended.said("i-safe").0, "Protected");
    stage.only_read();
}

#[tokio::test]
async fn a_table_names_regions_without_targets_in_one_place() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let table = stage.audit(&[ALL]).await.out;
    assert_eq!(table.matches("nothing listed").count(), 1, "{table}");
    assert!(table.contains("\nnothing listed: ap-northeast-1, "), "{table}");
    assert!(table.lines().all(|line| line.len() <= 100), "{table}");
}

#[tokio::test]
async fn i59_a_region_that_the_identity_may_not_read_is_one_line() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let policy = json!({ "Version": "1", "Statement": [
        { "Effect": "Allow", "Action": ["ecs:Describe*", "ess:Describe*"], "Resource": "*" },
        { "Effect": "Deny", "Action": "ecs:DescribeInstances", "Resource": format!("acs:ecs:{THERE}:*:*") },
    ] });
    stage.account.user(UserSeed::new(DEFAULT_USER).policy(Policy::new(policy).unwrap()));
    let ended = stage.json(&[ALL]).await;
    assert_eq!((ended.code, ended.err.lines().count()), (1, 1), "{ended:?}");
    assert!(
        ended.err.contains("cn-beijing (account default): DescribeInstances failed with Forbidden.RAM"),
        "{ended:?}"
    );
    let incomplete = ended.lines("Region").into_iter().filter(|line| line["complete"] == false);
    assert_eq!(incomplete.map(|line| line["region"].clone()).collect::<Vec<_>>(), [THERE]);
    assert_eq!(ended.said("i-safe").0, "Protected");
}

#[tokio::test]
async fn regions_that_nobody_names_are_no_empty_report() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let denied = Fault::Error { code: "Forbidden.RAM".to_owned(), status: None, message: None };
    stage.account.fault(Rule::new("DescribeRegions", denied));
    let refused = stage.json(&[ALL]).await;
    assert_eq!((refused.code, refused.err.lines().count()), (1, 1), "{refused:?}");
    assert!(
        refused
            .err
            .contains("it is not known which regions account default has: DescribeRegions failed with"),
        "{refused:?}"
    );
    assert_eq!(refused.lines("Region")[0]["complete"], false);
    let both = ended(stage.command(&[ALL, "--region", THERE])).await;
    assert_eq!((both.code, both.out.as_str()), (1, ""));
}
