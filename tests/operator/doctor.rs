//! `ecs-keeper doctor`, on the machine of an administrator and with the access of the operator's Pod. With metrics it is asked on a
//! real node, and without definitions in the chart's tests.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use keeper_simulator::{AccessKey, Fault, Rule, Seed};
use serde_json::{Value, json};

use crate::cluster::audit_log;
use crate::handover::{person, somebody};
use crate::permissions::deny;
use crate::process::{Answer, answer, credentials, program};
use crate::settings::Settings;
use crate::stage::{REGION, Stage};

/// What is said about the operator of these settings, with this access to the cluster and this key.
async fn examine(settings: &Settings<'_>, kubeconfig: &Path, key: &AccessKey, more: &[&str]) -> Answer {
    let stage = settings.stage;
    let mut command = program(Path::new("/dev/null"));
    command.env("ECS_KEEPER_KUBECONFIG", kubeconfig);
    command.envs(credentials(key)).arg("doctor").arg("--config").arg(settings.write());
    command.args(["--namespace", &stage.namespace, "--lease-name", stage.release.name()]);
    command.args(["--service-account", stage.release.service_account()]).args(more);
    answer(command).await
}

/// The findings as JSON, each as check, level and message.
fn findings(answer: &Answer) -> Vec<(String, String, String)> {
    let said: Value = serde_json::from_str(&answer.said).unwrap_or_else(|_| panic!("{answer:?}"));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let all = said["findings"].as_array().unwrap().iter();
    all.map(|it| (text(it, "check"), text(it, "level"), text(it, "message"))).collect()
}

#[track_caller]
fn assert_found(findings: &[(String, String, String)], wanted: &[(&str, &str, &str)]) {
    for (check, level, words) in wanted {
        let found = findings.iter().any(|(of, at, said)| of == check && at == level && said.contains(words));
        assert!(found, "{check} {level} {words}: {findings:#?}");
    }
}

