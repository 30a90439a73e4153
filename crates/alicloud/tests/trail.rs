//! The client and the simulated ActionTrail, over loopback: what it sends, and what it makes of what was recorded.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use jiff::{SignedDuration, Timestamp};
use keeper_alicloud::{
    ATTRIBUTION_OPERATIONS, Always, Client, Credentials, Endpoints, Error, Permission, StaticCredentials,
    Timeouts, Transport,
};
use keeper_core::failure::{Class, Effect};
use keeper_core::id::{PageToken, Region};
use keeper_core::trail::{ActorKind, AskedValue, TrailPage, TrailQuery, TrailedFlag};
use keeper_simulator::{
    Account, Allowed, ConsoleUser, DEFAULT_USER, Fault, InterfaceSeed, Policy, Rule, Seed, Simulator,
    UserSeed,
};
use serde_json::json;

const REGION: &str = "cn-hangzhou";

async fn cloud() -> (Simulator, Account, Client<StaticCredentials>) {
    let simulator = Simulator::start().await.unwrap();
    simulator.set(|settings| settings.trail_delay_seconds = 0);
    let account = simulator.new_account();
    account.seed(&Seed::new(REGION).id("i-a").protected(true));
    let endpoint = simulator.endpoint();
    let client = client(&simulator, &account, Some(&endpoint));
    (simulator, account, client)
}

fn client(simulator: &Simulator, account: &Account, trail: Option<&str>) -> Client<StaticCredentials> {
    let key = account.access_key();
    let key =
        Credentials::new(key.access_key_id.clone(), key.access_key_secret.as_str().into(), None).unwrap();
    let url = simulator.endpoint();
    let endpoints = Endpoints::explicit(&Region::new(REGION), &url, &url).unwrap();
    let endpoints = trail.map_or(Ok(endpoints.clone()), |url| endpoints.with_actiontrail(url)).unwrap();
    Client::new(Transport::new(Timeouts::default()).unwrap(), endpoints, StaticCredentials::new(key))
}

fn query(flag: TrailedFlag, target: Option<&str>) -> TrailQuery {
    let now = Timestamp::now();
    let (from, until) = (now - SignedDuration::from_mins(6), now);
    TrailQuery { flag, target: target.map(Into::into), from, until, page: None }
}

/// Each look-up is in a second of its own: two are allowed in one.
async fn look(
    simulator: &Simulator,
    client: &Client<StaticCredentials>,
    query: &TrailQuery,
) -> Result<TrailPage, Error> {
    simulator.set(|settings| settings.clock_offset_seconds += 1);
    client.events(query, &Always).await
}

fn switch_off(account: &Account, user: &ConsoleUser) {
    let params = [("InstanceId", "i-a"), ("DeletionProtection", "false")];
    account.console_as(user, "ModifyInstanceAttribute", &params).unwrap();
}

#[tokio::test]
async fn i13_the_call_has_the_parameters_that_it_needs_and_no_others() {
    let (simulator, account, client) = cloud().await;
    let ann = ConsoleUser { user_name: "ann".to_owned(), ..ConsoleUser::default() };
    switch_off(&account, &ann);
    let page = look(&simulator, &client, &query(TrailedFlag::DeletionProtection, Some("i-a"))).await.unwrap();
    assert_eq!((page.events.len(), page.unreadable, page.next), (1, 0, None));
    let event = &page.events[0];
    assert_eq!((event.actor.kind, event.actor.name.as_deref()), (ActorKind::RamUser, Some("ann")));
    assert_eq!(event.actor.account_id.as_deref(), Some(account.id()));
    assert_eq!((event.asked, event.failed), (AskedValue::Unprotected, false));
    assert_eq!(event.targets, ["i-a".into()]);
    assert_eq!(event.source.as_deref(), Some("203.0.113.7"));
    let allowed = [Allowed::new(
        "LookupEvents",
        &[
            "Direction",
            "EndTime",
            "LookupAttribute.N.Key",
            "LookupAttribute.N.Value",
            "MaxResults",
            "StartTime",
        ],
    )];
    assert_eq!(account.violations(&allowed), [""; 0]);
}

