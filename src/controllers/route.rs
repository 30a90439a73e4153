//! From an object's spec to the wishes of each region. Pure: no client here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use keeper_alicloud::endpoint::is_known_region;
use keeper_core::call::TagFilter;
use keeper_core::id::{AccountName, InstanceId, Region};
use keeper_core::instance::Instance;
use keeper_core::reason::Reason;
use keeper_core::wish::{DeletionPolicy as CorePolicy, Generation, ObjectId, Selector, Wish};
use kube::ResourceExt as _;
use kube::core::SelectorExt as _;

use super::status::PROTECTED;
use crate::api::{DeletionPolicy, EcsInstanceProtection, Mode, Protection, TagSelector};
use crate::provider_id::ProviderId;

/// What the administrator lets specs name.
#[derive(Debug, Clone)]
pub struct Grants {
    /// The configured account.
    pub account: AccountName,
    /// Namespaces whose objects are served.
    pub namespaces: BTreeSet<String>,
    /// Regions that may be named; empty: every one that the vendor has an endpoint for.
    pub regions: BTreeSet<Region>,
}

impl Grants {
    /// The account, if the spec may use it. Compared exactly: no user's string becomes part of anything (I43).
    fn account(&self, name: &str) -> Option<&AccountName> {
        (self.account.as_str() == name).then_some(&self.account)
    }

    fn region(&self, name: &str) -> Option<Region> {
        let region = Region::new(name);
        let granted =
            if self.regions.is_empty() { is_known_region(name) } else { self.regions.contains(&region) };
        granted.then_some(region)
    }
}

/// A Kubernetes Node as far as selection needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// What stands behind it.
    pub provider: ProviderId,
}

/// The Nodes of the cluster by name.
pub type Nodes = BTreeMap<String, Machine>;

/// Where an object's wish goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Route {
    /// To these regions of the account.
    Served(Served),
    /// Nowhere: the administrator has not granted it. Why exactly is not for its author to know (I42).
    NotGranted,
    /// Nowhere, and it may be a claim on anything: what is wrong, and what to do.
    Opaque(String),
}

/// A wish in all its regions.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// The account.
    pub account: AccountName,
    /// The wish in each region.
    pub wishes: BTreeMap<Region, Wish<Instance>>,
    /// Selected Nodes that are not targets.
    pub nodes_ignored: u32,
    /// The Node through which an instance is selected.
    pub nodes: BTreeMap<InstanceId, String>,
}

/// The identity of an object.
pub fn object_id(meta: &kube::api::ObjectMeta) -> Option<ObjectId> {
    Some(ObjectId::new(meta.namespace.as_deref()?, meta.name.as_deref()?, meta.uid.as_deref()?))
}

/// Finds where an object's wish goes. `now` tells only for how long a deletion has lasted.
pub fn route(object: &EcsInstanceProtection, nodes: &Nodes, grants: &Grants, now: Timestamp) -> Route {
    if let Some(field) = unknown_word(object) {
        return Route::Opaque(format!(
            "{field} holds a word that this version of ecs-keeper does not know. Correct it, or upgrade; until then \
             nothing in its account is switched off."
        ));
    }
    let spec = &object.spec;
    let Some(account) = grants
        .account(&spec.account)
        .filter(|_| object.namespace().is_some_and(|n| grants.namespaces.contains(&n)))
    else {
        return Route::NotGranted;
    };
    let region = match spec.region.as_deref().map(|name| grants.region(name)) {
        Some(None) => return Route::NotGranted,
        Some(Some(region)) => Some(region),
        None => None,
    };
    let selected = match select_nodes(object, nodes, region.as_ref(), grants) {
        Ok(selected) => selected,
        Err(message) => return Route::Opaque(message),
    };
    let template = wish(object, now);
    let mut wishes: BTreeMap<Region, Wish<Instance>> = BTreeMap::new();
    if let Some(region) = region {
        let mut here = template.clone();
        here.selector.ids = spec.targets.instance_ids.iter().map(InstanceId::new).collect();
        here.selector.tags = filters(&spec.targets.instance_tags);
        wishes.insert(region, here);
    }
    for (id, (region, _)) in &selected.instances {
        wishes.entry(region.clone()).or_insert_with(|| template.clone()).selector.node_ids.insert(id.clone());
    }
    Route::Served(Served {
        account: account.clone(),
        wishes,
        nodes_ignored: selected.ignored,
        nodes: selected.instances.into_iter().map(|(id, (_, node))| (id, node)).collect(),
    })
}

