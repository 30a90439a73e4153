//! What a fuzzer calls: each decoder of what the cloud answers, with what has to hold of it whatever comes. Not in any program.
//!
//! `make fuzz` makes up the inputs; the tests take those that `crates/fuzz/corpus` keeps.

use std::net::{Ipv4Addr, Ipv6Addr};

use jiff::Timestamp;
use keeper_core::call::{Identity, Page, Query, ReadCall};
use keeper_core::id::{Region, RequestId};
use keeper_core::resource::Resource;
use keeper_core::scaling_member::{LifecycleState, ScalingMember};
use keeper_core::trail::{AskedValue, TrailedFlag};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

use crate::answer::{self, Answer};
use crate::error::Error;
use crate::identifier::is_identifier;
use crate::listing::Place;
use crate::operation::Operation;
use crate::session::{DURATION_SECONDS, Session};
use crate::transport::{LONGEST_RETRY_AFTER, RawAnswer, http_date, retry_after};
use crate::{
    assume_role, describe_instances, describe_network_interfaces, describe_regions, describe_scaling_groups,
    describe_scaling_instances, get_caller_identity, lookup_events, modify_instance_attribute,
};

/// A decoder, with what has to hold: it panics where that does not.
pub type Target = fn(&[u8]);

/// Every decoder, by its name.
pub const TARGETS: [(&str, Target); 10] = [
    ("caller", caller),
    ("headers", headers),
    ("instances", instances),
    ("interfaces", interfaces),
    ("refusals", refusals),
    ("regions", regions),
    ("scaling-groups", scaling_groups),
    ("scaling-members", scaling_members),
    ("sessions", sessions),
    ("trail", trail),
];

const REGION: &str = "cn-hangzhou";

/// What stands for a secret in what is made up.
const CANARY: &str = "CANARY";

/// The answer in a body, and its fields as JSON has them; `None` where it is an error, which then is fit to be told.
fn answered(operation: Operation, body: &[u8]) -> Option<(Map<String, Value>, Answer)> {
    let raw = RawAnswer { status: 200, request_id: None, retry_after: None, date: None, body: body.to_vec() };
    match answer::read(operation, &raw) {
        Ok(answer) => Some((serde_json::from_slice(body).ok()?, answer)),
        Err(error) => {
            assert_tellable(&error);
            None
        }
    }
}

/// I44: an error is one line with an end, and repeats nothing of an answer but names.
fn assert_tellable(error: &Error) {
    let told = error.to_string();
    assert!(
        told.len() <= 1000 && told.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '),
        "{told:?}"
    );
    let id = error.request_id.as_ref().map(RequestId::as_str);
    let names = [Some(&*error.code), id];
    assert!(names.iter().flatten().all(|name| is_identifier(name)), "{told:?}");
    assert!(!told.contains(CANARY) || names.iter().flatten().any(|name| name.contains(CANARY)), "{told:?}");
}

fn place(region: &Region) -> Place<'_> {
    Place { region, primary_retainable: true, identity: Identity(0) }
}

/// Everything that the entries with this id say of a field.
struct Said<'a> {
    entries: &'a [Value],
    key: &'static str,
}

impl Said<'_> {
    /// Whether one of them has just this value there.
    fn says(&self, id: &str, pointer: &str, value: &Value) -> bool {
        self.of(id).any(|entry| entry.pointer(pointer) == Some(value))
    }

    fn of(&self, id: &str) -> impl Iterator<Item = &Value> {
        self.entries.iter().filter(move |entry| entry.get(self.key).and_then(Value::as_str) == Some(id))
    }
}

fn entries<'a>(fields: &'a Map<String, Value>, [wrapper, list]: [&str; 2]) -> &'a [Value] {
    let list = fields.get(wrapper).and_then(|wrapper| wrapper.get(list));
    list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// I5: no entry is lost, and nothing but an empty or absent token ends a listing.
fn assert_whole<R: Resource>(page: &Page<R>, entries: &[Value], token: Option<&Value>) {
    assert_eq!(page.items.len() + page.unreadable, entries.len());
    match &page.next {
        Some(next) => assert_eq!(token.and_then(Value::as_str), Some(next.as_str())),
        None => assert!(token.is_none_or(|token| token == "")),
    }
}

/// I6: that there are no tags is known only from an empty list, or from the field's absence.
fn has_no_tags(entry: &Value) -> bool {
    entry.get("Tags").is_none() || entry.pointer("/Tags/Tag") == Some(&Value::Array(Vec::new()))
}

