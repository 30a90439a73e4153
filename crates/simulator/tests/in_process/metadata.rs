//! The metadata service.

use std::time::Duration;

use jiff::Timestamp;
use keeper_simulator::{AccessKey, Account, HttpTokens, RoleSeed, Simulator, TrustPolicy};
use serde_json::{Value, json};

use crate::client::{Answer, call_with, control, metadata, started};
use crate::permissions::allow;

const TOKEN: &str = "/latest/api/token";
const ROLE: &str = "/latest/meta-data/ram/security-credentials/";
const KEY: &str = "/latest/meta-data/ram/security-credentials/node";
const TTL: &str = "X-aliyun-ecs-metadata-token-ttl-seconds";

fn role(service: &str) -> RoleSeed {
    let statement =
        json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": service } });
    let trust = TrustPolicy::new(json!({ "Version": "1", "Statement": [statement] }));
    RoleSeed::new("node", trust.expect("a trust policy")).policy(allow("*", "*"))
}

/// A simulator whose instance has a role.
async fn with_role() -> (Simulator, Account) {
    let (simulator, account) = started().await;
    let arn = account.role(role("ecs.aliyuncs.com"));
    simulator.metadata().set(|settings| settings.role = Some(arn));
    (simulator, account)
}

async fn get(simulator: &Simulator, path: &str) -> Answer {
    metadata(simulator, "GET", path, &[]).await
}

fn key(answer: &Answer) -> AccessKey {
    assert_eq!(answer.body["Code"], "Success", "{}", answer.text);
    let text = |name: &str| answer.body[name].as_str().expect(name).to_owned();
    AccessKey::temporary(&text("AccessKeyId"), &text("AccessKeySecret"), &text("SecurityToken"), None)
}

async fn identity(simulator: &Simulator, key: &AccessKey) -> Value {
    call_with(simulator, key, "GetCallerIdentity", &[]).await.expect("an answer").body
}

#[tokio::test]
async fn the_instance_has_the_key_of_its_role() {
    let (simulator, account) = with_role().await;
    assert_eq!(get(&simulator, ROLE).await.text, "node");
    assert_eq!(get(&simulator, ROLE.trim_end_matches('/')).await.text, "node");
    let answer = get(&simulator, KEY).await;
    let end: Timestamp = answer.body["Expiration"].as_str().expect("a time").parse().expect("a time");
    assert!(end > Timestamp::now() && answer.body["LastUpdated"].is_string());
    let key = key(&answer);
    let identity = identity(&simulator, &key).await;
    assert_eq!(identity["Arn"], format!("acs:sts::{}:assumed-role/node/i-simulator", account.id()));
    assert_eq!(get(&simulator, KEY).await.body["AccessKeyId"], key.access_key_id, "it is shown for a while");

    simulator.metadata().set(|settings| settings.trailing_newline = true);
    assert_eq!(get(&simulator, ROLE).await.text, "node\n");
    for path in ["/", "/latest/meta-data/", &format!("{ROLE}other"), &format!("{KEY}%0A")] {
        assert_eq!(get(&simulator, path).await.status, 404, "{path}");
    }
    assert_eq!(metadata(&simulator, "POST", ROLE, &[]).await.status, 405);
    let other = account.role(RoleSeed { role_name: "other".to_owned(), ..role("ecs.aliyuncs.com") });
    simulator.metadata().set(|settings| settings.role = Some(other));
    let other = self::key(&get(&simulator, &format!("{ROLE}other")).await);
    assert_ne!(other.access_key_id, key.access_key_id, "another role, another key");
    simulator.metadata().set(|settings| settings.role = None);
    assert_eq!(get(&simulator, ROLE).await.status, 404);
    assert_eq!(get(&simulator, KEY).await.status, 404);
}

#[tokio::test]
async fn a_key_is_renewed_before_it_ends_and_when_it_has() {
    let (simulator, account) = with_role().await;
    simulator.metadata().set(|settings| settings.session_seconds = 1000);
    let first = key(&get(&simulator, KEY).await);
    simulator.set(|settings| settings.clock_offset_seconds = 501);
    let second = key(&get(&simulator, KEY).await);
    assert_ne!(first.access_key_id, second.access_key_id);
    assert_eq!(
        identity(&simulator, &first).await["IdentityType"],
        "AssumedRoleUser",
        "the former one lives on"
    );
    account.end_sessions();
    assert_eq!(identity(&simulator, &second).await["Code"], "InvalidSecurityToken.Expired");
    assert_ne!(second.access_key_id, key(&get(&simulator, KEY).await).access_key_id);
}

