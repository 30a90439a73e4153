//! Tables that are made from the code.

use std::fmt::Write as _;

use clap::{CommandFactory as _, Parser as _};
use ecs_keeper::cli::{Cli, Command, RamCommand};
use ecs_keeper::metrics::{Description, Metrics};
use ecs_keeper::{config, crds, ram};
use keeper_alicloud::endpoint::regions_without_sts;
use keeper_alicloud::sts_codes;
use keeper_alicloud::{ATTRIBUTION_OPERATIONS, OPERATIONS, Permission, SCALING_OPERATIONS};
use keeper_core::failure::Class;
use keeper_core::reason::Reason;
use serde_json::{Value, json};

use crate::pages;

#[test]
fn the_reasons_are_those_of_the_code() {
    let mut table =
        String::from("| Reason | Needs a person | What is the matter, and what to do |\n|---|---|---|\n");
    for reason in Reason::ALL {
        let person = if reason.needs_person() { "yes" } else { "" };
        writeln!(table, "| `{}` | {person} | {} |", reason.as_str(), reason.sentence()).unwrap();
    }
    is_current("docs/reasons.md", "reasons", &table);
}

#[test]
fn the_symptoms_name_reasons_that_there_are() {
    let page = std::fs::read_to_string(pages::root().join("docs/troubleshooting.md")).unwrap();
    let tables = page.split("\n\n").filter(|part| part.starts_with("| Reason |"));
    let cells = tables.flat_map(|table| table.lines().skip(2)).filter_map(|row| row.split(" | ").next());
    let named: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 50, "only {} were found: do the tables still begin with reasons?", named.len());
    let unknown: Vec<&str> = named.into_iter().filter(|word| Reason::from_word(word).is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_settings_are_those_of_the_command_line_and_of_the_file() {
    let command = Cli::command();
    let run = command.find_subcommand("run").unwrap();
    let mut table = String::new();
    let mut heading = None;
    for argument in run.get_arguments() {
        if argument.get_help_heading() != heading {
            heading = argument.get_help_heading();
            write!(
                table,
                "\n### {}\n\n| Flag | Variable | Default | |\n|---|---|---|---|\n",
                heading.unwrap()
            )
            .unwrap();
        }
        let takes_value = argument.get_action().takes_values();
        let value = argument.get_value_names().filter(|_| takes_value).unwrap_or_default();
        let flag = value
            .iter()
            .fold(format!("--{}", argument.get_long().unwrap()), |flag, name| format!("{flag} {name}"));
        let variable = argument.get_env().unwrap().to_str().unwrap();
        let default = argument.get_default_values().iter().filter(|_| takes_value);
        let default: Vec<_> = default.map(|value| format!("`{}`", value.to_str().unwrap())).collect();
        let choices: Vec<_> = argument.get_possible_values();
        let choices: Vec<_> =
            choices.iter().filter(|_| takes_value).map(|value| format!("`{}`", value.get_name())).collect();
        let choices =
            if choices.is_empty() { String::new() } else { format!(" One of {}.", choices.join(", ")) };
        let help = argument.get_help().unwrap().to_string();
        let help = help.trim_end_matches('.');
        writeln!(table, "| `{flag}` | `{variable}` | {} | {help}.{choices} |", default.join(", ")).unwrap();
    }
    is_current("docs/configuration.md", "flags", table.trim_start());

    let mut table = String::from("| Key | Type | Default | |\n|---|---|---|---|\n");
    keys(&config::schema(), "", &mut table);
    is_current("docs/configuration.md", "keys", &table);
}

#[test]
fn the_fields_of_the_resources_are_those_of_their_definitions() {
    for crd in crds::all() {
        let kind = &crd.spec.names.kind;
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        let properties = &schema["openAPIV3Schema"]["properties"];
        let mut spec = String::from("| Field | Type | Default | |\n|---|---|---|---|\n");
        keys(&properties["spec"], "", &mut spec);
        is_current("docs/fields.md", &format!("{kind}-spec"), &spec);
        let mut status = String::from("| Field | Type | |\n|---|---|---|\n");
        fields(&properties["status"], "", &mut status);
        is_current("docs/fields.md", &format!("{kind}-status"), &status);
    }
}

#[test]
fn the_commands_are_those_of_the_program() {
    let options = clap_markdown::MarkdownOptions::new().show_footer(false);
    let text = clap_markdown::help_markdown_custom::<Cli>(&options);
    // The page has a title and a heading of its own.
    let (_, commands) = text.split_once("**Command Overview:**\n\n").expect("the list of commands");
    let lines = commands.lines().map(|line| line.trim_end().to_owned() + "\n");
    let text = lines.collect::<String>().trim_end().to_owned() + "\n";
    is_current("docs/cli.md", "commands", &text);
}

/// A line for each key below a place in the schema.
fn keys(schema: &Value, place: &str, table: &mut String) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let required = schema["required"].as_array();
    for (key, schema) in properties {
        let is_required = required.is_some_and(|names| names.iter().any(|name| name == key));
        let place = format!("{place}{key}");
        let items = &schema["items"];
        let kind = |schema: &Value| match schema["type"].as_str() {
            _ if schema["enum"].is_array() => "string".to_owned(),
            Some("object") => "object".to_owned(),
            Some("string") => "string".to_owned(),
            Some("integer") => "integer".to_owned(),
            Some("boolean") => "boolean".to_owned(),
            Some("array") => "list".to_owned(),
            other => panic!("{place}: {other:?} has no name here"),
        };
        let (kind, below) = match schema["type"].as_str() {
            Some("array") => (format!("list of {}s", kind(items)), "[]."),
            _ => (kind(schema), "."),
        };
        let default = match &schema["default"] {
            Value::Null if is_required => "required".to_owned(),
            Value::Null => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{}`", other.to_string().replace('"', "")),
        };
        let described =
            schema["description"].as_str().unwrap_or_else(|| panic!("{place} has no description"));
        writeln!(table, "| `{place}` | {kind} | {default} | {} |", described.replace('\n', " ")).unwrap();
        keys(if items.is_null() { schema } else { items }, &format!("{place}{below}"), table);
    }
}

#[test]
fn the_fields_of_the_evidence_log_are_those_of_its_schema() {
    let schema = ecs_keeper::evidence_schema();
    let [transition, heartbeat, attribution] = &schema["oneOf"].as_array().unwrap()[..] else {
        panic!("{schema}")
    };
    let events = [transition, heartbeat, attribution].map(|of| &of["properties"]["event"]["const"]);
    let common = |key: &String| {
        heartbeat["properties"].get(key).is_some() && transition["properties"].get(key).is_some()
    };
    for (name, of, wanted) in [
        ("evidence-all", transition, true),
        ("evidence-transition", transition, false),
        ("evidence-heartbeat", heartbeat, false),
        ("evidence-attribution", attribution, false),
    ] {
        let mut part = of.clone();
        let properties = part["properties"].as_object_mut().unwrap();
        properties.retain(|key, _| common(key) == wanted);
        if let Some(event) = properties.get_mut("event") {
            *event = json!({ "description": "What the line tells of.", "type": "string", "enum": events });
        }
        let mut table = String::from("| Field | Type | |\n|---|---|---|\n");
        fields(&part, "", &mut table);
        is_current("docs/evidence.md", name, &table);
    }
}

/// A line for each field below a place in the schema of what is printed.
fn fields(schema: &Value, place: &str, table: &mut String) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}{key}");
        let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
        let format = |kind: &Value| match (kind.as_str().unwrap(), schema["format"].as_str()) {
            ("string", Some("date-time")) => "time".to_owned(),
            ("array", _) => format!("list of {}s", schema["items"]["type"].as_str().unwrap()),
            (kind, _) => kind.to_owned(),
        };
        let types: Vec<String> = types.iter().map(format).collect();
        let words = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
        let words: Vec<String> = words.filter_map(Value::as_str).map(|word| format!("`{word}`")).collect();
        let described = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        let told = words.iter().all(|word| described.contains(word));
        let words = if told { String::new() } else { format!(" One of {}.", words.join(", ")) };
        let words = words.replacen(" One of", if words.contains(", ") { " One of" } else { " Always" }, 1);
        writeln!(table, "| `{place}` | {} | {} |", types.join(" or "), format!("{described}{words}").trim())
            .unwrap();
        fields(schema, &format!("{place}."), table);
        fields(&schema["items"], &format!("{place}[]."), table);
    }
}

#[test]
fn the_regions_without_sts_in_the_vpc_are_those_of_the_table() {
    let regions: Vec<String> = regions_without_sts().iter().map(|region| format!("`{region}`")).collect();
    assert!(!regions.is_empty());
    is_current("docs/configuration.md", "regions-without-sts", &format!("{}\n", regions.join(", ")));
}

#[test]
fn the_codes_of_sts_are_those_of_the_code() {
    let mut rows: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for (operation, code, sentence) in sts_codes::all() {
        match rows.iter_mut().find(|(known, ..)| *known == code) {
            Some((.., operations)) => operations.push(operation),
            None => rows.push((code, sentence, vec![operation])),
        }
    }
    let mut table =
        String::from("| Code | Answer of | What is the matter, and what to do |\n|---|---|---|\n");
    for (code, sentence, operations) in rows {
        writeln!(table, "| `{code}` | {} | {sentence} |", operations.join(", ")).unwrap();
    }
    is_current("docs/credentials.md", "sts-codes", &table);
}

/// Each sentence, as far as it says what is the matter.
#[test]
fn each_error_about_credentials_has_a_row() {
    let read = |path: &str| std::fs::read_to_string(pages::root().join(path)).unwrap();
    let page = read("docs/credentials.md");
    let (_, rows) = page.split_once("\n## Other errors\n").unwrap();
    let mut known = 0;
    for file in ["src/credentials/error.rs", "crates/alicloud/src/metadata_service.rs"] {
        for attribute in read(file).split("#[error(").skip(1) {
            let Some(literal) = attribute.trim_start().strip_prefix('"') else { continue };
            let lines = literal.split_once('"').unwrap().0.split("\\\n");
            let sentence: String = lines.map(str::trim_start).collect();
            let parts = sentence.split(['{', '}']).enumerate();
            let told: String = parts.map(|(i, part)| if i % 2 == 0 { part } else { "…" }).collect();
            let told = told.replace('`', "");
            let ends = [";", " (", ",", ": …"].map(|end| told.find(end).unwrap_or(told.len()));
            let matter = &told[..ends.into_iter().min().unwrap()];
            // One that is the sentence of another error has no row of its own.
            let own = matter.trim_matches('…').is_empty() || rows.contains(&format!("`{matter}"));
            assert!(own, "{file}: no row for {matter:?}");
            known += 1;
        }
    }
    assert!(known > 20, "only {known} sentences were found: is their form still the same?");
}

