//! Which source counts where the configuration names none.
//!
//! The order is that of the vendor's libraries. They go on with the next source when one fails, so that a mistake in the settings of
//! RRSA makes a program act as its node. Here the first source that is *configured* counts, and no other is ever tried: a source
//! is configured if one of its variables is set or its file exists. The metadata service, which needs neither, counts if it
//! answers; a credentials URI, which is no source here, comes after it, as in the libraries.

use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::CredentialError;
use super::oidc::absolute;
use super::{ecs_role, oidc};
use crate::config::{CredentialSource, EcsRole, KeyParts, Oidc, Profile};

const PROFILE: &str = "ALIBABA_CLOUD_PROFILE";
const CONFIG_FILE: &str = "ALIBABA_CLOUD_CONFIG_FILE";
const CLI_PROFILE_DISABLED: &str = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED";
const CREDENTIALS_FILE: &str = "ALIBABA_CLOUD_CREDENTIALS_FILE";
const CREDENTIALS_URI: &str = "ALIBABA_CLOUD_CREDENTIALS_URI";

/// What the environment configures.
#[derive(Debug)]
pub enum Choice {
    /// This source, whatever comes of it.
    Source(CredentialSource),
    /// A source that can't be used, or none at all.
    Unusable(CredentialError),
    /// The metadata service if it answers, else that error.
    MetadataService { otherwise: CredentialError },
}

/// Chooses by what is set and which files exist.
pub fn choose(environment: &Environment, exists: impl Fn(&Path) -> bool) -> Choice {
    let key = KeyParts::usual();
    let token = key.security_token.clone().unwrap_or_default();
    if environment.any(&[&key.access_key_id, &key.access_key_secret, &token]) {
        return Choice::Source(CredentialSource::Environment(key));
    }
    if environment.any(&[oidc::ROLE_ARN, oidc::PROVIDER_ARN, oidc::TOKEN_FILE]) {
        return Choice::Source(CredentialSource::Oidc(Oidc::default()));
    }
    if let Some(file) = profile_file(environment, &exists) {
        return match absolute(CONFIG_FILE, file) {
            Ok(file) => {
                Choice::Source(CredentialSource::Profile(Profile { file, name: environment.get(PROFILE) }))
            }
            Err(error) => Choice::Unusable(error),
        };
    }
    // The libraries differ about the name.
    let ini = [".alibabacloud/credentials", ".alibabacloud/credentials.ini"];
    let ini_exists = ini.iter().any(|file| environment.in_home(file).is_some_and(|file| exists(&file)));
    if environment.any(&[CREDENTIALS_FILE]) || ini_exists {
        return Choice::Unusable(credentials_file());
    }
    let uri = environment.any(&[CREDENTIALS_URI]);
    let otherwise = if uri { credentials_uri() } else { CredentialError::NothingConfigured };
    if environment.on(ecs_role::METADATA_DISABLED) {
        return Choice::Unusable(otherwise);
    }
    match environment.get(ecs_role::METADATA) {
        Some(name) => {
            Choice::Source(CredentialSource::EcsRole(EcsRole { name: Some(name), ..EcsRole::default() }))
        }
        None => Choice::MetadataService { otherwise },
    }
}

fn profile_file(environment: &Environment, exists: impl Fn(&Path) -> bool) -> Option<String> {
    if environment.on(CLI_PROFILE_DISABLED) {
        return None;
    }
    let named = environment.get(CONFIG_FILE);
    let usual = || environment.in_home(".aliyun/config.json");
    // Who names a profile means it to be used, also where its file is missing.
    let used = |file: &PathBuf| exists(file) || environment.any(&[PROFILE]);
    named.or_else(|| Some(usual().filter(used)?.to_string_lossy().into_owned()))
}

fn credentials_file() -> CredentialError {
    CredentialError::Unsupported {
        what: format!("the credentials file of ~/.alibabacloud or {CREDENTIALS_FILE}"),
        why: "the vendor's libraries disagree about its form",
        instead: "use a profile of config.json (credentials.profile), or an access key",
    }
}

