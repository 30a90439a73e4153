//! `ecs-keeper explain`, run as a program on the simulated cloud. What needs a cluster is tested beside the operator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod api_server;
mod ends;
mod explained;
mod forms;
mod log;
#[path = "../audit/program.rs"]
#[expect(dead_code, reason = "the rest is for the audit")]
mod program;
mod unread;

use keeper_simulator::{Allowed, DEFAULT_USER, Policy, UserSeed};
use program::{Ended, HERE, Stage, ended};

/// Explains a target with the stage's configuration, without a cluster.
async fn explain(stage: &Stage, id: &str, flags: &[&str]) -> Ended {
    let config = stage.folder.join("config.yaml");
    let words = ["explain", id, "--skip-cluster", "--config", config.to_str().unwrap()];
    ended(stage.program(&[&words, flags].concat())).await
}

/// The same as JSON.
async fn as_json(stage: &Stage, id: &str) -> serde_json::Value {
    let ended = explain(stage, id, &["--output", "json"]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    serde_json::from_str(&ended.out).unwrap()
}

/// A protected instance with this id, in the region of the stage.
fn safe(id: &str) -> keeper_simulator::Seed {
    keeper_simulator::Seed::new(HERE).id(id).protected(true)
}

/// I59: that nothing but reads by id was asked for, beside whose the key is, and whether it may list.
fn only_read(stage: &Stage) {
    let allowed = [
        Allowed::new("DescribeInstances", &["RegionId", "MaxResults", "InstanceIds", "DryRun"]),
        Allowed::new("DescribeNetworkInterfaces", &["RegionId", "MaxResults", "NetworkInterfaceId.N"]),
        Allowed::new("GetCallerIdentity", &[]),
    ];
    assert_eq!(stage.account.violations(&allowed), [""; 0]);
}

/// Lets the identity carry out everything but this operation.
fn deny(stage: &Stage, operation: &str) {
    let policy = Policy::new(serde_json::json!({ "Version": "1", "Statement": [
        { "Effect": "Allow", "Action": "ecs:*", "Resource": "*" },
        { "Effect": "Deny", "Action": format!("ecs:{operation}"), "Resource": "*" },
    ] }));
    stage.account.user(UserSeed::new(DEFAULT_USER).policy(policy.unwrap()));
}
