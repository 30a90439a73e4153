//! What is said of one object in one region: the verdict on each of its targets, counted and put into words.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::care;
use super::flag_view::FlagView;
use super::holds::held_by_other;
use super::hosts::{Hosts, Openness, Presence, doubtful_hosts, hosts_of, is_no_id, lists_disagree};
use super::membership::{Member, member_on, unlisted};
use super::object::Object;
use super::suspension::{exception_ends, is_carried_out, is_lifted, lift_ends, steps_aside};
use super::unprotect_checks::progress;
use super::view::View;
use crate::deletion_protection::risk_of_hosted;
use crate::flag::{Applicability, Id, MainFlag};
use crate::id::{InstanceId, ObjectId};
use crate::reason::{Reason, Risk};
use crate::resource::Resource;
use crate::scaling_groups::ScalingGroups;
use crate::verdict::{
    Counts, Groups, MAX_ROWS, NodeFindings, RegionReport, Row, State, Verdict, sort_rows, tell_with,
};

/// What is said of an object, and what it took to find out, reckoned. `amend`: what the other flags of a target make of its
/// risks. `each`: what else is to be done with what is said of each of its targets.
pub(crate) fn judge_part<F: MainFlag>(
    view: FlagView<'_, F>,
    name: &ObjectId,
    amend: impl Fn(&Id<F>, &mut Vec<Risk>),
    mut each: impl FnMut(&Id<F>, Verdict, &[Risk]),
) -> (RegionReport, Duration) {
    let Some(object) = view.objects.get(name) else { return (RegionReport::default(), Duration::ZERO) };
    let mut counts = Counts::default();
    let mut rows: Vec<Row> = Vec::new();
    let (mut gone, mut refused) = (BTreeSet::new(), BTreeSet::new());
    let (mut looked_at, mut living) = (0, false);
    // After a start, what is missing is looked up once more before the word that stands is changed: it may have been
    // proven to be gone long ago.
    let at_start = object.hot_until.is_none();
    let hosts = hosts_of(view.hosts, name);
    let open = hosts.map(Hosts::openness);
    let mut awaiting = open
        .is_some_and(|open| open.awaits || (at_start && open.misses) || (!object.settled && open.unheard));
    for id in view.reach(object) {
        looked_at += 1;
        let Some((verdict, mut risks)) = judge_target(view, name, object, id) else { continue };
        let named = object.intent.selector.ids.contains(id);
        if verdict == Verdict::Unknown(Reason::NotFound) && object.intent.lifts.contains_key(id) && !named {
            // That it goes with its Node was what was asked for. An id that the spec has is to be taken out.
            continue;
        }
        amend(id, &mut risks);
        awaiting |= matches!(verdict, Verdict::Unknown(Reason::AwaitingEvidence))
            || (!object.settled && verdict == Verdict::Unknown(Reason::EvidenceStale))
            || (at_start && verdict == Verdict::Unknown(Reason::Missing));
        living |= verdict != Verdict::Unknown(Reason::NotFound);
        let (verdict, risks) = in_words(view, (name, object), id, (verdict, risks));
        match verdict {
            Verdict::Unknown(Reason::NodeInstanceGone) => _ = gone.insert(InstanceId::new(id)),
            Verdict::Unknown(Reason::NodeIdRefused) => _ = refused.insert(InstanceId::new(id)),
            _ => {}
        }
        each(id, verdict, &risks);
        counts.add_with(id.as_ref(), named, verdict, &risks, |reason| view.words(id, reason));
        let state = verdict.state();
        // Only what may end up in the list is kept while going through it.
        if F::Of::REMEMBERS {
            continue;
        }
        if state != State::Protected || !risks.is_empty() || rows.len() < MAX_ROWS {
            rows.push(row(view, object, id, (verdict, risks)));
            if rows.len() > 4 * MAX_ROWS {
                sort_rows(&mut rows);
            }
        }
    }
    sort_rows(&mut rows);
    let by_host = hosts.filter(|_| object.intent.hosts.is_some());
    // What has no targets but those that are proven to be gone, and would have none by any sweep, waits for none.
    let lagging = view.lagging().filter(|_| living || object.needs_listing());
    let lagging = lagging.or(by_host.and(open).and_then(|open| open.lagging));
    let unlisted = unlisted(*view, name).or(lagging);
    let unlisted_words = unlisted.and_then(|reason| {
        let of_hosts = hosts.filter(|hosts| hosts.unlisted() == Some(reason));
        let told = of_hosts.and_then(|hosts| hosts.words_for(reason));
        told.or_else(|| view.words_of_reads(reason)).map(Into::into)
    });
    awaiting |=
        unlisted == Some(Reason::AwaitingListing) || (!object.settled && awaits_listing(*view, object));
    let waited = view.now.since(object.born) >= view.patience;
    let settled = object.settled || !awaiting || waited;
    let progress = progress(view, name);
    let doubtful = doubts(view, name, object, (&mut gone, &mut refused));
    let mut fits = by_host.map(Hosts::fits).unwrap_or_default();
    if unlisted == Some(Reason::Throttled) || counts.unknown.contains_key(&Reason::Throttled) {
        fits.extend(view.fits());
    }
    let cost = cost(F::Of::REMEMBERS, looked_at, open);
    let nodes = NodeFindings::default();
    let part = RegionReport {
        settled,
        counts,
        unlisted,
        unlisted_words,
        fits,
        hosts: doubtful,
        gone,
        refused,
        nodes,
        other_flags: Groups::new(),
        exceptions: Vec::new(),
        lifted: Vec::new(),
        not_lifted: Groups::new(),
        progress,
        scale_in: None,
        scaling_groups: ScalingGroups::default(),
        rows,
        retention: None,
        lost: Vec::new(),
        cancelled: Vec::new(),
        orphans: Vec::new(),
    };
    (part, cost)
}

