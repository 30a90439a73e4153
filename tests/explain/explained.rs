//! What is said of targets of every sort.

use jiff::Timestamp;
use keeper_simulator::{Fault, InterfaceSeed, LockReason, Rule, Seed};
use serde_json::{Value, json};

use crate::program::{HERE, Stage};
use crate::{as_json, deny, explain, only_read, safe};

fn words(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn i59_an_instance_is_told_with_what_the_cloud_says_and_what_can_take_it_away() {
    let stage = Stage::new().await;
    let timed = Some("2030-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let kept = InterfaceSeed::secondary().id("eni-kept").delete_on_release(false);
    let seed = Seed { auto_release_time: timed, locks: vec![LockReason::Financial], ..safe("i-a") };
    stage.account.seed_one(&seed.name("web").interface(kept).tag("acs:autoscaling:scalingGroupId", "asg-1"));
    let told = as_json(&stage, "i-a").await;
    assert_eq!(
        (&told["kind"], &told["name"], &told["region"], &told["account"]),
        (&json!("Instance"), &json!("web"), &json!(HERE), &json!("default"))
    );
    assert_eq!(told["verdict"]["state"], "Protected");
    assert_eq!(
        words(&told["risks"], "reason"),
        ["AutoReleaseTimeSet", "FinancialLock", "ScalingGroupMember"]
    );
    let cloud = &told["cloud"];
    assert_eq!(
        (&cloud["deletionProtection"], &cloud["chargeType"], &cloud["spot"], &cloud["status"]),
        (&json!(true), &json!("PostPaid"), &json!(false), &json!("Running"))
    );
    assert_eq!((&cloud["locks"], &cloud["scalingGroupId"]), (&json!(["financial"]), &json!("asg-1")));
    assert_eq!(
        told["objects"],
        json!({
            "known": false, "whyUnknown": "--skip-cluster was given", "selecting": [], "unresolved": [], "unreadable": [],
            "notServed": [],
        })
    );
    let text = explain(&stage, "i-a", &[]).await;
    for part in [
        "FinancialLock financial: The instance is locked for payment",
        "release time           2030-01-01T00:00Z",
    ] {
        assert!(text.out.contains(part), "{}", text.out);
    }
    only_read(&stage);
}

#[tokio::test]
async fn i21_what_becomes_of_each_network_interface_on_release_is_told() {
    let stage = Stage::new().await;
    let kept = InterfaceSeed::secondary().id("eni-kept").delete_on_release(false);
    let terway =
        InterfaceSeed::secondary().id("eni-terway").delete_on_release(false).tag("creator", "terway");
    let lost = InterfaceSeed::secondary().id("eni-lost");
    stage.account.seed_one(&safe("i-a").interface(kept).interface(lost).interface(terway));
    let told = as_json(&stage, "i-a").await;
    let fates = told["onRelease"]["networkInterfaces"].as_array().unwrap();
    let fate = |id: &str| {
        let fate = fates.iter().find(|fate| fate["id"] == id).unwrap_or_else(|| panic!("no {id}: {told}"));
        (
            fate["type"].clone(),
            fate["deleteOnRelease"].clone(),
            fate["fate"].clone(),
            fate["verdict"]["reason"].clone(),
        )
    };
    let said = |deletes: bool, fate: &str, reason: &str| {
        (json!("Secondary"), json!(deletes), json!(fate), json!(reason))
    };
    assert_eq!(fates.len(), 4, "{told}");
    assert_eq!(fate("eni-kept"), said(false, "Kept", "AllProtected"));
    assert_eq!(fate("eni-lost"), said(true, "Deleted", "Unprotected"));
    // Terway decides.
    assert_eq!(fate("eni-terway"), said(false, "Unknown", "TerwayOwned"));
    // What the instance lists is not passed over.
    stage.account.fault(Rule::new("DescribeNetworkInterfaces", Fault::Hide).interface("eni-lost"));
    let told = as_json(&stage, "i-a").await;
    let fates = told["onRelease"]["networkInterfaces"].as_array().unwrap();
    let lost = fates.iter().find(|fate| fate["id"] == "eni-lost").unwrap();
    assert_eq!((&lost["fate"], &lost["verdict"]["state"]), (&json!("Unknown"), &json!("Unknown")));
    assert!(
        told["onRelease"]["whyUnknown"].as_str().unwrap().contains("lists 1 that were not shown"),
        "{told}"
    );
    assert!(fates.iter().any(|fate| fate["type"] == "Primary" && fate["fate"] == "Deleted"));
}

#[tokio::test]
async fn i21_a_network_interface_is_told_with_the_instance_that_it_is_on() {
    let stage = Stage::new().await;
    let kept = InterfaceSeed::secondary().id("eni-kept").delete_on_release(false);
    stage.account.seed_one(&Seed { ..Seed::spot(HERE).id("i-a") }.interface(kept));
    stage.account.seed_interfaces(&InterfaceSeed::new(HERE).id("eni-free"));
    let told = as_json(&stage, "eni-kept").await;
    assert_eq!((&told["kind"], &told["verdict"]["state"]), (&json!("NetworkInterface"), &json!("Protected")));
    assert_eq!(words(&told["risks"], "reason"), ["ReleasePathUndocumented"]);
    assert_eq!((&told["cloud"]["instanceId"], &told["cloud"]["status"]), (&json!("i-a"), &json!("InUse")));
    assert_eq!(told["onRelease"]["networkInterfaces"][0]["fate"], "Kept");
    let free = as_json(&stage, "eni-free").await;
    assert_eq!((&free["cloud"]["instanceId"], &free["cloud"]["status"]), (&json!(""), &json!("Available")));
    assert_eq!(free["onRelease"]["networkInterfaces"], json!([]));
    only_read(&stage);
}

#[tokio::test]
async fn i59_what_the_identity_may_not_see_is_unknown_and_no_all_clear() {
    let stage = Stage::new().await;
    stage.account.seed_one(&safe("i-a").interface(InterfaceSeed::secondary().id("eni-a")));
    deny(&stage, "DescribeNetworkInterfaces");
    let told = as_json(&stage, "i-a").await;
    assert_eq!(
        (&told["verdict"]["state"], &told["onRelease"]["networkInterfaces"]),
        (&json!("Protected"), &json!([]))
    );
    let why = told["onRelease"]["whyUnknown"].as_str().unwrap();
    assert!(why.contains("DescribeNetworkInterfaces failed with Forbidden.RAM"), "{why}");
    let text = explain(&stage, "i-a", &[]).await.out;
    assert!(text.contains("What becomes of its network interfaces is not known"), "{text}");
    // Of an interface whose instance is hidden, the risks are not known.
    deny(&stage, "DescribeInstances");
    let told = as_json(&stage, "eni-a").await;
    assert_eq!(words(&told["risks"], "reason"), ["RisksUnreadable"]);
    assert_eq!(told["cloud"]["hostDeletionProtection"], Value::Null);
}
