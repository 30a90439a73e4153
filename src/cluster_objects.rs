//! The objects of a cluster as its API server shows them now, and what they ask of each account and region, for commands that only
//! look. It is asked for lists alone.
//!
//! Who is served, and where an intent goes, is found as the operator finds it ([`place`]): with the grants of the configuration, and
//! with the Nodes and NodeClaims that some object asks for.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use keeper_core::engine::{Asked, Survey};
use keeper_core::id::{Generation, ObjectId};
use keeper_core::reason::Reason;
use kube::api::DynamicObject;
use kube::{Api, Client, ResourceExt as _};

use crate::api::{Resource, WatchedObject, generation, object_id};
use crate::cli::ClusterOptions;
use crate::cluster_list::{ListError, for_each_object, for_each_other};
use crate::config::Config;
use crate::desired::{Claim, Claims, Cluster, Machine, Nodes, Placement, lifts, place, wall_time};
use crate::grants::Grants;
use crate::kubernetes::{ConnectError, connect};
use crate::node::Node;
use crate::node_claim::NodeClaim;
use crate::object_ref::ObjectRef;
use crate::scope::Scope;

/// Why nobody knows what objects ask.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// An empty one would serve other objects than the operator's own.
    #[error(
        "which objects are served, and what they may do, is in the operator's configuration file: name it with --config"
    )]
    NoConfig,
    #[error("failed to connect to the cluster")]
    Connect(#[source] ConnectError),
    #[error(
        "this cluster has no CRD {0}: check that the kubeconfig is for the cluster in which ecs-keeper runs, and that the CRDs \
         (crds/) are installed"
    )]
    NoDefinition(&'static str),
    #[error(
        "you may not list {0}s, and objects select by them or depend on them: run this as somebody who may, or in the operator's Pod"
    )]
    Forbidden(&'static str),
    #[error(transparent)]
    List(ListError),
}

/// An object, and where its intent goes.
#[derive(Debug)]
pub struct PlacedObject {
    pub seen: WatchedObject,
    pub placement: Placement,
}

/// The objects of a cluster.
#[derive(Debug)]
pub struct ClusterObjects {
    pub objects: BTreeMap<ObjectId, PlacedObject>,
}

impl ClusterObjects {
    /// Reads everything that counts.
    pub async fn read(options: &ClusterOptions, config: &Config) -> Result<Self, ClusterError> {
        let client = connect(options.kubeconfig.as_deref()).await.map_err(ClusterError::Connect)?;
        let seen = objects(&client, config).await?;
        let cluster = machines(&client, &seen, config).await?;
        Ok(Self::place(seen, &cluster, &config.grants(&options.namespace)))
    }

    /// Finds where the intents of these objects go.
    pub fn place(
        objects: impl IntoIterator<Item = WatchedObject>,
        cluster: &Cluster,
        grants: &Grants,
    ) -> Self {
        let placed = objects.into_iter().filter_map(|seen| {
            let placement = placement(&seen, cluster, grants);
            Some((object_id(&seen.meta)?, PlacedObject { seen, placement }))
        });
        Self { objects: placed.collect() }
    }

    /// An object by its name.
    pub fn name_of(&self, id: &ObjectId) -> ObjectRef {
        let kind = self.objects.get(id).map_or("", |object| object.seen.resource.kind());
        ObjectRef::new(kind, id)
    }

    /// What these objects would have of the targets in an account and region. Nothing is shown yet.
    pub fn survey(&self, scope: &Scope, at: Timestamp) -> Survey {
        let mut survey = Survey::new(wall_time(at));
        for (id, generation, asked) in self.asked(scope) {
            survey.ask(id.clone(), generation, asked);
        }
        survey
    }

    /// Those of each kind that can't be read, as `namespace/name`. The operator takes each for a possible hold everywhere.
    pub fn unreadable(&self) -> BTreeMap<Resource, Vec<String>> {
        let mut unreadable: BTreeMap<Resource, Vec<String>> = BTreeMap::new();
        for (id, object) in &self.objects {
            if matches!(object.placement, Placement::Opaque(_)) {
                let name = format!("{}/{}", id.namespace(), id.name());
                unreadable.entry(object.seen.resource).or_default().push(name);
            }
        }
        unreadable
    }

