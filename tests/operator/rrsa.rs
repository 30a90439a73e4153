//! RRSA: the operator acts in the cloud as what it is in the cluster.

use keeper_simulator::{ProviderSeed, RoleSeed, Seed, TrustPolicy};
use serde_json::{Value, json};

use crate::sessions::least;
use crate::stage::{REGION, Stage};

/// The cluster as an account registers it: its issuer, with the keys that sign its tokens.
async fn provider(stage: &Stage) -> ProviderSeed {
    let told = async |path| -> Value {
        serde_json::from_str(&stage.cluster.kubectl(&["get", "--raw", path]).await).unwrap()
    };
    let issuer = told("/.well-known/openid-configuration").await["issuer"].take();
    ProviderSeed::new("ack-rrsa-c1", issuer.as_str().unwrap()).jwks(told("/openid/v1/jwks").await)
}

/// The kubelet brings the token, the role trusts nobody but the operator's ServiceAccount, and no key would open the account.
#[tokio::test]
async fn with_rrsa_the_pod_protects_without_any_access_key() {
    let stage = Stage::new().await;
    let account = &stage.account;
    let id = account.seed_one(&Seed::new(REGION));
    account.remove_key(&account.access_key().access_key_id);
    let provider = account.oidc_provider(provider(&stage).await);
    let subject = format!("system:serviceaccount:{}:{}", stage.namespace, stage.release.service_account());
    let trust = TrustPolicy::new(json!({ "Version": "1", "Statement": [{
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": { "Federated": [provider] },
        "Condition": { "StringEquals": { "oidc:aud": "sts.aliyuncs.com", "oidc:sub": subject } },
    }] }));
    let role = account.role(RoleSeed::new("keeper", trust.unwrap()).policy(least()));

    let rrsa = json!({ "enabled": true, "roleArn": role, "oidcProviderArn": provider });
    let _operator = stage.settings().value("rrsa", rrsa).start();
    stage.apply("one", json!({ "region": REGION, "targets": { "instanceIds": [id] } })).await;
    stage.until("one", "Protected=True/AllProtected").await;
    assert!(stage.protected(&id));
    let written = stage.calls_of("ModifyInstanceAttribute");
    let [session] = &account.sessions()[..] else { panic!("{:?}", account.sessions()) };
    assert_eq!(written[0].access_key_id.as_ref(), Some(&session.access_key_id));

    let printed = stage.printed();
    assert!(printed.contains(":assumed-role/keeper/"), "whose the credentials are: {printed}");
    assert!(!printed.contains("eyJ"), "a token was printed: {printed}");
}
