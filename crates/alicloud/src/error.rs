//! Why a call failed. Keeps the cloud's code and request id and nothing else of its answer: the message of
//! `SignatureDoesNotMatch` repeats what was signed, and that of a denied call may describe the policy.

use std::fmt;
use std::time::Duration;

use keeper_core::failure::{Class, Effect, Failure};
use keeper_core::id::RequestId;

use crate::codes::classify;
use crate::operation::Operation;
use crate::sts_codes;

/// A failed call.
#[derive(Debug)]
pub struct Error {
    /// The operation that was called, as the vendor names it.
    pub operation: &'static str,
    /// The cloud's error code, or one of [`OwnCode`].
    pub code: Box<str>,
    /// The HTTP status, when an answer came. Decides nothing.
    pub http_status: Option<u16>,
    /// The cloud's id of the request, when it gave one.
    pub request_id: Option<RequestId>,
    /// What kind of failure it was.
    pub class: Class,
    /// Whether the call may have had its effect all the same.
    pub effect: Effect,
    /// How long the cloud asks us to wait.
    pub retry_after: Option<Duration>,
    /// What went wrong on the way, without the URL.
    source: Option<reqwest::Error>,
}

/// The codes of our own, for calls that the cloud did not answer with a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnCode {
    /// No answer in time.
    Timeout,
    /// No connection; nothing was sent.
    ConnectionFailed,
    /// The connection broke before the answer was complete.
    ConnectionLost,
    /// A server error (5xx) without a readable code.
    ServerError,
    /// An answer that is not what the operation answers.
    MalformedResponse,
    /// An answer longer than any that the cloud gives.
    ResponseTooLarge,
    /// A call that can't be put into a request; nothing was sent.
    InvalidRequest,
    /// Nobody knows where the operation's product is in the region; nothing was sent.
    NoEndpoint,
    /// The lease had ended; nothing was sent.
    LeaseLost,
    /// There is no key; nothing was sent.
    NoAccessKey,
    /// The key belongs to another account than it should; nothing was sent.
    WrongAccount,
}

impl OwnCode {
    /// The code as text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "Timeout",
            Self::ConnectionFailed => "ConnectionFailed",
            Self::ConnectionLost => "ConnectionLost",
            Self::ServerError => "ServerError",
            Self::MalformedResponse => "MalformedResponse",
            Self::ResponseTooLarge => "ResponseTooLarge",
            Self::InvalidRequest => "InvalidRequest",
            Self::NoEndpoint => "NoEndpoint",
            Self::LeaseLost => "LeaseLost",
            Self::NoAccessKey => "NoAccessKey",
            Self::WrongAccount => "WrongAccount",
        }
    }

    fn class(self) -> Class {
        match self {
            // An answer that can't be read comes from something between us and the cloud, and is not the cloud's word.
            Self::Timeout
            | Self::ConnectionFailed
            | Self::ConnectionLost
            | Self::ServerError
            | Self::MalformedResponse
            | Self::ResponseTooLarge
            | Self::LeaseLost => Class::Transient,
            // The one is a fault of ours, the other of the configuration.
            Self::InvalidRequest | Self::NoEndpoint => Class::Bug,
            Self::NoAccessKey => Class::NoKey,
            Self::WrongAccount => Class::WrongAccount,
        }
    }

    fn effect(self) -> Effect {
        match self {
            Self::ConnectionFailed
            | Self::InvalidRequest
            | Self::NoEndpoint
            | Self::LeaseLost
            | Self::NoAccessKey
            | Self::WrongAccount => Effect::None,
            Self::Timeout
            | Self::ConnectionLost
            | Self::ServerError
            | Self::MalformedResponse
            | Self::ResponseTooLarge => Effect::Unknown,
        }
    }
}

impl Error {
    /// The cloud answered with an error code. Its message may help to class it, and is not kept.
    pub(crate) fn refused(
        operation: Operation,
        code: Box<str>,
        message: &str,
        http_status: u16,
        request_id: Option<RequestId>,
        retry_after: Option<Duration>,
    ) -> Self {
        let class = classify(operation.name, &code, message);
        Self {
            operation: operation.name,
            code,
            http_status: Some(http_status),
            request_id,
            class,
            effect: if operation.writes { effect_of_refusal(class) } else { Effect::None },
            retry_after,
            source: None,
        }
    }

    /// Whether the cloud refuses the key of a session as one that it knows no more. A session that has expired is answered with
    /// either code.
    pub fn says_expired(&self) -> bool {
        matches!(&*self.code, "InvalidSecurityToken.Expired" | "InvalidAccessKeyId.NotFound")
    }