/// The field that holds a word of a newer version, if any.
fn unknown_word(object: &EcsInstanceProtection) -> Option<&'static str> {
    let spec = &object.spec;
    if spec.protection == Protection::Unknown {
        Some("spec.protection")
    } else if spec.mode == Mode::Unknown {
        Some("spec.mode")
    } else if spec.deletion_policy == DeletionPolicy::Unknown {
        Some("spec.deletionPolicy")
    } else {
        None
    }
}

#[derive(Default)]
struct SelectedNodes {
    instances: BTreeMap<InstanceId, (Region, String)>,
    ignored: u32,
}

fn select_nodes(
    object: &EcsInstanceProtection,
    nodes: &Nodes,
    region: Option<&Region>,
    grants: &Grants,
) -> Result<SelectedNodes, String> {
    let mut selected = SelectedNodes::default();
    let Some(selector) = &object.spec.targets.nodes else { return Ok(selected) };
    let selector =
        kube::core::Selector::try_from(selector).map_err(|error| format!("spec.targets.nodes: {error}."))?;
    for (name, machine) in nodes.iter().filter(|(_, machine)| selector.matches(&machine.labels)) {
        match &machine.provider {
            ProviderId::Instance { region: at, id }
                if region.is_none_or(|wanted| wanted == at) && grants.region(at.as_str()).is_some() =>
            {
                selected.instances.insert(id.clone(), (at.clone(), name.clone()));
            }
            _ => selected.ignored += 1,
        }
    }
    Ok(selected)
}

/// The wish without what selects.
fn wish(object: &EcsInstanceProtection, now: Timestamp) -> Wish<Instance> {
    let spec = &object.spec;
    let exclude = spec.targets.exclude.clone().unwrap_or_default();
    let deleting = object
        .metadata
        .deletion_timestamp
        .as_ref()
        .map(|since| Duration::try_from(now.duration_since(since.0)).unwrap_or_default());
    Wish {
        selector: Selector {
            exclude_ids: exclude.instance_ids.iter().map(InstanceId::new).collect(),
            exclude_tags: filters(&exclude.instance_tags),
            ..Selector::default()
        },
        protect: spec.protection == Protection::Enabled,
        observe: spec.mode == Mode::Observe,
        deletion_policy: match spec.deletion_policy {
            DeletionPolicy::Disable => CorePolicy::Weaken,
            DeletionPolicy::Keep | DeletionPolicy::Unknown => CorePolicy::Keep,
        },
        deleting,
        carried_out: carried_out(object),
    }
}

fn filters(tags: &[TagSelector]) -> Vec<TagFilter> {
    tags.iter()
        .map(|tag| TagFilter { key: Arc::from(tag.key.as_str()), value: tag.value.as_deref().map(Arc::from) })
        .collect()
}

/// Whether status says that this generation's weakening was carried out.
fn carried_out(object: &EcsInstanceProtection) -> bool {
    let said = |condition: &Condition| {
        condition.type_ == PROTECTED
            && condition.reason == Reason::DisabledAsAsked.as_str()
            && condition.observed_generation == object.metadata.generation
    };
    object.status.as_ref().is_some_and(|status| status.conditions.iter().any(said))
}

/// `metadata.generation`, which the API server sets on every custom resource.
pub fn generation(meta: &kube::api::ObjectMeta) -> Generation {
    meta.generation.unwrap_or_default()
}
