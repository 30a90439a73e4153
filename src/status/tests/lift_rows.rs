use keeper_core::lift::{LiftPhase, LiftReport};

use super::*;

fn lift(id: &str, since: i64) -> LiftReport {
    LiftReport {
        instance: InstanceId::new(id),
        node: "n1".into(),
        since: wall_time(at(since)),
        phase: LiftPhase::Waiting,
        reason: Some(Reason::Unprotecting),
        words: None,
    }
}

/// The entry of which a region says this.
fn telling_of(entry: &StoredObject, region: &str, lifted: Vec<LiftReport>) -> StoredObject {
    let mut entry = entry.clone();
    let report = RegionReport { settled: true, lifted, ..RegionReport::default() };
    entry.parts.insert(scope(region), (2, Arc::new(report)));
    entry
}

/// "i-a cn-hangzhou n1 5", of every row.
fn rows_of(status: &EcsInstanceProtectionStatus) -> Vec<String> {
    let text = |row: &crate::api::LiftedStatus| {
        format!("{} {} {} {}", row.instance_id, row.region, row.node_name, row.since.0.as_second())
    };
    status.lifted.iter().map(text).collect()
}

#[test]
fn i54_a_lift_stands_in_status_since_it_was_first_told_until_it_is_over() {
    let entry = entry(&["cn-hangzhou"], true);
    let first = telling_of(&entry, "cn-hangzhou", vec![lift("i-a", 900)]);
    let report = report(&first, now()).unwrap();
    let told = statement(&report, &first, at(1000)).unwrap();
    let note = &told.events[0].note;
    assert!(note.starts_with("i-a (Node n1): Karpenter is about to release the instance"), "{note}");
    assert_eq!(told.events.len(), 1);

    let stands = with(&first, written(&first).unwrap());
    assert_eq!(rows_of(&written(&first).unwrap()), ["i-a cn-hangzhou n1 900"]);
    assert!(written(&telling_of(&stands, "cn-hangzhou", vec![lift("i-a", 950)])).is_none(), "since stays");
    let two = telling_of(&stands, "cn-hangzhou", vec![lift("i-a", 950), lift("i-b", 960)]);
    assert_eq!(rows_of(&written(&two).unwrap()), ["i-a cn-hangzhou n1 900", "i-b cn-hangzhou n1 960"]);
    let over = telling_of(&stands, "cn-hangzhou", Vec::new());
    assert!(rows_of(&written(&over).unwrap()).is_empty());
}

#[test]
fn i12_i54_a_lift_never_goes_back_and_that_it_was_in_vain_is_told_once() {
    let entry = entry(&["cn-hangzhou"], true);
    let told = |entry: &StoredObject, phase| {
        let lift = LiftReport { phase, ..lift("i-a", 900) };
        telling_of(entry, "cn-hangzhou", vec![lift])
    };
    let phases = [LiftPhase::Waiting, LiftPhase::InForce, LiftPhase::Expired];
    for before in phases {
        let stands = told(&entry, before);
        let stands = with(&stands, written(&stands).unwrap());
        let stood = written(&told(&entry, before)).unwrap().lifted[0].phase;
        for said in phases {
            let next = told(&stands, said);
            let report = report(&next, now()).unwrap();
            let statement = statement(&report, &next, at(1000));
            assert_eq!(statement.is_some(), said > before, "{before:?}, then {said:?}");
            let Some(statement) = statement else { continue };
            let events: Vec<_> = statement.events.iter().map(|event| (event.reason, &*event.note)).collect();
            let status: EcsInstanceProtectionStatus = serde_json::from_value(statement.status).unwrap();
            assert!(status.lifted[0].phase > stood);
            if said == LiftPhase::Expired {
                let [(Reason::NotReleased, note)] = events.as_slice() else { panic!("{events:?}") };
                assert!(note.starts_with("i-a (Node n1): Karpenter did not release"), "{note}");
            } else {
                assert!(events.is_empty(), "{events:?}");
            }
        }
    }
}

#[test]
fn i54_a_lift_of_a_region_that_has_yet_to_speak_stands() {
    let entry = entry(&["cn-beijing", "cn-hangzhou"], true);
    let both = telling_of(&entry, "cn-beijing", vec![lift("i-b", 900)]);
    let both = telling_of(&both, "cn-hangzhou", vec![lift("i-a", 800)]);
    // Of an older generation: what is said of this one does not wait for all regions.
    let before = EcsInstanceProtectionStatus { observed_generation: Some(1), ..written(&both).unwrap() };
    let stands = with(&entry, before);
    let one = telling_of(&stands, "cn-hangzhou", Vec::new());
    assert_eq!(rows_of(&written(&one).unwrap()), ["i-b cn-beijing n1 900"]);
    let none = telling_of(&one, "cn-beijing", Vec::new());
    assert!(rows_of(&written(&none).unwrap()).is_empty());
}

#[test]
fn whoever_steps_aside_for_karpenter_in_vain_is_told_whom_to_ask() {
    let mut entry = telling_of(&entry(&["cn-hangzhou"], true), "cn-hangzhou", Vec::new());
    let Placement::Served(served) = &*entry.placement else { panic!() };
    entry.placement = Arc::new(Placement::Served(Served { karpenter_unwatched: true, ..served.clone() }));
    let stalled = report(&entry, now()).unwrap().condition_set.stalled;
    assert_eq!((stalled.status.as_str(), stalled.reason), ("True", Reason::KarpenterNotWatched));
    assert!(stalled.message.contains("config.karpenter.enabled"), "{}", stalled.message);
}
