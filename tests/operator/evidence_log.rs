//! The evidence log, as a collector finds it: what the operators write to standard output.

use std::collections::BTreeMap;

use jsonschema::Validator;
use keeper_simulator::{LogEntry, ReleaseReason, Seed};
use serde_json::{Value, json};

use crate::leaders::LEADS;
use crate::process::ask;
use crate::stage::{REGION, Stage, eventually};

/// Every line so far.
fn lines(stage: &Stage) -> Vec<Value> {
    let text = std::fs::read_to_string(&stage.evidence).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

/// Those about release protection of an instance.
fn of_instance(stage: &Stage, id: &str) -> Vec<Value> {
    let mut lines = lines(stage);
    lines.retain(|line| line["id"] == id && line["flag"] == "DeletionProtection");
    lines
}

/// From, to, and the name and the reason of the object that asked for it.
fn told(line: &Value) -> (Option<&str>, Option<&str>, Option<(&str, &str)>) {
    let write = &line["write"];
    (line["from"].as_str(), line["to"].as_str(), write["name"].as_str().zip(write["reason"].as_str()))
}

async fn until_told(stage: &Stage, id: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} lines tell of {id}"), async || {
        let lines = of_instance(stage, id);
        if lines.len() >= count { Ok(lines) } else { Err(lines) }
    })
    .await
}

/// The heartbeats of each process.
fn heartbeats(stage: &Stage) -> BTreeMap<String, Vec<Value>> {
    let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in lines(stage).into_iter().filter(|line| line["event"] == "Heartbeat") {
        found.entry(line["boot"].as_str().unwrap().to_owned()).or_default().push(line);
    }
    found
}

async fn until_beats(stage: &Stage, boots: usize) -> BTreeMap<String, Vec<Value>> {
    eventually(&format!("{boots} processes have a heartbeat"), async || {
        let found = heartbeats(stage);
        if found.len() >= boots { Ok(found) } else { Err(lines(stage)) }
    })
    .await
}

/// I50: each line has the form that the schema says; those of one process, account and region are numbered without a gap; and each
/// begins where the line before has ended. Whatever a test does.
pub fn check(stage: &Stage) {
    let schema = ecs_keeper::evidence_schema();
    let validator: Validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let mut states: BTreeMap<String, Value> = BTreeMap::new();
    for line in lines(stage) {
        let errors: Vec<String> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{line}");
        let writer = format!("{} {} {}", line["boot"], line["account"], line["region"]);
        let number = numbers.entry(writer.clone()).or_default();
        *number += 1;
        assert_eq!(line["sequence"], *number, "{line}");
        if line["event"] == "Transition" {
            let known =
                states.insert(format!("{writer} {} {}", line["flag"], line["id"]), line["to"].clone());
            // What was gone may be forgotten; and of what changed between two terms of one process, nothing is told.
            let goes_on = known.is_none_or(|known| known == line["from"] || known == "Gone");
            assert!(goes_on || stage.printed().matches(LEADS).count() > 1, "{line}");
        }
    }
}

fn only<'a>(calls: &'a [LogEntry], request: &Value) -> &'a LogEntry {
    let of: Vec<&LogEntry> = calls.iter().filter(|call| request == call.request_id.as_str()).collect();
    assert_eq!(of.len(), 1, "{request}");
    of[0]
}

