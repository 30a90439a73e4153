//! From counted verdicts to conditions: one pure function, the table of states in the documentation.

use std::fmt::Write as _;

use crate::exception::ExceptionPhase;
use crate::flag::MainFlag;
use crate::id::InstanceId;
use crate::intent::Intent;
use crate::lift::LiftPhase;
use crate::pace::Fits;
use crate::reason::Reason;
use crate::retention::AttachPhase;
use crate::verdict::{Group, Groups, Progress, RegionReport, join, tell, tell_with, total};

/// A condition's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// `True`
    True,
    /// `False`
    False,
    /// `Unknown`
    Unknown,
}

impl Status {
    /// The word in the condition.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition without its type and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Status.
    pub status: Status,
    /// Reason.
    pub reason: Reason,
    /// A sentence for people.
    pub message: String,
}

impl Condition {
    fn new(status: Status, reason: Reason, message: impl Into<String>) -> Self {
        Self { status, reason, message: message.into() }
    }
}

/// The domain condition in one word. The operator words it for its kind (`Protected`, `Retained`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Summary {
    /// Every target is protected.
    Protected,
    /// Every target is protected but those that are left unprotected for a time.
    ProtectedButExceptions,
    /// Every target that can be is protected.
    ProtectedWhereApplicable,
    /// Some target is not protected.
    Unprotected,
    /// Unprotected as asked.
    AsAsked,
    /// Nothing is selected.
    NoTargets,
    /// We can't tell.
    Unknown,
}

/// What the object asked for, as far as the judgement depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Wants the protected value.
    pub protect: bool,
    /// Only observes.
    pub observe: bool,
    /// The reason when its unprotecting was carried out.
    pub unprotected: Reason,
}

impl Default for Question {
    fn default() -> Self {
        Self { protect: true, observe: false, unprotected: Reason::DisabledAsAsked }
    }
}

impl Question {
    /// The question that an intent puts.
    pub fn of<F: MainFlag>(intent: &Intent<F::Of>) -> Self {
        Self { protect: intent.protect, observe: intent.observe, unprotected: F::UNPROTECTED }
    }
}

/// What status says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionSet {
    /// `Protected` or `Retained`.
    pub domain: Condition,
    /// The same in one word.
    pub summary: Summary,
    /// `AtRisk`, abnormal-true.
    pub at_risk: Condition,
    /// `Ready`: neither the operator nor a person has anything left to do.
    pub ready: Condition,
    /// `Reconciling`: the operator has.
    pub reconciling: Condition,
    /// `Stalled`: a person has.
    pub stalled: Condition,
}

/// The judgement on an object that is not served at all: it is not granted, or can't be read.
pub fn unserved(reason: Reason, message: &str) -> ConditionSet {
    finish(
        Condition::new(Status::Unknown, reason, message),
        Summary::Unknown,
        Condition::new(Status::Unknown, reason, message),
        Some((reason, message.to_owned())),
        None,
    )
}

/// The judgement on all parts of an object together.
pub fn judge(question: Question, part: &RegionReport) -> ConditionSet {
    let counts = &part.counts;
    let mut unknown = counts.unknown.clone();
    join(&mut unknown, &part.hosts);
    join(&mut unknown, &part.nodes.targetless);
    if let Some(reason) = part.unlisted {
        // The listing stands for targets that we do not know of; it has no name and no number.
        unlisted(&mut unknown, part, reason);
    }
    let acting = part.progress.as_ref().filter(|_| !question.observe);
    let (domain, summary, stalled, reconciling) = match acting {
        Some(progress) => judge_unprotecting(question, part, progress),
        None => judge_evidence(question, part, &unknown),
    };
    let beside = beside_the_flag(part);
    let stalled = also(stalled, &beside.stuck);
    let reconciling = also(reconciling, &beside.under_way);
    finish(domain, summary, at_risk(part, &unknown), stalled, reconciling)
}

fn unlisted(groups: &mut Groups, part: &RegionReport, reason: Reason) {
    let group = groups.entry(reason).or_default();
    if group.words.is_none() {
        group.words.clone_from(&part.unlisted_words);
    }
}

/// So many exceptions are named in a message.
const EXCEPTIONS_NAMED: usize = 5;

type Findings = (Condition, Summary, Option<(Reason, String)>, Option<(Reason, String)>);

