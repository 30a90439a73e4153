//! The status of an `EcsInstanceProtection`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::Summary;
use keeper_core::exception::{ExceptionPhase as CorePhase, ExceptionReport, LONGEST};
use keeper_core::id::Generation;
use keeper_core::reason::Reason;
use keeper_core::verdict::{Progress, Row, State};
use keeper_core::wall_clock::WallTime;
use kube::runtime::events::EventType;

use super::api_conditions::same_conditions;
use super::fields::{counts, risks, sentence, whole_seconds};
use super::lifts;
use super::losses::{Lost, rows};
use super::report::Report;
use super::scaling_groups;
use crate::api::{
    Act, ActStatus, EcsInstanceProtection, EcsInstanceProtectionSpec, EcsInstanceProtectionStatus,
    ExceptionPhase, ExceptionStatus, InstanceException, InstanceState, InstanceStatus, MAX_EXCEPTIONS, Mode,
    Object, Protection, ProtectionState, WatchedObject, generation,
};
use crate::desired::{exception_until, timestamp, unknown_word, wall_time};
use crate::events::{ObjectEvent, each_or_all};

/// The status that says what is to be said. `spec`: unless the object can't be decoded. `old`: the status that stands.
pub fn status(
    report: &Report,
    conditions: Vec<Condition>,
    (spec, old): (Option<&EcsInstanceProtectionSpec>, Option<&EcsInstanceProtectionStatus>),
    acts: Vec<ActStatus>,
    lost: &[Lost],
    of: Generation,
    now: Timestamp,
) -> EcsInstanceProtectionStatus {
    let before = old.map(|status| status.instances.as_slice()).unwrap_or_default();
    let since: BTreeMap<&str, (InstanceState, &Time)> =
        before.iter().map(|row| (row.instance_id.as_str(), (row.state, &row.since))).collect();
    let targets = report.part.rows.iter();
    let mut instances: Vec<InstanceStatus> = targets.map(|row| instance(row, &since, now)).collect();
    instances.extend(rows(lost, before, &instances));
    EcsInstanceProtectionStatus {
        observed_generation: Some(of),
        conditions,
        protection_state: Some(state(report.condition_set.summary)),
        counts: counts(report),
        instances,
        exceptions: exceptions(
            report,
            spec,
            old.map(|old| old.exceptions.as_slice()).unwrap_or_default(),
            now,
        ),
        lifted: lifts::rows(report, old.map(|status| status.lifted.as_slice()).unwrap_or_default()),
        scaling_groups: scaling_groups::rows(
            report,
            old.map(|status| status.scaling_groups.as_slice()).unwrap_or_default(),
        ),
        acts,
        changes: Vec::new(),
    }
}

/// What was done once for this generation. What status says of it stands, whatever is reported after a restart, and also while
/// the object is not served or can't be decoded.
pub fn acts(report: &Report, seen: &WatchedObject) -> Vec<ActStatus> {
    let (of, old) = (generation(&seen.meta), seen.protection_status());
    let spec = seen.object.as_ref().and_then(Object::protection).map(|object| &object.spec);
    // The condition says the same of who only observes, for whom nothing was done.
    let asked = spec.is_none_or(|spec| spec.protection != Protection::Enabled && spec.mode != Mode::Observe);
    let stands = |act| old.as_ref().is_some_and(|old| old.lists(act, of));
    let done = |progress: Option<&Progress>| progress.is_some_and(|progress| progress.done);
    let disabled =
        done(report.part.progress.as_ref()) || stands(Act::Disabled) || asked && seen.carried_out();
    let given_up = done(report.part.scale_in.as_deref()) || stands(Act::UnprotectScaleIn);
    let acts = [(Act::Disabled, disabled), (Act::UnprotectScaleIn, given_up)];
    acts.into_iter().filter(|(_, done)| *done).map(|(act, _)| ActStatus { act, generation: of }).collect()
}

/// Whether two statuses say the same in everything that we say.
pub fn same(old: &EcsInstanceProtectionStatus, new: &EcsInstanceProtectionStatus) -> bool {
    old.observed_generation == new.observed_generation
        && old.protection_state == new.protection_state
        && old.counts == new.counts
        && old.instances == new.instances
        && old.exceptions == new.exceptions
        && old.lifted == new.lifted
        && old.scaling_groups == new.scaling_groups
        && old.acts == new.acts
        && old.changes == new.changes
        && same_conditions(&old.conditions, &new.conditions)
}

fn state(summary: Summary) -> ProtectionState {
    match summary {
        Summary::Protected => ProtectionState::Protected,
        Summary::ProtectedButExceptions => ProtectionState::ProtectedButExceptions,
        Summary::ProtectedWhereApplicable => ProtectionState::ProtectedWhereApplicable,
        Summary::Unprotected => ProtectionState::Unprotected,
        Summary::AsAsked => ProtectionState::Disabled,
        Summary::NoTargets => ProtectionState::NoTargets,
        Summary::Unknown => ProtectionState::Unknown,
    }
}

