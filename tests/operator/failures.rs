//! Each failure of the cloud has its reason and its sentence, and concerns nobody else.

use keeper_simulator::{AccessKey, Fault, Rule, Seed};
use serde_json::{Value, json};

use crate::stage::{LABEL, REGION, Stage, eventually, message};

fn by_id(id: &str) -> Value {
    json!({ "region": REGION, "targets": { "instanceIds": [id] } })
}

pub fn refused(code: &str) -> Fault {
    Fault::Error { code: code.to_owned(), status: None, message: None }
}

/// One instance's writes are refused with a code: the object is told so with a sentence, the write is not repeated,
/// another object has no part in it, and an edit after the cause is gone helps at once.
async fn refused_for_one(code: &str, reason: &str, hint: &str) {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    stage.account.fault(Rule::new("ModifyInstanceAttribute", refused(code)).instance(&ids[0]));
    let _operator = stage.start();
    stage.apply("refused", by_id(&ids[0])).await;
    let wanted = format!("Protected=False/{reason} Ready=False Stalled=True/{reason} Reconciling=False");
    let object = stage.until("refused", &wanted).await;
    let told = message(&object, "Stalled");
    assert!(told.contains(hint) && told.contains(&ids[0]), "{told}");
    let row = &object.status.unwrap().instances[0];
    assert!(row.message.contains(code), "{row:?}");

    stage.apply("fine", by_id(&ids[1])).await;
    stage.until("fine", "Protected=True/AllProtected").await;
    stage.reads(4).await;
    assert_eq!(stage.writes().iter().filter(|(id, _)| *id == ids[0]).count(), 1);

    stage.account.clear_faults();
    let mut edited = by_id(&ids[0]);
    edited["deletionPolicy"] = "Disable".into();
    stage.apply("refused", edited).await;
    stage.until("refused", "Protected=True/AllProtected").await;
}

#[tokio::test]
async fn i29_a_missing_permission_is_told_and_not_hammered() {
    refused_for_one("Forbidden.RAM", "PermissionDenied", "Grant").await;
}

#[tokio::test]
async fn i29_an_unknown_code_is_told_as_such() {
    refused_for_one("Mystery.OfTheCloud", "UnrecognizedError", "report").await;
}

/// "Pay-as-you-go instances do not support this" does not mean that this one can't carry the flag.
#[tokio::test]
async fn i07_a_charge_type_that_contradicts_its_page_writes_no_instance_off() {
    refused_for_one("ChargeTypeViolation", "Locked", "charge type").await;
}

#[tokio::test]
async fn i29_a_security_group_that_stands_against_it_is_named() {
    let code = "InvalidOperation.ResourceManagedByCloudProduct";
    refused_for_one(code, "SecurityGroupRefuses", "security group").await;
}

/// A 403 with several meanings, and a 404 that does not mean that the instance is gone.
#[tokio::test]
async fn i29_a_state_that_passes_is_waited_for_whatever_its_status() {
    for (code, status) in [("OperationDenied", 403), ("InvalidInstanceStatus.NeedRestart", 404)] {
        let stage = Stage::new().await;
        let id = stage.account.seed_one(&Seed::new(REGION));
        let fault = Fault::Error { code: code.to_owned(), status: Some(status), message: None };
        stage.account.fault(Rule::new("ModifyInstanceAttribute", fault));
        let _operator = stage.start();
        stage.apply("one", by_id(&id)).await;
        let object = stage.until("one", "Protected=False/Busy Ready=False Reconciling=True/Busy").await;
        let row = &object.status.unwrap().instances[0];
        assert!(row.message.contains(code), "{row:?}");
        stage.account.clear_faults();
        stage.until("one", "Protected=True/AllProtected").await;
    }
}

#[tokio::test]
async fn i29_throttling_heals_without_anybody() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(5).tag("env", "prod"));
    for operation in ["DescribeInstances", "ModifyInstanceAttribute"] {
        let throttle = Fault::Throttle { code: None, retry_after_millis: Some(1_000) };
        stage.account.fault(Rule::new(operation, throttle).times(2));
    }
    let _operator = stage.start();
    let tags = json!([{ "key": "env", "value": "prod" }]);
    stage.apply("production", json!({ "region": REGION, "targets": { "instanceTags": tags } })).await;
    stage.until("production", "Protected=True/AllProtected Stalled=False").await;
    assert!(ids.iter().all(|id| stage.protected(id)));
    assert_eq!(stage.account.count("ModifyInstanceAttribute").mutations, 5);
}

