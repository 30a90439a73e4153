//! What ActionTrail records, when it shows it, and the traps of asking.

use keeper_simulator::{AccessKey, Account, ConsoleUser, Fault, KeyHolder, Rule, Seed, Simulator, UserSeed};
use serde_json::{Value, json};

use super::client::{Answer, REGION, call, call_with, control};

/// A cloud with an instance, whose events are seen at once. Each look-up is in a second of its own.
async fn cloud() -> (Simulator, Account) {
    let simulator = Simulator::start().await.expect("free ports");
    simulator.set(|settings| settings.trail_delay_seconds = 0);
    let account = simulator.new_account();
    account.seed(&Seed::new(REGION).id("i-a").protected(true));
    account.seed(&Seed::new("cn-beijing").id("i-far"));
    (simulator, account)
}

async fn look(simulator: &Simulator, account: &Account, params: &[(&str, &str)]) -> Answer {
    simulator.set(|settings| settings.clock_offset_seconds += 1);
    call(simulator, account, "LookupEvents", params).await.expect("an answer")
}

fn conditions<'a>(pairs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    const NAMES: [[&str; 2]; 3] = [
        ["LookupAttribute.1.Key", "LookupAttribute.1.Value"],
        ["LookupAttribute.2.Key", "LookupAttribute.2.Value"],
        ["LookupAttribute.3.Key", "LookupAttribute.3.Value"],
    ];
    pairs.iter().zip(NAMES).flat_map(|((key, value), [k, v])| [(k, *key), (v, *value)]).collect()
}

fn events(answer: &Answer) -> &[Value] {
    answer.body["Events"].as_array().unwrap_or_else(|| panic!("{answer:?}"))
}

/// Of each event the operation and the resource.
fn told(answer: &Answer) -> Vec<String> {
    let text = |event: &Value, name: &str| event[name].as_str().expect("text").to_owned();
    events(answer)
        .iter()
        .map(|event| format!("{} {}", text(event, "eventName"), text(event, "resourceName")))
        .collect()
}

fn switch(account: &Account, id: &str, on: &str) {
    let params = [("InstanceId", id), ("DeletionProtection", on)];
    account.console("ModifyInstanceAttribute", &params).expect("it may");
}

#[tokio::test]
async fn a_call_is_recorded_with_who_made_it_and_what_it_asked() {
    let (simulator, account) = cloud().await;
    let key = AccessKey::lasting("LTAI5tAnn", "AnnsSecret").of(KeyHolder::User("ann".to_owned()));
    account.add_key(key.clone());
    let params = [("InstanceId", "i-a"), ("DeletionProtection", "False"), ("Password", "Hunter2!x")];
    let answer = call_with(&simulator, &key, "ModifyInstanceAttribute", &params).await.expect("an answer");
    let found = look(&simulator, &account, &[]).await;
    let event = &events(&found)[0];
    for (name, value) in [
        ("eventName", json!("ModifyInstanceAttribute")),
        ("eventType", json!("ApiCall")),
        ("serviceName", json!("Ecs")),
        ("acsRegion", json!(REGION)),
        ("requestId", answer.body["RequestId"].clone()),
        ("resourceName", json!("i-a")),
        ("referencedResources", json!({ "ACS::ECS::Instance": ["i-a"] })),
        (
            "requestParameters",
            json!({ "DeletionProtection": "False", "InstanceId": "i-a", "Password": "***" }),
        ),
    ] {
        assert_eq!(event[name], value, "{name}");
    }
    assert_eq!(event["userIdentity"]["type"], "ram-user");
    assert_eq!(event["userIdentity"]["userName"], "ann");
    assert_eq!(event["userIdentity"]["accessKeyId"], "LTAI5tAnn");
    assert!(event.get("errorCode").is_none());
    assert!(!found.text.contains("Hunter2"), "{}", found.text);
}

#[tokio::test]
async fn what_was_refused_is_recorded_as_that_and_a_read_is_not() {
    let (simulator, account) = cloud().await;
    call(&simulator, &account, "DescribeInstances", &[("RegionId", REGION)]).await.expect("an answer");
    let refused = account.console("DeleteInstance", &[("InstanceId", "i-a")]).expect_err("protected");
    let found = look(&simulator, &account, &[]).await;
    assert_eq!(told(&found), ["DeleteInstance i-a"]);
    assert_eq!(events(&found)[0]["errorCode"], json!(refused.code));
}

#[tokio::test]
async fn the_console_is_told_from_a_client_and_sends_booleans() {
    let (simulator, account) = cloud().await;
    let body = json!({
        "action": "ModifyInstanceAttribute",
        "parameters": { "InstanceId": "i-a", "DeletionProtection": "false" },
        "user": { "userName": "ann", "sourceIpAddress": "203.0.113.9" },
    });
    let path = format!("/accounts/{}/console", account.id());
    assert_eq!(control(&simulator, "POST", path, body).await.status, 200);
    let found = look(&simulator, &account, &[]).await;
    let event = &events(&found)[0];
    assert_eq!(event["eventType"], "ConsoleOperation");
    assert_eq!(event["requestParameters"]["DeletionProtection"], json!(false));
    assert_eq!(
        (&event["sourceIpAddress"], &event["userAgent"]),
        (&json!("203.0.113.9"), &json!("ecs.console.aliyun.com"))
    );
    assert!(event["userIdentity"].get("accessKeyId").is_none());
}

