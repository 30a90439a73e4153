//! Network interfaces: their ways, their faults, and how many there may be.

use std::sync::Arc;
use std::time::Duration;

use crate::client::{REGION, call, started};
use keeper_simulator::{
    Account, Eip, Fault, InterfaceChange, InterfaceSeed, InterfaceStatus, InterfaceType, NetworkInterface,
    ReleaseReason, Rule, Seed, Simulator, TrafficMode,
};

fn interface(account: &Account, id: &str) -> Arc<NetworkInterface> {
    account.network_interface(id).expect("it exists")
}

fn attach(account: &Account, id: &str, instance: &str) {
    let params = [("RegionId", REGION), ("NetworkInterfaceId", id), ("InstanceId", instance)];
    account.console("AttachNetworkInterface", &params).expect("accepted");
}

/// Puts the clock forward, relative to the machine's.
fn later(simulator: &Simulator, seconds: i64) {
    simulator.set(|settings| settings.clock_offset_seconds = seconds);
}

/// A simulator in which nothing on its way arrives for a minute.
async fn slow() -> (Simulator, Account) {
    let (simulator, account) = started().await;
    simulator.set(|settings| settings.transition_millis = 60_000);
    (simulator, account)
}

#[tokio::test]
async fn the_end_of_one_way_does_not_end_the_next() {
    let (simulator, account) = slow().await;
    let first = account.seed_one(&Seed::new(REGION));
    let second = account.seed_one(&Seed::new(REGION));
    let id = &account.seed_interfaces(&InterfaceSeed::new(REGION).delete_on_release(false))[0];
    attach(&account, id, &first);
    later(&simulator, 30);
    account.release(&first, ReleaseReason::Manual).expect("not protected");
    assert_eq!(interface(&account, id).status, InterfaceStatus::Available);
    attach(&account, id, &second);
    later(&simulator, 61);
    assert_eq!(interface(&account, id).status, InterfaceStatus::Attaching, "half a minute is left");
    later(&simulator, 91);
    assert_eq!(interface(&account, id).status, InterfaceStatus::InUse);
    assert_eq!(interface(&account, id).instance_id.as_deref(), Some(second.as_str()));
}

#[tokio::test]
async fn an_attach_that_fails_later_is_logged_as_accepted() {
    let (simulator, account) = slow().await;
    let instance = account.seed_one(&Seed::new(REGION));
    let ids = account.seed_interfaces(&InterfaceSeed::new(REGION).times(2));
    account.fault(Rule::new("AttachNetworkInterface", Fault::FailLater).interface(&ids[0]).times(1));
    for id in &ids {
        let params = [("RegionId", REGION), ("NetworkInterfaceId", id), ("InstanceId", &instance)];
        let answer = call(&simulator, &account, "AttachNetworkInterface", &params).await.expect("an answer");
        assert_eq!(answer.code(), "OK");
        assert_eq!(interface(&account, id).status, InterfaceStatus::Attaching);
    }
    assert_eq!(account.count("AttachNetworkInterface").mutations, 2);
    later(&simulator, 61);
    let state = |id: &str| (interface(&account, id).status, interface(&account, id).instance_id.clone());
    assert_eq!(state(&ids[0]), (InterfaceStatus::Available, None));
    assert_eq!(state(&ids[1]), (InterfaceStatus::InUse, Some(instance)));
}

#[tokio::test]
async fn a_way_whose_beginning_reads_do_not_show_ends_unseen() {
    let (simulator, account) = slow().await;
    let instance = account.seed_one(&Seed::new(REGION));
    let id = &account.seed_interfaces(&InterfaceSeed::new(REGION))[0];
    account.fault(Rule::new("AttachNetworkInterface", Fault::Delay { millis: None, reads: Some(2) }));
    let params = [("RegionId", REGION), ("NetworkInterfaceId", id), ("InstanceId", &instance)];
    call(&simulator, &account, "AttachNetworkInterface", &params).await.expect("an answer");
    later(&simulator, 61);
    assert_eq!(interface(&account, id).status, InterfaceStatus::InUse, "the truth");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let params = [("RegionId", REGION), ("NetworkInterfaceId.1", id)];
        let read = call(&simulator, &account, "DescribeNetworkInterfaces", &params).await.expect("an answer");
        let item = &read.body["NetworkInterfaceSets"]["NetworkInterfaceSet"][0];
        seen.push(item["Status"].as_str().expect("a status").to_owned());
    }
    assert_eq!(seen, ["Available", "Available", "InUse"]);
}

#[tokio::test]
async fn an_ignored_write_sends_nothing_on_its_way() {
    let (simulator, account) = slow().await;
    let id = &account.seed_interfaces(&InterfaceSeed::new(REGION))[0];
    account.fault(Rule::new("DeleteNetworkInterface", Fault::Ignore));
    let params = [("RegionId", REGION), ("NetworkInterfaceId", id)];
    let answer = call(&simulator, &account, "DeleteNetworkInterface", &params).await.expect("an answer");
    assert_eq!(answer.code(), "OK");
    later(&simulator, 61);
    assert_eq!(interface(&account, id).status, InterfaceStatus::Available);
    assert_eq!(account.count("DeleteNetworkInterface").mutations, 0);
}

