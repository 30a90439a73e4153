//! STS GetCallerIdentity.

use serde_json::json;

use super::call::{Call, Done};
use crate::state::World;
use crate::wire::Refusal;

/// Name of the RAM user and of the role that the simulator's keys belong to.
pub(crate) const PRINCIPAL: &str = "ecs-keeper";

#[expect(clippy::unnecessary_wraps, reason = "the table of operations has one signature")]
pub(crate) fn run(_: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let account = &call.caller.account;
    let key = &call.caller.access_key_id;
    Ok(Done::answer(if call.caller.assumed_role {
        json!({
            "AccountId": account,
            "Arn": format!("acs:sts::{account}:assumed-role/{PRINCIPAL}/session"),
            "IdentityType": "AssumedRoleUser",
            "PrincipalId": format!("{key}:session"),
            "RoleId": key,
            "UserId": format!("{key}:session"),
        })
    } else {
        json!({
            "AccountId": account,
            "Arn": format!("acs:ram::{account}:user/{PRINCIPAL}"),
            "IdentityType": "RAMUser",
            "PrincipalId": key,
            "UserId": key,
        })
    }))
}