/// What the object's status says of one target, or would if there were room; `None`: it is none of its targets. `amend`: what the
/// other flags of the target make of its risks.
pub(super) fn judge_one<F: MainFlag>(
    view: FlagView<'_, F>,
    (name, object): (&ObjectId, &Object<F::Of>),
    id: &Id<F>,
    amend: impl FnOnce(&mut Vec<Risk>),
) -> Option<Row> {
    let (verdict, mut risks) = judge_target(view, name, object, id)?;
    amend(&mut risks);
    Some(row(view, object, id, in_words(view, (name, object), id, (verdict, risks))))
}

/// What it takes to judge so many targets. Reckoned and not measured, so that the same inputs give the same actions. Measured
/// with the examples `scale` and `scale_retention`, where each target's host is looked up, too.
fn cost(by_host: bool, looked_at: u64, hosts: Option<Openness>) -> Duration {
    let each = if by_host { 6 } else { 1 };
    Duration::from_micros(each * looked_at + hosts.map_or(0, |open| open.hosts))
}

/// Whether the object's first listing has yet to come. One that fails is no more evidence than one that has not come.
fn awaits_listing<R: Resource>(view: View<'_, R>, object: &Object<R>) -> bool {
    object.needs_listing()
        && object.listed.is_none_or(|at| at < view.term.began)
        && view.reader.unlisted() == Reason::AwaitingListing
}

/// The line of status about one target.
fn row<F: MainFlag>(
    view: FlagView<'_, F>,
    object: &Object<F::Of>,
    id: &Id<F>,
    (verdict, risks): (Verdict, Vec<Risk>),
) -> Row {
    let (state, reason) = (verdict.state(), verdict.reason());
    let detail = match verdict {
        Verdict::Excepted(_) => {
            aside_until(*view, object, id).map(|(why, until)| format!("{until}: {why}").into())
        }
        _ => view.row_detail(id, reason),
    };
    Row { id: id.as_ref().into(), state, reason, detail, risks }
}

/// The instances of which it is not known what is on them. Those that stand for Nodes and are gone, or that the cloud refuses, are
/// noted, too.
fn doubts<F: MainFlag>(
    view: FlagView<'_, F>,
    name: &ObjectId,
    object: &Object<F::Of>,
    (gone, refused): (&mut BTreeSet<InstanceId>, &mut BTreeSet<InstanceId>),
) -> Groups {
    let mut doubtful = Groups::new();
    for (instance, reason) in doubtful_hosts(*view, name, object) {
        let words = || hosts_of(view.hosts, name)?.words_for(reason).map(Into::into);
        tell_with(&mut doubtful, reason, instance.as_str(), words);
        match reason {
            Reason::NodeInstanceGone => gone.insert(instance.clone()),
            Reason::NodeIdRefused => refused.insert(instance.clone()),
            _ => false,
        };
    }
    doubtful
}

