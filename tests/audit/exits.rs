//! How the program ends: its exit code, and one sentence where something is wrong.

use std::io::Read as _;
use std::process::Stdio;

use keeper_simulator::{DEFAULT_USER, Fault, Policy, Rule, Seed, UserSeed};
use serde_json::json;

use crate::fleet;
use crate::program::{Ended, HERE, Stage, THERE, ended};

fn one_sentence(ended: &Ended, part: &str) {
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.starts_with("ecs-keeper: ") && ended.err.contains(part), "{ended:?}");
}

#[tokio::test]
async fn the_exit_code_says_what_was_found() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    for (flags, code) in [
        ("", 0),
        ("--fail-on=unprotected", 3),
        ("--fail-on=at-risk", 4),
        ("--fail-on=at-risk,unprotected", 3),
        ("--fail-on=at-risk,unprotected --select=env=test --instances-only", 0),
        ("--fail-on=unprotected --select=env=prod --instances-only", 3),
    ] {
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let ended = stage.audit(&flags).await;
        assert_eq!((ended.code, ended.err.as_str()), (code, ""), "{flags:?}");
    }
}

#[tokio::test]
async fn a_finding_that_is_ignored_does_not_count_until_its_time_is_over() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let flags = |file: &'static str| ["--instances-only", "--fail-on", "unprotected", "--ignore", file];
    let path = |text: &str| -> &'static str { stage.write("ignore.yaml", text).leak() };
    let ignored = stage.json(&flags(path("[{id: i-bare, reason: it may go, until: 2999-12-31}]"))).await;
    assert_eq!((ignored.code, ignored.err.as_str()), (0, ""));
    let bare = ignored.lines("Instance").into_iter().find(|line| line["id"] == "i-bare").unwrap();
    assert_eq!(bare["ignored"], json!({ "reason": "it may go", "until": "3000-01-01T00:00:00Z" }));
    assert_eq!(
        (bare["state"].as_str(), ignored.lines("Region")[0]["instances"]["ignored"].as_u64()),
        (Some("Unprotected"), Some(1))
    );
    let over = stage.audit(&flags(path("[{id: i-bare, reason: it may go, until: 2020-01-01}]"))).await;
    assert_eq!((over.code, over.err.contains("i-bare is no longer ignored")), (3, true), "{over:?}");
    let invalid = stage.audit(&flags(path("[{id: i-bare, until: 2020-01-01}]"))).await;
    assert_eq!((invalid.code, invalid.err.contains("`reason` is missing")), (1, true), "{invalid:?}");
    one_sentence(
        &stage.audit(&flags("/nowhere")).await,
        "failed to read the file /nowhere of ignored targets",
    );
}

#[tokio::test]
async fn wrong_usage_ends_in_one_sentence() {
    let stage = Stage::new().await;
    one_sentence(&stage.audit(&["--region", "cn-hangzou"]).await, "did you mean `cn-hangzhou`?");
    one_sentence(&stage.audit(&["--account", "defualt"]).await, "did you mean `default`?");
    one_sentence(&ended(stage.command(&[])).await, "Name them with --region");
    let mut keyless = stage.command(&["--region", HERE]);
    keyless.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID").env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    one_sentence(&ended(keyless).await, "no credentials are configured");
    // clap's own code for these is 2, which is no code of ours.
    for flags in [&["--fail-on", "everything"][..], &["--calls-per-minute", "0"], &["--select", "env"]] {
        let refused = ended(stage.command(flags)).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{flags:?}");
    }
    assert_eq!(ended(stage.command(&["--help"])).await.code, 0);
}

#[tokio::test]
async fn i59_a_region_that_can_not_be_read_does_not_hide_the_others() {
    for operation in ["DescribeInstances", "DescribeNetworkInterfaces"] {
        let stage = Stage::new().await;
        fleet::seed(&stage.account);
        stage.account.seed_one(&Seed::new(THERE).id("i-there"));
        stage.write("config.yaml", &stage.config(&[HERE, THERE]).to_string());
        stage.allow_only_here(operation);
        let ended = stage.json(&["--fail-on", "unprotected"]).await;
        assert_eq!((ended.code, ended.err.lines().count()), (1, 1), "{ended:?}");
        assert!(
            ended
                .err
                .contains(&format!("cn-beijing (account default): {operation} failed with Forbidden.RAM")),
            "{ended:?}"
        );
        let complete: Vec<_> = ended.lines("Region").iter().map(|line| line["complete"].clone()).collect();
        assert_eq!(complete, [json!(false), json!(true)]);
        assert_eq!(ended.said("i-safe").0, "Protected");
        stage.only_read();
    }
}

