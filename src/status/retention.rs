//! The status of an `EniRetention`.
//!
//! This status is the object's memory, and is written from what a worker says of it, which knows nothing at first. So it is
//! never made anew: a retained id leaves it only when the worker says why (I19), and what it has not read yet stands as it
//! was (I20).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::Summary;
use keeper_core::id::{Generation, InterfaceId};
use keeper_core::interface::{Belongings, InterfaceType};
use keeper_core::loss::Cause;
use keeper_core::reason::Reason;
use keeper_core::retention::{
    AttachPhase, Attachment, InterfacePhase, InterfaceRow, RetentionReport, RowGroup, cut_rows,
};
use kube::runtime::events::EventType;

use super::api_conditions::same_conditions;
use super::fields::{counts, risks, sentence, whole_seconds};
use super::losses::Lost;
use super::report::Report;
use crate::api::{
    ChangeStatus, Eip, EniRetentionStatus, MAX_ADDRESS, MAX_ADDRESSES, MAX_ENI_ID, MAX_ID, MAX_PREFIX,
    MAX_REATTACHMENTS, MAX_RETAINED, MAX_SECURITY_GROUPS, Mode, NetworkInterfacePhase,
    NetworkInterfaceStatus, NetworkInterfaceType, Object, ReattachmentPhase, ReattachmentStatus, Resource,
    Retention, RetentionAct, RetentionActStatus, RetentionState, WatchedObject, generation,
};
use crate::events::{ObjectEvent, Survivors};

/// The reason of a row whose flag holds the protected value.
const RETAINED: &str = "Retained";

#[derive(Debug)]
pub struct Lists {
    retained: Vec<String>,
    available: Vec<String>,
    rows: Vec<NetworkInterfaceStatus>,
    reattachments: Vec<ReattachmentStatus>,
}

/// What status is to list from now on: what the worker says, and of what stands there all that it doesn't speak against.
/// `None`: it has said nothing yet.
pub fn lists(
    part: Option<&RetentionReport>,
    old: Option<&EniRetentionStatus>,
    lost: &[Lost],
    now: Timestamp,
) -> Lists {
    let nothing = EniRetentionStatus::default();
    let old = old.unwrap_or(&nothing);
    let reattachments = part.map_or_else(|| old.reattachments.clone(), |part| reattachments(part, old, now));
    let silence = RetentionReport::default();
    let part = part.unwrap_or(&silence);
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
    let mut retained: Vec<&String> = candidates.iter().collect();
    if retained.len() > MAX_RETAINED {
        // The worker keeps to the limit, but may not know yet what stands there.
        retained.sort_by_cached_key(|id| (!available.contains(*id), !loose(id), !stands(id)));
        retained.truncate(MAX_RETAINED);
    }
    retained.sort_by_key(|id| (!available.contains(*id), *id));
    let listed: BTreeSet<String> = retained.iter().copied().cloned().collect();
    let rows = rows(part, old, |id| listed.contains(id) && stands(id), &listed, lost, now);
    Lists {
        retained: retained.into_iter().cloned().collect(),
        available: available.iter().filter(|id| listed.contains(*id)).cloned().collect(),
        rows,
        reattachments,
    }
}

/// The ids that are to be listed, if there is room: those that the worker tells, and those that stand there, unless it says why
/// not.
fn candidates(part: &RetentionReport, old: &EniRetentionStatus) -> BTreeSet<String> {
    let left = |id: &String| {
        let id = InterfaceId::new(id);
        part.departed.contains_key(&id) || part.displaced.contains(&id)
    };
    let standing = old.retained_eni_ids.iter().filter(|id| !left(id)).cloned();
    let listed: BTreeSet<&str> = old.retained_eni_ids.iter().map(String::as_str).collect();
    // Somebody else has led meanwhile.
    let forgotten = |id: &&InterfaceId| part.listed_survivors.contains(*id) && !listed.contains(id.as_str());
    let told = part.retained.iter().filter(|id| !forgotten(id)).map(InterfaceId::as_str);
    told.filter(|id| id.len() <= MAX_ENI_ID).map(str::to_owned).chain(standing).collect()
}