#[tokio::test]
async fn an_event_is_seen_only_after_its_delay() {
    let (simulator, account) = cloud().await;
    let documented = keeper_simulator::Settings::default().trail_delay_seconds;
    assert_eq!(documented, 600);
    simulator.set(|settings| settings.trail_delay_seconds = documented);
    switch(&account, "i-a", "false");
    assert_eq!(told(&look(&simulator, &account, &[]).await), [""; 0]);
    simulator.set(|settings| settings.clock_offset_seconds += 300);
    assert_eq!(told(&look(&simulator, &account, &[]).await), [""; 0]);
    simulator.set(|settings| settings.trail_delay_seconds = 1);
    assert_eq!(told(&look(&simulator, &account, &[]).await).len(), 1);
}

#[tokio::test]
async fn each_condition_compares_exactly_and_a_list_is_one_text() {
    let (simulator, account) = cloud().await;
    switch(&account, "i-a", "false");
    let ann = ConsoleUser { user_name: "ann".to_owned(), ..ConsoleUser::default() };
    account.seed(&Seed::new(REGION).id("i-b"));
    account.seed(&Seed::new(REGION).id("i-c"));
    let both = [("RegionId", REGION), ("InstanceId.1", "i-b"), ("InstanceId.2", "i-c"), ("Force", "true")];
    account.console_as(&ann, "DeleteInstances", &both).expect("they may go");
    let modified = "ModifyInstanceAttribute i-a";
    let deleted = "DeleteInstances i-b,i-c";
    for (pairs, expected) in [
        (vec![("ResourceName", "i-a")], vec![modified]),
        (vec![("ResourceName", "i-b")], vec![]),
        (vec![("ResourceName", "i-b,i-c")], vec![deleted]),
        (vec![("EventName", "modifyinstanceattribute")], vec![]),
        (vec![("User", "ann")], vec![deleted]),
        (vec![("ServiceName", "Ecs"), ("EventName", "DeleteInstances")], vec![deleted]),
        (vec![("ResourceName", "i-a"), ("EventName", "DeleteInstances")], vec![]),
        (vec![("EventRW", "Read")], vec![]),
        (vec![("EventType", "ApiCall")], vec![]),
        // The traps: what is too much is passed over, and finds too much.
        (vec![("ResourceName", "i-a"), ("ResourceName", "i-b,i-c")], vec![deleted]),
        (
            vec![("ServiceName", "Ecs"), ("EventName", "DeleteInstances"), ("ResourceName", "i-a")],
            vec![deleted],
        ),
        (vec![("User", "ann"), ("EventName", "ModifyInstanceAttribute")], vec![modified]),
    ] {
        let found = look(&simulator, &account, &conditions(&pairs)).await;
        assert_eq!(told(&found), expected, "{pairs:?}");
    }
}

#[tokio::test]
async fn pages_go_on_with_the_same_query_alone_and_miss_nothing() {
    let (simulator, account) = cloud().await;
    for turn in 0..7 {
        switch(&account, "i-a", if turn % 2 == 0 { "false" } else { "true" });
    }
    let query = [conditions(&[("ResourceName", "i-a")]), vec![("MaxResults", "3")]].concat();
    let first = look(&simulator, &account, &query).await;
    let token = first.body["NextToken"].as_str().expect("more").to_owned();
    // What comes between two pages moves nothing.
    switch(&account, "i-a", "true");
    let next = |token| [query.clone(), vec![("NextToken", token)]].concat();
    let second = look(&simulator, &account, &next(&token)).await;
    let more = second.body["NextToken"].as_str().expect("more").to_owned();
    let third = look(&simulator, &account, &next(&more)).await;
    assert!(third.body.get("NextToken").is_none(), "{}", third.text);
    let ids: Vec<_> =
        [&first, &second, &third].into_iter().flat_map(events).map(|it| &it["eventId"]).collect();
    let mut distinct = ids.clone();
    distinct.sort_by_key(|id| id.as_str());
    distinct.dedup();
    assert_eq!((ids.len(), distinct.len()), (7, 7));
    let other =
        [conditions(&[("ResourceName", "i-b")]), vec![("MaxResults", "3"), ("NextToken", &*token)]].concat();
    assert_eq!(look(&simulator, &account, &other).await.code(), "InvalidParameterValue");
}

#[tokio::test]
async fn no_more_than_two_look_ups_a_second_and_none_without_permission() {
    let (simulator, account) = cloud().await;
    let mut refused = None;
    // However slow the machine is, a thousand one after the other are faster than that.
    for _ in 0..1000 {
        let answer = call(&simulator, &account, "LookupEvents", &[]).await.expect("an answer");
        if answer.code() != "OK" {
            refused = Some((answer.status, answer.code().to_owned()));
            break;
        }
    }
    assert_eq!(refused, Some((400, "Throttling".to_owned())));
    account.user(UserSeed::new(keeper_simulator::DEFAULT_USER));
    let refused = look(&simulator, &account, &[]).await;
    assert_eq!((refused.status, refused.code()), (403, "NoPermission"));
    account.remove_user(keeper_simulator::DEFAULT_USER);
    account.fault(Rule::new("LookupEvents", Fault::Deny { always_forbidden: true }).times(1));
    assert_eq!(look(&simulator, &account, &[]).await.code(), "NoPermission");
}

#[tokio::test]
async fn a_region_has_events_of_its_own() {
    let (simulator, account) = cloud().await;
    switch(&account, "i-a", "false");
    switch(&account, "i-far", "true");
    assert_eq!(look(&simulator, &account, &[]).await.body["Events"].as_array().map(Vec::len), Some(2));
    simulator.set(|settings| settings.region = Some("cn-beijing".to_owned()));
    assert_eq!(told(&look(&simulator, &account, &[]).await), ["ModifyInstanceAttribute i-far"]);
}
