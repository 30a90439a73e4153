//! What is printed for programs, judged by its schema.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::Value;

use crate::fleet;
use crate::program::{HERE, Stage, THERE, ended};

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

fn assert_valid(validator: &Validator, value: &Value) {
    let errors: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, [""; 0], "{value}");
}

/// A stage in which everything that can be said is said.
async fn full() -> (Stage, Vec<String>) {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    stage.write("config.yaml", &stage.config(&[HERE, THERE]).to_string());
    stage.allow_only_here("DescribeNetworkInterfaces");
    let ignore = stage.write("ignore.yaml", "[{id: i-timed, reason: it may go, until: 2999-12-31}]");
    (stage, vec!["--ignore".to_owned(), ignore])
}

#[tokio::test]
async fn every_line_of_json_has_the_form_that_the_schema_says() {
    let (stage, ignore) = full().await;
    let printed = ended(stage.command(&["--schema"])).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let schema: Value = serde_json::from_str(&printed.out).unwrap();
    let validator = validator(&schema);
    let flags: Vec<&str> = ignore.iter().map(String::as_str).collect();
    let ended = stage.json(&flags).await;
    let mut seen = BTreeSet::new();
    for line in ended.out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_valid(&validator, &line);
        seen.extend(line.as_object().unwrap().keys().cloned());
        for (key, other) in [("type", "Machine"), ("state", "Fine"), ("seen", "today")] {
            let mut odd = line.clone();
            if odd[key].is_string() {
                odd[key] = other.into();
                assert!(!validator.is_valid(&odd), "{odd}");
            }
        }
        for key in ["type", "account", "region"] {
            let mut without = line.clone();
            without.as_object_mut().unwrap().remove(key);
            assert!(!validator.is_valid(&without), "{without}");
        }
    }
    for key in ["name", "instanceId", "risks", "ignored", "error", "networkInterfaces", "notExamined"] {
        assert!(seen.contains(key), "no line has {key}");
    }
}