fn instances(body: &[u8]) {
    let Some((fields, answer)) = answered(describe_instances::OPERATION, body) else { return };
    let region = Region::new(REGION);
    let Some(page) = describe_instances::page(place(&region), answer) else { return };
    let entries = entries(&fields, ["Instances", "Instance"]);
    assert_whole(&page, entries, fields.get("NextToken"));
    let said = Said { entries, key: "InstanceId" };
    for item in &page.items {
        let (id, facts) = (item.id.as_str(), &item.facts);
        let says = |pointer: &str, value: Value| said.says(id, pointer, &value);
        assert!(is_identifier(id) && says("/RegionId", REGION.into()), "{item:?}");
        assert!(item.name.as_ref().is_none_or(|name| (1..=128).contains(&name.chars().count())), "{item:?}");
        if let Some(on) = facts.deletion_protection {
            assert!(says("/DeletionProtection", on.into()), "{item:?}");
        }
        if facts.spot == Some(false) {
            assert!(says("/SpotStrategy", "NoSpot".into()), "{item:?}");
        }
        if facts.auto_release == Some(None) {
            assert!(says("/AutoReleaseTime", "".into()), "{item:?}");
        }
        if facts.locks.as_ref().is_some_and(Vec::is_empty) {
            assert!(says("/OperationLocks/LockReason", Value::Array(Vec::new())), "{item:?}");
        }
        if facts.tags.as_ref().is_some_and(Vec::is_empty) {
            assert!(said.of(id).any(has_no_tags), "{item:?}");
        }
    }
}

fn interfaces(body: &[u8]) {
    let Some((fields, answer)) = answered(describe_network_interfaces::OPERATION, body) else { return };
    let region = Region::new(REGION);
    let Some(page) = describe_network_interfaces::page(place(&region), answer) else { return };
    let entries = entries(&fields, ["NetworkInterfaceSets", "NetworkInterfaceSet"]);
    assert_whole(&page, entries, fields.get("NextToken"));
    let said = Said { entries, key: "NetworkInterfaceId" };
    for item in &page.items {
        let (id, facts) = (item.id.as_str(), &item.facts);
        let says = |pointer: &str, value: Value| said.says(id, pointer, &value);
        assert!(is_identifier(id), "{item:?}");
        if let Some(on) = facts.delete_on_release {
            assert!(says("/DeleteOnRelease", on.into()), "{item:?}");
        }
        if let Some(managed) = facts.service_managed {
            assert!(says("/ServiceManaged", managed.into()), "{item:?}");
        }
        match &facts.instance {
            Some(None) => assert!(says("/InstanceId", "".into()), "{item:?}"),
            Some(Some(host)) => assert!(says("/InstanceId", host.as_str().into()), "{item:?}"),
            None => {}
        }
        if facts.tags.as_ref().is_some_and(Vec::is_empty) {
            assert!(said.of(id).any(has_no_tags), "{item:?}");
        }
        let carried = &facts.belongings;
        assert!(carried.private_ips.iter().all(|ip| ip.parse::<Ipv4Addr>().is_ok()), "{item:?}");
        assert!(carried.ipv6_addresses.iter().all(|ip| ip.parse::<Ipv6Addr>().is_ok()), "{item:?}");
        assert!(carried.security_group_ids.iter().all(|group| is_identifier(group)), "{item:?}");
    }
}

fn scaling_members(body: &[u8]) {
    let region = Region::new(REGION);
    let call = ReadCall::<ScalingMember> { query: Query::Region, page: None };
    let Some((fields, answer)) = answered(describe_scaling_instances::OPERATION, body) else { return };
    let Some(page) = describe_scaling_instances::page(&call, place(&region), answer) else { return };
    let entries = fields.get("ScalingInstances").and_then(Value::as_array).map(Vec::as_slice);
    let entries = entries.unwrap_or_default();
    assert_eq!(page.items.len() + page.unreadable, entries.len());
    assert_eq!(fields.get("PageNumber"), Some(&Value::from(1)));
    assert_eq!(fields.get("TotalCount").and_then(Value::as_u64), page.total);
    // I5: what says that there is more is not the end, unless there is nothing on it.
    assert!(page.next.is_some() || page.total <= Some(100) || entries.is_empty(), "{page:?}");
    let said = Said { entries, key: "InstanceId" };
    for item in &page.items {
        let state = item.facts.state.map(LifecycleState::as_str);
        assert!(
            state.is_none_or(|state| said.says(item.id.as_str(), "/LifecycleState", &state.into())),
            "{item:?}"
        );
    }
}

fn scaling_groups(body: &[u8]) {
    let Some((fields, answer)) = answered(describe_scaling_groups::OPERATION, body) else { return };
    let Some(page) = describe_scaling_groups::page(&Region::new(REGION), 1, answer) else { return };
    let entries = fields.get("ScalingGroups").and_then(Value::as_array).map(Vec::as_slice);
    let entries = entries.unwrap_or_default();
    assert_eq!(page.groups.len() + page.unreadable, entries.len());
    let said = Said { entries, key: "ScalingGroupId" };
    for group in &page.groups {
        if let Some(on) = group.deletion_protection {
            assert!(said.says(group.id.as_str(), "/GroupDeletionProtection", &on.into()), "{group:?}");
        }
    }
}

