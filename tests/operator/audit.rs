//! `ecs-keeper audit` beside a cluster: which objects hold what, and what nobody claims.

use jiff::{SignedDuration, Timestamp};
use keeper_simulator::{InterfaceSeed, Seed};
use serde_json::{Value, json};

use crate::process::{answer, with_key};
use crate::stage::{REGION, Stage};

/// The exit code of an audit with the operator's configuration and these flags, and what it printed and complained of.
async fn audit(stage: &Stage, flags: &[&str]) -> (i32, String, String) {
    let config = stage.folder.join("audit.json");
    let settings = stage.settings().set("/accounts/0/regions", json!([REGION]));
    std::fs::write(&config, settings.config.to_string()).unwrap();
    run(stage, &[flags, &["--config", config.to_str().unwrap()]].concat()).await
}

async fn run(stage: &Stage, flags: &[&str]) -> (i32, String, String) {
    let mut command = with_key(&stage.settings().key);
    command.args(["audit", "--namespace", &stage.namespace]).args(flags);
    answer(command).await.parts()
}

/// The part of the page about what ends soon.
async fn ends_soon(stage: &Stage, flags: &[&str]) -> String {
    // Where an operator runs, the identity is allowed what it needs, and that is no scaling groups.
    let flags = [flags, &["--output", "html", "--instances-only"]].concat();
    let (code, html, err) = audit(stage, &flags).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let (_, soon) = html.split_once("Ends within 30 days").unwrap();
    soon.split_once("</section>").unwrap().0.to_owned()
}

/// Takes the audit's calls out of the log, in which nobody but the operator is expected.
fn seen(stage: &Stage) {
    assert!(stage.account.count("DescribeScalingGroups").calls > 0);
    stage.account.clear_log();
}

#[tokio::test]
async fn i59_each_target_is_told_with_the_objects_that_hold_it() {
    let stage = Stage::new().await;
    let kept = InterfaceSeed::secondary().id("eni-held").delete_on_release(false);
    stage.account.seed_one(&Seed::new(REGION).id("i-held").tag("env", "prod").interface(kept));
    stage.account.seed_one(&Seed::new(REGION).id("i-watched").protected(true));
    stage.account.seed_one(&Seed::new(REGION).id("i-stray").protected(true));
    let by_tag = json!({ "instanceTags": [{ "key": "env", "value": "prod" }] });
    stage.apply("keeps", json!({ "region": REGION, "targets": by_tag })).await;
    let by_id = json!({ "instanceIds": ["i-watched"] });
    stage.apply("watches", json!({ "region": REGION, "targets": by_id, "mode": "Observe" })).await;
    let host = json!({ "instanceIds": ["i-held"] });
    stage.retain("retains", json!({ "region": REGION, "targets": host })).await;

    let kubeconfig = stage.cluster.kubeconfig.to_str().unwrap();
    let cluster = ["--kubeconfig", kubeconfig, "--output"];
    let (code, out, err) = audit(&stage, &[&cluster[..], &["json"]].concat()).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let held_by = |id: &str| lines.iter().find(|line| line["id"] == id).unwrap()["heldBy"].clone();
    let name = |name: &str| json!([format!("{}/{name}", stage.namespace)]);
    assert_eq!(held_by("i-held"), name("keeps"));
    assert_eq!(held_by("i-watched"), name("watches"), "who only observes holds it against others");
    assert_eq!(held_by("i-stray"), json!([]));
    assert_eq!(held_by("eni-held"), name("retains"));
    assert_eq!(lines.last().unwrap()["instances"]["unclaimed"], 1, "{out}");

    let (code, table, _) =
        audit(&stage, &[&cluster[..], &["table", "--fail-on", "unclaimed"]].concat()).await;
    assert_eq!(code, 5, "{table}");
    let (code, ..) = audit(
        &stage,
        &[&cluster[..], &["json", "--fail-on", "unclaimed", "--instances-only", "--select", "env=prod"]]
            .concat(),
    )
    .await;
    assert_eq!(code, 0);
    for output in ["table", "csv", "sarif", "html"] {
        let (_, out, _) = audit(&stage, &[&cluster[..], &[output]].concat()).await;
        assert!(out.contains(&format!("{}/keeps", stage.namespace)), "{output}: {out}");
    }
    let (_, out, _) = audit(&stage, &["--output", "json"]).await;
    assert!(!out.contains("heldBy") && !out.contains("unclaimed"), "{out}");
    seen(&stage);
}

