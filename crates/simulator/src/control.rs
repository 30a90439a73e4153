//! The control port: JSON over HTTP, described in this crate's README.
//!
//! It asks for no credentials. It is meant for the loopback interface, where whoever reaches it could also attach a
//! debugger.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::extract::{Path, Query, State};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::{Account, AccountSeed};
use crate::control_answer::{Answer, Wrong, existing, removed};
use crate::control_scaling;
use crate::faults::Rule;
use crate::gateway::Cloud;
use crate::keys::AccessKey;
use crate::log::Allowed;
use crate::ram::{ProviderSeed, RoleSeed, UserSeed, parse_ram_arn};
use crate::regions;
use crate::state::{
    Change, ConsoleUser, Effect, InterfaceChange, InterfaceSeed, MetadataSettings, ReleaseReason, Seed,
    Settings,
};

pub(crate) fn router(cloud: Cloud, endpoint: SocketAddr) -> Router {
    let endpoint = format!("http://{endpoint}");
    Router::new()
        .route("/", get(async move |State(cloud): State<Cloud>| Json(overview(&cloud, &endpoint))))
        .route("/accounts", post(add_account))
        .route("/accounts/{account}/keys", post(add_key))
        .route("/accounts/{account}/keys/{key}", delete(remove_key))
        .route("/accounts/{account}/users", post(add_user))
        .route("/accounts/{account}/users/{user}", delete(remove_user))
        .route("/accounts/{account}/roles", post(add_role))
        .route("/accounts/{account}/roles/{role}", delete(remove_role))
        .route("/accounts/{account}/oidc-providers", post(add_provider))
        .route("/accounts/{account}/oidc-providers/{provider}", delete(remove_provider))
        .route("/accounts/{account}/sessions", get(sessions).delete(end_sessions))
        .route("/accounts/{account}/instances", get(instances).post(seed))
        .route("/accounts/{account}/instances/{id}", get(instance).patch(change))
        .route("/accounts/{account}/instances/{id}/release", post(release))
        .route("/accounts/{account}/network-interfaces", get(interfaces).post(seed_interfaces))
        .route(
            "/accounts/{account}/network-interfaces/{id}",
            get(interface).patch(change_interface).delete(remove_interface),
        )
        .route("/accounts/{account}/unbound-eips", get(unbound_eips))
        .merge(control_scaling::router())
        .route("/accounts/{account}/console", post(console))
        .route("/accounts/{account}/released", get(released))
        .route("/faults", get(faults).post(add_fault).delete(clear_faults))
        .route("/faults/{id}", delete(remove_fault))
        .route("/log", get(log).delete(clear_log))
        .route("/log/counts", get(counts))
        .route("/log/check", post(check))
        .route("/settings", get(settings).put(set_settings))
        .route("/metadata", get(metadata).put(set_metadata))
        .with_state(cloud)
}

/// Which part of faults or of the log is meant.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Part {
    account: Option<String>,
    action: Option<String>,
    after: u64,
}

fn overview(cloud: &Cloud, endpoint: &str) -> Value {
    let world = cloud.world();
    let accounts: Vec<Value> = world
        .accounts
        .iter()
        .map(|(id, state)| {
            let mut keys: Vec<&str> = world
                .keys
                .of(id)
                .filter(|owned| owned.session.is_none())
                .map(|owned| owned.key.access_key_id.as_str())
                .collect();
            keys.sort_unstable();
            json!({ "accountId": id, "accessKeyIds": keys, "instances": state.instances.all().count(),
                "networkInterfaces": state.interfaces.all().count()  })
        })
        .collect();
    json!({ "endpoint": endpoint, "now": world.now(), "accounts": accounts })
}

async fn add_account(State(cloud): State<Cloud>, Json(seed): Json<AccountSeed>) -> Answer {
    let account = Account::add(&cloud, seed);
    let key = account.access_key();
    Ok(Json(json!({
        "accountId": account.id(),
        "accessKeyId": key.access_key_id,
        "accessKeySecret": key.access_key_secret,
    })))
}

async fn add_key(
    State(cloud): State<Cloud>,
    Path(account): Path<String>,
    Json(key): Json<AccessKey>,
) -> Answer {
    let mut world = cloud.world();
    if !world.accounts.contains_key(&account) {
        return Err(Wrong::no_such("account"));
    }
    world.add_key(&account, key);
    Ok(Json(json!({})))
}

async fn remove_key(State(cloud): State<Cloud>, Path((account, key)): Path<(String, String)>) -> Answer {
    let mut world = cloud.world();
    if world.keys.get(&key).is_none_or(|owned| owned.account != account) {
        return Err(Wrong::no_such("key"));
    }
    world.keys.remove(&key);
    Ok(Json(json!({})))
}

async fn add_user(
    State(cloud): State<Cloud>,
    Path(account): Path<String>,
    Json(user): Json<UserSeed>,
) -> Answer {
    let account = existing(&cloud, &account)?;
    account.user(user);
    Ok(Json(json!({})))
}

