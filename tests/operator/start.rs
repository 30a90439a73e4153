//! What a person reads when the operator can't begin.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::net::TcpSocket;

use crate::process::{credentials, program};
use crate::stage::{PATIENCE, Stage, eventually};

/// Runs the operator with the environment that it would have, less some of it, until it ends by itself.
async fn ended(stage: &Stage, without: &[&str], flags: &[&str]) -> Output {
    let mut command = program(&stage.log);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.args(["run", "--namespace", "some-namespace"]).args(flags);
    if !flags.contains(&"--config") {
        command.arg("--config").arg(stage.settings().write());
    }
    if !flags.contains(&"--admin-address") {
        command.args(["--admin-address", "127.0.0.1:0"]);
    }
    for (name, value) in credentials(stage.account.access_key()) {
        if !without.contains(&name) {
            command.env(name, value);
        }
    }
    tokio::time::timeout(PATIENCE, command.output()).await.expect("an end in time").unwrap()
}

/// What it complained of, which is one line.
fn complaint(output: Output) -> String {
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> =
        text.lines().filter(|line| !line.contains(" INFO ") && !line.contains(" WARN ")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

#[tokio::test]
async fn without_credentials_it_says_which_variable_to_set() {
    let stage = Stage::new().await;
    let kubeconfig = ["--kubeconfig", stage.kubeconfig.to_str().unwrap()];
    for variable in ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"] {
        let told = complaint(ended(&stage, &[variable], &kubeconfig).await);
        assert!(
            told.contains(&format!(
                "account default: no access key: set the environment variable {variable}"
            )),
            "{told}"
        );
    }
}

#[tokio::test]
async fn without_a_usable_kubeconfig_it_says_where_to_give_one() {
    let stage = Stage::new().await;
    let told = complaint(ended(&stage, &[], &["--kubeconfig", "/nonexistent/kubeconfig"]).await);
    assert!(told.contains("--kubeconfig") && told.contains("/nonexistent/kubeconfig"), "{told}");
    let told = complaint(ended(&stage, &[], &[]).await);
    assert!(told.contains("neither a Pod's ServiceAccount") && told.contains("--kubeconfig"), "{told}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_what_to_do() {
    let stage = Stage::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = listener.local_addr().unwrap();
    let kubeconfig = stage.kubeconfig.to_str().unwrap();
    let flags = ["--kubeconfig", kubeconfig, "--admin-address", &taken.to_string()];
    let told = complaint(ended(&stage, &[], &flags).await);
    for part in [&*format!("failed to listen on {taken}"), "set another with --admin-address", "in use"] {
        assert!(told.contains(part), "{told}");
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_told_with_what_would_be_right() {
    let stage = Stage::new().await;
    let file = stage.folder.join("wrong.yaml");
    std::fs::write(&file, "sweepInterval: sixty\naccounts:\n  - name: default\n    regions: [cn-hangzou]\n")
        .unwrap();
    let file = file.to_str().unwrap();
    let mut checking = program(&stage.log);
    checking.args(["config", "check", file]).stdout(Stdio::piped()).stderr(Stdio::piped());
    for output in [ended(&stage, &[], &["--config", file]).await, checking.output().await.unwrap()] {
        assert!(!output.status.success());
        let told = String::from_utf8(output.stderr).unwrap();
        let lines: Vec<&str> = told.lines().collect();
        assert!(lines[0].contains(file), "{told}");
        assert!(lines[1].contains("line 1, column 16: sweepInterval: `sixty` is not a duration"), "{told}");
        assert!(
            lines[2].contains("line 4, column 15: unknown region `cn-hangzou`; did you mean `cn-hangzhou`?"),
            "{told}"
        );
    }
    let told = complaint(ended(&stage, &[], &["--config", "/nonexistent/config.yaml"]).await);
    assert!(told.contains("/nonexistent/config.yaml") && told.contains("ECS_KEEPER_CONFIG"), "{told}");
}

#[tokio::test]
async fn what_can_be_used_and_may_not_be_meant_is_told_by_config_check() {
    let stage = Stage::new().await;
    let file = stage.folder.join("doubtful.yaml");
    let vpc = "accounts:\n  - name: default\n    regions: [cn-hangzhou, ap-south-1]\n    endpoints: {network: Vpc}\n";
    for (text, doubt) in [
        (vpc, "line 3, column 28: the region ap-south-1 has no STS endpoint in the VPC"),
        ("primaryRetentionRegions: [cn-hangzou]\n", "line 1, column 27: the vendor's table of regions"),
    ] {
        std::fs::write(&file, text).unwrap();
        let mut checking = program(&stage.log);
        checking.args(["config", "check"]).arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = checking.output().await.unwrap();
        let told = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "it is valid: {told}");
        assert!(told.contains(" is valid: ") && told.contains(doubt), "{told}");
    }
}

/// A key that can't be used is told once, with all that is known of it.
#[tokio::test]
async fn a_key_that_can_not_be_used_is_told_once() {
    let stage = Stage::new().await;
    let mut command = program(&stage.log);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.args(["run", "--namespace", "some-namespace", "--admin-address", "127.0.0.1:0"]);
    command.arg("--config").arg(stage.settings().write()).arg("--kubeconfig").arg(&stage.kubeconfig);
    for (name, value) in credentials(stage.account.access_key()) {
        command.env(name, format!("{value} "));
    }
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("an end in time").unwrap();
    let told = complaint(output);
    assert_eq!(told.matches("contains a blank").count(), 1, "{told}");
    assert!(told.contains("invalid access key: the access key id contains a blank"), "{told}");
}

/// The API server may come: the operator says what is the matter and goes on trying, and ends when it is asked to.
#[tokio::test]
async fn a_dead_api_server_is_told_and_waited_for() {
    let stage = Stage::new().await;
    // Bound and not listening: nobody else is given this port, and every connection is refused.
    let port = TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    stage.move_api_server(port.local_addr().unwrap());

    let mut operator = stage.start();
    eventually("the failing watch is told", async || {
        let printed = stage.printed();
        if printed.contains("watch failed, restarting it") { Ok(()) } else { Err(printed) }
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(operator.runs());
    let printed = stage.printed();
    assert!(printed.lines().count() < 20, "more than anybody reads: {printed}");
    assert!(printed.to_lowercase().contains("connect"), "what is the matter: {printed}");
    assert_eq!(operator.terminate().await.code(), Some(0));
}
