//! `LookupEvents`: one page of the calls that ActionTrail has recorded, newest first. The events are free-form; their fields are those of the
//! vendor's page on the structure of events and of events that were published.
//!
//! Of a call's parameters only the one that sets the flag is read: those of other operations may hold anything.
//!
//! A condition that the cloud passes over finds too much, and is no error. So nothing is an event of the operation that was asked for but
//! what says so itself.

use jiff::Timestamp;
use keeper_core::id::{PageToken, RequestId};
use keeper_core::trail::{Actor, ActorKind, AskedValue, TrailEvent, TrailPage, TrailQuery, TrailedFlag};
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};
use crate::sign::date_text;
use crate::{
    modify_instance_attribute, modify_instance_auto_release_time, modify_network_interface_attribute,
};

/// Its action has no resource but `*`: the vendor's page on the actions of ActionTrail.
pub(crate) const OPERATION: Operation =
    Operation::read(Product::ActionTrail, "LookupEvents", Permission::on(&[ResourceType::All]));

/// The most events that the cloud gives on one page.
const MAX_RESULTS: usize = 50;

/// How [`Product::Ecs`] is called in events.
const SERVICE: &str = "Ecs";

/// Most characters of a text that is kept. The longest that is meant to be read, a user agent, takes some hundred.
const LONGEST_TEXT: usize = 512;
/// Most ids that are kept of one event. A call names up to a hundred.
const MOST_TARGETS: usize = 100;
/// Most bytes of parameters that stand in an event as text.
const LONGEST_PARAMETERS: usize = 256 * 1024;

/// The operation that sets a flag, which is the name of its events.
pub fn setting_operation(flag: TrailedFlag) -> &'static str {
    let (operation, _) = setter(flag);
    operation
}

/// The operation that sets a flag, and the parameter that says to which value.
fn setter(flag: TrailedFlag) -> (&'static str, &'static str) {
    match flag {
        TrailedFlag::DeletionProtection => (modify_instance_attribute::OPERATION.name, "DeletionProtection"),
        TrailedFlag::AutoReleaseTime => {
            (modify_instance_auto_release_time::OPERATION.name, "AutoReleaseTime")
        }
        TrailedFlag::DeleteOnRelease => {
            (modify_network_interface_attribute::OPERATION.name, "DeleteOnRelease")
        }
    }
}

/// The parameters. Two conditions are allowed, and of more the cloud takes the first two without a word.
pub(crate) fn parameters(query: &TrailQuery) -> Parameters {
    let (operation, _) = setter(query.flag);
    let by = match &query.target {
        Some(target) => ("ResourceName", &**target),
        None => ("ServiceName", SERVICE),
    };
    let mut parameters = vec![
        ("Direction".to_owned(), "BACKWARD".to_owned()),
        ("EndTime".to_owned(), date_text(query.until)),
        ("MaxResults".to_owned(), MAX_RESULTS.to_string()),
        ("StartTime".to_owned(), date_text(query.from)),
    ];
    for (number, (key, value)) in [by, ("EventName", operation)].into_iter().enumerate() {
        let number = number + 1;
        parameters.push((format!("LookupAttribute.{number}.Key"), key.to_owned()));
        parameters.push((format!("LookupAttribute.{number}.Value"), value.to_owned()));
    }
    if let Some(page) = &query.page {
        parameters.push(("NextToken".to_owned(), page.as_str().to_owned()));
    }
    parameters
}

/// The page in an answer; `None` when it is none. Where the list is absent or null there are no events.
pub(crate) fn page(flag: TrailedFlag, answer: Answer) -> Option<TrailPage> {
    let entries = match answer.fields.get("Events") {
        None | Some(Value::Null) => &[],
        Some(list) => list.as_array()?.as_slice(),
    };
    if entries.len() > MAX_RESULTS {
        return None;
    }
    let next = answer.fields.get("NextToken").and_then(Value::as_str).filter(|token| !token.is_empty());
    let (operation, parameter) = setter(flag);
    // What another operation has done was not asked for.
    let other =
        |entry: &&Value| entry.get("eventName").and_then(Value::as_str).is_some_and(|name| name != operation);
    let meant: Vec<&Value> = entries.iter().filter(|entry| !other(entry)).collect();
    let events: Vec<_> = meant.iter().filter_map(|entry| event(flag, parameter, entry)).collect();
    let unreadable = meant.len() - events.len();
    Some(TrailPage { events, unreadable, next: next.map(PageToken::new), request_id: answer.request_id })
}