#[tokio::test]
async fn i29_credentials_that_fail_are_told_as_such() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let real = stage.account.access_key();
    let wrong = AccessKey::lasting(&real.access_key_id, "NotTheSecretOfThisKey");
    let unknown = AccessKey::lasting("LTAI5tNobodyKnowsThisKey", "NotASecretOfAnyKey");
    stage.apply("one", by_id(&id)).await;
    for (turn, key) in [wrong, unknown].into_iter().enumerate() {
        let operator = stage.settings().key(&key).start();
        let object = stage
            .until("one", "Protected=Unknown/CredentialsRejected Stalled=True/CredentialsRejected")
            .await;
        assert!(message(&object, "Stalled").contains("access key"), "{object:?}");
        operator.terminate().await;
        // A spec that has changed is judged anew.
        let mut edited = by_id(&id);
        edited["mode"] = ["Observe", "Enforce"][turn].into();
        stage.apply("one", edited).await;
    }
    let _operator = stage.start();
    stage.until("one", "Protected=True/AllProtected").await;
}

/// Before a key is used STS is asked whose it is: where STS fails, nothing else has.
#[tokio::test]
async fn i29_when_sts_fails_it_is_sts_that_is_named() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION).tag("env", "prod"));
    stage.account.fault(Rule::new("GetCallerIdentity", refused("ServiceUnavailable")));
    let _operator = stage.start();
    let tagged =
        json!({ "region": REGION, "targets": { "instanceTags": [{ "key": "env", "value": "prod" }] } });
    stage.apply("one", by_id(&id)).await;
    stage.apply("tagged", tagged.clone()).await;
    stage.retain("tagged", tagged).await;
    let wanted = "Ready=False Reconciling=True/StsUnavailable Stalled=False";
    for name in ["one", "tagged"] {
        let object = stage.until(name, &format!("Protected=Unknown/StsUnavailable {wanted}")).await;
        for condition in ["Protected", "Ready", "Reconciling"] {
            let told = message(&object, condition);
            assert!(told.contains("STS does not answer, so ecs-keeper has no credentials"), "{told}");
            assert!(told.contains("(GetCallerIdentity: ServiceUnavailable in cn-hangzhou)."), "{told}");
        }
    }
    let retention =
        stage.until_retention("tagged", &format!("Retained=Unknown/StsUnavailable {wanted}")).await;
    assert!(message(&retention, "Retained").contains("GetCallerIdentity"), "{retention:?}");
    stage.until_printed("GetCallerIdentity failed", 1).await;
    let printed = stage.printed();
    assert!(printed.contains("GetCallerIdentity"), "{printed}");
    assert!(!printed.contains("DescribeInstances"), "{printed}");
    assert!(stage.calls_of("DescribeInstances").is_empty());
    stage.account.clear_faults();
    stage.until("one", "Protected=True/AllProtected").await;
    stage.until("tagged", "Protected=True/AllProtected").await;
}

/// Each failure of a write names the write in its condition, its row and the log.
#[tokio::test]
async fn i29_a_failed_write_is_named_as_such() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    stage.account.fault(Rule::new("ModifyInstanceAttribute", refused("Forbidden.RAM")));
    let _operator = stage.start();
    stage.apply("one", by_id(&id)).await;
    let object = stage.until("one", "Protected=False/PermissionDenied Stalled=True/PermissionDenied").await;
    let told = message(&object, "Stalled");
    assert!(told.contains("(ModifyInstanceAttribute: Forbidden.RAM in cn-hangzhou)."), "{told}");
    let row = &object.status.unwrap().instances[0].message;
    assert!(row.contains("(ModifyInstanceAttribute: Forbidden.RAM, request "), "{row}");
    let printed = stage.printed();
    let line = printed.lines().find(|line| line.contains("failed to write flag")).unwrap();
    assert!(line.contains("ModifyInstanceAttribute") && line.contains("Forbidden.RAM"), "{line}");
}

/// The Pod has no resolver, so that no public host is ever found.
#[tokio::test]
async fn i29_a_region_without_sts_in_the_vpc_is_told_with_what_helps() {
    let stage = Stage::new().await;
    let _operator = stage.settings().set("/accounts/0/endpoints", json!({ "network": "Vpc" })).start();
    let in_region = |region: &str| json!({ "region": region, "targets": { "instanceIds": ["i-one"] } });
    stage.apply("outside", in_region("ap-south-1")).await;
    stage.apply("within", in_region(REGION)).await;
    let wanted = "Protected=Unknown/StsOutsideVpc Ready=False Stalled=True/StsOutsideVpc";
    let object = stage.until("outside", wanted).await;
    let told = message(&object, "Stalled");
    assert!(told.contains("endpoints.regions[].sts") && told.contains("in ap-south-1"), "{told}");
    let object = stage.until("within", "Protected=Unknown/StsUnavailable Stalled=False").await;
    assert!(message(&object, "Protected").contains("in cn-hangzhou"), "{object:?}");
    let printed = stage.printed();
    assert!(
        printed.contains("no STS endpoint in the VPC: ecs-keeper calls STS over the Internet there"),
        "{printed}"
    );
}

