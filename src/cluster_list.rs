//! Everything of a kind that stands in a cluster, read page by page, for commands that only look.

use std::fmt::Debug;

use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::api::Resource;
use crate::kubernetes::{CALL_TIMEOUT, summary};

/// Objects of ours in one page of a list. One of them can have more than a megabyte.
const OBJECTS: u32 = 20;

/// Others in one page.
const OTHERS: u32 = 500;

/// Why a list can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    #[error(
        "you may not list and get {0} objects in all namespaces: ask for the ClusterRole ecs-keeper-view by a \
         ClusterRoleBinding, or run this in the operator's Pod"
    )]
    Forbidden(String),
    #[error("the API server did not answer within {} seconds", CALL_TIMEOUT.as_secs())]
    Silent,
    #[error("failed to read the objects of kind {kind}: {message}")]
    Refused { kind: String, message: String },
}

/// Looks at all objects of one of our kinds, with their spec and status. Whether the cluster has a definition of it.
pub async fn for_each_object(
    client: &Client,
    resource: Resource,
    labels: Option<&str>,
    look: impl FnMut(DynamicObject),
) -> Result<bool, ListError> {
    let which = ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() };
    for_each(&resource.everywhere(client), resource.kind(), which.limit(OBJECTS), look).await
}

/// The same of another kind of the cluster.
pub async fn for_each_other<K: Clone + Debug + DeserializeOwned>(
    api: &Api<K>,
    kind: &str,
    look: impl FnMut(K),
) -> Result<bool, ListError> {
    for_each(api, kind, ListParams::default().limit(OTHERS), look).await
}

async fn for_each<K: Clone + Debug + DeserializeOwned>(
    api: &Api<K>,
    kind: &str,
    mut page: ListParams,
    mut look: impl FnMut(K),
) -> Result<bool, ListError> {
    while let Some(list) = answer(kind, api.list(&page)).await? {
        list.items.into_iter().for_each(&mut look);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(true),
        }
    }
    Ok(false)
}

/// What the API server answers; nothing if there is no such object, or no such definition.
pub async fn answer<T>(
    kind: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Option<T>, ListError> {
    match timeout(CALL_TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(Some(answer)),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => Ok(None),
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(ListError::Forbidden(kind.to_owned())),
        Ok(Err(other)) => Err(ListError::Refused { kind: kind.to_owned(), message: summary(&other) }),
        Err(_) => Err(ListError::Silent),
    }
}
