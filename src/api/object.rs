//! The custom resources as one: what watching, judging and reporting need of an object, whichever it is. No client here
//! but the one that is passed in.

use std::borrow::Cow;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use keeper_core::id::{AccountName, Generation, ObjectId};
use keeper_core::reason::Reason;
use kube::api::{ApiResource, DynamicObject, ListParams, ObjectMeta};
use kube::{Api, Client};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ecs_instance_protection::{DeletionPolicy, EcsInstanceProtection, Protection, ScaleIn};
use super::ecs_instance_protection_status::{Act, EcsInstanceProtectionStatus};
use super::eni_retention::{EniRetention, Retention, RetentionDeletionPolicy};
use super::eni_retention_status::{EniRetentionStatus, RetentionAct};
use super::selector::NodeSelector;
use super::spec::{DEFAULT_ACCOUNT, Mode};
use super::status::Counts;

/// Objects in a page of a listing of metadata.
const PAGE: u32 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    Protection,
    Retention,
}

/// An object that could be decoded.
#[derive(Debug, Clone)]
pub enum Object {
    Protection(Arc<EcsInstanceProtection>),
    Retention(Arc<EniRetention>),
}

/// What the specs of all resources have.
#[derive(Debug)]
pub struct Spec<'a> {
    pub account: &'a str,
    /// The one region that is meant.
    pub region: Option<&'a str>,
    pub nodes: Option<&'a NodeSelector>,
    /// Whether what it asks depends on the cluster's Nodes.
    pub asks_for_nodes: bool,
    /// Whether it asks for flags to be unprotected, once for each generation.
    pub unprotects: bool,
    /// Whether deleting the object is to unprotect something.
    pub unprotects_when_deleted: bool,
}

/// An object that was watched.
#[derive(Debug, Clone)]
pub struct WatchedObject {
    pub resource: Resource,
    pub meta: ObjectMeta,
    /// The object, unless it can't be decoded.
    pub object: Option<Object>,
    /// What stands in its status if it can't be: what status remembers outlasts that.
    pub undecoded_status: Option<Arc<Value>>,
    /// The account that it names if it can't be; `None`: not readably.
    pub undecoded_account: Option<AccountName>,
}

impl Resource {
    pub const ALL: [Self; 2] = [Self::Protection, Self::Retention];

    pub const fn kind(self) -> &'static str {
        match self {
            Self::Protection => "EcsInstanceProtection",
            Self::Retention => "EniRetention",
        }
    }

    /// How the API server calls it.
    pub fn described(self) -> ApiResource {
        match self {
            Self::Protection => ApiResource::erase::<EcsInstanceProtection>(&()),
            Self::Retention => ApiResource::erase::<EniRetention>(&()),
        }
    }

    pub fn everywhere(self, client: &Client) -> Api<DynamicObject> {
        Api::all_with(client.clone(), &self.described())
    }

    pub fn within(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.described())
    }

    /// The metadata of all objects with these labels, as it is now: uncached.
    pub async fn list_metadata(
        self,
        client: &Client,
        labels: Option<&str>,
    ) -> Result<Vec<ObjectMeta>, kube::Error> {
        let api = self.everywhere(client);
        let which = ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() };
        let mut page = which.limit(PAGE);
        let mut found = Vec::new();
        loop {
            let list = api.list_metadata(&page).await?;
            found.extend(list.items.into_iter().map(|object| object.metadata));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    /// The domain condition.
    pub const fn domain(self) -> &'static str {
        match self {
            Self::Protection => "Protected",
            Self::Retention => "Retained",
        }
    }

    /// What a protected target is.
    pub const fn protected(self) -> &'static str {
        match self {
            Self::Protection => "protected",
            Self::Retention => "retained",
        }
    }

    /// The reason when an unprotecting was carried out.
    pub const fn unprotected_as_asked(self) -> Reason {
        match self {
            Self::Protection => Reason::DisabledAsAsked,
            Self::Retention => Reason::ReleasedAsAsked,
        }
    }

    /// Whether the domain condition among these says that this generation's unprotecting was carried out.
    fn says_carried_out(self, conditions: &[Condition], of: Generation) -> bool {
        conditions.iter().any(|condition| {
            condition.type_ == self.domain()
                && condition.reason == self.unprotected_as_asked().as_str()
                && condition.observed_generation == Some(of)
        })
    }

    /// Takes in what the API server answered.
    pub fn decode(self, mut answer: DynamicObject) -> WatchedObject {
        // Most of an object's bytes, and nobody here reads them.
        answer.metadata.managed_fields = None;
        let meta = answer.metadata.clone();
        let object = match self {
            Self::Protection => decoded(&answer).map(Object::Protection),
            Self::Retention => decoded(&answer).map(Object::Retention),
        };
        let status = answer.data.get_mut("status").filter(|_| object.is_none());
        let undecoded_status = status.map(|status| Arc::new(status.take()));
        let undecoded_account = answer.data.get("spec").filter(|_| object.is_none()).and_then(account);
        WatchedObject { resource: self, meta, object, undecoded_status, undecoded_account }
    }
}

