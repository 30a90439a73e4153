//! The status of an `EniRetention`.
//!
//! This status is the object's memory, and is written from what fleets say of it, which know nothing at first. So it is
//! never made anew: a retained id leaves it only when a fleet says why (I19), and what no fleet has read yet stands as it
//! was (I20).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::Summary;
use keeper_core::id::InterfaceId;
use keeper_core::interface::{Belongings, InterfaceType};
use keeper_core::loss::Cause;
use keeper_core::reason::Reason;
use keeper_core::retention::{AttachPhase, Attachment, InterfacePhase, InterfaceRow, RetentionPart};
use keeper_core::wish::Generation;
use kube::runtime::events::EventType;

use super::{Report, counts, risks, same_conditions, sentence, whole_seconds};
use crate::api::{
    Eip, EniRetentionStatus, MAX_ADDRESS, MAX_ADDRESSES, MAX_ENI_ID, MAX_ID, MAX_LISTED_ATTACHED,
    MAX_LISTED_GONE, MAX_LISTED_SURVIVORS, MAX_PREFIX, MAX_REATTACHMENTS, MAX_RETAINED, MAX_SECURITY_GROUPS,
    NetworkInterfacePhase, NetworkInterfaceStatus, NetworkInterfaceType, ReattachmentPhase,
    ReattachmentStatus, RetentionState,
};
use crate::controllers::losses::Lost;
use crate::controllers::news::{News, Survivors};
use crate::controllers::object::Resource;

/// The reason of a row whose flag holds the safe value.
const RETAINED: &str = "Retained";

/// What status lists.
#[derive(Debug)]
pub struct Lists {
    retained: Vec<String>,
    available: Vec<String>,
    rows: Vec<NetworkInterfaceStatus>,
    reattachments: Vec<ReattachmentStatus>,
    /// Whether the list of ids had to stop before one that nothing else leads to.
    pub full: bool,
}

/// What status is to list from now on: what the fleets say, and of what stands there all that they don't speak against.
/// `complete`: every fleet has spoken.
pub fn lists(
    part: Option<&RetentionPart>,
    complete: bool,
    old: Option<&EniRetentionStatus>,
    lost: &[Lost],
    now: Timestamp,
) -> Lists {
    let (silence, nothing) = (RetentionPart::default(), EniRetentionStatus::default());
    let complete = complete && part.is_some();
    let (part, old) = (part.unwrap_or(&silence), old.unwrap_or(&nothing));
    let candidates = candidates(part, old);
    // Of these nobody has said anything but that they are retained, if that.
    let stands = |id: &String| {
        let known = InterfaceId::new(id);
        candidates.contains(id) && (!part.retained.contains(&known) || part.unread.contains(&known))
    };
    let available = part.available.iter().map(ToString::to_string);
    let available: BTreeSet<String> =
        available.chain(old.available_eni_ids.iter().filter(|id| stands(id)).cloned()).collect();
    let loose = |id: &String| !available.contains(id) && part.loose.contains(&InterfaceId::new(id));
    let found_by_nothing_else = candidates.iter().filter(|id| available.contains(*id) || loose(id)).count();
    let full = part.full || found_by_nothing_else > MAX_RETAINED;

    let mut retained: Vec<&String> = candidates.iter().collect();
    if retained.len() > MAX_RETAINED {
        let listed: BTreeSet<&String> = old.retained_eni_ids.iter().collect();
        retained.sort_by_cached_key(|id| {
            (!available.contains(*id), !loose(id), !stands(id), !listed.contains(id))
        });
        retained.truncate(MAX_RETAINED);
    }
    retained.sort_by_key(|id| (!available.contains(*id), *id));
    let listed: BTreeSet<String> = retained.iter().copied().cloned().collect();
    let rows = rows(part, old, |id| listed.contains(id) && stands(id), &listed, lost, now);
    let reattachments = reattachments(part, complete, old, now);
    Lists {
        retained: retained.into_iter().cloned().collect(),
        available: available.iter().filter(|id| listed.contains(*id)).cloned().collect(),
        rows,
        reattachments,
        full,
    }
}

