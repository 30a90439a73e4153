//! What stands in the lines, and that each of them has the form that the schema says.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonschema::Validator;
use keeper_core::id::{AccountName, ObjectId, Region, RequestId};
use keeper_core::on_behalf::{OnBehalf, WriteReason};
use keeper_core::transition::{FlagState, Look, Wrote};
use serde_json::{Value, json};

use super::*;

/// What was written; a write fails as long as it is told to.
#[derive(Clone, Default)]
struct Out(Arc<Mutex<(Vec<u8>, bool)>>);

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = self.0.lock().unwrap();
        if out.1 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        out.0.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Out {
    fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.0.lock().unwrap().0.clone()).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn log() -> (EvidenceLog, Out) {
    let out = Out::default();
    let scope = Scope { account: AccountName::new("default"), region: Region::new("cn-hangzhou") };
    (EvidenceLog::to(Box::new(out.clone()), scope, "ecs-keeper-0_1".into()), out)
}

fn at(seconds: u64) -> Moment {
    Moment::at(Duration::from_secs(seconds))
}

/// The 100th second is midnight.
fn now(second: u64) -> Moments {
    let midnight: jiff::Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
    let past = jiff::SignedDuration::from_secs(i64::try_from(second).unwrap() - 100);
    Moments { moment: at(second), wall: midnight + past }
}

fn look(second: u64, request_id: &str) -> Look {
    Look { at: at(second), request_id: Some(RequestId::new(request_id)) }
}

fn drift() -> Transition {
    Transition {
        resource: "Instance",
        flag: "DeletionProtection",
        id: "i-1".into(),
        from: Some(FlagState::Protected),
        to: Some(FlagState::Unprotected),
        last_seen: Some(look(90, "R-1")),
        seen: look(100, "R-2"),
        write: None,
    }
}

fn repair(reason: WriteReason, request_id: Option<&str>) -> Transition {
    let on_behalf = OnBehalf { object: ObjectId::new("prod", "web", "u-1"), generation: 3, reason };
    Transition {
        from: Some(FlagState::Unprotected),
        to: Some(FlagState::Protected),
        write: Some(Wrote { on_behalf, request_id: request_id.map(RequestId::new) }),
        ..drift()
    }
}

fn standing(swept: Proven) -> Standing {
    let targets = TargetsOf {
        kind: "EcsInstanceProtection",
        protected: 3,
        unprotected: 1,
        not_applicable: 0,
        unknown: 0,
        excepted: 0,
        at_risk: 2,
    };
    let swept =
        [("Instance", swept), ("NetworkInterface", Proven::NothingWanted), ("ScalingMember", Proven::NotYet)];
    Standing { swept, targets: vec![targets], circuit_open: false }
}

fn validator() -> Validator {
    jsonschema::options().should_validate_formats(true).build(&schema()).unwrap()
}

#[test]
fn i50_a_change_by_somebody_else_and_its_repair_are_two_numbered_lines() {
    let (mut log, out) = log();
    log.transition(now(100), &drift());
    log.transition(now(101), &repair(WriteReason::Repairing, Some("W-1")));
    assert_eq!(
        out.lines(),
        [
            json!({
                "event": "Transition", "schema": "ecs-keeper.io/evidence/v1",
                "account": "default", "region": "cn-hangzhou", "boot": "ecs-keeper-0_1", "sequence": 1,
                "time": "2026-03-01T00:00:00Z",
                "resource": "Instance", "id": "i-1", "flag": "DeletionProtection",
                "from": "Protected", "to": "Unprotected",
                "lastSeen": "2026-02-28T23:59:50Z", "lastSeenRequestId": "R-1",
                "seen": "2026-03-01T00:00:00Z", "requestId": "R-2", "write": null,
            }),
            json!({
                "event": "Transition", "schema": "ecs-keeper.io/evidence/v1",
                "account": "default", "region": "cn-hangzhou", "boot": "ecs-keeper-0_1", "sequence": 2,
                "time": "2026-03-01T00:00:01Z",
                "resource": "Instance", "id": "i-1", "flag": "DeletionProtection",
                "from": "Unprotected", "to": "Protected",
                "lastSeen": "2026-02-28T23:59:50Z", "lastSeenRequestId": "R-1",
                "seen": "2026-03-01T00:00:00Z", "requestId": "R-2",
                "write": {
                    "kind": "EcsInstanceProtection", "namespace": "prod", "name": "web", "uid": "u-1",
                    "generation": 3, "reason": "Repairing", "requestId": "W-1",
                },
            }),
        ]
    );
}

#[test]
fn i03_a_heartbeat_says_how_old_the_evidence_is_and_counts_on() {
    let (mut log, out) = log();
    log.beat(now(100), true, || standing(Proven::Since(at(95))));
    assert_eq!(out.lines(), [Value::Null; 0], "who does not lead writes none");
    log.follow(at(70), true);
    log.transition(now(100), &drift());
    log.beat(now(370), true, || standing(Proven::Since(at(95))));
    log.follow(at(380), false);
    log.beat(now(999), true, || standing(Proven::Since(at(95))));
    let [_, beat] = &out.lines()[..] else { panic!("{:?}", out.lines()) };
    assert_eq!(
        *beat,
        json!({
            "event": "Heartbeat", "schema": "ecs-keeper.io/evidence/v1",
            "account": "default", "region": "cn-hangzhou", "boot": "ecs-keeper-0_1", "sequence": 2,
            "time": "2026-03-01T00:04:30Z", "leadingSince": "2026-02-28T23:59:30Z",
            "sweeps": [
                { "resource": "Instance", "completeSince": "2026-02-28T23:59:55Z" },
                { "resource": "ScalingMember", "completeSince": null },
            ],
            "targets": [{
                "kind": "EcsInstanceProtection", "protected": 3, "unprotected": 1, "notApplicable": 0,
                "unknown": 0, "excepted": 0, "atRisk": 2,
            }],
            "circuitBreaker": false,
        })
    );
}