/// What is left to do besides keeping the flag that the condition is about: what it is to step aside for, other flags of the
/// targets, interfaces that are to be attached, and lists that are full.
struct Beside {
    stuck: Groups,
    under_way: Groups,
}

fn beside_the_flag(part: &RegionReport) -> Beside {
    let mut others = part.other_flags.clone();
    if let Some(giving_up) = part.scale_in.as_ref().filter(|progress| !progress.done) {
        join(&mut others, &giving_up.waiting);
        if others.is_empty() {
            others.entry(Reason::Unprotecting).or_default();
        }
    }
    let (stuck, under_way) = others.into_iter().partition(|(reason, _)| reason.needs_person());
    let mut beside = Beside { stuck, under_way };
    let excepted = part.exceptions.iter().map(|entry| (&entry.instance, entry.reason, &entry.words));
    let lifted = part.lifted.iter().map(|lift| (&lift.instance, lift.reason, &lift.words));
    for (instance, reason, words) in excepted.chain(lifted) {
        let Some(reason) = reason else { continue };
        let groups = if reason.needs_person() { &mut beside.stuck } else { &mut beside.under_way };
        tell_with(groups, reason, instance.as_str(), || words.clone());
    }
    let (stuck, under_way): (Groups, Groups) =
        part.not_lifted.clone().into_iter().partition(|(reason, _)| reason.needs_person());
    join(&mut beside.stuck, &stuck);
    join(&mut beside.under_way, &under_way);
    let Some(retention) = &part.retention else { return beside };
    for attachment in &retention.attachments {
        let groups = match (attachment.phase, attachment.reason) {
            // That mode Observe attaches nothing, and that a line that is written ahead waits for the interface to be free
            // and for its Node to come, is what was asked for.
            (AttachPhase::Attached | AttachPhase::Obsolete, _)
            | (_, Reason::ObserveOnly)
            | (AttachPhase::Waiting, Reason::InUse | Reason::NodeUnknown) => continue,
            (AttachPhase::Refused, _) => &mut beside.stuck,
            (_, reason) if reason.needs_person() => &mut beside.stuck,
            (AttachPhase::Waiting | AttachPhase::Requested, _) => &mut beside.under_way,
        };
        tell(groups, attachment.reason, attachment.interface.as_str());
    }
    if retention.full {
        beside.stuck.entry(Reason::RecordFull).or_default();
    }
    beside
}

/// A finding, with what else there is to say.
fn also(finding: Option<(Reason, String)>, more: &Groups) -> Option<(Reason, String)> {
    let Some(reason) = worst(more) else { return finding };
    Some(match finding {
        Some((reason, message)) => {
            let more = explain_beside(&message, more, &Fits::new());
            (reason, format!("{message} {more}"))
        }
        None => (reason, explain(more, &Fits::new())),
    })
}

