//! `ecs-keeper eni handover`: how a retained network interface becomes the primary one of a new instance.
//!
//! The instance is made by whoever wants it. This says with which parameters, from what status holds: the cloud is not
//! asked, and nothing is written anywhere. [`answer`] decides and [`wording`] puts it into words, both without a client;
//! here the objects are read.

pub mod answer;
mod wording;

use kube::api::ListParams;
use kube::core::DeserializeGuard;
use kube::{Api, Client};
use tokio::time::timeout;

use crate::api::EniRetention;
use crate::cli::{HandoverOptions, OutputFormat};
use crate::kubernetes::{CALL_TIMEOUT, ConnectError, connect, summary};

/// Objects in one page of the list. One of them can have more than a megabyte.
const PAGE: u32 = 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    #[error(transparent)]
    Id(#[from] answer::NotAnId),
    #[error("failed to connect to the cluster")]
    Connect(#[source] ConnectError),
    #[error("you may not list EniRetentions in all namespaces: set --namespace to one in which you may")]
    ForbiddenEverywhere,
    #[error(
        "you may not list EniRetentions in namespace {0}: ask for the ClusterRole ecs-keeper-view there, or set another \
         --namespace"
    )]
    ForbiddenThere(String),
    #[error(
        "this cluster has no CRD EniRetention: check that the kubeconfig is for the cluster in which ecs-keeper runs, and \
         that the CRDs (crds/) are installed"
    )]
    NoDefinition,
    #[error("the API server did not answer within {} seconds", CALL_TIMEOUT.as_secs())]
    Silent,
    #[error("failed to list the EniRetentions: {0}")]
    List(String),
    #[error(transparent)]
    Problem(#[from] answer::Problem),
    #[error("failed to write the answer as JSON")]
    Json(#[source] serde_json::Error),
}

/// What is to be printed.
pub async fn handover(options: &HandoverOptions) -> Result<String, HandoverError> {
    answer::check_id(&options.network_interface_id)?;
    let client = connect(options.kubeconfig.as_deref()).await.map_err(HandoverError::Connect)?;
    let found = list(client, options.namespace.as_deref()).await?;
    let handover = answer::answer(&options.network_interface_id, &found)?;
    match options.output {
        OutputFormat::Text => Ok(wording::text(&handover)),
        OutputFormat::Json => wording::json(&handover).map_err(HandoverError::Json),
    }
}

/// The objects of one namespace or of all.
async fn list(client: Client, namespace: Option<&str>) -> Result<answer::Found, HandoverError> {
    // Guarded: an object of a newer version doesn't stop the others.
    let api: Api<DeserializeGuard<EniRetention>> = match namespace {
        Some(namespace) => Api::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut found = answer::Found { namespace: namespace.map(str::to_owned), ..answer::Found::default() };
    let mut parameters = ListParams::default().limit(PAGE);
    loop {
        let page = timeout(CALL_TIMEOUT, api.list(&parameters)).await;
        let page = page.map_err(|_| HandoverError::Silent)?.map_err(|error| refusal(&error, namespace))?;
        for object in page.items {
            match object.0 {
                Ok(object) => found.objects.push(object),
                Err(_) => found.unreadable += 1,
            }
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(found),
        }
    }
}

fn refusal(error: &kube::Error, namespace: Option<&str>) -> HandoverError {
    match error {
        kube::Error::Api(status) if status.code == 403 => match namespace {
            Some(namespace) => HandoverError::ForbiddenThere(namespace.to_owned()),
            None => HandoverError::ForbiddenEverywhere,
        },
        kube::Error::Api(status) if status.code == 404 => HandoverError::NoDefinition,
        other => HandoverError::List(summary(other)),
    }
}
