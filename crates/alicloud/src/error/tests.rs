use super::*;
use crate::answer;
use crate::operation::Product;
use crate::permission::Permission;
use crate::transport::RawAnswer;

const READ: Operation = Operation::read(Product::Ecs, "DescribeInstances", Permission::None);
const WRITE: Operation = Operation::write(Product::Ecs, "ModifyInstanceAttribute", Permission::None);

#[test]
fn a_refusal_proves_that_nothing_was_done_unless_the_code_says_less() {
    for (code, effect) in [
        ("Throttling.User", Effect::None),
        ("IncorrectInstanceStatus", Effect::None),
        ("InvalidInstanceId.NotFound", Effect::None),
        ("Forbidden.RAM", Effect::None),
        ("SignatureDoesNotMatch", Effect::None),
        ("InternalError", Effect::Unknown),
        ("ServiceUnavailable", Effect::Unknown),
        // A copy of this request came first, and may have been carried out.
        ("SignatureNonceUsed", Effect::Unknown),
        ("SomethingNew", Effect::Unknown),
    ] {
        assert_eq!(Error::refused(WRITE, code.into(), "", 400, None, None).effect, effect, "{code}");
        assert_eq!(Error::refused(READ, code.into(), "", 400, None, None).effect, Effect::None, "{code}");
    }
}

#[test]
fn only_what_was_never_sent_had_surely_no_effect() {
    use OwnCode::{
        ConnectionFailed, ConnectionLost, InvalidRequest, LeaseLost, MalformedResponse, ResponseTooLarge,
        ServerError, Timeout,
    };
    for code in [ConnectionFailed, InvalidRequest, LeaseLost] {
        assert_eq!(Error::unanswered(WRITE, code).effect, Effect::None, "{code:?}");
    }
    for code in [Timeout, ConnectionLost, ServerError, MalformedResponse, ResponseTooLarge] {
        assert_eq!(Error::unanswered(WRITE, code).effect, Effect::Unknown, "{code:?}");
        assert_eq!(Error::unanswered(READ, code).effect, Effect::None, "{code:?}");
    }
}

#[test]
fn the_sentence_names_operation_code_status_and_request_and_what_to_do() {
    let error = Error::refused(WRITE, "Forbidden.RAM".into(), "", 403, Some(RequestId::new("4B2F-1")), None);
    assert_eq!(
        error.to_string(),
        "ModifyInstanceAttribute failed with Forbidden.RAM (HTTP 403, request 4B2F-1): \
         the identity may not do this; grant it the operation in RAM"
    );
    let error = Error::unanswered(READ, OwnCode::Timeout);
    assert_eq!(
        error.to_string(),
        "DescribeInstances failed with Timeout: \
         the cloud or the road to it failed; if this lasts, check the network and the endpoint"
    );
}

#[test]
fn i44_what_was_signed_and_what_a_policy_says_is_never_repeated() {
    let body = serde_json::json!({
        "Code": "SignatureDoesNotMatch",
        "RequestId": "R-1",
        "Message": "Specified signature is not matched with our calculation. server string to sign is:CANARY",
        "Recommend": "https://CANARY.example.com",
        "AccessDeniedDetail": {"EncodedDiagnosticMessage": "CANARY", "AuthAction": "CANARY"},
    });
    let raw = RawAnswer {
        status: 400,
        request_id: None,
        retry_after: Some(Duration::from_secs(1)),
        date: None,
        body: body.to_string().into_bytes(),
    };
    let error = answer::read(WRITE, &raw).unwrap_err();
    let of_error = format!("{error} {error:?} {error:#?}");
    let failure = Failure::from(error);
    let texts = format!("{of_error} {failure:?}");
    assert!(!texts.contains("CANARY"), "{texts}");
    assert_eq!(
        failure,
        Failure {
            operation: Some("ModifyInstanceAttribute"),
            class: Class::Credentials,
            code: "SignatureDoesNotMatch".into(),
            request_id: Some(RequestId::new("R-1")),
            effect: Effect::None,
            retry_after: Some(Duration::from_secs(1)),
        }
    );
}
