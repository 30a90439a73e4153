//! What is said of retained interfaces: the complete list of them, rows for those that outlived their instance, and where
//! intents to attach stand.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::attach_step::{destinations, is_free};
use super::attacher::Attacher;
use super::flag_view::FlagView;
use super::hosting::host_changes_for;
use super::hosts::{Hosts, Role, hosts_of};
use super::judge::judge_part;
use super::object::Memory;
use super::object::Object;
use super::targets::Targets;
use super::turn::Turn;
use super::view::View;
use crate::delete_on_release::DeleteOnRelease;
use crate::id::{InstanceId, InterfaceId, ObjectId};
use crate::interface::{Interface, InterfaceFacts, InterfaceStatus};
use crate::reason::{Reason, Risk};
use crate::resource::{Place, Resource};
use crate::retention::{
    InterfacePhase, InterfaceRow, MAX_ATTACHED, MAX_RETAINED, MAX_SURVIVORS, Remembered, RetentionReport,
    sort_rows,
};
use crate::verdict::{RegionReport, Verdict};

/// Brings up what an object wants to know of besides the instances that its spec selects. Whether that has changed.
pub(crate) fn update_watch(
    turn: &Turn<'_>,
    targets: &mut Targets<Interface>,
    attacher: &Attacher,
    name: &ObjectId,
) -> bool {
    let Some(object) = targets.objects.get(name) else { return false };
    let watch = wanted_instances(targets.view(turn), attacher, name, object);
    if watch == object.watch {
        return false;
    }
    let changed: Vec<InstanceId> = watch.symmetric_difference(&object.watch).cloned().collect();
    for id in changed {
        host_changes_for(targets, turn, name, &id);
    }
    if let Some(object) = targets.objects.get_mut(name) {
        object.watch = watch;
    }
    true
}

/// Whether the object's spec selects the instance.
fn selects(hosts: Option<Hosts<'_>>, instance: Option<&InstanceId>) -> bool {
    instance.and_then(|instance| hosts?.role(instance)) == Some(Role::Selected)
}

/// Lists the ids of what is remembered, as far as there is room: first those that nothing but memory leads to, survivors
/// above all, and those that status lists already before those that are new.
fn list_ids(memory: &Memory<Interface>, part: &mut RetentionReport) {
    part.full = part.available.len() + part.loose.len() > MAX_RETAINED;
    if memory.kept.len() <= MAX_RETAINED {
        part.retained.extend(memory.kept.keys().cloned());
        return;
    }
    let durable = |id: &InterfaceId| memory.durable.as_ref().is_some_and(|ids| ids.contains(id));
    let place = |id: &InterfaceId, remembered: &Remembered| {
        let survivor = part.available.contains(id) || (remembered.survived && part.unread.contains(id));
        (!survivor, !part.loose.contains(id), !part.unread.contains(id), !durable(id))
    };
    let mut all: Vec<_> = memory.kept.iter().map(|(id, remembered)| (place(id, remembered), id)).collect();
    all.sort_unstable();
    part.retained = all.iter().take(MAX_RETAINED).map(|(_, id)| (*id).clone()).collect();
    let left_out = all.into_iter().skip(MAX_RETAINED).map(|(_, id)| id);
    part.displaced = left_out.filter(|id| durable(id)).cloned().collect();
    part.available.retain(|id| part.retained.contains(id));
    part.loose.retain(|id| part.retained.contains(id));
}

