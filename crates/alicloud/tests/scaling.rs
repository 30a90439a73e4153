//! The client and the simulated Auto Scaling, over loopback: what it sends, what it reads, and what it makes of a cloud that
//! passes over, moves, delays or swallows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keeper_alicloud::{
    Always, Client, Credentials, Endpoints, LifecycleState, MemberListing, MemberPage, MemberProtection,
    MemberQuery, MemberRead, Progress, ScalingGroupId, StaticCredentials, Timeouts, Transport,
};
use keeper_core::failure::{Class, Effect};
use keeper_core::id::{InstanceId, Region};
use keeper_simulator::{
    Account, Allowed, DEFAULT_USER, Fault, GroupSeed, GroupState, MemberChange, MemberSeed, Policy, Rule,
    Seed, Simulator, UserSeed,
};
use serde_json::json;

const REGION: &str = "cn-hangzhou";

async fn cloud(members: u32) -> (Simulator, Account, Client<StaticCredentials>) {
    let simulator = Simulator::start().await.unwrap();
    simulator.set(|settings| settings.scaling_millis = 0);
    let account = simulator.new_account();
    let made = MemberSeed::made(Seed::new(REGION).id("i-m").times(members));
    account.seed_group(&GroupSeed::new(REGION).id("asg-1").with(made));
    let client = client(&simulator, &account, Some(&simulator.endpoint()));
    (simulator, account, client)
}

fn client(simulator: &Simulator, account: &Account, ess: Option<&str>) -> Client<StaticCredentials> {
    let key = account.access_key();
    let key =
        Credentials::new(key.access_key_id.clone(), key.access_key_secret.as_str().into(), None).unwrap();
    let url = simulator.endpoint();
    let endpoints = Endpoints::explicit(&Region::new(REGION), &url, &url).unwrap();
    let endpoints = ess.map_or(Ok(endpoints.clone()), |ess| endpoints.with_ess(ess)).unwrap();
    let transport = Transport::new(Timeouts::default()).unwrap();
    Client::new(transport, endpoints, StaticCredentials::new(key))
}

fn member(number: usize) -> InstanceId {
    InstanceId::new(format!("i-m{number:06}"))
}

fn protection(group: &str, members: impl IntoIterator<Item = usize>) -> MemberProtection {
    let ids = members.into_iter().map(member).collect();
    MemberProtection::new(ScalingGroupId::parse(group).unwrap(), ids).unwrap()
}

async fn page(client: &Client<StaticCredentials>, query: MemberQuery, page: u32) -> MemberPage {
    client.read_members(&MemberRead { query, page }, &Always).await.unwrap()
}

fn protected(page: &MemberPage) -> Vec<&str> {
    let members = page.members.iter().filter(|member| member.protected_from_scale_in() == Some(true));
    members.map(|member| member.instance.as_str()).collect()
}

#[tokio::test]
async fn i13_the_calls_have_the_parameters_that_they_need_and_no_others() {
    let (_simulator, account, client) = cloud(3).await;
    client.protect_members(&protection("asg-1", [1, 3]), &Always).await.unwrap();
    page(&client, MemberQuery::Region, 1).await;
    let seen = page(&client, MemberQuery::Instances(vec![member(1), member(2)]), 1).await;
    assert_eq!(seen.members.len(), 2);
    let seen = page(&client, MemberQuery::InStates(vec![LifecycleState::Protected]), 1).await;
    assert_eq!(protected(&seen), ["i-m000001", "i-m000003"]);
    assert_eq!(seen.members[0].group.as_ref().map(ScalingGroupId::as_str), Some("asg-1"));
    let allowed = [
        Allowed::new(
            "DescribeScalingInstances",
            &["RegionId", "PageNumber", "PageSize", "InstanceIds.N", "LifecycleStates.N"],
        ),
        Allowed::new(
            "SetInstancesProtection",
            &["RegionId", "ScalingGroupId", "InstanceIds.N", "ProtectedFromScaleIn"],
        ),
    ];
    assert_eq!(account.violations(&allowed), [""; 0]);
    assert!(account.log().iter().all(|entry| entry.code == "OK"), "{:?}", account.log());
}

#[tokio::test]
async fn i58_a_region_is_listed_whole_and_protected_members_outlive_scale_in() {
    let (_simulator, account, client) = cloud(250).await;
    for first in (1..=40).step_by(20) {
        client.protect_members(&protection("asg-1", first..first + 20), &Always).await.unwrap();
    }
    assert_eq!(account.scale_in("asg-1", 250).len(), 210);
    account.seed_members("asg-1", &MemberSeed::made(Seed::new(REGION).id("i-n").times(100)));
    let mut listing = MemberListing::default();
    let (mut number, mut found) = (1, 0);
    let progress = loop {
        let page = page(&client, MemberQuery::Region, number).await;
        found += protected(&page).len();
        match listing.add(&page) {
            Progress::More(next) => number = next,
            end => break end,
        }
    };
    assert_eq!((progress, number, found), (Progress::Complete, 2, 40));
}

#[tokio::test]
async fn i05_a_listing_during_which_members_go_is_not_complete() {
    let (_simulator, account, client) = cloud(150).await;
    let mut listing = MemberListing::default();
    assert_eq!(listing.add(&page(&client, MemberQuery::Region, 1).await), Progress::More(2));
    account.scale_in("asg-1", 1);
    assert_eq!(listing.add(&page(&client, MemberQuery::Region, 2).await), Progress::Incomplete);
    for (fault, expected) in [
        // One is passed over.
        (Fault::MovingPages { skip: 1, repeat: 0 }, Progress::Incomplete),
        // One comes twice, and all were seen.
        (Fault::MovingPages { skip: 0, repeat: 1 }, Progress::Complete),
    ] {
        account.fault(Rule::new("DescribeScalingInstances", fault));
        let mut listing = MemberListing::default();
        assert_eq!(listing.add(&page(&client, MemberQuery::Region, 1).await), Progress::More(2));
        assert_eq!(listing.add(&page(&client, MemberQuery::Region, 2).await), expected);
        account.clear_faults();
    }
}

