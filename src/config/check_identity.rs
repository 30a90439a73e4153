//! What was written of an account's identity, and what it means.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use keeper_alicloud::endpoint::{base_url, is_known_region};
use keeper_alicloud::metadata_service::is_role_name;
use keeper_alicloud::session::{
    DURATION_SECONDS, is_external_id, is_oidc_provider_arn, is_role_arn, is_session_name,
};
use keeper_alicloud::{Network, StsEndpoint};
use keeper_core::id::Region;
use serde_saphyr::Spanned;

use super::file::{
    AssumeRoleEntry, CredentialsEntry, EcsRoleEntry, EnvironmentEntry, FilesEntry, OidcEntry, ProfileEntry,
    ProxyEntry, StsEntry,
};
use super::identity::{
    AssumeRole, CredentialSource, EcsRole, KeyParts, Oidc, Profile, ProxyCredentials, ProxySettings,
    StsSettings,
};
use super::problem::{Problems, unknown_region};
use super::settings::AccountEndpoints;
use crate::names::is_variable;

/// The vendor's metadata has it as the longest policy of a session.
const LONGEST_POLICY: usize = 2048;

/// The one source of an account's credentials.
pub fn credentials(entry: Spanned<CredentialsEntry>, told: &mut Problems) -> CredentialSource {
    let CredentialsEntry { environment, files, oidc, ecs_role, profile } = entry.value;
    let mut sources = Vec::new();
    sources.extend(environment.map(|names| self::environment(names, told)));
    sources.extend(files.map(|paths| self::files(paths, told)));
    sources.extend(oidc.map(|oidc| self::oidc(oidc, told)));
    sources.extend(ecs_role.map(|role| self::ecs_role(role, told)));
    sources.extend(profile.map(|profile| self::profile(profile, told)));
    let mut sources = sources.into_iter();
    match (sources.next(), sources.next()) {
        (Some(source), None) => source,
        (Some(source), Some(_)) => {
            told.add(
                entry.referenced,
                "credentials: set only one of `environment`, `files`, `oidc`, `ecsRole` and `profile`; a source that fails is \
                 never replaced by another one",
            );
            source
        }
        (None, _) => {
            told.add(
                entry.referenced,
                "credentials: set `environment`, `files`, `oidc`, `ecsRole` or `profile`, or remove the key to have the \
                 environment choose",
            );
            CredentialSource::default()
        }
    }
}

fn environment(names: EnvironmentEntry, told: &mut Problems) -> CredentialSource {
    let mut checked = |name: Spanned<String>| {
        if !is_variable(&name.value) {
            // Not repeated: whoever mistakes the name for the value writes a secret here.
            told.add(
                name.referenced,
                "this is not the name of an environment variable; write its name, not its value",
            );
        }
        name.value
    };
    CredentialSource::Environment(KeyParts {
        access_key_id: checked(names.access_key_id),
        access_key_secret: checked(names.access_key_secret),
        security_token: names.security_token.map(checked),
    })
}

fn files(paths: FilesEntry, told: &mut Problems) -> CredentialSource {
    CredentialSource::Files(KeyParts {
        access_key_id: path(paths.access_key_id, told),
        access_key_secret: path(paths.access_key_secret, told),
        security_token: paths.security_token.map(|token| path(token, told)),
    })
}

/// Not repeated: whoever mistakes the path for the content writes a secret here.
fn path(path: Spanned<String>, told: &mut Problems) -> PathBuf {
    if !path.value.starts_with('/') {
        told.add(
            path.referenced,
            "this is not an absolute path; write the path of the file, not its content",
        );
    }
    PathBuf::from(path.value)
}

fn oidc(entry: OidcEntry, told: &mut Problems) -> CredentialSource {
    let provider_arn = entry.provider_arn.map(|arn| {
        if !is_oidc_provider_arn(&arn.value) {
            told.add(
                arn.referenced,
                "providerArn: this is not the ARN of an OIDC provider, such as \
                 acs:ram::1234567890123456:oidc-provider/ack-rrsa-c0123456789",
            );
        }
        arn.value
    });
    CredentialSource::Oidc(Oidc {
        role_arn: entry.role_arn.map(|arn| role_arn(arn, told)),
        provider_arn,
        token_file: entry.token_file.map(|file| path(file, told)),
    })
}

fn role_arn(arn: Spanned<String>, told: &mut Problems) -> String {
    if !is_role_arn(&arn.value) {
        told.add(
            arn.referenced,
            "roleArn: this is not the ARN of a role, such as acs:ram::1234567890123456:role/ecs-keeper",
        );
    }
    arn.value
}

