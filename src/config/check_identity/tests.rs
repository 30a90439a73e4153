use std::path::Path;

use keeper_core::id::AccountName;

use super::super::load::parse;
use super::super::settings::Account;
use super::*;

/// The account of a file with this after its name, or what is said of the file.
fn account(rest: &str) -> Result<Account, String> {
    let config =
        parse(&format!("accounts: [{{name: a, {rest}}}]")).map_err(|problems| problems.to_string())?;
    Ok(config.accounts.get(&AccountName::new("a")).cloned().unwrap())
}

const ROLE: &str = "acs:ram::1234567890123456:role/ecs-keeper";
const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/ack-rrsa-c1";

#[test]
fn every_source_is_read_as_it_is_written() {
    let oidc = Oidc {
        role_arn: Some(ROLE.to_owned()),
        provider_arn: Some(PROVIDER.to_owned()),
        token_file: Some("/t".into()),
    };
    let role = |name: &str, allow_v1| EcsRole { name: Some(name.to_owned()), allow_v1, endpoint: None };
    let profile = |name: Option<&str>| Profile { file: "/p".into(), name: name.map(Into::into) };
    for (text, source) in [
        ("regions: []".to_owned(), CredentialSource::DefaultChain),
        ("credentials: {oidc: {}}".to_owned(), CredentialSource::Oidc(Oidc::default())),
        (
            format!("credentials: {{oidc: {{roleArn: '{ROLE}', providerArn: '{PROVIDER}', tokenFile: /t}}}}"),
            CredentialSource::Oidc(oidc),
        ),
        ("credentials: {ecsRole: {}}".to_owned(), CredentialSource::EcsRole(EcsRole::default())),
        (
            "credentials: {ecsRole: {name: r, allowV1: true}}".to_owned(),
            CredentialSource::EcsRole(role("r", true)),
        ),
        ("credentials: {profile: {file: /p}}".to_owned(), CredentialSource::Profile(profile(None))),
        (
            "credentials: {profile: {file: /p, name: n}}".to_owned(),
            CredentialSource::Profile(profile(Some("n"))),
        ),
    ] {
        assert_eq!(account(&text).unwrap().credentials, source, "{text}");
    }
    let files =
        account("credentials: {files: {accessKeyId: /id, accessKeySecret: /secret}}").unwrap().credentials;
    assert!(matches!(files, CredentialSource::Files(paths) if paths.access_key_id == Path::new("/id")));
}

#[test]
fn a_role_to_go_on_with_is_read_as_it_is_written() {
    let text = format!(
        "assumeRole: {{roleArn: '{ROLE}', externalId: e-1, sessionName: keeper, durationSeconds: 900, policy: '{{}}'}}"
    );
    let role = account(&text).unwrap().assume_role.unwrap();
    assert_eq!(
        (role.role_arn.as_str(), role.external_id.as_deref(), role.session_name.as_deref()),
        (ROLE, Some("e-1"), Some("keeper"))
    );
    assert_eq!((role.duration, role.policy.as_deref()), (Some(Duration::from_mins(15)), Some("{}")));
}

#[test]
fn sts_is_that_of_the_other_calls_unless_it_is_named() {
    let sts = |text: &str| account(text).unwrap().sts;
    assert_eq!(sts("regions: []"), StsSettings::default());
    let url = |endpoint: Option<StsEndpoint>| endpoint.unwrap().to_string();
    assert_eq!(
        url(sts("endpoints: {ecs: 'https://e.example.com', sts: 'https://s.example.com'}").endpoint),
        "s.example.com"
    );
    assert_eq!(url(sts("endpoints: {ecs: 'https://e.example.com'}").endpoint), "e.example.com");
    assert_eq!(
        url(sts("endpoints: {ecs: 'https://e.example.com'}, sts: {endpoint: 'https://x.example.com'}")
            .endpoint),
        "x.example.com"
    );
    let region = sts("endpoints: {ecs: 'https://e.example.com'}, sts: {region: cn-hangzhou, network: Vpc}");
    assert_eq!(
        (region.endpoint, region.region, region.network),
        (None, Some(Region::new("cn-hangzhou")), Network::Vpc)
    );
    // Within the VPC a host on the Internet would not be reached. This region has none of its own.
    let vpc = sts("endpoints: {network: Vpc}, regions: [ap-south-1, cn-beijing]");
    assert_eq!(vpc.region_in_vpc, Some(Region::new("cn-beijing")));
    assert_eq!(sts("regions: [cn-beijing]").region_in_vpc, None);
}

