use keeper_core::failure::{Class, Effect};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::operation::Product;
use crate::permission::Permission;

const WRITE: Operation = Operation::write(Product::Ecs, "ModifyInstanceAttribute", Permission::None);

fn raw(status: u16, body: impl Into<Vec<u8>>) -> RawAnswer {
    RawAnswer { status, request_id: None, retry_after: None, date: None, body: body.into() }
}

fn failure(status: u16, body: impl Into<Vec<u8>>) -> Error {
    read(WRITE, &raw(status, body)).unwrap_err()
}

#[test]
fn an_error_is_read_by_its_code_in_every_documented_form() {
    let json = json!({"Code": "IncorrectInstanceStatus", "RequestId": "R-1", "Message": "m"}).to_string();
    let lower = json!({"code": "IncorrectInstanceStatus", "requestId": "R-1"}).to_string();
    let xml =
        "<?xml version='1.0'?><Error><RequestId>R-1</RequestId><Code>IncorrectInstanceStatus</Code></Error>";
    for body in [json.as_str(), lower.as_str(), xml] {
        let error = failure(403, body);
        assert_eq!(
            (&*error.code, error.class, error.effect),
            ("IncorrectInstanceStatus", Class::Busy, Effect::None)
        );
        assert_eq!(error.request_id, Some(RequestId::new("R-1")), "{body}");
        assert_eq!(error.http_status, Some(403));
    }
}

/// The vendor's pages give 404 to codes that mean no absence, 403 to absences, and 500 to a wrong parameter.
#[test]
fn i29_no_status_ever_decides_what_a_code_means() {
    for code in [
        "Throttling.User",
        "InvalidInstanceId.NotFound",
        "InvalidEniId.NotFound",
        "InvalidAccessKeyId.NotFound",
        "InvalidInstanceStatus.NeedRestart",
        "InvalidParameter",
        "IdempotentParameterMismatch",
        "LastTokenProcessing",
        "OperationDenied",
        "Forbidden.RAM",
        "InternalError",
        "Mystery.OfTheCloud",
    ] {
        let class = crate::codes::classify("ModifyInstanceAttribute", code, "");
        for status in [200, 302, 400, 403, 404, 409, 429, 500, 503] {
            let error = failure(status, json!({"Code": code, "RequestId": "R"}).to_string());
            assert_eq!(error.class, class, "{code} {status}");
        }
    }
}

#[test]
fn i29_the_message_of_an_error_is_read_in_every_documented_form() {
    let full = "The specified security group is full.";
    let json = json!({"Code": "OperationDenied", "RequestId": "R", "Message": full}).to_string();
    let lower = json!({"code": "OperationDenied", "requestId": "R", "message": full}).to_string();
    let xml = format!("<Error><Code>OperationDenied</Code><Message>{full}</Message></Error>");
    for body in [json.as_str(), &lower, &xml] {
        assert_eq!(failure(403, body).class, Class::Locked, "{body}");
    }
    for odd in [json!(null), json!(7), json!({"en": full})] {
        let body = json!({"Code": "OperationDenied", "RequestId": "R", "Message": odd}).to_string();
        assert_eq!(failure(403, body.as_str()).class, Class::Busy, "{body}");
    }
}

#[test]
fn without_a_code_a_server_error_passes_and_anything_else_is_malformed() {
    for (status, body, code, class) in [
        (502, "<html>Bad Gateway</html>", "ServerError", Class::Transient),
        (503, "", "ServerError", Class::Transient),
        (500, r#"{"Code": 500}"#, "ServerError", Class::Transient),
        (400, "nonsense", "MalformedResponse", Class::Transient),
        (403, r#"{"Code": "a code with blanks"}"#, "MalformedResponse", Class::Transient),
        (302, "", "MalformedResponse", Class::Transient),
        (200, "", "MalformedResponse", Class::Transient),
        (200, "[]", "MalformedResponse", Class::Transient),
        (200, "{}", "MalformedResponse", Class::Transient),
        (200, r#"{"RequestId": "R""#, "MalformedResponse", Class::Transient),
    ] {
        let error = failure(status, body);
        assert_eq!((&*error.code, error.class), (code, class), "{status} {body}");
        assert_eq!(error.effect, Effect::Unknown, "{status} {body}");
    }
}

#[test]
fn an_answer_may_carry_its_request_id_in_a_header_alone() {
    let answer = RawAnswer { request_id: Some(RequestId::new("H-1")), ..raw(200, "{}") };
    assert_eq!(read(WRITE, &answer).unwrap().request_id, RequestId::new("H-1"));
}

#[test]
fn i47_deep_nesting_is_malformed_and_no_overflow() {
    let deep = "[".repeat(1_000_000);
    assert_eq!(&*failure(200, format!(r#"{{"RequestId":"R","x":{deep}"#)).code, "MalformedResponse");
}

proptest! {
    #[test]
    fn i47_no_answer_panics(status in 100_u16..600, body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(WRITE, &raw(status, body));
    }

    #[test]
    fn i44_nothing_of_an_error_body_is_repeated_but_identifiers(
        code in ".{0,40}", id in ".{0,40}", status in 400_u16..600,
    ) {
        let body = json!({"Code": code, "RequestId": id, "Message": "CANARY\nPOST\n/", "HostId": "CANARY"});
        let error = failure(status, body.to_string());
        let texts = format!("{error} {error:?}");
        prop_assert!(!texts.contains("CANARY"));
        prop_assert!(is_identifier(&error.code));
        prop_assert!(error.request_id.is_none_or(|id| is_identifier(id.as_str())));
    }
}
