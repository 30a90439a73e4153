//! What is said of the targets, and which of them are reported.

use keeper_simulator::{Fault, Rule, Seed};
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use crate::fleet::{self, INSTANCES, INTERFACES};
use crate::program::{HERE, Stage};

#[tokio::test]
async fn i59_everything_is_judged_as_the_operator_does_and_only_read() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let ended = stage.json(&[]).await;
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    for (id, state, risks) in INSTANCES.into_iter().chain(INTERFACES) {
        let risks = risks.iter().map(|risk| (*risk).to_owned()).collect();
        assert_eq!(ended.said(id), (state.to_owned(), risks), "{id}");
    }
    let summary = &ended.lines("Region")[0];
    assert_eq!(summary["complete"], true);
    for (key, of_type) in [("instances", "Instance"), ("networkInterfaces", "NetworkInterface")] {
        let lines = ended.lines(of_type);
        let count = |state: &str| lines.iter().filter(|line| line["state"] == state).count();
        assert_eq!(summary[key]["total"], lines.len(), "{key}");
        assert_eq!(summary[key]["protected"], count("Protected"), "{key}");
        assert_eq!(summary[key]["unprotected"], count("Unprotected"), "{key}");
        assert_eq!(summary[key]["notApplicable"], count("NotApplicable"), "{key}");
    }
    assert_eq!(summary["instances"]["atRisk"], 4);
    assert_eq!(ended.lines("NetworkInterface").len(), stage.account.network_interfaces().len());
    stage.only_read();
}

#[tokio::test]
async fn a_table_has_the_worst_first_and_fits_a_terminal() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let table = stage.audit(&[]).await.out;
    let line = |text: &str| {
        table.lines().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {table}"))
    };
    let order =
        ["i-bare", "i-timed", "i-subscription", "i-safe ", "eni-lost", "eni-timed", "eni-terway", "eni-kept"];
    assert!(order.map(line).is_sorted(), "{table}");
    assert!(table.lines().all(|line| line.width() <= 100 && line.trim_end() == line), "{table}");
    assert!(
        table.contains(
            "  instances                     7          4            1               2        0        4"
        ),
        "{table}"
    );
    assert!(table.contains("AutoReleaseTimeSet: The instance has an automatic release time"), "{table}");
    assert!(table.contains("Not examined, so unknown: whether members of scaling groups"), "{table}");
}

#[tokio::test]
async fn csv_has_a_line_for_each_target() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let csv = stage.audit(&["--output", "csv"]).await.out;
    let columns = csv.lines().next().unwrap().split(',').count();
    assert_eq!(csv.lines().count(), 1 + INSTANCES.len() + stage.account.network_interfaces().len());
    assert!(csv.lines().all(|line| line.split(',').count() == columns), "{csv}");
    let bare = csv.lines().find(|line| line.contains(",i-bare,bare,")).unwrap();
    assert!(
        bare.starts_with("default,cn-hangzhou,Instance,i-bare,bare,,Unprotected,Unprotected,false,,"),
        "{bare}"
    );
}

#[tokio::test]
async fn a_selection_by_tag_takes_what_is_on_the_instances_along_and_nothing_else() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let ended = stage.json(&["--select", "env=prod"]).await;
    let ids = |of_type: &str| -> Vec<String> {
        ended.lines(of_type).iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("Instance"), ["i-bare"]);
    let on_it = stage.account.interfaces_of("i-bare");
    let interfaces = ids("NetworkInterface");
    assert_eq!(interfaces.len(), on_it.len());
    assert!(interfaces.contains(&"eni-lost".to_owned()));
    assert_eq!(ended.lines("Region")[0]["instances"]["total"], 1);
    let none = stage.json(&["--select", "env=prod", "--select", "team=x"]).await;
    assert_eq!((none.lines("Instance").len(), none.lines("NetworkInterface").len()), (0, 0));
    let instances = stage.json(&["--instances-only"]).await;
    assert_eq!(
        (instances.lines("Instance").len(), instances.lines("NetworkInterface").len()),
        (INSTANCES.len(), 0)
    );
    assert!(instances.lines("Region")[0]["networkInterfaces"].is_null());
}

#[tokio::test]
async fn i21_what_one_of_the_two_listings_lacks_is_not_known() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let hidden = |operation: &str| Rule::new(operation, Fault::Hide);
    stage.account.fault(hidden("DescribeNetworkInterfaces").interface("eni-kept"));
    stage.account.fault(hidden("DescribeInstances").instance("i-timed"));
    let ended = stage.json(&["--fail-on", "at-risk", "--select", "env=test"]).await;
    assert_eq!(ended.said("eni-kept"), ("Unknown".to_owned(), vec![]));
    assert_eq!(ended.said("i-timed"), ("Unknown".to_owned(), vec![]));
    assert_eq!(ended.said("eni-timed"), ("Protected".to_owned(), vec!["RisksUnreadable".to_owned()]));
    assert_eq!(ended.code, 1, "nobody knows whether something is at risk");
}

#[tokio::test]
async fn i06_a_field_that_can_not_be_read_is_not_known() {
    let stage = Stage::new().await;
    fleet::seed(&stage.account);
    let odd = |path: &str| Fault::OddField { path: path.to_owned(), value: json!(7), remove: false };
    stage.account.fault(Rule::new("DescribeInstances", odd("DeletionProtection")).instance("i-safe"));
    stage.account.fault(Rule::new("DescribeInstances", odd("Tags")).instance("i-bare"));
    let ended = stage.json(&["--select", "env=test", "--fail-on", "unprotected"]).await;
    assert_eq!(ended.said("i-safe"), ("Unknown".to_owned(), vec![]));
    // Its tags may be the selected ones.
    assert_eq!(ended.said("i-bare"), ("Unprotected".to_owned(), vec!["RisksUnreadable".to_owned()]));
    assert_eq!(ended.code, 3);
}

#[tokio::test]
async fn i05_what_comes_again_on_a_later_page_is_reported_once() {
    let stage = Stage::new().await;
    stage.account.seed(&Seed::new(HERE).id("i-many").times(250));
    stage.account.fault(Rule::new("DescribeInstances", Fault::MovingPages { skip: 0, repeat: 3 }));
    let ended = stage.json(&[]).await;
    let repeated = stage.account.count("DescribeInstances");
    assert_eq!(ended.lines("Instance").len(), 250, "{repeated:?}");
    assert_eq!(ended.lines("Region")[0]["instances"]["total"], 250);
}
