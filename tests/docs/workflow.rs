//! The workflow for pull requests.

use clap::Parser as _;
use ecs_keeper::cli::{Cli, Command, PlanFormat};
use serde_json::{Value, json};

use crate::pages;

#[test]
fn the_workflow_calls_the_program_as_it_is_with_no_more_permissions_than_it_needs() {
    let text = std::fs::read_to_string(pages::root().join("docs/plan-workflow.yaml")).unwrap();
    let workflow: Value = serde_saphyr::from_str(&text).unwrap();
    let needed = json!({ "contents": "read", "id-token": "write", "pull-requests": "write" });
    assert_eq!(workflow["permissions"], needed);
    let steps = workflow["jobs"]["plan"]["steps"].as_array().unwrap();
    let plan = steps.iter().find(|step| step["name"] == "Plan").unwrap()["run"].as_str().unwrap();
    let words = plan.lines().find_map(|line| line.trim().strip_prefix("plan ")).unwrap();
    let words = words.split(" > ").next().unwrap().split_whitespace();
    let cli = Cli::try_parse_from(["ecs-keeper", "plan"].into_iter().chain(words)).unwrap();
    let Command::Plan(options) = cli.command else { panic!("not a plan: {plan}") };
    assert_eq!((options.output, options.filenames.len()), (PlanFormat::Markdown, 1));
}
