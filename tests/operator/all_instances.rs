//! Objects that select every instance of their region.

use keeper_simulator::{InterfaceSeed, Seed};
use serde_json::json;

use crate::stage::{REGION, Stage, eventually};

#[tokio::test]
async fn every_instance_of_the_region_is_protected_those_of_tomorrow_included() {
    let stage = Stage::new().await;
    let ids = stage.account.seed(&Seed::new(REGION).times(2));
    let disposable = stage.account.seed_one(&Seed::new(REGION).tag("lifecycle", "disposable"));
    let named = stage.account.seed_one(&Seed::new(REGION));
    let elsewhere = stage.account.seed_one(&Seed::new("cn-beijing"));
    let _operator = stage.start();
    let exclude = json!({
        "instanceIds": [named],
        "instanceTags": [{ "key": "lifecycle", "value": "disposable" }],
    });
    let spec = json!({ "region": REGION, "targets": { "allInstances": true, "exclude": exclude } });
    stage.apply("all", spec).await;
    let until_targets = async |wanted: u32| {
        eventually(&format!("all has {wanted} targets"), async || {
            let object = stage.until("all", "Protected=True/AllProtected Ready=True").await;
            let counts = object.status.unwrap().counts.unwrap();
            if (counts.targets, counts.protected) == (wanted, wanted) { Ok(()) } else { Err(counts) }
        })
        .await;
    };
    until_targets(2).await;
    assert!(ids.iter().all(|id| stage.protected(id)));

    let tomorrow = stage.account.seed_one(&Seed::new(REGION));
    until_targets(3).await;
    assert!(stage.protected(&tomorrow));
    for left_alone in [&disposable, &named, &elsewhere] {
        assert!(!stage.protected(left_alone), "{left_alone}");
    }
    assert_eq!(stage.unprotecting_writes(), 0);
}

#[tokio::test]
async fn what_is_on_every_instance_of_the_region_is_retained_tomorrows_included() {
    let stage = Stage::new().await;
    let machine = |id: &str| {
        let secondary = InterfaceSeed::secondary().id(&format!("eni-{id}"));
        Seed::new(REGION).id(&format!("i-{id}")).interface(secondary)
    };
    stage.account.seed_one(&machine("a"));
    stage.account.seed_one(&machine("disposable").tag("lifecycle", "disposable"));
    stage.account.seed_one(&machine("named"));
    let _operator = stage.start();
    let exclude = json!({
        "instanceIds": ["i-named"],
        "instanceTags": [{ "key": "lifecycle", "value": "disposable" }],
    });
    let targets = json!({ "allInstances": true, "exclude": exclude });
    let spec = json!({ "region": REGION, "targets": targets, "interfaceTypes": ["Secondary"] });
    stage.retain("all", spec).await;
    let until_retained = async |wanted: &[&str]| {
        stage
            .until_retained("all", "the interfaces", |object| {
                object.status.as_ref().is_some_and(|status| status.retained_eni_ids == wanted)
            })
            .await;
        stage.until_retention("all", "Retained=True/AllProtected Ready=True").await;
    };
    until_retained(&["eni-a"]).await;
    stage.account.seed_one(&machine("tomorrow"));
    until_retained(&["eni-a", "eni-tomorrow"]).await;
    assert!(stage.stays("eni-a") && stage.stays("eni-tomorrow"));
    assert!(!stage.stays("eni-disposable") && !stage.stays("eni-named"));
    assert_eq!(stage.unprotecting_writes(), 0);
}