/// What the decoder says may quote the object, which is its author's and nobody else's: it is dropped.
fn decoded<K: kube::Resource + DeserializeOwned>(answer: &DynamicObject) -> Option<Arc<K>> {
    serde_json::to_value(answer).and_then(serde_json::from_value).ok().map(Arc::new)
}

/// The account that a spec names, whatever else it says.
fn account(spec: &Value) -> Option<AccountName> {
    let named = spec.as_object()?.get("account");
    named.map_or(Some(DEFAULT_ACCOUNT), Value::as_str).map(AccountName::new)
}

/// What of a status can be decoded, field by field and row by row: one row of a newer version doesn't hide the others.
pub fn decode_status<S: Default + DeserializeOwned>(status: &Value) -> S {
    let whole = S::deserialize(status);
    let decodes = |field: &str, value: &Value| S::deserialize(json!({ field: value })).is_ok();
    let fields = status.as_object().into_iter().flatten().filter_map(|(field, value)| {
        let readable = match value {
            value if decodes(field, value) => value.clone(),
            Value::Array(rows) => rows.iter().filter(|row| decodes(field, &json!([row]))).cloned().collect(),
            _ => return None,
        };
        Some((field.clone(), readable))
    });
    whole.or_else(|_| S::deserialize(Value::Object(fields.collect()))).unwrap_or_default()
}

impl WatchedObject {
    /// The account that it is about, as far as it says so readably.
    pub fn account(&self) -> Option<AccountName> {
        let decoded = self.object.as_ref().map(|object| AccountName::new(object.spec().account));
        decoded.or_else(|| self.undecoded_account.clone())
    }

    /// The status that stands, and of an object that can't be decoded as much of it as can be.
    pub fn protection_status(&self) -> Option<Cow<'_, EcsInstanceProtectionStatus>> {
        let protection = self.object.as_ref().and_then(Object::protection);
        self.standing(Resource::Protection, protection.and_then(|object| object.status.as_ref()))
    }

    /// The same of an `EniRetention`.
    pub fn retention_status(&self) -> Option<Cow<'_, EniRetentionStatus>> {
        let retention = self.object.as_ref().and_then(Object::retention);
        self.standing(Resource::Retention, retention.and_then(|object| object.status.as_ref()))
    }

    /// Whether status says that this generation's unprotecting was carried out.
    pub fn carried_out(&self) -> bool {
        let of = generation(&self.meta);
        match self.resource {
            Resource::Protection => self.protection_status().is_some_and(|status| is_disabled(&status, of)),
            Resource::Retention => self.retention_status().is_some_and(|status| is_released(&status, of)),
        }
    }

    /// Whether status says that members of scaling groups were given up to scale-in, as this generation asks.
    pub fn scale_in_carried_out(&self) -> bool {
        let of = generation(&self.meta);
        self.protection_status().is_some_and(|status| status.lists(Act::UnprotectScaleIn, of))
    }

    /// The rows of this list in status that can't be decoded. They stand as they are, for nobody here knows what they say.
    pub fn undecoded_rows(&self, list: &str) -> Vec<Value> {
        let rows = self.undecoded_status.as_deref().and_then(|status| status.get(list)?.as_array());
        let undecodable = rows.into_iter().flatten().filter(|row| {
            let alone = json!({ list: [row] });
            match self.resource {
                Resource::Protection => EcsInstanceProtectionStatus::deserialize(alone).is_err(),
                Resource::Retention => EniRetentionStatus::deserialize(alone).is_err(),
            }
        });
        undecodable.cloned().collect()
    }

    fn standing<'a, S: Clone + Default + DeserializeOwned>(
        &self,
        of: Resource,
        decoded: Option<&'a S>,
    ) -> Option<Cow<'a, S>> {
        let undecoded = self.undecoded_status.as_deref().filter(|_| self.resource == of);
        decoded.map(Cow::Borrowed).or_else(|| undecoded.map(|status| Cow::Owned(decode_status(status))))
    }
}