#[tokio::test]
async fn i02_an_accepted_write_is_no_evidence() {
    let (_simulator, account, client) = cloud(1).await;
    let write = protection("asg-1", [1]);
    account.fault(Rule::new("SetInstancesProtection", Fault::Ignore).times(1));
    client.protect_members(&write, &Always).await.unwrap();
    assert_eq!(protected(&page(&client, MemberQuery::Region, 1).await), [""; 0]);
    account
        .fault(Rule::new("SetInstancesProtection", Fault::Delay { millis: None, reads: Some(1) }).times(1));
    client.protect_members(&write, &Always).await.unwrap();
    assert_eq!(protected(&page(&client, MemberQuery::Region, 1).await), [""; 0]);
    assert_eq!(protected(&page(&client, MemberQuery::Region, 1).await), ["i-m000001"]);
}

#[tokio::test]
async fn i29_each_refusal_has_its_class_and_changes_nothing() {
    let (simulator, account, client) = cloud(3).await;
    account.seed_group(&GroupSeed {
        lifecycle_state: Some(GroupState::Inactive),
        ..GroupSeed::new(REGION).id("asg-off")
    });
    account.change_member("i-m000003", &MemberChange::state(keeper_simulator::LifecycleState::Standby));
    for (write, code, class) in [
        (protection("asg-1", [1, 99]), "InvalidInstanceId.NotFound", Class::Busy),
        (protection("asg-9", [1]), "InvalidScalingGroupId.NotFound", Class::Busy),
        (protection("asg-off", [1]), "IncorrectScalingGroupStatus", Class::Busy),
        (protection("asg-1", [1, 3]), "IncorrectInstanceStatus", Class::Busy),
    ] {
        let error = client.protect_members(&write, &Always).await.unwrap_err();
        assert_eq!((&*error.code, error.class, error.effect), (code, class, Effect::None));
    }
    account.user(UserSeed::new(DEFAULT_USER));
    let error = client.protect_members(&protection("asg-1", [1]), &Always).await.unwrap_err();
    assert_eq!((&*error.code, error.class), ("Forbidden.Unauthorized", Class::Permission));
    let read = MemberRead { query: MemberQuery::Region, page: 1 };
    let error = client.read_members(&read, &Always).await.unwrap_err();
    assert_eq!((&*error.code, error.class), ("Forbidden.Unauthorized", Class::Permission));
    account.remove_user(DEFAULT_USER);
    assert_eq!(protected(&page(&client, MemberQuery::Region, 1).await), [""; 0]);
    account.fault(Rule::new("SetInstancesProtection", Fault::DropAfter).times(1));
    let error = client.protect_members(&protection("asg-1", [1]), &Always).await.unwrap_err();
    assert_eq!((error.class, error.effect), (Class::Transient, Effect::Unknown));
    drop(simulator);
}

/// The permissions of both operations, as they are told, are enough.
#[tokio::test]
async fn i13_the_permissions_that_the_operations_name_are_enough() {
    let (_simulator, account, client) = cloud(1).await;
    let statements: Vec<_> = keeper_alicloud::SCALING_OPERATIONS
        .into_iter()
        .map(|operation| {
            let keeper_alicloud::Permission::Resources { types, .. } = operation.permission() else {
                panic!("{operation:?} needs no permission")
            };
            let resources: Vec<_> = types.iter().map(|it| it.all_in(REGION, account.id())).collect();
            json!({ "Effect": "Allow", "Action": operation.action(), "Resource": resources })
        })
        .collect();
    let policy = Policy::new(json!({ "Version": "1", "Statement": statements })).unwrap();
    account.user(UserSeed::new(DEFAULT_USER).policy(policy));
    client.protect_members(&protection("asg-1", [1]), &Always).await.unwrap();
    assert_eq!(protected(&page(&client, MemberQuery::Region, 1).await), ["i-m000001"]);
}

#[tokio::test]
async fn nothing_is_sent_where_nobody_knows_the_endpoint() {
    let (simulator, account, _) = cloud(1).await;
    let client = client(&simulator, &account, None);
    let error = client.protect_members(&protection("asg-1", [1]), &Always).await.unwrap_err();
    assert_eq!((&*error.code, error.class, error.effect), ("NoEndpoint", Class::Bug, Effect::None));
    assert_eq!(account.log().len(), 0);
}

#[tokio::test]
async fn i06_an_odd_member_is_unknown() {
    let (_simulator, account, client) = cloud(2).await;
    client.protect_members(&protection("asg-1", [1, 2]), &Always).await.unwrap();
    let odd = |path: &str| Fault::OddField { path: path.to_owned(), value: json!(null), remove: false };
    account
        .fault(Rule::new("DescribeScalingInstances", odd("LifecycleState")).instance("i-m000001").times(1));
    let seen = page(&client, MemberQuery::Region, 1).await;
    assert_eq!((seen.members[0].lifecycle, protected(&seen)), (None, vec!["i-m000002"]));
    account.fault(Rule::new("DescribeScalingInstances", odd("InstanceId")).instance("i-m000001").times(1));
    let seen = page(&client, MemberQuery::Region, 1).await;
    assert_eq!((seen.members.len(), seen.unreadable), (1, 1));
    assert_eq!(MemberListing::default().add(&seen), Progress::Incomplete);
}