/// The ids that are to be listed, if there is room: those that the fleets tell, and those that stand there, unless a fleet
/// says why not.
fn candidates(part: &RetentionPart, old: &EniRetentionStatus) -> BTreeSet<String> {
    let left = |id: &String| {
        let id = InterfaceId::new(id);
        part.departed.contains_key(&id) || part.displaced.contains(&id)
    };
    let standing = old.retained_eni_ids.iter().filter(|id| !left(id)).cloned();
    let told = part.retained.iter().map(InterfaceId::as_str).filter(|id| id.len() <= MAX_ENI_ID);
    told.map(str::to_owned).chain(standing).collect()
}

/// The rows in their order, as many of each sort as are listed.
fn rows(
    part: &RetentionPart,
    old: &EniRetentionStatus,
    stands: impl Fn(&String) -> bool,
    retained: &BTreeSet<String>,
    lost: &[Lost],
    now: Timestamp,
) -> Vec<NetworkInterfaceStatus> {
    let before: BTreeMap<&str, &NetworkInterfaceStatus> =
        old.network_interfaces.iter().map(|row| (row.network_interface_id.as_str(), row)).collect();
    let listable = part.rows.iter().filter(|row| row.id.as_str().len() <= MAX_ENI_ID);
    let mut rows: Vec<NetworkInterfaceStatus> =
        listable.map(|new| row(new, before.get(new.id.as_str()).copied(), now)).collect();
    let said: BTreeSet<&str> = part.rows.iter().map(|row| row.id.as_str()).collect();
    for old in old.network_interfaces.iter().filter(|row| !said.contains(row.network_interface_id.as_str())) {
        let id = &old.network_interface_id;
        let gone = part.departed.get(&InterfaceId::new(id)) == Some(&Reason::Departed);
        if old.phase == NetworkInterfacePhase::Gone && !retained.contains(id) || stands(id) {
            rows.push(old.clone());
        } else if gone {
            rows.push(row_of_gone(old, now));
        }
    }
    note_lost(&mut rows, &before, lost);
    rows.sort_by(|a, b| {
        let attention = |row: &NetworkInterfaceStatus| row.reason != RETAINED || !row.risks.is_empty();
        let first = match sort(a.phase) {
            // The oldest, so that none loses its row to another.
            Sort::Free => a.since.cmp(&b.since),
            Sort::Attached => attention(b).cmp(&attention(a)),
            Sort::Gone => b.since.cmp(&a.since),
        };
        sort(a.phase)
            .cmp(&sort(b.phase))
            .then(first)
            .then_with(|| a.network_interface_id.cmp(&b.network_interface_id))
    });
    let mut count: BTreeMap<Sort, usize> = BTreeMap::new();
    rows.retain(|row| {
        let sort = sort(row.phase);
        let count = count.entry(sort).or_default();
        *count += 1;
        *count <= sort.limit()
    });
    rows
}

/// Notes in the rows of those that are gone what was last seen of them. One that was never retained gets a row as well.
fn note_lost(
    rows: &mut Vec<NetworkInterfaceStatus>,
    before: &BTreeMap<&str, &NetworkInterfaceStatus>,
    lost: &[Lost],
) {
    let gone = lost.iter().filter(|lost| lost.cause == Cause::Gone && lost.id.len() <= MAX_ENI_ID);
    for lost in gone {
        let message = sentence(&lost.sentence(Resource::Retention), None);
        match rows.iter_mut().find(|row| row.network_interface_id == lost.id) {
            Some(row) if row.phase == NetworkInterfacePhase::Gone => row.message = message,
            // It is named by id, and its row says that it is not found.
            Some(_) => {}
            None => {
                let seen = InterfaceRow::gone(InterfaceId::new(&lost.id));
                let old = before.get(lost.id.as_str()).copied();
                let new = row(&seen, old, lost.noted);
                rows.push(NetworkInterfaceStatus { message, ..new });
            }
        }
    }
}

/// The sorts of rows, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sort {
    Free,
    Attached,
    Gone,
}

impl Sort {
    fn limit(self) -> usize {
        match self {
            Self::Free => MAX_LISTED_SURVIVORS,
            Self::Attached => MAX_LISTED_ATTACHED,
            Self::Gone => MAX_LISTED_GONE,
        }
    }
}

