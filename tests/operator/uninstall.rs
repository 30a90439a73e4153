//! `ecs-keeper uninstall-check`, as the operator's Pod and as a person run it. Without any definitions it is asked in the
//! chart's tests, which have an API server to themselves, and beside `explain`.

use keeper_simulator::{Fault, Rule, Seed};
use serde_json::{Value, json};

use crate::handover::person;
use crate::process::{Answer, ask};
use crate::stage::{LABEL, REGION, Stage, eventually};

/// Asks with the access of the operator's Pod about the objects of this test.
async fn check(stage: &Stage) -> Answer {
    let selector = format!("{LABEL}={}", stage.namespace);
    ask(&stage.kubeconfig, &["uninstall-check", "--object-selector", &selector]).await
}

/// The same as JSON: whether it is safe, and the objects.
async fn objects(stage: &Stage) -> (bool, Vec<Value>) {
    let selector = format!("{LABEL}={}", stage.namespace);
    let words = ["uninstall-check", "--object-selector", &selector, "--output=json"];
    let answer = ask(&stage.kubeconfig, &words).await;
    let said: Value = serde_json::from_str(&answer.said).unwrap();
    let safe = said["safe"].as_bool().unwrap();
    assert_eq!(answer.code, Some(i32::from(!safe)), "{answer:?}");
    (safe, said["objects"].as_array().unwrap().clone())
}

/// Does what the advice says.
async fn follow(stage: &Stage, object: &Value) {
    let (_, command) = object["advice"].as_str().unwrap().split_once("kubectl ").unwrap();
    let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
    stage.cluster.kubectl(&words).await;
}

#[tokio::test]
async fn i10_what_would_hang_without_the_operator_is_listed_until_nothing_does() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let mut operator = stage.start();
    assert_eq!(objects(&stage).await, (true, vec![]));
    let spec = |id: &str, policy: &str| json!({ "region": REGION, "targets": { "instanceIds": [id] }, "deletionPolicy": policy });
    stage.apply("kept", spec(&ids[0], "Keep")).await;
    stage.apply("lifted", spec(&ids[1], "Disable")).await;
    stage.retain("released", spec(&ids[1], "Release")).await;
    for name in ["kept", "lifted"] {
        stage.until(name, "Protected=True/AllProtected").await;
    }
    stage.until_retention("released", "Retained=True").await;

    let answer = check(&stage).await;
    assert_eq!((answer.code, answer.complained.as_str()), (Some(1), ""), "{answer:?}");
    let here = &stage.namespace;
    for told in [
        "Don't uninstall yet: 2 objects have a finalizer",
        &format!(
            "\nEcsInstanceProtection {here}/lifted\n  Its deletion switches off the protection of its instances"
        ),
        &format!(
            "\nEniRetention {here}/released\n  Its deletion switches off the retention of its network interfaces"
        ),
    ] {
        assert!(answer.said.contains(told), "{told}: {}", answer.said);
    }
    assert!(!answer.said.contains("kept"), "{}", answer.said);

    // The one is kept after all; the other one's deletion can't be carried out, until its author gives it up.
    let (_, found) = objects(&stage).await;
    let of =
        |found: &[Value], name: &str| found.iter().find(|object| object["name"] == name).cloned().unwrap();
    follow(&stage, &of(&found, "released")).await;
    stage.account.fault(Rule::new("ModifyInstanceAttribute", Fault::DropBefore));
    stage.delete("lifted").await;
    let held = eventually("only the deleted one is left", async || {
        let (safe, found) = objects(&stage).await;
        if found.len() == 1 && found[0]["deleting"] == json!(true) { Ok(found) } else { Err((safe, found)) }
    })
    .await;
    let advice = held[0]["advice"].as_str().unwrap();
    assert!(advice.contains("Wait until the object is gone, at most an hour"), "{advice}");
    follow(&stage, &held[0]).await;
    stage.until_gone("lifted").await;

    let answer = check(&stage).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert!(answer.said.starts_with("It is safe to uninstall"), "{answer:?}");
    assert!(stage.protected(&ids[0]) && stage.protected(&ids[1]));
    assert!(operator.runs());
}

#[tokio::test]
async fn whoever_may_not_look_everywhere_is_told_how_to() {
    let stage = Stage::new().await;
    let person = person(&stage.cluster, &stage.namespace).await;
    let answer = ask(&person, &["uninstall-check"]).await;
    std::fs::remove_file(&person).unwrap();
    assert_eq!((answer.code, answer.said.as_str()), (Some(1), ""), "{answer:?}");
    assert!(
        answer.complained.contains("ask for the ClusterRole ecs-keeper-view by a ClusterRoleBinding"),
        "{answer:?}"
    );
}
