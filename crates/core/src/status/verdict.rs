//! What is said of one target, and of all targets of an object together.

use std::collections::{BTreeMap, BTreeSet};

use crate::auto_release_time::Cancelled;
use crate::evidence::ProtectedProof;
use crate::exception::ExceptionReport;
use crate::id::{InstanceId, Region};
use crate::lift::{LiftReport, Orphan};
use crate::loss::Loss;
use crate::pace::Fits;
use crate::reason::{Reason, Risk};
use crate::retention::RetentionReport;
use crate::scaling_groups::ScalingGroups;

/// What is said of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It holds the protected value; only fresh evidence makes the proof.
    Protected(ProtectedProof),
    /// It holds the unprotected value.
    Unprotected(Reason),
    /// The object steps aside: it leaves it unprotected for a time, for this reason.
    Excepted(Reason),
    /// It can't carry the flag.
    NotApplicable(Reason),
    /// We can't tell.
    Unknown(Reason),
}

/// How many, and one of them by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Group {
    /// How many.
    pub count: u32,
    /// The first of them, for the sentence.
    pub example: Box<str>,
    /// What the cloud said of that one, when that helps.
    pub words: Option<Box<str>>,
}

/// Targets by reason.
pub type Groups = BTreeMap<Reason, Group>;

/// Adds one target to its group.
pub fn tell(groups: &mut Groups, reason: Reason, id: &str) {
    tell_with(groups, reason, id, || None);
}

/// The same, with what the cloud said of the target, which is asked for only if it stands for its group.
pub fn tell_with(groups: &mut Groups, reason: Reason, id: &str, words: impl FnOnce() -> Option<Box<str>>) {
    let group =
        groups.entry(reason).or_insert_with(|| Group { count: 0, example: id.into(), words: words() });
    group.count += 1;
}

/// How many in all groups.
pub fn total(groups: &Groups) -> u32 {
    groups.values().map(|g| g.count).sum()
}

/// All targets of an object, counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Counts {
    protected: u32,
    /// Those that are left unprotected for a time.
    pub excepted: u32,
    /// Unprotected ones by reason.
    pub unprotected: Groups,
    /// Those that can't carry the flag and were named by id.
    pub not_applicable_named: Groups,
    /// Those that can't carry the flag and came by tag or Node.
    pub not_applicable_found: Groups,
    /// Those we can't tell of.
    pub unknown: Groups,
    /// Risks, each target counted once for each reason.
    pub risks: Groups,
    /// Targets with any risk.
    pub at_risk: u32,
}

impl Counts {
    /// Counts one target. `named`: by id in the object itself.
    pub fn add(&mut self, id: &str, named: bool, verdict: Verdict, risks: &[Risk]) {
        self.add_with(id, named, verdict, risks, |_| None);
    }

    /// The same, with what the cloud said of the target.
    pub fn add_with(
        &mut self,
        id: &str,
        named: bool,
        verdict: Verdict,
        risks: &[Risk],
        words: impl Fn(Reason) -> Option<Box<str>>,
    ) {
        let (groups, reason) = match verdict {
            Verdict::Protected(_proof) => {
                self.protected += 1;
                return self.add_risks(id, risks);
            }
            Verdict::Excepted(_) => {
                self.excepted += 1;
                return self.add_risks(id, risks);
            }
            Verdict::Unprotected(reason) => (&mut self.unprotected, reason),
            Verdict::NotApplicable(reason) if named => (&mut self.not_applicable_named, reason),
            Verdict::NotApplicable(reason) => (&mut self.not_applicable_found, reason),
            Verdict::Unknown(reason) => (&mut self.unknown, reason),
        };
        tell_with(groups, reason, id, || words(reason));
        self.add_risks(id, risks);
    }

    fn add_risks(&mut self, id: &str, risks: &[Risk]) {
        let mut told = None;
        for risk in risks {
            if told != Some(risk.reason) {
                tell(&mut self.risks, risk.reason, id);
                told = Some(risk.reason);
            }
        }
        self.at_risk += u32::from(risks.iter().any(|r| r.reason != Reason::RisksUnreadable));
    }

    /// Targets with the protected value on fresh evidence.
    pub fn protected(&self) -> u32 {
        self.protected
    }

    /// Targets that can't carry the flag.
    pub fn not_applicable(&self) -> u32 {
        total(&self.not_applicable_named) + total(&self.not_applicable_found)
    }

    /// All targets.
    pub fn targets(&self) -> u32 {
        self.protected
            + self.excepted
            + total(&self.unprotected)
            + self.not_applicable()
            + total(&self.unknown)
    }

    /// Adds another counts to this one.
    pub fn join(&mut self, other: &Self) {
        self.protected += other.protected;
        self.excepted += other.excepted;
        self.at_risk += other.at_risk;
        join(&mut self.unprotected, &other.unprotected);
        join(&mut self.not_applicable_named, &other.not_applicable_named);
        join(&mut self.not_applicable_found, &other.not_applicable_found);
        join(&mut self.unknown, &other.unknown);
        join(&mut self.risks, &other.risks);
    }
}