fn instance(row: &Row, since: &BTreeMap<&str, (InstanceState, &Time)>, now: Timestamp) -> InstanceStatus {
    let state = match row.state {
        State::Protected => InstanceState::Protected,
        State::Unprotected => InstanceState::Unprotected,
        State::NotApplicable => InstanceState::NotApplicable,
        State::Excepted => InstanceState::Excepted,
        State::Unknown => InstanceState::Unknown,
    };
    let before = since.get(row.id.as_ref()).filter(|(was, _)| *was == state);
    // Of one target the reason of a protected flag is that it is protected, not that all are.
    let (reason, text) = match row.state {
        State::Protected => ("Protected", "Release protection is on."),
        _ => (row.reason.as_str(), row.reason.sentence()),
    };
    InstanceStatus {
        instance_id: row.id.to_string(),
        since: before.map_or_else(|| whole_seconds(now), |(_, since)| (*since).clone()),
        reason: reason.to_owned(),
        message: sentence(text, row.detail.as_deref()),
        risks: risks(&row.risks),
        state,
    }
}

/// What is said of each entry. This is the memory of when it ends, and of whether it was carried out: whatever nobody speaks of
/// stands as it was, and so does all of it as long as what the spec asks can't be read.
fn exceptions(
    report: &Report,
    spec: Option<&EcsInstanceProtectionSpec>,
    old: &[ExceptionStatus],
    now: Timestamp,
) -> Vec<ExceptionStatus> {
    let Some(spec) = spec.filter(|spec| unknown_word(spec).is_none()) else { return old.to_vec() };
    let asked = spec.exceptions.iter().filter(|_| spec.protection == Protection::Enabled);
    let row = |entry: &InstanceException| {
        let until = exception_until(entry)?;
        let id = entry.instance_id.as_str();
        let shown = timestamp(until);
        let before = old.iter().find(|row| row.instance_id == id && row.until.0 == shown);
        let mut told = report.part.exceptions.iter();
        let told = told.find(|told| told.instance.as_str() == id && told.until == until);
        // Whether no region selects it is known when all of them have spoken.
        let known = |told: &&ExceptionReport| told.phase != CorePhase::NotSelected || report.counted;
        match (told.filter(known), before) {
            (Some(told), _) => Some(exception(entry, (until, told.ends), before, Some(told))),
            // No region has been asked.
            (None, _) if report.counted => {
                let ends = until.min(wall_time(now).after(LONGEST));
                Some(exception(entry, (until, ends), before, None))
            }
            // Also of an entry that has another time by now: until a region speaks of that, the object steps aside for the former.
            (None, _) => old.iter().find(|row| row.instance_id == id).cloned(),
        }
    };
    asked.take(MAX_EXCEPTIONS).filter_map(row).collect()
}

/// The row of an entry. When it ends never becomes later; `None`: nobody selects the instance.
fn exception(
    entry: &InstanceException,
    (until, ends): (WallTime, WallTime),
    before: Option<&ExceptionStatus>,
    told: Option<&ExceptionReport>,
) -> ExceptionStatus {
    let ends = timestamp(ends.min(until));
    let said = told.map_or(CorePhase::NotSelected, |told| told.phase);
    // Whoever has yet to hear of what another leader wrote would have the entry carried out once more.
    let carried_out =
        told.is_some_and(|told| told.carried_out) || before.is_some_and(ExceptionStatus::says_carried_out);
    let phase = match (before.map(|before| before.phase), said) {
        (Some(ExceptionPhase::Expired), _) => CorePhase::Expired,
        (_, CorePhase::Waiting) if carried_out => CorePhase::InForce,
        (_, said) => said,
    };
    let told = told.filter(|_| phase == said);
    ExceptionStatus {
        instance_id: entry.instance_id.clone(),
        until: Time(timestamp(until)),
        ends_at: Time(before.map_or(ends, |before| before.ends_at.0.min(ends))),
        phase: match phase {
            CorePhase::Waiting => ExceptionPhase::Waiting,
            CorePhase::InForce => ExceptionPhase::InForce,
            CorePhase::Expired => ExceptionPhase::Expired,
            CorePhase::Void => ExceptionPhase::Void,
            CorePhase::NotSelected => ExceptionPhase::NotSelected,
        },
        carried_out,
        message: match told.and_then(|told| Some((told.reason?, told.words.as_deref()))) {
            Some((reason, words)) => sentence(reason.sentence(), words),
            None => meaning(phase).to_owned(),
        },
    }
}