    /// Whether an object asks for members of scaling groups there.
    pub fn asks_for_members(&self, scope: &Scope) -> bool {
        self.asked(scope).any(|(_, _, asked)| match asked {
            Asked::Protection(intent, _) => intent.of_members().is_some(),
            Asked::Retention(..) | Asked::Opaque | Asked::Gone => false,
        })
    }

    /// What the objects ask in an account and region, as its worker is told.
    fn asked(&self, scope: &Scope) -> impl Iterator<Item = (&ObjectId, Generation, Asked)> {
        self.objects.iter().filter_map(move |(id, object)| {
            let asked = match &object.placement {
                Placement::Served(served) if served.account == scope.account => {
                    served.intents.get(&scope.region)?.asked()
                }
                Placement::Opaque(_) => Asked::Opaque,
                Placement::Served(_) | Placement::NotGranted | Placement::UnknownRegion(_) => return None,
            };
            Some((id, generation(&object.seen.meta), asked))
        })
    }
}

/// The objects that the operator serves.
pub async fn objects(client: &Client, config: &Config) -> Result<Vec<WatchedObject>, ClusterError> {
    let mut seen = Vec::new();
    let labels = config.object_selector.as_deref();
    each_of_ours(client, labels, |resource, object| seen.push(resource.decode(object))).await?;
    Ok(seen)
}

/// Looks at our objects with these labels, as they are stored.
pub async fn each_of_ours(
    client: &Client,
    labels: Option<&str>,
    mut look: impl FnMut(Resource, DynamicObject),
) -> Result<(), ClusterError> {
    for resource in Resource::ALL {
        let take = |object| look(resource, object);
        if !for_each_object(client, resource, labels, take).await.map_err(ClusterError::List)? {
            return Err(ClusterError::NoDefinition(resource.kind()));
        }
    }
    Ok(())
}

/// The Nodes and NodeClaims that some of these objects ask for.
pub async fn machines(
    client: &Client,
    objects: &[WatchedObject],
    config: &Config,
) -> Result<Cluster, ClusterError> {
    let wants_nodes =
        objects.iter().filter_map(|seen| seen.object.as_ref()).any(|it| it.spec().asks_for_nodes);
    let wants_claims = config.karpenter && objects.iter().any(lifts);
    Ok(Cluster {
        nodes: if wants_nodes { nodes(client).await? } else { Nodes::new() },
        claims: if wants_claims { Some(claims(client).await?) } else { None },
        watches_claims: config.karpenter,
    })
}

fn placement(seen: &WatchedObject, cluster: &Cluster, grants: &Grants) -> Placement {
    match &seen.object {
        Some(object) => place(object, cluster, grants, Timestamp::now()),
        None => Placement::Opaque(Reason::Undecodable.sentence().to_owned()),
    }
}

async fn nodes(client: &Client) -> Result<Nodes, ClusterError> {
    let mut nodes = Nodes::new();
    let take = |node: Node| drop(nodes.insert(node.name_any(), Machine::of(&node)));
    for_each_other(&Api::all(client.clone()), "Node", take).await.map_err(|error| refusal("Node", error))?;
    Ok(nodes)
}

/// A cluster in which they are not defined has none.
async fn claims(client: &Client) -> Result<Claims, ClusterError> {
    let mut claims = Claims::new();
    let take = |claim: NodeClaim| drop(claims.insert(claim.name_any(), Claim::of(&claim)));
    let read = for_each_other(&Api::all(client.clone()), "NodeClaim", take).await;
    read.map_err(|error| refusal("NodeClaim", error))?;
    Ok(claims)
}

fn refusal(kind: &'static str, error: ListError) -> ClusterError {
    match error {
        ListError::Forbidden(_) => ClusterError::Forbidden(kind),
        refused @ ListError::Refused { .. } => ClusterError::List(refused),
    }
}