#[tokio::test]
async fn i50_drift_and_its_repair_are_two_lines_that_the_clouds_own_log_confirms() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3).tag("env", "prod"));
    let _operator = stage.start();
    let spec =
        json!({ "region": REGION, "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] } });
    let object = stage.apply("prod", spec).await;
    stage.until("prod", "Protected=True/AllProtected").await;
    let lines = until_told(&stage, &ids[0], 1).await;
    assert_eq!(told(&lines[0]), (Some("Unprotected"), Some("Protected"), Some(("prod", "Correcting"))));
    stage.seen().await;
    stage.until_repaired(&ids[0]).await;
    let lines = until_told(&stage, &ids[0], 3).await;
    let [_, drift, repair] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(told(drift), (Some("Protected"), Some("Unprotected"), None));
    assert_eq!(told(repair), (Some("Unprotected"), Some("Protected"), Some(("prod", "Repairing"))));
    let write = &repair["write"];
    assert_eq!(
        (&write["kind"], &write["namespace"], &write["generation"], &write["uid"]),
        (
            &json!("EcsInstanceProtection"),
            &json!(stage.namespace),
            &json!(1),
            &json!(object.metadata.uid.unwrap())
        )
    );
    let calls = stage.account.log();
    for line in [drift, repair] {
        for request in [&line["lastSeenRequestId"], &line["requestId"]] {
            assert_eq!(only(&calls, request).action, "DescribeInstances", "{line}");
        }
        // The one before shows what was, the one after what is.
        let [before, after] = ["lastSeenRequestId", "requestId"].map(|key| only(&calls, &line[key]).sequence);
        assert!(before < after, "{line}");
    }
    let written = only(&calls, &write["requestId"]);
    assert_eq!(
        (written.action.as_str(), &written.parameters["InstanceId"]),
        ("ModifyInstanceAttribute", &ids[0])
    );
    assert_eq!(written.parameters["DeletionProtection"], "true");
    let printed = stage.printed();
    let named = format!(r#"namespace="{}" name="prod" generation=1 reason="Repairing""#, stage.namespace);
    assert!(printed.lines().any(|line| line.contains("flag written") && line.contains(&named)), "{printed}");
    // Nothing else has happened to anybody.
    stage.reads(3).await;
    assert_eq!(of_instance(&stage, &ids[0]).len(), 3);
    assert_eq!(of_instance(&stage, &ids[1]).len(), 1);
}

#[tokio::test]
async fn i50_whoever_has_protection_switched_off_is_named_and_what_vanishes_is_told() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2).protected(true));
    let _operator = stage.start();
    let spec =
        |protection| json!({ "region": REGION, "targets": { "instanceIds": ids }, "protection": protection });
    stage.apply("some", spec("Enabled")).await;
    stage.until("some", "Protected=True/AllProtected").await;
    stage.apply("some", spec("Disabled")).await;
    stage.until("some", "Protected=False/DisabledAsAsked").await;
    let lines = until_told(&stage, &ids[0], 1).await;
    assert_eq!(told(&lines[0]), (Some("Protected"), Some("Unprotected"), Some(("some", "Unprotecting"))));
    assert_eq!(lines[0]["write"]["generation"], 2);
    let calls = stage.account.log();
    let written = only(&calls, &lines[0]["write"]["requestId"]);
    assert_eq!(written.parameters["DeletionProtection"], "false");
    let named = r#"name="some" generation=2 reason="Unprotecting""#;
    assert!(stage.printed().lines().any(|line| line.contains("flag written") && line.contains(named)));

    stage.account.release(&ids[0], ReleaseReason::Manual).unwrap();
    let lines = until_told(&stage, &ids[0], 2).await;
    assert_eq!(told(&lines[1]), (Some("Unprotected"), Some("Gone"), None));
    assert_eq!(only(&stage.account.log(), &lines[1]["requestId"]).action, "DescribeInstances");
}

#[tokio::test]
async fn i38_i50_who_starts_or_takes_over_tells_nothing_again_and_says_since_when_it_leads() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(40).tag("env", "prod").protected(true));
    let first = stage.start();
    let spec =
        json!({ "region": REGION, "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] } });
    stage.apply("prod", spec).await;
    stage.until("prod", "Protected=True/AllProtected").await;
    let beats = until_beats(&stage, 1).await;
    let [beat] = &beats.values().next().unwrap()[..] else { panic!("{beats:?}") };
    assert_eq!(beat["sweeps"].as_array().unwrap().len(), 1, "nothing else is asked for: {beat}");
    assert!(beat["sweeps"][0]["completeSince"].is_string(), "{beat}");
    let counts = &beat["targets"][0];
    assert_eq!(
        (&counts["kind"], &counts["protected"]),
        (&json!("EcsInstanceProtection"), &json!(40)),
        "{beat}"
    );
    assert!(lines(&stage).iter().all(|line| line["event"] == "Heartbeat"), "a start tells of no target");

    // Somebody else stands by, and has seen all of it when it takes over.
    let _second = stage.settings().pod("ecs-keeper-1").start();
    stage.seen().await;
    stage.until_repaired(&ids[7]).await;
    until_told(&stage, &ids[7], 2).await;
    assert!(first.terminate().await.success());
    let beats = until_beats(&stage, 2).await;
    let of_second = beats.iter().find(|(boot, _)| boot.starts_with("ecs-keeper-1_")).unwrap().1;
    assert_eq!(of_second[0]["targets"][0]["protected"], 40);
    assert_eq!(of_instance(&stage, &ids[7]).len(), 2, "told once, by one of them");
    stage.until_repaired(&ids[8]).await;
    let lines = until_told(&stage, &ids[8], 2).await;
    assert!(
        lines.iter().all(|line| line["boot"].as_str().unwrap().starts_with("ecs-keeper-1_")),
        "{lines:?}"
    );
    assert!(lines[0]["sequence"].as_u64() > of_second[0]["sequence"].as_u64());
}

#[tokio::test]
async fn the_schema_is_printed_without_a_cluster() {
    let answer = ask(std::path::Path::new("/nonexistent"), &["evidence", "schema"]).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let printed: Value = serde_json::from_str(&answer.said).unwrap();
    assert_eq!(printed, ecs_keeper::evidence_schema());
}
