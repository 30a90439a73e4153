//! Accounts without an access key: sessions of roles, from tokens, from other roles, from the node and from profiles.

use std::path::PathBuf;

use ecs_keeper::cli::PolicyOptions;
use keeper_simulator::{
    Account, Fault, HttpTokens, Issuer, Policy, ProviderSeed, RoleSeed, Rule, Seed, TrustPolicy,
};
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::failures::refused;
use crate::outside::{address, get};
use crate::settings::Settings;
use crate::stage::{REGION, Stage, eventually, message};

/// Where the token is mounted.
const TOKENS: &str = "/etc/tokens";

/// A cluster whose tokens an account takes, with the file that its kubelet would keep fresh.
struct Rrsa {
    issuer: Issuer,
    folder: PathBuf,
    subject: String,
    provider_arn: String,
}

impl Rrsa {
    /// One that the stage's account has registered.
    fn new(stage: &Stage) -> Self {
        let issuer = Issuer::new("https://issuer.example/c1");
        let provider_arn = stage.account.oidc_provider(ProviderSeed::of("ack-rrsa-c1", &issuer));
        let subject = format!("system:serviceaccount:{}:ecs-keeper", stage.namespace);
        let rrsa = Self { issuer, folder: stage.new_folder(), subject, provider_arn };
        rrsa.write_token(&rrsa.subject, "sts.aliyuncs.com");
        rrsa
    }

    fn write_token(&self, subject: &str, audience: &str) {
        // A line break at its end, as by hand.
        let token = format!("{}\n", self.issuer.token(subject, audience, 3600));
        std::fs::write(self.folder.join("token"), token).unwrap();
    }

    fn token(&self) -> String {
        std::fs::read_to_string(self.folder.join("token")).unwrap().trim().to_owned()
    }

    /// A role that trusts the operator's ServiceAccount, and may do what the operator needs.
    fn role(&self, name: &str) -> RoleSeed {
        let condition =
            json!({ "StringEquals": { "oidc:sub": self.subject, "oidc:aud": "sts.aliyuncs.com" } });
        RoleSeed::new(name, trust(&json!({ "Federated": self.provider_arn }), &condition)).policy(least())
    }

    fn credentials(&self, role_arn: &str) -> Value {
        let token_file = format!("{TOKENS}/token");
        json!({ "oidc": { "roleArn": role_arn, "providerArn": self.provider_arn, "tokenFile": token_file } })
    }

    /// Settings with the token mounted, for the first account with this role.
    fn settings<'a>(&self, stage: &'a Stage, role_arn: &str) -> Settings<'a> {
        stage
            .settings()
            .set("/accounts/0/credentials", self.credentials(role_arn))
            .set("/accounts/0/accountId", stage.account.id())
            .mounted("tokens", &self.folder, TOKENS)
    }
}

fn trust(principal: &Value, condition: &Value) -> TrustPolicy {
    let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition });
    TrustPolicy::new(json!({ "Version": "1", "Statement": [statement] })).unwrap()
}

/// I13: exactly what `ecs-keeper ram policy` prints for one account.
pub fn least() -> Policy {
    let printed = ecs_keeper::ram::policy(&PolicyOptions::default()).unwrap().text;
    Policy::new(serde_json::from_str(&printed).unwrap()).unwrap()
}

/// To go on to this role, and nothing else.
fn may_assume(role_arn: &str) -> Policy {
    let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role_arn });
    Policy::new(json!({ "Version": "1", "Statement": [statement] })).unwrap()
}

fn by_id(account: &str, id: &str) -> Value {
    json!({ "account": account, "region": REGION, "targets": { "instanceIds": [id] } })
}

/// Adds an account to the settings, which is the first one but for these keys.
fn and_account<'a>(settings: Settings<'a>, name: &str, account: &Account, keys: &Value) -> Settings<'a> {
    let mut accounts = settings.config["accounts"].as_array().unwrap().clone();
    let mut entry = accounts[0].clone();
    entry["name"] = name.into();
    entry["accountId"] = account.id().into();
    let entry_keys = entry.as_object_mut().unwrap();
    entry_keys.extend(keys.as_object().unwrap().clone());
    entry_keys.retain(|_, value| !value.is_null());
    accounts.push(entry);
    settings.set("/accounts", accounts)
}

