//! The question that is asked of the API server just before something is weakened: uncached, every time.

use std::sync::Arc;

use keeper_core::authority::Recheck;
use keeper_core::wish::ObjectId;
use kube::Client;
use kube::api::ObjectMeta;
use tokio::time::timeout;
use tracing::warn;

use super::object::{Resource, generation};
use super::objects::Objects;
use crate::kubernetes::{CALL_TIMEOUT, summary};

/// Asks the API server.
pub struct Rechecker {
    /// Client of the API server.
    pub client: Client,
    /// Label selector of the objects that exist for this operator.
    pub object_selector: Option<String>,
    /// What the engines were told.
    pub objects: Arc<Objects>,
}

impl Rechecker {
    /// The object as it is now, and whether every object that may hold a claim is known at its newest generation.
    /// An API server that does not answer leaves both open, and nothing is weakened.
    pub async fn ask(&self, id: &ObjectId) -> Recheck {
        let asked = async { Ok::<_, kube::Error>((self.object(id).await?, self.claims().await?)) };
        let nothing = Recheck { object: None, claims_as_known: false };
        match timeout(CALL_TIMEOUT, asked).await {
            Ok(Ok((object, claims))) => Recheck { object, claims_as_known: self.objects.know(&claims) },
            Ok(Err(error)) => {
                warn!(error = summary(&error), "the API server can't be asked before weakening");
                nothing
            }
            Err(_) => {
                warn!("the API server does not answer before weakening");
                nothing
            }
        }
    }

    async fn object(&self, id: &ObjectId) -> Result<Option<(i64, bool)>, kube::Error> {
        let Some(entry) = self.objects.get(id) else { return Ok(None) };
        let api = entry.seen.resource.within(&self.client, id.namespace());
        let found = api.get_metadata_opt(id.name()).await?.map(|object| object.metadata);
        Ok(found
            .filter(|meta| meta.uid.as_deref() == Some(id.uid()))
            .map(|meta| (generation(&meta), meta.deletion_timestamp.is_some())))
    }

    async fn claims(&self) -> Result<Vec<ObjectMeta>, kube::Error> {
        let mut claims = Vec::new();
        for resource in Resource::ALL {
            claims.extend(resource.list_metadata(&self.client, self.object_selector.as_deref()).await?);
        }
        Ok(claims)
    }
}
