//! From a judgement to the status of the custom resource. Pure: no client and no clock here.

mod protection;
mod retention;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::{Condition as Judged, Judgement, Question, judge, unserved};
use keeper_core::id::{InstanceId, Region};
use keeper_core::reason::Reason;
use keeper_core::verdict::{NodeFindings, Part, Progress, Row, tell, total};
use keeper_core::wish::Generation;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::lagging::Lagging;
use super::news::{News, Survivors};
use super::object::{Object, Resource, generation};
use super::objects::Entry;
use super::route::{Route, Served, Wished};
use crate::api::{Counts, MAX_MESSAGE, MAX_RISKS, Risk};

/// Lists the ways in which targets can be lost all the same.
pub const AT_RISK: &str = "AtRisk";
/// Neither the operator nor a person has anything left to do.
pub const READY: &str = "Ready";
/// The operator has.
pub const RECONCILING: &str = "Reconciling";
/// A person has.
pub const STALLED: &str = "Stalled";

/// Characters in the message of a condition.
const MAX_CONDITION_MESSAGE: usize = 32_768;

/// What is to be said of an object now.
#[derive(Debug)]
pub struct Report {
    /// The judgement.
    pub judgement: Judgement,
    /// What was judged; `None`: the object is not served.
    pub question: Option<Question>,
    /// All fleets' parts together.
    pub part: Part,
    /// The Nodes without a target, as they are noted from now on.
    pub lagging: Lagging,
    /// Whether every region has counted its targets: what is not counted is not zero.
    pub counted: bool,
}

/// The time of a judgement.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// By a clock that never jumps.
    pub steady: Instant,
    /// By the clock of the wall, for times in status.
    pub wall: Timestamp,
}

impl Now {
    /// The time that it is.
    pub fn read() -> Self {
        Self { steady: Instant::now(), wall: Timestamp::now() }
    }
}

/// Judges an object from all its parts. `None`: there is no evidence yet, and the status that stands may stay.
pub fn report(entry: &Entry, now: Now) -> Option<Report> {
    let of = generation(&entry.seen.meta);
    let served = match &*entry.route {
        Route::NotGranted => {
            return Some(silent(unserved(Reason::NotGranted, Reason::NotGranted.sentence())));
        }
        Route::UnknownRegion(message) => return Some(silent(unserved(Reason::UnknownRegion, message))),
        Route::Opaque(message) => return Some(silent(unserved(Reason::Undecodable, message))),
        Route::Served(served) => served,
    };
    let mut part = Part { settled: true, ..Part::default() };
    let mut targetless = served.targetless.clone();
    let mut counted = true;
    for (fleet, wished) in served.fleets() {
        match entry.parts.get(&fleet) {
            Some((judged, theirs)) if *judged == of => {
                part.join(theirs);
                let node = |id: &InstanceId| served.nodes.get(&(fleet.region.clone(), id.clone()));
                let gone = theirs.gone.iter().filter_map(node);
                targetless.extend(gone.map(|node| (node.clone(), Reason::NodeInstanceGone)));
            }
            _ => {
                counted = false;
                part.join(&missing(wished, &fleet.region));
            }
        }
    }
    let observed = entry.seen.object.as_ref().and_then(Object::observed_generation);
    if !part.settled && observed == Some(of) {
        return None;
    }
    let stood = |reason| stood(entry, reason, now.wall);
    let lagging = entry.lagging.note(&targetless, now.steady, stood, counted && is_known(&part));
    find_nodes(&mut part, &lagging, served, now.steady);
    let question = question(served);
    Some(Report { judgement: judge(question, &part), question: Some(question), part, lagging, counted })
}

/// Whether nothing is unknown that may turn out to be gone.
fn is_known(part: &Part) -> bool {
    let over = |reason: &Reason| matches!(reason, Reason::NotFound | Reason::NodeInstanceGone);
    part.unlisted.is_none() && part.tally.unknown.keys().chain(part.owners.keys()).all(over)
}