async fn remove_user(State(cloud): State<Cloud>, Path((account, user)): Path<(String, String)>) -> Answer {
    removed(existing(&cloud, &account)?.remove_user(&user), "user")
}

async fn add_role(
    State(cloud): State<Cloud>,
    Path(account): Path<String>,
    Json(role): Json<RoleSeed>,
) -> Answer {
    let account = existing(&cloud, &account)?;
    Ok(Json(json!({ "arn": account.role(role) })))
}

async fn remove_role(State(cloud): State<Cloud>, Path((account, role)): Path<(String, String)>) -> Answer {
    removed(existing(&cloud, &account)?.remove_role(&role), "role")
}

async fn add_provider(
    State(cloud): State<Cloud>,
    Path(account): Path<String>,
    Json(provider): Json<ProviderSeed>,
) -> Answer {
    let account = existing(&cloud, &account)?;
    Ok(Json(json!({ "arn": account.oidc_provider(provider) })))
}

async fn remove_provider(
    State(cloud): State<Cloud>,
    Path((account, name)): Path<(String, String)>,
) -> Answer {
    removed(existing(&cloud, &account)?.remove_oidc_provider(&name), "OIDC provider")
}

async fn sessions(State(cloud): State<Cloud>, Path(account): Path<String>) -> Answer {
    Ok(Json(json!({ "sessions": existing(&cloud, &account)?.sessions() })))
}

async fn end_sessions(State(cloud): State<Cloud>, Path(account): Path<String>) -> Answer {
    existing(&cloud, &account)?.end_sessions();
    Ok(Json(json!({})))
}

async fn instances(State(cloud): State<Cloud>, Path(account): Path<String>) -> Answer {
    let world = cloud.world();
    let state = world.accounts.get(&account).ok_or_else(|| Wrong::no_such("account"))?;
    let all: Vec<_> = state.instances.all().map(std::sync::Arc::as_ref).collect();
    Ok(Json(json!({ "instances": all })))
}

async fn seed(
    State(cloud): State<Cloud>,
    Path(account): Path<String>,
    Json(seeds): Json<Vec<Seed>>,
) -> Answer {
    let mut world = cloud.world();
    if !world.accounts.contains_key(&account) {
        return Err(Wrong::no_such("account"));
    }
    let ids: Vec<String> = seeds.iter().flat_map(|seed| world.seed(&account, seed)).collect();
    Ok(Json(json!({ "instanceIds": ids })))
}

/// An instance with the ids of its interfaces, the primary one first.
async fn instance(State(cloud): State<Cloud>, Path((account, id)): Path<(String, String)>) -> Answer {
    let world = cloud.world();
    let found = world.find(&account, &id).ok_or_else(|| Wrong::no_such("instance"))?;
    let interfaces: Vec<_> = world
        .interfaces_of(&account, &id)
        .iter()
        .map(|interface| interface.network_interface_id.clone())
        .collect();
    let mut shown = json!(found.as_ref());
    if let Value::Object(members) = &mut shown {
        members.insert("networkInterfaceIds".to_owned(), json!(interfaces));
    }
    Ok(Json(shown))
}

async fn interfaces(State(cloud): State<Cloud>, Path(account): Path<String>) -> Answer {
    let world = cloud.world();
    let state = world.accounts.get(&account).ok_or_else(|| Wrong::no_such("account"))?;
    let all: Vec<_> = state.interfaces.all().map(std::sync::Arc::as_ref).collect();
    Ok(Json(json!({ "networkInterfaces": all })))
}

async fn seed_interfaces(
    State(cloud): State<Cloud>,
    Path(account): Path<String>,
    Json(seeds): Json<Vec<InterfaceSeed>>,
) -> Answer {
    let mut world = cloud.world();
    if !world.accounts.contains_key(&account) {
        return Err(Wrong::no_such("account"));
    }
    let mut named = seeds.iter().filter_map(|seed| seed.instance_id.as_ref());
    if named.any(|id| world.find(&account, id).is_none()) {
        return Err(Wrong::no_such("instance"));
    }
    let ids: Vec<String> = seeds.iter().flat_map(|seed| world.seed_interfaces(&account, seed)).collect();
    Ok(Json(json!({ "networkInterfaceIds": ids })))
}

async fn interface(State(cloud): State<Cloud>, Path((account, id)): Path<(String, String)>) -> Answer {
    let world = cloud.world();
    let found = world.find_interface(&account, &id).ok_or_else(|| Wrong::no_such("network interface"))?;
    Ok(Json(json!(found.as_ref())))
}

async fn change_interface(
    State(cloud): State<Cloud>,
    Path((account, id)): Path<(String, String)>,
    Json(change): Json<InterfaceChange>,
) -> Answer {
    let mut world = cloud.world();
    if world.find_interface(&account, &id).is_none() {
        return Err(Wrong::no_such("network interface"));
    }
    let changed = world.change_by_hand(&account, &id, &change);
    Ok(Json(json!({ "changed": changed })))
}

