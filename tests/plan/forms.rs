//! The forms of a plan: JSON by its schema, text that fits on a screen, Markdown, and what strangers wrote in all of them.

use jiff::{SignedDuration, Timestamp};
use keeper_simulator::Seed;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr as _;

use crate::program::{HERE, Stage, ended};
use crate::{as_json, plan, protection};

#[path = "../audit/names.rs"]
mod names;

#[tokio::test]
async fn what_is_printed_as_json_has_the_form_that_the_schema_says() {
    let stage = Stage::new().await;
    // As in the Pod, where the chart sets variables.
    let mut asking = stage.program(&["plan", "--schema"]);
    asking.env("ECS_KEEPER_CONFIG", "/nowhere").env("POD_NAMESPACE", "keeper");
    let printed = ended(asking).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let schema: Value = serde_json::from_str(&printed.out).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    stage.account.seed_one(&Seed::new(HERE).id("i-a").name("web"));
    stage.account.seed_one(&Seed::spot(HERE).id("i-spot"));
    let spec = json!({ "targets": { "allInstances": true } });
    let (_, planned) = as_json(&stage, &[protection("web", &spec)]).await;
    let errors: Vec<String> = validator.iter_errors(&planned).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0], "{planned:#}");
    for key in planned.as_object().unwrap().keys() {
        let mut without = planned.clone();
        without.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&without), "{key}");
    }
    for (path, other) in
        [("/targets/0/outcome", "Fine"), ("/objects/0/action", "Delete"), ("/cost/writes", "one")]
    {
        let mut odd = planned.clone();
        *odd.pointer_mut(path).unwrap() = other.into();
        assert!(!validator.is_valid(&odd), "{path}");
    }
}

#[tokio::test]
async fn i59_no_name_does_harm_in_any_form_of_a_plan() {
    let stage = Stage::new().await;
    let long = "长".repeat(4000);
    let seeded = names::NAMES.into_iter().chain([long.as_str()]);
    for (number, name) in seeded.enumerate() {
        stage.account.seed_one(&Seed::new(HERE).id(&format!("i-{number}")).name(name));
    }
    let object = protection("web", &json!({ "targets": { "allInstances": true } }));
    for output in ["text", "json", "markdown"] {
        let ended = plan(&stage, std::slice::from_ref(&object), &["--output", output, "--all"]).await;
        assert_eq!((ended.code, ended.err.as_str()), (2, ""), "{output}");
        let harm: Vec<char> = ended.out.chars().filter(|one| names::is_harmful(*one)).collect();
        assert_eq!(harm, [], "{output}");
        assert!(!ended.out.contains(&"长".repeat(129)), "{output}");
        match output {
            "text" => assert!(ended.out.lines().all(|line| line.width() <= 100), "{}", ended.out),
            "markdown" => {
                for mark in ["<script", "@team", "`rm", "](http", "=HYPERLINK", "|b|"] {
                    assert!(!ended.out.contains(mark), "{mark}: {}", ended.out);
                }
                let rows = ended.out.lines().filter(|line| line.starts_with("| <code>"));
                assert_eq!(rows.filter(|row| row.matches('|').count() == 6).count(), names::NAMES.len() + 1);
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_long_list_is_cut_unless_all_is_asked_for() {
    let stage = Stage::new().await;
    for number in 0..60 {
        stage.account.seed_one(&Seed::new(HERE).id(&format!("i-{number}")));
    }
    let object = protection("web", &json!({ "targets": { "allInstances": true } }));
    let listed = |out: &str| out.lines().filter(|line| line.contains("will be protected")).count();
    for output in ["text", "markdown"] {
        let some = plan(&stage, std::slice::from_ref(&object), &["--output", output]).await.out;
        assert_eq!((listed(&some), some.contains("nd 10 more")), (50, true), "{some}");
        let all = plan(&stage, std::slice::from_ref(&object), &["--output", output, "--all"]).await.out;
        assert_eq!((listed(&all), all.contains("more")), (60, false), "{all}");
    }
}

#[tokio::test]
async fn times_are_told_in_the_zone_of_who_reads_and_other_forms_have_utc() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-a"));
    let until = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let until = Timestamp::from_second(until.as_second()).unwrap();
    let exception = json!({ "instanceId": "i-a", "until": until, "reason": "replaced" });
    let spec = json!({ "targets": { "instanceIds": ["i-a"] }, "exceptions": [exception] });
    let file = stage.write("times.yaml", &protection("web", &spec).to_string());
    let config = stage.folder.join("config.yaml");
    let words =
        ["plan", "-f", &file, "--operator-namespace", "default", "--config", config.to_str().unwrap()];
    // A rule as in POSIX: a machine need not have a table of zones.
    let there = until.checked_add(SignedDuration::from_hours(8)).unwrap().to_string().replace('Z', "+08:00");
    for (output, wanted) in
        [("text", there), ("json", until.to_string()), ("markdown", until.to_string().replace(':', "&#58;"))]
    {
        let mut command = stage.program(&[&words[..], &["--output", output]].concat());
        command.env("TZ", "CST-8");
        let ended = ended(command).await;
        let told = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(&format!("unprotected until {wanted}")), "{wanted}: {ended:?}");
    }
}
