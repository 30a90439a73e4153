//! Which Nodes an object selects, and what stands behind them.

use std::collections::{BTreeMap, BTreeSet};

use keeper_core::id::{InstanceId, Region};
use keeper_core::reason::Reason;
use kube::core::{Expression, Selector, SelectorExt as _};

use crate::api::{NodeOperator, NodeRequirement, NodeSelector};
use crate::grants::Granted;
use crate::node::Node;
use crate::provider_id::ProviderId;

/// A Kubernetes Node as far as selection needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub uid: String,
    pub labels: BTreeMap<String, String>,
    pub provider: ProviderId,
    pub deleting: bool,
}

impl Machine {
    pub fn of(node: &Node) -> Self {
        Self {
            uid: node.metadata.uid.clone().unwrap_or_default(),
            labels: node.labels().clone(),
            provider: node.provider_id(),
            deleting: node.metadata.deletion_timestamp.is_some(),
        }
    }
}

pub type Nodes = BTreeMap<String, Machine>;

#[derive(Debug, Default)]
pub struct SelectedNodes {
    /// The Node through which an instance is selected.
    pub instances: BTreeMap<(Region, InstanceId), String>,
    /// Those of which it is not known which instance they stand for, or that may not be looked at, and why.
    pub targetless: BTreeMap<String, Reason>,
    /// How many are rightly not targets.
    pub ignored: u32,
}

impl SelectedNodes {
    pub fn by_region(&self) -> BTreeMap<Region, BTreeSet<InstanceId>> {
        let mut regions: BTreeMap<Region, BTreeSet<InstanceId>> = BTreeMap::new();
        for (region, id) in self.instances.keys() {
            regions.entry(region.clone()).or_default().insert(id.clone());
        }
        regions
    }
}

/// Finds the Nodes that are meant. `region`: the one that the spec names.
pub fn select_nodes(
    selector: Option<&NodeSelector>,
    nodes: &Nodes,
    region: Option<&Region>,
    granted: &Granted,
) -> Result<SelectedNodes, String> {
    let mut selected = SelectedNodes::default();
    let Some(selector) = selector else { return Ok(selected) };
    let selector = Selector::try_from(selector).map_err(|error| format!("spec.targets.nodes: {error}."))?;
    for (name, machine) in nodes.iter().filter(|(_, machine)| selector.matches(&machine.labels)) {
        let targetless = match &machine.provider {
            ProviderId::Instance { region: at, .. } if region.is_some_and(|wanted| wanted != at) => None,
            ProviderId::Instance { region: at, id } if granted.region(at.as_str()).is_some() => {
                selected.instances.insert((at.clone(), id.clone()), name.clone());
                continue;
            }
            ProviderId::Instance { .. } => Some(Reason::NodeNotServed),
            ProviderId::Missing | ProviderId::Malformed => Some(Reason::NodeUnresolved),
            ProviderId::NotEcs(_) => None,
        };
        match targetless {
            Some(reason) => drop(selected.targetless.insert(name.clone(), reason)),
            None => selected.ignored += 1,
        }
    }
    Ok(selected)
}

/// A selector that can't be carried out. The API server refuses them too; this is for objects that were stored before
/// it knew how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    #[error(
        "the Node selector is empty and would select every Node: add an entry to matchLabels or matchExpressions"
    )]
    Empty,
    #[error(
        "the Node selector's requirement on {key} has an operator that this version doesn't know: use In, NotIn, Exists or DoesNotExist"
    )]
    UnknownOperator { key: String },
    #[error(
        "the Node selector's requirement on {key} is incomplete: In and NotIn need values, Exists and DoesNotExist take none"
    )]
    Values { key: String },
}

impl TryFrom<&NodeSelector> for Selector {
    type Error = SelectorError;