/// What is said of a target to an object: that it is excepted, if the object steps aside for it and its flag is off or was switched
/// off for that, and else what there is to do about it. An exception changes nothing about what can't carry the flag, nor about what
/// is not known: what was not seen may be gone.
fn word<F: MainFlag>(
    view: FlagView<'_, F>,
    (name, object): (&ObjectId, &Object<F::Of>),
    id: &Id<F>,
    verdict: Verdict,
) -> Verdict {
    if steps_aside(*view, object, id) == Some(false) {
        return view.explain(verdict, object, id);
    }
    let carried_out = is_carried_out(object, id);
    match verdict {
        Verdict::NotApplicable(_) => view.explain(verdict, object, id),
        // Only that of a write of its own the effect is yet to be seen.
        Verdict::Unknown(reason) if !carried_out || reason != Reason::Verifying => {
            view.explain(verdict, object, id)
        }
        // Whoever else holds it has had it protected.
        Verdict::Protected(_) if !carried_out || held_by_other::<F>(*view, id, name) => {
            view.explain(verdict, object, id)
        }
        _ if is_lifted(*view, object, id) => Verdict::Excepted(Reason::Lifted),
        _ => Verdict::Excepted(Reason::Excepted),
    }
}

/// What is said of a target to an object, and its risks with it.
fn in_words<F: MainFlag>(
    view: FlagView<'_, F>,
    (name, object): (&ObjectId, &Object<F::Of>),
    id: &Id<F>,
    (verdict, mut risks): (Verdict, Vec<Risk>),
) -> (Verdict, Vec<Risk>) {
    let verdict = word(view, (name, object), id, verdict);
    if let Verdict::Excepted(reason) = verdict {
        risks.push(Risk { reason, detail: aside_until(*view, object, id).map(|(_, text)| text.into()) });
    }
    let verdict = match verdict {
        _ if is_no_id(*view, object, id) => Verdict::Unknown(Reason::NodeIdRefused),
        // Nobody has typed this id.
        Verdict::Unknown(Reason::NotFound) if object.intent.selector.only_node_names(id) => {
            Verdict::Unknown(Reason::NodeInstanceGone)
        }
        other => other,
    };
    (verdict, risks)
}

/// Why, and "until 2026-12-01T10:00:00Z".
fn aside_until<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> Option<(String, String)> {
    let (why, ends) = match (
        lift_ends(object, id).filter(|_| is_lifted(view, object, id)),
        object.intent.exceptions.get(id),
    ) {
        (Some(ends), _) => (format!("Node {}", object.aside.lifted.get(id)?.node), ends),
        (None, Some(entry)) => (entry.reason.to_string(), exception_ends(view, object, id)?),
        (None, None) => return None,
    };
    Some((why, format!("until {ends}")))
}

/// What is said of one target of an object, and its risks; `None`: it is none of its targets.
fn judge_target<F: MainFlag>(
    view: FlagView<'_, F>,
    name: &ObjectId,
    object: &Object<F::Of>,
    id: &Id<F>,
) -> Option<(Verdict, Vec<Risk>)> {
    // Looked up once: this is done for all targets of an object.
    let (target, care) = (view.inventory.get(id), view.care(id));
    let evidence = target.and_then(|target| target.evidence.as_ref());
    let verdict = || target.map(|t| care::verdict::<F>(t, care, view.told_horizon(), object.tag_epoch));
    let mut said = match member_on(*view, name, object, (id, evidence)) {
        Member::No => return None,
        // Named and missing is more to the point than unread.
        Member::Unclear(reason) => match verdict() {
            Some(Verdict::Unknown(why)) => Verdict::Unknown(why),
            _ => Verdict::Unknown(reason),
        },
        Member::Yes => verdict().unwrap_or(Verdict::Unknown(Reason::AwaitingEvidence)),
    };
    let mut risks = Vec::new();
    if let Some(evidence) = evidence {
        risks = F::risks(&evidence.facts);
        if object.intent.lift {
            risks.retain(|risk| risk.reason != Reason::KarpenterOwned);
        }
        if let Some(instance) = F::Of::place(&evidence.facts).instance()
            && F::applicability(&evidence.facts) == Applicability::Yes
        {
            let host = hosts_of(view.hosts, name).and_then(|hosts| hosts.get(instance));
            risks.extend(ways_to_go(host.map(|host| host.presence_below(evidence.seen))));
        }
        // The cloud has two lists. As long as they don't agree, something is under way.
        if said.relies_on_evidence()
            && !F::Of::unlisted(&evidence.facts)
            && lists_disagree(*view, name, id, F::Of::place(&evidence.facts).instance())
        {
            said = Verdict::Unknown(Reason::ListsDisagree);
        }
    }
    if view.lagging().is_some() && said.relies_on_evidence() {
        said = Verdict::Unknown(Reason::EvidenceStale);
    }
    if care.is_some_and(|care| care.contested(view.now)) {
        risks.push(Risk { reason: Reason::Contested, detail: None });
    }
    Some((said, risks))
}

