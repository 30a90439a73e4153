//! Roles, and the sessions of those who assume them.

use jiff::{SignedDuration, Timestamp};
use keeper_simulator::{
    AccessKey, Account, DEFAULT_USER, Fault, Issuer, KeyHolder, ProviderSeed, RoleSeed, Rule, Seed,
    Simulator, TrustPolicy, UserSeed,
};
use serde_json::{Value, json};

use crate::client::{Answer, REGION, call, call_with, control, started, unsigned};
use crate::permissions::{allow, policy};

const SUBJECT: &str = "system:serviceaccount:keeper:keeper";
const URL: &str = "https://issuer.example";

fn trust(principal: &Value, condition: &Value) -> TrustPolicy {
    let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal,
        "Condition": condition });
    TrustPolicy::new(json!({ "Version": "1", "Statement": [statement] })).expect("a trust policy")
}

/// Trusts all users and roles of an account.
fn trusts(account: &Account) -> TrustPolicy {
    trust(&json!({ "RAM": format!("acs:ram::{}:root", account.id()) }), &json!({}))
}

/// An account with an instance, and a role that its users may assume and that may do everything.
async fn with_role() -> (Simulator, Account, String) {
    let (simulator, account) = started().await;
    account.seed_one(&Seed::new(REGION).id("i-a"));
    let arn = account.role(RoleSeed::new("keeper", trusts(&account)).policy(allow("*", "*")));
    (simulator, account, arn)
}

/// The key in an answer.
fn key(answer: &Answer) -> AccessKey {
    let text = |name: &str| answer.body["Credentials"][name].as_str().expect(name).to_owned();
    AccessKey::temporary(&text("AccessKeyId"), &text("AccessKeySecret"), &text("SecurityToken"), None)
}

fn expiration(answer: &Answer) -> Timestamp {
    answer.body["Credentials"]["Expiration"].as_str().expect("a time").parse().expect("a time")
}

async fn assume(simulator: &Simulator, account: &Account, params: &[(&str, &str)]) -> Answer {
    call(simulator, account, "AssumeRole", params).await.expect("an answer")
}

async fn protect(simulator: &Simulator, key: &AccessKey) -> String {
    let params = [("InstanceId", "i-a"), ("DeletionProtection", "true")];
    let answer = call_with(simulator, key, "ModifyInstanceAttribute", &params).await.expect("an answer");
    answer.code().to_owned()
}

#[tokio::test]
async fn a_session_acts_as_its_role() {
    let (simulator, account, arn) = with_role().await;
    let hour = SignedDuration::from_hours(1);
    let earliest = Timestamp::now() + hour;
    let answer = assume(&simulator, &account, &[("RoleArn", &arn), ("RoleSessionName", "night")]).await;
    assert_eq!(answer.code(), "OK", "{:?}", answer.body);
    assert_eq!(answer.body["AssumedRoleUser"]["Arn"], format!("{arn}/night"));
    let (end, latest) = (expiration(&answer), Timestamp::now() + hour);
    assert!(earliest.as_second() <= end.as_second() && end <= latest, "{earliest} {end} {latest}");

    let key = key(&answer);
    assert!(key.access_key_id.starts_with("STS."), "{key:?}");
    assert_eq!(protect(&simulator, &key).await, "OK");
    let identity = call_with(&simulator, &key, "GetCallerIdentity", &[]).await.expect("an answer").body;
    assert_eq!(identity["IdentityType"], "AssumedRoleUser");
    assert_eq!(identity["AccountId"], account.id());
    assert_eq!(identity["Arn"], format!("acs:sts::{}:assumed-role/keeper/night", account.id()));
    assert_eq!(identity["PrincipalId"], answer.body["AssumedRoleUser"]["AssumedRoleId"]);
    assert_eq!(format!("{}:night", identity["RoleId"].as_str().expect("an id")), identity["PrincipalId"]);
    assert!(identity["UserId"].is_null(), "as documented, a role has none");

    let sessions = account.sessions();
    assert_eq!(sessions.len(), 1);
    assert_eq!((&*sessions[0].role_name, &*sessions[0].session_name), ("keeper", "night"));
    assert_eq!(sessions[0].access_key_id, key.access_key_id);
}