#[tokio::test]
async fn i59_an_exception_is_told_with_its_end_also_before_status_has_it() {
    let stage = Stage::new().await;
    for id in ["i-aside", "i-stays"] {
        stage.account.seed_one(&Seed::new(REGION).id(id).protected(true));
    }
    let until = Timestamp::now().checked_add(SignedDuration::from_hours(2)).unwrap();
    let until = Timestamp::from_second(until.as_second()).unwrap().to_string();
    let exception = json!({ "instanceId": "i-aside", "until": until, "reason": "is repaired" });
    let targets = json!({ "instanceIds": ["i-aside", "i-stays"] });
    stage.apply("web", json!({ "region": REGION, "targets": targets, "exceptions": [exception] })).await;
    let cluster = ["--kubeconfig", stage.cluster.kubeconfig.to_str().unwrap()];
    let is_told = |soon: &str| {
        for text in ["Exception", "<code>i-aside</code>", &until, "/web"] {
            assert!(soon.contains(text), "{text}: {soon}");
        }
        assert!(!soon.contains("i-stays") && !soon.contains("are not looked at"), "{soon}");
    };
    is_told(&ends_soon(&stage, &cluster).await);

    let _operator = stage.start();
    stage.until("web", "Protected=True/ProtectedButExceptions").await;
    is_told(&ends_soon(&stage, &cluster).await);
    let soon = ends_soon(&stage, &[]).await;
    assert!(!soon.contains("i-aside") && soon.contains("are not looked at"), "{soon}");
}

#[tokio::test]
async fn an_object_that_names_interfaces_is_told_by_the_tags_of_their_instances() {
    let stage = Stage::new().await;
    let on = |host: &str, id: &str| {
        let interface = InterfaceSeed::secondary().id(id).delete_on_release(false);
        Seed::new(REGION).id(host).interface(interface)
    };
    stage.account.seed_one(&on("i-plain", "eni-named"));
    stage.account.seed_one(&on("i-skipped", "eni-excluded").tag("skip", "yes"));
    let targets = json!({
        "networkInterfaceIds": ["eni-named", "eni-excluded"],
        "exclude": { "instanceTags": [{ "key": "skip", "exists": true }] },
    });
    stage.retain("names", json!({ "region": REGION, "targets": targets })).await;
    let kubeconfig = stage.cluster.kubeconfig.to_str().unwrap();
    let (code, out, err) = audit(&stage, &["--kubeconfig", kubeconfig, "--output", "json"]).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let held = |id: &str| {
        let line = lines.iter().find(|line| line["id"] == id).unwrap();
        (line["heldBy"].clone(), line["mayBeHeldBy"].clone())
    };
    let names = json!([format!("{}/names", stage.namespace)]);
    assert_eq!((held("eni-named"), held("eni-excluded")), ((names, Value::Null), (json!([]), Value::Null)));
    // The listing of the instances, and one read of the two by their ids.
    assert_eq!(stage.account.count("DescribeInstances").calls, 2);
    seen(&stage);
}

#[tokio::test]
async fn an_object_that_selects_what_is_not_there_is_told() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-there").protected(true));
    let node = format!("{}-stale", stage.namespace);
    stage.node(&node, &[("audit-pool", &stage.namespace)], Some(&format!("{REGION}.i-behind"))).await;
    let by_node = json!({ "nodes": { "matchLabels": { "audit-pool": stage.namespace } } });
    stage.apply("by-node", json!({ "targets": by_node })).await;
    let ids = json!({ "instanceIds": ["i-there", "i-gone"] });
    stage.apply("by-id", json!({ "region": REGION, "targets": ids })).await;
    let kubeconfig = stage.cluster.kubeconfig.to_str().unwrap();
    let (code, out, err) = audit(&stage, &["--kubeconfig", kubeconfig, "--output", "json"]).await;
    let (ns, account) = (&stage.namespace, "account default");
    let told = format!(
        "ecs-keeper: objects select instances that were not listed in {REGION} ({account}): i-behind ({ns}/by-node), i-gone \
         ({ns}/by-id); take out what no longer exists\n"
    );
    assert_eq!((code, err), (0, told), "{out}");
    assert!(!out.contains("i-gone") && !out.contains("i-behind"), "{out}");
    assert_eq!(
        stage.account.count("DescribeInstances").calls,
        1,
        "it was listed, and is not asked for again"
    );
    seen(&stage);
}

#[tokio::test]
async fn whoever_asks_for_claims_names_a_cluster_that_answers() {
    let stage = Stage::new().await;
    let (code, out, err) = audit(&stage, &["--fail-on", "unclaimed"]).await;
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
    assert!(err.contains("--fail-on unclaimed needs a cluster"), "{err}");
    let (code, out, err) = audit(&stage, &["--kubeconfig", "/nowhere"]).await;
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
    let kubeconfig = stage.cluster.kubeconfig.to_str().unwrap();
    let (code, out, err) = run(&stage, &["--region", REGION, "--kubeconfig", kubeconfig]).await;
    assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
    assert!(err.contains("name it with --config"), "{err}");
}