#[tokio::test]
async fn two_accounts_are_served_through_one_role_without_any_key() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let first = stage.account.role(rrsa.role("keeper"));
    let other = stage.simulator.new_account();
    let condition = json!({ "StringEquals": { "sts:ExternalId": "for-keeper" } });
    let second =
        other.role(RoleSeed::new("keeper", trust(&json!({ "RAM": first }), &condition)).policy(least()));
    stage.account.role(rrsa.role("keeper").policy(may_assume(&second)));
    let (here, there) = (stage.account.seed_one(&Seed::new(REGION)), other.seed_one(&Seed::new(REGION)));
    let keys =
        json!({ "assumeRole": { "roleArn": second, "externalId": "for-keeper", "durationSeconds": 900 } });
    let _operator = and_account(rrsa.settings(&stage, &first), "other", &other, &keys).start();
    stage.apply("here", by_id("default", &here)).await;
    stage.apply("there", by_id("other", &there)).await;
    stage.until("here", "Protected=True/AllProtected").await;
    stage.until("there", "Protected=True/AllProtected").await;
    // The first source is the same, and was asked once for both.
    assert_eq!(stage.account.count("AssumeRoleWithOIDC").calls, 1);
    let [session] = &other.sessions()[..] else { panic!("one session: {:?}", other.sessions()) };
    // What ActionTrail shows.
    assert!(
        session.session_name.starts_with("ecs-keeper-") && session.session_name.contains(&stage.namespace)
    );
    let printed = stage.printed();
    for (source, arn) in [("oidc", &first), ("assumeRole", &second)] {
        let line =
            printed.lines().find(|line| line.contains("credentials obtained") && line.contains(source));
        let assumed = arn.replace(":role/", ":assumed-role/");
        assert!(line.is_some_and(|line| line.contains(arn.as_str()) || line.contains(&assumed)), "{printed}");
    }
}

#[tokio::test]
async fn i56_a_session_that_the_cloud_ends_is_renewed_at_once() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let role = stage.account.role(rrsa.role("keeper"));
    let id = stage.account.seed_one(&Seed::new(REGION));
    let _operator = rrsa.settings(&stage, &role).start();
    stage.apply("one", by_id("default", &id)).await;
    stage.until("one", "Protected=True/AllProtected").await;
    // Whose it is was asked of the first one, and need not be asked again.
    stage.account.fault(Rule::new("GetCallerIdentity", Fault::DropBefore));
    stage.account.end_sessions();
    stage.until_cloud("another session", |account| account.count("AssumeRoleWithOIDC").calls >= 2).await;
    stage.until_repaired(&id).await;
    stage.until("one", "Protected=True/AllProtected Ready=True").await;
}

/// As of a replica that has stood by when all sessions of the role were ended: it asks whose its key is when it leads.
#[tokio::test]
async fn i56_a_session_that_is_over_before_its_first_use_is_renewed_at_once() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let role = stage.account.role(rrsa.role("keeper"));
    let id = stage.account.seed_one(&Seed::new(REGION));
    stage.account.fault(Rule::new("GetCallerIdentity", refused("InvalidSecurityToken.Expired")).times(1));
    let _operator = rrsa.settings(&stage, &role).start();
    stage.apply("one", by_id("default", &id)).await;
    stage.until("one", "Protected=True/AllProtected Ready=True").await;
    stage.until_cloud("another session", |account| account.count("AssumeRoleWithOIDC").calls >= 2).await;
}

