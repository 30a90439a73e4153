//! What an evidence log says of the target: `--log`.

use std::fs;

use keeper_simulator::{InterfaceSeed, Seed};
use serde_json::{Value, json};

use crate::program::{HERE, Stage, ended};
use crate::{as_json, explain, only_read, safe};

/// One line of the log; `minute` is after eight.
fn line(sequence: u64, minute: u32, rest: Value) -> String {
    let time = time(minute);
    let mut line = json!({
        "schema": "ecs-keeper.io/evidence/v1", "account": "default", "region": HERE, "boot": "b", "sequence": sequence, "time": time,
    });
    let Value::Object(rest) = rest else { panic!("{rest}") };
    line.as_object_mut().unwrap().extend(rest);
    line.to_string()
}

fn time(minute: u32) -> String {
    format!("2026-11-30T08:{minute:02}:00Z")
}

fn heartbeat(sequence: u64, minute: u32) -> String {
    let sweeps: Vec<Value> = ["Instance", "NetworkInterface"]
        .map(|kind| json!({ "resource": kind, "completeSince": time(minute) }))
        .into();
    line(sequence, minute, json!({ "event": "Heartbeat", "leadingSince": time(0), "sweeps": sweeps }))
}

fn change(sequence: u64, minute: u32, (flag, id): (&str, &str), to: &str, write: &Value) -> String {
    let from = if to == "Protected" { "Unprotected" } else { "Protected" };
    let rest = json!({
        "event": "Transition", "resource": "Instance", "id": id, "flag": flag, "from": from, "to": to, "lastSeen": time(minute - 1),
        "lastSeenRequestId": "R-1", "seen": time(minute), "requestId": "R-2", "write": write,
    });
    line(sequence, minute, rest)
}

fn repaired(name: &str) -> Value {
    json!({
        "kind": "EcsInstanceProtection", "namespace": "prod", "name": name, "uid": "u", "generation": 3, "reason": "Repairing",
        "requestId": "R-3",
    })
}

