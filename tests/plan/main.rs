//! `ecs-keeper plan`, run as a program on the simulated cloud. What needs a cluster is tested beside the operator.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../explain/api_server.rs"]
mod api_server;
mod forms;
mod members;
mod outcomes;
#[path = "../audit/program.rs"]
#[expect(dead_code, reason = "the rest is for the audit")]
mod program;
mod repaired;
#[path = "../explain/unread.rs"]
mod unread;
mod wrong_usage;

use keeper_simulator::Allowed;
use program::{Ended, Stage, ended};
use serde_json::{Value, json};

/// An EcsInstanceProtection with this name and spec, in the region of the stage.
fn protection(name: &str, spec: &Value) -> Value {
    object("EcsInstanceProtection", name, spec)
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    let mut spec = spec.clone();
    if spec["region"].is_null() {
        spec["region"] = json!(program::HERE);
    }
    json!({ "apiVersion": "ecs-keeper.io/v1alpha1", "kind": kind, "metadata": { "name": name }, "spec": spec })
}

/// Plans these objects with the stage's configuration, without a cluster.
async fn plan(stage: &Stage, objects: &[Value], flags: &[&str]) -> Ended {
    let documents: Vec<String> = objects.iter().map(ToString::to_string).collect();
    let file = stage.write("objects.yaml", &documents.join("\n---\n"));
    let config = stage.folder.join("config.yaml");
    let words =
        ["plan", "-f", &file, "--operator-namespace", "default", "--config", config.to_str().unwrap()];
    ended(stage.program(&[&words, flags].concat())).await
}

/// The same as JSON.
async fn as_json(stage: &Stage, objects: &[Value]) -> (i32, Value) {
    let ended = plan(stage, objects, &["--output", "json"]).await;
    assert_eq!(ended.err, "", "{ended:?}");
    (ended.code, serde_json::from_str(&ended.out).unwrap())
}

/// Outcome and reason of each target by its id.
fn outcomes(planned: &Value) -> Vec<(String, String, Option<String>)> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    let targets = planned["targets"].as_array().unwrap().iter();
    let mut told: Vec<_> = targets
        .map(|it| (word(&it["id"]).unwrap(), word(&it["outcome"]).unwrap(), word(&it["reason"])))
        .collect();
    told.sort();
    told
}

fn expected(list: &[(&str, &str, Option<&str>)]) -> Vec<(String, String, Option<String>)> {
    let own = |(id, outcome, reason): &(&str, &str, Option<&str>)| {
        ((*id).to_owned(), (*outcome).to_owned(), reason.map(str::to_owned))
    };
    list.iter().map(own).collect()
}

/// I59: that nothing but reads was asked for, beside whose the key is.
fn only_read(stage: &Stage) {
    let allowed = [
        Allowed::new("DescribeInstances", &["RegionId", "MaxResults", "NextToken", "InstanceIds", "DryRun"]),
        Allowed::new(
            "DescribeNetworkInterfaces",
            &["RegionId", "MaxResults", "NextToken", "NetworkInterfaceId.N"],
        ),
        Allowed::new("DescribeScalingInstances", &["RegionId", "PageNumber", "PageSize", "InstanceIds.N"]),
        Allowed::new("GetCallerIdentity", &[]),
    ];
    assert_eq!(stage.account.violations(&allowed), [""; 0]);
}