#[test]
fn a_line_that_can_not_be_written_leaves_a_gap_in_the_numbers() {
    let (mut log, out) = log();
    for fails in [false, true, true, false] {
        out.0.lock().unwrap().1 = fails;
        log.transition(now(100), &drift());
    }
    let numbers: Vec<Value> = out.lines().iter().map(|line| line["sequence"].clone()).collect();
    assert_eq!(numbers, [1, 4]);
}

#[test]
fn i42_an_id_of_strangers_can_not_end_a_line() {
    let (mut log, out) = log();
    log.transition(now(100), &Transition { id: "i-\"}\n{\u{2028}\u{1b}".into(), ..drift() });
    let lines = out.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["id"], "i-\"}\n{\u{2028}\u{1b}");
}

#[test]
fn the_schema_knows_every_word_and_every_line_has_its_form() {
    let (mut log, out) = log();
    for resource in ["Instance", "NetworkInterface", "ScalingMember"] {
        log.transition(now(100), &Transition { resource, ..drift() });
    }
    for flag in ["DeletionProtection", "AutoReleaseTime", "DeleteOnRelease", "ProtectedFromScaleIn"] {
        log.transition(now(100), &Transition { flag, ..drift() });
    }
    for state in FlagState::ALL.map(Some).into_iter().chain([None]) {
        let seen = Look { request_id: None, ..drift().seen };
        log.transition(now(100), &Transition { to: state, seen, ..drift() });
        log.transition(now(100), &Transition { from: state, last_seen: None, ..drift() });
    }
    for reason in WriteReason::ALL {
        log.transition(now(100), &repair(reason, None));
    }
    log.follow(at(1), true);
    log.beat(now(400), true, || standing(Proven::NotYet));
    let validator = validator();
    let lines = out.lines();
    assert_eq!(lines.len(), 24);
    for line in lines {
        let errors: Vec<String> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{line}");
        for (key, value) in line.as_object().unwrap() {
            let mut odd = line.clone();
            odd[key] = if value.is_array() { json!([{}]) } else { json!({ "odd": true }) };
            assert!(!validator.is_valid(&odd), "{key} may be anything");
            let mut without = line.clone();
            without.as_object_mut().unwrap().remove(key);
            assert!(!validator.is_valid(&without), "{key} may be missing");
        }
    }
}

#[test]
fn who_switched_a_flag_off_is_a_line_in_the_form_of_the_schema() {
    use keeper_core::attribution::{Outcome, Unanswered};
    use keeper_core::trail::{Actor, ActorKind, AskedValue, TrailEvent, TrailedFlag};
    let validator: Validator = jsonschema::options().should_validate_formats(true).build(&schema()).unwrap();
    let call = TrailEvent {
        at: now(95).wall,
        request_id: Some(RequestId::new("R-9")),
        targets: vec!["i-1".into()],
        asked: AskedValue::Unprotected,
        failed: false,
        actor: Actor {
            kind: ActorKind::AssumedRole,
            name: Some("admins:ann\u{1b}[31m".into()),
            account_id: Some("1".into()),
        },
        source: Some("203.0.113.9".into()),
        user_agent: None,
    };
    let object = ObjectId::new("prod", "web", "u-1");
    let finding = |outcome| Finding {
        region: Region::new("cn-hangzhou"),
        flag: TrailedFlag::DeletionProtection,
        target: "i-1".into(),
        on_behalf: OnBehalf { object: object.clone(), generation: 3, reason: WriteReason::Repairing },
        last_seen: now(90).wall,
        seen: now(100).wall,
        outcome,
    };
    let (mut log, out) = log();
    log.attribution(now(700), &finding(Outcome::ChangedBy(call.clone())));
    log.attribution(now(700), &finding(Outcome::Candidates { calls: vec![call.clone(), call], left_out: 4 }));
    for why in Unanswered::ALL {
        log.attribution(now(700), &finding(Outcome::Unknown(why)));
    }
    let lines = out.lines();
    for line in &lines {
        assert!(validator.is_valid(line), "{line}");
    }
    assert_eq!(
        lines[0],
        json!({
            "event": "Attribution", "schema": "ecs-keeper.io/evidence/v1", "account": "default", "region": "cn-hangzhou",
            "boot": "ecs-keeper-0_1", "sequence": 1, "time": "2026-03-01T00:10:00Z", "resource": "Instance", "id": "i-1",
            "flag": "DeletionProtection", "lastSeen": "2026-02-28T23:59:50Z", "seen": "2026-03-01T00:00:00Z",
            "outcome": "ChangedBy",
            "calls": [{
                "time": "2026-02-28T23:59:55Z", "requestId": "R-9", "identity": "AssumedRole", "user": "admins:ann[31m",
                "userAccount": "1", "source": "203.0.113.9", "userAgent": null,
            }],
            "notListed": 0,
        })
    );
    assert_eq!(lines[1]["calls"].as_array().map(Vec::len), Some(2));
    assert_eq!(lines[1]["notListed"], 4);
}
