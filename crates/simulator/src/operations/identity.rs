//! STS GetCallerIdentity.

use serde_json::json;

use super::call::{Call, Done};
use crate::keys::Principal;
use crate::ram::DEFAULT_USER;
use crate::state::World;
use crate::wire::Refusal;

#[expect(clippy::unnecessary_wraps, reason = "the table of operations has one signature")]
pub(crate) fn run(_: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let account = &call.caller.account;
    let key = &call.caller.access_key_id;
    Ok(Done::answer(match &call.caller.principal {
        Principal::Root => json!({
            "AccountId": account,
            "Arn": format!("acs:ram::{account}:root"),
            "IdentityType": "Account",
            "PrincipalId": account,
            "UserId": account,
        }),
        Principal::User(name) => json!({
            "AccountId": account,
            "Arn": format!("acs:ram::{account}:user/{name}"),
            "IdentityType": "RAMUser",
            "PrincipalId": key,
            "UserId": key,
        }),
        Principal::Temporary => json!({
            "AccountId": account,
            "Arn": format!("acs:sts::{account}:assumed-role/{DEFAULT_USER}/session"),
            "IdentityType": "AssumedRoleUser",
            "PrincipalId": format!("{key}:session"),
            "RoleId": key,
        }),
        Principal::Session(session) => json!({
            "AccountId": account,
            "Arn": format!("acs:sts::{account}:assumed-role/{}/{}", session.role_name, session.session_name),
            "IdentityType": "AssumedRoleUser",
            "PrincipalId": format!("{}:{}", session.role_id, session.session_name),
            "RoleId": session.role_id,
        }),
        // The gateway lets only signed calls through.
        Principal::Anonymous => json!({}),
    }))
}