fn sort(phase: NetworkInterfacePhase) -> Sort {
    match phase {
        NetworkInterfacePhase::Available | NetworkInterfacePhase::Detached => Sort::Free,
        NetworkInterfacePhase::Gone => Sort::Gone,
        NetworkInterfacePhase::Attached
        | NetworkInterfacePhase::Attaching
        | NetworkInterfacePhase::Reattached
        | NetworkInterfacePhase::NotApplicable
        | NetworkInterfacePhase::Unknown => Sort::Attached,
    }
}

fn row(
    row: &InterfaceRow,
    before: Option<&NetworkInterfaceStatus>,
    now: Timestamp,
) -> NetworkInterfaceStatus {
    let phase = phase(row.phase);
    let since = before.filter(|before| before.phase == phase).map(|before| before.since.clone());
    let carried = &row.belongings;
    // Where an interface is never changes, and the most of the cloud's answer is remembered of free ones alone.
    let place = |of: Option<&str>, was: fn(&NetworkInterfaceStatus) -> &Option<String>| {
        let known = of.filter(|text| fits(text, MAX_ID)).map(str::to_owned);
        known.or_else(|| before.and_then(|before| was(before).clone()))
    };
    let (reason, text) = match row.reason {
        Reason::AllSafe => (RETAINED, retained_as(phase, row.last_instance.is_some())),
        reason => (reason.as_str(), reason.sentence()),
    };
    let listed = Carried::of(carried);
    // What was last seen of one that is gone was told once, and stands.
    let stands = before.filter(|before| phase == NetworkInterfacePhase::Gone && before.phase == phase);
    let message = stands.map_or_else(|| sentence(text, row.detail.as_deref()), |row| row.message.clone());
    NetworkInterfaceStatus {
        network_interface_id: row.id.to_string(),
        type_: row.interface_type.map(interface_type),
        phase,
        instance_id: row.instance.as_ref().map(ToString::to_string),
        last_instance_id: row.last_instance.as_ref().map(ToString::to_string),
        zone_id: place(row.zone_id.as_deref(), |before| &before.zone_id),
        v_switch_id: place(carried.vswitch_id.as_deref(), |before| &before.v_switch_id),
        vpc_id: place(carried.vpc_id.as_deref(), |before| &before.vpc_id),
        more_addresses: listed.more(),
        private_ips: listed.private_ips,
        ipv6_addresses: listed.ipv6_addresses,
        ipv4_prefixes: listed.ipv4_prefixes,
        ipv6_prefixes: listed.ipv6_prefixes,
        eips: listed.eips,
        security_group_ids: texts(&carried.security_group_ids, MAX_ID).take(MAX_SECURITY_GROUPS).collect(),
        risks: risks(&row.risks),
        since: since.unwrap_or_else(|| whole_seconds(now)),
        reason: reason.to_owned(),
        message,
    }
}

/// What it means to be retained in a phase.
fn retained_as(phase: NetworkInterfacePhase, was_on_one: bool) -> &'static str {
    match phase {
        NetworkInterfacePhase::Available if was_on_one => {
            "It has outlived its instance, is free, and waits for reuse."
        }
        NetworkInterfacePhase::Available => "It is free and waits for reuse.",
        NetworkInterfacePhase::Detached => "It is free, and its last instance is not known to be gone.",
        _ => "It stays when its instance is released.",
    }
}

/// The row of an interface that is gone and that nobody has seen since the operator's start.
fn row_of_gone(old: &NetworkInterfaceStatus, now: Timestamp) -> NetworkInterfaceStatus {
    let mut row = old.clone();
    row.last_instance_id = row.instance_id.take().or(row.last_instance_id);
    row.phase = NetworkInterfacePhase::Gone;
    row.since = whole_seconds(now);
    Reason::Departed.as_str().clone_into(&mut row.reason);
    row.message = sentence(Reason::Departed.sentence(), None);
    row.risks = Vec::new();
    row
}

/// The first addresses of each family, and how many there are in all.
struct Carried {
    private_ips: Vec<String>,
    ipv6_addresses: Vec<String>,
    ipv4_prefixes: Vec<String>,
    ipv6_prefixes: Vec<String>,
    eips: Vec<Eip>,
    all: usize,
}