#[tokio::test]
async fn i28_an_account_without_credentials_does_not_hide_the_others() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let mut config = stage.config(&[HERE]);
    let mut keyless = config["accounts"][0].clone();
    keyless["name"] = json!("keyless");
    keyless["credentials"] =
        json!({ "files": { "accessKeyId": "/nowhere/id", "accessKeySecret": "/nowhere/secret" } });
    config["accounts"].as_array_mut().unwrap().push(keyless);
    stage.write("config.yaml", &config.to_string());
    let ended = stage.json(&[]).await;
    assert_eq!((ended.code, ended.err.lines().count()), (1, 1), "{ended:?}");
    assert!(
        ended.err.contains("account keyless has no credentials: ") && ended.err.contains("/nowhere/id"),
        "{ended:?}"
    );
    let regions = ended.lines("Region");
    let complete: Vec<_> =
        regions.iter().map(|line| (line["account"].as_str(), line["complete"].as_bool())).collect();
    assert_eq!(complete, [(Some("default"), Some(true)), (Some("keyless"), Some(false))]);
    let chosen = stage.json(&["--account", "default"]).await;
    assert_eq!((chosen.code, chosen.err.as_str()), (0, ""), "nobody asks for the other one's credentials");
    let alone = stage.audit(&["--account", "keyless"]).await;
    one_sentence(&alone, "account keyless has no credentials: ");
}

#[tokio::test]
async fn a_region_without_instances_is_no_failure() {
    let stage = Stage::new().await;
    let reads = json!({ "Version": "1", "Statement": [{ "Effect": "Allow", "Action": ["ecs:Describe*", "ess:DescribeScalingGroups"], "Resource": "*" }] });
    stage.account.user(UserSeed::new(DEFAULT_USER).policy(Policy::new(reads).unwrap()));
    let ended = stage.json(&["--fail-on", "unprotected"]).await;
    assert_eq!((ended.code, ended.err.as_str(), ended.lines("Instance").len()), (0, "", 0));
}

#[tokio::test]
async fn a_cloud_that_is_busy_is_asked_again_and_one_that_is_away_is_told() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let throttle = Fault::Throttle { code: None, retry_after_millis: Some(1000) };
    stage.account.fault(Rule::new("DescribeInstances", throttle).times(1));
    stage.account.fault(Rule::new("DescribeNetworkInterfaces", Fault::DropBefore).times(1));
    let ended = stage.json(&[]).await;
    assert_eq!((ended.code, ended.lines("Region")[0]["complete"].as_bool()), (0, Some(true)), "{ended:?}");
    let told = "ecs-keeper: the cloud throttles DescribeInstances (Throttling";
    assert!(ended.err.starts_with(told) && ended.err.lines().count() == 1, "{ended:?}");
    stage.account.fault(Rule::new("DescribeNetworkInterfaces", Fault::DropBefore));
    let away = stage.json(&[]).await;
    assert_eq!((away.code, away.err.lines().count()), (1, 1), "{away:?}");
}

#[tokio::test]
async fn a_reader_who_leaves_hears_nothing_more() {
    let stage = Stage::new().await;
    stage.account.seed(&Seed::new(HERE).times(2000));
    for output in ["table", "json", "csv", "sarif", "html"] {
        let config = stage.folder.join("config.yaml");
        let mut command = stage.command(&["--config", config.to_str().unwrap(), "--output", output]);
        let (reader, writer) = std::io::pipe().unwrap();
        let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        drop(command);
        let mut first = [0];
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = reader;
            reader.read_exact(&mut first)
        });
        reading.await.unwrap().unwrap();
        let left = child.wait_with_output().await.unwrap();
        assert_eq!(String::from_utf8(left.stderr).unwrap(), "", "{output}");
        assert_eq!(left.status.code(), Some(1), "{output}");
    }
}
