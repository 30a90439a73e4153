//! Profiles of the vendor's command line, as they stand in its `config.json`.
//!
//! Its modes are compared exactly, as the vendor's libraries do. Those that need a person at a browser, another program or a file
//! to write to are refused: an operator has none of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use keeper_alicloud::credentials::Credentials;
use keeper_alicloud::metadata_service::ADDRESS;
use keeper_alicloud::session::DURATION_SECONDS;
use keeper_alicloud::{MetadataService, RoleToAssume};
use secrecy::SecretString;
use serde::Deserialize;

use super::ecs_role::{self, EcsRole};
use super::environment::Environment;
use super::error::{CredentialError, ProfileError};
use super::exchange::{Exchange, assume_role};
use super::files;
use super::issued::Issued;
use super::oidc::{Rrsa, absolute};
use crate::config::{self, Oidc};

/// Profiles that go on with each other: each of them is an exchange for every key.
const LONGEST_CHAIN: usize = 8;

/// A profile in a file, which is read for each key.
pub struct ProfileFile {
    pub profile: config::Profile,
    pub exchange: Exchange,
}

#[derive(Deserialize)]
struct File {
    current: Option<String>,
    #[serde(default)]
    profiles: Vec<Profile>,
}

#[expect(clippy::struct_field_names, reason = "the fields have the file's names")]
#[derive(Deserialize, Default)]
#[serde(default)]
struct Profile {
    name: String,
    mode: String,
    access_key_id: Option<String>,
    access_key_secret: Option<String>,
    sts_token: Option<String>,
    ram_role_name: Option<String>,
    ram_role_arn: Option<String>,
    ram_session_name: Option<String>,
    expired_seconds: Option<u64>,
    external_id: Option<String>,
    policy: Option<String>,
    sts_region: Option<String>,
    enable_vpc: Option<bool>,
    oidc_provider_arn: Option<String>,
    oidc_token_file: Option<String>,
    source_profile: Option<String>,
}

impl ProfileFile {
    pub async fn issue(&self) -> Result<Issued, CredentialError> {
        let path = &self.profile.file;
        let unreadable = |source| ProfileError::Unreadable { path: path.clone(), source };
        let text = files::read_aside(path).await.map_err(unreadable)?;
        let file = File::read(path, &text)?;
        let current = file.current.clone().filter(|name| !name.is_empty());
        let name = self.profile.name.clone().or(current);
        let name = name.ok_or_else(|| ProfileError::NoCurrent { path: path.clone() })?;
        self.of_profile(&file, &name, BTreeSet::new()).await
    }

    /// The key of a profile. `above` are the profiles that go on with it.
    fn of_profile<'a>(
        &'a self,
        file: &'a File,
        name: &'a str,
        mut above: BTreeSet<&'a str>,
    ) -> Pin<Box<dyn Future<Output = Result<Issued, CredentialError>> + Send + 'a>> {
        Box::pin(async move {
            let profile = find(file, name, &self.profile.file)?;
            if !above.insert(name) {
                return Err(ProfileError::Circle { name: name.to_owned() }.into());
            }
            if above.len() > LONGEST_CHAIN {
                return Err(ProfileError::Chain { name: name.to_owned() }.into());
            }
            match profile.mode.as_str() {
                "AK" => Ok(profile.key(false)?),
                "StsToken" => Ok(profile.key(true)?),
                "RamRoleArn" => {
                    let first = profile.key(false)?;
                    self.assume(profile, &first).await
                }
                "ChainableRamRoleArn" => {
                    let source = required(profile, profile.source_profile.as_deref(), "source_profile")?;
                    let first = self.of_profile(file, source, above).await?;
                    self.assume(profile, &first).await
                }
                "EcsRamRole" => profile.ecs_role(&self.exchange.environment)?.issue().await,
                "OIDC" => self.rrsa(profile)?.issue().await,
                mode => Err(refused(name, mode).into()),
            }
        })
    }

    async fn assume(&self, profile: &Profile, first: &Issued) -> Result<Issued, CredentialError> {
        let arn = required(profile, profile.ram_role_arn.as_deref(), "ram_role_arn")?;
        let sts = self.exchange.sts(profile.sts_region.as_deref(), profile.enable_vpc)?;
        assume_role(&sts, &first.key, &self.role(profile, arn)?).await
    }

    fn rrsa(&self, profile: &Profile) -> Result<Rrsa, CredentialError> {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        let settings = Oidc {
            role_arn: given(&profile.ram_role_arn),
            provider_arn: given(&profile.oidc_provider_arn),
            token_file: given(&profile.oidc_token_file)
                .map(|path| absolute("oidc_token_file", path))
                .transpose()?,
        };
        let sts = self.exchange.sts(profile.sts_region.as_deref(), profile.enable_vpc)?;
        let mut rrsa = Rrsa::new(&settings, &self.exchange, sts)?;
        rrsa.role = self.role(profile, &rrsa.role.arn)?;
        rrsa.role.external_id = None;
        Ok(rrsa)
    }

    fn role(&self, profile: &Profile, arn: &str) -> Result<RoleToAssume, ProfileError> {
        let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        // The command line writes 0 where nothing was chosen.
        let duration = profile.expired_seconds.filter(|seconds| *seconds != 0);
        if duration.is_some_and(|seconds| !DURATION_SECONDS.contains(&seconds)) {
            return Err(ProfileError::Duration { name: profile.name.clone() });
        }
        Ok(RoleToAssume {
            arn: arn.to_owned(),
            session_name: given(&profile.ram_session_name)
                .unwrap_or_else(|| self.exchange.session_name.clone()),
            duration: duration.map(Duration::from_secs),
            external_id: given(&profile.external_id),
            policy: given(&profile.policy),
        })
    }
}