#[tokio::test]
async fn seeds_number_the_interfaces_of_many_instances() {
    let (_simulator, account) = started().await;
    let seed = Seed::new(REGION)
        .id("i-web")
        .times(2)
        .interface(InterfaceSeed::primary().id("eni-main").delete_on_release(false))
        .interface(InterfaceSeed::secondary().id("eni-side").times(2));
    let ids = account.seed(&seed);
    let found: Vec<String> = account
        .interfaces_of(&ids[1])
        .iter()
        .map(|interface| interface.network_interface_id.clone())
        .collect();
    assert_eq!(found, ["eni-main000002", "eni-side000002000001", "eni-side000002000002"]);
    let primary = interface(&account, "eni-main000002");
    assert_eq!((primary.r#type, primary.delete_on_release), (InterfaceType::Primary, false));
    assert_eq!(account.network_interfaces().len(), 6, "no further primary one is made");
}

#[tokio::test]
async fn a_replaced_instance_leaves_no_interfaces_behind() {
    let (_simulator, account) = started().await;
    let seed = Seed::new(REGION).id("i-same").interface(InterfaceSeed::secondary());
    account.seed_one(&seed);
    account.seed_one(&seed);
    assert_eq!(account.network_interfaces().len(), 2);
    assert_eq!(account.seed_interfaces(&InterfaceSeed::secondary().on("i-unknown")), [""; 0]);
}

#[tokio::test]
async fn interfaces_of_other_controllers_carry_their_marks() {
    let (_simulator, account) = started().await;
    let instance = account.seed_one(&Seed::new(REGION));
    let make = |seed: InterfaceSeed| interface(&account, &account.seed_interfaces(&seed.on(&instance))[0]);
    let terway = make(InterfaceSeed::terway("c123"));
    assert_eq!(terway.tags["creator"], "terway-controller");
    assert_eq!(terway.tags["ack.aliyun.com"], "c123");
    let erdma = make(InterfaceSeed::erdma());
    assert_eq!(erdma.tags["creator"], "alibabacloud-erdma-controller");
    assert_eq!(erdma.network_interface_traffic_mode, TrafficMode::HighPerformance);
    let managed = make(InterfaceSeed::default().service_managed());
    assert_eq!(managed.instance_id.as_deref(), Some(instance.as_str()), "the truth isn't withheld");
}

#[tokio::test]
async fn what_is_taken_away_or_changed_behind_the_api_asks_no_rules() {
    let (_simulator, account) = started().await;
    let instance = account.seed_one(&Seed::new(REGION).interface(InterfaceSeed::secondary()));
    let ids: Vec<_> =
        account.interfaces_of(&instance).iter().map(|found| found.network_interface_id.clone()).collect();
    assert!(account.change_interface(&ids[0], &InterfaceChange::delete_on_release(false)));
    assert!(!account.change_interface(&ids[0], &InterfaceChange::delete_on_release(false)));
    assert!(account.change_interface(&ids[0], &InterfaceChange::tag("env", Some("prod"))));
    assert!(account.change_interface(&ids[0], &InterfaceChange::tag("env", None)));
    let eip = Eip {
        allocation_id: "eip-1".to_owned(),
        public_ip_address: "203.0.113.1".to_owned(),
        private_ip_address: None,
    };
    let bind = InterfaceChange { eips: Some(vec![eip.clone()]), ..InterfaceChange::default() };
    assert!(account.change_interface(&ids[1], &bind));
    let bound = interface(&account, &ids[1]);
    assert_eq!(bound.eip_of(&bound.primary_ip_address).expect("bound").allocation_id, "eip-1");
    let unbind = InterfaceChange { eips: Some(Vec::new()), ..InterfaceChange::default() };
    assert!(account.change_interface(&ids[1], &unbind));
    assert_eq!(account.unbound_eips(), std::slice::from_ref(&eip));
    assert!(account.change_interface(&ids[1], &bind));
    assert_eq!(account.unbound_eips(), []);
    assert!(account.remove_interface(&ids[1]));
    assert!(!account.remove_interface(&ids[1]));
    assert_eq!(account.unbound_eips(), [eip]);
    assert_eq!(account.interfaces_of(&instance).len(), 1);
}

/// The time that this thread has had a processor: other people's load doesn't count.
fn worked() -> Duration {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("this is Linux");
    Duration::from_nanos(times.split(' ').next().and_then(|first| first.parse().ok()).expect("a number"))
}

/// What takes quadratic time with a fleet of this size takes minutes; what doesn't, seconds. The simulator runs on this
/// thread, too.
#[tokio::test]
async fn ten_thousand_instances_with_thirty_thousand_interfaces_are_no_burden() {
    let before = worked();
    let (simulator, account) = started().await;
    let seed = Seed::new(REGION)
        .times(10_000)
        .tag("env", "prod")
        .interface(InterfaceSeed::secondary().delete_on_release(false))
        .interface(InterfaceSeed::secondary());
    let ids = account.seed(&seed);
    assert_eq!(account.network_interfaces().len(), 30_000);

    let mut token = String::new();
    let mut found = 0;
    loop {
        let params = [("RegionId", REGION), ("MaxResults", "500"), ("NextToken", &token)];
        let page = call(&simulator, &account, "DescribeNetworkInterfaces", &params).await.expect("an answer");
        found += page.body["NetworkInterfaceSets"]["NetworkInterfaceSet"].as_array().expect("a list").len();
        token = page.token();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((found, account.count("DescribeNetworkInterfaces").calls), (30_000, 60));
    for id in ids.iter().step_by(20) {
        let params = [("RegionId", REGION), ("InstanceId", id.as_str())];
        let page = account.console("DescribeNetworkInterfaces", &params).expect("an answer");
        assert_eq!(page["NetworkInterfaceSets"]["NetworkInterfaceSet"].as_array().expect("a list").len(), 3);
    }
    for id in &ids {
        account.release(id, ReleaseReason::Manual).expect("not protected");
    }
    assert_eq!(account.network_interfaces().len(), 10_000, "one of three was retained");
    let took = worked().saturating_sub(before);
    assert!(took < Duration::from_mins(1), "{took:?}");
}
