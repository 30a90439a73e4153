//! The client and the simulated Auto Scaling, over loopback: what it sends, what it reads, and what it makes of a cloud that
//! passes over, moves, delays or swallows.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use keeper_alicloud::{
    Always, Client, Credentials, Endpoints, Error, StaticCredentials, Timeouts, Transport,
};
use keeper_core::call::{Page, Query, ReadCall, WriteCall};
use keeper_core::failure::{Class, Effect};
use keeper_core::flag::Flag;
use keeper_core::id::{InstanceId, PageToken, Region, RequestId, ScalingGroupId};
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::scaling_member::ScalingMember;
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

type Protection = (ScalingGroupId, Vec<usize>);

fn protection(group: &str, members: impl IntoIterator<Item = usize>) -> Protection {
    (ScalingGroupId::new(group), members.into_iter().collect())
}

async fn protect(client: &Client<StaticCredentials>, what: &Protection) -> Result<RequestId, Error> {
    let writes = what.1.iter().map(|number| WriteCall::Protect(member(*number))).collect();
    client.write_members(&what.0, writes, &Always).await
}

async fn page(
    client: &Client<StaticCredentials>,
    query: Query<ScalingMember>,
    page: Option<PageToken>,
) -> Page<ScalingMember> {
    client.read(&ReadCall { query, page }, &Always).await.unwrap()
}

async fn first(client: &Client<StaticCredentials>) -> Page<ScalingMember> {
    page(client, Query::Region, None).await
}

fn protected(page: &Page<ScalingMember>) -> Vec<&str> {
    let items = page.items.iter();
    let protected = items.filter(|item| ProtectedFromScaleIn::protected(&item.facts) == Some(true));
    protected.map(|item| item.id.as_str()).collect()
}

#[tokio::test]
async fn i13_the_calls_have_the_parameters_that_they_need_and_no_others() {
    let (_simulator, account, client) = cloud(3).await;
    protect(&client, &protection("asg-1", [1, 3])).await.unwrap();
    first(&client).await;
    let seen = page(&client, Query::Ids(vec![member(1), member(2)]), None).await;
    assert_eq!((seen.items.len(), protected(&seen)), (2, vec!["i-m000001"]));
    assert_eq!(seen.items[0].facts.group.as_ref().map(ScalingGroupId::as_str), Some("asg-1"));
    let allowed = [
        Allowed::new("DescribeScalingInstances", &["RegionId", "PageNumber", "PageSize", "InstanceIds.N"]),
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
        protect(&client, &protection("asg-1", first..first + 20)).await.unwrap();
    }
    assert_eq!(account.scale_in("asg-1", 250).len(), 210);
    account.seed_members("asg-1", &MemberSeed::made(Seed::new(REGION).id("i-n").times(100)));
    let (mut next, mut found, mut seen) = (None, 0, 0);
    loop {
        let page = page(&client, Query::Region, next).await;
        found += protected(&page).len();
        seen += u64::try_from(page.items.len()).unwrap();
        next = page.next;
        if next.is_none() {
            assert_eq!((found, Some(seen)), (40, page.total));
            break;
        }
    }
}

#[tokio::test]
async fn i05_the_numbers_tell_of_members_that_go_while_they_are_listed() {
    let (_simulator, account, client) = cloud(150).await;
    let start = first(&client).await;
    assert_eq!((start.items.len(), start.total), (100, Some(150)));
    account.scale_in("asg-1", 1);
    let rest = page(&client, Query::Region, start.next).await;
    assert_eq!((rest.items.len(), rest.total, rest.next), (49, Some(149), None));
    // One is passed over.
    account.fault(Rule::new("DescribeScalingInstances", Fault::MovingPages { skip: 1, repeat: 0 }));
    let start = first(&client).await;
    let rest = page(&client, Query::Region, start.next).await;
    assert_eq!((start.items.len() + rest.items.len(), rest.total), (148, Some(149)));
}

#[tokio::test]
async fn i02_an_accepted_write_is_no_evidence() {
    let (_simulator, account, client) = cloud(1).await;
    let write = protection("asg-1", [1]);
    account.fault(Rule::new("SetInstancesProtection", Fault::Ignore).times(1));
    protect(&client, &write).await.unwrap();
    assert_eq!(protected(&first(&client).await), [""; 0]);
    account
        .fault(Rule::new("SetInstancesProtection", Fault::Delay { millis: None, reads: Some(1) }).times(1));
    protect(&client, &write).await.unwrap();
    assert_eq!(protected(&first(&client).await), [""; 0]);
    assert_eq!(protected(&first(&client).await), ["i-m000001"]);
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
        let error = protect(&client, &write).await.unwrap_err();
        assert_eq!((&*error.code, error.class, error.effect), (code, class, Effect::None));
    }
    account.user(UserSeed::new(DEFAULT_USER));
    let error = protect(&client, &protection("asg-1", [1])).await.unwrap_err();
    assert_eq!((&*error.code, error.class), ("Forbidden.Unauthorized", Class::Permission));
    let read: ReadCall<ScalingMember> = ReadCall { query: Query::Region, page: None };
    let error = client.read(&read, &Always).await.unwrap_err();
    assert_eq!((&*error.code, error.class), ("Forbidden.Unauthorized", Class::Permission));
    account.remove_user(DEFAULT_USER);
    assert_eq!(protected(&first(&client).await), [""; 0]);
    account.fault(Rule::new("SetInstancesProtection", Fault::DropAfter).times(1));
    let error = protect(&client, &protection("asg-1", [1])).await.unwrap_err();
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
    protect(&client, &protection("asg-1", [1])).await.unwrap();
    assert_eq!(protected(&first(&client).await), ["i-m000001"]);
}

#[tokio::test]
async fn nothing_is_sent_where_nobody_knows_the_endpoint() {
    let (simulator, account, _) = cloud(1).await;
    let client = client(&simulator, &account, None);
    let error = protect(&client, &protection("asg-1", [1])).await.unwrap_err();
    assert_eq!((&*error.code, error.class, error.effect), ("NoEndpoint", Class::Bug, Effect::None));
    assert_eq!(account.log().len(), 0);
}

#[tokio::test]
async fn i06_an_odd_member_is_unknown() {
    let (_simulator, account, client) = cloud(2).await;
    protect(&client, &protection("asg-1", [1, 2])).await.unwrap();
    let odd = |path: &str| Fault::OddField { path: path.to_owned(), value: json!(null), remove: false };
    account
        .fault(Rule::new("DescribeScalingInstances", odd("LifecycleState")).instance("i-m000001").times(1));
    let seen = first(&client).await;
    assert_eq!((seen.items[0].facts.state, protected(&seen)), (None, vec!["i-m000002"]));
    account.fault(Rule::new("DescribeScalingInstances", odd("InstanceId")).instance("i-m000001").times(1));
    let seen = first(&client).await;
    assert_eq!((seen.items.len(), seen.unreadable), (1, 1));
}
