//! Which generation a status speaks of, and of which object.

use std::collections::BTreeMap;
use std::time::Duration;

use ecs_keeper::api::EcsInstanceProtection;
use futures::TryStreamExt as _;
use keeper_simulator::Seed;
use kube::runtime::{WatchStreamExt as _, watcher};
use serde_json::json;

use crate::stage::{REGION, Stage};

/// Everything that a watch shows of the namespace's objects, until `act` ends.
async fn watched(stage: &Stage, act: impl Future<Output = ()>) -> Vec<EcsInstanceProtection> {
    let changes = watcher(stage.objects.clone(), watcher::Config::default()).applied_objects();
    let mut seen = Vec::new();
    let watching = changes.try_for_each(|object| {
        seen.push(object);
        std::future::ready(Ok(()))
    });
    tokio::select! {
        ended = watching => panic!("the watch ended: {ended:?}"),
        () = act => {}
    }
    seen
}

#[tokio::test]
async fn i08_observed_generation_never_goes_back_and_arrives() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(3));
    let _operator = stage.start();
    let edited = async {
        for round in 0..20 {
            // Another selection each time, so that each generation means something else.
            let targets = json!({ "instanceIds": &ids[..=round % 3] });
            stage.apply("edited", json!({ "region": REGION, "targets": targets })).await;
            tokio::time::sleep(Duration::from_millis([0, 60, 210, 15, 400, 120, 30][round % 7])).await;
        }
        stage.until("edited", "Protected=True/AllProtected").await;
    };
    let mut before = -1;
    let mut last = None;
    for object in watched(&stage, edited).await {
        let observed = object.status.as_ref().and_then(|status| status.observed_generation).unwrap_or(-1);
        let generation = object.metadata.generation.unwrap();
        assert!((before..=generation).contains(&observed), "{before}, then {observed} of {generation}");
        before = observed;
        last = Some(generation);
    }
    assert_eq!(last, Some(before));
}

#[tokio::test]
async fn i08_a_status_never_lands_on_a_namesake_of_the_object_that_was_judged() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let _operator = stage.start();
    // Both sorts of namesakes are of generation 1; only the number of targets tells whose status it is.
    let recreated = async {
        for round in 0..24 {
            let targets = json!({ "instanceIds": &ids[..=round % 2] });
            stage.apply("namesake", json!({ "region": REGION, "targets": targets })).await;
            // Some go before they are judged, some while they are, and some are judged for sure.
            match round % 6 {
                5 => drop(stage.until("namesake", "Protected=True/AllProtected").await),
                early => {
                    tokio::time::sleep(Duration::from_millis([0, 13, 180, 55, 400][early])).await;
                }
            }
            if round < 23 {
                stage.delete("namesake").await;
            }
        }
        stage.until("namesake", "Protected=True/AllProtected").await;
    };
    let mut judged: BTreeMap<String, u32> = BTreeMap::new();
    for object in watched(&stage, recreated).await {
        let named = u32::try_from(object.spec.targets.instance_ids.len()).unwrap();
        if let Some(counts) = object.status.and_then(|status| status.counts) {
            assert_eq!(counts.targets, named, "{:?}", object.metadata);
            *judged.entry(object.metadata.uid.unwrap()).or_default() += 1;
        }
    }
    assert!(judged.len() >= 4, "{judged:?}");
}
