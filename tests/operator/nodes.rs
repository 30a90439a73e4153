//! Nodes as the API server gives them.

use ecs_keeper::Node;
use ecs_keeper::ProviderId;
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::Node as FullNode;
use keeper_core::id::{InstanceId, Region};
use kube::api::{DeleteParams, PostParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::cluster::Cluster;

/// Nodes belong to no namespace: each test names and labels its own.
#[tokio::test]
async fn a_watch_of_pruned_nodes_sees_them_come_change_and_go() {
    let cluster = Cluster::connect().await;
    let name = cluster.namespace().await;
    let nodes: Api<FullNode> = Api::all(cluster.client.clone());
    let machine =
        ProviderId::Instance { region: Region::new("cn-hangzhou"), id: InstanceId::new("i-bp1example") };

    let only_ours = watcher::Config::default().labels(&format!("owner={name}"));
    let mut events = std::pin::pin!(watcher(Api::<Node>::all(cluster.client.clone()), only_ours));
    let mut next = async || events.try_next().await.unwrap().unwrap();
    assert!(matches!(next().await, Event::Init));
    assert!(matches!(next().await, Event::InitDone));

    let node = json!({
        "metadata": { "name": name, "labels": { "owner": name }, "annotations": { "note": "not kept" } },
        "spec": { "providerID": "cn-hangzhou.i-bp1example" },
    });
    nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await.unwrap();
    let Event::Apply(seen) = next().await else { panic!("not the new Node") };
    assert_eq!((seen.name_unchecked(), seen.provider_id()), (name.clone(), machine.clone()));
    assert_eq!(seen.labels()["owner"], name);
    assert!(seen.managed_fields().is_empty() && seen.annotations().is_empty());

    nodes.delete(&name, &DeleteParams::default()).await.unwrap();
    let Event::Delete(gone) = next().await else { panic!("not the end of the Node") };
    assert_eq!((gone.name_unchecked(), gone.provider_id()), (name, machine));
}