fn credentials_uri() -> CredentialError {
    CredentialError::Unsupported {
        what: format!("the variable {CREDENTIALS_URI}"),
        why: "ecs-keeper takes no key from a URL",
        instead: "use RRSA (credentials.oidc) or an access key",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source that is chosen with these variables and files, in a word.
    fn chosen(variables: &[(&str, &str)], files: &[&str]) -> String {
        let home = [("HOME", "/home/keeper")];
        let environment = Environment::of(variables.iter().chain(&home).copied());
        match choose(&environment, |file| files.iter().any(|known| Path::new(known) == file)) {
            Choice::Source(CredentialSource::Environment(_)) => "environment".to_owned(),
            Choice::Source(CredentialSource::Oidc(_)) => "oidc".to_owned(),
            Choice::Source(CredentialSource::Profile(profile)) => {
                format!("profile {} {}", profile.file.display(), profile.name.unwrap_or_default())
            }
            Choice::Source(CredentialSource::EcsRole(role)) => format!("ecsRole {}", role.name.unwrap()),
            Choice::Source(other) => panic!("{other:?}"),
            Choice::MetadataService { otherwise } => format!("metadata, else {otherwise}"),
            Choice::Unusable(error) => error.to_string(),
        }
    }

    const CLI: &str = "/home/keeper/.aliyun/config.json";

    #[test]
    fn i55_the_first_source_of_which_anything_is_set_counts() {
        let key = ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "x");
        let role = (oidc::ROLE_ARN, "acs:ram::1:role/x");
        let token = (oidc::TOKEN_FILE, "/t");
        let uri = (CREDENTIALS_URI, "http://x");
        assert_eq!(chosen(&[key, role, uri], &[CLI]), "environment");
        // Half of RRSA is enough: what is missing is an error and not another identity.
        assert_eq!(chosen(&[role, uri], &[CLI]), "oidc");
        assert_eq!(chosen(&[token], &[CLI]), "oidc");
        assert_eq!(chosen(&[uri], &[CLI]), format!("profile {CLI} "));
        assert_eq!(chosen(&[(PROFILE, "p")], &[]), format!("profile {CLI} p"));
        assert_eq!(chosen(&[(CONFIG_FILE, "/c.json")], &[]), "profile /c.json ");
        // Whoever mistakes the path for the content writes a secret there.
        let content = chosen(&[(CONFIG_FILE, "{CANARY}"), (ecs_role::METADATA, "node")], &[]);
        assert!(content.contains("not an absolute path") && !content.contains("CANARY"), "{content}");
        assert_eq!(chosen(&[(ecs_role::METADATA, "node")], &[]), "ecsRole node");
    }

    #[test]
    fn what_is_disabled_empty_or_unsupported_is_not_used() {
        let off = (ecs_role::METADATA_DISABLED, "True");
        assert!(chosen(&[], &[]).starts_with("metadata, else no credentials are configured"));
        assert!(chosen(&[("ALIBABA_CLOUD_ACCESS_KEY_ID", "")], &[]).starts_with("metadata"));
        assert!(chosen(&[(CLI_PROFILE_DISABLED, "true")], &[CLI]).starts_with("metadata"));
        assert!(chosen(&[off], &[]).starts_with("no credentials are configured"));
        assert!(chosen(&[(CREDENTIALS_URI, "u")], &[]).starts_with("metadata, else the variable"));
        assert!(
            chosen(&[(CREDENTIALS_URI, "u"), off], &[])
                .starts_with("the variable ALIBABA_CLOUD_CREDENTIALS_URI")
        );
        for ini in ["/home/keeper/.alibabacloud/credentials", "/home/keeper/.alibabacloud/credentials.ini"] {
            assert!(chosen(&[], &[ini]).starts_with("the credentials file"));
        }
        assert!(chosen(&[(CREDENTIALS_FILE, "/x")], &[]).starts_with("the credentials file"));
    }
}