impl Carried {
    fn of(carried: &Belongings) -> Self {
        let first = |all: &[std::sync::Arc<str>], most| texts(all, most).take(MAX_ADDRESSES).collect();
        let eip = |eip: &keeper_core::interface::Eip| Eip {
            allocation_id: eip.allocation_id.as_deref().filter(|id| fits(id, MAX_ID)).map(str::to_owned),
            public_ip: eip.public_ip.to_string(),
            private_ip: eip.private_ip.to_string(),
        };
        let well_formed = |eip: &&keeper_core::interface::Eip| {
            fits(&eip.public_ip, MAX_ADDRESS) && fits(&eip.private_ip, MAX_ADDRESS)
        };
        Self {
            private_ips: first(&carried.private_ips, MAX_ADDRESS),
            ipv6_addresses: first(&carried.ipv6_addresses, MAX_ADDRESS),
            ipv4_prefixes: first(&carried.ipv4_prefixes, MAX_PREFIX),
            ipv6_prefixes: first(&carried.ipv6_prefixes, MAX_PREFIX),
            eips: carried.eips.iter().filter(well_formed).take(MAX_ADDRESSES).map(eip).collect(),
            all: carried.private_ips.len()
                + carried.ipv6_addresses.len()
                + carried.ipv4_prefixes.len()
                + carried.ipv6_prefixes.len()
                + carried.eips.len(),
        }
    }

    /// How many are not listed.
    fn more(&self) -> Option<u32> {
        let listed = self.private_ips.len()
            + self.ipv6_addresses.len()
            + self.ipv4_prefixes.len()
            + self.ipv6_prefixes.len()
            + self.eips.len();
        let more = self.all.saturating_sub(listed);
        (more > 0).then(|| u32::try_from(more).unwrap_or(u32::MAX))
    }
}

/// The texts that fit their field: one that doesn't would keep the whole status from being stored.
fn texts(all: &[std::sync::Arc<str>], most: usize) -> impl Iterator<Item = String> {
    all.iter().filter(move |text| fits(text, most)).map(ToString::to_string)
}

fn fits(text: &str, most: usize) -> bool {
    text.chars().count() <= most
}

fn interface_type(of: InterfaceType) -> NetworkInterfaceType {
    match of {
        InterfaceType::Primary => NetworkInterfaceType::Primary,
        InterfaceType::Secondary => NetworkInterfaceType::Secondary,
        InterfaceType::Trunk => NetworkInterfaceType::Trunk,
        InterfaceType::Member => NetworkInterfaceType::Member,
    }
}

fn phase(phase: InterfacePhase) -> NetworkInterfacePhase {
    match phase {
        InterfacePhase::Attached => NetworkInterfacePhase::Attached,
        InterfacePhase::Detached => NetworkInterfacePhase::Detached,
        InterfacePhase::Available => NetworkInterfacePhase::Available,
        InterfacePhase::Attaching => NetworkInterfacePhase::Attaching,
        InterfacePhase::Reattached => NetworkInterfacePhase::Reattached,
        InterfacePhase::Gone => NetworkInterfacePhase::Gone,
        InterfacePhase::NotApplicable => NetworkInterfacePhase::NotApplicable,
    }
}

/// Where the wishes to attach stand. As long as a fleet has said nothing yet, what stands there does.
fn reattachments(
    part: &RetentionPart,
    complete: bool,
    old: &EniRetentionStatus,
    now: Timestamp,
) -> Vec<ReattachmentStatus> {
    let before = |id: &str| old.reattachments.iter().find(|row| row.network_interface_id == id);
    let said: BTreeSet<&str> = part.attachments.iter().map(|row| row.interface.as_str()).collect();
    let silent = |row: &&ReattachmentStatus| !complete && !said.contains(row.network_interface_id.as_str());
    let new = part.attachments.iter().map(|row| reattachment(row, before(row.interface.as_str()), now));
    let mut rows: Vec<ReattachmentStatus> =
        new.chain(old.reattachments.iter().filter(silent).cloned()).take(MAX_REATTACHMENTS).collect();
    rows.sort_by(|a, b| a.network_interface_id.cmp(&b.network_interface_id));
    rows
}

