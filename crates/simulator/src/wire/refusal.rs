//! What the cloud answers when it doesn't do what was asked.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Value, json};

/// An error answer: HTTP status, code and text. The codes are the vendor's, the texts are our own.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// HTTP status of the answer.
    pub status: u16,
    /// The vendor's error code.
    pub code: Cow<'static, str>,
    /// A text for people.
    pub message: String,
    /// Value of the header `x-acs-retry-after`, in milliseconds.
    pub retry_after_millis: Option<u64>,
    /// Further members of the error body.
    detail: Option<Value>,
}

/// Why RAM refuses a request.
pub(crate) struct AccessDenied<'a> {
    /// Such as `ecs:DescribeInstances`.
    pub(crate) action: &'a str,
    pub(crate) account: &'a str,
    pub(crate) principal: &'a str,
    pub(crate) principal_type: &'a str,
    /// Whether a statement denies it; otherwise, none allows it.
    pub(crate) explicitly: bool,
    pub(crate) policy_type: &'a str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (HTTP {}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(crate) fn new(status: u16, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), retry_after_millis: None, detail: None }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(
            400,
            "MissingParameter",
            format!("The parameter {parameter} is mandatory and was not given."),
        )
    }

    pub(crate) fn invalid(parameter: &str) -> Self {
        Self::new(400, "InvalidParameter", format!("The value of the parameter {parameter} is not valid."))
    }

    pub(crate) fn no_such_instance(id: &str) -> Self {
        Self::new(404, "InvalidInstanceId.NotFound", format!("There is no instance {id} here."))
    }

    /// A request that lacks a permission, as the operations of ECS answer it.
    pub(crate) fn forbidden(denied: &AccessDenied<'_>) -> Self {
        let text = "This identity is not allowed to do that, or the operation does not support RAM.";
        Self::new(403, "Forbidden.RAM", text).because(denied)
    }

    /// With the parts that the vendor's SDK reads into `AccessDeniedDetail`, the encoded message among them: clients must
    /// not repeat it.
    pub(crate) fn because(self, denied: &AccessDenied<'_>) -> Self {
        let detail = json!({
            "AccessDeniedDetail": {
                "AuthAction": denied.action,
                "AuthPrincipalDisplayName": denied.principal,
                "AuthPrincipalOwnerId": denied.account,
                "AuthPrincipalType": denied.principal_type,
                "EncodedDiagnosticMessage": "AQIBIAAAAAEncodedDiagnosticMessageOfTheSimulator",
                "NoPermissionType": if denied.explicitly { "ExplicitDeny" } else { "ImplicitDeny" },
                "PolicyType": denied.policy_type,
            }
        });
        Self { detail: Some(detail), ..self }
    }

    pub(crate) fn retry_after(mut self, millis: u64) -> Self {
        self.retry_after_millis = Some(millis);
        self
    }

    /// The JSON body, as the vendor's page "Troubleshoot issues based on API error codes" shows it.
    pub(crate) fn body(&self, host: &str, product: &str, request_id: &str) -> Value {
        let mut body = json!({
            "RequestId": request_id,
            "HostId": host,
            "Code": self.code,
            "Message": self.message,
            "Recommend": format!(
                "https://api.aliyun.com/troubleshoot?q={}&product={product}&requestId={request_id}",
                self.code
            ),
        });
        if let (Value::Object(members), Some(Value::Object(detail))) = (&mut body, &self.detail) {
            members.extend(detail.clone());
        }
        body
    }
}
