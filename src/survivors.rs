//! What of an `EniRetention` only its own status knows: the network interfaces that no instance leads to any more. Whoever
//! deletes the object loses them from sight.

use std::collections::BTreeSet;

use crate::api::{EniRetentionStatus, MAX_LISTED_SURVIVORS, NetworkInterfacePhase};

/// The retained interfaces that are on no instance.
pub fn free(status: &EniRetentionStatus) -> BTreeSet<&str> {
    retained(status, NetworkInterfacePhase::is_free)
}

/// Those, and the ones that were attached anew, maybe to an instance that nobody selects.
pub fn known_by_status_alone(status: &EniRetentionStatus) -> BTreeSet<&str> {
    retained(status, |phase| {
        phase.is_free()
            || matches!(phase, NetworkInterfacePhase::Attaching | NetworkInterfacePhase::Reattached)
    })
}

/// The retained interfaces of which status has no details: they may be anywhere.
pub fn without_details(status: &EniRetentionStatus) -> BTreeSet<&str> {
    let rows = status.network_interfaces.iter().map(|row| row.network_interface_id.as_str());
    let known: BTreeSet<&str> = rows.chain(status.available_eni_ids.iter().map(String::as_str)).collect();
    let retained = status.retained_eni_ids.iter().map(String::as_str);
    retained.filter(|id| !known.contains(id)).collect()
}

/// Those of them that may be on no instance: while there is room for rows of free ones, each of those has one. Where a status
/// is shortened, the rows of the free ones go last.
pub fn maybe_free(status: &EniRetentionStatus) -> BTreeSet<&str> {
    let phases = || status.network_interfaces.iter().map(|row| row.phase);
    let free = phases().filter(|phase| phase.is_free()).count();
    let attached = phases().any(|phase| !phase.is_free() && phase != NetworkInterfacePhase::Gone);
    if free >= MAX_LISTED_SURVIVORS || !attached { without_details(status) } else { BTreeSet::new() }
}

/// Not every free one has a row, but every survivor stands in the list of ids.
fn retained(status: &EniRetentionStatus, which: impl Fn(NetworkInterfacePhase) -> bool) -> BTreeSet<&str> {
    let retained: BTreeSet<&str> = status.retained_eni_ids.iter().map(String::as_str).collect();
    let rows = status.network_interfaces.iter().filter(|row| which(row.phase));
    let rows = rows.map(|row| row.network_interface_id.as_str());
    let available = status.available_eni_ids.iter().map(String::as_str);
    available.chain(rows).filter(|id| retained.contains(id)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(retained: &[String], available: &[String], rows: &[(String, &str)]) -> EniRetentionStatus {
        let row = |(id, phase): &(String, &str)| {
            json!({
                "networkInterfaceId": id, "phase": phase, "since": "2026-01-01T00:00:00Z",
                "reason": "Retained", "message": "",
            })
        };
        let rows: Vec<_> = rows.iter().map(row).collect();
        serde_json::from_value(json!({
            "retainedEniIds": retained, "availableEniIds": available, "networkInterfaces": rows,
        }))
        .unwrap()
    }

    #[test]
    fn i50_what_has_no_row_may_be_free_where_rows_of_free_ones_are_cut() {
        let ids: Vec<String> = (0..MAX_LISTED_SURVIVORS + 3).map(|n| format!("eni-{n:03}")).collect();
        let detached: Vec<(String, &str)> = ids.iter().map(|id| (id.clone(), "Detached")).collect();
        let attached = ("eni-000".to_owned(), "Attached");
        let full = |free: usize| {
            let mut rows = detached[1..=free].to_vec();
            rows.push(attached.clone());
            status(&ids, &ids[free + 1..=free + 1], &rows)
        };
        let last = ids[MAX_LISTED_SURVIVORS + 2].as_str();
        let beyond = full(MAX_LISTED_SURVIVORS);
        assert_eq!(without_details(&beyond), BTreeSet::from([last]));
        assert_eq!(maybe_free(&beyond), BTreeSet::from([last]));
        let room = full(MAX_LISTED_SURVIVORS - 1);
        assert_eq!((without_details(&room).len(), maybe_free(&room).len()), (2, 0), "it is on an instance");
        let shortened = status(&ids[..2], &[], &detached[..1]);
        assert_eq!(maybe_free(&shortened), BTreeSet::from(["eni-001"]), "no attached one has a row");
    }
}
