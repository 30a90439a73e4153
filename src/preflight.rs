//! The question that is asked of the API server just before something is unprotected or attached: uncached, every time.

use std::collections::BTreeSet;
use std::sync::Arc;

use keeper_core::authority::PreflightAnswer;
use keeper_core::exception::ExceptionRecords;
use keeper_core::id::{Generation, InstanceId, ObjectId};
use keeper_core::retention::Attachment;
use kube::Client;
use kube::api::ObjectMeta;
use tokio::time::timeout;
use tracing::warn;

use crate::api::{Object, Resource, WatchedObject, generation};
use crate::desired::{Placement, attachment, exception_records, lifts_for_karpenter};
use crate::kubernetes::{CALL_TIMEOUT, summary};
use crate::removal_check;
use crate::store::Store;

/// Asks the API server.
pub struct Preflight {
    pub client: Client,
    /// Label selector of the objects that exist for this operator.
    pub object_selector: Option<String>,
    pub store: Arc<Store>,
}

impl Preflight {
    /// The object as it is now, and whether every object that may have a hold is known at its newest generation.
    /// An API server that does not answer leaves all of it open, and nothing is unprotected or attached.
    pub async fn ask(&self, id: &ObjectId) -> PreflightAnswer {
        let asked = async {
            let found = self.object(id).await?;
            let due = self.removals_due(id, found.as_ref()).await;
            Ok::<_, kube::Error>((found, due, self.holds().await?))
        };
        match timeout(CALL_TIMEOUT, asked).await {
            Ok(Ok((found, removals_due, holds))) => PreflightAnswer {
                object: found
                    .as_ref()
                    .map(|found| (generation(&found.meta), found.meta.deletion_timestamp.is_some())),
                holds_as_known: self.store.know(&holds),
                carried_out: found.as_ref().is_some_and(WatchedObject::carried_out),
                attachments: found.as_ref().and_then(attachments),
                removals_due,
                exceptions: found.as_ref().map(exceptions).unwrap_or_default(),
                scale_in_carried_out: found.as_ref().is_some_and(WatchedObject::scale_in_carried_out),
            },
            Ok(Err(error)) => {
                warn!(error = summary(&error), "preflight request failed");
                PreflightAnswer::default()
            }
            Err(_) => {
                warn!("preflight request timed out");
                PreflightAnswer::default()
            }
        }
    }

    /// The object, if it is still the one that is meant. What its status says is asked for only where it counts, for it
    /// may be long.
    async fn object(&self, id: &ObjectId) -> Result<Option<WatchedObject>, kube::Error> {
        let Some(entry) = self.store.get(id) else { return Ok(None) };
        let resource = entry.seen.resource;
        let api = resource.within(&self.client, id.namespace());
        let status_counts = entry.seen.object.as_ref().is_some_and(|object| {
            object.spec().unprotects
                || object.retention().is_some_and(|retention| !retention.spec.reattach.is_empty())
                || object.protection().is_some_and(|protection| {
                    !protection.spec.exceptions.is_empty() || lifts_for_karpenter(&protection.spec)
                })
        });
        let found = if status_counts {
            api.get_opt(id.name()).await?.map(|object| resource.decode(object))
        } else {
            let meta = api.get_metadata_opt(id.name()).await?.map(|object| object.metadata);
            meta.map(|meta| WatchedObject {
                resource,
                meta,
                object: None,
                undecoded_status: None,
                undecoded_account: None,
            })
        };
        Ok(found.filter(|found| found.meta.uid.as_deref() == Some(id.uid())))
    }

    /// The machines that Karpenter is about to release, and for which status says that the object steps aside. Where that can't be
    /// asked, there are none; what else the object asks does not depend on it.
    async fn removals_due(&self, id: &ObjectId, found: Option<&WatchedObject>) -> BTreeSet<InstanceId> {
        let object = found.and_then(|found| found.object.as_ref()).and_then(Object::protection);
        let asked = object.filter(|object| lifts_for_karpenter(&object.spec));
        let status = asked.and_then(|object| object.status.as_ref());
        let entry = self.store.get(id);
        let Some((status, Placement::Served(served))) =
            status.zip(entry.as_ref().map(|entry| &*entry.placement))
        else {
            return BTreeSet::new();
        };
        removal_check::due(&self.client, &served.removals, status).await.unwrap_or_else(|error| {
            warn!(error = summary(&error), "preflight request about Karpenter's NodeClaims failed");
            BTreeSet::new()
        })
    }

    async fn holds(&self) -> Result<Vec<ObjectMeta>, kube::Error> {
        let mut holds = Vec::new();
        for resource in Resource::ALL {
            holds.extend(resource.list_metadata(&self.client, self.object_selector.as_deref()).await?);
        }
        Ok(holds)
    }
}

/// What status says of intents to attach, and of which generation.
fn attachments(found: &WatchedObject) -> Option<(Generation, Vec<Attachment>)> {
    let object = found.object.as_ref()?;
    let status = object.retention()?.status.as_ref()?;
    Some((object.observed_generation()?, status.reattachments.iter().map(attachment).collect()))
}

/// What status says of exceptions.
fn exceptions(found: &WatchedObject) -> ExceptionRecords {
    let object = found.object.as_ref().and_then(Object::protection);
    object.and_then(|object| object.status.as_ref()).map(exception_records).unwrap_or_default()
}