/// The rows in their order, as many of each sort as are listed.
fn rows(
    part: &RetentionReport,
    old: &EniRetentionStatus,
    stands: impl Fn(&String) -> bool,
    retained: &BTreeSet<String>,
    lost: &[Lost],
    now: Timestamp,
) -> Vec<NetworkInterfaceStatus> {
    let before: BTreeMap<&str, &NetworkInterfaceStatus> =
        old.network_interfaces.iter().map(|row| (row.network_interface_id.as_str(), row)).collect();
    let forgotten = |id: &InterfaceId| part.listed_survivors.contains(id) && !retained.contains(id.as_str());
    let listable = part.rows.iter().filter(|row| row.id.as_str().len() <= MAX_ENI_ID && !forgotten(&row.id));
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
        // Of these no selected instance may tell.
        let anew = |row: &NetworkInterfaceStatus| {
            matches!(row.phase, NetworkInterfacePhase::Attaching | NetworkInterfacePhase::Reattached)
        };
        let first = match group(a) {
            // The oldest, so that none loses its row to another.
            RowGroup::Free => a.since.cmp(&b.since),
            RowGroup::Attached => (attention(b), anew(b)).cmp(&(attention(a), anew(a))),
            RowGroup::Gone => b.since.cmp(&a.since),
        };
        group(a).cmp(&group(b)).then(first).then_with(|| a.network_interface_id.cmp(&b.network_interface_id))
    });
    cut_rows(&mut rows, group);
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

fn group(row: &NetworkInterfaceStatus) -> RowGroup {
    match row.phase {
        NetworkInterfacePhase::Available | NetworkInterfacePhase::Detached => RowGroup::Free,
        NetworkInterfacePhase::Gone => RowGroup::Gone,
        NetworkInterfacePhase::Attached
        | NetworkInterfacePhase::Attaching
        | NetworkInterfacePhase::Reattached
        | NetworkInterfacePhase::NotApplicable
        | NetworkInterfacePhase::Unknown => RowGroup::Attached,
    }
}

