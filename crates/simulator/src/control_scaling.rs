//! The part of the control port that is about scaling groups.

use axum::extract::{Path, State};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::Account;
use crate::control_answer::{Answer, Wrong, existing};
use crate::gateway::Cloud;
use crate::state::{GroupChange, GroupSeed, MemberChange, MemberSeed, ScalingGroup};

pub(crate) fn router() -> Router<Cloud> {
    Router::new()
        .route("/accounts/{account}/scaling-groups", get(groups).post(seed_groups))
        .route("/accounts/{account}/scaling-groups/{group}", get(group).patch(change_group))
        .route("/accounts/{account}/scaling-groups/{group}/members", post(seed_members))
        .route("/accounts/{account}/scaling-groups/{group}/scale-in", post(scale_in))
        .route("/accounts/{account}/scaling-groups/{group}/check-health", post(check_health))
        .route("/accounts/{account}/scaling-members/{instance}", patch(change_member))
}

/// An account and one of its groups.
fn existing_group(cloud: &Cloud, account: &str, id: &str) -> Result<Account, Wrong> {
    let account = existing(cloud, account)?;
    account.scaling_group(id).map(|_| account).ok_or_else(|| Wrong::no_such("scaling group"))
}

/// A group with its members, in the order in which they came.
fn shown(account: &Account, group: &ScalingGroup) -> Value {
    let members: Vec<Value> =
        account.scaling_members(&group.scaling_group_id).iter().map(|member| json!(**member)).collect();
    let mut shown = json!(group);
    if let Value::Object(parts) = &mut shown {
        parts.insert("members".to_owned(), members.into());
    }
    shown
}

async fn groups(State(cloud): State<Cloud>, Path(account): Path<String>) -> Answer {
    let account = existing(&cloud, &account)?;
    let all: Vec<_> = account.scaling_groups().iter().map(|group| shown(&account, group)).collect();
    Ok(Json(json!({ "scalingGroups": all })))
}

async fn seed_groups(
    State(cloud): State<Cloud>,
    Path(account): Path<String>,
    Json(seeds): Json<Vec<GroupSeed>>,
) -> Answer {
    let account = existing(&cloud, &account)?;
    let ids: Vec<_> = seeds.iter().map(|seed| account.seed_group(seed)).collect();
    Ok(Json(json!({ "scalingGroupIds": ids })))
}

async fn group(State(cloud): State<Cloud>, Path((account, id)): Path<(String, String)>) -> Answer {
    let account = existing(&cloud, &account)?;
    let found = account.scaling_group(&id).ok_or_else(|| Wrong::no_such("scaling group"))?;
    Ok(Json(shown(&account, &found)))
}

async fn change_group(
    State(cloud): State<Cloud>,
    Path((account, id)): Path<(String, String)>,
    Json(change): Json<GroupChange>,
) -> Answer {
    let changed = existing_group(&cloud, &account, &id)?.change_group(&id, &change);
    Ok(Json(json!({ "changed": changed })))
}

async fn seed_members(
    State(cloud): State<Cloud>,
    Path((account, id)): Path<(String, String)>,
    Json(seed): Json<MemberSeed>,
) -> Answer {
    let account = existing_group(&cloud, &account, &id)?;
    if seed.instance_ids.iter().any(|instance| account.instance(instance).is_none()) {
        return Err(Wrong::no_such("instance"));
    }
    Ok(Json(json!({ "instanceIds": account.seed_members(&id, &seed) })))
}

/// How many members have to go.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct By {
    count: usize,
}

async fn scale_in(
    State(cloud): State<Cloud>,
    Path((account, id)): Path<(String, String)>,
    Json(by): Json<By>,
) -> Answer {
    let ids = existing_group(&cloud, &account, &id)?.scale_in(&id, by.count);
    Ok(Json(json!({ "instanceIds": ids })))
}

async fn check_health(State(cloud): State<Cloud>, Path((account, id)): Path<(String, String)>) -> Answer {
    let ids = existing_group(&cloud, &account, &id)?.check_health(&id);
    Ok(Json(json!({ "instanceIds": ids })))
}

async fn change_member(
    State(cloud): State<Cloud>,
    Path((account, id)): Path<(String, String)>,
    Json(change): Json<MemberChange>,
) -> Answer {
    let account = existing(&cloud, &account)?;
    account.scaling_member(&id).ok_or_else(|| Wrong::no_such("member"))?;
    Ok(Json(json!({ "changed": account.change_member(&id, &change) })))
}
