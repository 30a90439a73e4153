//! Who has switched a flag off, as ActionTrail tells it. The operators may ask because the policy that is printed for them says so (I13).

use keeper_simulator::{ConsoleUser, Fault, InterfaceSeed, LogEntry, Rule, Seed};
use serde_json::{Value, json};

use crate::explain::{explain, explain_in};
use crate::process::Operator;
use crate::settings::Settings;
use crate::stage::{REGION, Stage, eventually};

/// Events are found at once, and asked for after a second: so soon, a call is a candidate at most.
fn asking(stage: &Stage) -> Settings<'_> {
    without_endpoint(stage).set("/accounts/0/endpoints/actiontrail", stage.simulator.endpoint())
}

/// The same, where nobody knows where to ask: whoever names the endpoint of ECS names all others.
fn without_endpoint(stage: &Stage) -> Settings<'_> {
    stage.simulator.set(|settings| settings.trail_delay_seconds = 0);
    stage
        .settings()
        .set("/attribution", json!({ "delay": "1s" }))
        .set("/accounts/0/attribution", "ActionTrail")
}

fn ann() -> ConsoleUser {
    ConsoleUser {
        user_name: "ann".to_owned(),
        source_ip_address: "203.0.113.9".to_owned(),
        user_agent: "Mozilla/5.0".to_owned(),
    }
}

