//! What is printed for programs, judged by its schema: our own for JSON, the standard's for SARIF.

use std::collections::BTreeSet;

use jsonschema::Validator;
use keeper_simulator::Seed;
use serde_json::Value;

use crate::fleet;
use crate::program::{HERE, Stage, THERE, ended};

/// The schema of SARIF 2.1.0 (OASIS), as the crate serde-sarif 0.8.0 has it.
const SARIF: &str = include_str!("data/sarif-schema-2.1.0.json");

fn validator(schema: &Value) -> Validator {
    jsonschema::options().should_validate_formats(true).build(schema).unwrap()
}

/// The standard's schema has one pattern, of languages, with a bracket too many, which not every library takes. No log of ours
/// names a language.
fn standard() -> Validator {
    validator(&serde_json::from_str(&SARIF.replace("[a-zA-Z]{2}]?$", "[a-zA-Z]{2}$")).unwrap())
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

#[tokio::test]
async fn sarif_is_valid_and_has_the_worst_findings_first() {
    let (stage, ignore) = full().await;
    let flags: Vec<&str> =
        ["--output", "sarif"].into_iter().chain(ignore.iter().map(String::as_str)).collect();
    let ended = stage.audit(&flags).await;
    let log: Value = serde_json::from_str(&ended.out).unwrap();
    assert_valid(&standard(), &log);
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    let first = &results[0];
    assert_eq!(
        (first["ruleId"].as_str(), first["level"].as_str()),
        (Some("ecs-instance-deletion-protection-enabled"), Some("error"))
    );
    assert_eq!(
        first["partialFingerprints"]["ecsKeeperTarget/v1"],
        "default/cn-hangzhou/i-bare/ecs-instance-deletion-protection-enabled"
    );
    let order = |level: &Value| ["error", "warning", "note"].iter().position(|known| level == known).unwrap();
    assert!(results.iter().map(|result| order(&result["level"])).is_sorted(), "{}", ended.out);
    // Every rule is explained, and every finding is one's own.
    let rules: BTreeSet<&str> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| rule["id"].as_str().unwrap())
        .collect();
    assert!(results.iter().all(|result| rules.contains(result["ruleId"].as_str().unwrap())));
    let prints: BTreeSet<String> =
        results.iter().map(|result| result["partialFingerprints"].to_string()).collect();
    assert_eq!(prints.len(), results.len());
    let suppressed: Vec<&Value> = results.iter().filter(|result| !result["suppressions"].is_null()).collect();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["locations"][0]["logicalLocations"][0]["name"], "i-timed");
    assert!(!run["invocations"][0]["executionSuccessful"].as_bool().unwrap());
    assert!(
        ended
            .out
            .contains("cn-beijing (account default): DescribeNetworkInterfaces failed with Forbidden.RAM")
    );
    // A target that has no finding is not there.
    assert!(!ended.out.contains("i-safe/"), "{}", ended.out);
    // The same account gives the same fingerprints.
    let again = stage.audit(&flags).await;
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(again["runs"][0]["results"], run["results"]);
}

#[tokio::test]
async fn sarif_is_cut_after_the_worst_5000_findings_and_says_so() {
    let stage = Stage::new().await;
    stage.account.seed(&Seed::new(HERE).id("i-spot").times(2_600));
    let spot = Seed { spot_strategy: Some(keeper_simulator::SpotStrategy::SpotAsPriceGo), ..Seed::new(HERE) };
    stage.account.seed(&spot.id("i-first").times(100));
    let ended = stage.audit(&["--output", "sarif", "--calls-per-minute", "6000"]).await;
    let log: Value = serde_json::from_str(&ended.out).unwrap();
    let run = &log["runs"][0];
    let results = run["results"].as_array().unwrap();
    // 2,600 instances and 2,700 interfaces are unprotected; the risks of 100 spot instances, and of what is on them, come after.
    assert_eq!(
        (results.len(), run["properties"]["findings"].as_u64(), run["properties"]["leftOut"].as_u64()),
        (5_000, Some(5_500), Some(500))
    );
    assert!(results.iter().all(|result| result["level"] == "error"));
    let instances =
        results.iter().take_while(|result| result["ruleId"] == "ecs-instance-deletion-protection-enabled");
    assert_eq!(instances.count(), 2_600);
    assert!(ended.out.contains("500 more findings were left out"));
}
