//! Who issues the tokens of a cluster's ServiceAccounts: asked of its API server.

use std::path::Path;

use axum::http;
use kube::Client;
use serde::Deserialize;
use tokio::time::timeout;

use crate::kubernetes::{CALL_TIMEOUT, ConnectError, client_of, configuration, summary};
use crate::names::is_issuer;

/// Where every API server publishes its issuer (OpenID Connect Discovery 1.0).
const PATH: &str = "/.well-known/openid-configuration";

/// Why the issuer is not known.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    #[error("failed to connect to the cluster; to name the issuer yourself, set --issuer")]
    Connect(#[source] ConnectError),
    #[error(
        "you may not read {PATH} of the API server {server}: ask for the ClusterRole system:service-account-issuer-discovery, or \
         set --issuer"
    )]
    Forbidden { server: String },
    #[error("the API server {server} did not answer within {} seconds", CALL_TIMEOUT.as_secs())]
    Silent { server: String },
    #[error(
        "failed to read {PATH} of the API server {server}; to name the issuer yourself, set --issuer: {why}"
    )]
    Refused { server: String, why: String },
    #[error(
        "the API server {server} names an issuer that is no https URL, so RAM can't trust its tokens; enable RRSA for the cluster"
    )]
    Unusable { server: String },
}

/// An issuer, and the API server that named it.
#[derive(Debug)]
pub struct Issuer {
    pub url: String,
    pub server: String,
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
}

/// Asks the API server.
pub async fn issuer(kubeconfig: Option<&Path>) -> Result<Issuer, IssuerError> {
    let configuration = configuration(kubeconfig).await.map_err(IssuerError::Connect)?;
    let server = configuration.cluster_url.to_string();
    let client: Client = client_of(configuration).map_err(IssuerError::Connect)?;
    let refused = |why: String| IssuerError::Refused { server: server.clone(), why };
    let request = http::Request::get(PATH).body(Vec::new()).map_err(|error| refused(error.to_string()))?;
    let found: Discovery = match timeout(CALL_TIMEOUT, client.request(request)).await {
        Ok(Ok(found)) => found,
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            return Err(IssuerError::Forbidden { server });
        }
        Ok(Err(other)) => return Err(refused(summary(&other))),
        Err(_) => return Err(IssuerError::Silent { server }),
    };
    if is_issuer(&found.issuer) {
        Ok(Issuer { url: found.issuer, server })
    } else {
        Err(IssuerError::Unusable { server })
    }
}