impl File {
    fn read(path: &Path, text: &[u8]) -> Result<Self, ProfileError> {
        serde_json::from_slice(text).map_err(|error| ProfileError::NotJson {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        })
    }
}

impl Profile {
    fn key(&self, temporary: bool) -> Result<Issued, ProfileError> {
        let id = required(self, self.access_key_id.as_deref(), "access_key_id")?;
        let secret = required(self, self.access_key_secret.as_deref(), "access_key_secret")?;
        let token = || required(self, self.sts_token.as_deref(), "sts_token").map(SecretString::from);
        let token = temporary.then(token).transpose()?;
        let key = Credentials::new(id.to_owned(), SecretString::from(secret), token)
            .map_err(|source| ProfileError::Unusable { name: self.name.clone(), source })?;
        Ok(Issued::of_key(key))
    }

    fn ecs_role(&self, environment: &Environment) -> Result<EcsRole, CredentialError> {
        if environment.on(ecs_role::METADATA_DISABLED) {
            return Err(ProfileError::MetadataDisabled { name: self.name.clone() }.into());
        }
        let service = MetadataService::new(ADDRESS, false)
            .map_err(|error| CredentialError::Invalid { key: "profile", why: error.to_string() })?;
        let own = self.ram_role_name.clone().filter(|name| !name.is_empty());
        let name = own.or_else(|| environment.get(ecs_role::METADATA));
        Ok(EcsRole { service, name, unless_silent: None })
    }
}

/// The key of each profile in the text of a file, as far as it stands there: what a fuzzer can ask without a call.
#[cfg(any(test, fuzzing))]
pub fn keys(path: &Path, text: &[u8]) -> Result<Vec<Result<Issued, ProfileError>>, ProfileError> {
    let file = File::read(path, text)?;
    let key = |profile: &Profile| match profile.mode.as_str() {
        "AK" => profile.key(false),
        "StsToken" => profile.key(true),
        mode => Err(refused(&profile.name, mode)),
    };
    let unknown = file.current.as_deref().and_then(|name| find(&file, name, path).err());
    Ok(file.profiles.iter().map(key).chain(unknown.map(Err)).collect())
}

fn find<'a>(file: &'a File, name: &str, path: &Path) -> Result<&'a Profile, ProfileError> {
    let unknown = || ProfileError::Unknown { path: path.to_owned(), name: name.to_owned() };
    file.profiles.iter().find(|profile| profile.name == name).ok_or_else(unknown)
}

fn required<'a>(
    profile: &Profile,
    field: Option<&'a str>,
    name: &'static str,
) -> Result<&'a str, ProfileError> {
    let lacks = || ProfileError::Lacks { name: profile.name.clone(), field: name };
    field.filter(|text| !text.is_empty()).ok_or_else(lacks)
}

fn refused(name: &str, mode: &str) -> ProfileError {
    let why = match mode {
        "CloudSSO" | "OAuth" => {
            "CloudSSO and OAuth need a person who logs in, and a file to write new tokens to; use RRSA (credentials.oidc) or an \
             access key"
        }
        "External" => "ecs-keeper starts no other program; use RRSA (credentials.oidc) or an access key",
        "CredentialsURI" => {
            "ecs-keeper takes no key from a URL; use RRSA (credentials.oidc) or an access key"
        }
        _ => {
            "use AK, StsToken, RamRoleArn, EcsRamRole, OIDC or ChainableRamRoleArn (the letters' case counts)"
        }
    };
    ProfileError::Mode { name: name.to_owned(), why }
}

#[cfg(test)]
mod tests;