/// Adds one set of groups to another.
pub fn join(into: &mut Groups, from: &Groups) {
    for (reason, group) in from {
        let sum = into.entry(*reason).or_default();
        if sum.count == 0 {
            // What stands for a listing has no name.
            sum.example.clone_from(&group.example);
        }
        if sum.words.is_none() {
            sum.words.clone_from(&group.words);
        }
        sum.count += group.count;
    }
}

/// One line of status about one target.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    /// The target's id.
    pub id: Box<str>,
    /// The verdict in one word.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// What the cloud said of it (code, request id), when that helps.
    pub detail: Option<Box<str>>,
    /// Its risks.
    pub risks: Vec<Risk>,
}

/// A verdict in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Holds the unprotected value.
    Unprotected,
    /// Not known.
    Unknown,
    /// Can't carry the flag.
    NotApplicable,
    /// Is left unprotected for a time.
    Excepted,
    /// Holds the protected value.
    Protected,
}

impl State {
    /// The word in status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unprotected => "Unprotected",
            Self::Unknown => "Unknown",
            Self::NotApplicable => "NotApplicable",
            Self::Excepted => "Excepted",
            Self::Protected => "Protected",
        }
    }
}

impl Verdict {
    /// Whether it is only as good as the evidence that it rests on, and so not said where that is in doubt.
    pub(crate) fn relies_on_evidence(self) -> bool {
        matches!(self, Self::Protected(_) | Self::NotApplicable(_))
    }

    /// The verdict as a mere observation, where nothing is to be done about it.
    pub(crate) fn observed(self) -> Self {
        match self {
            Self::Unprotected(_) => Self::Unprotected(Reason::Unprotected),
            other => other,
        }
    }

    /// The verdict in one word.
    pub fn state(self) -> State {
        match self {
            Self::Protected(_) => State::Protected,
            Self::Unprotected(_) => State::Unprotected,
            Self::NotApplicable(_) => State::NotApplicable,
            Self::Excepted(_) => State::Excepted,
            Self::Unknown(_) => State::Unknown,
        }
    }

    /// Why, as a row says it.
    pub fn reason(self) -> Reason {
        match self {
            Self::Protected(_) => Reason::AllProtected,
            Self::Unprotected(reason)
            | Self::Excepted(reason)
            | Self::NotApplicable(reason)
            | Self::Unknown(reason) => reason,
        }
    }
}

/// How far an unprotecting has come.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Progress {
    /// Nothing more will be done for this generation.
    pub done: bool,
    /// Targets that hold the unprotected value, can't carry the flag, or are gone.
    pub ended: u32,
    /// Targets that were left protected for good, and why.
    pub left_protected: Groups,
    /// Targets that wait, and why.
    pub waiting: Groups,
    /// Targets that hold the protected value although this was carried out: made protected again by somebody, or new.
    pub protected_again: u32,
}

impl Progress {
    /// Adds what another engine says.
    fn join(&mut self, other: &Self) {
        self.done &= other.done;
        self.ended += other.ended;
        self.protected_again += other.protected_again;
        join(&mut self.left_protected, &other.left_protected);
        join(&mut self.waiting, &other.waiting);
    }
}

/// Selected Nodes that are not just targets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct NodeFindings {
    /// Nodes of which it is not known what their target is, by reason. They are no targets themselves and not counted as
    /// such.
    pub targetless: Groups,
    /// Nodes about which somebody has to do something by now, those whose instance is gone included.
    pub overdue: Groups,
    /// Nodes that are rightly left out: they are no ECS instances, or in another region than the spec's.
    pub ignored: u32,
}

/// What one engine says of one object. An object whose Nodes stand in several regions has several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RegionReport {
    /// Whether there was evidence for all of it once, or it has been waited for long enough. Until then the status
    /// that stands may stay.
    pub settled: bool,
    /// The targets, counted.
    pub counts: Counts,
    /// Why the list of targets may not be complete; `None`: it is.
    pub unlisted: Option<Reason>,
    /// What the cloud said to that, when it helps.
    pub unlisted_words: Option<Box<str>>,
    /// Where throttling is why something is not known: how many calls are let through.
    pub fits: Fits,
    /// Instances whose interfaces are asked for and of which it is not known which they have, by reason. They are no
    /// targets themselves and not counted as such.
    pub hosts: Groups,
    /// The instances that are gone although a selected Node stands for them.
    pub gone: BTreeSet<InstanceId>,
    /// The ids behind selected Nodes that the cloud refuses.
    pub refused: BTreeSet<InstanceId>,
    /// What the selected Nodes are like. No engine knows of Nodes.
    pub nodes: NodeFindings,
    /// Targets of which another flag is to be protected, too, and is not yet, by the reason why not.
    pub other_flags: Groups,
    /// What is said of the entries of exceptions.
    pub exceptions: Vec<ExceptionReport>,
    /// The targets for which the object steps aside because Karpenter removes them.
    pub lifted: Vec<LiftReport>,
    /// Targets whose removal Karpenter asks for, and for which the object does not step aside, by the reason why not.
    pub not_lifted: Groups,
    /// Present while an unprotecting is asked for.
    pub progress: Option<Progress>,
    /// Present while members of scaling groups are to be given up to scale-in.
    pub scale_in: Option<Box<Progress>>,
    /// The scaling groups of members of which the object asks something.
    pub scaling_groups: ScalingGroups,
    /// Those that need attention first.
    pub rows: Vec<Row>,
    /// Of objects that retain interfaces: what they remember, and what is to be attached.
    pub retention: Option<Box<RetentionReport>>,
    /// What the object has lost since the report before. It is said once, and later reports don't repeat it: whoever carries
    /// them collects it.
    pub lost: Vec<Loss>,
    /// The automatic release times that were taken away since then. They are said once, too.
    pub cancelled: Vec<Cancelled>,
    /// The machines that are still there although they were to go. They are said once, too.
    pub orphans: Vec<Orphan>,
}