/// For how long status has said for this reason that some Node has no target.
fn stood(entry: &Entry, reason: Reason, now: Timestamp) -> Duration {
    let conditions = entry.seen.object.as_ref().map_or(&[][..], Object::conditions);
    let says = |condition: &&Condition| condition.reason == reason.as_str();
    let stalled = conditions.iter().filter(says).any(|it| it.type_ == STALLED && it.status == "True");
    if stalled {
        return Duration::MAX;
    }
    let domain = entry.seen.object.as_ref().and_then(Object::domain).filter(says);
    let since = domain.map(|domain| now.duration_since(domain.last_transition_time.0));
    since.and_then(|since| Duration::try_from(since).ok()).unwrap_or_default()
}

/// Enters what is to be said of the selected Nodes. What is gone is called by its Node's name: nobody has typed its id.
fn find_nodes(part: &mut Part, lagging: &Lagging, served: &Served, now: Instant) {
    let mut targetless = lagging.groups();
    if let Some(gone) = targetless.remove(&Reason::NodeInstanceGone) {
        for groups in [&mut part.tally.unknown, &mut part.owners] {
            if let Some(group) = groups.get_mut(&Reason::NodeInstanceGone) {
                group.example.clone_from(&gone.example);
            }
        }
        let name = |row: &Row| {
            let of = |((_, id), name): (&(Region, InstanceId), &String)| {
                (id.as_str() == row.id.as_ref()).then(|| format!("Node {name}").into())
            };
            served.nodes.iter().find_map(of)
        };
        for row in part.rows.iter_mut().filter(|row| row.reason == Reason::NodeInstanceGone) {
            row.detail = name(row);
        }
    }
    part.nodes = NodeFindings { targetless, overdue: lagging.overdue(now), ignored: served.nodes_ignored };
}

/// What is asked, which is the same in every region.
fn question(served: &Served) -> Question {
    served.wishes.values().next().map_or_else(Question::default, Wished::question)
}

/// What is said of a region that has said nothing yet: it is Unknown, and nothing is carried out there.
fn missing(wished: &Wished, region: &Region) -> Part {
    let progress = wished.weakens().then(|| {
        let mut progress = Progress::default();
        tell(&mut progress.waiting, Reason::AwaitingEvidence, region.as_str());
        progress
    });
    Part { unlisted: Some(Reason::AwaitingEvidence), progress, ..Part::default() }
}

fn silent(judgement: Judgement) -> Report {
    Report { judgement, question: None, part: Part::default(), lagging: Lagging::default(), counted: false }
}

impl Report {
    /// Judges anew: the list of retained interfaces had to stop before one that nothing else leads to.
    fn note_full(&mut self) {
        let Some(question) = self.question else { return };
        self.part.retention.get_or_insert_default().full = true;
        self.judgement = judge(question, &self.part);
    }
}

/// A status that is to be written, and what is to be told once it stands.
#[derive(Debug)]
pub struct Statement {
    /// The status.
    pub status: Value,
    /// What it tells besides the domain condition.
    pub news: Vec<News>,
    /// The interfaces that it is the first to show as survivors.
    pub survivors: Survivors,
}

/// The status that says it; `None`: the one that stands does. Times stay where nothing changed, so that an equal status
/// is equal.
pub fn statement(report: &mut Report, entry: &Entry, now: Timestamp) -> Option<Statement> {
    let seen = &entry.seen;
    let of = generation(&seen.meta);
    // Of an object that can't be decoded the old status is not known here: it is told once for each generation.
    if entry.author_told == Some(of) {
        return None;
    }
    let object = seen.object.as_ref();
    let old = object.map_or(&[][..], Object::conditions);
    let conditions = |report: &Report| conditions(seen.resource, report, old, of, now);
    match seen.resource {
        Resource::Protection => {
            let old = object.and_then(Object::protection).and_then(|object| object.status.as_ref());
            let new = protection::status(report, conditions(report), old, &entry.losses.pending, of, now);
            let same = old.is_some_and(|old| protection::same(old, &new));
            (!same).then(|| Statement { status: json!(new), news: Vec::new(), survivors: Survivors::new() })
        }
        Resource::Retention => {
            let old = object.and_then(Object::retention).and_then(|object| object.status.as_ref());
            let (part, lost) = (report.part.retention.as_deref(), &entry.losses.pending);
            let lists = retention::lists(part, report.counted, old, lost, now);
            if lists.full {
                report.note_full();
            }
            let new = retention::status(report, conditions(report), lists, of);
            let same = old.is_some_and(|old| retention::same(old, &new));
            let departed = report.part.retention.as_ref().map(|part| &part.departed);
            (!same).then(|| Statement {
                status: json!(new),
                news: retention::news(departed, old, &new),
                survivors: retention::survivors(old, &new),
            })
        }
    }
}