#[tokio::test]
async fn i59_a_sound_operator_is_found_to_be_so_and_nothing_is_written() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let settings = stage.settings();
    let _operator = settings.start();
    stage.apply("web", json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
    stage.until("web", "Protected=True/AllProtected").await;

    let before = stage.account.log().len();
    let cluster_admin = ("clusterrolebinding", "cluster-admin");
    let administrator = somebody(&stage.cluster, &stage.namespace, "administrator", cluster_admin).await;
    // No region is named: that of the object is examined.
    let answer = examine(&settings, &administrator, &settings.key, &["--output=json"]).await;
    let log = stage.account.log();
    let asked: BTreeSet<&str> = log[before..].iter().map(|entry| entry.action.as_str()).collect();
    assert!(asked.contains("GetCallerIdentity"), "{asked:?}");
    assert!(
        asked.iter().all(|action| action.starts_with("Describe") || action.starts_with("Get")),
        "{asked:?}"
    );
    let user = format!("system:serviceaccount:{}:administrator", stage.namespace);
    let log = audit_log();
    let requests: Vec<&str> = log.lines().filter(|line| line.contains(&user)).collect();
    assert!(requests.len() > 20, "{requests:?}");
    for request in requests {
        let reads = request.contains(r#""verb":"get""#) || request.contains(r#""verb":"list""#);
        assert!(reads || request.contains("reviews\""), "{request}");
    }
    assert_eq!((answer.code, answer.complained.as_str()), (Some(0), ""), "{answer:?}");
    let found = findings(&answer);
    assert_found(
        &found,
        &[
            ("Configuration", "Ok", "config.yaml: 1 account"),
            ("ApiServer", "Ok", "Kubernetes v1."),
            ("Definitions", "Ok", "ecsinstanceprotections.ecs-keeper.io: is that of version"),
            ("Access", "Ok", "may do all "),
            // The chart's tests have the policies.
            ("UnprotectVerb", "Warning", "there is no such policy"),
            ("Leader", "Ok", " leads, and renewed the Lease"),
            ("Evidence", "Ok", "cn-hangzhou (account default): the last complete sweep began "),
            (
                "Objects",
                "Ok",
                "EcsInstanceProtection: all 1 were judged as they are, and none waits for a person",
            ),
            ("Credentials", "Ok", "account default: "),
            ("Identity", "Ok", "acs:ram::"),
            ("Clock", "Ok", "this machine's clock and the cloud's agree"),
            ("Endpoint", "Ok", "cn-hangzhou (account default): http://127.0.0.1:"),
            ("Permission", "Ok", "may call DescribeInstances, DescribeNetworkInterfaces (whether"),
            // No kubelet has started this operator.
            ("Throttling", "Unknown", "there is no such Pod"),
            ("Alert", "Unknown", "there is no such Pod"),
        ],
    );
    let mut others = found
        .iter()
        .filter(|(check, ..)| check != "UnprotectVerb" && check != "Alert" && check != "Throttling");
    assert!(others.all(|(_, level, _)| level == "Ok"), "{found:#?}");

    // As in the Pod, where the chart sets variables.
    let mut command = program(Path::new("/dev/null"));
    command.env("ECS_KEEPER_CONFIG", "/nowhere").env("POD_NAMESPACE", "keeper").args(["doctor", "--schema"]);
    let output = command.stdout(Stdio::piped()).output().await.unwrap();
    let schema = String::from_utf8(output.stdout).unwrap();
    let validator = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let said: Value = serde_json::from_str(&answer.said).unwrap();
    assert!(validator.is_valid(&said), "{said}");
    let mut odd = said;
    odd["findings"][0]["level"] = "Fine".into();
    assert!(!validator.is_valid(&odd));

    // Somebody of the application team: what he may not know is unknown, and nothing is called wrong.
    let person = person(&stage.cluster, &stage.namespace).await;
    let answer = examine(&settings, &person, &settings.key, &["--output=json"]).await;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    assert_found(
        &findings(&answer),
        &[
            ("Definitions", "Ok", "is served (you may not read the definition"),
            ("Access", "Unknown", "create subjectaccessreviews"),
            ("UnprotectVerb", "Unknown", "you may not read admission policies"),
            ("Leader", "Unknown", "you may not read the Lease"),
            ("Objects", "Unknown", "ask for the ClusterRole ecs-keeper-view"),
            ("Evidence", "Unknown", "account default: no region is known to examine"),
            ("Alert", "Unknown", "nobody is known to lead"),
        ],
    );
}

#[tokio::test]
async fn whatever_is_wrong_is_found_with_what_to_do() {
    let stage = Stage::new().await;
    let settings = stage
        .settings()
        .set("/accounts/0/attribution", "ActionTrail")
        .set("/accounts/0/endpoints/actiontrail", stage.simulator.endpoint());
    deny(&stage, "actiontrail:LookupEvents");
    let here = ["--region", REGION, "--output=json"];
    let unasked = [&here[..], &["--skip-cluster"]].concat();
    let mut answer = examine(&settings, Path::new("/nowhere"), &settings.key, &unasked).await;
    assert_found(
        &findings(&answer),
        &[
            ("Permission", "Ok", "may call DescribeInstances, DescribeNetworkInterfaces (whether"),
            ("Permission", "Warning", "LookupEvents failed with "),
            ("Permission", "Warning", "what ecs-keeper ram policy prints for this configuration (--config)."),
            ("Permission", "Warning", "Attribution says nothing; nothing else depends on it."),
        ],
    );
    assert_eq!(answer.code, Some(0), "{answer:?}");
    // Nobody knows the codes of ActionTrail.
    let mystery = Fault::Error { code: "Mystery".to_owned(), status: Some(403), message: None };
    stage.account.fault(Rule::new("LookupEvents", mystery).times(1));
    answer = examine(&settings, Path::new("/nowhere"), &settings.key, &unasked).await;
    assert_found(
        &findings(&answer),
        &[("Permission", "Warning", "LookupEvents failed with Mystery (HTTP 403")],
    );
    let mute = settings.clone().set("/accounts/0/endpoints/actiontrail", "http://127.0.0.1:9");
    answer = examine(&mute, Path::new("/nowhere"), &settings.key, &unasked).await;
    assert_found(&findings(&answer), &[("Endpoint", "Warning", "LookupEvents failed with ")]);
    deny(&stage, "ecs:DescribeNetworkInterfaces");
    answer = examine(&settings, &stage.cluster.kubeconfig, &settings.key, &here).await;
    assert_eq!((answer.code, answer.complained.as_str()), (Some(1), ""), "{answer:?}");
    assert_found(
        &findings(&answer),
        &[
            (
                "Leader",
                "Failure",
                "does not exist. No operator has run here: check --namespace and --lease-name",
            ),
            ("Evidence", "Unknown", "no complete sweep is recorded"),
            ("Permission", "Ok", "may call DescribeInstances, LookupEvents (whether"),
            ("Permission", "Failure", "DescribeNetworkInterfaces failed with "),
            ("Permission", "Failure", "Compare its policy with what ecs-keeper ram policy prints"),
        ],
    );
    let wrong = AccessKey { access_key_secret: "wrong".to_owned(), ..settings.key.clone() };
    answer = examine(&settings, &stage.cluster.kubeconfig, &wrong, &here).await;
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let found = findings(&answer);
    assert_found(&found, &[("Identity", "Failure", "GetCallerIdentity failed with SignatureDoesNotMatch")]);
    assert!(!answer.said.contains(&settings.key.access_key_secret), "I44");
    assert!(
        found.iter().all(|(check, ..)| check != "Permission"),
        "nobody is asked with a key that is wrong"
    );

    // No address, no Lease, no role.
    let nowhere = settings.clone().set("/accounts/0/endpoints", json!({ "ecs": "http://127.0.0.1:9" }));
    let text = examine(&nowhere, Path::new("/nowhere"), &settings.key, &["--skip-cluster"]).await;
    assert_eq!(text.code, Some(1), "{text:?}");
    assert!(
        text.said.lines().any(|line| line.starts_with("failure  identity        account default: ")),
        "{text:?}"
    );
    assert!(text.said.contains("0 warning, 1 failure"), "{text:?}");
    let text = examine(&settings, Path::new("/nowhere"), &settings.key, &["--skip-cloud"]).await;
    assert!(
        text.said.contains("failure  API server      invalid kubeconfig; check --kubeconfig"),
        "{text:?}"
    );
    assert!(text.said.contains("--skip-cluster examines only the cloud."), "{text:?}");
}

#[tokio::test]
async fn i45_what_the_service_account_may_not_do_is_named() {
    let stage = Stage::new().await;
    let settings = stage.settings();
    let config = settings.write();
    let mut command = program(Path::new("/dev/null"));
    command.stdout(Stdio::piped()).env("ECS_KEEPER_KUBECONFIG", &stage.cluster.kubeconfig).arg("doctor");
    command.arg("--config").arg(config).args(["--skip-cloud", "--namespace", &stage.namespace]);
    let output = command.args(["--lease-name", "nobody"]).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    for words in [
        "the ServiceAccount",
        "may not: get ecsinstanceprotections, ",
        "patch eniretentions/status, ",
        "create leases",
        "Install the chart's roles (rbac.create)",
        "nobody-unprotect-ecsinstanceprotections: there is no such policy",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
