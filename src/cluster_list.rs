//! Everything of a kind that stands in a cluster, read page by page, for commands that only look.

use std::fmt::Debug;

use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use crate::api::Resource;
use crate::question::{NoAnswer, ask};

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
    #[error("failed to read the objects of kind {kind}: {message}")]
    Refused { kind: String, message: String },
}

/// Looks at all objects of one of our kinds, with their spec and status. Not found is the definition of the kind.
pub async fn each_object(
    client: &Client,
    resource: Resource,
    labels: Option<&str>,
    look: impl FnMut(DynamicObject),
) -> Result<(), NoAnswer> {
    let which = ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() };
    for_each(&resource.everywhere(client), which.limit(OBJECTS), look).await
}

/// The same. Whether the cluster has a definition of the kind.
pub async fn for_each_object(
    client: &Client,
    resource: Resource,
    labels: Option<&str>,
    look: impl FnMut(DynamicObject),
) -> Result<bool, ListError> {
    if_there(resource.kind(), each_object(client, resource, labels, look).await).map(|all| all.is_some())
}

/// The same of another kind of the cluster.
pub async fn for_each_other<K: Clone + Debug + DeserializeOwned>(
    api: &Api<K>,
    kind: &str,
    look: impl FnMut(K),
) -> Result<bool, ListError> {
    if_there(kind, for_each(api, ListParams::default().limit(OTHERS), look).await).map(|all| all.is_some())
}

async fn for_each<K: Clone + Debug + DeserializeOwned>(
    api: &Api<K>,
    mut page: ListParams,
    mut look: impl FnMut(K),
) -> Result<(), NoAnswer> {
    loop {
        let list = ask(api.list(&page)).await?;
        list.items.into_iter().for_each(&mut look);
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}

/// What the API server answers; nothing if there is no such object, or no such definition.
pub async fn answer<T>(
    kind: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Option<T>, ListError> {
    if_there(kind, ask(call).await)
}

fn if_there<T>(kind: &str, answer: Result<T, NoAnswer>) -> Result<Option<T>, ListError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(NoAnswer::NotFound) => Ok(None),
        Err(NoAnswer::Forbidden) => Err(ListError::Forbidden(kind.to_owned())),
        Err(NoAnswer::Failed(message)) => Err(ListError::Refused { kind: kind.to_owned(), message }),
    }
}
