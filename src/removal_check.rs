//! Whether Karpenter is about to release machines, read from the API server without a cache, just before they are unprotected.

use std::collections::{BTreeMap, BTreeSet};

use keeper_core::id::{InstanceId, Region};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use crate::api::{EcsInstanceProtectionStatus, LiftPhase, LiftedStatus};
use crate::desired::{Claim, Claims, Machine, Nodes, Removing, namers};
use crate::node::Node;
use crate::node_claim::NodeClaim;

/// Nodes in a page of a listing.
const PAGE: u32 = 500;

/// Of which machines Karpenter is about to release, as was watched.
type Removals = BTreeMap<(Region, InstanceId), Removing>;

/// Those of the removals for which status says that the flag is yet to be switched off, and of which Node and NodeClaim still say
/// that the release is the next step. No other Node may name the instance, and which Node that would be nobody knows: so all Nodes
/// are listed.
pub async fn due(
    client: &Client,
    removals: &Removals,
    status: &EcsInstanceProtectionStatus,
) -> Result<BTreeSet<InstanceId>, kube::Error> {
    let lifted = |(region, id): &(Region, InstanceId)| {
        let mut rows = status.lifted.iter();
        let waits = |row: &LiftedStatus| row.phase == LiftPhase::Waiting;
        rows.any(|row| row.region == region.as_str() && row.instance_id == id.as_str() && waits(row))
    };
    let asked: Removals =
        removals.iter().filter(|(of, _)| lifted(of)).map(|(of, it)| (of.clone(), it.clone())).collect();
    if asked.is_empty() {
        return Ok(BTreeSet::new());
    }
    let claims = claims(client, &asked).await?;
    if claims.is_empty() {
        return Ok(BTreeSet::new());
    }
    let nodes = nodes(client).await?;
    Ok(still_due(&asked, &nodes, &claims))
}

async fn claims(client: &Client, asked: &Removals) -> Result<Claims, kube::Error> {
    let api: Api<NodeClaim> = Api::all(client.clone());
    let mut claims = Claims::new();
    for removing in asked.values() {
        if let Some(claim) = api.get_opt(&removing.claim).await? {
            claims.insert(removing.claim.clone(), Claim::of(&claim));
        }
    }
    Ok(claims)
}

async fn nodes(client: &Client) -> Result<Nodes, kube::Error> {
    let api: Api<Node> = Api::all(client.clone());
    let mut page = ListParams::default().limit(PAGE);
    let mut nodes = Nodes::new();
    loop {
        let list = api.list(&page).await?;
        nodes.extend(list.items.iter().map(|node| (node.name_any(), Machine::of(node))));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(nodes),
        }
    }
}

/// Those of the removals that are still as they were watched.
fn still_due(asked: &Removals, nodes: &Nodes, claims: &Claims) -> BTreeSet<InstanceId> {
    let mut due = BTreeSet::new();
    for (of, namers) in namers(asked.keys(), nodes, claims) {
        let watched = asked.get(of);
        let now = namers.due(watched.map(|watched| watched.node.as_str()));
        if now.is_some() && now.as_ref() == watched {
            due.insert(of.1.clone());
        }
    }
    due
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn node(name: &str, uid: &str, provider: &str, deleting: bool) -> (String, Machine) {
        let mut node =
            json!({ "metadata": { "name": name, "uid": uid }, "spec": { "providerID": provider } });
        if deleting {
            node["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        let node: Node = serde_json::from_value(node).unwrap();
        (name.to_owned(), Machine::of(&node))
    }

    fn claim(name: &str, volumes: &str) -> (String, Claim) {
        let condition = |type_: &str, status: &str| json!({ "type": type_, "status": status });
        let claim: Value = json!({
            "metadata": { "name": name, "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["karpenter.sh/termination"] },
            "status": {
                "providerID": "cn-hangzhou.i-a", "nodeName": "n",
                "conditions": [condition("Drained", "True"), condition("VolumesDetached", volumes)],
            },
        });
        (name.to_owned(), Claim::of(&serde_json::from_value::<NodeClaim>(claim).unwrap()))
    }

    #[test]
    fn i54_what_is_not_as_it_was_watched_is_not_due() {
        let removing = Removing { node: "n".to_owned(), uid: "u".to_owned(), claim: "c".to_owned() };
        let asked = [((Region::new("cn-hangzhou"), InstanceId::new("i-a")), removing)].into();
        let is_due = |nodes: &[&(String, Machine)], claims: &[&(String, Claim)]| {
            let (nodes, claims) =
                (nodes.iter().copied().cloned().collect(), claims.iter().copied().cloned().collect());
            !still_due(&asked, &nodes, &claims).is_empty()
        };
        let here = node("n", "u", "cn-hangzhou.i-a", true);
        let ends = claim("c", "True");
        assert!(is_due(&[&here], &[&ends]));
        assert!(is_due(&[&here, &node("m", "v", "cn-hangzhou.i-b", false)], &[&ends]));
        assert!(
            !is_due(&[&node("n", "new", "cn-hangzhou.i-a", true)], &[&ends]),
            "another Node of this name"
        );
        assert!(!is_due(&[&node("n", "u", "cn-hangzhou.i-b", true)], &[&ends]));
        assert!(!is_due(&[&node("n", "u", "cn-beijing.i-a", true)], &[&ends]));
        assert!(!is_due(&[&node("n", "u", "cn-hangzhou.i-a", false)], &[&ends]));
        assert!(!is_due(&[&here, &node("m", "v", "alicloud://cn-hangzhou.i-a", true)], &[&ends]));
        assert!(!is_due(&[], &[&ends]), "the Node is gone");
        assert!(!is_due(&[&here], &[&claim("c", "Unknown")]));
        assert!(!is_due(&[&here], &[&claim("other", "True")]));
        assert!(!is_due(&[&here], &[]), "the NodeClaim is gone");
    }
}
