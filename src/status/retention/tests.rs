use std::sync::Arc;

use keeper_core::id::InstanceId;

use super::*;
use crate::api::{MAX_LISTED_ATTACHED, MAX_LISTED_SURVIVORS, MAX_MESSAGE, MAX_RETAINED};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn seen(id: &str, phase: InterfacePhase, carried: Belongings) -> InterfaceRow {
    InterfaceRow {
        id: InterfaceId::new(id),
        interface_type: Some(InterfaceType::Secondary),
        phase,
        attention: false,
        instance: None,
        last_instance: Some(InstanceId::new("i-old")),
        zone_id: None,
        belongings: Arc::new(carried),
        reason: Reason::AllProtected,
        detail: None,
        risks: Vec::new(),
    }
}

fn free(id: &str) -> InterfaceRow {
    let zone_id = Some("cn-hangzhou-h".into());
    InterfaceRow { zone_id, ..seen(id, InterfacePhase::Available, Belongings::default()) }
}

fn ids(ids: &[&str]) -> BTreeSet<InterfaceId> {
    ids.iter().map(InterfaceId::new).collect()
}

/// What a worker says that has read everything.
fn told(retained: &[&str], rows: Vec<InterfaceRow>) -> RetentionReport {
    let free = rows.iter().filter(|row| row.phase == InterfacePhase::Available);
    RetentionReport {
        retained: ids(retained),
        available: free.map(|row| row.id.clone()).collect(),
        rows,
        ..RetentionReport::default()
    }
}

fn written(lists: Lists) -> EniRetentionStatus {
    EniRetentionStatus {
        retained_eni_ids: lists.retained,
        available_eni_ids: lists.available,
        network_interfaces: lists.rows,
        reattachments: lists.reattachments,
        ..EniRetentionStatus::default()
    }
}

fn next(part: &RetentionReport, old: &EniRetentionStatus, second: i64) -> EniRetentionStatus {
    written(lists(Some(part), Some(old), &[], at(second)))
}

/// Two survivors and one that is attached.
fn standing() -> EniRetentionStatus {
    let attached = seen("eni-c", InterfacePhase::Attached, Belongings::default());
    let part = told(&["eni-a", "eni-b", "eni-c"], vec![free("eni-a"), free("eni-b"), attached]);
    next(&part, &EniRetentionStatus::default(), 100)
}

#[test]
fn a_row_says_what_has_become_of_what_was_kept() {
    let message = |phase, last_instance: Option<&str>| {
        let last_instance = last_instance.map(InstanceId::new);
        let row = InterfaceRow { last_instance, ..seen("eni-a", phase, Belongings::default()) };
        super::row(&row, None, at(1)).message
    };
    let survivor = message(InterfacePhase::Available, Some("i-old"));
    assert!(survivor.contains("outlived its instance"), "{survivor}");
    let unknown = message(InterfacePhase::Available, None);
    assert!(unknown.contains("free") && !unknown.contains("outlived"), "nobody knows: {unknown}");
    let detached = message(InterfacePhase::Detached, Some("i-old"));
    assert!(detached.contains("not known to be gone"), "no proof either way: {detached}");
    for phase in [InterfacePhase::Attached, InterfacePhase::Attaching, InterfacePhase::Reattached] {
        assert_eq!(message(phase, Some("i-old")), "It stays when its instance is released.");
    }
}

fn phases(status: &EniRetentionStatus) -> Vec<(&str, NetworkInterfacePhase)> {
    let rows = status.network_interfaces.iter();
    rows.map(|row| (row.network_interface_id.as_str(), row.phase)).collect()
}