fn regions(body: &[u8]) {
    let Some((fields, answer)) = answered(describe_regions::OPERATION, body) else { return };
    let Some(regions) = describe_regions::regions(&answer) else { return };
    assert_eq!(regions.len(), entries(&fields, ["Regions", "Region"]).len());
    assert!(regions.iter().all(|region| is_identifier(region.as_str())), "{regions:?}");
}

fn trail(body: &[u8]) {
    const FLAGS: [(TrailedFlag, &str); 3] = [
        (TrailedFlag::DeletionProtection, "DeletionProtection"),
        (TrailedFlag::AutoReleaseTime, "AutoReleaseTime"),
        (TrailedFlag::DeleteOnRelease, "DeleteOnRelease"),
    ];
    for (flag, parameter) in FLAGS {
        let Some((fields, answer)) = answered(lookup_events::OPERATION, body) else { return };
        let Some(page) = lookup_events::page(flag, answer) else { continue };
        let entries = fields.get("Events").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        assert!(page.events.len() + page.unreadable <= entries.len());
        let short = |text: &str| text.chars().count() <= 512;
        for event in &page.events {
            let texts = [&event.source, &event.user_agent, &event.actor.name, &event.actor.account_id];
            assert!(texts.into_iter().flatten().all(|text| short(text)), "{event:?}");
            assert!(
                event.targets.len() <= 100 && event.targets.iter().all(|id| id.len() <= 512),
                "{event:?}"
            );
            // I6: what a call asked for is known only from its parameter.
            let told = matches!(event.asked, AskedValue::Protected | AskedValue::Unprotected);
            assert!(!told || entries.iter().any(|entry| has_parameter(entry, parameter)), "{event:?}");
        }
    }
}

/// Whether an event has the parameter: with the others, or within their text.
fn has_parameter(entry: &Value, name: &str) -> bool {
    let text = entry.get("requestParameterJson").and_then(Value::as_str);
    let parsed = text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let absent = |value: &Value| value.get(name).is_none_or(Value::is_null);
    entry.get("requestParameters").into_iter().chain(&parsed).any(|parameters| !absent(parameters))
        || (name == "AutoReleaseTime" && entry.get("requestParameters").or(parsed.as_ref()).is_some())
}

fn sessions(body: &[u8]) {
    let now = Timestamp::UNIX_EPOCH;
    if let Some((_, answer)) = answered(assume_role::OPERATION, body) {
        assert!(!format!("{answer:?}").contains(CANARY) || answer.request_id.as_str().contains(CANARY));
        assert_closed(Session::from_sts(&answer, now));
    }
    let fields: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
    let session = fields.and_then(|fields| Session::from_metadata(&fields, None, now));
    assert_closed(session);
}

/// I44: a session shows no part of its key. It ends, and its key can stand in a header.
fn assert_closed(session: Option<Session>) {
    let Some(session) = session else { return };
    let (key, shown) = (&session.credentials, format!("{session:?}"));
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(key.is_temporary() && session.lifetime.as_secs() <= *DURATION_SECONDS.end());
    let token = key.security_token().map(ExposeSecret::expose_secret).unwrap_or_default();
    let parts = [key.access_key_id(), key.access_key_secret().expose_secret(), token];
    assert!(parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic())));
}

fn caller(body: &[u8]) {
    let Some((fields, answer)) = answered(get_caller_identity::OPERATION, body) else { return };
    let Some(caller) = get_caller_identity::identity(answer) else { return };
    assert_eq!(fields.get("AccountId").and_then(Value::as_str), Some(&*caller.account_id));
    assert!(is_identifier(&caller.account_id), "{caller:?}");
}

/// Each status, and an operation of each kind: what a code means depends on it.
fn refusals(body: &[u8]) {
    let operations =
        [describe_instances::OPERATION, modify_instance_attribute::OPERATION, assume_role::OPERATION];
    for (operation, status) in operations.into_iter().zip([400, 503, 200]) {
        let raw = RawAnswer { status, request_id: None, retry_after: None, date: None, body: body.to_vec() };
        match answer::read(operation, &raw) {
            Ok(answer) => assert!(status == 200 && is_identifier(answer.request_id.as_str())),
            Err(error) => assert_tellable(&error),
        }
    }
}

fn headers(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let _ = http_date(text);
    assert!(retry_after(text).is_none_or(|wait| wait <= LONGEST_RETRY_AFTER));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn i47_what_fuzzing_has_found_is_kept_and_does_no_harm() {
        for (name, target) in TARGETS {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
            let inputs: Vec<_> =
                std::fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!inputs.is_empty(), "{name}");
            for input in inputs {
                println!("{}", input.display());
                target(&std::fs::read(&input).unwrap());
            }
        }
    }
}