/// What conditions are made of, without counts and lists: if it changes, the report is urgent.
pub(super) fn shape(part: &RegionReport) -> u64 {
    let counts = &part.counts;
    let reasons = |groups: &Groups| groups.keys().copied().collect::<Vec<_>>();
    let targets = [
        &counts.unprotected,
        &counts.not_applicable_named,
        &counts.not_applicable_found,
        &counts.unknown,
        &counts.risks,
        &part.hosts,
        &part.other_flags,
        &part.not_lifted,
    ];
    let progress = [part.progress.as_ref(), part.scale_in.as_deref()]
        .map(|progress| progress.map(|progress| (progress.done, reasons(&progress.waiting))));
    // What is to be durable before the cloud is asked may not wait until counts are due.
    let retention = part.retention.as_ref().map(|retention| (&retention.attachments, retention.full));
    let exceptions: Vec<_> =
        part.exceptions.iter().map(|e| (&e.instance, e.until, e.phase, e.carried_out, e.reason)).collect();
    let lifted: Vec<_> = part.lifted.iter().map(|lift| (&lift.instance, lift.phase, lift.reason)).collect();
    let aside = (exceptions, lifted);
    let counted = (counts.protected() > 0, counts.excepted > 0);
    digest(&(targets.map(reasons), counted, (part.unlisted, part.settled), progress, retention, aside))
}

/// The risk of what is on an instance, as far as that is known.
fn ways_to_go(presence: Option<Presence<'_>>) -> Option<Risk> {
    match presence {
        Some(Presence::Shown(shown)) => risk_of_hosted(shown.facts),
        Some(Presence::Gone(_)) => None,
        Some(Presence::Unknown(_)) | None => Some(Risk { reason: Reason::RisksUnreadable, detail: None }),
    }
}

/// A short stand-in for a value, to tell whether it has changed.
pub(super) fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reason::Reason::{Correcting, FinancialLock, Locked, Missing, SpotInstance, Throttled};
    use crate::retention::RetentionReport;
    use crate::verdict::{Progress, tell};

    #[test]
    fn i37_a_report_is_urgent_where_conditions_may_change_and_not_for_counts() {
        let mut part = RegionReport::default();
        for groups in [&mut part.counts.unprotected, &mut part.counts.unknown, &mut part.hosts] {
            tell(groups, Correcting, "a");
        }
        let before = shape(&part);
        let changed = |change: fn(&mut RegionReport)| {
            let mut part = part.clone();
            change(&mut part);
            shape(&part) != before
        };
        assert!(!changed(|part| tell(&mut part.counts.unprotected, Correcting, "b")), "one more");
        assert!(!changed(|part| part.counts.at_risk += 1));
        let urgent: [fn(&mut RegionReport); 11] = [
            |part| tell(&mut part.counts.unprotected, Locked, "b"),
            |part| tell(&mut part.counts.unknown, Missing, "b"),
            |part| tell(&mut part.counts.not_applicable_named, SpotInstance, "b"),
            |part| tell(&mut part.counts.not_applicable_found, SpotInstance, "b"),
            |part| tell(&mut part.counts.risks, FinancialLock, "b"),
            |part| part.counts.unprotected.clear(),
            |part| part.hosts.clear(),
            |part| part.unlisted = Some(Throttled),
            |part| part.settled = true,
            |part| part.progress = Some(Progress::default()),
            |part| {
                part.retention = Some(Box::new(RetentionReport { full: true, ..RetentionReport::default() }));
            },
        ];
        for (n, change) in urgent.into_iter().enumerate() {
            assert!(changed(change), "change {n}");
        }
    }
}
