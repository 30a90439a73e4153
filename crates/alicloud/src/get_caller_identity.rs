//! `GetCallerIdentity`: whose credentials these are. Needs no permission, and its throttle is easily hit: call it when
//! credentials change, not for every call.

use jiff::Timestamp;
use keeper_core::id::RequestId;
use serde_json::Value;

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::operation::{Operation, Product};
use crate::permission::Permission;

pub(crate) const OPERATION: Operation = Operation::read(Product::Sts, "GetCallerIdentity", Permission::None);

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The id of the account that everything belongs to.
    pub account_id: Box<str>,
    /// Name of the user or of the role's session, `acs:ram::<account>:…`; for people, it decides nothing.
    pub arn: Option<Box<str>>,
    /// The cloud's id of the request.
    pub request_id: RequestId,
    /// When the cloud answered, by its own clock, in whole seconds.
    pub answered: Option<Timestamp>,
}

/// The identity in an answer; `None` without an account id.
pub(crate) fn identity(answer: Answer) -> Option<Caller> {
    let printable = |text: &&str| text.len() <= 512 && text.bytes().all(|byte| byte.is_ascii_graphic());
    Some(Caller {
        account_id: identifier(answer.fields.get("AccountId"))?.into(),
        arn: answer.fields.get("Arn").and_then(Value::as_str).filter(printable).map(Into::into),
        request_id: answer.request_id,
        answered: answer.date,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decode(fields: &Value) -> Option<Caller> {
        let fields = fields.as_object().unwrap().clone();
        identity(Answer { fields, request_id: RequestId::new("R-1"), date: None })
    }

    #[test]
    fn an_identity_needs_an_account_and_nothing_else() {
        let arn = "acs:ram::1234567890123456:user/ecs-keeper";
        let full = decode(&json!({"AccountId": "1234567890123456", "Arn": arn})).unwrap();
        assert_eq!((&*full.account_id, full.arn.as_deref()), ("1234567890123456", Some(arn)));
        assert_eq!(decode(&json!({"AccountId": "1234567890123456", "Arn": ["odd"]})).unwrap().arn, None);
        for odd in
            [json!({}), json!({"AccountId": null}), json!({"AccountId": 1}), json!({"AccountId": "1\n2"})]
        {
            assert_eq!(decode(&odd), None, "{odd}");
        }
    }
}
