//! How the program ends where something is wrong: with 1, and with a sentence.

use std::process::Stdio;

use keeper_simulator::Seed;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;

use crate::program::{Ended, HERE, Stage, ended};
use crate::protection;
use crate::unread::ends_quietly_unread;

fn one_sentence(ended: &Ended, part: &str) {
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
    assert_eq!(ended.err.lines().count(), 1, "{ended:?}");
    assert!(ended.err.starts_with("ecs-keeper: ") && ended.err.contains(part), "{part}: {ended:?}");
}

/// What comes of planning a file with this text.
async fn of_text(stage: &Stage, text: &str) -> Ended {
    let file = stage.write("a.yaml", text);
    ended(stage.program(&["plan", "-f", &file])).await
}

const WEB: &str = "apiVersion: ecs-keeper.io/v1alpha1
kind: EcsInstanceProtection
metadata:
  name: web
spec:
  region: cn-hangzhou
  targets:
    instanceIds: [i-a]
";

#[tokio::test]
async fn what_is_wrong_in_a_file_is_told_with_line_and_column_before_anybody_is_called() {
    let stage = Stage::new().await;
    for (text, told) in [
        (String::new(), "a.yaml: there is nothing to plan"),
        (
            "kind: Service\napiVersion: v1\n".to_owned(),
            "there is nothing to plan (1 document about something else was skipped)",
        ),
        (format!("{WEB}  bad: [1\n"), "a.yaml:"),
        (
            WEB.replace("region", "regoin"),
            "a.yaml:6:3: spec.regoin: unknown field `regoin`; did you mean `region`?",
        ),
        (WEB.replace("[i-a]", "[web]"), "a.yaml:8:19: spec.targets.instanceIds[0]: `web` has to match"),
        (
            WEB.replace("  region: cn-hangzhou\n", ""),
            "a.yaml:5:1: spec.region: targets.instanceIds, targets.instanceTags",
        ),
    ] {
        one_sentence(&of_text(&stage, &text).await, told);
    }
    let two = of_text(&stage, &WEB.replace("region", "regoin").replace("i-a", "I")).await;
    assert_eq!((two.code, two.err.lines().count()), (1, 3), "{two:?}");
    assert_eq!(stage.account.violations(&[]), [""; 0]);
}

#[tokio::test]
async fn wrong_usage_ends_in_one_sentence() {
    let stage = Stage::new().await;
    one_sentence(&ended(stage.program(&["plan", "-f", "/nowhere"])).await, "failed to read /nowhere");
    let file = stage.write("a.yaml", WEB);
    let flags = |more: &[&str]| stage.program(&[&["plan", "-f", &file], more].concat());
    one_sentence(&ended(flags(&["--account", "defualt"])).await, "did you mean `default`?");
    one_sentence(&ended(flags(&["--region", "cn-hangzou"])).await, "did you mean `cn-hangzhou`?");
    one_sentence(&ended(flags(&["--kubeconfig", "/nowhere"])).await, "name it with --config");
    one_sentence(&ended(flags(&["-f", "-", "-f", "-"])).await, "-f - can be given only once");
    let mut keyless = flags(&[]);
    keyless.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID").env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    one_sentence(&ended(keyless).await, "no credentials are configured");
    // clap's own code for these is 2, which says something else here.
    for words in [&["plan"][..], &["plan", "-f"], &["plan", "-f", &file, "--output", "html"]] {
        let refused = ended(stage.program(words)).await;
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{words:?}");
    }
}

#[tokio::test]
async fn files_come_from_folders_and_from_standard_input() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-a").protected(true));
    let folder = stage.folder.join("manifests");
    std::fs::create_dir_all(folder.join("deep/.git")).unwrap();
    std::fs::write(folder.join("deep/web.yml"), WEB).unwrap();
    std::fs::write(folder.join("deep/.git/config.yaml"), "not: [yaml").unwrap();
    std::fs::write(folder.join("README.md"), "not: [yaml").unwrap();
    std::fs::write(folder.join("service.json"), "{\"kind\": \"Service\",\t\"apiVersion\": \"v1\"}").unwrap();
    let config = stage.folder.join("config.yaml");
    let config = ["--operator-namespace", "default", "--config", config.to_str().unwrap()];
    let words = [&["plan", "-f", folder.to_str().unwrap()], &config[..]].concat();
    let from_folder = ended(stage.program(&words)).await;
    assert_eq!((from_folder.code, from_folder.err.as_str()), (0, ""), "{from_folder:?}");
    for part in [
        "deep/web.yml:1:1",
        "1 other document in the files is not about",
        "Plan: 1 already protected; no calls.",
    ] {
        assert!(from_folder.out.contains(part), "{part}: {}", from_folder.out);
    }
    let mut command = stage.program(&[&["plan", "-f", "-"], &config[..]].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(WEB.as_bytes()).await.unwrap();
    drop(input);
    let output = child.wait_with_output().await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && out.contains("standard input:1:1"), "{out}");
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(HERE).id("i-a"));
    let object = protection("web", &json!({ "targets": { "instanceIds": ["i-a"] } }));
    let file = stage.write("a.yaml", &object.to_string());
    let config = stage.folder.join("config.yaml");
    let words = ["plan", "-f", &file, "--config", config.to_str().unwrap()];
    ends_quietly_unread(stage.program(&words)).await;
}
