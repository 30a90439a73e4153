//! What Argo CD makes of each state. `tests/operator/tools.rs` compares it with kstatus in whatever states the operator comes.

use serde_json::{Value, json};

use crate::health;

/// Health and message of an object at generation 2 with this status.
fn health_of(kind: &str, status: &Value) -> (String, String) {
    let mut object = json!({ "kind": kind, "metadata": { "generation": 2 } });
    if !status.is_null() {
        object["status"] = status.clone();
    }
    health::health(&object)
}

/// A status at this generation with these conditions, which say what they are.
fn status(observed: i64, conditions: &[(&str, &str)]) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(
            |(name, status)| json!({ "type": name, "status": status, "message": format!("{name} says so.") }),
        )
        .collect();
    json!({ "observedGeneration": observed, "conditions": conditions })
}

#[test]
fn argo_cd_waits_for_the_operators_word() {
    for (kind, domain) in [("EcsInstanceProtection", "Protected"), ("EniRetention", "Retained")] {
        let done = [(domain, "True"), ("AtRisk", "False"), ("Ready", "True"), ("Stalled", "False")];
        let risky = [(domain, "True"), ("AtRisk", "True"), ("Ready", "True"), ("Stalled", "False")];
        let observing = [(domain, "False"), ("AtRisk", "Unknown"), ("Ready", "True")];
        let busy = [(domain, "Unknown"), ("Ready", "False"), ("Reconciling", "True"), ("Stalled", "False")];
        let stuck = [(domain, "False"), ("Ready", "False"), ("Reconciling", "False"), ("Stalled", "True")];
        let (says, not_yet) =
            (format!("{domain} says so."), "ecs-keeper has not observed this generation yet");
        for (status, expected, message) in [
            (Value::Null, "Progressing", not_yet),
            (json!({ "observedGeneration": -1 }), "Progressing", not_yet),
            (status(1, &done), "Progressing", not_yet),
            (status(1, &stuck), "Progressing", not_yet),
            (status(2, &[]), "Progressing", "ecs-keeper has not set the conditions yet"),
            (status(2, &busy), "Progressing", "Reconciling says so."),
            (status(2, &stuck), "Degraded", "Stalled says so."),
            (status(2, &done), "Healthy", &says),
            (status(2, &risky), "Healthy", &format!("{says} AtRisk says so.")),
            (status(2, &observing), "Healthy", &says),
        ] {
            assert_eq!(
                health_of(kind, &status),
                (expected.to_owned(), message.to_owned()),
                "{kind} {status}"
            );
        }
    }
}
