//! What becomes of a call in ActionTrail's record.

use serde_json::{Value, json};

use super::call::{Body, Call, Done};
use super::named::named_interfaces;
use super::operation::Operation;
use crate::keys::{Caller, Principal};
use crate::log::is_secret;
use crate::ram::DEFAULT_USER;
use crate::state::{ConsoleUser, Identity, TrailEvent, World};
use crate::wire::Refusal;

/// From where a call came.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// A client, with this user agent, at this host of the cloud.
    Api {
        host: &'a str,
        user_agent: &'a str,
    },
    Console(&'a ConsoleUser),
}

/// Records a call that writes, also one that was refused. Reads are recorded by the cloud, and not here.
pub(crate) fn record(
    world: &mut World,
    operation: &'static Operation,
    (call, region, request_id): (&Call<'_>, &str, &str),
    origin: Origin<'_>,
    outcome: &Result<Done, Refusal>,
) {
    if !operation.writes {
        return;
    }
    let typed = matches!(origin, Origin::Console(_));
    let parameters = call.params.iter().map(|(name, value)| {
        let value = if is_secret(name) { "***" } else { value };
        (name.to_owned(), if typed { json_value(value) } else { json!(value) })
    });
    let (event_type, source, source_ip_address, user_agent) = match origin {
        // Clients of the simulator are on its machine.
        Origin::Api { host, user_agent } => ("ApiCall", host, "127.0.0.1", user_agent),
        Origin::Console(user) => {
            ("ConsoleOperation", "ecs.console.aliyun.com", &*user.source_ip_address, &*user.user_agent)
        }
    };
    let event = TrailEvent {
        event_id: world.request_id(),
        time: call.now,
        event_type,
        name: operation.name,
        service: operation.product(),
        api_version: operation.version,
        region: region.to_owned(),
        source: source.to_owned(),
        request_id: request_id.to_owned(),
        parameters: parameters.collect(),
        resources: resources(operation, call, outcome),
        error: outcome.as_ref().err().map(|refusal| (refusal.code.to_string(), refusal.message.clone())),
        identity: identity(call.caller, typed),
        source_ip_address: source_ip_address.to_owned(),
        user_agent: user_agent.to_owned(),
    };
    world.account(&call.caller.account).trail.record(event);
}

/// The console sends booleans and numbers as what they are.
fn json_value(text: &str) -> Value {
    match text {
        "true" | "True" => json!(true),
        "false" | "False" => json!(false),
        text => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
    }
}

/// What a call is about: what it names, and what it has made.
fn resources(
    operation: &Operation,
    call: &Call<'_>,
    outcome: &Result<Done, Refusal>,
) -> Vec<(&'static str, Vec<String>)> {
    let answer = match outcome {
        Ok(Done { body: Body::Value(answer), .. }) => answer,
        _ => &Value::Null,
    };
    let of_type = call.params.get("ResourceType");
    let mut instances = operation.instances_of(call.params);
    let mut interfaces = named_interfaces(call.params);
    match of_type {
        Some("eni") => instances.clear(),
        Some(_) => interfaces.clear(),
        None => {}
    }
    instances.extend(answer.get("InstanceId").and_then(Value::as_str).map(str::to_owned));
    let made = answer.pointer("/InstanceIdSets/InstanceIdSet").and_then(Value::as_array);
    instances.extend(made.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    interfaces.extend(answer.get("NetworkInterfaceId").and_then(Value::as_str).map(str::to_owned));
    let group = call.params.get("ScalingGroupId").map(str::to_owned);
    [
        ("ACS::ESS::ScalingGroup", group.into_iter().collect::<Vec<_>>()),
        ("ACS::ECS::NetworkInterface", interfaces.into_iter().collect()),
        ("ACS::ECS::Instance", instances.into_iter().collect()),
    ]
    .into_iter()
    .filter(|(_, ids)| !ids.is_empty())
    .collect()
}

fn identity(caller: &Caller, from_console: bool) -> Identity {
    let (kind, principal_id, user_name, role_name) = match &caller.principal {
        Principal::Root => ("root-account", caller.account.clone(), "root".to_owned(), None),
        Principal::User(name) => ("ram-user", caller.access_key_id.clone(), name.clone(), None),
        Principal::Temporary => {
            let (principal, name) = (&caller.access_key_id, format!("{DEFAULT_USER}:session"));
            ("assumed-role", format!("{principal}:session"), name, Some(DEFAULT_USER.to_owned()))
        }
        Principal::Session(session) => {
            let (id, role, name) = (&session.role_id, &session.role_name, &session.session_name);
            ("assumed-role", format!("{id}:{name}"), format!("{role}:{name}"), Some(role.clone()))
        }
        Principal::Anonymous => ("system", String::new(), String::new(), None),
    };
    let access_key_id = Some(caller.access_key_id.clone()).filter(|_| !from_console);
    Identity { kind, principal_id, user_name, role_name, access_key_id }
}