/// What is said of an object that retains interfaces, with what it remembers, and what it took to find out.
pub(crate) fn judge_retention(
    view: FlagView<'_, DeleteOnRelease>,
    attacher: &Attacher,
    name: &ObjectId,
) -> (RegionReport, Duration) {
    let Some(object) = view.objects.get(name) else { return (RegionReport::default(), Duration::ZERO) };
    let (memory, hosts) = (&object.memory, hosts_of(view.hosts, name));
    let departed = memory.departed.iter().map(|(id, departure)| (id.clone(), departure.reason)).collect();
    let mut part = RetentionReport { departed, ..RetentionReport::default() };
    let listed = |id: &InterfaceId| memory.rows.contains(id);
    let (report, cost) = judge_part(
        view,
        name,
        |_, _| {},
        |id, verdict, risks| {
            let evidence = view.inventory.evidence(id);
            let kept = memory.kept.get(id);
            let Some(facts) = evidence.map(|e| &e.facts) else {
                if kept.is_some() {
                    part.unread.insert(id.clone());
                }
                return;
            };
            let row = row(view, id, facts, kept, verdict, risks.to_vec());
            if kept.is_some() {
                match row.phase {
                    InterfacePhase::Available => part.available.insert(id.clone()),
                    InterfacePhase::Detached => part.loose.insert(id.clone()),
                    InterfacePhase::Reattached if !selects(hosts, row.instance.as_ref()) => {
                        part.loose.insert(id.clone())
                    }
                    _ => false,
                };
                part.free.available += u32::from(row.phase == InterfacePhase::Available);
                part.free.detached += u32::from(row.phase == InterfacePhase::Detached);
            }
            part.rows.push(row);
            // Only what may end up in the list is kept while going through it.
            if part.rows.len() > 4 * (MAX_SURVIVORS + MAX_ATTACHED) {
                sort_rows(&mut part.rows, listed);
            }
        },
    );
    list_ids(memory, &mut part);
    if object.intent.forget_after.is_some() {
        let listed = |id: &&InterfaceId| memory.durable.as_ref().is_some_and(|ids| ids.contains(*id));
        part.listed_survivors = part.available.iter().filter(listed).cloned().collect();
    }
    for (id, remembered, facts) in memory.gone.iter().filter(|(id, ..)| !memory.kept.contains_key(id)) {
        let verdict = Verdict::Unknown(Reason::Departed);
        let mut row = row(view, id, facts, Some(remembered), verdict, Vec::new());
        row.phase = InterfacePhase::Gone;
        row.last_instance = row.instance.take().or(row.last_instance);
        part.rows.push(row);
    }
    sort_rows(&mut part.rows, listed);
    part.attachments = attacher.rows(name);
    (RegionReport { retention: Some(Box::new(part)), ..report }, cost)
}

fn row(
    view: FlagView<'_, DeleteOnRelease>,
    id: &InterfaceId,
    facts: &InterfaceFacts,
    remembered: Option<&Remembered>,
    verdict: Verdict,
    risks: Vec<Risk>,
) -> InterfaceRow {
    let phase = match (verdict, facts.status, remembered) {
        (Verdict::NotApplicable(_), ..) => InterfacePhase::NotApplicable,
        (_, Some(InterfaceStatus::Attaching), _) => InterfacePhase::Attaching,
        (_, Some(InterfaceStatus::Available), Some(r)) if r.survived => InterfacePhase::Available,
        (_, Some(InterfaceStatus::Available), _) => InterfacePhase::Detached,
        (_, _, Some(r)) if r.reattached => InterfacePhase::Reattached,
        _ => InterfacePhase::Attached,
    };
    let reason = verdict.reason();
    InterfaceRow {
        id: id.clone(),
        interface_type: facts.interface_type,
        phase,
        attention: !matches!(verdict, Verdict::Protected(_)) || !risks.is_empty(),
        instance: Interface::place(facts).instance().cloned(),
        last_instance: remembered.and_then(|r| r.before.clone()),
        zone_id: facts.zone_id.clone(),
        belongings: Arc::clone(&facts.belongings),
        reason,
        detail: view.row_detail(id, reason),
        risks,
    }
}

