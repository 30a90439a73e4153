//! What a tenant may learn, what nobody may learn, and what nobody may break.

use k8s_openapi::api::events::v1::Event;
use keeper_simulator::{AccessKey, Fault, LogEntry, Rule, Seed};
use kube::Api;
use kube::api::ListParams;
use kube::config::Kubeconfig;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::outside;
use crate::stage::{LABEL, REGION, Stage, eventually, message};

#[tokio::test]
async fn i42_what_is_not_granted_looks_the_same_whatever_it_is() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let (_, foreign) = stage.another_namespace().await;
    let _operator = stage.settings().set("/accounts/0/regions", json!([REGION])).start();
    let in_region = |region: &str| json!({ "region": region, "targets": { "instanceIds": [id] } });
    let mut in_account = in_region(REGION);
    in_account["account"] = "somebody-elses".into();
    stage.apply("account", in_account).await;
    stage.apply("region", in_region("cn-beijing")).await;
    stage.apply_to(&foreign, "namespace", in_region(REGION)).await;

    let mut told = Vec::new();
    for (objects, name) in [(&stage.objects, "account"), (&stage.objects, "region"), (&foreign, "namespace")]
    {
        let object = stage
            .until_in(objects, name, "Protected=Unknown/NotGranted Ready=False Stalled=True/NotGranted")
            .await;
        let mut status = serde_json::to_value(object.status.unwrap()).unwrap();
        for condition in status["conditions"].as_array_mut().unwrap() {
            condition["lastTransitionTime"] = Value::Null;
        }
        told.push(status);
    }
    assert!(told.iter().all(|status| *status == told[0]), "{told:#?}");
    // No call and no hold: the cloud was never asked for anything.
    assert!(stage.simulator.log().is_empty(), "{:?}", stage.simulator.log());
}

#[tokio::test]
async fn i42_a_region_that_does_not_exist_is_told_by_the_public_table_alone() {
    let stage = Stage::new().await;
    let (team, _) = stage.another_namespace().await;
    // One region that only the configuration knows, and that is granted to somebody else.
    let own = json!([{ "region": "cn-secret-9", "ecs": stage.simulator.endpoint() }]);
    let grants = json!([{ "namespaces": [stage.namespace], "regions": [REGION] }, { "namespaces": [team] }]);
    let _operator = stage.settings().set("/accounts/0/endpoints/regions", own).set("/grants", grants).start();
    let in_region = |region: &str| json!({ "region": region, "targets": { "instanceIds": ["i-one"] } });
    let wanted = "Ready=False Stalled=True/UnknownRegion AtRisk=Unknown/UnknownRegion";
    stage.apply("typo", in_region("cn-hangzou")).await;
    stage.retain("typo", in_region("cn-hangzou")).await;
    let object = stage.until("typo", &format!("Protected=Unknown/UnknownRegion {wanted}")).await;
    let retention = stage.until_retention("typo", &format!("Retained=Unknown/UnknownRegion {wanted}")).await;
    for told in [message(&object, "Stalled"), message(&retention, "Stalled")] {
        assert!(told.contains("`cn-hangzou`; did you mean `cn-hangzhou`?"), "{told}");
    }
    let mut told = Vec::new();
    for (name, region) in [("theirs", "cn-secret-9"), ("nobodys", "cn-secret-8")] {
        stage.apply(name, in_region(region)).await;
        let object = stage.until(name, &format!("Protected=Unknown/UnknownRegion {wanted}")).await;
        told.push(message(&object, "Stalled").replace(region, "REGION"));
    }
    assert_eq!(told[0], told[1]);
    assert!(!told[0].contains("cn-"), "{told:?}");
    stage.apply("not-granted", in_region("cn-beijing")).await;
    stage.until("not-granted", "Protected=Unknown/NotGranted Stalled=True/NotGranted").await;
    assert!(stage.simulator.log().is_empty(), "{:?}", stage.simulator.log());
}