fn reattachment(row: &Attachment, before: Option<&ReattachmentStatus>, now: Timestamp) -> ReattachmentStatus {
    let phase = match row.phase {
        AttachPhase::Waiting => ReattachmentPhase::Waiting,
        AttachPhase::Requested => ReattachmentPhase::Requested,
        AttachPhase::Attached => ReattachmentPhase::Attached,
        AttachPhase::Refused => ReattachmentPhase::Refused,
        AttachPhase::Obsolete => ReattachmentPhase::Obsolete,
    };
    let since = before.filter(|before| before.phase == phase).map(|before| before.since.clone());
    ReattachmentStatus {
        network_interface_id: row.interface.to_string(),
        instance_id: row.instance.as_ref().map(ToString::to_string),
        node_name: row.node.as_deref().map(str::to_owned),
        phase,
        reason: row.reason.as_str().to_owned(),
        message: sentence(row.reason.sentence(), row.detail.as_deref()),
        since: since.unwrap_or_else(|| whole_seconds(now)),
    }
}

/// The status that says what is to be said. It loses rows, so that it can be stored.
pub fn status(
    report: &Report,
    conditions: Vec<Condition>,
    lists: Lists,
    of: Generation,
) -> EniRetentionStatus {
    let mut status = EniRetentionStatus {
        observed_generation: Some(of),
        conditions,
        retention_state: Some(state(report.judgement.summary)),
        counts: counts(report),
        retained_eni_ids: lists.retained,
        available_eni_ids: lists.available,
        network_interfaces: lists.rows,
        reattachments: lists.reattachments,
    };
    status.shorten_to_fit();
    status
}

/// Whether two statuses say the same in everything that we say.
pub fn same(old: &EniRetentionStatus, new: &EniRetentionStatus) -> bool {
    old.observed_generation == new.observed_generation
        && old.retention_state == new.retention_state
        && old.counts == new.counts
        && old.retained_eni_ids == new.retained_eni_ids
        && old.available_eni_ids == new.available_eni_ids
        && old.network_interfaces == new.network_interfaces
        && old.reattachments == new.reattachments
        && same_conditions(&old.conditions, &new.conditions)
}

fn state(summary: Summary) -> RetentionState {
    match summary {
        Summary::Safe => RetentionState::Retained,
        Summary::SafeWhereApplicable => RetentionState::RetainedWhereApplicable,
        Summary::Weak => RetentionState::Unretained,
        Summary::AsAsked => RetentionState::Released,
        Summary::NoTargets => RetentionState::NoTargets,
        Summary::Unknown => RetentionState::Unknown,
    }
}

/// What is told besides the domain condition, the survivors and what is lost: each interface that the spec gives up, and each
/// attachment that has come to an end.
pub fn news(
    departed: Option<&BTreeMap<InterfaceId, Reason>>,
    old: Option<&EniRetentionStatus>,
    new: &EniRetentionStatus,
) -> Vec<News> {
    let nothing = EniRetentionStatus::default();
    let old = old.unwrap_or(&nothing);
    let retained: BTreeSet<&String> = new.retained_eni_ids.iter().collect();
    let left = old.retained_eni_ids.iter().filter(|id| !retained.contains(id)).filter_map(|id| {
        let reason = *departed?.get(&InterfaceId::new(id)).filter(|reason| **reason != Reason::Departed)?;
        Some(News {
            kind: EventType::Normal,
            reason,
            action: "Retain",
            note: format!("{id} is not retained any more. {}", reason.sentence()),
        })
    });
    let ended = new.reattachments.iter().filter_map(|row| {
        let id = &row.network_interface_id;
        let kind = match row.phase {
            ReattachmentPhase::Attached => EventType::Normal,
            ReattachmentPhase::Refused | ReattachmentPhase::Obsolete => EventType::Warning,
            ReattachmentPhase::Waiting | ReattachmentPhase::Requested | ReattachmentPhase::Unknown => {
                return None;
            }
        };
        let before = old.reattachments.iter().find(|before| before.network_interface_id == *id);
        if before.is_some_and(|before| before.phase == row.phase) {
            return None;
        }
        let to = row.instance_id.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
        Some(News {
            kind,
            reason: Reason::from_word(&row.reason)?,
            action: "Attach",
            note: format!("{id}{to}: {}", row.message),
        })
    });
    left.chain(ended).collect()
}

