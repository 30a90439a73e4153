//! STS AssumeRole and AssumeRoleWithOIDC: somebody becomes a role for a while.
//!
//! Codes and HTTP status are those of the pages of the operations and of the page "Error codes" of STS.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::call::{Call, Done};
use super::honours::Honours;
use super::texts::has_length;
use crate::clock::to_the_second;
use crate::keys::{AccessKey, Principal};
use crate::ram::{
    Claimant, Claims, Context, Decision, Policy, ProviderSeed, Role, Session, invalid, parse_ram_arn, ram_arn,
};
use crate::state::World;
use crate::wire::{AccessDenied, Params, Refusal};

pub(super) const ASSUME: Honours = Honours::any(&[
    "DurationSeconds",
    "ExternalId",
    "Policy",
    "RoleArn",
    "RoleSessionName",
    "SourceIdentity",
]);

pub(super) const ASSUME_WITH_OIDC: Honours = Honours::any(&[
    "DurationSeconds",
    "OIDCProviderArn",
    "OIDCToken",
    "Policy",
    "RoleArn",
    "RoleSessionName",
]);

const DEFAULT_SECONDS: i64 = 3600;
const LEAST_SECONDS: i64 = 900;

/// The longest session of a role that another role's session assumes. No page at hand has a limit, so the role's own would
/// be the kinder reading; the default of both operations is the stricter one.
const MOST_SECONDS_OF_CHAIN: i64 = 3600;

/// What both operations ask for.
struct Request<'a> {
    account: &'a str,
    role: &'a str,
    session_name: &'a str,
    seconds: Option<i64>,
    policy: Option<Policy>,
}

impl<'a> Request<'a> {
    fn read(params: &'a Params) -> Result<Self, Refusal> {
        let arn = required(params, "RoleArn")?;
        let session_name = required(params, "RoleSessionName")?;
        let (account, role) = parse_ram_arn(arn, "role").ok_or_else(|| malformed("RoleArn"))?;
        if !has_length(session_name, 2..=64) || !is_of(session_name, ".@-_") {
            return Err(malformed("RoleSessionName"));
        }
        let seconds = params.integer("DurationSeconds")?;
        if seconds.is_some_and(|seconds| seconds < LEAST_SECONDS) {
            return Err(malformed("DurationSeconds"));
        }
        let policy = params.get("Policy").map(session_policy).transpose()?;
        Ok(Self { account, role, session_name, seconds, policy })
    }

    fn role<'w>(&self, world: &'w World) -> Result<&'w Role, Refusal> {
        let role = world.accounts.get(self.account).and_then(|state| state.roles.get(self.role));
        role.ok_or_else(|| Refusal::new(404, "EntityNotExist.Role", "There is no such role."))
    }

    /// When the session ends, if the role lets it last so long.
    fn end(&self, role: &Role, most: Option<i64>, now: Timestamp) -> Result<Timestamp, Refusal> {
        let seconds = self.seconds.unwrap_or(DEFAULT_SECONDS);
        let longest = i64::from(role.seed.max_session_seconds).min(most.unwrap_or(i64::MAX));
        let end = now.checked_add(SignedDuration::from_secs(seconds)).ok().filter(|_| seconds <= longest);
        // The cloud tells the end to the second, and so it is one.
        let end = end.and_then(|end| Timestamp::from_second(end.as_second()).ok());
        end.ok_or_else(|| malformed("DurationSeconds"))
    }

    /// The refusal of a claimant that the role doesn't trust.
    fn untrusted(&self, refusal: Refusal, who: (&str, &str), decision: Decision) -> Refusal {
        refusal.because(&AccessDenied {
            action: "sts:AssumeRole",
            account: self.account,
            principal: who.0,
            principal_type: who.1,
            explicitly: decision == Decision::Denied,
            policy_type: "AssumeRolePolicy",
        })
    }

    /// Opens the session; answers the members that both operations have in common.
    fn open(
        self,
        world: &mut World,
        role_id: &str,
        end: Timestamp,
        source_identity: Option<String>,
    ) -> Map<String, Value> {
        let (account, role, name) = (self.account, self.role, self.session_name);
        let session = Session {
            access_key_id: String::new(),
            role_name: role.to_owned(),
            role_id: role_id.to_owned(),
            session_name: name.to_owned(),
            policy: self.policy,
            source_identity,
            expires_at: end,
        };
        let key = world.open_session(account, session);
        let user = json!({
            "Arn": format!("{}/{name}", ram_arn(account, "role", role)),
            "AssumedRoleId": format!("{role_id}:{name}"),
        });
        Map::from_iter([
            ("AssumedRoleUser".to_owned(), user),
            ("Credentials".to_owned(), credentials(&key, end)),
        ])
    }
}

fn credentials(key: &AccessKey, end: Timestamp) -> Value {
    json!({
        "AccessKeyId": key.access_key_id,
        "AccessKeySecret": key.access_key_secret,
        "SecurityToken": key.security_token,
        "Expiration": to_the_second(end),
    })
}

