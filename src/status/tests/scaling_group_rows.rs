use keeper_core::id::ScalingGroupId;
use keeper_core::scaling_groups::ScalingGroups;

use super::*;
use crate::api::MAX_SCALING_GROUPS;

/// The entry of which a region says that one target is a member of each of these groups, protected from scale-in or not.
fn telling_of(entry: &StoredObject, groups: &[(&str, bool)], done: Option<bool>) -> StoredObject {
    let mut entry = entry.clone();
    let mut scaling_groups = ScalingGroups::default();
    for (id, protected) in groups {
        scaling_groups.add(&ScalingGroupId::new(id), *protected);
    }
    let scale_in = done.map(|done| Box::new(Progress { done, ..Progress::default() }));
    let report = RegionReport { settled: true, scaling_groups, scale_in, ..RegionReport::default() };
    entry.parts.insert(scope("cn-hangzhou"), (2, Arc::new(report)));
    entry
}

/// "asg-a 2 1", of every row: two members, one of them protected.
fn rows_of(entry: &StoredObject) -> Vec<String> {
    let text = |row: &crate::api::ScalingGroupStatus| {
        format!("{} {} {}", row.scaling_group_id, row.members, row.protected)
    };
    written(entry).unwrap().scaling_groups.iter().map(text).collect()
}

#[test]
fn i58_groups_stand_in_status_until_it_is_known_that_they_are_none() {
    let groups = [("asg-b", false), ("asg-a", true), ("asg-b", true)];
    let first = telling_of(&entry(&["cn-hangzhou"], true), &groups, None);
    assert_eq!(rows_of(&first), ["asg-a 1 1", "asg-b 2 1"]);
    let fewer = telling_of(&with(&first, written(&first).unwrap()), &groups[..2], None);
    assert_eq!(rows_of(&fewer), ["asg-a 1 1", "asg-b 1 0"], "nothing else has changed");
    // Of an older generation, so that the status is written anew.
    let before = EcsInstanceProtectionStatus { observed_generation: Some(1), ..written(&first).unwrap() };
    let stands = with(&first, before);

    let mut unlisted = telling_of(&stands, &[], None);
    for (_, part) in unlisted.parts.values_mut() {
        Arc::make_mut(part).scaling_groups.unlisted = true;
    }
    assert_eq!(rows_of(&unlisted), ["asg-a 1 1", "asg-b 2 1"]);
    let silent = StoredObject { placement: Arc::new(Placement::NotGranted), ..stands.clone() };
    assert_eq!(rows_of(&silent), ["asg-a 1 1", "asg-b 2 1"]);
    let none = telling_of(&stands, &[], None);
    assert!(rows_of(&none).is_empty());
    let told = statement(&report(&none, now()).unwrap(), &none, at(1000)).unwrap();
    assert_eq!(told.status["scalingGroups"], json!([]), "what somebody else has put there goes, too");
}

#[test]
fn i12_that_members_were_given_up_is_told_when_status_first_says_it() {
    let notes = |entry: &StoredObject| -> Vec<String> {
        let told = statement(&report(entry, now()).unwrap(), entry, at(1000)).unwrap();
        told.events.into_iter().map(|event| event.note).collect()
    };
    let entry = entry(&["cn-hangzhou"], true);
    assert!(notes(&telling_of(&entry, &[("asg-a", true)], Some(false))).is_empty());
    let done = telling_of(&entry, &[("asg-a", false)], Some(true));
    let told = notes(&done);
    assert_eq!(told.len(), 1);
    assert!(told[0].starts_with("1 member of a scaling group is open to scale-in: asg-a (1). "), "{told:?}");

    let stands = with(&done, written(&done).unwrap());
    let protected_again = telling_of(&stands, &[("asg-a", true)], Some(true));
    assert!(notes(&protected_again).is_empty(), "it was told");
}

#[test]
fn i58_of_too_many_groups_those_with_protected_members_are_listed_first() {
    let ids: Vec<String> = (0..MAX_SCALING_GROUPS).map(|n| format!("asg-{n:03}")).collect();
    let mut groups: Vec<(&str, bool)> = ids.iter().map(|id| (id.as_str(), false)).collect();
    groups.push(("asg-z", true));
    let rows = rows_of(&telling_of(&entry(&["cn-hangzhou"], true), &groups, None));
    assert_eq!(
        (rows.len(), rows[0].as_str(), rows[1].as_str()),
        (MAX_SCALING_GROUPS, "asg-z 1 1", "asg-000 1 0")
    );
}
