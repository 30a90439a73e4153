//! Why there is no key.

use std::io;
use std::path::PathBuf;

use keeper_alicloud::account_pinning::no_key;
use keeper_alicloud::credentials::CredentialsError;
use keeper_alicloud::metadata_service::MetadataError;
use keeper_core::failure::Class;

use super::claims::Claims;

/// Why a source of credentials has no key. Its sentence is for the administrator: it names variables, files and roles, and no
/// part of a key or of a token.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A part of RRSA's settings is nowhere.
    #[error(
        "RRSA is not set up in this Pod: neither the configuration ({key}) nor the variable {variable} is set; \
         ack-pod-identity-webhook sets the variable when the Pod is created, if it is installed and the Pod or its namespace has \
         the label pod-identity.alibabacloud.com/injection=on"
    )]
    NoRrsa { key: &'static str, variable: &'static str },
    #[error("invalid value of {key}: {why}")]
    Invalid { key: &'static str, why: String },
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// STS did not make the exchange.
    #[error("{error}{}", .token.as_ref().map(ToString::to_string).unwrap_or_default())]
    Exchange {
        #[source]
        error: keeper_alicloud::Error,
        token: Option<Box<Claims>>,
    },
    /// The key ends before it could be used.
    #[error(
        "the session that was issued has already ended; check the clock of this machine and of whoever issued it"
    )]
    Ended,
    /// The account's own source has no key to go on with.
    #[error("no key to assume the role with: {why}")]
    NoFirstKey { of_call: keeper_alicloud::Error, why: String },
    /// A source that is not for an operator.
    #[error("{what} can't be used: {why}; {instead}")]
    Unsupported { what: String, why: &'static str, instead: &'static str },
    /// Nothing is configured, and the metadata service does not answer yet.
    #[error("{0} (the metadata service does not answer)")]
    Silent(String),
    /// What is configured can't be used.
    #[error("{0}")]
    Unusable(String),
    #[error(
        "no credentials are configured: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, for example from a \
         Kubernetes Secret, or use RRSA (credentials.oidc)"
    )]
    NothingConfigured,
}

impl CredentialError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Exchange { error, .. } | Self::NoFirstKey { of_call: error, .. } => error.class,
            _ => Class::NoKey,
        }
    }

    /// Whether trying again soon is of no use: somebody has to change something first.
    pub fn is_final(&self) -> bool {
        match self {
            // The kubelet may be about to write a new token.
            Self::Exchange { error, .. } if &*error.code == "AuthenticationFail.OIDCToken.Expired" => false,
            Self::Exchange { error, .. } => !matches!(error.class, Class::NoIdentity | Class::Clock),
            Self::Unusable(_) => true,
            _ => false,
        }
    }

    /// What is the same as long as it fails alike: a request has another id each time.
    pub fn alike(&self) -> String {
        match self {
            Self::Exchange { error, .. } => format!("{} {}", error.operation, error.code),
            // The first source's own provider tells the whole of it.
            Self::NoFirstKey { of_call, .. } => {
                format!("no first key: {} {}", of_call.operation, of_call.code)
            }
            _ => self.to_string(),
        }
    }

    /// Why calls are not made for want of a key.
    pub fn of_call(&self) -> keeper_alicloud::Error {
        match self {
            Self::Exchange { error, .. } | Self::NoFirstKey { of_call: error, .. } => error.again(),
            _ => no_key(),
        }
    }
}

/// Why there is no access key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no access key: set the environment variable {0}, for example from a Kubernetes Secret")]
    Unset(String),
    #[error("no access key: write it to the file {path}, for example by mounting a Kubernetes Secret", path = .0.display())]
    NoFile(PathBuf),
    #[error("failed to read the file {path} with a part of the access key", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A part that no key has.
    #[error("invalid access key")]
    Unusable(#[from] CredentialsError),
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error(
        "failed to read the token file {path}; check that the projected volume is mounted in this Pod",
        path = path.display()
    )]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the token file {path} is empty; wait for the kubelet to write it", path = .0.display())]
    Empty(PathBuf),
    #[error("the token file {path} contains no token that STS takes", path = .0.display())]
    Unusable(PathBuf),
}

/// Why a profile has no key. Never repeats what stands in the file.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("failed to read the profile file {path}", path = path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the profile file {path} is not valid JSON (line {line}, column {column})", path = path.display())]
    NotJson { path: PathBuf, line: usize, column: usize },
    #[error("the profile file {path} names no current profile; set the profile's name", path = path.display())]
    NoCurrent { path: PathBuf },
    #[error("the profile file {path} has no profile {name:?}; set the profile's name", path = path.display())]
    Unknown { path: PathBuf, name: String },
    #[error("the profile {name:?} lacks `{field}`")]
    Lacks { name: String, field: &'static str },
    #[error("the profile {name:?} has an invalid `expired_seconds`; use 900 to 43200")]
    Duration { name: String },
    #[error(
        "the profile {name:?} asks the metadata service, which the variable ALIBABA_CLOUD_ECS_METADATA_DISABLED disables; unset \
         it, or use another profile"
    )]
    MetadataDisabled { name: String },
    #[error("the profile {name:?} is used to assume its own role; correct source_profile")]
    Circle { name: String },
    #[error("the profile {name:?} is the ninth of a chain; use eight at most")]
    Chain { name: String },
    #[error("the mode of the profile {name:?} is not supported: {why}")]
    Mode { name: String, why: &'static str },
    #[error("the profile {name:?} has an invalid access key")]
    Unusable {
        name: String,
        #[source]
        source: CredentialsError,
    },
}