/// Whether status says that protection was switched off, as this generation asks. Of old the condition alone said so.
fn is_disabled(status: &EcsInstanceProtectionStatus, of: Generation) -> bool {
    status.lists(Act::Disabled, of) || Resource::Protection.says_carried_out(&status.conditions, of)
}

/// The same of retention.
fn is_released(status: &EniRetentionStatus, of: Generation) -> bool {
    status.lists(RetentionAct::Release, of) || Resource::Retention.says_carried_out(&status.conditions, of)
}

impl Object {
    pub fn resource(&self) -> Resource {
        match self {
            Self::Protection(_) => Resource::Protection,
            Self::Retention(_) => Resource::Retention,
        }
    }

    pub fn protection(&self) -> Option<&EcsInstanceProtection> {
        match self {
            Self::Protection(object) => Some(object),
            Self::Retention(_) => None,
        }
    }

    pub fn retention(&self) -> Option<&EniRetention> {
        match self {
            Self::Retention(object) => Some(object),
            Self::Protection(_) => None,
        }
    }

    /// What its spec has, whichever resource it is of.
    pub fn spec(&self) -> Spec<'_> {
        match self {
            Self::Protection(object) => {
                let spec = &object.spec;
                Spec {
                    account: &spec.account,
                    region: spec.region.as_deref(),
                    nodes: spec.targets.nodes.as_ref(),
                    asks_for_nodes: spec.targets.nodes.is_some(),
                    unprotects: (spec.protection == Protection::Disabled
                        || spec.scale_in == ScaleIn::Unprotect)
                        && spec.mode == Mode::Enforce,
                    unprotects_when_deleted: spec.deletion_policy == DeletionPolicy::Disable
                        && spec.mode == Mode::Enforce,
                }
            }
            Self::Retention(object) => {
                let spec = &object.spec;
                Spec {
                    account: &spec.account,
                    region: Some(&spec.region),
                    nodes: spec.targets.nodes.as_ref(),
                    // Whether something may be attached to an instance depends on whether it is a Node.
                    asks_for_nodes: spec.targets.nodes.is_some() || !spec.reattach.is_empty(),
                    unprotects: spec.retention == Retention::Release && spec.mode == Mode::Enforce,
                    unprotects_when_deleted: spec.deletion_policy == RetentionDeletionPolicy::Release
                        && spec.mode == Mode::Enforce,
                }
            }
        }
    }

    pub fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Protection(object) => &object.metadata,
            Self::Retention(object) => &object.metadata,
        }
    }

    pub fn conditions(&self) -> &[Condition] {
        let conditions = match self {
            Self::Protection(object) => object.status.as_ref().map(|status| &status.conditions),
            Self::Retention(object) => object.status.as_ref().map(|status| &status.conditions),
        };
        conditions.map_or(&[], Vec::as_slice)
    }

    /// The domain condition in its status.
    pub fn domain(&self) -> Option<&Condition> {
        self.conditions().iter().find(|condition| condition.type_ == self.resource().domain())
    }

    /// Whether status says that this generation's unprotecting was carried out.
    pub fn carried_out(&self) -> bool {
        let of = generation(self.meta());
        match self {
            Self::Protection(object) => object.status.as_ref().is_some_and(|status| is_disabled(status, of)),
            Self::Retention(object) => object.status.as_ref().is_some_and(|status| is_released(status, of)),
        }
    }

    /// Whether status says that members of scaling groups were given up to scale-in, as this generation asks.
    pub fn scale_in_carried_out(&self) -> bool {
        let status = self.protection().and_then(|object| object.status.as_ref());
        status.is_some_and(|status| status.lists(Act::UnprotectScaleIn, generation(self.meta())))
    }

    /// How many targets its status counts.
    pub fn counts(&self) -> Option<&Counts> {
        match self {
            Self::Protection(object) => object.status.as_ref().and_then(|status| status.counts.as_ref()),
            Self::Retention(object) => object.status.as_ref().and_then(|status| status.counts.as_ref()),
        }
    }

    /// The generation that its status speaks of.
    pub fn observed_generation(&self) -> Option<Generation> {
        match self {
            Self::Protection(object) => object.status.as_ref().and_then(|status| status.observed_generation),
            Self::Retention(object) => object.status.as_ref().and_then(|status| status.observed_generation),
        }
    }
}

