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

    /// A request that lacks a permission. The body has the parts that the vendor's SDK reads into
    /// `AccessDeniedDetail`, the encoded message among them: clients must not repeat it.
    pub(crate) fn forbidden(account: &str, principal: &str, product: &str, action: &str) -> Self {
        let mut refusal = Self::new(
            403,
            "Forbidden.RAM",
            "This identity is not allowed to do that, or the operation does not support RAM.",
        );
        refusal.detail = Some(json!({
            "AccessDeniedDetail": {
                "AuthAction": format!("{}:{action}", product.to_ascii_lowercase()),
                "AuthPrincipalDisplayName": principal,
                "AuthPrincipalOwnerId": account,
                "AuthPrincipalType": "SubUser",
                "EncodedDiagnosticMessage": "AQIBIAAAAAEncodedDiagnosticMessageOfTheSimulator",
                "NoPermissionType": "ImplicitDeny",
                "PolicyType": "AccountLevelIdentityBasedPolicy",
            }
        }));
        refusal
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
