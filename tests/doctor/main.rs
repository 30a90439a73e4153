//! `ecs-keeper doctor`, run as a program on the simulated cloud. What needs a cluster is tested beside the operator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../audit/program.rs"]
#[expect(dead_code, reason = "the rest is for the audit")]
mod program;
mod tls;

use keeper_simulator::{Policy, RoleSeed, TrustPolicy};
use program::{Ended, HERE, Stage, ended};
use serde_json::{Value, json};

/// What is found of the cloud with this configuration.
async fn examine(stage: &Stage, config: &Value) -> Ended {
    examine_as(stage, config, &[]).await
}

/// The same, with these variables set.
async fn examine_as(stage: &Stage, config: &Value, variables: &[(&str, &str)]) -> Ended {
    let config = stage.write("doctor.yaml", &config.to_string());
    let mut command = stage.program(&[
        "doctor",
        "--skip-cluster",
        "--output",
        "json",
        "--region",
        HERE,
        "--config",
        &config,
    ]);
    command.envs(variables.iter().copied());
    ended(command).await
}

/// Level and message of each finding of a check.
fn found(ended: &Ended, check: &str) -> Vec<(String, String)> {
    let said: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    let findings = said["findings"].as_array().unwrap().iter().filter(|it| it["check"] == check);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    findings.map(|it| (text(&it["level"]), text(&it["message"]))).collect()
}

#[tokio::test]
async fn the_credentials_of_an_account_are_obtained_once() {
    let stage = Stage::new().await;
    let me = format!("acs:ram::{}:root", stage.account.id());
    let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "RAM": me } });
    let trust = TrustPolicy::new(json!({ "Version": "1", "Statement": [statement] })).unwrap();
    let allowed = json!({ "Effect": "Allow", "Action": "ecs:*", "Resource": "*" });
    let may = Policy::new(json!({ "Version": "1", "Statement": [allowed] })).unwrap();
    let role = stage.account.role(RoleSeed::new("keeper", trust).policy(may));
    let mut config = stage.config(&[HERE]);
    config["accounts"][0]["assumeRole"] = json!({ "roleArn": role });
    let ended = examine(&stage, &config).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let [(level, message)] = &found(&ended, "Endpoint")[..] else { panic!("{ended:?}") };
    assert!(level == "Ok" && message.contains("answers in"), "{message}");
    assert_eq!(stage.account.count("AssumeRole").calls, 1);
}

#[tokio::test]
async fn a_region_in_which_nobody_knows_where_to_ask_who_did_it_is_a_warning() {
    let stage = Stage::new().await;
    let mut config = stage.config(&[HERE]);
    config["accounts"][0]["attribution"] = json!("ActionTrail");
    let ended = examine(&stage, &config).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let warnings: Vec<_> =
        found(&ended, "Endpoint").into_iter().filter(|(level, _)| level == "Warning").collect();
    let [(_, message)] = &warnings[..] else { panic!("{ended:?}") };
    assert!(message.contains("no endpoint for LookupEvents is known in the region"), "{message}");
    assert_eq!(stage.account.count("LookupEvents").calls, 0);
}