/// One entry; `None` without a readable time or operation.
fn event(flag: TrailedFlag, parameter: &str, entry: &Value) -> Option<TrailEvent> {
    entry.get("eventName")?.as_str()?;
    let at: Timestamp = entry.get("eventTime")?.as_str()?.parse().ok()?;
    let refused = |code: &Value| !code.is_null() && code.as_str() != Some("");
    Some(TrailEvent {
        at,
        request_id: identifier(entry.get("requestId")).map(RequestId::new),
        targets: targets(entry),
        asked: asked(flag, parameter, entry),
        failed: entry.get("errorCode").is_some_and(refused),
        actor: actor(entry.get("userIdentity")),
        source: text(entry.get("sourceIpAddress")),
        user_agent: text(entry.get("userAgent")),
    })
}

/// The ids that an event names, in either of the two ways. In one text, ids of a type are joined by commas, and types by semicolons.
fn targets(entry: &Value) -> Vec<Box<str>> {
    let named = entry.get("resourceName").and_then(Value::as_str).unwrap_or_default();
    let named = named.split([',', ';']).map(str::trim);
    let referenced = entry.get("referencedResources").and_then(Value::as_object);
    let listed = referenced.into_iter().flat_map(Map::values).filter_map(Value::as_array).flatten();
    let mut targets: Vec<Box<str>> = Vec::new();
    for id in named.chain(listed.filter_map(Value::as_str)) {
        let fits = !id.is_empty() && id.len() <= LONGEST_TEXT && targets.len() < MOST_TARGETS;
        if fits && !targets.iter().any(|known| **known == *id) {
            targets.push(id.into());
        }
    }
    targets
}

/// What the call asked the flag to be. Whether a boolean arrives as one or as text no page says.
fn asked(flag: TrailedFlag, parameter: &str, entry: &Value) -> AskedValue {
    // Both have all parameters, one as an object and the other as its text.
    let (object, text) = (shown(entry, "requestParameters"), shown(entry, "requestParameterJson"));
    let parsed = text.and_then(parsed);
    let read: Vec<_> = object.and_then(Value::as_object).into_iter().chain(parsed.as_ref()).collect();
    // The one that can't be read may have what the other lacks.
    let all_read = read.len() == object.into_iter().chain(text).count();
    let nothing = read.iter().all(|parameters| parameters.is_empty());
    let value = read.iter().filter_map(|parameters| parameters.get(parameter)).find(|value| !value.is_null());
    match (flag, value) {
        (_, None) if nothing || !all_read => AskedValue::Unreadable,
        // Without a time, it takes the time away.
        (TrailedFlag::AutoReleaseTime, None) => AskedValue::Protected,
        (TrailedFlag::AutoReleaseTime, Some(Value::String(time))) if time.is_empty() => AskedValue::Protected,
        (TrailedFlag::AutoReleaseTime, Some(Value::String(_))) => AskedValue::Unprotected,
        (TrailedFlag::AutoReleaseTime, Some(_)) => AskedValue::Unreadable,
        (_, None) => AskedValue::Other,
        (TrailedFlag::DeletionProtection, Some(value)) => protects(value, true),
        (TrailedFlag::DeleteOnRelease, Some(value)) => protects(value, false),
    }
}

/// A member of an event that is not empty.
fn shown<'a>(entry: &'a Value, name: &str) -> Option<&'a Value> {
    entry.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

/// The parameters that a text has, if it is whole and not too long.
fn parsed(text: &Value) -> Option<Map<String, Value>> {
    let text = text.as_str().filter(|text| text.len() <= LONGEST_PARAMETERS)?;
    serde_json::from_str(text).ok()
}

/// Whether a boolean is the protected value.
fn protects(value: &Value, protected: bool) -> AskedValue {
    let asked = match value {
        Value::Bool(asked) => Some(*asked),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    };
    match asked {
        Some(asked) if asked == protected => AskedValue::Protected,
        Some(_) => AskedValue::Unprotected,
        None => AskedValue::Unreadable,
    }
}

fn actor(identity: Option<&Value>) -> Actor {
    let field = |name: &str| identity.and_then(|identity| text(identity.get(name)));
    let kind = match field("type").as_deref() {
        Some("root-account") => ActorKind::RootAccount,
        Some("ram-user") => ActorKind::RamUser,
        Some("assumed-role") => ActorKind::AssumedRole,
        Some("system") => ActorKind::Service,
        _ => ActorKind::Unknown,
    };
    Actor { kind, name: field("userName"), account_id: field("accountId") }
}

/// A text that is not empty, cut where it is longer than anybody reads.
fn text(value: Option<&Value>) -> Option<Box<str>> {
    let text = value?.as_str().filter(|text| !text.is_empty())?;
    let end = text.char_indices().nth(LONGEST_TEXT).map_or(text.len(), |(end, _)| end);
    text.get(..end).map(Into::into)
}

#[cfg(test)]
mod tests;