/// The instances that hold the object's targets, those that free ones were on last, and those to which something is to
/// be attached.
fn wanted_instances(
    view: View<'_, Interface>,
    attacher: &Attacher,
    name: &ObjectId,
    object: &Object<Interface>,
) -> BTreeSet<InstanceId> {
    let hosts = hosts_of(view.hosts, name);
    let mut wanted: BTreeSet<InstanceId> = destinations(attacher, name, object).cloned().collect();
    for id in view.reach(object) {
        let facts = view.inventory.evidence(id).map(|e| &e.facts);
        if let Some(Place::On(instance)) = facts.map(Interface::place)
            && !selects(hosts, Some(instance))
            && !object.intent.selector.exclude_ids.contains(id)
        {
            wanted.insert(instance.clone());
        }
    }
    for (id, remembered) in &object.memory.kept {
        if let Some(last) = remembered.before.as_ref().filter(|_| is_free(view, id) && !remembered.survived) {
            wanted.insert(last.clone());
        }
    }
    wanted
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// So many of each sort of what is remembered, in the order in which they are listed, except that the ids say the
    /// opposite.
    const SORTS: [&str; 6] =
        ["survivor", "unread survivor", "loose", "unread", "attached, durable", "attached, new"];

    /// How many of each sort are listed, how many made room for others, and whether that is too many.
    fn listed(counts: [usize; 6]) -> (BTreeMap<&'static str, usize>, usize, bool) {
        let (mut memory, mut part) = (Memory::<Interface>::default(), RetentionReport::default());
        let mut durable = BTreeSet::new();
        for (n, (sort, count)) in SORTS.into_iter().zip(counts).enumerate() {
            for k in 0..count {
                let id = InterfaceId::new(format!("eni-{}{k:04}", 9 - n));
                let survived = sort.contains("survivor");
                memory.kept.insert(id.clone(), Remembered { survived, ..Remembered::default() });
                match sort {
                    "survivor" => part.available.insert(id.clone()),
                    "loose" => part.loose.insert(id.clone()),
                    _ if sort.contains("unread") => part.unread.insert(id.clone()),
                    _ => false,
                };
                if sort == "attached, durable" {
                    durable.insert(id);
                }
            }
        }
        memory.durable = Some(durable);
        list_ids(&memory, &mut part);
        assert!(part.available.union(&part.loose).all(|id| part.retained.contains(id)), "{counts:?}");
        assert!(part.displaced.is_disjoint(&part.retained), "{counts:?}");
        let mut told = BTreeMap::new();
        for id in &part.retained {
            let n = id.as_str().as_bytes().get(4).map_or(0, |letter| usize::from(b'9' - letter));
            *told.entry(SORTS[n]).or_default() += 1;
        }
        (told, part.displaced.len(), part.full)
    }

    #[test]
    fn i19_i20_what_only_memory_leads_to_is_listed_first_and_survivors_above_all() {
        let few = [1, 1, 1, 1, 1, 1];
        assert_eq!(listed(few), (SORTS.into_iter().zip(few).collect(), 0, false));
        for (counts, expected, displaced, full) in [
            ([2000, 2000, 2000, 2000, 9, 9], [2000, 2000, 1000, 0, 0, 0], 9, false),
            ([2000, 0, 2000, 2000, 9, 9], [2000, 0, 2000, 1000, 0, 0], 9, false),
            ([2000, 0, 0, 2000, 1009, 9], [2000, 0, 0, 2000, 1000, 0], 9, false),
            ([2000, 0, 0, 2000, 900, 200], [2000, 0, 0, 2000, 900, 100], 0, false),
            ([2500, 0, 2500, 0, 9, 9], [2500, 0, 2500, 0, 0, 0], 9, false),
            ([5010, 0, 0, 0, 0, 0], [5000, 0, 0, 0, 0, 0], 0, true),
            ([2500, 0, 2501, 0, 0, 0], [2500, 0, 2500, 0, 0, 0], 0, true),
        ] {
            let (told, made_room, too_many) = listed(counts);
            let wanted: BTreeMap<&str, usize> =
                SORTS.into_iter().zip(expected).filter(|(_, count)| *count > 0).collect();
            assert_eq!((told, made_room, too_many), (wanted, displaced, full), "{counts:?}");
        }
    }
}
