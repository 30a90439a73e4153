//! Answers of the cloud, told apart by their code. Keeps no text of a failed answer but its code and request id.

use std::fmt;

use jiff::Timestamp;
use keeper_core::id::RequestId;
use serde_json::{Map, Value};

use crate::error::{Error, OwnCode};
use crate::identifier::{identifier, is_identifier};
use crate::operation::Operation;
use crate::transport::RawAnswer;

/// A successful answer.
pub struct Answer {
    /// The fields of the answer's JSON object.
    pub(crate) fields: Map<String, Value>,
    pub(crate) request_id: RequestId,
    /// When the server answered, by its own clock.
    pub(crate) date: Option<Timestamp>,
}

impl fmt::Debug for Answer {
    /// Shows no field: that of an exchange holds a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("request_id", &self.request_id).finish_non_exhaustive()
    }
}

/// Reads an answer: a success, or an error whose code decides what it means.
pub(crate) fn read(operation: Operation, raw: &RawAnswer) -> Result<Answer, Error> {
    let fields: Option<Map<String, Value>> = serde_json::from_slice(&raw.body).ok();
    let text = std::str::from_utf8(&raw.body).unwrap_or_default();
    let Envelope { code, message, request_id } = match &fields {
        Some(fields) => Envelope::from_json(fields),
        None => Envelope::from_xml(text),
    };
    let request_id = request_id.or_else(|| raw.request_id.clone());
    if let Some(code) = code {
        return Err(Error::refused(operation, code, message, raw.status, request_id, raw.retry_after));
    }
    let success = (200..300).contains(&raw.status);
    match (fields, request_id) {
        // Every documented answer has a request id; one without is from somebody else.
        (Some(fields), Some(request_id)) if success => Ok(Answer { fields, request_id, date: raw.date }),
        (_, request_id) => {
            let code = if raw.status >= 500 { OwnCode::ServerError } else { OwnCode::MalformedResponse };
            Err(Error::unanswered(operation, code).with_answer(raw.status, request_id, raw.retry_after))
        }
    }
}

/// What every answer may have, whatever the operation.
struct Envelope<'a> {
    code: Option<Box<str>>,
    /// Of an error. Not to be kept: it may repeat what was signed.
    message: &'a str,
    request_id: Option<RequestId>,
}

impl<'a> Envelope<'a> {
    /// The vendor's SDKs accept each key with a lower-case first letter too.
    fn from_json(fields: &'a Map<String, Value>) -> Self {
        let either = |upper, lower| identifier(fields.get(upper)).or_else(|| identifier(fields.get(lower)));
        let message = fields.get("Message").or_else(|| fields.get("message")).and_then(Value::as_str);
        Self::new(either("Code", "code"), message, either("RequestId", "requestId"))
    }

    /// The vendor's SDKs also expect errors as an XML element `Error`.
    fn from_xml(text: &'a str) -> Self {
        let element = |open, close| {
            let (_, rest) = text.split_once(open)?;
            let (inner, _) = rest.split_once(close)?;
            Some(inner)
        };
        let named = |open, close| element(open, close).filter(|inner| is_identifier(inner));
        Self::new(
            named("<Code>", "</Code>"),
            element("<Message>", "</Message>"),
            named("<RequestId>", "</RequestId>"),
        )
    }

    fn new(code: Option<&str>, message: Option<&'a str>, request_id: Option<&str>) -> Self {
        Self {
            code: code.map(Into::into),
            message: message.unwrap_or_default(),
            request_id: request_id.map(RequestId::new),
        }
    }
}

#[cfg(test)]
mod tests;
