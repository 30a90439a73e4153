//! How far Karpenter has come with the removal of a machine, by its Node and its NodeClaim. The order of events stands in
//! `pkg/controllers/node/termination` and `pkg/controllers/nodeclaim/lifecycle` of sigs.k8s.io/karpenter v1.14.0.

use std::collections::BTreeMap;

use keeper_core::id::{InstanceId, Region};
use keeper_core::lift::Removal;

use super::node_selection::{Machine, Nodes};
use crate::node_claim::{NodeClaim, Status};
use crate::provider_id::ProviderId;

/// Who carries it is not gone before Karpenter has had the cloud release the machine.
const FINALIZER: &str = "karpenter.sh/termination";

/// A NodeClaim as far as the removal of its machine is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub provider: ProviderId,
    /// The Node that it says is its own.
    pub node: Option<String>,
    pub deleting: bool,
    /// Whether Karpenter has yet to release the machine before the NodeClaim goes.
    pub finalizer: bool,
    pub drained: Truth,
    pub volumes_detached: Truth,
    pub terminating: Truth,
}

/// What a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// It says `Unknown` or something else, or is not there.
    Open,
}

pub type Claims = BTreeMap<String, Claim>;

impl Claim {
    pub fn of(claim: &NodeClaim) -> Self {
        let nothing = Status::default();
        let status = claim.status.as_ref().unwrap_or(&nothing);
        let condition = |type_: &str| {
            let mut all = status.conditions.iter().flatten();
            match all.find(|condition| condition.type_ == type_).map(|condition| condition.status.as_str()) {
                Some("True") => Truth::True,
                Some("False") => Truth::False,
                _ => Truth::Open,
            }
        };
        Self {
            provider: ProviderId::read(status.provider_id.as_deref(), &BTreeMap::new()),
            node: status.node_name.clone().filter(|name| !name.is_empty()),
            deleting: claim.metadata.deletion_timestamp.is_some(),
            finalizer: claim.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER),
            drained: condition("Drained"),
            volumes_detached: condition("VolumesDetached"),
            terminating: condition("InstanceTerminating"),
        }
    }

    /// Whether Karpenter waits for nothing but the release of the machine: the Node is drained, and its volumes are detached, or
    /// the time for that is over (`False`).
    fn releases_next(&self) -> bool {
        self.deleting
            && self.finalizer
            && self.drained == Truth::True
            && self.volumes_detached != Truth::Open
            && self.terminating != Truth::True
    }
}

/// The Nodes and NodeClaims that name one instance.
#[derive(Debug, Default)]
pub struct Namers<'a> {
    pub nodes: Vec<(&'a str, &'a Machine)>,
    pub claims: Vec<(&'a str, &'a Claim)>,
}

/// The one Node and the one NodeClaim of a machine whose release is the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removing {
    pub node: String,
    /// Of the Node.
    pub uid: String,
    pub claim: String,
}

/// Who names each of these instances.
pub fn namers<'a, 'b>(
    instances: impl IntoIterator<Item = &'b (Region, InstanceId)>,
    nodes: &'a Nodes,
    claims: &'a Claims,
) -> BTreeMap<&'b (Region, InstanceId), Namers<'a>> {
    let mut found: BTreeMap<&(Region, InstanceId), Namers<'a>> =
        instances.into_iter().map(|instance| (instance, Namers::default())).collect();
    if found.is_empty() {
        return found;
    }
    for (name, machine) in nodes {
        if let Some(namers) = instance(&machine.provider).and_then(|of| found.get_mut(&of)) {
            namers.nodes.push((name, machine));
        }
    }
    for (name, claim) in claims {
        if let Some(namers) = instance(&claim.provider).and_then(|of| found.get_mut(&of)) {
            namers.claims.push((name, claim));
        }
    }
    found
}

/// The instance that is named.
pub fn instance(provider: &ProviderId) -> Option<(Region, InstanceId)> {
    match provider {
        ProviderId::Instance { region, id } => Some((region.clone(), id.clone())),
        ProviderId::NotEcs(_) | ProviderId::Missing | ProviderId::Malformed => None,
    }
}

impl Namers<'_> {
    /// Whose removal it is, if the release of the machine is the next step. `selected`: the Node through which the object selects the
    /// instance.
    pub fn due(&self, selected: Option<&str>) -> Option<Removing> {
        let ([(node, machine)], [(name, claim)]) = (self.nodes.as_slice(), self.claims.as_slice()) else {
            return None;
        };
        let same = claim.node.as_deref().is_none_or(|says| says == *node);
        let due = selected == Some(*node) && machine.deleting && same && claim.releases_next();
        due.then(|| Removing {
            node: (*node).to_owned(),
            uid: machine.uid.clone(),
            claim: (*name).to_owned(),
        })
    }

    /// How far the removal has come of a machine for which the object has stepped aside.
    pub fn removal(&self, selected: Option<&str>) -> Removal {
        if self.due(selected).is_some() {
            return Removal::Due;
        }
        let all_go = self.nodes.iter().all(|(_, machine)| machine.deleting)
            && self.claims.iter().all(|(_, claim)| claim.deleting);
        let one = match self.nodes.as_slice() {
            [] => true,
            [(node, _)] => selected == Some(*node),
            _ => false,
        };
        let taken = match self.claims.as_slice() {
            [] => self.nodes.is_empty(),
            [(_, claim)] => claim.terminating == Truth::True,
            _ => false,
        };
        match all_go {
            true if one && taken => Removal::Going,
            true if !self.nodes.is_empty() && !self.claims.is_empty() => Removal::Pending,
            _ => Removal::Withdrawn,
        }
    }
}

#[cfg(test)]
mod tests;
