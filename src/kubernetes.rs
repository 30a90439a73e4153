//! The road to the API server.

use std::path::Path;
use std::time::Duration;

use kube::client::AuthError;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::causes::told;

/// Field manager of our server-side apply.
pub const FIELD_MANAGER: &str = "ecs-keeper";

/// A call that takes longer is given up. kube has no time-out of its own.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Why there is no road to the API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("invalid kubeconfig; check --kubeconfig")]
    Kubeconfig(#[source] kube::config::KubeconfigError),
    #[error("found neither a Pod's ServiceAccount nor a kubeconfig; set --kubeconfig")]
    Nothing(#[source] kube::config::KubeconfigError),
    #[error("failed to create the client for the API server: {0}")]
    Client(String),
}

/// Connects with the given kubeconfig; without one as the Pod, or with kubectl's own configuration.
pub async fn connect(kubeconfig: Option<&Path>) -> Result<Client, ConnectError> {
    client_of(configuration(kubeconfig).await?)
}

/// Whether this process has a Pod's access, which then counts, unless a kubeconfig is given.
pub fn runs_in_pod() -> bool {
    Config::incluster().is_ok()
}

/// Where the API server is and who asks, by the same rule.
pub async fn configuration(kubeconfig: Option<&Path>) -> Result<Config, ConnectError> {
    let options = KubeConfigOptions::default();
    let mut config = match kubeconfig {
        Some(path) => {
            let read = Kubeconfig::read_from(path).map_err(ConnectError::Kubeconfig)?;
            Config::from_custom_kubeconfig(read, &options).await.map_err(ConnectError::Kubeconfig)?
        }
        // The Pod's access first: a stray KUBECONFIG in the environment must not win over it.
        None => match Config::incluster() {
            Ok(config) => config,
            Err(_) => Config::from_kubeconfig(&options).await.map_err(ConnectError::Nothing)?,
        },
    };
    // kube would repeat failed calls by itself, up to a quarter of an hour apart: what is to be repeated is decided
    // here, with the newest object.
    config.default_retry = false;
    Ok(config)
}

/// A client for it.
pub fn client_of(config: Config) -> Result<Client, ConnectError> {
    Client::try_from(config).map_err(|error| ConnectError::Client(summary(&error)))
}

/// What went wrong, without the bodies that kube's own text may quote.
pub fn summary(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => format!("{} ({})", status.message, status.code),
        kube::Error::SerdeError(_) => "the answer can't be decoded".to_owned(),
        kube::Error::Auth(error) => unauthenticated(error),
        // Why there is no connection, only the causes tell.
        kube::Error::Service(error) => {
            error.downcast_ref().map_or_else(|| told(error.as_ref()), unauthenticated)
        }
        other => told(other),
    }
}

/// Why the kubeconfig's user has no credentials, without the variables of a plugin, and what it has printed: a token may
/// be there.
fn unauthenticated(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { out, .. } => {
            format!("the kubeconfig's plugin failed ({}): run it by hand", out.status)
        }
        AuthError::AuthExecParse(_) => {
            "the output of the kubeconfig's plugin can't be decoded: run it by hand".to_owned()
        }
        AuthError::ParseTokenKey(_) => "the token of the kubeconfig's user can't be decoded".to_owned(),
        other => told(other),
    }
}