fn row(
    row: &InterfaceRow,
    before: Option<&NetworkInterfaceStatus>,
    now: Timestamp,
) -> NetworkInterfaceStatus {
    let phase = phase(row.phase);
    let last_instance = row.last_instance.as_ref().map(ToString::to_string);
    // It may have been on another instance meanwhile, and have outlived that one, too.
    let same = |before: &&NetworkInterfaceStatus| {
        before.phase == phase
            && (phase != NetworkInterfacePhase::Available || before.last_instance_id == last_instance)
    };
    let since = before.filter(same).map(|before| before.since.clone());
    let carried = &row.belongings;
    // Where an interface is never changes, and the most of the cloud's answer is remembered of free ones alone.
    let place = |of: Option<&str>, was: fn(&NetworkInterfaceStatus) -> &Option<String>| {
        let known = of.filter(|text| fits(text, MAX_ID)).map(str::to_owned);
        known.or_else(|| before.and_then(|before| was(before).clone()))
    };
    let (reason, text) = match row.reason {
        Reason::AllProtected => (RETAINED, retained_as(phase, row.last_instance.is_some())),
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
        last_instance_id: last_instance,
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

/// Where the intents to attach stand.
fn reattachments(
    part: &RetentionReport,
    old: &EniRetentionStatus,
    now: Timestamp,
) -> Vec<ReattachmentStatus> {
    let before = |id: &str| old.reattachments.iter().find(|row| row.network_interface_id == id);
    let new = part.attachments.iter().map(|row| reattachment(row, before(row.interface.as_str()), now));
    let mut rows: Vec<ReattachmentStatus> = new.take(MAX_REATTACHMENTS).collect();
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

/// What was done once for this generation. As of an `EcsInstanceProtection`.
pub fn acts(report: &Report, seen: &WatchedObject) -> Vec<RetentionActStatus> {
    let (of, act) = (generation(&seen.meta), RetentionAct::Release);
    let spec = seen.object.as_ref().and_then(Object::retention).map(|object| &object.spec);
    // The condition says the same of who only observes, for whom nothing was done.
    let asked = spec.is_none_or(|spec| spec.retention != Retention::Retain && spec.mode != Mode::Observe);
    let stands = seen.retention_status().is_some_and(|old| old.lists(act, of));
    let done = report.part.progress.as_ref().is_some_and(|progress| progress.done);
    let released = done || stands || asked && seen.carried_out();
    released.then_some(RetentionActStatus { act, generation: of }).into_iter().collect()
}

/// The status that says what is to be said. It loses rows, so that it can be stored.
pub fn status(
    report: &Report,
    conditions: Vec<Condition>,
    lists: Lists,
    (acts, changes): (Vec<RetentionActStatus>, Vec<ChangeStatus>),
    of: Generation,
) -> EniRetentionStatus {
    let mut status = EniRetentionStatus {
        observed_generation: Some(of),
        conditions,
        retention_state: Some(state(report.condition_set.summary)),
        counts: counts(report),
        retained_eni_ids: lists.retained,
        available_eni_ids: lists.available,
        network_interfaces: lists.rows,
        reattachments: lists.reattachments,
        acts,
        changes,
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
        && old.acts == new.acts
        && old.changes == new.changes
        && same_conditions(&old.conditions, &new.conditions)
}

fn state(summary: Summary) -> RetentionState {
    match summary {
        Summary::Protected => RetentionState::Retained,
        // Nothing is excepted from retention.
        Summary::ProtectedButExceptions | Summary::ProtectedWhereApplicable => {
            RetentionState::RetainedWhereApplicable
        }
        Summary::Unprotected => RetentionState::Unretained,
        Summary::AsAsked => RetentionState::Released,
        Summary::NoTargets => RetentionState::NoTargets,
        Summary::Unknown => RetentionState::Unknown,
    }
}

/// What is told besides the domain condition, the survivors and what is lost: each interface that the spec gives up, and each
/// attachment that has come to an end.
pub fn events(
    departed: Option<&BTreeMap<InterfaceId, Reason>>,
    old: Option<&EniRetentionStatus>,
    new: &EniRetentionStatus,
) -> Vec<ObjectEvent> {
    let nothing = EniRetentionStatus::default();
    let old = old.unwrap_or(&nothing);
    let retained: BTreeSet<&String> = new.retained_eni_ids.iter().collect();
    let rows = || old.network_interfaces.iter();
    let left = old.retained_eni_ids.iter().filter(|id| !retained.contains(id)).filter_map(|id| {
        let reason = *departed?.get(&InterfaceId::new(id)).filter(|reason| **reason != Reason::Departed)?;
        let row = rows().find(|row| row.network_interface_id == *id);
        let history = row.filter(|_| reason == Reason::SurvivorForgotten).map(history).unwrap_or_default();
        Some(ObjectEvent {
            kind: EventType::Normal,
            reason,
            action: "Retain",
            note: format!("{id} is no longer retained.{history} {}", reason.sentence()),
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
        Some(ObjectEvent {
            kind,
            reason: Reason::from_word(&row.reason)?,
            action: "Attach",
            note: format!("{id}{to}: {}", row.message),
        })
    });
    left.chain(ended).collect()
}

/// Which instance it has outlived, and since when status has said so.
fn history(row: &NetworkInterfaceStatus) -> String {
    let instance = row.last_instance_id.as_deref().unwrap_or("its instance");
    format!(" It has outlived {instance}, and has been free since {}.", row.since.0)
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
mod tests;