/// The identity of an object.
pub fn object_id(meta: &ObjectMeta) -> Option<ObjectId> {
    Some(ObjectId::new(meta.namespace.as_deref()?, meta.name.as_deref()?, meta.uid.as_deref()?))
}

/// `metadata.generation`, which the API server sets on every custom resource.
pub fn generation(meta: &ObjectMeta) -> Generation {
    meta.generation.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i28_an_object_that_can_not_be_decoded_is_still_known_by_its_metadata() {
        for resource in Resource::ALL {
            let answer: DynamicObject = serde_json::from_value(json!({
                "apiVersion": "ecs-keeper.io/v1alpha1",
                "kind": resource.described().kind,
                "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 3,
                              "managedFields": [{ "manager": "kubectl" }] },
                "spec": { "targets": "all of them" },
            }))
            .unwrap();
            let seen = resource.decode(answer);
            assert!(seen.object.is_none());
            assert_eq!(seen.resource, resource);
            assert_eq!(object_id(&seen.meta), Some(ObjectId::new("n", "a", "u")));
            assert_eq!(generation(&seen.meta), 3);
            assert_eq!(seen.meta.managed_fields, None);
        }
    }

    #[test]
    fn of_an_object_that_can_not_be_decoded_the_account_is_known_if_it_is_readable() {
        for resource in Resource::ALL {
            for (spec, account) in [
                (json!({ "account": "b", "targets": "all of them" }), Some("b")),
                (json!({ "targets": "all of them" }), Some(DEFAULT_ACCOUNT)),
                (json!({ "account": 7 }), None),
                (json!({ "account": null }), None),
                (json!("b"), None),
                (json!(null), None),
            ] {
                let answer: DynamicObject = serde_json::from_value(json!({
                    "apiVersion": "ecs-keeper.io/v1alpha1",
                    "kind": resource.described().kind,
                    "metadata": { "name": "a", "namespace": "n", "uid": "u" },
                    "spec": spec,
                }))
                .unwrap();
                let seen = resource.decode(answer);
                assert!(seen.object.is_none(), "{spec}");
                assert_eq!(seen.account(), account.map(AccountName::new), "{spec}");
            }
        }
    }

    #[test]
    fn i28_a_row_that_can_not_be_decoded_hides_neither_the_other_rows_nor_the_other_fields() {
        let row = json!({ "scalingGroupId": "asg-a", "members": 2, "protected": 1 });
        let odd = json!({ "scalingGroupId": "asg-b", "members": "two" });
        let status = json!({
            "observedGeneration": "three",
            "scalingGroups": [row, odd],
            "acts": [{ "act": "Disabled", "generation": 3 }],
        });
        let read: EcsInstanceProtectionStatus = decode_status(&status);
        assert_eq!(json!(read), json!({ "scalingGroups": [row], "acts": status["acts"] }));
    }
}