    /// The same once more, for another call that was spared the question. The cause stays with the first.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            operation: self.operation,
            code: self.code.clone(),
            http_status: self.http_status,
            request_id: self.request_id.clone(),
            class: self.class,
            effect: self.effect,
            retry_after: self.retry_after,
            source: None,
        }
    }

    /// There was no answer, or none that can be read.
    pub(crate) fn unanswered(operation: Operation, code: OwnCode) -> Self {
        Self {
            operation: operation.name,
            code: code.as_str().into(),
            http_status: None,
            request_id: None,
            class: code.class(),
            effect: if operation.writes { code.effect() } else { Effect::None },
            retry_after: None,
            source: None,
        }
    }

    /// The same failure, classed by what it means to whoever wanted to make another call.
    pub(crate) fn classed(self, class: Class) -> Self {
        Self { class, ..self }
    }

    /// Adds what is known of an answer that can't be read.
    pub(crate) fn with_answer(
        self,
        http_status: u16,
        request_id: Option<RequestId>,
        retry_after: Option<Duration>,
    ) -> Self {
        Self { http_status: Some(http_status), request_id, retry_after, ..self }
    }

    /// Adds the cause. The URL is taken out: it tells what was asked, and that is no one's business who reads logs.
    pub(crate) fn with_source(self, source: reqwest::Error) -> Self {
        Self { source: Some(source.without_url()), ..self }
    }
}

/// Whether a write that was refused with a code of this class may have been carried out.
///
/// A server that failed may have failed after the fact. `SignatureNonceUsed` says that a copy of this very request
/// came first, and `LastTokenProcessing` that it is still being worked on; both are `Transient` too. A code that the
/// table does not know proves nothing.
fn effect_of_refusal(class: Class) -> Effect {
    match class {
        Class::Transient | Class::Unrecognized => Effect::Unknown,
        Class::Throttled
        | Class::Busy
        | Class::NotApplicable
        | Class::Gone
        | Class::Locked
        | Class::Permission
        | Class::Credentials
        | Class::NoKey
        | Class::WrongAccount
        | Class::NoIdentity
        | Class::StsOutsideVpc
        | Class::Clock
        | Class::Bug => Effect::None,
    }
}

/// What a class of failure means to a reader, and what to do.
fn explain(class: Class) -> &'static str {
    match class {
        Class::Throttled => {
            "the account's calls of this operation are used up for the moment, by all its users together; \
             wait, or ask the vendor for a higher quota"
        }
        Class::Transient => {
            "the cloud or the road to it failed; if this lasts, check the network and the endpoint"
        }
        Class::Busy => {
            "the resource is in a state in which this can't be done; wait until its state has changed"
        }
        Class::NotApplicable => {
            "the resource is of a kind that can't be changed so; take it out of the selection"
        }
        Class::Gone => "the cloud knows no such resource in this region; check the id and the region",
        Class::Locked => "the resource is locked or denies the change; look at it in the cloud's console",
        Class::Permission => "the identity may not do this; grant it the operation in RAM",
        Class::Credentials => {
            "the cloud did not accept the credentials; check key, secret and token, or renew them"
        }
        Class::NoKey => "there is no access key; put one where the configuration says",
        Class::WrongAccount => {
            "the access key belongs to another account; put the right one back, or correct accountId"
        }
        Class::NoIdentity => {
            "STS did not answer as it should; if this lasts, check the network and the endpoint of STS"
        }
        Class::StsOutsideVpc => {
            "the region has no STS endpoint in the VPC, and the one on the Internet does not answer; give the Pods a way \
             there, or set endpoints.regions[].sts"
        }
        Class::Clock => "this machine's clock and the cloud's are too far apart; set the clock",
        Class::Bug => {
            "the request itself was refused; check the configuration, and report the code if it is right"
        }
        Class::Unrecognized => "the answer is none that is known; check the endpoint, and report the code",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed with {}", self.operation, self.code)?;
        match (self.http_status, &self.request_id) {
            (Some(status), Some(id)) => write!(f, " (HTTP {status}, request {id})")?,
            (Some(status), None) => write!(f, " (HTTP {status})")?,
            (None, _) => {}
        }
        write!(
            f,
            ": {}",
            sts_codes::explain(self.operation, &self.code).unwrap_or_else(|| explain(self.class))
        )
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.source.as_ref()?;
        Some(source)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            operation: Some(error.operation),
            class: error.class,
            code: error.code,
            request_id: error.request_id,
            effect: error.effect,
            retry_after: error.retry_after,
        }
    }
}

#[cfg(test)]
mod tests;
