use keeper_alicloud::{Timeouts, Transport};

use super::*;
use crate::causes::told;
use crate::config::StsSettings;

/// A file with these profiles, and what it gives for a name.
async fn issue(text: &str, name: Option<&str>) -> Result<Issued, String> {
    let path =
        std::env::temp_dir().join(format!("ecs-keeper-profile-{:?}.json", std::thread::current().id()));
    std::fs::write(&path, text).unwrap();
    let file = ProfileFile {
        profile: config::Profile { file: path.clone(), name: name.map(Into::into) },
        exchange: Exchange {
            transport: Transport::new(Timeouts::default()).unwrap(),
            settings: StsSettings::default(),
            environment: Environment::default(),
            session_name: "keeper".to_owned(),
        },
    };
    let issued = file.issue().await.map_err(|error| told(&error));
    std::fs::remove_file(path).unwrap();
    issued
}

fn profile(rest: &str) -> String {
    format!(r#"{{"current":"p","profiles":[{{"name":"p",{rest}}}]}}"#)
}

#[tokio::test]
async fn keys_are_read_from_the_profile_that_is_named_or_current() {
    let key = r#""access_key_id":"i","access_key_secret":"CANARY""#;
    let both = format!(
        r#"{{"current":"a","meta_path":"","profiles":[{{"name":"a","mode":"AK",{key},"sts_token":"ignored"}},
            {{"name":"b","mode":"StsToken",{key},"sts_token":"CANARY"}}]}}"#
    );
    for (name, temporary) in [(None, false), (Some("a"), false), (Some("b"), true)] {
        let issued = issue(&both, name).await.unwrap();
        assert_eq!((issued.key.is_temporary(), issued.lifetime), (temporary, None), "{name:?}");
    }
}

#[tokio::test]
async fn i44_what_is_wrong_with_a_profile_is_said_and_no_secret_with_it() {
    let secret = r#""access_key_id":"CANARY","access_key_secret":"CANARY""#;
    for (text, name, sentence) in [
        ("{CANARY".to_owned(), None, "is not valid JSON (line 1, column 2)"),
        (profile(r#""mode":"AK","access_key_id":{"CANARY":1}"#), None, "is not valid JSON"),
        (profile(&format!(r#""mode":"AK",{secret}"#)), Some("other"), "has no profile \"other\""),
        ("{}".to_owned(), None, "names no current profile"),
        (r#"{"profiles":[{"name":"default","mode":"AK"}]}"#.to_owned(), None, "names no current profile"),
        (
            r#"{"current":"","profiles":[{"name":"","mode":"AK"}]}"#.to_owned(),
            None,
            "names no current profile",
        ),
        (profile(r#""mode":"AK","access_key_id":"CANARY""#), None, "lacks `access_key_secret`"),
        (profile(&format!(r#""mode":"StsToken",{secret}"#)), None, "lacks `sts_token`"),
        (profile(&format!(r#""mode":"RamRoleArn",{secret}"#)), None, "lacks `ram_role_arn`"),
        (
            profile(r#""mode":"AK","access_key_id":"CANARY\n","access_key_secret":"x""#),
            None,
            "invalid access key",
        ),
        (profile(r#""mode":"OIDC""#), None, "oidc.roleArn"),
        (profile(r#""mode":"CloudSSO","access_token":"CANARY""#), None, "need a person who logs in"),
        (profile(r#""mode":"OAuth""#), None, "need a person who logs in"),
        (profile(r#""mode":"External","process_command":"CANARY""#), None, "starts no other program"),
        (profile(r#""mode":"CredentialsURI""#), None, "no key from a URL"),
        (profile(r#""mode":"ak""#), None, "the letters' case counts"),
        (
            profile(&format!(r#""mode":"RamRoleArn",{secret},"ram_role_arn":"r","expired_seconds":60"#)),
            None,
            "an invalid `expired_seconds`; use 900 to 43200",
        ),
        (
            profile(
                r#""mode":"RamRoleArn","access_key_id":"i","access_key_secret":"CANARY","ram_role_arn":"r","sts_region":"CANARY/""#,
            ),
            None,
            "invalid value of sts_region",
        ),
    ] {
        let why = issue(&text, name).await.unwrap_err();
        assert!(why.contains(sentence) && !why.contains("CANARY"), "{text}: {why}");
    }
}

#[tokio::test]
async fn a_profile_that_goes_on_with_itself_is_refused() {
    let circle = r#"{"profiles":[
        {"name":"a","mode":"ChainableRamRoleArn","source_profile":"b","ram_role_arn":"r"},
        {"name":"b","mode":"ChainableRamRoleArn","source_profile":"a","ram_role_arn":"r"}]}"#;
    let why = issue(circle, Some("a")).await.unwrap_err();
    assert!(why.contains("the profile \"a\" is used to assume its own role"), "{why}");
}

#[test]
fn i55_a_profile_does_not_get_past_a_disabled_metadata_service() {
    let disabled = Environment::of([(ecs_role::METADATA_DISABLED, "True")]);
    let why = told(&Profile::default().ecs_role(&disabled).unwrap_err());
    assert!(why.contains("ALIBABA_CLOUD_ECS_METADATA_DISABLED disables"), "{why}");
}

#[test]
fn the_role_of_the_node_is_the_profiles_else_the_variables() {
    let variable = Environment::of([(ecs_role::METADATA, "of-variable")]);
    for (environment, field, wanted) in [
        (Environment::default(), None, None),
        (Environment::default(), Some("of-profile"), Some("of-profile")),
        (variable.clone(), None, Some("of-variable")),
        (variable.clone(), Some(""), Some("of-variable")),
        (variable, Some("of-profile"), Some("of-profile")),
    ] {
        let profile = Profile { ram_role_name: field.map(Into::into), ..Profile::default() };
        assert_eq!(profile.ecs_role(&environment).unwrap().name.as_deref(), wanted);
    }
}

#[tokio::test]
async fn a_chain_of_profiles_has_eight_links_at_most() {
    let link = |i: usize| {
        format!(
            r#"{{"name":"p{i}","mode":"ChainableRamRoleArn","source_profile":"p{}","ram_role_arn":"r"}}"#,
            i + 1
        )
    };
    let links: Vec<_> = (1..2000).map(link).collect();
    let file = format!(r#"{{"profiles":[{}]}}"#, links.join(","));
    let why = issue(&file, Some("p1")).await.unwrap_err();
    assert!(why.contains("the profile \"p9\" is the ninth of a chain"), "{why}");
}
