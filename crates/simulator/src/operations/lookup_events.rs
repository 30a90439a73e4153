//! ActionTrail's LookupEvents.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::call::{Call, Done};
use super::honours::Honours;
use crate::clock::to_the_second;
use crate::state::{TRAIL_KEPT, TrailEvent, World};
use crate::wire::{Params, Refusal};

pub(super) const HONOURS: Honours = Honours::any(&[
    "Direction",
    "EndTime",
    "LookupAttribute.N.Key",
    "LookupAttribute.N.Value",
    "MaxResults",
    "NextToken",
    "StartTime",
]);

/// The span of time when none is said.
const DEFAULT_SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The longest span. The vendor's pages don't have it; others report it.
const LONGEST_SPAN: SignedDuration = SignedDuration::from_hours(30 * 24);
const LARGEST_PAGE: usize = 50;
/// When MaxResults isn't given. Not documented.
const DEFAULT_PAGE: usize = 10;

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let account = &call.caller.account;
    if !world.account(account).trail.may_look_up(call.now) {
        let text = "LookupEvents can be called twice a second.";
        return Err(Refusal::new(400, "Throttling", text));
    }
    let params = call.params;
    let backward = match params.get("Direction") {
        None | Some("BACKWARD") => true,
        Some("FORWARD") => false,
        Some(_) => return Err(invalid("Direction")),
    };
    let size = match params.get("MaxResults").map(str::parse) {
        None => DEFAULT_PAGE,
        Some(Ok(size)) if (1..=LARGEST_PAGE).contains(&size) => size,
        Some(_) => return Err(invalid("MaxResults")),
    };
    let conditions = Condition::of(params)?;
    let digest = world.digest(params.iter().filter(|(name, _)| *name != "NextToken").collect::<Vec<_>>());
    // An answer goes on with what could be seen when it began.
    let (skip, seen_at) = match params.get("NextToken") {
        Some(token) => read_token(token, digest).ok_or_else(|| invalid("NextToken"))?,
        None => (0, call.now),
    };
    let (from, until) = span(params, seen_at)?;
    let delay = SignedDuration::from_secs(i64::from(world.settings.trail_delay_seconds));
    let visible = |event: &&TrailEvent| {
        let second = event.time.as_second();
        seen_at.duration_since(event.time) >= delay
            && call.reaches(&event.region)
            && (from.as_second()..=until.as_second()).contains(&second)
            && conditions.iter().all(|condition| condition.matches(event))
    };
    let mut found: Vec<&TrailEvent> = world
        .accounts
        .get(account)
        .into_iter()
        .flat_map(|state| state.trail.events())
        .filter(visible)
        .collect();
    // Within one second the order isn't documented: here it is that of the calls, in both directions.
    found.sort_by_key(|event| if backward { -event.time.as_second() } else { event.time.as_second() });
    let mut answer = json!({
        "StartTime": to_the_second(from),
        "EndTime": to_the_second(until),
        "Events": found.iter().skip(skip).take(size).map(|event| shown(account, event)).collect::<Vec<_>>(),
    });
    if found.len() > skip + size
        && let Value::Object(members) = &mut answer
    {
        members.insert("NextToken".to_owned(), write_token(skip + size, seen_at, digest).into());
    }
    Ok(Done::answer(answer))
}

/// The code that the page of the older version has.
fn invalid(parameter: &str) -> Refusal {
    Refusal::new(400, "InvalidParameterValue", format!("The value of {parameter} is not valid."))
}

fn span(params: &Params, now: Timestamp) -> Result<(Timestamp, Timestamp), Refusal> {
    let time = |name: &str| {
        params
            .get(name)
            .map(|text| {
                let fits = text.len() == "2026-01-01T00:00:00Z".len() && text.ends_with('Z');
                text.parse::<Timestamp>().ok().filter(|_| fits).ok_or_else(|| invalid(name))
            })
            .transpose()
    };
    let (from, until) = match (time("StartTime")?, time("EndTime")?) {
        (Some(from), Some(until)) => (from, until),
        (None, None) => (now.checked_sub(DEFAULT_SPAN).unwrap_or(now), now),
        (Some(_), None) => return Err(invalid("EndTime")),
        (None, Some(_)) => return Err(invalid("StartTime")),
    };
    if from > until || until > now || now.duration_since(from) > TRAIL_KEPT {
        let text = "The time range must end before now, and begin within 90 days before its end.";
        return Err(Refusal::new(400, "InvalidTimeRangeException", text));
    }
    if until.duration_since(from) > LONGEST_SPAN {
        return Err(Refusal::new(400, "TimeRangeExceeded", "The time range is longer than 30 days."));
    }
    Ok((from, until))
}

/// A condition that counts.
struct Condition {
    key: Key,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    ServiceName,
    EventName,
    User,
    EventId,
    ResourceType,
    ResourceName,
    EventRw,
    EventAccessKeyId,
    SourceIpAddress,
    EventType,
    RoleName,
    PrincipalId,
}