fn judge_evidence(question: Question, part: &RegionReport, unknown: &Groups) -> Findings {
    let counts = &part.counts;
    let heading = heading(part);
    let say = |groups: &Groups| sentence(&heading, groups, &part.fits);
    let acts = question.protect && !question.observe;

    let named = &counts.not_applicable_named;
    let stuck_unprotected: Groups = person_only(&counts.unprotected).filter(|_| acts).unwrap_or_default();
    let mut stuck_unknown: Groups = person_only(unknown).unwrap_or_default();
    join(&mut stuck_unknown, &part.nodes.overdue);
    let stalled = worst(named)
        .or_else(|| worst(&stuck_unprotected))
        .or_else(|| worst_unknown(&stuck_unknown))
        .map(|reason| {
            let mut all = named.clone();
            join(&mut all, &stuck_unprotected);
            join(&mut all, &stuck_unknown);
            (reason, say(&all))
        });
    let mut under_way = unknown.clone();
    if acts {
        join(&mut under_way, &counts.unprotected);
    }
    let reconciling = worst(&under_way).filter(|_| stalled.is_none()).map(|reason| (reason, say(&under_way)));

    let (domain, summary) = if !named.is_empty() {
        (Condition::new(Status::False, Reason::NotApplicable, say(named)), Summary::Unprotected)
    } else if let Some(reason) = worst(&counts.unprotected) {
        let asked =
            !question.protect && total(&counts.unprotected) + counts.not_applicable() == counts.targets();
        if asked {
            (Condition::new(Status::False, question.unprotected, heading.clone()), Summary::AsAsked)
        } else {
            (Condition::new(Status::False, reason, say(&counts.unprotected)), Summary::Unprotected)
        }
    } else if let Some(reason) = worst_unknown(unknown) {
        (Condition::new(Status::Unknown, reason, say(unknown)), Summary::Unknown)
    } else if counts.targets() == 0 {
        let message = match part.nodes.ignored {
            0 => Reason::NoTargets.sentence().to_owned(),
            ignored => format!("{} {}", Reason::NoTargets.sentence(), left_out(ignored)),
        };
        (Condition::new(Status::Unknown, Reason::NoTargets, message), Summary::NoTargets)
    } else if counts.protected() == 0 && counts.excepted > 0 {
        let message = heading.clone() + &excepted(part);
        (Condition::new(Status::False, Reason::Excepted, message), Summary::Unprotected)
    } else if counts.protected() == 0 {
        // "All that can be protected is protected" would be true of nothing, and read as a promise.
        let found = &counts.not_applicable_found;
        (Condition::new(Status::False, Reason::NotApplicable, say(found)), Summary::Unprotected)
    } else if counts.excepted > 0 {
        let message = say(&counts.not_applicable_found) + &excepted(part);
        (
            Condition::new(Status::True, Reason::ProtectedButExceptions, message),
            Summary::ProtectedButExceptions,
        )
    } else if counts.not_applicable() > 0 {
        let message = say(&counts.not_applicable_found) + &free(part);
        (
            Condition::new(Status::True, Reason::ProtectedWhereApplicable, message),
            Summary::ProtectedWhereApplicable,
        )
    } else {
        (
            Condition::new(Status::True, Reason::AllProtected, heading.clone() + &free(part)),
            Summary::Protected,
        )
    };
    (domain, summary, stalled, reconciling)
}

fn judge_unprotecting(question: Question, part: &RegionReport, progress: &Progress) -> Findings {
    if progress.done {
        let mut message = String::from(question.unprotected.sentence());
        let left = total(&progress.left_protected);
        if left > 0 {
            let explained = explain_beside(&message, &progress.left_protected, &part.fits);
            let _ = write!(
                message,
                " {} {} the protected value. {explained}",
                targets(left),
                if left == 1 { "keeps" } else { "keep" }
            );
        }
        if progress.protected_again > 0 {
            let _ = write!(
                message,
                " Protected again: {} of {}, set since or new; this generation leaves them alone.",
                progress.protected_again,
                targets(part.counts.targets())
            );
        }
        message += &untouched(part, &message);
        let domain = Condition::new(Status::False, question.unprotected, message);
        return (domain, Summary::AsAsked, None, None);
    }
    let mut waiting = progress.waiting.clone();
    let mut hosts = part.hosts.clone();
    // A Node without an instance holds nothing up.
    hosts.retain(|reason, _| !matches!(reason, Reason::NodeInstanceGone | Reason::NodeIdRefused));
    join(&mut waiting, &hosts);
    if let Some(reason) = part.unlisted {
        unlisted(&mut waiting, part, reason);
    }
    if waiting.is_empty() {
        waiting.entry(Reason::Unprotecting).or_default();
    }
    let mut message = sentence(&heading(part), &waiting, &part.fits);
    message += &untouched(part, &message);
    let stuck = person_only(&waiting);
    let reason = worst(&waiting).unwrap_or(Reason::Unprotecting);
    let domain = Condition::new(Status::False, reason, message.clone());
    let finding = Some((reason, message));
    if stuck.is_some() {
        (domain, Summary::Unprotected, finding, None)
    } else {
        (domain, Summary::Unprotected, None, finding)
    }
}

fn at_risk(part: &RegionReport, unknown: &Groups) -> Condition {
    let real: Groups = part
        .counts
        .risks
        .iter()
        .filter(|(r, _)| **r != Reason::RisksUnreadable)
        .map(|(r, g)| (*r, g.clone()))
        .collect();
    if !real.is_empty() {
        let message = format!(
            "At risk: {} of {}. {}",
            part.counts.at_risk,
            targets(part.counts.targets()),
            explain(&real, &part.fits)
        );
        Condition::new(Status::True, Reason::RisksFound, message)
    } else if !part.counts.risks.is_empty() {
        Condition::new(Status::Unknown, Reason::RisksUnreadable, explain(&part.counts.risks, &part.fits))
    } else if let Some(reason) = worst_unknown(unknown) {
        Condition::new(Status::Unknown, reason, explain(unknown, &part.fits))
    } else {
        Condition::new(Status::False, Reason::NoRisk, Reason::NoRisk.sentence())
    }
}