/// The refusal of a session may come when there is another one already, which it says nothing of.
#[tokio::test]
async fn i56_a_late_refusal_of_the_old_session_holds_up_nothing() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let role = stage.account.role(rrsa.role("keeper"));
    let id = stage.account.seed_one(&Seed::new(REGION));
    let _operator = rrsa.settings(&stage, &role).start();
    stage.apply("one", by_id("default", &id)).await;
    stage.apply_to(&stage.retentions, "one", by_id("default", &id)).await;
    stage.until("one", "Protected=True/AllProtected").await;
    let late = Fault::Latency { millis: 8_000, jitter_millis: 0 };
    stage.account.fault(Rule::new("DescribeInstances", late).times(1));
    stage.account.fault(Rule::new("DescribeInstances", refused("InvalidSecurityToken.Expired")).times(1));
    stage.until_cloud("a read that waits", |account| account.under_way("DescribeInstances") > 0).await;
    // The interfaces are read meanwhile, and refused at once.
    stage.account.end_sessions();
    stage.until_cloud("another session", |account| account.count("AssumeRoleWithOIDC").calls >= 2).await;
    stage.until_repaired(&id).await;
}

/// A role that is gone, and one that trusts somebody else: the object says what it is, the log what to do, and another account
/// notices nothing.
#[tokio::test]
async fn i55_a_role_that_refuses_is_told_and_no_other_identity_is_taken() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let id = stage.account.seed_one(&Seed::new(REGION));
    let role = stage.account.role(rrsa.role("keeper"));
    // Beside the role that refuses there is an access key in the Pod's environment, and a node with a role.
    let node = stage
        .account
        .role(RoleSeed::new("node", trust(&json!({ "Service": "ecs.aliyuncs.com" }), &json!({}))));
    stage.simulator.metadata().set(|metadata| metadata.role = Some(node));
    let other = stage.simulator.new_account();
    let there = other.seed_one(&Seed::new(REGION));
    let mine = trust(&json!({ "RAM": role }), &json!({}));
    let theirs = other.role(RoleSeed::new("keeper", mine).policy(least()));
    stage.account.remove_role("keeper");

    let settings = rrsa.settings(&stage, &role);
    let settings = and_account(settings, "other", &other, &json!({ "assumeRole": { "roleArn": theirs } }));
    let healthy = stage.simulator.new_account();
    let well = healthy.seed_one(&Seed::new(REGION));
    let settings = and_account(settings, "healthy", &healthy, &json!({ "credentials": null }));
    let settings = settings.key(healthy.access_key());
    let operator = settings.start();
    stage.apply("one", by_id("default", &id)).await;
    stage.apply("there", by_id("other", &there)).await;
    stage.apply("well", by_id("healthy", &well)).await;
    for (name, operation) in [("one", "AssumeRoleWithOIDC"), ("there", "AssumeRoleWithOIDC")] {
        let object = stage.until(name, "Protected=Unknown/CredentialsRejected Stalled=True").await;
        let told = message(&object, "Protected");
        assert!(told.contains(&format!("{operation}: EntityNotExist.Role")), "{told}");
        assert!(!told.contains("acs:ram"), "an author need not know the role: {told}");
    }
    stage.until("well", "Protected=True/AllProtected Ready=True").await;
    assert!(stage.printed().contains("the role does not exist; check the account and the name in its ARN"));
    assert_eq!(stage.account.count("DescribeInstances").calls, 0, "nothing was read with another identity");
    assert_eq!(stage.simulator.metadata().requests(), [""; 0]);
    operator.kill().await;

    // The role is back, and trusts another ServiceAccount.
    let condition = json!({ "StringEquals": { "oidc:sub": "system:serviceaccount:other:other" } });
    let elsewhere = RoleSeed::new("keeper", trust(&json!({ "Federated": rrsa.provider_arn }), &condition));
    stage.account.role(elsewhere.policy(least()));
    let _operator = settings.start();
    stage.until_printed("AuthenticationFail.NoPermission", 1).await;
    let printed = stage.printed();
    let line = printed.lines().find(|line| line.contains("AuthenticationFail.NoPermission")).unwrap();
    for part in [
        "the role's trust policy does not allow this ServiceAccount",
        &rrsa.subject,
        rrsa.issuer.url(),
        "sts.aliyuncs.com",
    ] {
        assert!(line.contains(part), "{part} is missing: {line}");
    }
}