#[tokio::test]
async fn the_policies_are_those_that_the_commands_print() {
    const TRUST: &str = "ecs-keeper ram trust --provider-arn acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789 \
                         --issuer https://oidc-ack-cn-hangzhou.oss-cn-hangzhou.aliyuncs.com/c0123456789";
    for (name, command) in [
        ("policy", "ecs-keeper ram policy"),
        ("trust", TRUST),
        ("chain", &format!("{TRUST} --role-in 2234567890123456")),
    ] {
        let printed = match Cli::parse_from(command.split(' ')).command {
            Command::Ram(RamCommand::Policy(options)) => ram::policy(&options).unwrap(),
            Command::Ram(RamCommand::Trust(options)) => ram::trust(&options).await.unwrap(),
            other => panic!("{other:?}"),
        };
        let command = command.replace(" --", " \\\n    --");
        let block = format!("```console\n$ {command}\n```\n\n```json\n{}```\n", printed.text);
        is_current("docs/ram.md", name, &block);
    }
}

#[test]
fn the_actions_of_the_table_are_those_of_the_client() {
    let page = std::fs::read_to_string(pages::root().join("docs/ram.md")).unwrap();
    let mut listed: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(action, _)| action)
        .collect();
    let all = OPERATIONS.into_iter().chain(SCALING_OPERATIONS).chain(ATTRIBUTION_OPERATIONS);
    let needed = all.filter(|operation| operation.permission() != Permission::None);
    let mut needed: Vec<String> = needed.map(keeper_alicloud::Operation::action).collect();
    listed.sort_unstable();
    needed.sort();
    assert_eq!(listed, needed);
}