    fn try_from(selector: &NodeSelector) -> Result<Self, SelectorError> {
        let equal =
            selector.match_labels.clone().into_iter().map(|(key, value)| Ok(Expression::Equal(key, value)));
        let parsed = equal
            .chain(selector.match_expressions.iter().map(Expression::try_from))
            .collect::<Result<Self, SelectorError>>()?;
        if parsed.selects_all() { Err(SelectorError::Empty) } else { Ok(parsed) }
    }
}

impl TryFrom<&NodeRequirement> for Expression {
    type Error = SelectorError;

    fn try_from(requirement: &NodeRequirement) -> Result<Self, SelectorError> {
        let key = requirement.key.clone();
        let values: BTreeSet<String> = requirement.values.iter().cloned().collect();
        match (requirement.operator, values.is_empty()) {
            (NodeOperator::In, false) => Ok(Self::In(key, values)),
            (NodeOperator::NotIn, false) => Ok(Self::NotIn(key, values)),
            (NodeOperator::Exists, true) => Ok(Self::Exists(key)),
            (NodeOperator::DoesNotExist, true) => Ok(Self::DoesNotExist(key)),
            (NodeOperator::Unknown, _) => Err(SelectorError::UnknownOperator { key }),
            _ => Err(SelectorError::Values { key }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn selector(text: serde_json::Value) -> Result<Selector, SelectorError> {
        Selector::try_from(&serde_json::from_value::<NodeSelector>(text).unwrap())
    }

    #[test]
    fn a_selector_matches_as_kubernetes_defines_it() {
        let pool = |operator: &str, values: &[&str]| json!({ "matchExpressions": [{ "key": "pool", "operator": operator, "values": values }] });
        let cases = [
            (json!({ "matchLabels": { "pool": "a" } }), [true, false, false, false]),
            (json!({ "matchLabels": { "pool": "" } }), [false, false, true, false]),
            (json!({ "matchLabels": { "pool": "a", "zone": "x" } }), [false; 4]),
            (pool("In", &["a", "c"]), [true, false, false, false]),
            (pool("In", &[""]), [false, false, true, false]),
            (pool("NotIn", &["a", "c"]), [false, true, true, true]),
            (pool("Exists", &[]), [true, true, true, false]),
            (pool("DoesNotExist", &[]), [false, false, false, true]),
            (
                json!({
                    "matchLabels": { "pool": "b" },
                    "matchExpressions": [{ "key": "pool", "operator": "In", "values": ["a", "b"] }],
                }),
                [false, true, false, false],
            ),
            (
                json!({ "matchExpressions": [
                    { "key": "pool", "operator": "Exists" },
                    { "key": "pool", "operator": "NotIn", "values": ["a"] },
                ] }),
                [false, true, true, false],
            ),
        ];
        let nodes = [Some("a"), Some("b"), Some(""), None].map(|pool| {
            pool.map(|pool| ("pool".to_owned(), pool.to_owned())).into_iter().collect::<BTreeMap<_, _>>()
        });
        for (text, expected) in cases {
            let parsed = selector(text.clone()).unwrap();
            assert_eq!(nodes.each_ref().map(|labels| parsed.matches(labels)), expected, "{text}");
        }
    }

    #[test]
    fn a_selector_that_cannot_be_carried_out_is_refused_with_a_sentence() {
        let one = |operator: &str, values: &[&str]| {
            selector(
                json!({ "matchExpressions": [{ "key": "pool", "operator": operator, "values": values }] }),
            )
        };
        let key = || "pool".to_owned();
        assert_eq!(selector(json!({})), Err(SelectorError::Empty));
        assert_eq!(one("Gt", &["3"]), Err(SelectorError::UnknownOperator { key: key() }));
        assert_eq!(one("In", &[]), Err(SelectorError::Values { key: key() }));
        assert_eq!(one("NotIn", &[]), Err(SelectorError::Values { key: key() }));
        assert_eq!(one("Exists", &["a"]), Err(SelectorError::Values { key: key() }));
        assert_eq!(one("DoesNotExist", &["a"]), Err(SelectorError::Values { key: key() }));
    }
}