fn conditions(
    resource: Resource,
    report: &Report,
    old: &[Condition],
    of: Generation,
    now: Timestamp,
) -> Vec<Condition> {
    let judgement = &report.judgement;
    [
        (resource.domain(), &judgement.domain),
        (AT_RISK, &judgement.at_risk),
        (READY, &judgement.ready),
        (RECONCILING, &judgement.reconciling),
        (STALLED, &judgement.stalled),
    ]
    .map(|(name, judged)| condition(name, judged, old, of, now))
    .into()
}

fn condition(name: &str, judged: &Judged, old: &[Condition], of: Generation, now: Timestamp) -> Condition {
    let before = old.iter().find(|condition| condition.type_ == name);
    let since = before.filter(|condition| condition.status == judged.status.as_str());
    Condition {
        type_: name.to_owned(),
        status: judged.status.as_str().to_owned(),
        reason: judged.reason.as_str().to_owned(),
        message: cut(&judged.message, MAX_CONDITION_MESSAGE),
        observed_generation: Some(of),
        last_transition_time: since
            .map_or_else(|| whole_seconds(now), |before| before.last_transition_time.clone()),
    }
}

/// Whether all of the new conditions stand there. Those of other writers are theirs.
fn same_conditions(old: &[Condition], new: &[Condition]) -> bool {
    new.iter().all(|condition| old.iter().find(|old| old.type_ == condition.type_) == Some(condition))
}

/// How many targets are in which state, once that is known of every region.
fn counts(report: &Report) -> Option<Counts> {
    let tally = &report.part.tally;
    report.counted.then(|| Counts {
        targets: tally.targets(),
        safe: tally.safe(),
        weak: total(&tally.weak),
        not_applicable: tally.not_applicable(),
        unknown: total(&tally.unknown),
        at_risk: tally.at_risk,
        nodes_ignored: report.part.nodes.ignored,
    })
}

fn risks(risks: &[keeper_core::reason::Risk]) -> Vec<Risk> {
    let risk = |risk: &keeper_core::reason::Risk| Risk {
        reason: risk.reason.as_str().to_owned(),
        message: sentence(risk.reason.sentence(), risk.detail.as_deref()),
    };
    risks.iter().take(MAX_RISKS).map(risk).collect()
}

/// A sentence about one target, with what the cloud said of it.
fn sentence(text: &str, detail: Option<&str>) -> String {
    let detail = detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
    cut(&format!("{text}{detail}"), MAX_MESSAGE)
}