#[tokio::test]
async fn a_role_that_does_not_trust_ecs_gives_no_key() {
    let (simulator, account) = with_role().await;
    for change in ["trust", "removal"] {
        match change {
            "trust" => {
                account.role(role("fc.aliyuncs.com"));
            }
            _ => assert!(account.remove_role("node")),
        }
        let answer = get(&simulator, KEY).await;
        assert_eq!((answer.status, answer.body["Code"].as_str()), (200, Some("Failed")), "{change}");
        assert!(answer.body["AccessKeyId"].is_null());
    }
}

#[tokio::test]
async fn tokens_are_asked_for_where_they_are_required() {
    let (simulator, _account) = with_role().await;
    let token = async |seconds: &'static str| metadata(&simulator, "PUT", TOKEN, &[(TTL, seconds)]).await;
    for (seconds, status) in [("1", 200), ("21600", 200), ("0", 400), ("21601", 400), ("-1", 400), ("x", 400)]
    {
        assert_eq!(token(seconds).await.status, status, "{seconds}");
    }
    assert_eq!(metadata(&simulator, "PUT", TOKEN, &[]).await.status, 400);
    let token = token("900").await.text;
    let with = async |token: &str| {
        metadata(&simulator, "GET", ROLE, &[("X-aliyun-ecs-metadata-token", token)]).await.status
    };
    for (tokens, without, right, wrong) in [
        (HttpTokens::Optional, 200, 200, 403),
        (HttpTokens::Required, 403, 200, 403),
        (HttpTokens::Unsupported, 200, 200, 200),
    ] {
        simulator.metadata().set(|settings| settings.http_tokens = tokens);
        let found = (get(&simulator, ROLE).await.status, with(&token).await, with("another").await);
        assert_eq!(found, (without, right, wrong), "{tokens:?}");
    }
    assert_eq!(metadata(&simulator, "PUT", TOKEN, &[(TTL, "900")]).await.status, 405);

    simulator.metadata().set(|settings| settings.http_tokens = HttpTokens::Required);
    simulator.set(|settings| settings.clock_offset_seconds = 900);
    assert_eq!(with(&token).await, 403, "it has expired");
}

#[tokio::test]
async fn it_fails_and_hangs_when_it_is_told_to() {
    let (simulator, _account) = with_role().await;
    simulator.metadata().set(|settings| settings.fails_with = Some(503));
    assert_eq!(get(&simulator, ROLE).await.status, 503);
    assert_eq!(metadata(&simulator, "PUT", TOKEN, &[(TTL, "900")]).await.status, 503);
    assert_eq!(simulator.metadata().requests(), [format!("GET {ROLE} 503"), format!("PUT {TOKEN} 503")]);
    simulator.metadata().set(|settings| {
        settings.fails_with = None;
        settings.latency_millis = 24 * 3_600_000;
    });
    let answer = tokio::time::timeout(Duration::from_millis(200), get(&simulator, ROLE)).await;
    assert!(answer.is_err(), "no answer");
}

#[tokio::test]
async fn it_is_set_over_the_control_port() {
    let (simulator, account) = started().await;
    let arn = account.role(role("ecs.aliyuncs.com"));
    let set =
        async |settings: Value| control(&simulator, "PUT", "/metadata".to_owned(), settings).await.status;
    assert_eq!(set(json!({ "role": arn, "httpTokens": "required" })).await, 200);
    assert_eq!(get(&simulator, ROLE).await.status, 403);
    let shown = control(&simulator, "GET", "/metadata".to_owned(), json!({})).await.body;
    assert_eq!(shown["settings"]["role"], arn);
    assert_eq!(shown["settings"]["sessionSeconds"], 21_600);
    assert_eq!(shown["requests"], json!([format!("GET {ROLE} 403")]));
    assert_eq!(set(json!({ "role": "node" })).await, 400);
    assert_eq!(set(json!({ "rôle": arn })).await, 422);
}