#[test]
fn what_is_attached_anew_keeps_its_row_before_what_a_selected_instance_tells_of() {
    let of = |id: &str, phase| seen(id, phase, Belongings::default());
    let mut listed: Vec<InterfaceRow> =
        (0..MAX_LISTED_ATTACHED).map(|n| of(&format!("eni-a{n:03}"), InterfacePhase::Attached)).collect();
    listed.push(of("eni-x", InterfacePhase::Reattached));
    listed.push(of("eni-y", InterfacePhase::Attaching));
    let trouble = of("eni-z", InterfacePhase::Attached);
    listed.push(InterfaceRow { reason: Reason::Correcting, ..trouble });
    let ids: Vec<String> = listed.iter().map(|row| row.id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let status = next(&told(&ids, listed), &EniRetentionStatus::default(), 100);
    let first = phases(&status).into_iter().map(|(id, _)| id).take(4).collect::<Vec<_>>();
    assert_eq!(first, ["eni-z", "eni-x", "eni-y", "eni-a000"]);
    assert_eq!(status.network_interfaces.len(), MAX_LISTED_ATTACHED);
}

#[test]
fn i19_an_id_leaves_only_with_a_reason() {
    let old = standing();
    let empty = told(&[], Vec::new());
    for said in [None, Some(&empty)] {
        let new = written(lists(said, Some(&old), &[], at(200)));
        assert_eq!(new, old, "whatever is not spoken of stands");
    }
    let mut part = told(&["eni-a"], vec![free("eni-a")]);
    part.departed.insert(InterfaceId::new("eni-b"), Reason::Departed);
    part.departed.insert(InterfaceId::new("eni-c"), Reason::Excluded);
    let new = next(&part, &old, 200);
    assert_eq!(new.retained_eni_ids, ["eni-a"]);
    assert_eq!(new.available_eni_ids, ["eni-a"]);
    assert_eq!(
        phases(&new),
        [("eni-a", NetworkInterfacePhase::Available), ("eni-b", NetworkInterfacePhase::Gone)],
        "the row of one that is gone tells what it was"
    );
    let gone = &new.network_interfaces[1];
    assert_eq!((gone.reason.as_str(), &gone.zone_id), ("Departed", &Some("cn-hangzhou-h".to_owned())));
    assert_eq!(gone.since.0, at(200));
    let mut told: Vec<(String, Reason)> = events(Some(&part.departed), Some(&old), &new)
        .into_iter()
        .map(|event| (event.note, event.reason))
        .collect();
    told.sort();
    assert_eq!(
        told.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(),
        [Reason::Excluded],
        "what is gone is told as a loss"
    );
    assert!(told[0].0.starts_with("eni-c "), "{told:?}");
    assert_eq!(events(Some(&part.departed), Some(&new), &new), [], "told once");
}

#[test]
fn i19_what_is_forgotten_is_told_once_with_since_when_it_was_free() {
    let old = standing();
    let mut part = told(&["eni-b", "eni-c"], vec![free("eni-b")]);
    part.unread = ids(&["eni-c"]);
    part.departed.insert(InterfaceId::new("eni-a"), Reason::SurvivorForgotten);
    let new = next(&part, &old, 200);
    assert_eq!(
        (&*new.retained_eni_ids, &*new.available_eni_ids),
        (&["eni-b".to_owned(), "eni-c".to_owned()][..], &["eni-b".to_owned()][..])
    );
    assert_eq!(phases(&new).len(), 2, "nothing is left of it");
    let events = |old| events(Some(&part.departed), Some(old), &new);
    let note = &events(&old)[0].note;
    let told =
        "eni-a is no longer retained. It has outlived i-old, and has been free since 1970-01-01T00:01:40Z. ";
    assert!(note.starts_with(told) && note.ends_with(Reason::SurvivorForgotten.sentence()), "{note}");
    assert_eq!((events(&old).len(), events(&new).len()), (1, 0));
}

#[test]
fn i19_what_somebody_else_has_forgotten_is_not_listed_again() {
    let part = RetentionReport {
        listed_survivors: ids(&["eni-a"]),
        ..told(&["eni-a", "eni-b"], vec![free("eni-a"), free("eni-b")])
    };
    let without = EniRetentionStatus::default();
    let new = next(&part, &without, 200);
    assert_eq!((&*new.retained_eni_ids, phases(&new).len()), (&["eni-b".to_owned()][..], 1));
    assert_eq!(next(&part, &standing(), 200).retained_eni_ids.len(), 3, "it is listed as before");
}

#[test]
fn i19_what_has_outlived_another_instance_is_free_since_then() {
    let since = |last: Option<&str>| {
        let row = InterfaceRow { last_instance: last.map(InstanceId::new), ..free("eni-a") };
        let new = next(&told(&["eni-a"], vec![row]), &standing(), 200);
        new.network_interfaces.iter().find(|row| row.network_interface_id == "eni-a").unwrap().since.0
    };
    assert_eq!((since(Some("i-old")), since(Some("i-new"))), (at(100), at(200)));
}

#[test]
fn i20_what_was_not_read_yet_stands_as_it_was() {
    let old = standing();
    let mut part = told(&["eni-a", "eni-b", "eni-c"], vec![free("eni-a")]);
    part.unread = ids(&["eni-b", "eni-c"]);
    assert_eq!(next(&part, &old, 200), old);
    // What was read has its new row, and is no survivor any more.
    let mut attached = seen("eni-b", InterfacePhase::Reattached, Belongings::default());
    attached.instance = Some(InstanceId::new("i-new"));
    part.unread = ids(&["eni-c"]);
    part.rows.push(attached);
    let new = next(&part, &old, 200);
    assert_eq!(new.available_eni_ids, ["eni-a"]);
    let row = new.network_interfaces.iter().find(|row| row.network_interface_id == "eni-b").unwrap();
    assert_eq!((row.phase, row.since.0), (NetworkInterfacePhase::Reattached, at(200)));
    assert_eq!(row.zone_id.as_deref(), Some("cn-hangzhou-h"), "it never changes");
    assert_eq!(new.retained_eni_ids, old.retained_eni_ids);
}

#[test]
fn the_last_twenty_that_are_gone_stay_listed() {
    let mut status = EniRetentionStatus::default();
    for second in 0..30 {
        let gone = seen(&format!("eni-{second:02}"), InterfacePhase::Gone, Belongings::default());
        status = next(&told(&[], vec![gone]), &status, second);
    }
    let rows: Vec<&str> =
        status.network_interfaces.iter().map(|row| row.network_interface_id.as_str()).collect();
    assert_eq!((rows.len(), rows[0], rows[19]), (20, "eni-29", "eni-10"));
    // One that comes back is gone no more.
    let back = next(&told(&["eni-29"], vec![free("eni-29")]), &status, 50);
    assert_eq!(phases(&back)[0], ("eni-29", NetworkInterfacePhase::Available));
    assert_eq!(back.network_interfaces.iter().filter(|row| row.network_interface_id == "eni-29").count(), 1);
}

#[test]
fn what_an_interface_carries_is_cut_and_counted() {
    let many = |text: &str, count: usize| (0..count).map(|n| format!("{text}{n}").into()).collect();
    let eip = |n: usize| keeper_core::interface::Eip {
        allocation_id: None,
        public_ip: format!("203.0.113.{n}").into(),
        private_ip: format!("10.0.0.{n}").into(),
    };
    let mut carried = Belongings {
        private_ips: many("10.0.0.", 7),
        ipv6_addresses: many("2001:db8::", 6),
        eips: (0..8).map(eip).collect(),
        security_group_ids: many("sg-", 20),
        ..Belongings::default()
    };
    // What does not fit its field would keep the whole status from being stored.
    carried.private_ips.insert(0, "x".repeat(100).into());
    let status =
        next(&told(&["eni-a"], vec![seen("eni-a", InterfacePhase::Available, carried)]), &standing(), 1);
    let row = &status.network_interfaces[0];
    assert_eq!((row.private_ips.len(), row.private_ips[0].as_str()), (5, "10.0.0.0"));
    assert_eq!((row.ipv6_addresses.len(), row.eips.len(), row.security_group_ids.len()), (5, 5, 16));
    assert_eq!(row.more_addresses, Some(3 + 1 + 3));
}

#[test]
fn an_attachment_that_ends_is_told_once() {
    let attachment = |phase, reason| Attachment {
        interface: InterfaceId::new("eni-a"),
        instance: Some(InstanceId::new("i-new")),
        node: None,
        phase,
        reason,
        detail: None,
    };
    let mut status = EniRetentionStatus::default();
    let mut told = Vec::new();
    for (second, (phase, reason)) in (0..).zip([
        (AttachPhase::Waiting, Reason::AttachWaits),
        (AttachPhase::Requested, Reason::AttachRequested),
        (AttachPhase::Refused, Reason::QuotaExceeded),
        (AttachPhase::Refused, Reason::QuotaExceeded),
        (AttachPhase::Attached, Reason::AttachDone),
    ]) {
        let part =
            RetentionReport { attachments: vec![attachment(phase, reason)], ..RetentionReport::default() };
        let new = next(&part, &status, second);
        told.extend(events(None, Some(&status), &new).into_iter().map(|event| (event.kind, event.reason)));
        status = new;
    }
    assert_eq!(told, [(EventType::Warning, Reason::QuotaExceeded), (EventType::Normal, Reason::AttachDone)]);
    assert_eq!(status.reattachments[0].since.0, at(4));
    let silent = written(lists(None, Some(&status), &[], at(9)));
    assert_eq!(silent.reattachments, status.reattachments, "the worker has not spoken yet");
    assert_eq!(next(&RetentionReport::default(), &status, 9).reattachments, []);
}

#[test]
fn survivors_are_told_of_once_whether_they_have_a_row_or_not() {
    let on = |id, phase, last: Option<&str>| InterfaceRow {
        last_instance: last.map(InstanceId::new),
        ..seen(id, phase, Belongings::default())
    };
    let all = ["eni-a", "eni-b", "eni-c"];
    let before = all.map(|id| on(id, InterfacePhase::Attached, None)).to_vec();
    let old = next(&told(&all, before), &EniRetentionStatus::default(), 1);
    let rows = vec![
        on("eni-a", InterfacePhase::Available, Some("i-1")),
        on("eni-b", InterfacePhase::Detached, Some("i-2")),
    ];
    let mut part = told(&all, rows);
    part.available.insert(InterfaceId::new("eni-c"));
    let new = next(&part, &old, 2);
    let expected = [("eni-a", Some("i-1")), ("eni-c", None)];
    let expected = expected.map(|(id, last)| (id.to_owned(), last.map(str::to_owned)));
    assert_eq!(survivors(Some(&old), &new), BTreeMap::from(expected));
    assert_eq!(survivors(Some(&new), &new), BTreeMap::new());
}

/// A worker keeps to the limit, but may not have heard yet of what status lists.
#[test]
fn i19_i20_a_full_list_keeps_survivors_and_what_nobody_has_spoken_of() {
    let listed: Vec<String> = (0..MAX_RETAINED).map(|n| format!("eni-b{n:04}")).collect();
    let old = EniRetentionStatus { retained_eni_ids: listed.clone(), ..EniRetentionStatus::default() };
    let attached = lists(Some(&told(&["eni-a"], Vec::new())), Some(&old), &[], at(1));
    assert_eq!(attached.retained, listed, "its instance leads to eni-a");

    let part = told(&["eni-a", "eni-b0000", "eni-z"], vec![free("eni-a"), free("eni-z")]);
    let survived = lists(Some(&part), Some(&old), &[], at(1));
    assert_eq!(survived.retained.len(), MAX_RETAINED);
    assert_eq!(survived.retained[..3], ["eni-a", "eni-z", "eni-b0001"], "survivors stand first");
    assert!(!survived.retained.contains(&"eni-b0000".to_owned()), "an instance leads to it");
    assert_eq!(survived.available, ["eni-a", "eni-z"]);

    let old = written(survived);
    assert_eq!(next(&part, &old, 9), old, "and then nothing changes");
}

#[test]
fn what_made_room_for_others_leaves_the_list() {
    let old = standing();
    let mut part = told(&["eni-a", "eni-b"], vec![free("eni-a"), free("eni-b")]);
    part.displaced.insert(InterfaceId::new("eni-c"));
    assert_eq!(next(&part, &old, 200).retained_eni_ids, ["eni-a", "eni-b"]);
}

#[test]
fn the_oldest_survivors_have_rows_and_rows_that_do_not_fit_are_dropped_in_silence() {
    let first: Vec<String> = (0..MAX_LISTED_SURVIVORS).map(|n| format!("eni-b{n:04}")).collect();
    let ids: Vec<&str> = first.iter().map(String::as_str).collect();
    let old = next(&told(&ids, ids.iter().map(|id| free(id)).collect()), &EniRetentionStatus::default(), 100);
    let all: Vec<&str> = std::iter::once("eni-a").chain(ids).collect();
    let lists = lists(Some(&told(&all, all.iter().map(|id| free(id)).collect())), Some(&old), &[], at(200));
    assert_eq!(lists.available.len(), MAX_LISTED_SURVIVORS + 1);
    let rows: Vec<&String> = lists.rows.iter().map(|row| &row.network_interface_id).collect();
    assert_eq!(rows, first.iter().collect::<Vec<_>>());

    let report = Report::silent(keeper_core::conditions::unserved(Reason::NotGranted, ""));
    let fat = |row: &NetworkInterfaceStatus| NetworkInterfaceStatus {
        message: "&".repeat(MAX_MESSAGE),
        ..row.clone()
    };
    let rows = lists.rows.iter().map(fat).collect();
    let status = status(&report, Vec::new(), Lists { rows, ..lists }, Default::default(), 1);
    assert!(status.network_interfaces.len() < MAX_LISTED_SURVIVORS);
    assert_eq!(status.available_eni_ids.len(), MAX_LISTED_SURVIVORS + 1);
}