/// Times in a Kubernetes object have whole seconds: what is finer would come back different from what was sent.
fn whole_seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// The first characters of a text, so that it fits its field.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(3)).collect();
    short.push_str("...");
    short
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use keeper_core::id::AccountName;
    use keeper_core::verdict::State;
    use keeper_core::wish::{Selector, Wish};

    use super::*;
    use crate::api::{EcsInstanceProtection, EcsInstanceProtectionStatus};
    use crate::controllers::object::Seen;
    use crate::fleet::FleetKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn now() -> Now {
        Now { steady: Instant::now(), wall: at(1000) }
    }

    fn wish(protect: bool) -> Wished {
        Wished::Protection(Box::new(Wish { protect, ..Wish::of(Selector::default()) }))
    }

    fn fleet(region: &str) -> FleetKey {
        FleetKey { account: AccountName::new("default"), region: Region::new(region) }
    }

    fn seen(object: EcsInstanceProtection) -> Seen {
        let (meta, object) = (object.metadata.clone(), Object::Protection(Arc::new(object)));
        Seen { resource: Resource::Protection, meta, object: Some(object) }
    }

    /// The entry with a status that stands.
    fn with(entry: &Entry, status: EcsInstanceProtectionStatus) -> Entry {
        let mut object = entry.seen.object.as_ref().and_then(Object::protection).unwrap().clone();
        object.status = Some(status);
        Entry { seen: seen(object), ..entry.clone() }
    }

    fn entry(regions: &[&str], protect: bool) -> Entry {
        let object: EcsInstanceProtection = serde_json::from_value(json!({
            "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 2 },
            "spec": { "targets": {} },
        }))
        .unwrap();
        Entry {
            seen: seen(object),
            route: Arc::new(Route::Served(Served {
                account: AccountName::new("default"),
                wishes: regions.iter().map(|region| (Region::new(region), wish(protect))).collect(),
                nodes_ignored: 1,
                targetless: BTreeMap::new(),
                nodes: BTreeMap::new(),
            })),
            parts: BTreeMap::new(),
            author_told: None,
            lagging: Lagging::default(),
            announced: None,
            judged: None,
            losses: crate::controllers::losses::Losses::default(),
        }
    }

    fn row(id: &str, state: State, reason: Reason) -> Row {
        Row { id: id.into(), state, reason, detail: None, risks: Vec::new() }
    }

    fn settled(rows: Vec<Row>) -> Arc<Part> {
        Arc::new(Part { settled: true, rows, ..Part::default() })
    }

    fn said(entry: &Entry) -> (String, String) {
        let report = report(entry, now()).unwrap();
        let domain = report.judgement.domain;
        (domain.status.as_str().to_owned(), domain.reason.as_str().to_owned())
    }

    #[test]
    fn a_region_that_has_said_nothing_yet_is_unknown() {
        let mut entry = entry(&["cn-beijing", "cn-hangzhou"], true);
        entry.parts.insert(fleet("cn-beijing"), (2, settled(Vec::new())));
        assert_eq!(said(&entry), ("Unknown".to_owned(), "AwaitingEvidence".to_owned()));
        entry.parts.insert(fleet("cn-hangzhou"), (1, settled(Vec::new())));
        assert_eq!(said(&entry).1, "AwaitingEvidence", "what it said of an older generation does not count");
        entry.parts.insert(fleet("cn-hangzhou"), (2, settled(Vec::new())));
        assert_eq!(said(&entry).1, "NoTargets");
    }

    #[test]
    fn i49_a_node_without_a_target_stalls_after_its_time_whoever_leads_by_then() {
        let minutes = |n| Duration::from_secs(60 * n);
        let mut entry = entry(&["cn-beijing"], true);
        let Route::Served(mut served) = (*entry.route).clone() else { panic!("{entry:?}") };
        served.targetless = BTreeMap::from([("n1".to_owned(), Reason::NodeUnresolved)]);
        entry.route = Arc::new(Route::Served(served));
        entry.parts.insert(fleet("cn-beijing"), (2, settled(Vec::new())));
        let start = now();
        let later = |n: u64| Now { steady: start.steady + minutes(n), wall: start.wall };
        let stalled =
            |report: &Report| report.judgement.stalled.status == keeper_core::conditions::Status::True;
        let mut first = report(&entry, start).unwrap();
        assert_eq!(first.judgement.domain.reason, Reason::NodeUnresolved);
        assert!(!stalled(&first));
        entry.lagging = first.lagging.clone();
        assert!(!stalled(&report(&entry, later(4)).unwrap()), "whatever the wall's clock says");
        assert!(stalled(&report(&entry, later(5)).unwrap()));

        // Another operator has only what status says.
        let status = statement(&mut first, &entry, start.wall).unwrap().status;
        let mut other = with(&entry, serde_json::from_value(status).unwrap());
        other.lagging = Lagging::default();
        let elsewhere = |n: i64| Now { steady: start.steady, wall: at(1000 + 60 * n) };
        assert!(!stalled(&report(&other, elsewhere(4)).unwrap()));
        let mut told = report(&other, elsewhere(5)).unwrap();
        assert!(stalled(&told));
        // And what was told to a person goes on needing one, however short ago that was.
        let status = statement(&mut told, &other, at(1300)).unwrap().status;
        let third = with(&other, serde_json::from_value(status).unwrap());
        assert!(stalled(&report(&third, elsewhere(5)).unwrap()));
    }

    #[test]
    fn i12_weakening_is_not_carried_out_while_a_region_has_not_said_so() {
        let mut entry = entry(&["cn-beijing", "cn-hangzhou"], false);
        let done = Part {
            settled: true,
            progress: Some(Progress { done: true, ..Progress::default() }),
            ..Part::default()
        };
        entry.parts.insert(fleet("cn-beijing"), (2, Arc::new(done.clone())));
        let half = report(&entry, now()).unwrap();
        assert!(!half.part.progress.unwrap().done);
        assert_ne!(half.judgement.domain.reason, Reason::DisabledAsAsked);
        entry.parts.insert(fleet("cn-hangzhou"), (2, Arc::new(done)));
        assert_eq!(said(&entry).1, "DisabledAsAsked");
    }

    #[test]
    fn i38_without_evidence_of_ones_own_the_status_that_stands_is_left_standing() {
        let entry = entry(&["cn-beijing"], true);
        assert!(report(&entry, now()).is_some(), "a new object is told that it was seen");
        let standing =
            |of| EcsInstanceProtectionStatus { observed_generation: Some(of), ..Default::default() };
        assert!(report(&with(&entry, standing(2)), now()).is_none());
        assert!(
            report(&with(&entry, standing(1)), now()).is_some(),
            "one of an older generation is not left standing"
        );
    }

    #[test]
    fn i37_times_stay_where_nothing_changed_and_an_equal_status_is_equal() {
        let mut entry = entry(&["cn-beijing"], true);
        let rows =
            vec![row("i-a", State::Safe, Reason::AllSafe), row("i-b", State::Weak, Reason::Correcting)];
        entry.parts.insert(fleet("cn-beijing"), (2, settled(rows)));
        let mut report = report(&entry, now()).unwrap();
        let state = |report: &mut Report, entry: &Entry, second| -> Option<EcsInstanceProtectionStatus> {
            Some(serde_json::from_value(statement(report, entry, at(second))?.status).unwrap())
        };
        let mut stored = state(&mut report, &entry, 100).unwrap();
        stored.conditions.insert(0, condition("example.com/Audited", &report.judgement.ready, &[], 2, at(1)));
        let mut entry = with(&entry, stored);
        assert_eq!(state(&mut report, &entry, 500), None, "conditions of other writers are theirs");
        let mut weaker = report;
        weaker.part.rows[0].state = State::Unknown;
        let third = state(&mut weaker, &entry, 500).unwrap();
        assert_eq!(third.instances[0].since.0, at(500), "this row has changed");
        assert_eq!(third.instances[1].since.0, at(100), "this one has not");
        entry.author_told = Some(2);
        assert_eq!(state(&mut weaker, &entry, 500), None, "who can't be decoded is told once");
    }

    #[test]
    fn what_is_not_served_is_told_so_and_stalls() {
        let mut entry = entry(&[], true);
        for (route, reason) in [
            (Route::NotGranted, "NotGranted"),
            (Route::UnknownRegion("There is none.".to_owned()), "UnknownRegion"),
            (Route::Opaque("spec.mode holds a word.".to_owned()), "Undecodable"),
        ] {
            entry.route = Arc::new(route);
            let report = report(&entry, now()).unwrap();
            assert_eq!(report.judgement.domain.reason.as_str(), reason);
            assert_eq!(report.judgement.stalled.status.as_str(), "True");
            assert_eq!(report.judgement.ready.status.as_str(), "False");
        }
    }

    #[test]
    fn a_text_is_cut_to_its_field_between_characters() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("äöüäöüäöü", 6), "äöü...");
    }
}
