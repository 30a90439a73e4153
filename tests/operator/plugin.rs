//! The program as a plugin of kubectl.

use std::os::unix::fs::symlink;

use tokio::process::Command;

use crate::stage::Stage;

#[tokio::test]
async fn kubectl_finds_the_program_and_help_says_how_it_was_called() {
    let stage = Stage::new().await;
    let folder = stage.new_folder();
    symlink(env!("CARGO_BIN_EXE_ecs-keeper"), folder.join("kubectl-ecs_keeper")).unwrap();
    let kubectl = async |words: &[&str]| {
        let mut command = Command::new(&stage.cluster.kubectl);
        command.env_clear().env("PATH", &folder).env("KUBECONFIG", &stage.cluster.kubeconfig);
        let output = command.arg("ecs-keeper").args(words).output().await.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, help) = kubectl(&["doctor", "--help"]).await;
    assert_eq!(code, Some(0));
    assert!(help.contains("Usage: kubectl ecs-keeper doctor"), "{help}");
    let selector = format!("{}={}", crate::stage::LABEL, stage.namespace);
    let (code, said) = kubectl(&["uninstall-check", "--object-selector", &selector]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("It is safe to uninstall"), "{said}");
}
