//! The forms of an explanation: JSON by its schema, text that fits on a screen, and what strangers wrote in both.

use jsonschema::Validator;
use keeper_simulator::{InterfaceChange, InterfaceSeed, Seed};
use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::program::{HERE, Stage, ended};
use crate::{as_json, explain, safe};

async fn validator(stage: &Stage) -> Validator {
    // As in the Pod, where the chart sets variables.
    let mut asking = stage.program(&["explain", "--schema"]);
    asking.env("ECS_KEEPER_CONFIG", "/nowhere").env("POD_NAMESPACE", "keeper");
    let printed = ended(asking).await;
    assert_eq!((printed.code, printed.err.as_str()), (0, ""));
    let schema: Value = serde_json::from_str(&printed.out).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

#[tokio::test]
async fn what_is_printed_as_json_has_the_form_that_the_schema_says() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a").name("web").interface(InterfaceSeed::secondary().id("eni-a")));
    stage.account.seed_one(&Seed::spot(HERE).id("i-spot"));
    let validator = validator(&stage).await;
    for id in ["i-a", "eni-a", "i-spot"] {
        let told = as_json(&stage, id).await;
        let errors: Vec<String> = validator.iter_errors(&told).map(|error| error.to_string()).collect();
        assert_eq!(errors, [""; 0], "{told}");
        for (key, other) in [("kind", "Machine"), ("seen", "today"), ("verdict", "fine")] {
            let mut odd = told.clone();
            odd[key] = other.into();
            assert!(!validator.is_valid(&odd), "{key}");
        }
        for key in told.as_object().unwrap().keys().filter(|key| *key != "name") {
            let mut without = told.clone();
            without.as_object_mut().unwrap().remove(key);
            assert!(!validator.is_valid(&without), "{key}");
        }
    }
}

#[tokio::test]
async fn i59_an_explanation_fits_on_a_screen_whatever_strangers_wrote() {
    let stage = Stage::new().await;
    let names = ["\u{1b}[2J\u{1b}]0;owned\u{7}red", "a\u{2028}b\r\nc", "exe\u{202e}gpj", &"长".repeat(4000)];
    for (number, name) in names.into_iter().enumerate() {
        let id = format!("i-{number}");
        let seed = Seed::new(HERE).id(&id).name(name).tag("karpenter.sh/nodepool", name);
        stage.account.seed_one(&seed.tag("acs:autoscaling:scalingGroupId", name));
        let interface = stage.account.interfaces_of(&id).remove(0).network_interface_id.clone();
        let change =
            InterfaceChange { network_interface_name: Some(name.to_owned()), ..InterfaceChange::default() };
        stage.account.change_interface(&interface, &change);
        for id in [&id, &interface] {
            for output in ["text", "json"] {
                let ended = explain(&stage, id, &["--output", output]).await;
                assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{output}");
                let harm =
                    |one: &char| (one.is_control() && *one != '\n') || matches!(one, '\u{2028}' | '\u{202e}');
                assert_eq!(ended.out.chars().filter(harm).count(), 0, "{output} {}", ended.out);
                assert!(!ended.out.contains(&"长".repeat(129)), "{output}");
                if output == "text" {
                    assert!(ended.out.lines().all(|line| line.width() <= 100), "{}", ended.out);
                    assert!(ended.out.lines().count() <= 50, "{}", ended.out);
                }
            }
        }
    }
}

#[tokio::test]
async fn times_are_told_in_the_zone_of_who_reads_and_programs_get_utc() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    let config = stage.folder.join("config.yaml");
    for (output, wanted) in [("text", "+08:00"), ("json", "Z\",")] {
        let mut command = stage.program(&["explain", "i-a", "--skip-cluster", "--output", output]);
        // A rule as in POSIX: a machine need not have a table of zones.
        command.env("TZ", "CST-8").arg("--config").arg(&config);
        let ended = ended(command).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
        let seen = ended.out.lines().find(|line| line.contains("seen")).unwrap();
        assert!(seen.ends_with(wanted), "{seen}");
    }
}