/// What is told besides the domain condition: each exception that comes to be in force, each that was and is no longer, each
/// instance for which the object comes to step aside, and that members of scaling groups were given up to scale-in.
pub fn events(
    report: &Report,
    object: Option<&EcsInstanceProtection>,
    new: &EcsInstanceProtectionStatus,
) -> Vec<ObjectEvent> {
    let Some(object) = object else { return Vec::new() };
    let old = object.status.as_ref().map(|status| status.exceptions.as_slice()).unwrap_or_default();
    let reason = |id: &str| {
        let mut entries = object.spec.exceptions.iter();
        entries.find(|entry| entry.instance_id == id).map_or("", |entry| entry.reason.as_str())
    };
    let (again, begins): (Vec<_>, Vec<_>) = in_force_alone_in(&new.exceptions, old)
        .into_iter()
        .partition(|row| same_exception(old, row).is_some_and(ExceptionStatus::says_carried_out));
    let once = "Protection was switched off for that before, and is not switched off once more.";
    let again = each_or_all(
        &again,
        |row| {
            let (id, ends) = (&row.instance_id, row.ends_at.0);
            exception_event(format!("The exception of {id} is in force again until {ends}. {once}"))
        },
        |row| &row.instance_id,
        |count, examples| {
            exception_event(format!(
                "The exceptions of {count} instances are in force again: {examples}. {once}"
            ))
        },
    );
    let begins = each_or_all(
        &begins,
        |row| {
            exception_event(format!(
                "{id} is left unprotected until {ends} and can be released until then. ecs-keeper protects it again at that \
                 time, or when the entry is removed. Reason: {reason}",
                id = row.instance_id,
                ends = row.ends_at.0,
                reason = reason(&row.instance_id)
            ))
        },
        |row| &row.instance_id,
        |count, examples| {
            exception_event(format!(
                "{count} instances are left unprotected for a time and can be released: {examples}. ecs-keeper protects each \
                 again at its endsAt (status.exceptions), or when its entry is removed."
            ))
        },
    );
    let ends = each_or_all(
        &in_force_alone_in(old, &new.exceptions),
        |row| {
            let id = &row.instance_id;
            exception_event(match same_exception(&new.exceptions, row) {
                None => format!("The exception of {id} was removed from the spec."),
                Some(now) if now.phase == ExceptionPhase::Expired => {
                    format!(
                        "The exception of {id} has ended. If the spec still selects the instance, ecs-keeper protects it again."
                    )
                }
                Some(now) => format!("The exception of {id} is no longer in force. {}", now.message),
            })
        },
        |row| &row.instance_id,
        |count, examples| {
            exception_event(format!(
                "The exceptions of {count} instances are no longer in force: {examples}."
            ))
        },
    );
    let before = object.status.as_ref().map(|status| status.lifted.as_slice()).unwrap_or_default();
    let lifts = lifts::events(before, &new.lifted);
    let given_up = given_up(object.status.as_ref(), new).then(|| scaling_groups::given_up(report));
    begins.into_iter().chain(again).chain(ends).chain(lifts).chain(given_up).collect()
}

/// Whether the new status is the first to say that members were given up to scale-in, as its generation asks.
fn given_up(old: Option<&EcsInstanceProtectionStatus>, new: &EcsInstanceProtectionStatus) -> bool {
    new.acts
        .iter()
        .any(|act| act.act == Act::UnprotectScaleIn && !old.is_some_and(|old| old.acts.contains(act)))
}

/// Exceptions that are in force here and not there.
fn in_force_alone_in<'a>(here: &'a [ExceptionStatus], there: &[ExceptionStatus]) -> Vec<&'a ExceptionStatus> {
    let in_force = |row: &ExceptionStatus| row.phase == ExceptionPhase::InForce;
    here.iter().filter(|row| in_force(row) && !same_exception(there, row).is_some_and(in_force)).collect()
}

fn same_exception<'a>(rows: &'a [ExceptionStatus], like: &ExceptionStatus) -> Option<&'a ExceptionStatus> {
    rows.iter().find(|row| row.instance_id == like.instance_id && row.until == like.until)
}

fn exception_event(note: String) -> ObjectEvent {
    ObjectEvent { kind: EventType::Normal, reason: Reason::Excepted, action: "Unprotect", note }
}

/// What a phase means, where nothing more is to be said.
fn meaning(phase: CorePhase) -> &'static str {
    match phase {
        CorePhase::Waiting => "ecs-keeper has yet to switch release protection off.",
        CorePhase::InForce => {
            "Release protection was switched off for this entry, once, and the instance can be released unless somebody has protected \
             it since. If the spec still selects it, ecs-keeper protects it again at endsAt, or when you remove the entry."
        }
        CorePhase::Expired => {
            "The exception has ended: the entry has no effect any more, and can be removed. For another exception, add an entry with a \
             later until."
        }
        CorePhase::Void => "The entry has no effect: under mode: Observe, ecs-keeper switches nothing off.",
        CorePhase::NotSelected => {
            "The entry has no effect: the spec does not select the instance, or excludes it. Correct the id, or remove the \
             entry."
        }
    }
}
