//! Where an account's identity comes from, once it has been found to be right.

use std::path::PathBuf;
use std::time::Duration;

use keeper_alicloud::{Network, StsEndpoint};
use keeper_core::id::Region;

/// Where the first key of an account comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CredentialSource {
    /// The first source that the environment configures, in the order of the vendor's libraries.
    #[default]
    DefaultChain,
    Environment(KeyParts<String>),
    Files(KeyParts<PathBuf>),
    Oidc(Oidc),
    EcsRole(EcsRole),
    Profile(Profile),
}

/// The parts of an access key, by where each of them stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyParts<T> {
    pub access_key_id: T,
    pub access_key_secret: T,
    /// The token of a temporary key, which may be missing there.
    pub security_token: Option<T>,
}

impl KeyParts<String> {
    /// The variables that the vendor's tools read.
    pub fn usual() -> Self {
        Self {
            access_key_id: "ALIBABA_CLOUD_ACCESS_KEY_ID".to_owned(),
            access_key_secret: "ALIBABA_CLOUD_ACCESS_KEY_SECRET".to_owned(),
            security_token: Some("ALIBABA_CLOUD_SECURITY_TOKEN".to_owned()),
        }
    }
}

/// A role for whoever holds a token of the cluster. What is left out stands in the variables that ack-pod-identity-webhook sets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Oidc {
    pub role_arn: Option<String>,
    pub provider_arn: Option<String>,
    pub token_file: Option<PathBuf>,
}

/// The role of the ECS instance, from the metadata service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct EcsRole {
    /// Its name; else the service is asked for it.
    pub name: Option<String>,
    /// Whether to go on where the service gives no token.
    pub allow_v1: bool,
    /// Where the service is, if not where it is on every instance.
    pub endpoint: Option<String>,
}

/// A profile of the vendor's command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Profile {
    pub file: PathBuf,
    /// Its name; else the file's current one.
    pub name: Option<String>,
}

/// A role to go on with, in this account or another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssumeRole {
    pub role_arn: String,
    pub external_id: Option<String>,
    pub session_name: Option<String>,
    pub duration: Option<Duration>,
    pub policy: Option<String>,
}

/// Where sessions are asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct StsSettings {
    pub endpoint: Option<StsEndpoint>,
    pub region: Option<Region>,
    pub network: Network,
    /// A region of the account, if its calls stay within the VPC: its endpoint counts where nothing else is named.
    pub region_in_vpc: Option<Region>,
}

/// What the calls of an account go through.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProxySettings {
    pub url: String,
    /// Files with user and password.
    pub credentials: Option<ProxyCredentials>,
    /// A file with certificates to trust beside those of the machine.
    pub ca_bundle: Option<PathBuf>,
}

/// Files with what the proxy asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProxyCredentials {
    pub username: PathBuf,
    pub password: PathBuf,
}