#[tokio::test]
async fn i50_the_evidence_log_tells_since_when_and_when_nobody_looked() {
    let stage = Stage::new().await;
    stage
        .account
        .seed_one(&safe("i-a").interface(InterfaceSeed::secondary().id("eni-a").delete_on_release(true)));
    let path = stage.folder.join("evidence.log");
    let lines = [
        "2026-11-30T08:00:00Z INFO a line of the log".to_owned(),
        heartbeat(1, 0),
        change(2, 2, ("DeletionProtection", "i-a"), "Unprotected", &Value::Null),
        change(3, 3, ("DeletionProtection", "i-a"), "Protected", &repaired("web\u{1b}[2J")),
        change(4, 4, ("DeleteOnRelease", "eni-a"), "Protected", &Value::Null),
        heartbeat(6, 5),
    ];
    fs::write(&path, lines.join("\n")).unwrap();
    let flags = ["--log", path.to_str().unwrap()];
    // Without the ends of its lines.
    let told = async |id| {
        let ended = explain(&stage, id, &flags).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
        ended.out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let said = told("i-a").await;
    for sentence in [
        "The evidence log, from 2026-11-30T08:00:00Z to 2026-11-30T08:05:00Z: - DeletionProtection changed from Unprotected to Protected \
         between 2026-11-30T08:02:00Z and 2026-11-30T08:03:00Z; ecs-keeper did it for EcsInstanceProtection prod/web[2J (Repairing). - ",
        " - DeletionProtection changed from Protected to Unprotected between 2026-11-30T08:01:00Z and 2026-11-30T08:02:00Z; ecs-keeper did \
         not do it. - ",
        " - A change from 2026-11-30T08:04:00Z to 2026-11-30T08:05:00Z may be missing: lines of the log are missing. ",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    assert!(!said.contains("another value"), "{said}");
    let said = told("eni-a").await;
    assert!(
        said.contains("The cloud shows another value of DeleteOnRelease now: that change is not in the log."),
        "{said}"
    );
    only_read(&stage);
}

/// What ActionTrail said of who had switched release protection off.
fn attribution(sequence: u64, minute: u32, outcome: &str, users: &[&str]) -> String {
    let call = |user: &&str| {
        json!({
            "time": time(minute), "requestId": "R-9", "identity": "RamUser", "user": user, "userAccount": "1", "source": "203.0.113.9",
            "userAgent": "console",
        })
    };
    let rest = json!({
        "event": "Attribution", "resource": "Instance", "id": "i-a", "flag": "DeletionProtection", "lastSeen": time(minute - 1),
        "seen": time(minute), "outcome": outcome, "calls": users.iter().map(call).collect::<Vec<_>>(), "notListed": 0,
    });
    line(sequence, minute, rest)
}

#[tokio::test]
async fn the_evidence_log_tells_who_switched_a_flag_off_and_nothing_more_than_it_knows() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    let path = stage.folder.join("evidence.log");
    let lines = [
        heartbeat(1, 0),
        attribution(2, 2, "ChangedBy", &["ann\u{1b}[2J"]),
        attribution(3, 3, "Candidates", &["bob", "eve"]),
        attribution(4, 4, "NoEvent", &[]),
        // Collected twice.
        attribution(4, 4, "NoEvent", &[]),
    ];
    fs::write(&path, lines.join("\n")).unwrap();
    let flags = ["--log", path.to_str().unwrap()];
    let ended = explain(&stage, "i-a", &flags).await;
    let said = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = "Release protection of i-a was seen switched off at 2026-11-30T08:04:00Z, and it is not known by whom (NoEvent), as the \
                evidence log says. Release protection of i-a was seen switched off at 2026-11-30T08:03:00Z. It is not certain by whom; each \
                of these calls may have done it, as the evidence log says: the RAM user bob of the account 1 at 2026-11-30T08:03:00Z from 203.0.113.9 \
                (request R-9); the RAM user eve of the account 1 at 2026-11-30T08:03:00Z from 203.0.113.9 (request R-9). Release protection of i-a was seen \
                switched off at 2026-11-30T08:02:00Z, by the RAM user ann[2J of the account 1 at 2026-11-30T08:02:00Z from 203.0.113.9 (request R-9), \
                as the evidence log says. Of other changes it is not known by whom: ecs-keeper asks ActionTrail only about flags that it has \
                set again. Look in ActionTrail for ModifyInstanceAttribute (DeletionProtection) and ModifyInstanceAutoReleaseTime \
                (AutoReleaseTime) with the resource name i-a; it keeps the events of 90 days.";
    assert!(said.contains(told), "{said}");
    let ended = explain(&stage, "i-a", &[&flags[..], &["--output", "json"]].concat()).await;
    let said: Value = serde_json::from_str(&ended.out).unwrap();
    let outcomes: Vec<_> = said["changedBy"]["switchedOff"].as_array().unwrap().iter().collect();
    assert_eq!(outcomes.len(), 3, "{said}");
    assert_eq!(
        (&said["changedBy"]["known"], &outcomes[2]["calls"][0]["user"]),
        (&json!(true), &json!("ann[2J"))
    );
    let nothing = as_json(&stage, "i-a").await;
    assert_eq!(nothing["changedBy"]["known"], false);
    let message = |said: &Value| said["changedBy"]["message"].as_str().unwrap().to_owned();
    assert!(
        message(&nothing).contains("is not known: attribution is off in the configuration."),
        "{nothing}"
    );
    let mut config = stage.config(&[HERE]);
    config["accounts"][0]["attribution"] = "ActionTrail".into();
    stage.write("config.yaml", &config.to_string());
    let unread = as_json(&stage, "i-a").await;
    assert!(message(&unread).contains("neither objects nor an evidence log (--log) were read."), "{unread}");
}

#[tokio::test]
async fn what_was_done_to_a_flag_is_told_in_the_words_of_that_flag() {
    let stage = Stage::new().await;
    let interface = InterfaceSeed::secondary().id("eni-a");
    stage.account.seed_one(&safe("i-a").interface(interface));
    let path = stage.folder.join("evidence.log");
    for (kind, id, flag, told) in [
        ("Instance", "i-a", "DeletionProtection", "Release protection of i-a was seen switched off at "),
        ("Instance", "i-a", "AutoReleaseTime", "An automatic release time of i-a was seen set at "),
        ("NetworkInterface", "eni-a", "DeleteOnRelease", "Retention of eni-a was seen switched off at "),
    ] {
        let about = attribution(2, 2, "ChangedBy", &["ann"])
            .replace("\"Instance\"", &format!("\"{kind}\""))
            .replace("\"i-a\"", &format!("\"{id}\""))
            .replace("DeletionProtection", flag);
        fs::write(&path, [heartbeat(1, 0), about].join("\n")).unwrap();
        let ended = explain(&stage, id, &["--log", path.to_str().unwrap()]).await;
        let said = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(told), "{told}: {said}");
    }
}

#[tokio::test]
async fn a_log_without_the_target_or_about_another_place_is_told() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    let path = stage.folder.join("evidence.log");
    for (lines, told) in [
        (heartbeat(1, 0), "- No line of it is about a change of this target."),
        (
            heartbeat(1, 0).replace(HERE, "eu-west-1"),
            "The evidence log has no line about this account and region.",
        ),
    ] {
        fs::write(&path, lines).unwrap();
        let ended = explain(&stage, "i-a", &["--log", path.to_str().unwrap()]).await;
        assert!(ended.code == 0 && ended.out.contains(told), "{ended:?}");
    }
    assert!(as_json(&stage, "i-a").await.get("history").is_none());
}

#[tokio::test]
async fn what_is_no_evidence_log_ends_in_one_sentence_before_the_cloud_is_asked() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-a"));
    let path = stage.folder.join("other.log");
    fs::write(&path, "level=info msg=started\n").unwrap();
    for (file, part) in [
        (path.to_str().unwrap(), "is one of the evidence log (ecs-keeper.io/evidence/v1)"),
        ("/nowhere/evidence.log", "failed to read the evidence log /nowhere/evidence.log: "),
        ("-", "no line of standard input"),
    ] {
        let told = explain(&stage, "i-a", &["--log", file]).await;
        assert_eq!((told.code, told.out.as_str(), told.err.lines().count()), (1, "", 1), "{told:?}");
        assert!(told.err.contains(part), "{told:?}");
    }
    assert_eq!(stage.account.violations(&[]), [""; 0]);
    // Not beside the schema, which needs no target.
    assert_eq!(ended(stage.program(&["explain", "--schema"])).await.code, 0);
}