/// The interfaces that have outlived their instance since status was written the last time, and which instance that was.
pub fn survivors(old: Option<&EniRetentionStatus>, new: &EniRetentionStatus) -> Survivors {
    let known: BTreeSet<&String> = old.iter().flat_map(|old| &old.available_eni_ids).collect();
    let rows = new.network_interfaces.iter().map(|row| (&row.network_interface_id, &row.last_instance_id));
    let rows: BTreeMap<&String, &Option<String>> = rows.collect();
    let fresh = new.available_eni_ids.iter().filter(|id| !known.contains(id));
    fresh.map(|id| (id.clone(), rows.get(id).and_then(|last| (*last).clone()))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keeper_core::id::InstanceId;
    use keeper_core::retention::MAX_RETAINED as CORE_MAX_RETAINED;

    use super::*;
    use crate::api::{MAX_MESSAGE, MAX_RETAINED};
    use crate::controllers::lagging::Lagging;

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
            reason: Reason::AllSafe,
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

    /// What a fleet says that has read everything.
    fn told(retained: &[&str], rows: Vec<InterfaceRow>) -> RetentionPart {
        let free = rows.iter().filter(|row| row.phase == InterfacePhase::Available);
        RetentionPart {
            retained: ids(retained),
            available: free.map(|row| row.id.clone()).collect(),
            rows,
            ..RetentionPart::default()
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

    fn next(part: &RetentionPart, old: &EniRetentionStatus, second: i64) -> EniRetentionStatus {
        written(lists(Some(part), true, Some(old), &[], at(second)))
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
    fn the_limits_of_status_and_of_what_is_remembered_are_the_same() {
        assert_eq!(MAX_RETAINED, CORE_MAX_RETAINED);
        assert_eq!(MAX_LISTED_SURVIVORS, keeper_core::retention::MAX_SURVIVORS);
        assert_eq!(MAX_LISTED_GONE, keeper_core::retention::MAX_GONE);
        assert_eq!(MAX_LISTED_ATTACHED, keeper_core::retention::MAX_ATTACHED);
    }

    #[test]
    fn i19_an_id_leaves_only_with_a_reason() {
        let old = standing();
        let empty = told(&[], Vec::new());
        for said in [None, Some(&empty)] {
            for complete in [true, false] {
                let new = written(lists(said, complete, Some(&old), &[], at(200)));
                assert_eq!(new, old, "whatever is not spoken of stands");
            }
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
        let mut told: Vec<(String, Reason)> = news(Some(&part.departed), Some(&old), &new)
            .into_iter()
            .map(|news| (news.note, news.reason))
            .collect();
        told.sort();
        assert_eq!(
            told.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(),
            [Reason::Excluded],
            "what is gone is told as a loss"
        );
        assert!(told[0].0.starts_with("eni-c "), "{told:?}");
        assert_eq!(news(Some(&part.departed), Some(&new), &new), [], "told once");
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
        assert_eq!(
            back.network_interfaces.iter().filter(|row| row.network_interface_id == "eni-29").count(),
            1
        );
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
                RetentionPart { attachments: vec![attachment(phase, reason)], ..RetentionPart::default() };
            let new = next(&part, &status, second);
            told.extend(news(None, Some(&status), &new).into_iter().map(|news| (news.kind, news.reason)));
            status = new;
        }
        assert_eq!(
            told,
            [(EventType::Warning, Reason::QuotaExceeded), (EventType::Normal, Reason::AttachDone)]
        );
        assert_eq!(status.reattachments[0].since.0, at(4));
        let silent = written(lists(Some(&RetentionPart::default()), false, Some(&status), &[], at(9)));
        assert_eq!(silent.reattachments, status.reattachments, "not every fleet has spoken");
        assert_eq!(next(&RetentionPart::default(), &status, 9).reattachments, []);
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

    #[test]
    fn i19_i20_a_full_list_keeps_what_it_has_but_for_survivors() {
        let listed: Vec<String> = (0..MAX_RETAINED).map(|n| format!("eni-b{n:04}")).collect();
        let old = EniRetentionStatus { retained_eni_ids: listed.clone(), ..EniRetentionStatus::default() };
        let attached = lists(Some(&told(&["eni-a", "eni-b0000"], Vec::new())), true, Some(&old), &[], at(1));
        assert_eq!((attached.full, &attached.retained), (false, &listed), "its instance leads to eni-a");

        let part = told(&["eni-a", "eni-b0000", "eni-z"], vec![free("eni-a"), free("eni-z")]);
        let survived = lists(Some(&part), true, Some(&old), &[], at(1));
        assert_eq!((survived.full, survived.retained.len()), (false, MAX_RETAINED));
        assert_eq!(survived.retained[..3], ["eni-a", "eni-z", "eni-b0001"], "survivors stand first");
        assert!(!survived.retained.contains(&"eni-b0000".to_owned()), "an instance leads to it");
        assert_eq!(survived.available, ["eni-a", "eni-z"]);

        let old = written(survived);
        let again = written(lists(Some(&part), true, Some(&old), &[], at(9)));
        assert_eq!(again, old, "and then nothing changes");

        let free_ones: Vec<String> = (0..=MAX_RETAINED).map(|n| format!("eni-f{n:04}")).collect();
        let ids: Vec<&str> = free_ones.iter().map(String::as_str).collect();
        let (one, other) = ids.split_at(3000);
        let mut joined = told(one, one.iter().map(|id| free(id)).collect());
        joined.join(&told(other, other.iter().map(|id| free(id)).collect()));
        let crowd = lists(Some(&joined), true, None, &[], at(1));
        assert!(crowd.full, "regions that are not full alone can be so together");
        assert_eq!((crowd.retained.len(), crowd.rows.len()), (MAX_RETAINED, MAX_LISTED_SURVIVORS));
    }

    #[test]
    fn what_a_fleet_leaves_out_for_others_leaves_the_list() {
        let old = standing();
        let mut part = told(&["eni-a", "eni-b"], vec![free("eni-a"), free("eni-b")]);
        part.displaced.insert(InterfaceId::new("eni-c"));
        assert_eq!(next(&part, &old, 200).retained_eni_ids, ["eni-a", "eni-b"]);
    }

    #[test]
    fn the_oldest_survivors_have_rows_and_rows_that_do_not_fit_are_dropped_in_silence() {
        let first: Vec<String> = (0..MAX_LISTED_SURVIVORS).map(|n| format!("eni-b{n:04}")).collect();
        let ids: Vec<&str> = first.iter().map(String::as_str).collect();
        let old =
            next(&told(&ids, ids.iter().map(|id| free(id)).collect()), &EniRetentionStatus::default(), 100);
        let all: Vec<&str> = std::iter::once("eni-a").chain(ids).collect();
        let lists =
            lists(Some(&told(&all, all.iter().map(|id| free(id)).collect())), true, Some(&old), &[], at(200));
        assert!(!lists.full);
        assert_eq!(lists.available.len(), MAX_LISTED_SURVIVORS + 1);
        let rows: Vec<&String> = lists.rows.iter().map(|row| &row.network_interface_id).collect();
        assert_eq!(rows, first.iter().collect::<Vec<_>>());

        let report = Report {
            judgement: keeper_core::conditions::unserved(Reason::NotGranted, ""),
            question: None,
            part: keeper_core::verdict::Part::default(),
            lagging: Lagging::default(),
            counted: false,
        };
        let fat = |row: &NetworkInterfaceStatus| NetworkInterfaceStatus {
            message: "&".repeat(MAX_MESSAGE),
            ..row.clone()
        };
        let rows = lists.rows.iter().map(fat).collect();
        let status = status(&report, Vec::new(), Lists { rows, ..lists }, 1);
        assert!(status.network_interfaces.len() < MAX_LISTED_SURVIVORS);
        assert_eq!(status.available_eni_ids.len(), MAX_LISTED_SURVIVORS + 1);
    }
}
