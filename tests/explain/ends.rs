//! How the program ends: its exit code, and one sentence where something is wrong.

use keeper_simulator::Seed;
use serde_json::json;

use crate::api_server::api_server;
use crate::program::{Ended, HERE, Stage, THERE, ended};
use crate::unread::ends_quietly_unread;
use crate::{explain, only_read, safe};

fn one_sentence(ended: &Ended, part: &str) {
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.starts_with("ecs-keeper: ") && ended.err.contains(part), "{ended:?}");
}

#[tokio::test]
async fn a_target_is_found_in_any_of_the_regions() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(THERE).id("i-there"));
    let ended = explain(&stage, "i-there", &["--region", HERE, "--region", THERE]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    assert!(ended.out.starts_with("i-there\ncn-beijing, account default, seen "), "{}", ended.out);
    only_read(&stage);
}

#[tokio::test]
async fn what_is_nowhere_is_told_in_one_sentence() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    for id in ["i-nowhere", "eni-nowhere"] {
        let told = format!("{id} is not in cn-hangzhou (account default), or this identity may not see it");
        one_sentence(&explain(&stage, id, &[]).await, &told);
    }
    only_read(&stage);
}

#[tokio::test]
async fn i59_a_region_that_can_not_be_read_is_told_and_does_not_hide_the_others() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    stage.allow_only_here("DescribeInstances");
    let flags = ["--region", THERE, "--region", HERE];
    let found = explain(&stage, "i-a", &flags).await;
    assert_eq!((found.code, found.err.as_str()), (0, ""));
    assert!(
        found.out.contains("NOT EXAMINED\n  - cn-beijing (account default): DescribeInstances failed"),
        "{found:?}"
    );
    let lost = explain(&stage, "i-b", &flags).await;
    one_sentence(&lost, "i-b is not in cn-hangzhou (account default)");
    assert!(lost.err.contains("It could not be looked for in cn-beijing"), "{lost:?}");
    one_sentence(
        &explain(&stage, "i-a", &["--region", THERE]).await,
        "cn-beijing (account default): DescribeInstances failed",
    );
    only_read(&stage);
}

#[tokio::test]
async fn wrong_usage_ends_in_one_sentence() {
    let stage = Stage::new().await;
    one_sentence(&explain(&stage, "i-a", &["--region", "cn-hangzou"]).await, "did you mean `cn-hangzhou`?");
    let mut keyless = stage.program(&["explain", "i-a", "--region", HERE, "--skip-cluster"]);
    keyless.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID").env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    one_sentence(&ended(keyless).await, "no credentials are configured");
    // clap's own code for these is 2, which is no code of ours.
    for words in [&["explain"][..], &["explain", "sg-1"], &["explain", "I-A"]] {
        let refused = ended(stage.program(words)).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{words:?}");
    }
}

#[tokio::test]
async fn without_a_cluster_that_can_be_reached_the_cloud_is_told_all_the_same() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    let config = stage.folder.join("config.yaml");
    let ended = ended(stage.program(&["explain", "i-a", "--config", config.to_str().unwrap()])).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let told = ended.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("Since when is not known from status: no objects were read."), "{}", ended.out);
    let why = "OBJECTS Not known: failed to connect to the cluster: found neither a Pod's ServiceAccount nor a kubeconfig";
    assert!(told.contains(why), "{}", ended.out);
}

#[tokio::test]
async fn why_there_is_no_connection_to_the_api_server_is_told() {
    let stage = Stage::new().await;
    let (kubeconfig, _) = api_server(&stage, |_| (404, json!({}))).await;
    let mut access: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&kubeconfig).unwrap()).unwrap();
    access["clusters"][0]["cluster"]["server"] = json!("http://127.0.0.1:1");
    let kubeconfig = stage.write("nobody", &access.to_string());
    let refused = ended(stage.program(&["uninstall-check", "--kubeconfig", &kubeconfig])).await;
    one_sentence(&refused, "Connection refused");
}

#[tokio::test]
async fn what_a_plugin_of_the_kubeconfig_prints_is_not_repeated() {
    let stage = Stage::new().await;
    let (kubeconfig, _) = api_server(&stage, |_| (404, json!({}))).await;
    let mut access: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&kubeconfig).unwrap()).unwrap();
    for (script, told) in [
        (
            "echo CANARY; echo CANARY >&2; exit 3",
            "the kubeconfig's plugin failed (exit status: 3): run it by hand",
        ),
        ("echo CANARY", "the output of the kubeconfig's plugin can't be decoded"),
    ] {
        access["users"][0]["user"]["exec"] = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
            "interactiveMode": "Never",
        });
        let kubeconfig = stage.write("plugin", &access.to_string());
        let refused = ended(stage.program(&["uninstall-check", "--kubeconfig", &kubeconfig])).await;
        one_sentence(&refused, told);
        assert!(!refused.err.contains("CANARY"), "{refused:?}");
    }
}

#[tokio::test]
async fn a_cluster_without_the_definitions_is_not_said_to_be_safe_to_uninstall() {
    let stage = Stage::new().await;
    let missing =
        json!({ "kind": "Status", "status": "Failure", "message": "no", "reason": "NotFound", "code": 404 });
    let (kubeconfig, _) = api_server(&stage, move |_| (404, missing.clone())).await;
    for output in ["text", "json"] {
        let words = ["uninstall-check", "--output", output, "--kubeconfig", &kubeconfig];
        one_sentence(&ended(stage.program(&words)).await, "this cluster has no CRD of ecs-keeper");
    }
}

#[tokio::test]
async fn i59_what_the_api_server_does_not_tell_is_unknown_and_it_is_only_read() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    let config = stage.folder.join("config.yaml");
    for (code, told) in [
        (404, "this cluster has no CRD EcsInstanceProtection: check that the kubeconfig is for the cluster"),
        (403, "you may not list and get EcsInstanceProtection objects in all namespaces"),
        (500, "failed to read the objects of kind EcsInstanceProtection: no (500)"),
    ] {
        let no =
            json!({ "kind": "Status", "status": "Failure", "message": "no", "reason": "No", "code": code });
        let (kubeconfig, asked) = api_server(&stage, move |_| (code, no.clone())).await;
        let words = ["explain", "i-a", "--output", "json", "--kubeconfig", &kubeconfig, "--config"];
        let ended = ended(stage.program(&[&words, &[config.to_str().unwrap()][..]].concat())).await;
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
        let explained: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(explained["verdict"]["state"], "Protected");
        let why = explained["objects"]["whyUnknown"].as_str().unwrap();
        assert!(why.contains(told), "{why}");
        let asked = asked.lock().unwrap();
        assert!(!asked.is_empty() && asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a"));
    let config = stage.folder.join("config.yaml");
    let words = ["explain", "i-a", "--skip-cluster", "--config", config.to_str().unwrap()];
    ends_quietly_unread(stage.program(&words)).await;
}
