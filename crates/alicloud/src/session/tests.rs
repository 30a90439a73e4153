use keeper_core::id::RequestId;
use serde_json::json;

use super::*;

const DATE: &str = "2026-03-01T08:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn fields() -> Value {
    json!({
        "Credentials": {
            "AccessKeyId": "STS.id",
            "AccessKeySecret": "secret",
            "SecurityToken": "token",
            "Expiration": "2026-03-01T09:00:00Z",
        },
        "AssumedRoleUser": {"Arn": "acs:ram::1:assumed-role/keeper/ecs-keeper", "AssumedRoleId": "3:ecs-keeper"},
    })
}

fn decode(fields: &Value, now: &str) -> Option<Session> {
    let fields = fields.as_object().unwrap().clone();
    let answer = Answer { fields, request_id: RequestId::new("R-1"), date: Some(at(DATE)) };
    Session::from_sts(&answer, at(now))
}

#[test]
fn i56_a_session_lasts_by_the_clock_of_whoever_answered() {
    for (now, behind) in
        [("2026-03-01T08:00:00Z", 0), ("2026-03-01T07:30:00Z", 1800), ("2026-03-01T10:00:00Z", -7200)]
    {
        let session = decode(&fields(), now).unwrap();
        assert_eq!(session.lifetime, Duration::from_hours(1), "{now}");
        assert_eq!(session.clock_behind.as_secs(), behind, "{now}");
        assert_eq!(session.credentials.session(), Some("acs:ram::1:assumed-role/keeper/ecs-keeper"));
    }
}

#[test]
fn an_answer_that_lacks_anything_is_none() {
    for name in ["AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"] {
        for odd in [Value::Null, json!(""), json!(1), json!("a b")] {
            let mut fields = fields();
            fields["Credentials"][name] = odd.clone();
            assert!(decode(&fields, DATE).is_none(), "{name}: {odd}");
        }
    }
    assert!(decode(&json!({}), DATE).is_none());
    assert!(decode(&json!({"Credentials": "text"}), DATE).is_none());
    let mut nameless = fields();
    nameless["AssumedRoleUser"] = json!({"Arn": "line\nbreak"});
    assert_eq!(decode(&nameless, DATE).unwrap().credentials.session(), None);
}

#[test]
fn a_session_that_has_ended_lasts_no_time() {
    let mut fields = fields();
    fields["Credentials"]["Expiration"] = json!("2026-03-01T07:00:00Z");
    assert_eq!(decode(&fields, DATE).unwrap().lifetime, Duration::ZERO);
}

#[test]
fn names_are_told_from_what_is_none() {
    assert!(is_role_arn("acs:ram::1234567890123456:role/ecs-keeper"));
    assert!(is_oidc_provider_arn("acs:ram::1:oidc-provider/ack-rrsa-c1"));
    for odd in [
        "",
        "keeper",
        "acs:ram::1:user/keeper",
        "acs:ram:::role/keeper",
        "acs:ram::1:role/",
        "acs:ram::1:role/a b",
    ] {
        assert!(!is_role_arn(odd), "{odd}");
    }
    assert!(is_session_name("ecs-keeper@a.b_c") && !is_session_name("a") && !is_session_name("a/b"));
    assert!(!is_session_name(&"a".repeat(65)));
    assert!(is_external_id("a:/b=") && !is_external_id("a") && !is_external_id("a b"));
}