#[tokio::test]
async fn i56_a_clock_for_which_sts_refuses_is_its_own_reason() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let role = stage.account.role(rrsa.role("keeper"));
    let id = stage.account.seed_one(&Seed::new(REGION));
    let clock = Clock::new(&stage);
    clock.jump(2 * 3600);
    let _operator = rrsa.settings(&stage, &role).clock(&clock).start();
    stage.apply("one", by_id("default", &id)).await;
    let object = stage.until("one", "Protected=Unknown/ClockSkew Stalled=True/ClockSkew").await;
    let told = message(&object, "Protected");
    assert!(told.contains("AssumeRoleWithOIDC: InvalidTimeStamp.Expired"), "{told}");
    clock.jump(0);
    stage.until("one", "Protected=True/AllProtected").await;
}

/// What STS says of a token that it does not take, and what the log says.
#[tokio::test]
async fn a_token_that_sts_does_not_take_is_told_with_what_is_wrong_with_it() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let role = stage.account.role(rrsa.role("keeper"));
    let id = stage.account.seed_one(&Seed::new(REGION));
    stage.apply("one", by_id("default", &id)).await;
    for (subject, audience, sentence) in [
        (rrsa.subject.as_str(), "kubernetes", "it must be sts.aliyuncs.com"),
        ("system:serviceaccount:a:b", "sts.aliyuncs.com", r#"the subject \"system:serviceaccount:a:b\""#),
    ] {
        rrsa.write_token(subject, audience);
        let _operator = rrsa.settings(&stage, &role).start();
        stage.until_printed(sentence, 1).await;
    }
    std::fs::remove_file(rrsa.folder.join("token")).unwrap();
    let _operator = rrsa.settings(&stage, &role).start();
    stage.until("one", "Protected=Unknown/CredentialsMissing").await;
    stage.until_printed("failed to read the token file /etc/tokens/token", 1).await;
}

#[tokio::test]
async fn i56_an_sts_that_is_away_is_named_and_come_back_to() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let role = stage.account.role(rrsa.role("keeper"));
    let id = stage.account.seed_one(&Seed::new(REGION));
    stage.account.fault(Rule::new("AssumeRoleWithOIDC", refused("ServiceUnavailable")));
    let _operator = rrsa.settings(&stage, &role).start();
    stage.apply("one", by_id("default", &id)).await;
    let object = stage.until("one", "Protected=Unknown/StsUnavailable Reconciling=True").await;
    let told = message(&object, "Protected");
    assert!(told.contains("AssumeRoleWithOIDC: ServiceUnavailable"), "{told}");
    stage.account.clear_faults();
    stage.until("one", "Protected=True/AllProtected").await;
    // With a session in hand its loss is not noticed.
    stage.account.fault(Rule::new("AssumeRoleWithOIDC", Fault::DropBefore));
    stage.until_repaired(&id).await;
}

#[tokio::test]
async fn the_role_of_the_node_is_used_where_it_is_asked_for() {
    let stage = Stage::new().await;
    let id = stage.account.seed_one(&Seed::new(REGION));
    let service = trust(&json!({ "Service": "ecs.aliyuncs.com" }), &json!({}));
    let role = stage.account.role(RoleSeed::new("node", service).policy(least()));
    let metadata = stage.simulator.metadata();
    metadata.set(|metadata| {
        metadata.role = Some(role);
        metadata.http_tokens = HttpTokens::Required;
        metadata.trailing_newline = true;
    });
    let credentials = json!({ "ecsRole": { "endpoint": metadata.endpoint() } });
    let settings = stage.settings().set("/accounts/0/credentials", credentials);
    let operator = settings.start();
    stage.apply("one", by_id("default", &id)).await;
    stage.until("one", "Protected=True/AllProtected").await;
    operator.terminate().await;

    // Without tokens it is not asked, unless that is allowed.
    metadata.set(|metadata| metadata.http_tokens = HttpTokens::Unsupported);
    let operator = settings.start();
    stage.until_printed("the metadata service gives no token", 1).await;
    stage.until("one", "Protected=Unknown/CredentialsMissing").await;
    operator.terminate().await;
    let _operator = settings.set("/accounts/0/credentials/ecsRole/allowV1", true).start();
    stage.until("one", "Protected=True/AllProtected").await;
}

