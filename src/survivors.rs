//! What of an `EniRetention` only its own status knows: the network interfaces that no instance leads to any more. Whoever
//! deletes the object loses them from sight.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{EniRetentionStatus, NetworkInterfacePhase, NetworkInterfaceStatus};

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

pub fn rows(status: &EniRetentionStatus) -> BTreeMap<&str, &NetworkInterfaceStatus> {
    status.network_interfaces.iter().map(|row| (row.network_interface_id.as_str(), row)).collect()
}

/// Not every free one has a row, but every survivor stands in the list of ids.
fn retained(status: &EniRetentionStatus, which: impl Fn(NetworkInterfacePhase) -> bool) -> BTreeSet<&str> {
    let retained: BTreeSet<&str> = status.retained_eni_ids.iter().map(String::as_str).collect();
    let rows = status.network_interfaces.iter().filter(|row| which(row.phase));
    let rows = rows.map(|row| row.network_interface_id.as_str());
    let available = status.available_eni_ids.iter().map(String::as_str);
    available.chain(rows).filter(|id| retained.contains(id)).collect()
}