#[tokio::test]
async fn i35_a_clock_that_is_wrong_is_its_own_reason() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let _operator = stage.start();
    stage.apply("one", by_id(&id)).await;
    stage.until("one", "Protected=True").await;
    stage.simulator.set(|settings| settings.clock_offset_seconds = 3_600);
    let object = stage.until("one", "Protected=Unknown/ClockSkew Ready=False Stalled=True/ClockSkew").await;
    assert!(message(&object, "Stalled").contains("Set the clock"), "{object:?}");
    assert!(stage.protected(&id));
    assert_eq!(stage.writes().len(), 1);
}

/// A region whose calls hang: what hangs are the calls that name its instance.
#[tokio::test]
async fn i28_a_region_that_hangs_slows_no_other_and_is_not_taken_for_protected() {
    let stage = Stage::new().await;
    let here = stage.account.seed(&Seed::new(REGION).times(2));
    let there = stage.account.seed(&Seed::new("cn-beijing").times(2));
    for id in &there {
        stage.account.fault(Rule::new("DescribeInstances", Fault::HANG).instance(id));
    }
    let _operator = stage.start();
    stage.apply("there", json!({ "region": "cn-beijing", "targets": { "instanceIds": [there[0]] } })).await;
    let node = async |name: &str, provider: String| {
        let name = format!("{}-{name}", stage.namespace);
        stage.node(&name, &[(LABEL, &stage.namespace)], Some(&provider)).await;
    };
    node("here", format!("{REGION}.{}", here[1])).await;
    node("there", format!("cn-beijing.{}", there[1])).await;
    let everywhere = json!({ "nodes": { "matchLabels": { LABEL: stage.namespace } } });
    stage.apply("everywhere", json!({ "targets": everywhere })).await;
    stage.until_cloud("a read there hangs", |account| account.under_way("DescribeInstances") > 0).await;
    stage.apply("here", by_id(&here[0])).await;
    stage.until("here", "Protected=True/AllProtected").await;
    stage.repairs_while_a_read_hangs(&stage.account, &here[0]).await;
    // An object with a part in both: what can be done is done, and no word is positive.
    stage.until_cloud("its part here is protected", |_| stage.protected(&here[1])).await;
    eventually("one of its targets is protected, and the other is not known", async || {
        let object = stage.until("everywhere", "Protected=Unknown Ready=False").await;
        let counts = object.status.unwrap().counts;
        if counts.is_some_and(|counts| counts.protected == 1) { Ok(()) } else { Err(counts) }
    })
    .await;
    stage.until("there", "Protected=Unknown Ready=False").await;

    stage.account.clear_faults();
    for name in ["there", "everywhere"] {
        stage.until(name, "Protected=True/AllProtected").await;
    }
}

/// A region that comes to an object that was judged already, and hangs.
#[tokio::test]
async fn i01_a_node_of_a_region_that_hangs_is_no_true_and_hides_no_drift_elsewhere() {
    let stage = Stage::new().await;
    let here = stage.account.seed_one(&Seed::new(REGION));
    let there = stage.account.seed_one(&Seed::new("cn-beijing"));
    stage.account.fault(Rule::new("DescribeInstances", Fault::HANG).instance(&there));
    let node = async |name: &str, provider: String| {
        let name = format!("{}-{name}", stage.namespace);
        stage.node(&name, &[(LABEL, &stage.namespace)], Some(&provider)).await;
    };
    node("here", format!("{REGION}.{here}")).await;
    let _operator = stage.start();
    let everywhere = json!({ "nodes": { "matchLabels": { LABEL: stage.namespace } } });
    stage.apply("everywhere", json!({ "targets": everywhere })).await;
    stage.until("everywhere", "Protected=True/AllProtected").await;

    stage.account.fault(Rule::new("ModifyInstanceAttribute", refused("Forbidden.RAM")));
    node("there", format!("cn-beijing.{there}")).await;
    stage.until("everywhere", "Protected=Unknown Ready=False").await;
    stage.by_hand(&here, false);
    stage.until("everywhere", "Protected=False/PermissionDenied Ready=False").await;
}