#[test]
fn a_proxy_is_read_as_it_is_written() {
    let text =
        "proxy: {url: 'http://p:3128', credentialsSecretFiles: {username: /u, password: /p}, caBundle: /ca}";
    let proxy = account(text).unwrap().proxy.unwrap();
    let files = proxy.credentials.unwrap();
    assert_eq!(
        (proxy.url.as_str(), files.username.as_path(), files.password.as_path()),
        ("http://p:3128", Path::new("/u"), Path::new("/p"))
    );
    assert_eq!(proxy.ca_bundle.as_deref(), Some(Path::new("/ca")));
}

#[test]
fn i44_what_is_wrong_is_said_and_no_secret_with_it() {
    for (text, sentence) in [
        ("credentials: {}", "set `environment`, `files`, `oidc`, `ecsRole` or `profile`"),
        ("credentials: {oidc: {}, ecsRole: {}}", "set only one of"),
        (
            "credentials: {environment: {accessKeyId: A, accessKeySecret: B}, files: {accessKeyId: /a, accessKeySecret: /b}}",
            "set only one of",
        ),
        ("credentials: {environment: {accessKeyId: A}}", "`accessKeySecret` is missing"),
        (
            "credentials: {environment: {accessKeyId: A, accessKeySecret: ca/na=ry}}",
            "this is not the name of an environment variable; write its name, not its value",
        ),
        (
            "credentials: {files: {accessKeyId: /a, accessKeySecret: canary}}",
            "this is not an absolute path; write the path of the file, not its content",
        ),
        ("credentials: {oidc: {tokenFile: canary}}", "this is not an absolute path"),
        ("credentials: {oidc: {roleArn: keeper}}", "roleArn: this is not the ARN of a role"),
        (
            "credentials: {oidc: {providerArn: keeper}}",
            "providerArn: this is not the ARN of an OIDC provider",
        ),
        ("credentials: {oidc: {role: keeper}}", "unknown key `role`; did you mean `roleArn`?"),
        ("credentials: {ecsRole: {name: 'acs:ram::1:role/x'}}", "this is not the name of a role"),
        (
            "credentials: {ecsRole: {endpoint: 'http://canary@x/'}}",
            "this is not a URL of scheme, host and port",
        ),
        ("credentials: {profile: {name: x}}", "`file` is missing"),
        ("assumeRole: {}", "`roleArn` is missing"),
        ("assumeRole: {roleArn: x}", "roleArn: this is not the ARN of a role"),
        ("assumeRole: {roleArn: 'acs:ram::1:role/x', externalId: 'a b'}", "externalId: use 2 to 1,224"),
        ("assumeRole: {roleArn: 'acs:ram::1:role/x', sessionName: 'a b'}", "sessionName: use 2 to 64"),
        (
            "assumeRole: {roleArn: 'acs:ram::1:role/x', durationSeconds: 60}",
            "durationSeconds: use an integer from 900 to 43200",
        ),
        (
            "assumeRole: {roleArn: 'acs:ram::1:role/x', policy: 'Allow all'}",
            "policy: use a RAM policy as JSON",
        ),
        ("sts: {endpoint: 'https://canary@x'}", "remove path, query, user and password"),
        (
            "sts: {endpoint: 'https://x', region: cn-hangzhou}",
            "set either `endpoint`, or `region` and `network`",
        ),
        ("sts: {network: Vpc}", "`network` also needs `region`"),
        ("sts: {region: cn-hangzou}", "did you mean `cn-hangzhou`?"),
        ("proxy: {url: 'http://canary:canary@p:3128'}", "put user and password into files"),
        (
            "proxy: {url: 'http://p:3128', credentialsSecretFiles: {username: canary, password: /p}}",
            "this is not an absolute path",
        ),
    ] {
        let told = account(text).unwrap_err();
        assert!(told.contains(sentence) && told.contains("line 1, column "), "{text}: {told}");
        assert!(!told.contains("canary"), "{told}");
    }
}