#[tokio::test]
async fn i44_no_secret_is_ever_told() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let (id, secret, token) =
        ("CanaryKeyThatNobodyMaySee", "CanarySecretThatNobodyMaySee", "CanaryTokenThatNobodyMaySee");
    let temporary = |secret: &str| AccessKey::temporary(id, secret, token, None);
    stage.account.add_key(temporary(secret));
    let kubeconfig = Kubeconfig::read_from(&stage.kubeconfig).unwrap();
    let access = kubeconfig.auth_infos[0].auth_info.clone().unwrap().token.unwrap();
    let access = access.expose_secret();
    let spec = |id: &String| json!({ "region": REGION, "targets": { "instanceIds": [id] } });

    // All goes well; then a write is refused; then no signature is right, and the answer quotes what was signed.
    let loud = stage.settings().key(&temporary(secret)).value("log", json!({ "level": "trace" }));
    let operator = loud.clone().value("log", json!({ "level": "trace", "format": "json" })).start();
    stage.apply("fine", spec(&ids[0])).await;
    stage.until("fine", "Protected=True/AllProtected").await;
    let denied = Fault::Deny { always_forbidden: true };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", denied));
    stage.apply("refused", spec(&ids[1])).await;
    stage.until("refused", "Protected=False/PermissionDenied").await;
    stage.account.add_key(temporary("AnotherSecret"));
    stage.until("fine", "Protected=Unknown/CredentialsRejected").await;
    assert!(stage.simulator.log().iter().any(|entry| entry.code == "SignatureDoesNotMatch"));
    // Nothing is under way: nobody calls with a key that was refused just now.
    let calls = stage.simulator.log();
    let answers = outside::everything(&outside::address(&stage, 1).await).await;
    operator.terminate().await;
    let _operator = loud.start();
    eventually("the identity is refused", async || {
        let printed = stage.printed();
        if printed.contains("GetCallerIdentity failed") { Ok(()) } else { Err(printed) }
    })
    .await;

    let events: Api<Event> = Api::namespaced(stage.cluster.client.clone(), &stage.namespace);
    let events = events.list(&ListParams::default()).await.unwrap();
    let objects = stage.objects.list(&ListParams::default()).await.unwrap();
    let told = [
        ("the log", stage.printed()),
        ("Events", serde_json::to_string(&events.items).unwrap()),
        ("objects", serde_json::to_string(&objects.items).unwrap()),
        ("probes and metrics", answers),
    ];
    for (what, text) in told {
        assert!(!text.is_empty());
        for canary in [id, secret, token, access] {
            assert!(!text.contains(canary), "{what} tell {canary}: {text}");
        }
    }
    each_call_can_be_traced(&calls, &stage.printed());
}

/// Each call that was answered stands in the log with its RequestId; what was refused also for those who read warnings
/// alone.
fn each_call_can_be_traced(calls: &[LogEntry], printed: &str) {
    let lines: Vec<Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for field in ["timestamp", "level", "target", "message"] {
        assert!(lines.iter().all(|line| line[field].is_string()), "{field}");
    }
    let mut refused = 0;
    for call in calls {
        let of_call = |line: &&Value| line["request_id"] == call.request_id;
        let told: Vec<&Value> = lines.iter().filter(of_call).collect();
        let detailed = told.iter().find(|line| line["level"] == "DEBUG").expect("a line for each call");
        let spans = &detailed["spans"];
        // The question whose key it is is asked amid the first call that wants the key.
        let innermost = spans.as_array().and_then(|spans| spans.last()).expect("the call");
        assert_eq!(innermost["operation"], call.action, "{detailed}");
        assert_eq!(
            (&spans[0]["account"], &spans[0]["region"]),
            (&json!("default"), &json!(REGION)),
            "{detailed}"
        );
        if call.code != "OK" {
            refused += 1;
            let warning = told.iter().find(|line| line["level"] == "WARN").expect("a warning");
            assert_eq!(warning["code"], call.code, "{warning}");
        }
    }
    assert!(refused >= 2, "{refused}");
}