/// One protected instance that the operator has seen to be protected.
async fn protected(stage: &Stage, settings: &Settings<'_>) -> (Operator, String) {
    let id = stage.account.seed_one(&Seed::new(REGION));
    let operator = settings.start();
    stage.apply("web", json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
    stage.until("web", "Protected=True/AllProtected").await;
    stage.seen().await;
    (operator, id)
}

/// Somebody switches release protection off in the console, and the operator switches it on again.
async fn switch_off(stage: &Stage, id: &str, user: &ConsoleUser) {
    let params = [("InstanceId", id), ("DeletionProtection", "false")];
    stage.account.console_as(user, "ModifyInstanceAttribute", &params).unwrap();
    stage.until_cloud(&format!("{id} is repaired"), |_| stage.protected(id)).await;
}

/// So many instances of one object are protected, the operator has seen that, and somebody switches it off on all of them.
async fn all_switched_off(stage: &Stage, count: u32) -> Operator {
    let ids = stage.account.seed(&Seed::new(REGION).times(count));
    let operator = asking(stage).start();
    stage.apply("web", json!({ "region": REGION, "targets": { "instanceIds": ids } })).await;
    stage.until("web", "Protected=True/AllProtected").await;
    stage.seen().await;
    for id in &ids {
        let params = [("InstanceId", id.as_str()), ("DeletionProtection", "false")];
        stage.account.console_as(&ann(), "ModifyInstanceAttribute", &params).unwrap();
    }
    operator
}

fn lookups(stage: &Stage) -> Vec<LogEntry> {
    stage.calls_of("LookupEvents")
}

/// The line of the log that contains a text.
async fn line(stage: &Stage, what: &str) -> String {
    stage.until_printed(what, 1).await;
    stage.printed().lines().find(|line| line.contains(what)).unwrap().to_owned()
}

#[tokio::test]
async fn who_switched_it_off_is_in_the_log_and_the_event_has_no_name() {
    let stage = Stage::new().await;
    let (_operator, id) = protected(&stage, &asking(&stage)).await;
    switch_off(&stage, &id, &ann()).await;
    let note = stage.until_event("web", "MayHaveBeenChangedBy").await;
    let begins = format!(
        "Release protection of {id} was switched off. It is not certain by whom; this call may have done it: a RAM user at 20"
    );
    assert!(note.starts_with(&begins) && note.ends_with(" The log of ecs-keeper has the name."), "{note}");
    assert!(!note.contains("ann") && !note.contains("203.0.113.9"), "{note}");
    let line = line(&stage, "found a call that may have switched the flag off").await;
    for part in ["ann", "203.0.113.9", "Mozilla/5.0", &id, "Candidates", "RamUser", "DeletionProtection"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let told = eventually("the evidence log has a line", async || {
        let text = std::fs::read_to_string(&stage.evidence).unwrap();
        let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.find(|line| line["event"] == "Attribution").ok_or(())
    })
    .await;
    assert_eq!((&told["outcome"], &told["calls"][0]["user"]), (&json!("Candidates"), &json!("ann")));
    let [asked] = &lookups(&stage)[..] else { panic!("{:?}", lookups(&stage)) };
    assert_eq!(asked.parameters["LookupAttribute.1.Value"], id);
    // Never before the repair.
    let writes = stage.calls_of("ModifyInstanceAttribute");
    assert!(writes.iter().all(|write| write.sequence < asked.sequence));
}

#[tokio::test]
async fn names_are_in_event_and_status_if_they_are_to_be_shown_and_are_made_harmless() {
    let stage = Stage::new().await;
    let settings = asking(&stage).set("/attribution/show", "Status");
    let (_operator, id) = protected(&stage, &settings).await;
    switch_off(&stage, &id, &ann()).await;
    let note = stage.until_event("web", "MayHaveBeenChangedBy").await;
    assert!(note.contains("this call may have done it: the RAM user ann at "), "{note}");
    let of = id.clone();
    let named = stage
        .until_protection(&stage.objects, "web", "a row", |object| {
            object.status.as_ref().is_some_and(|status| status.changes.iter().any(|row| row.id == of))
        })
        .await;
    let row = json!(named.status.unwrap().changes[0]);
    assert_eq!((&row["flag"], &row["changedBy"][0]["user"]), (&json!("DeletionProtection"), &json!("ann")));
    assert_eq!((&row["certainty"], row.get("notListed")), (&json!("Candidate"), None), "{row}");
    assert!(row["changedBy"][0].get("source").is_none(), "{row}");
    let explained = explain(&stage, &stage.cluster.kubeconfig, &id).await;
    let told = &explained["changedBy"]["switchedOff"][0];
    assert_eq!((&told["outcome"], &told["calls"][0]["user"]), (&json!("Candidates"), &json!("ann")));
    assert_eq!((&told["object"]["name"], &told["calls"][0]["source"]), (&json!("web"), &Value::Null));
    let unserved = explain_in(&stage, "elsewhere", &stage.cluster.kubeconfig, &id).await;
    assert_eq!(unserved["objects"]["selecting"], json!([]));
    assert_eq!(unserved["changedBy"]["switchedOff"], explained["changedBy"]["switchedOff"]);
    let hostile = format!("\u{1b}[31m</script>\r\n@team\u{202e}{}", "x".repeat(4000));
    stage.seen().await;
    let eve =
        ConsoleUser { user_name: hostile.clone(), user_agent: hostile.clone(), source_ip_address: hostile };
    switch_off(&stage, &id, &eve).await;
    let note = stage.until_told("web", "MayHaveBeenChangedBy", "</script>").await;
    assert!(note.len() <= 1024 && !note.contains(|c: char| c.is_control() || c == '\u{202e}'), "{note}");
    stage.until_printed("</script>", 1).await;
    let printed = stage.printed();
    assert!(!printed.contains('\u{202e}') && !printed.contains("\u{1b}[31m</script>"));
    assert!(printed.lines().all(|line| line.matches('x').count() < 1000));
}

#[tokio::test]
async fn without_permission_protection_goes_on_and_it_is_told_once() {
    let stage = Stage::new().await;
    let (_operator, id) = protected(&stage, &asking(&stage)).await;
    stage.account.fault(Rule::new("LookupEvents", Fault::Deny { always_forbidden: true }));
    switch_off(&stage, &id, &ann()).await;
    let line = line(&stage, "attribution is off for an hour").await;
    assert!(line.contains("actiontrail:LookupEvents"), "{line}");
    stage.seen().await;
    switch_off(&stage, &id, &ann()).await;
    stage.witnessed().await;
    assert_eq!(lookups(&stage).len(), 1, "it is not asked again");
    assert_eq!(stage.printed().matches("attribution is off for an hour").count(), 1);
    let object = stage.until("web", "Protected=True/AllProtected").await;
    assert_eq!(object.status.unwrap().changes, []);
}

#[tokio::test]
async fn nobody_is_asked_where_attribution_is_off() {
    let stage = Stage::new().await;
    let settings = asking(&stage).set("/accounts/0/attribution", "Off");
    let (_operator, id) = protected(&stage, &settings).await;
    switch_off(&stage, &id, &ann()).await;
    stage.witnessed().await;
    assert_eq!(lookups(&stage).len(), 0);
}

#[tokio::test]
async fn what_nobody_recorded_is_asked_twice_and_told_to_be_unknown() {
    let stage = Stage::new().await;
    let (_operator, id) = protected(&stage, &asking(&stage)).await;
    stage.until_repaired(&id).await;
    let line = line(&stage, "not known who switched the flag off").await;
    assert!(line.contains("NoEvent") && line.contains(&id), "{line}");
    assert_eq!(lookups(&stage).len(), 2);
    assert!(stage.events("web").await.iter().all(|told| !told.reason.ends_with("ChangedBy")));
}

#[tokio::test]
async fn what_waits_to_be_told_together_with_others_is_told_before_the_end() {
    let stage = Stage::new().await;
    let operator = all_switched_off(&stage, 10).await;
    // There is a call in two seconds, so that ten take about twenty.
    stage.until_printed("found a call that may have switched the flag off", 1).await;
    let told = stage.events("web").await.iter().any(|told| told.reason == "MayHaveBeenChangedBy");
    assert!(!told, "it waits while more is to be asked");
    assert!(operator.terminate().await.success());
    stage.until_event("web", "MayHaveBeenChangedBy").await;
}

#[tokio::test]
async fn the_end_of_retention_is_told_as_well() {
    let stage = Stage::new().await;
    let seed = Seed::new(REGION).interface(InterfaceSeed::secondary().id("eni-side"));
    stage.account.seed_one(&seed);
    let _operator = asking(&stage).start();
    stage
        .retain("side", json!({ "region": REGION, "targets": { "networkInterfaceIds": ["eni-side"] } }))
        .await;
    stage.until_retention("side", "Retained=True").await;
    stage.calls("DescribeNetworkInterfaces", 2).await;
    let params = [("NetworkInterfaceId", "eni-side"), ("RegionId", REGION), ("DeleteOnRelease", "true")];
    stage.account.console_as(&ann(), "ModifyNetworkInterfaceAttribute", &params).unwrap();
    stage.until_cloud("it is repaired", |_| stage.stays("eni-side")).await;
    let note = stage.until_event("side", "MayHaveBeenChangedBy").await;
    assert!(
        note.starts_with("Retention of eni-side was switched off. It is not certain by whom; "),
        "{note}"
    );
}

#[tokio::test]
async fn what_is_found_out_one_by_one_is_told_of_an_object_at_once() {
    let stage = Stage::new().await;
    // As many as are asked about one by one, and more than are told so.
    let _operator = all_switched_off(&stage, 11).await;
    let note = stage.until_event("web", "MayHaveBeenChangedBy").await;
    assert!(note.contains(" 11 targets"), "{note}");
    assert_eq!(lookups(&stage).len(), 11, "each was asked about");
    let told = stage.events("web").await.into_iter().filter(|told| told.reason == "MayHaveBeenChangedBy");
    assert_eq!(told.map(|told| told.times).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn names_that_are_not_to_be_shown_any_more_are_taken_out_of_status() {
    let stage = Stage::new().await;
    let settings = asking(&stage).set("/attribution/show", "Status");
    let (operator, id) = protected(&stage, &settings).await;
    switch_off(&stage, &id, &ann()).await;
    let rows = |wanted: bool| {
        stage.until_protection(&stage.objects, "web", "the rows", move |object| {
            object.status.as_ref().is_some_and(|status| status.changes.is_empty() != wanted)
        })
    };
    rows(true).await;
    operator.kill().await;
    let _operator = asking(&stage).start();
    rows(false).await;
    stage.until("web", "Protected=True/AllProtected").await;
}

#[tokio::test]
async fn where_no_endpoint_is_known_it_is_told_once_and_nobody_is_asked() {
    let stage = Stage::new().await;
    let settings = without_endpoint(&stage);
    let (_operator, id) = protected(&stage, &settings).await;
    for _ in 0..2 {
        stage.seen().await;
        switch_off(&stage, &id, &ann()).await;
    }
    let line = line(&stage, "attribution is not possible").await;
    assert!(line.contains("set endpoints.actiontrail") && line.contains(REGION), "{line}");
    stage.witnessed().await;
    assert_eq!(stage.printed().matches("attribution is not possible").count(), 1);
    assert_eq!(lookups(&stage).len(), 0);
}