pub(super) fn assume(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let request = Request::read(call.params)?;
    let external_id = call.params.get("ExternalId");
    if external_id.is_some_and(|id| !has_length(id, 2..=1224) || !is_of(id, "_+=,.@:/-")) {
        return Err(malformed("ExternalId"));
    }
    let source = source_identity(call)?;
    let caller = call.caller;
    let no_permission = |text: &str| Refusal::new(403, "NoPermission", text);
    let Some(arn) = caller.arn() else {
        return Err(no_permission(
            "An account's own key can't assume a role: use a RAM user's, or another role's.",
        ));
    };
    let role = request.role(world)?;
    let claimant = Claimant::Identity { account: &caller.account, arn: &arn };
    let external_ids = external_id.map(str::to_owned);
    let decision =
        role.seed.trust_policy.decide(claimant, &Context::default().with("sts:ExternalId", external_ids));
    if decision != Decision::Allowed {
        let text = "This identity is not allowed to assume the role: the role has to trust it.";
        let who = (caller.principal.display_name(), caller.principal.kind());
        return Err(request.untrusted(no_permission(text), who, decision));
    }
    let is_chain = matches!(caller.principal, Principal::Session(_) | Principal::Temporary);
    let end = request.end(role, is_chain.then_some(MOST_SECONDS_OF_CHAIN), call.now)?;
    let role_id = role.id.clone();
    let mut answer = request.open(world, &role_id, end, source.clone());
    answer.extend(source.map(|source| ("SourceIdentity".to_owned(), source.into())));
    Ok(Done::answer(answer.into()))
}

pub(super) fn assume_with_oidc(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let request = Request::read(call.params)?;
    let provider_arn = required(call.params, "OIDCProviderArn")?;
    let token = call.params.get("OIDCToken").ok_or_else(|| invalid("There is no token."))?;
    if !has_length(token, 4..=20_000) {
        return Err(malformed("OIDCToken"));
    }
    let no_permission = |text: &str| Refusal::new(401, "AuthenticationFail.NoPermission", text);
    let provider = provider(world, provider_arn);
    let provider = provider.ok_or_else(|| no_permission("There is no such OIDC provider."))?;
    let claims = provider.verify(token, call.now)?;
    let role = request.role(world)?;
    let context = Context::default()
        .with("oidc:iss", [claims.iss.clone()])
        .with("oidc:sub", [claims.sub.clone()])
        .with("oidc:aud", claims.audiences().iter().cloned());
    let decision = role.seed.trust_policy.decide(Claimant::Provider(provider_arn), &context);
    if decision != Decision::Allowed {
        let text = "The role does not trust the provider with this token.";
        let who = (claims.sub.as_str(), "OIDCProvider");
        return Err(request.untrusted(no_permission(text), who, decision));
    }
    let end = request.end(role, None, call.now)?;
    let role_id = role.id.clone();
    let mut answer = request.open(world, &role_id, end, None);
    answer.insert("OIDCTokenInfo".to_owned(), token_info(&claims));
    Ok(Done::answer(answer.into()))
}

fn provider<'w>(world: &'w World, arn: &str) -> Option<&'w ProviderSeed> {
    let (account, name) = parse_ram_arn(arn, "oidc-provider")?;
    world.accounts.get(account)?.providers.get(name)
}

fn token_info(claims: &Claims) -> Value {
    let time = |second: i64| Timestamp::from_second(second).map(to_the_second).unwrap_or_default();
    json!({
        "Issuer": claims.iss,
        "Subject": claims.sub,
        "ClientIds": claims.audiences().join(","),
        "ExpirationTime": time(claims.exp),
        "IssuanceTime": time(claims.iat),
        "VerificationInfo": "Success",
    })
}

/// Whom the session stands for. It can't be changed once a session has it, as documented.
fn source_identity(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    const INTERNAL: [&str; 3] = ["acs:", "aliyun:", "alibabacloud:"];
    let given = call.params.get("SourceIdentity");
    let valid = |source: &str| {
        has_length(source, 2..=64)
            && is_of(source, "_+=,.@-")
            && !INTERNAL.iter().any(|prefix| source.starts_with(prefix))
    };
    let inherited = match &call.caller.principal {
        Principal::Session(session) => session.source_identity.as_deref(),
        _ => None,
    };
    match (given, inherited) {
        (Some(source), _) if !valid(source) => Err(malformed("SourceIdentity")),
        (Some(source), Some(former)) if source != former => Err(malformed("SourceIdentity")),
        _ => Ok(given.or(inherited).map(str::to_owned)),
    }
}

fn session_policy(text: &str) -> Result<Policy, Refusal> {
    if !has_length(text, 1..=2048) {
        return Err(malformed("PolicySize"));
    }
    let document = serde_json::from_str(text).map_err(|error| error.to_string());
    let policy = document.and_then(|document| Policy::new(document).map_err(|error| error.to_string()));
    policy.map_err(|reason| {
        Refusal::new(400, "InvalidParameter.PolicyGrammar", format!("The Policy can't be read. {reason}"))
    })
}

fn is_of(text: &str, marks: &str) -> bool {
    text.chars().all(|letter| letter.is_ascii_alphanumeric() || marks.contains(letter))
}

/// The page of AssumeRoleWithSAML has this form of the code; the other pages have none.
fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Refusal> {
    let text = format!("The parameter {name} is mandatory and was not given.");
    params.get(name).ok_or_else(|| Refusal::new(400, format!("MissingParameter.{name}"), text))
}

fn malformed(what: &str) -> Refusal {
    Refusal::new(400, format!("InvalidParameter.{what}"), format!("The parameter is not valid: {what}."))
}