#[tokio::test]
async fn a_profile_leads_through_a_token_and_two_roles() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let first = stage.account.role(rrsa.role("first"));
    let chained = trust(&json!({ "RAM": first }), &json!({}));
    let second = stage.account.role(RoleSeed::new("second", chained).policy(least()));
    stage.account.role(rrsa.role("first").policy(may_assume(&second)));
    let id = stage.account.seed_one(&Seed::new(REGION));
    let profiles = json!({ "current": "second", "profiles": [
        { "name": "first", "mode": "OIDC", "ram_role_arn": first, "oidc_provider_arn": rrsa.provider_arn,
          "oidc_token_file": format!("{TOKENS}/token"), "ram_session_name": "one" },
        { "name": "second", "mode": "ChainableRamRoleArn", "source_profile": "first", "ram_role_arn": second,
          "expired_seconds": 900, "ram_session_name": "two" },
    ]});
    let folder = stage.new_folder();
    std::fs::write(folder.join("config.json"), profiles.to_string()).unwrap();
    let profile = json!({ "profile": { "file": "/etc/profiles/config.json" } });
    let settings = rrsa.settings(&stage, &first).set("/accounts/0/credentials", profile);
    let _operator = settings.mounted("profiles", &folder, "/etc/profiles").start();
    stage.apply("one", by_id("default", &id)).await;
    stage.until("one", "Protected=True/AllProtected").await;
    // The file changes to a key that is none.
    let other = json!({ "current": "x", "profiles": [{ "name": "x", "mode": "OAuth" }] });
    std::fs::write(folder.join("config.json"), other.to_string()).unwrap();
    stage.until_printed("CloudSSO and OAuth need a person who logs in", 1).await;
}

/// No part of a token or of a session appears anywhere: not in the log, not in objects or Events, not in the metrics.
#[tokio::test]
async fn i44_no_token_and_no_session_is_repeated_anywhere() {
    let stage = Stage::new().await;
    let rrsa = Rrsa::new(&stage);
    let role = stage.account.role(rrsa.role("keeper"));
    let id = stage.account.seed_one(&Seed::new(REGION));
    let settings = rrsa.settings(&stage, &role).value("log", json!({ "level": "trace" }));
    let operator = settings.start();
    stage.apply("one", by_id("default", &id)).await;
    stage.until("one", "Protected=True/AllProtected").await;
    let token = rrsa.token();
    rrsa.write_token("system:serviceaccount:a:b", "sts.aliyuncs.com");
    stage.account.end_sessions();
    stage.until_printed("AuthenticationFail.NoPermission", 1).await;
    let object = eventually("one says so", async || {
        let object = stage.objects.get("one").await.unwrap();
        let text = serde_json::to_string(&object).unwrap();
        if text.contains("CredentialsRejected") { Ok(text) } else { Err(text) }
    })
    .await;
    let events = format!("{:?}", stage.events("one").await);
    let (_, metrics) = get(&address(&stage, 1).await, "/metrics").await;
    for series in [
        r#"ecs_keeper_credentials_info{account="default",role="keeper",source="oidc"} 1"#,
        r#"ecs_keeper_credentials_expiry_timestamp_seconds{account="default",source="oidc"} "#,
        r#"ecs_keeper_credentials_renewal_timestamp_seconds{account="default",source="oidc"} "#,
        r#"ecs_keeper_credentials_failures_total{account="default",class="Credentials",source="oidc"} "#,
    ] {
        assert!(metrics.contains(series), "{series} is missing: {metrics}");
    }
    let printed = stage.printed();
    let (signature, payload) = (token.rsplit('.').next().unwrap(), token.split('.').nth(1).unwrap());
    for session in stage.account.sessions() {
        for text in [&printed, &object, &events, &metrics] {
            assert!(!text.contains(&session.access_key_id), "the id of a session's key");
        }
    }
    for secret in [signature, payload, rrsa.token().rsplit('.').next().unwrap()] {
        for text in [&printed, &object, &events, &metrics] {
            assert!(!text.contains(secret), "a part of a token");
        }
    }
    operator.kill().await;
}