impl Key {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "ServiceName" => Self::ServiceName,
            "EventName" => Self::EventName,
            "User" => Self::User,
            "EventId" => Self::EventId,
            "ResourceType" => Self::ResourceType,
            "ResourceName" => Self::ResourceName,
            "EventRW" => Self::EventRw,
            "EventAccessKeyId" => Self::EventAccessKeyId,
            "SourceIpAddress" => Self::SourceIpAddress,
            "EventType" => Self::EventType,
            "RoleName" => Self::RoleName,
            "PrincipalId" => Self::PrincipalId,
            _ => return None,
        })
    }

    /// The pairs that the vendor's page on limits has, in either order.
    fn pairs_with(self, other: Self) -> bool {
        use Key::{
            EventName, EventRw, EventType, PrincipalId, ResourceName, ResourceType, RoleName, ServiceName,
            User,
        };
        let of = |key: Self| -> &[Self] {
            match key {
                ServiceName => &[EventName, User, PrincipalId, RoleName, ResourceName, EventRw, EventType],
                ResourceName => &[ResourceType, EventName, User, RoleName, ServiceName],
                EventType => &[EventName],
                _ => &[],
            }
        };
        of(self).contains(&other) || of(other).contains(&self)
    }
}

impl Condition {
    /// The conditions of a call that count: of more than two the first two; of two with the same key the second, as documented, and of
    /// a pair that isn't documented the second as well. So a wrong request finds too much, and is no error.
    fn of(params: &Params) -> Result<Vec<Self>, Refusal> {
        let given: BTreeMap<u32, BTreeMap<&str, &str>> = params.objects("LookupAttribute");
        let mut conditions = Vec::new();
        for members in given.values().take(2) {
            let member = |name: &str| members.get(name).copied().filter(|text| !text.is_empty());
            let (Some(key), Some(value)) = (member("Key"), member("Value")) else {
                return Err(invalid("LookupAttribute"));
            };
            if key == "SensitiveAction" {
                let text = "The simulator doesn't have SensitiveAction, which the cloud has.";
                return Err(Refusal::new(400, "UnsupportedParameter", text));
            }
            let key = Key::parse(key).ok_or_else(|| invalid("LookupAttribute.Key"))?;
            conditions.push(Self { key, value: value.to_owned() });
        }
        if let [first, second] = conditions.as_slice()
            && !first.key.pairs_with(second.key)
        {
            conditions.remove(0);
        }
        match conditions.as_slice() {
            // It is documented in pairs only.
            [Self { key: Key::PrincipalId, .. }] => Err(invalid("LookupAttribute.Key")),
            _ => Ok(conditions),
        }
    }

    /// Values are compared exactly. One id of several doesn't match: whether it does in the cloud no page says.
    fn matches(&self, event: &TrailEvent) -> bool {
        let value = self.value.as_str();
        let identity = &event.identity;
        match self.key {
            Key::ServiceName => event.service == value,
            Key::EventName => event.name == value,
            Key::User => identity.user_name == value,
            Key::EventId => event.event_id == value,
            Key::ResourceType => event.resource_type() == value,
            Key::ResourceName => event.resource_name() == value,
            Key::EventRw => value == "Write",
            Key::EventAccessKeyId => identity.access_key_id.as_deref() == Some(value),
            Key::SourceIpAddress => event.source_ip_address == value,
            Key::EventType => event.event_type == value,
            Key::RoleName => identity.role_name.as_deref() == Some(value),
            Key::PrincipalId => identity.principal_id == value,
        }
    }
}

/// How many events went before, as of when they could be seen, and which query it belongs to.
fn write_token(skip: usize, seen_at: Timestamp, digest: u64) -> String {
    format!("{skip:08x}{:016x}{digest:016x}", seen_at.as_millisecond())
}

fn read_token(token: &str, digest: u64) -> Option<(usize, Timestamp)> {
    let number = |range: std::ops::Range<usize>| u64::from_str_radix(token.get(range)?, 16).ok();
    let (skip, seen_at, found) = (number(0..8)?, number(8..24)?, number(24..40)?);
    let seen_at = Timestamp::from_millisecond(i64::try_from(seen_at).ok()?).ok()?;
    (token.len() == 40 && found == digest).then_some((usize::try_from(skip).ok()?, seen_at))
}

/// An event as the vendor's page on their structure has it.
fn shown(account: &str, event: &TrailEvent) -> Value {
    let parameters: Map<String, Value> = event.parameters.iter().cloned().collect();
    let resources: Map<String, Value> =
        event.resources.iter().map(|(kind, ids)| ((*kind).to_owned(), json!(ids))).collect();
    let identity = &event.identity;
    let created = to_the_second(event.time);
    let mut who = json!({
        "type": identity.kind,
        "principalId": identity.principal_id,
        "userName": identity.user_name,
        "accountId": account,
        "sessionContext": { "attributes": { "creationDate": created, "mfaAuthenticated": "false" } },
    });
    if let (Some(key), Value::Object(members)) = (&identity.access_key_id, &mut who) {
        members.insert("accessKeyId".to_owned(), json!(key));
    }
    let mut shown = json!({
        "eventId": event.event_id,
        "eventTime": created,
        "eventName": event.name,
        "eventType": event.event_type,
        "eventRW": "Write",
        "eventCategory": "Management",
        "eventVersion": "1",
        "eventSource": event.source,
        "serviceName": event.service,
        "acsRegion": event.region,
        "apiVersion": event.api_version,
        "requestId": event.request_id,
        "sourceIpAddress": event.source_ip_address,
        "userAgent": event.user_agent,
        "recipientAccountId": account,
        "isGlobal": false,
        "requestParameterJson": Value::Object(parameters.clone()).to_string(),
        "requestParameters": parameters,
        "referencedResources": resources,
        "resourceName": event.resource_name(),
        "resourceType": event.resource_type(),
        "userIdentity": who,
    });
    if let (Some((code, message)), Value::Object(members)) = (&event.error, &mut shown) {
        members.insert("errorCode".to_owned(), json!(code));
        members.insert("errorMessage".to_owned(), json!(message));
    }
    shown
}