#[tokio::test]
async fn what_a_session_is_given_stays_out_of_the_log() {
    let (simulator, account, arn) = with_role().await;
    let issuer = Issuer::new(URL);
    let provider = account.oidc_provider(ProviderSeed::of("cluster", &issuer));
    let token = issuer.token(SUBJECT, "sts.aliyuncs.com", 600);
    let answer = assume(&simulator, &account, &[("RoleArn", &arn), ("RoleSessionName", "night")]).await;
    let params = [
        ("RoleArn", &*arn),
        ("RoleSessionName", "night"),
        ("OIDCProviderArn", &provider),
        ("OIDCToken", &token),
    ];
    unsigned(&simulator, "POST", "AssumeRoleWithOIDC", &params, true).await;
    let log = format!("{:?} {:?}", account.log(), account.sessions());
    let key = key(&answer);
    let secrets = [Some(&key.access_key_secret), key.security_token.as_ref(), Some(&token)];
    for secret in secrets.into_iter().flatten() {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert_eq!(account.log()[1].parameters["OIDCToken"], "***");
    assert_eq!(account.log()[1].account.as_deref(), Some(account.id()));
}

#[tokio::test]
async fn both_sides_have_to_allow_that_a_role_is_assumed() {
    let (simulator, account, arn) = with_role().await;
    let other = simulator.new_account();
    let refused = |answer: &Answer| {
        assert_eq!((answer.status, answer.code()), (403, "NoPermission"), "{:?}", answer.body);
        answer.body["AccessDeniedDetail"]["PolicyType"].as_str().unwrap_or("none").to_owned()
    };
    let params = [("RoleArn", &*arn), ("RoleSessionName", "night")];

    assert_eq!(
        refused(&assume(&simulator, &other, &params).await),
        "AssumeRolePolicy",
        "trusts another account"
    );

    let root = AccessKey::lasting("LTAI5tRoot", "RootSecret").of(KeyHolder::Root);
    account.add_key(root.clone());
    let answer = call_with(&simulator, &root, "AssumeRole", &params).await.expect("an answer");
    assert_eq!(refused(&answer), "none", "the account's own key may not, whatever policies say");

    account.user(UserSeed::new(DEFAULT_USER).policy(allow("sts:AssumeRole", "acs:ram::*:role/another")));
    assert_eq!(refused(&assume(&simulator, &account, &params).await), "AccountLevelIdentityBasedPolicy");
    account.user(UserSeed::new(DEFAULT_USER).policy(allow("sts:AssumeRole", &arn)));
    assert_eq!(assume(&simulator, &account, &params).await.code(), "OK");

    let only = trust(&json!({ "RAM": format!("acs:ram::{}:user/somebody", account.id()) }), &json!({}));
    account.role(RoleSeed::new("keeper", only));
    assert_eq!(
        refused(&assume(&simulator, &account, &params).await),
        "AssumeRolePolicy",
        "trusts another user"
    );

    assert!(account.remove_role("keeper") && !account.remove_role("keeper"));
    let answer = assume(&simulator, &other, &params).await;
    assert_eq!((answer.status, answer.code()), (404, "EntityNotExist.Role"));
}

#[tokio::test]
async fn a_role_can_ask_for_an_external_id() {
    let (simulator, account) = started().await;
    let principal = json!({ "RAM": format!("acs:ram::{}:root", account.id()) });
    let condition = json!({ "StringEquals": { "sts:ExternalId": "a-shared-word" } });
    let arn = account.role(RoleSeed::new("keeper", trust(&principal, &condition)));
    let plain = [("RoleArn", &*arn), ("RoleSessionName", "night")];
    for (external, expected) in [
        (None, "NoPermission"),
        (Some("another-word"), "NoPermission"),
        (Some("a-shared-word"), "OK"),
        (Some("?"), "InvalidParameter.ExternalId"),
    ] {
        let params: Vec<_> = plain.into_iter().chain(external.map(|id| ("ExternalId", id))).collect();
        assert_eq!(assume(&simulator, &account, &params).await.code(), expected, "{external:?}");
    }
}

#[tokio::test]
async fn parameters_of_a_session_have_their_rules() {
    let (simulator, account, arn) = with_role().await;
    let long =
        account.role(RoleSeed::new("long", trusts(&account)).policy(allow("*", "*")).max_session(7200));
    for (name, value, status, expected) in [
        ("DurationSeconds", "900", 200, "OK"),
        ("DurationSeconds", "899", 400, "InvalidParameter.DurationSeconds"),
        ("DurationSeconds", "3600", 200, "OK"),
        ("DurationSeconds", "3601", 400, "InvalidParameter.DurationSeconds"),
        ("DurationSeconds", "-1", 400, "InvalidParameter.DurationSeconds"),
        ("DurationSeconds", "9223372036854775807", 400, "InvalidParameter.DurationSeconds"),
        ("RoleSessionName", "a", 400, "InvalidParameter.RoleSessionName"),
        ("RoleSessionName", "a b", 400, "InvalidParameter.RoleSessionName"),
        ("RoleSessionName", "a.b@c-d_e", 200, "OK"),
        ("RoleSessionName", "", 400, "MissingParameter.RoleSessionName"),
        ("RoleArn", "", 400, "MissingParameter.RoleArn"),
        ("RoleArn", "keeper", 400, "InvalidParameter.RoleArn"),
        ("RoleArn", "acs:ram::1:user/keeper", 400, "InvalidParameter.RoleArn"),
        ("RoleArn", "acs:ram::1:role/keeper", 404, "EntityNotExist.Role"),
        ("Policy", "{", 400, "InvalidParameter.PolicyGrammar"),
        (
            "Policy",
            r#"{"Version":"1","Statement":[{"Effect":"Allow"}]}"#,
            400,
            "InvalidParameter.PolicyGrammar",
        ),
        ("SourceIdentity", "acs:x", 400, "InvalidParameter.SourceIdentity"),
        ("SourceIdentity", "alice", 200, "OK"),
    ] {
        let mut params = vec![("RoleArn", &*arn), ("RoleSessionName", "night")];
        params.retain(|(other, _)| *other != name);
        params.push((name, value));
        let answer = assume(&simulator, &account, &params).await;
        assert_eq!((answer.status, answer.code()), (status, expected), "{name}={value}");
    }
    let params = [("RoleArn", &*long), ("RoleSessionName", "night"), ("DurationSeconds", "7200")];
    assert_eq!(assume(&simulator, &account, &params).await.code(), "OK");
}

#[tokio::test]
async fn a_session_may_do_what_role_and_session_policy_both_allow() {
    let (simulator, account, arn) = with_role().await;
    let reads = json!({ "Version": "1",
        "Statement": [{ "Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*" }] });
    let params = [("RoleArn", &*arn), ("RoleSessionName", "night"), ("Policy", &reads.to_string())];
    let narrowed = key(&assume(&simulator, &account, &params).await);
    let whole = key(&assume(&simulator, &account, &params[..2]).await);
    assert_eq!(protect(&simulator, &narrowed).await, "Forbidden.RAM");
    assert_eq!(protect(&simulator, &whole).await, "OK");
    let regions = call_with(&simulator, &narrowed, "DescribeRegions", &[]).await.expect("an answer");
    assert_eq!(regions.code(), "OK");

    account.role(RoleSeed::new("keeper", trusts(&account)).policy(policy(&json!([
        { "Effect": "Allow", "Action": "ecs:Modify*", "Resource": "*" }
    ]))));
    assert_eq!(protect(&simulator, &whole).await, "OK");
    let regions = call_with(&simulator, &whole, "DescribeRegions", &[]).await.expect("an answer");
    assert_eq!(regions.code(), "Forbidden.RAM", "sessions follow the policies of their role");

    account.remove_role("keeper");
    assert_eq!(protect(&simulator, &whole).await, "Forbidden.RAM");
    account.role(RoleSeed::new("keeper", trusts(&account)).policy(allow("*", "*")));
    assert_eq!(protect(&simulator, &whole).await, "Forbidden.RAM", "another role has the name now");
}

#[tokio::test]
async fn a_session_ends_with_the_clock_or_at_once() {
    let (simulator, account, arn) = with_role().await;
    let params = [("RoleArn", &*arn), ("RoleSessionName", "night"), ("DurationSeconds", "900")];
    let ended = key(&assume(&simulator, &account, &params).await);
    account.end_sessions();
    assert_eq!(protect(&simulator, &ended).await, "InvalidSecurityToken.Expired");

    let fresh = key(&assume(&simulator, &account, &params).await);
    assert_eq!(protect(&simulator, &fresh).await, "OK");
    // The date of a signature still passes.
    simulator.set(|settings| settings.clock_offset_seconds = -600);
    let early = key(&assume(&simulator, &account, &params).await);
    simulator.set(|settings| settings.clock_offset_seconds = 600);
    assert_eq!(protect(&simulator, &early).await, "InvalidSecurityToken.Expired");
}

#[tokio::test]
async fn one_role_assumes_another_for_an_hour_at_most() {
    let (simulator, account, arn) = with_role().await;
    let other = simulator.new_account();
    other.seed_one(&Seed::new(REGION).id("i-a"));
    let principal = json!({ "RAM": arn });
    let role = RoleSeed::new("target", trust(&principal, &json!({}))).policy(allow("*", "*"));
    let target = other.role(role.max_session(7200));

    let params = [("RoleArn", &*arn), ("RoleSessionName", "night"), ("SourceIdentity", "alice")];
    let first = key(&assume(&simulator, &account, &params).await);
    let chained = |params: Vec<(&'static str, String)>| {
        let (simulator, first, target) = (&simulator, &first, target.clone());
        async move {
            let base = [("RoleArn", target), ("RoleSessionName", "far".to_owned())];
            let params: Vec<_> = base.into_iter().chain(params).collect();
            let params: Vec<_> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
            call_with(simulator, first, "AssumeRole", &params).await.expect("an answer")
        }
    };
    let answer = chained(vec![]).await;
    assert_eq!(answer.code(), "OK", "{:?}", answer.body);
    assert_eq!(answer.body["SourceIdentity"], "alice", "it is handed down");
    assert_eq!(protect(&simulator, &key(&answer)).await, "OK");
    assert!(other.instance("i-a").is_some_and(|instance| instance.deletion_protection));
    assert!(account.instance("i-a").is_some_and(|instance| !instance.deletion_protection));
    assert_eq!(other.log()[0].action, "AssumeRole", "it is told in the account of the role");

    let answer = chained(vec![("DurationSeconds", "3601".to_owned())]).await;
    assert_eq!(answer.code(), "InvalidParameter.DurationSeconds");
    let answer = chained(vec![("SourceIdentity", "mallory".to_owned())]).await;
    assert_eq!(answer.code(), "InvalidParameter.SourceIdentity");

    // A user of the same account isn't the role that is trusted, and the role needs the permission as well.
    let params = [("RoleArn", &*target), ("RoleSessionName", "far")];
    assert_eq!(assume(&simulator, &account, &params).await.code(), "NoPermission");
    account.role(RoleSeed::new("keeper", trusts(&account)).policy(allow("ecs:*", "*")));
    assert_eq!(chained(vec![]).await.code(), "NoPermission");
}

/// A cluster whose service account may become a role.
struct Cluster {
    simulator: Simulator,
    account: Account,
    issuer: Issuer,
    role: String,
    provider: String,
}

impl Cluster {
    async fn new() -> Self {
        let (simulator, account) = started().await;
        account.seed_one(&Seed::new(REGION).id("i-a"));
        let issuer = Issuer::new(URL);
        let provider = account.oidc_provider(ProviderSeed::of("ack-rrsa-c1", &issuer));
        let condition = json!({ "StringEquals": { "oidc:aud": "sts.aliyuncs.com", "oidc:iss": URL,
            "oidc:sub": SUBJECT } });
        let trusted = trust(&json!({ "Federated": [provider] }), &condition);
        let role = account.role(RoleSeed::new("keeper", trusted).policy(allow("*", "*")));
        Self { simulator, account, issuer, role, provider }
    }

    /// The parameters of a call, some of them others than usual. An empty one is left out.
    fn params(&self, others: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        let mut params = vec![
            ("RoleArn", self.role.clone()),
            ("OIDCProviderArn", self.provider.clone()),
            ("RoleSessionName", "pod".to_owned()),
            ("OIDCToken", self.issuer.token(SUBJECT, "sts.aliyuncs.com", 600)),
        ];
        for (name, value) in others {
            params.retain(|(known, _)| known != name);
            params.push((name, (*value).to_owned()));
        }
        params.retain(|(_, value)| !value.is_empty());
        params
    }

    async fn ask(&self, method: &str, others: &[(&'static str, &str)], in_form: bool) -> Answer {
        let params = self.params(others);
        let params: Vec<_> = params.iter().map(|(name, value)| (*name, value.as_str())).collect();
        unsigned(&self.simulator, method, "AssumeRoleWithOIDC", &params, in_form).await
    }
}

#[tokio::test]
async fn a_token_of_a_trusted_provider_opens_a_session() {
    let cluster = Cluster::new().await;
    for (method, in_form) in [("POST", true), ("POST", false), ("GET", false)] {
        let answer = cluster.ask(method, &[], in_form).await;
        assert_eq!(answer.code(), "OK", "{method} {:?}", answer.body);
        let info = &answer.body["OIDCTokenInfo"];
        assert_eq!((info["Issuer"].as_str(), info["Subject"].as_str()), (Some(URL), Some(SUBJECT)));
        assert_eq!(info["ClientIds"], "sts.aliyuncs.com");
        assert_eq!(answer.body["AssumedRoleUser"]["Arn"], format!("{}/pod", cluster.role));
        let key = key(&answer);
        assert_eq!(protect(&cluster.simulator, &key).await, "OK");
        let identity =
            call_with(&cluster.simulator, &key, "GetCallerIdentity", &[]).await.expect("an answer");
        assert_eq!(
            identity.body["Arn"],
            format!("acs:sts::{}:assumed-role/keeper/pod", cluster.account.id())
        );
    }
    assert_eq!(cluster.account.count("AssumeRoleWithOIDC").calls, 3);
    assert_eq!(cluster.account.log()[0].access_key_id, None);
}

#[tokio::test]
async fn a_token_that_is_not_trusted_is_refused_with_its_reason() {
    let cluster = Cluster::new().await;
    let token =
        |subject: &str, audience: &str, seconds: i64| cluster.issuer.token(subject, audience, seconds);
    let forged = Issuer::new(URL).token(SUBJECT, "sts.aliyuncs.com", 600);
    let foreign = Issuer::new("https://other.example").token(SUBJECT, "sts.aliyuncs.com", 600);
    let other_provider = cluster.provider.replace("c1", "c2");
    let other_role = cluster.role.replace("keeper", "other");
    let long = "a".repeat(20_001);
    for (others, status, expected) in [
        (
            ("OIDCToken", &*token(SUBJECT, "sts.aliyuncs.com", -1)),
            401,
            "AuthenticationFail.OIDCToken.Expired",
        ),
        (
            ("OIDCToken", &*token(SUBJECT, "kubernetes", 600)),
            401,
            "AuthenticationFail.OIDCToken.AudienceNotMatch",
        ),
        (("OIDCToken", &*foreign), 401, "AuthenticationFail.OIDCToken.IssuerNotMatch"),
        (("OIDCToken", &*forged), 401, "AuthenticationFail.OIDCToken.InvalidSignature"),
        (("OIDCToken", "no-token"), 401, "AuthenticationFail.OIDCToken.Invalid"),
        (("OIDCToken", ""), 401, "AuthenticationFail.OIDCToken.Invalid"),
        (("OIDCToken", &*long), 400, "InvalidParameter.OIDCToken"),
        (("OIDCToken", &*token("system:serviceaccount:keeper:other", "sts.aliyuncs.com", 600)), 401, {
            "AuthenticationFail.NoPermission"
        }),
        (("OIDCProviderArn", &*other_provider), 401, "AuthenticationFail.NoPermission"),
        (("OIDCProviderArn", "cluster"), 401, "AuthenticationFail.NoPermission"),
        (("OIDCProviderArn", ""), 400, "MissingParameter.OIDCProviderArn"),
        (("RoleArn", &*other_role), 404, "EntityNotExist.Role"),
        (("RoleArn", ""), 400, "MissingParameter.RoleArn"),
        (("RoleSessionName", ""), 400, "MissingParameter.RoleSessionName"),
        (("DurationSeconds", "3601"), 400, "InvalidParameter.DurationSeconds"),
        (("Policy", "x"), 400, "InvalidParameter.PolicyGrammar"),
    ] {
        let answer = cluster.ask("POST", &[others], true).await;
        assert_eq!((answer.status, answer.code()), (status, expected), "{others:?}");
    }
    assert_eq!(cluster.account.sessions().len(), 0);

    cluster.account.oidc_provider(ProviderSeed::new("ack-rrsa-c1", URL));
    let answer = cluster.ask("POST", &[], true).await;
    assert_eq!(answer.code(), "AuthenticationFail.OIDCToken.IssuerConfigurationBroken");
    assert!(cluster.account.remove_oidc_provider("ack-rrsa-c1"));
    assert_eq!(cluster.ask("POST", &[], true).await.code(), "AuthenticationFail.NoPermission");
}

#[tokio::test]
async fn faults_disturb_the_account_of_the_role_that_is_assumed() {
    let cluster = Cluster::new().await;
    let other = cluster.simulator.new_account();
    let throttle = Fault::Throttle { code: Some("Throttling.User".to_owned()), retry_after_millis: None };
    other.fault(Rule::new("AssumeRoleWithOIDC", throttle.clone()));
    assert_eq!(cluster.ask("POST", &[], true).await.code(), "OK");
    cluster.account.fault(Rule::new("AssumeRoleWithOIDC", throttle).times(1));
    assert_eq!(cluster.ask("POST", &[], true).await.code(), "Throttling.User");
    assert_eq!(cluster.ask("POST", &[], true).await.code(), "OK");
    cluster.account.fault(Rule::new("AssumeRoleWithOIDC", Fault::Deny { always_forbidden: false }).times(1));
    let denied = cluster.ask("POST", &[], true).await;
    assert_eq!((denied.status, denied.code()), (401, "AuthenticationFail.NoPermission"));
    for (code, status) in [
        ("AuthenticationFail.OIDCToken.Expired", 401),
        ("NoPermission", 403),
        ("EntityNotExist.Role", 404),
        ("InvalidParameter.RoleArn", 400),
    ] {
        let error = Fault::Error { code: code.to_owned(), status: None, message: None };
        cluster.account.fault(Rule::new("AssumeRoleWithOIDC", error).times(1));
        let answer = cluster.ask("POST", &[], true).await;
        assert_eq!((answer.status, answer.code()), (status, code));
    }
    let params = [("RegionId", REGION), ("RoleArn", cluster.role.as_str())];
    call(&cluster.simulator, &other, "DescribeInstances", &params).await.expect("an answer");
    assert_eq!(other.count("DescribeInstances").calls, 1, "only STS knows of roles");
    cluster.simulator.set(|settings| settings.clock_offset_seconds = 3600);
    assert_eq!(cluster.ask("POST", &[], true).await.code(), "InvalidTimeStamp.Expired");
}

#[tokio::test]
async fn roles_and_providers_are_set_over_the_control_port() {
    let (simulator, account) = started().await;
    account.seed_one(&Seed::new(REGION).id("i-a"));
    let path = |rest: &str| format!("/accounts/{}/{rest}", account.id());
    let issuer = Issuer::new(URL);
    let provider = json!({ "providerName": "cluster", "issuer": URL, "clientIds": ["sts.aliyuncs.com"],
        "jwks": issuer.jwks() });
    let answer = control(&simulator, "POST", path("oidc-providers"), provider).await;
    let provider = answer.body["arn"].as_str().expect("an ARN").to_owned();
    let role = json!({ "roleName": "keeper", "maxSessionSeconds": 7200,
        "trustPolicy": trust(&json!({ "Federated": provider }), &json!({})),
        "policies": [allow("*", "*")] });
    let answer = control(&simulator, "POST", path("roles"), role).await;
    let role = answer.body["arn"].as_str().expect("an ARN").to_owned();
    assert_eq!(role, format!("acs:ram::{}:role/keeper", account.id()));

    let token = issuer.token(SUBJECT, "sts.aliyuncs.com", 600);
    let params = [
        ("RoleArn", &*role),
        ("OIDCProviderArn", &provider),
        ("OIDCToken", &token),
        ("RoleSessionName", "pod"),
        ("DurationSeconds", "7200"),
    ];
    let answer = unsigned(&simulator, "POST", "AssumeRoleWithOIDC", &params, true).await;
    let key = key(&answer);
    let shown = control(&simulator, "GET", path("sessions"), json!({})).await.body;
    assert_eq!(shown["sessions"][0]["accessKeyId"], key.access_key_id);
    assert_eq!(shown["sessions"][0]["sessionName"], "pod");
    assert_eq!(control(&simulator, "DELETE", path("sessions"), json!({})).await.status, 200);
    assert_eq!(protect(&simulator, &key).await, "InvalidSecurityToken.Expired");

    let odd = json!({ "roleName": "odd", "trustPolicy": { "Version": "1", "Statement": [] } });
    assert_eq!(control(&simulator, "POST", path("roles"), odd).await.status, 422);
    for thing in ["roles/keeper", "oidc-providers/cluster"] {
        assert_eq!(control(&simulator, "DELETE", path(thing), json!({})).await.status, 200, "{thing}");
        assert_eq!(control(&simulator, "DELETE", path(thing), json!({})).await.status, 404, "{thing}");
    }
    assert_eq!(control(&simulator, "GET", "/accounts/0/sessions".to_owned(), json!({})).await.status, 404);
}