fn odd(path: &str, value: Value) -> Fault {
    Fault::OddField { path: path.to_owned(), value, remove: false }
}

#[tokio::test]
async fn i47_no_answer_of_the_cloud_ends_the_process_or_makes_anything_protected() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3).tag("env", "prod"));
    let mut operator = stage.start();
    let tags = json!([{ "key": "env", "value": "prod" }]);
    stage.apply("production", json!({ "region": REGION, "targets": { "instanceTags": tags } })).await;
    stage.until("production", "Protected=True/AllProtected").await;
    let writes = stage.writes().len();

    let flag = "DeletionProtection";
    let fields = [
        odd(flag, Value::Null),
        odd(flag, json!("true")),
        odd(flag, json!({ "$ne": 1 })),
        Fault::OddField { path: flag.to_owned(), value: Value::Null, remove: true },
        odd("InstanceChargeType", json!([[]])),
        odd("Tags.Tag", json!("env=prod")),
        odd("InstanceId", json!(7)),
        odd("CreationTime", json!("the day before yesterday")),
    ];
    for fault in fields {
        let what = format!("{fault:?}");
        stage.account.fault(Rule::new("DescribeInstances", fault).instance(&ids[0]));
        let looked = stage.account.count("DescribeInstances").calls;
        stage.until_cloud("it was looked at", |a| a.count("DescribeInstances").calls > looked + 2).await;
        assert!(operator.runs(), "{what}");
        if what.contains(flag) {
            let object = stage.until("production", "Protected=Unknown/FieldUnreadable").await;
            assert_eq!(object.status.unwrap().counts.unwrap().protected, 2, "{what}");
        }
        stage.account.clear_faults();
    }
    stage.until("production", "Protected=True/AllProtected").await;

    let bodies = [
        String::new(),
        "<html><body>502 Bad Gateway</body></html>".to_owned(),
        "[".repeat(200_000),
        r#"{"Instances":{"Instance":[null,7,"x",[],{"InstanceId":null}]},"NextToken":""}"#.to_owned(),
        r#"{"Instances":{"Instance":{}},"NextToken":{}}"#.to_owned(),
        format!(r#"{{"RequestId":"{}","Instances":{{"Instance":[]}}}}"#, "R".repeat(9 << 20)),
    ];
    for body in bodies {
        let what = body.chars().take(60).collect::<String>();
        let answer = Fault::Answer { status: 200, content_type: "application/json".to_owned(), body };
        stage.account.fault(Rule::new("DescribeInstances", answer));
        stage.until("production", "Protected=Unknown").await;
        assert!(operator.runs(), "{what}");
        stage.account.clear_faults();
        stage.until("production", "Protected=True/AllProtected").await;
        // The life of evidence follows the pace of the last sweeps, to which the time without any belongs.
        stage.reads(10).await;
    }
    assert_eq!(stage.writes().len(), writes, "nothing was written upon nonsense");
}

/// A Node's text reaches no host name and no call; see the forms in `machines`.
#[tokio::test]
async fn i43_a_made_up_provider_id_selects_no_endpoint() {
    let stage = Stage::new().await;
    for (number, provider) in
        ["evil-host.i-web", "cn-evil.i-web", "alicloud://cn-hangzhou@evil.i-web"].iter().enumerate()
    {
        let name = format!("{}-{number}", stage.namespace);
        stage.node(&name, &[(LABEL, &stage.namespace)], Some(provider)).await;
    }
    let mut operator = stage.start();
    let targets = json!({ "nodes": { "matchLabels": { LABEL: stage.namespace } } });
    stage.apply("nodes", json!({ "targets": targets })).await;
    stage.until("nodes", "Protected=Unknown/NodeUnresolved Stalled=True/NodeNotServed").await;
    assert!(operator.runs());
    assert!(stage.simulator.log().is_empty());
}
