//! What the control port answers.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::account::Account;
use crate::gateway::Cloud;
use crate::wire::Refusal;

/// An answer, or a sentence about what is wrong.
pub(crate) type Answer = Result<Json<Value>, Wrong>;

pub(crate) struct Wrong(StatusCode, Value);

impl Wrong {
    /// Something that was named isn't there.
    pub(crate) fn no_such(what: &str) -> Self {
        Self(StatusCode::NOT_FOUND, json!({ "error": format!("There is no such {what}.") }))
    }

    /// The body asks for something that makes no sense.
    pub(crate) fn bad(text: &str) -> Self {
        Self(StatusCode::BAD_REQUEST, json!({ "error": text }))
    }
}

impl From<Refusal> for Wrong {
    fn from(refusal: Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::CONFLICT);
        Self(status, json!({ "error": refusal.message, "code": refusal.code }))
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

pub(crate) fn existing(cloud: &Cloud, account: &str) -> Result<Account, Wrong> {
    Account::existing(cloud, account).ok_or_else(|| Wrong::no_such("account"))
}

pub(crate) fn removed(was_there: bool, what: &str) -> Answer {
    if was_there { Ok(Json(json!({}))) } else { Err(Wrong::no_such(what)) }
}