/// Derives the three conditions that tools know from who has something left to do.
fn finish(
    domain: Condition,
    summary: Summary,
    at_risk: Condition,
    stalled: Option<(Reason, String)>,
    reconciling: Option<(Reason, String)>,
) -> ConditionSet {
    let open = stalled.as_ref().or(reconciling.as_ref());
    let ready = match open {
        None => Condition::new(Status::True, Reason::Satisfied, Reason::Satisfied.sentence()),
        Some((reason, message)) => Condition::new(Status::False, *reason, message.clone()),
    };
    let absent = |reason: Reason| Condition::new(Status::False, reason, reason.sentence());
    let condition = |finding: Option<(Reason, String)>, otherwise| match finding {
        Some((reason, message)) => Condition::new(Status::True, reason, message),
        None => absent(otherwise),
    };
    let idle = if stalled.is_some() { Reason::AwaitsPerson } else { Reason::NothingUnderWay };
    ConditionSet {
        domain,
        summary,
        at_risk,
        ready,
        reconciling: condition(reconciling.filter(|_| stalled.is_none()), idle),
        stalled: condition(stalled, Reason::NothingStalled),
    }
}

/// Those of the groups that only a person can help.
fn person_only(groups: &Groups) -> Option<Groups> {
    let stuck: Groups =
        groups.iter().filter(|(reason, _)| reason.needs_person()).map(|(r, g)| (*r, g.clone())).collect();
    (!stuck.is_empty()).then_some(stuck)
}

/// The reason to name when there are several: what needs a person first, then the one that concerns most targets.
fn worst(groups: &Groups) -> Option<Reason> {
    let rank = |(reason, group): &(&Reason, &Group)| {
        (**reason == Reason::Conflict, reason.needs_person(), **reason != Reason::Verifying, group.count)
    };
    groups.iter().max_by_key(rank).map(|(reason, _)| *reason)
}

/// The same where it is not known how things are: that the cloud can't be read comes before a Node without a target, and
/// that before an id that the cloud does not know.
fn worst_unknown(groups: &Groups) -> Option<Reason> {
    let rank = |reason: &Reason| match reason {
        Reason::Throttled | Reason::CloudUnavailable | Reason::EvidenceStale => 6,
        Reason::NodeUnresolved => 5,
        Reason::NodeNotServed => 4,
        Reason::NodeIdRefused => 3,
        Reason::NodeInstanceGone => 2,
        Reason::NotFound => 1,
        reason if reason.needs_person() => 7,
        // Under way; it will end as one of the others, or well.
        _ => 0,
    };
    let first = groups.keys().map(rank).max()?;
    worst(&groups.iter().filter(|(r, _)| rank(r) == first).map(|(r, g)| (*r, g.clone())).collect())
}

/// " 2 selected Nodes have no target: …", where something is given up: that does not wait for them.
fn untouched(part: &RegionReport, said: &str) -> String {
    let have = match total(&part.nodes.targetless) {
        0 => return String::new(),
        1 => "1 selected Node has".to_owned(),
        count => format!("{count} selected Nodes have"),
    };
    format!(" {have} no target. {}", explain_beside(said, &part.nodes.targetless, &part.fits))
}

/// "2 selected Nodes are ignored: …"
fn left_out(nodes: u32) -> String {
    match nodes {
        1 => "1 selected Node is ignored: it is not an ECS instance, or it is in a region other than the spec's."
            .to_owned(),
        _ => format!(
            "{nodes} selected Nodes are ignored: they are not ECS instances, or they are in a region other than the spec's."
        ),
    }
}

/// "1 target", "2 targets".
fn targets(count: u32) -> String {
    if count == 1 { "1 target".to_owned() } else { format!("{count} targets") }
}