async fn remove_interface(State(cloud): State<Cloud>, Path((account, id)): Path<(String, String)>) -> Answer {
    removed(cloud.world().remove_interface(&account, &id), "network interface")
}

async fn unbound_eips(State(cloud): State<Cloud>, Path(account): Path<String>) -> Answer {
    let world = cloud.world();
    let state = world.accounts.get(&account).ok_or_else(|| Wrong::no_such("account"))?;
    Ok(Json(json!({ "eips": state.unbound_eips })))
}

async fn change(
    State(cloud): State<Cloud>,
    Path((account, id)): Path<(String, String)>,
    Json(change): Json<Change>,
) -> Answer {
    let mut world = cloud.world();
    if world.find(&account, &id).is_none() {
        return Err(Wrong::no_such("instance"));
    }
    let changed = world.change(&account, &id, Effect::Immediate, |instance| change.apply(instance));
    Ok(Json(json!({ "changed": changed })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Because {
    reason: ReleaseReason,
}

async fn release(
    State(cloud): State<Cloud>,
    Path((account, id)): Path<(String, String)>,
    Json(because): Json<Because>,
) -> Answer {
    existing(&cloud, &account)?.release(&id, because.reason)?;
    Ok(Json(json!({})))
}

/// An operation of the cloud, and its parameters as they stand in a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Act {
    action: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    #[serde(default)]
    user: ConsoleUser,
}

async fn console(State(cloud): State<Cloud>, Path(account): Path<String>, Json(act): Json<Act>) -> Answer {
    let parameters: Vec<_> =
        act.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ok(Json(existing(&cloud, &account)?.console_as(&act.user, &act.action, &parameters)?))
}

async fn released(State(cloud): State<Cloud>, Path(account): Path<String>) -> Answer {
    let world = cloud.world();
    let state = world.accounts.get(&account).ok_or_else(|| Wrong::no_such("account"))?;
    Ok(Json(json!({ "released": state.released })))
}

async fn faults(State(cloud): State<Cloud>) -> Answer {
    let world = cloud.world();
    let rules: Vec<Value> =
        world.faults.rules().iter().map(|(id, rule)| json!({ "id": id, "rule": rule })).collect();
    Ok(Json(json!({ "faults": rules })))
}

async fn add_fault(State(cloud): State<Cloud>, Json(rule): Json<Rule>) -> Answer {
    let mut world = cloud.world();
    let id = world.next();
    world.faults.add(id, rule);
    Ok(Json(json!({ "id": id })))
}

async fn clear_faults(State(cloud): State<Cloud>, Query(part): Query<Part>) -> Answer {
    cloud.world().faults.clear(part.account.as_deref());
    Ok(Json(json!({})))
}

async fn remove_fault(State(cloud): State<Cloud>, Path(id): Path<u64>) -> Answer {
    removed(cloud.world().faults.remove(id), "fault")
}

async fn log(State(cloud): State<Cloud>, Query(part): Query<Part>) -> Answer {
    let world = cloud.world();
    let entries: Vec<_> =
        world.log.entries(part.account.as_deref(), part.action.as_deref(), part.after).collect();
    Ok(Json(json!({ "entries": entries })))
}

async fn clear_log(State(cloud): State<Cloud>, Query(part): Query<Part>) -> Answer {
    cloud.world().log.clear(part.account.as_deref());
    Ok(Json(json!({})))
}

async fn counts(State(cloud): State<Cloud>, Query(part): Query<Part>) -> Answer {
    Ok(Json(json!(cloud.world().log.counts(part.account.as_deref()))))
}

async fn check(
    State(cloud): State<Cloud>,
    Query(part): Query<Part>,
    Json(allowed): Json<Vec<Allowed>>,
) -> Answer {
    let violations = cloud.world().log.violations(part.account.as_deref(), &allowed);
    Ok(Json(json!({ "violations": violations })))
}

async fn settings(State(cloud): State<Cloud>) -> Answer {
    Ok(Json(json!(cloud.world().settings)))
}

async fn set_settings(State(cloud): State<Cloud>, Json(settings): Json<Settings>) -> Answer {
    if settings.region.as_deref().is_some_and(|region| regions::find(region).is_none()) {
        return Err(Wrong::no_such("region"));
    }
    cloud.world().settings = settings;
    Ok(Json(json!({})))
}

async fn metadata(State(cloud): State<Cloud>) -> Answer {
    let world = cloud.world();
    Ok(Json(json!({ "settings": world.metadata.settings, "requests": world.metadata.requests() })))
}

async fn set_metadata(State(cloud): State<Cloud>, Json(settings): Json<MetadataSettings>) -> Answer {
    if settings.role.as_deref().is_some_and(|role| parse_ram_arn(role, "role").is_none()) {
        return Err(Wrong::bad("The role must be an ARN: acs:ram::<account>:role/<name>."));
    }
    cloud.world().metadata.settings = settings;
    Ok(Json(json!({})))
}