/// Most rows in a status.
pub const MAX_ROWS: usize = 100;

impl RegionReport {
    /// Adds to what the cloud said in which region it did. An object may have parts in several.
    pub fn locate(&mut self, region: &Region) {
        let counts = &mut self.counts;
        let progress = self
            .progress
            .iter_mut()
            .chain(self.scale_in.as_deref_mut())
            .flat_map(|progress| [&mut progress.left_protected, &mut progress.waiting]);
        let groups = [
            &mut counts.unprotected,
            &mut counts.not_applicable_named,
            &mut counts.not_applicable_found,
            &mut counts.unknown,
            &mut self.hosts,
            &mut self.other_flags,
        ];
        let excepted = self.exceptions.iter_mut().map(|entry| &mut entry.words);
        let excepted = excepted.chain(self.lifted.iter_mut().map(|entry| &mut entry.words));
        let words = groups
            .into_iter()
            .chain(progress)
            .flat_map(|groups| groups.values_mut())
            .map(|group| &mut group.words)
            .chain(excepted);
        for words in words.chain([&mut self.unlisted_words]).flatten() {
            *words = format!("{words} in {region}").into();
        }
    }

    /// How many targets an object has lost while nobody looked: those that status counted in the same generation and that
    /// the first complete look of a term does not find, without those that are told of by name. `None`: the look is not
    /// complete.
    pub fn shrunk(&self, counted: u32, told: u32) -> Option<u32> {
        let complete = self.settled
            && self.unlisted.is_none()
            && self.hosts.is_empty()
            && !self.counts.unknown.keys().any(|reason| reason.awaits_evidence());
        // What is forgotten because its time is over has an Event of its own.
        let departed = self.retention.iter().flat_map(|retention| retention.departed.values());
        let forgotten = departed.filter(|reason| **reason == Reason::SurvivorForgotten).count();
        let forgotten = u32::try_from(forgotten).unwrap_or(u32::MAX);
        let told = told.saturating_add(forgotten);
        complete.then(|| counted.saturating_sub(self.counts.targets()).saturating_sub(told))
    }

    /// Adds another engine's part to this one.
    pub fn join(&mut self, other: &Self) {
        self.settled &= other.settled;
        self.counts.join(&other.counts);
        if self.unlisted.is_none() {
            self.unlisted = other.unlisted;
            self.unlisted_words.clone_from(&other.unlisted_words);
        }
        join(&mut self.hosts, &other.hosts);
        join(&mut self.other_flags, &other.other_flags);
        self.gone.extend(other.gone.iter().cloned());
        self.refused.extend(other.refused.iter().cloned());
        join(&mut self.nodes.targetless, &other.nodes.targetless);
        join(&mut self.nodes.overdue, &other.nodes.overdue);
        self.nodes.ignored += other.nodes.ignored;
        for (operation, fits) in &other.fits {
            let mine = self.fits.entry(operation).or_insert(*fits);
            *mine = (*mine).min(*fits);
        }
        match (&mut self.progress, &other.progress) {
            (Some(mine), Some(theirs)) => mine.join(theirs),
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            (_, None) => {}
        }
        match (&mut self.scale_in, &other.scale_in) {
            (Some(mine), Some(theirs)) => mine.join(theirs),
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            (_, None) => {}
        }
        self.scaling_groups.join(&other.scaling_groups);
        for entry in &other.exceptions {
            match self.exceptions.iter_mut().find(|mine| mine.instance == entry.instance) {
                Some(mine) => mine.join(entry),
                None => self.exceptions.push(entry.clone()),
            }
        }
        self.lifted.extend(other.lifted.iter().cloned());
        join(&mut self.not_lifted, &other.not_lifted);
        self.lost.extend(other.lost.iter().cloned());
        self.cancelled.extend(other.cancelled.iter().cloned());
        self.orphans.extend(other.orphans.iter().cloned());
        self.rows.extend(other.rows.iter().cloned());
        if self.retention.is_none() {
            // Whoever retains interfaces has one region.
            self.retention.clone_from(&other.retention);
        }
    }
}

/// Puts the rows that need attention first, and cuts the list.
pub fn sort_rows(rows: &mut Vec<Row>) {
    rows.sort_by(|a, b| {
        let key = |r: &Row| (r.state == State::Protected && r.risks.is_empty(), r.state);
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    rows.truncate(MAX_ROWS);
}