/// The part of the chart's schema that is about the file is the file's own.
#[test]
fn the_schema_of_the_chart_s_values_holds_that_of_the_configuration() {
    const BEGIN: &str = "\n    \"config\": ";
    const END: &str = "\n    }";
    let path = pages::root().join("deploy/charts/ecs-keeper/values.schema.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut schema = config::schema();
    for key in ["$schema", "title"] {
        schema.as_object_mut().unwrap().remove(key);
    }
    let generated = serde_json::to_string_pretty(&schema).unwrap().replace('\n', "\n    ");
    let (before, rest) = text.split_once(BEGIN).expect("the key of the configuration");
    let (_, after) = rest.split_once(END).expect("the end of its schema");
    let current = format!("{before}{BEGIN}{}{END}{after}", generated.strip_suffix(END).unwrap());
    if updating() {
        std::fs::write(&path, current).unwrap();
    } else {
        assert!(text == current, "{} is out of date: run `make crds` and review the diff", path.display());
    }
}

#[test]
fn the_metrics_are_those_of_the_code() {
    let mut table = String::from("| Metric | Type | Labels | |\n|---|---|---|---|\n");
    for Description { name, kind, labels, help, leaders } in Metrics::new().unwrap().descriptions() {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        let leader = if leaders { ", *leader*" } else { "" };
        writeln!(table, "| `{name}` | {kind}{leader} | {} | {help} |", labels.join(", ")).unwrap();
    }
    is_current("docs/metrics.md", "metrics", &table);
}

#[test]
fn the_alerts_are_those_of_the_chart() {
    let page = std::fs::read_to_string(pages::root().join("docs/alerts.md")).unwrap();
    let chart = pages::root().join("deploy/charts/ecs-keeper/files/alerts.yaml");
    assert_eq!(pages::blocks(&page, "yaml"), [std::fs::read_to_string(chart).unwrap()]);
}

#[test]
fn the_classes_of_errors_are_those_of_the_code() {
    let page = std::fs::read_to_string(pages::root().join("docs/metrics.md")).unwrap();
    let (_, list) = page.split_once("The classes of errors in `outcome`: ").unwrap();
    let list = list.split_once('.').unwrap().0;
    let told: Vec<&str> = list.split(',').map(|word| word.trim().trim_matches('`')).collect();
    assert_eq!(told, Class::ALL.map(Class::as_str));
}

#[expect(clippy::disallowed_methods, reason = "a switch of the test itself, not of the operator")]
fn updating() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// Fails if what stands between the page's two marks for a table is not this text; UPDATE_GOLDEN=1 puts it there.
fn is_current(page: &str, name: &str, generated: &str) {
    const END: &str = "\n<!-- end -->\n";
    let begin = format!("<!-- {name}: generated by tests/docs/tables.rs -->\n\n");

    let path = pages::root().join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(&begin).expect("the mark where the table begins");
    let (committed, after) = rest.split_once(END).expect("the mark where the table ends");
    if updating() {
        std::fs::write(&path, format!("{before}{begin}{generated}{END}{after}")).unwrap();
    } else {
        assert!(committed == generated, "{page} is out of date: run `make crds` and review the diff");
    }
}