#[tokio::test]
async fn pages_are_followed_with_the_same_query() {
    let (simulator, account, client) = cloud().await;
    for _ in 0..60 {
        switch_off(&account, &ConsoleUser::default());
    }
    let query = query(TrailedFlag::DeletionProtection, None);
    let first = look(&simulator, &client, &query).await.unwrap();
    assert_eq!(first.events.len(), 50);
    let next = TrailQuery { page: first.next, ..query.clone() };
    let second = look(&simulator, &client, &next).await.unwrap();
    assert_eq!((second.events.len(), second.next), (10, None));
    let wrong = TrailQuery { page: Some(PageToken::new("x")), ..query };
    let error = look(&simulator, &client, &wrong).await.unwrap_err();
    assert_eq!((&*error.code, error.class), ("InvalidParameterValue", Class::Bug));
}

#[tokio::test]
async fn each_flag_is_found_by_the_operation_that_sets_it() {
    let (simulator, account, client) = cloud().await;
    account.seed_interfaces(&InterfaceSeed::new(REGION).id("eni-a"));
    let tomorrow =
        (Timestamp::now() + SignedDuration::from_hours(24)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let release = [("InstanceId", "i-a"), ("AutoReleaseTime", &*tomorrow), ("RegionId", REGION)];
    account.console("ModifyInstanceAutoReleaseTime", &release).unwrap();
    let retention = [("NetworkInterfaceId", "eni-a"), ("DeleteOnRelease", "true"), ("RegionId", REGION)];
    account.console("ModifyNetworkInterfaceAttribute", &retention).unwrap();
    for (flag, target) in [(TrailedFlag::AutoReleaseTime, "i-a"), (TrailedFlag::DeleteOnRelease, "eni-a")] {
        let page = look(&simulator, &client, &query(flag, Some(target))).await.unwrap();
        let asked: Vec<_> = page.events.iter().map(|event| event.asked).collect();
        assert_eq!(asked, [AskedValue::Unprotected], "{flag:?}");
        let all = look(&simulator, &client, &query(flag, None)).await.unwrap();
        assert_eq!(all.events, page.events, "{flag:?}");
    }
}

#[tokio::test]
async fn i29_each_refusal_has_its_class() {
    let (simulator, account, client) = cloud().await;
    let query = query(TrailedFlag::DeletionProtection, Some("i-a"));
    let late = TrailQuery { from: query.until, until: query.from, ..query.clone() };
    let error = look(&simulator, &client, &late).await.unwrap_err();
    assert_eq!(
        (&*error.code, error.class, error.effect),
        ("InvalidTimeRangeException", Class::Bug, Effect::None)
    );
    account
        .fault(Rule::new("LookupEvents", Fault::Throttle { code: None, retry_after_millis: None }).times(1));
    assert_eq!(look(&simulator, &client, &query).await.unwrap_err().class, Class::Throttled);
    account.user(UserSeed::new(DEFAULT_USER));
    let error = look(&simulator, &client, &query).await.unwrap_err();
    assert_eq!(
        (&*error.code, error.class, error.http_status),
        ("NoPermission", Class::Permission, Some(403))
    );
}

/// The permission of the operation, as it is told, is enough.
#[tokio::test]
async fn i13_the_permission_that_the_operation_names_is_enough() {
    let (simulator, account, client) = cloud().await;
    let [operation] = ATTRIBUTION_OPERATIONS;
    let Permission::Resources { types, .. } = operation.permission() else { panic!("{operation:?}") };
    let resources: Vec<_> = types.iter().map(|it| it.all_in(REGION, account.id())).collect();
    let statement = json!({ "Effect": "Allow", "Action": operation.action(), "Resource": resources });
    let policy = Policy::new(json!({ "Version": "1", "Statement": [statement] })).unwrap();
    account.user(UserSeed::new(DEFAULT_USER).policy(policy));
    look(&simulator, &client, &query(TrailedFlag::DeletionProtection, None)).await.unwrap();
}

#[tokio::test]
async fn nothing_is_sent_where_nobody_knows_the_endpoint() {
    let (simulator, account, _) = cloud().await;
    let client = client(&simulator, &account, None);
    let error = client.events(&query(TrailedFlag::DeletionProtection, None), &Always).await.unwrap_err();
    assert_eq!((&*error.code, error.class, error.effect), ("NoEndpoint", Class::Bug, Effect::None));
    assert_eq!(account.log().len(), 0);
}