/// "12 targets: 10 protected, 1 unprotected, 1 not applicable."
fn heading(part: &RegionReport) -> String {
    let counts = &part.counts;
    let mut text = format!("{}: ", targets(counts.targets()));
    let counts = [
        (counts.protected(), "protected"),
        (total(&counts.unprotected), "unprotected"),
        (counts.excepted, "excepted"),
        (counts.not_applicable(), "not applicable"),
        (total(&counts.unknown), "unknown"),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if told.is_empty() {
        return String::new();
    }
    text.push_str(&told.join(", "));
    text.push('.');
    text
}

/// " Excepted: i-a until 2026-12-01T10:00:00Z, i-b until 2026-12-02T10:00:00Z and 2 more."
fn excepted(part: &RegionReport) -> String {
    let in_force = part.exceptions.iter().filter(|entry| entry.phase == ExceptionPhase::InForce);
    let in_force = in_force.map(|entry| format!("{} until {}", entry.instance, entry.ends));
    // Each machine is named once, with the time that it is left unprotected for certain.
    let excepted = |id: &InstanceId| {
        part.exceptions.iter().any(|entry| entry.phase == ExceptionPhase::InForce && entry.instance == *id)
    };
    let lifted = part.lifted.iter().filter(|lift| lift.phase == LiftPhase::InForce && lift.reason.is_none());
    let lifted = lifted
        .filter(|lift| !excepted(&lift.instance))
        .map(|lift| format!("{}, which Karpenter removes with Node {}", lift.instance, lift.node));
    let named: Vec<String> = in_force.chain(lifted).take(EXCEPTIONS_NAMED).collect();
    if named.is_empty() {
        return String::new();
    }
    let more = usize::try_from(part.counts.excepted).unwrap_or_default().saturating_sub(named.len());
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!(" Excepted: {}{more}.", named.join(", "))
}

/// " 2 are free and wait for reuse."
fn free(part: &RegionReport) -> String {
    match part.retention.as_ref().map_or(0, |retention| retention.free.available) {
        0 => String::new(),
        1 => " 1 is free and waits for reuse.".to_owned(),
        count => format!(" {count} are free and wait for reuse."),
    }
}

fn sentence(heading: &str, groups: &Groups, fits: &Fits) -> String {
    let body = explain(groups, fits);
    match (heading.is_empty(), body.is_empty()) {
        (true, _) => body,
        (_, true) => heading.to_owned(),
        _ => format!("{heading} {body}"),
    }
}

/// "i-a and 2 more: why and what to do. i-b: …"
fn explain(groups: &Groups, fits: &Fits) -> String {
    explain_beside("", groups, fits)
}

/// The same, after what was said already: no sentence is said twice.
fn explain_beside(said: &str, groups: &Groups, fits: &Fits) -> String {
    let mut reasons: Vec<(&Reason, &Group)> = groups.iter().collect();
    reasons.sort_by_key(|(reason, group)| (!reason.needs_person(), std::cmp::Reverse(group.count)));
    let mut text = String::new();
    for (reason, group) in reasons {
        let separator = if text.is_empty() { "" } else { " " };
        let _ = write!(text, "{separator}{}", told(*reason, group, said));
        if *reason == Reason::Throttled {
            for (operation, fits) in fits {
                let _ = write!(
                    text,
                    " The cloud lets about {fits} {operation} calls a minute through. Set \
                     budgets.{operation}.callsPerMinute to {fits}, or find out who else in the account calls it so often."
                );
            }
        }
    }
    text
}

/// What is said of one group: whom it is about, and the sentence. Of a Node its name is the example.
fn told(reason: Reason, group: &Group, said: &str) -> String {
    let sentence = reason.sentence().trim_end_matches('.');
    let advice = sentence.split_once(". ").map(|(_, advice)| advice).filter(|advice| !said.contains(advice));
    let sentence = if said.contains(sentence) { "the same" } else { sentence };
    let words = group.words.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
    let whom = match group.count {
        0 => return format!("{sentence}{words}."),
        1 => group.example.to_string(),
        n => format!("{} and {} more", group.example, n - 1),
    };
    match (reason, group.count) {
        (Reason::NodeInstanceGone, count) => {
            let (instance, are) = if count == 1 { ("instance", "is") } else { ("instances", "are") };
            let advice = advice.map(|advice| format!(". {advice}")).unwrap_or_default();
            format!("The {instance} behind Node {whom} {are} gone{advice}{words}.")
        }
        (Reason::NodeUnresolved | Reason::NodeNotServed | Reason::NodeIdRefused, _) => {
            format!("Node {whom}: {sentence}{words}.")
        }
        _ => format!("{whom}: {sentence}{words}."),
    }
}

#[cfg(test)]
mod tests;