fn ecs_role(entry: EcsRoleEntry, told: &mut Problems) -> CredentialSource {
    let name = entry.name.map(|name| {
        if !is_role_name(&name.value) {
            told.add(
                name.referenced,
                "name: this is not the name of a role; write the name alone, without the ARN around it",
            );
        }
        name.value
    });
    let endpoint = entry.endpoint.map(|endpoint| {
        if base_url(&endpoint.value).is_err() {
            told.add(endpoint.referenced, "endpoint: this is not a URL of scheme, host and port");
        }
        endpoint.value
    });
    CredentialSource::EcsRole(EcsRole { name, allow_v1: entry.allow_v1.unwrap_or_default(), endpoint })
}

fn profile(entry: ProfileEntry, told: &mut Problems) -> CredentialSource {
    let file = path(entry.file, told);
    CredentialSource::Profile(Profile { file, name: entry.name.map(|name| name.value) })
}

/// The role to go on with.
pub fn assume_role(entry: AssumeRoleEntry, told: &mut Problems) -> AssumeRole {
    let mut checked = |text: Option<Spanned<String>>, good: fn(&str) -> bool, sentence: &str| {
        text.map(|text| {
            if !good(&text.value) {
                told.add(text.referenced, sentence);
            }
            text.value
        })
    };
    let external_id = checked(
        entry.external_id,
        is_external_id,
        "externalId: use 2 to 1,224 letters, digits and the characters _ + = , . @ : / -",
    );
    let session_name = checked(
        entry.session_name,
        is_session_name,
        "sessionName: use 2 to 64 letters, digits and the characters . @ - _",
    );
    let policy = checked(
        entry.policy,
        |policy| policy.len() <= LONGEST_POLICY && serde_json::from_str::<serde_json::Value>(policy).is_ok(),
        "policy: use a RAM policy as JSON, of at most 2,048 characters",
    );
    let duration = entry.duration_seconds.map(|seconds| {
        if !DURATION_SECONDS.contains(&seconds.value) {
            told.add(seconds.referenced, "durationSeconds: use an integer from 900 to 43200");
        }
        Duration::from_secs(seconds.value)
    });
    AssumeRole { role_arn: role_arn(entry.role_arn, told), external_id, session_name, duration, policy }
}

/// Where sessions are asked for. What is left out is that of the account's other calls.
pub fn sts(
    entry: Option<Spanned<StsEntry>>,
    endpoints: &AccountEndpoints,
    regions: &BTreeSet<Region>,
    told: &mut Problems,
) -> StsSettings {
    let region_in_vpc = regions.iter().find(|region| {
        endpoints.network == Network::Vpc && endpoints.of(region).is_ok_and(|of| !of.lacks_sts_in_vpc())
    });
    let region_in_vpc = region_in_vpc.cloned();
    let usual = endpoints.everywhere.as_ref().and_then(|urls| StsEndpoint::explicit(&urls.sts).ok());
    let Some(Spanned { value: entry, referenced: place, .. }) = entry else {
        return StsSettings { endpoint: usual, region: None, network: endpoints.network, region_in_vpc };
    };
    if entry.endpoint.is_some() && (entry.region.is_some() || entry.network.is_some()) {
        told.add(place, "sts: set either `endpoint`, or `region` and `network`");
    }
    if entry.network.is_some() && entry.region.is_none() {
        told.add(place, "sts: `network` also needs `region`");
    }
    let explicit = entry.endpoint.map(|url| {
        let endpoint = StsEndpoint::explicit(&url.value);
        // Not repeated: it may hold a password.
        endpoint.map_err(|error| told.add(url.referenced, format!("sts: {error}")))
    });
    let region = entry.region.map(|region| {
        if !is_known_region(&region.value) {
            told.add(region.referenced, unknown_region(&region.value));
        }
        Region::new(&region.value)
    });
    let usual = usual.filter(|_| region.is_none());
    StsSettings {
        endpoint: explicit.and_then(Result::ok).or(usual),
        region,
        network: entry.network.map_or(endpoints.network, Network::from),
        region_in_vpc,
    }
}

/// What the calls of an account go through.
pub fn proxy(entry: ProxyEntry, told: &mut Problems) -> ProxySettings {
    if base_url(entry.url.value.strip_suffix('/').unwrap_or(&entry.url.value)).is_err() {
        told.add(
            entry.url.referenced,
            "url: this is not the URL of a proxy; use a scheme, a host and a port, such as http://proxy.example.com:3128, and \
             put user and password into files (credentialsSecretFiles)",
        );
    }
    ProxySettings {
        url: entry.url.value,
        credentials: entry.credentials_secret_files.map(|files| ProxyCredentials {
            username: path(files.username, told),
            password: path(files.password, told),
        }),
        ca_bundle: entry.ca_bundle.map(|file| path(file, told)),
    }
}

#[cfg(test)]
mod tests;
