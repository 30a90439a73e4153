//! What objects would have of the targets of a region, for who only looks: the engine without its reads and writes.
//!
//! It is told what the objects ask, and shown what listings show. Whom an object selects, what it says of a target, and what would
//! be done next are the engine's own answers on that evidence: there is one [`RegionEngine`] in here, which is never polled. All
//! evidence counts as of one moment, whenever it was read. What only an operator remembers that has run for a while, such as what the
//! cloud has refused, is not known here.

use std::collections::BTreeSet;
use std::time::Duration;

use super::action::{Asked, Input, ProtectionRecord, Settings};
use super::exceptions;
use super::flag_view::FlagView;
use super::holds::{enforces_on_host, holders, left_until};
use super::hosts::{Presence, hosts_of};
use super::instances::amend_risks;
use super::judge::judge_one;
use super::lifts;
use super::membership::{Member, selectors_of};
use super::object::Object;
use super::reader::{Finding, Source};
use super::region::RegionEngine;
use super::region_view::RegionView;
use super::scale_in::ScaleInReport;
use super::unprotect::Ended;
use super::unprotect_checks::{Standing, standing};
use crate::budget::Limit;
use crate::call::Item;
use crate::deletion_protection::DeletionProtection;
use crate::evidence::Evidence;
use crate::exception::{ExceptionRecord, ExceptionReport};
use crate::flag::{Flag, Id, MainFlag};
use crate::id::{CallId, Generation, InstanceId, InterfaceId, ObjectId, RequestId};
use crate::instance::Instance;
use crate::intent::Unprotecting;
use crate::interface::Interface;
use crate::lift::{LiftRecord, LiftReport, Removal};
use crate::reason::{Reason, Risk};
use crate::resource::Resource;
use crate::scaling_member::ScalingMember;
use crate::time::Moment;
use crate::verdict::{Row, Verdict};
use crate::wall_clock::WallTime;

/// The moment of which all evidence is.
const NOW: Moment = Moment::at(Duration::from_hours(24));

/// The one read that is said to have shown everything: nothing is sent, so no other call has a number.
const CALL: CallId = CallId(1);

/// How an engine is set that reads and writes nothing.
const SETTINGS: Settings = Settings {
    sweep_interval: Duration::from_mins(1),
    reads: Limit { per_minute: 60, burst: 1 },
    writes: Limit { per_minute: 60, burst: 1 },
    reads_in_flight: 1,
    writes_in_flight: 1,
    seed: 0,
};

/// What the objects of one account and region have of its targets.
#[derive(Debug)]
pub struct Survey {
    engine: RegionEngine,
    /// Whether everything that follows from what was told and shown is known.
    settled: bool,
}

/// What becomes of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prospect {
    /// The objects that select it, or may.
    pub objects: Vec<Opinion>,
    /// The main flag, and after it each other one of which an object wants something.
    pub flags: Vec<FlagProspect>,
    /// The objects that select what is on it, if it is an instance, where it is not known what that is, and why.
    pub unknown_hosts: Vec<(ObjectId, Reason)>,
}

/// What one object says of a target that it selects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// The object.
    pub object: ObjectId,
    /// The generation that it is judged at.
    pub generation: Generation,
    /// Why it is not known whether it selects the target; `None`: it does.
    pub doubt: Option<Reason>,
    /// What its status says of the target, or would if every target had a row there.
    pub row: Row,
}

/// What becomes of one flag of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagProspect {
    /// The attribute of the cloud's API.
    pub name: &'static str,
    /// Whether it has its protected value, as far as that was read.
    pub protected: Option<bool>,
    /// What each object that selects the target wants of the flag.
    pub wants: Vec<(ObjectId, Stance)>,
    /// What would be done next.
    pub next: Next,
    /// With which other targets it can be written in one call: those of which this says the same.
    pub in_call_with: Option<String>,
}

/// What an object wants of a flag on a target that it selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stance {
    /// It keeps the protected value: nobody may unprotect it, and it has that value written.
    Enforces,
    /// It is a hold, so nobody may unprotect the flag; but it writes nothing.
    Holds,
    /// It steps aside until then, for an exception or because Karpenter removes the machine.
    StepsAside(WallTime),
    /// It has the flag unprotected, once for its generation.
    Unprotects,
    /// It asked for that, and it was carried out.
    Unprotected,
    /// It only says how things are.
    Observes,
}

/// What would be done next about a flag of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is as it should be, or nobody wants anything of it.
    Nothing,
    /// The protected value is written for this object.
    Protect(ObjectId),
    /// The unprotected value is written for this object, if the API server confirms the object and all holds.
    Unprotect(ObjectId),
    /// An object has it unprotected, and something stands against that.
    StaysProtected {
        /// The object.
        object: ObjectId,
        /// What stands against it.
        reason: Reason,
        /// The other objects that hold it.
        holders: Vec<ObjectId>,
    },
    /// An object wants the protected value, and the target can't carry it.
    CannotProtect(Reason),
    /// An object wants something of it, and what is to be done can't be told.
    Unknown(Reason),
}

impl FlagProspect {
    /// Whether any object wants something of the flag.
    fn concerns_anybody(&self) -> bool {
        self.wants.iter().any(|(_, stance)| *stance != Stance::Observes)
    }
}

impl Survey {
    /// A region of which nothing is known, at this time.
    pub fn new(at: WallTime) -> Self {
        let mut engine = RegionEngine::new(SETTINGS, SETTINGS, SETTINGS);
        engine.handle(NOW, Input::WallClock(at));
        Self { engine, settled: true }
    }

    /// An object asks this.
    pub fn ask(&mut self, object: ObjectId, generation: Generation, asked: Asked) {
        self.engine.handle(NOW, Input::Intent(object, generation, asked));
        self.settled = false;
    }

    /// A read showed these instances. They are to be shown before what is on them, and when all objects are known.
    pub fn show_instances(&mut self, items: impl IntoIterator<Item = Item<Instance>>) {
        let shown = self.shown(items);
        self.engine.instances_found(NOW, shown);
    }

    /// A read showed these network interfaces.
    pub fn show_interfaces(&mut self, items: impl IntoIterator<Item = Item<Interface>>) {
        self.settle();
        let shown = self.shown(items);
        self.engine.interfaces_found(NOW, shown);
    }

    /// A read showed these members of scaling groups.
    pub fn show_members(&mut self, items: impl IntoIterator<Item = Item<ScalingMember>>) {
        self.settle();
        let shown = self.shown(items);
        self.engine.members_found(NOW, shown);
    }

    /// All instances were shown: what the objects name besides is missing.
    pub fn instances_listed(&mut self) {
        self.settled = false;
        self.engine.instances_found(NOW, vec![Finding::Listed(CALL, NOW)]);
    }

    /// The same of network interfaces.
    pub fn interfaces_listed(&mut self) {
        self.settled = false;
        self.engine.interfaces_found(NOW, vec![Finding::Listed(CALL, NOW)]);
    }

    /// The same of members of scaling groups.
    pub fn members_listed(&mut self) {
        self.settled = false;
        self.engine.members_found(NOW, vec![Finding::Listed(CALL, NOW)]);
    }

    fn shown<R: Resource>(&mut self, items: impl IntoIterator<Item = Item<R>>) -> Vec<Finding<R>> {
        self.settled = false;
        let source = Source { call: CALL, sent: NOW, request_id: RequestId::new("") };
        items.into_iter().map(|item| Finding::Shown(item, source.clone())).collect()
    }

    /// Takes in what follows from what it was told and shown.
    fn settle(&mut self) {
        if !std::mem::replace(&mut self.settled, true) {
            self.engine.settle_all(NOW);
        }
    }

    /// The instances of which more is asked than was kept when they were shown: what was shown later may name one that was nobody's
    /// concern before. They are to be shown again. What is missing is not among them.
    pub fn unseen_instances(&mut self) -> Vec<InstanceId> {
        self.look(|RegionView { deletion_protection: view, .. }| {
            let enough = |evidence: &Evidence<Instance>| evidence.tag_epoch >= view.keys.epoch();
            let unseen = view.inventory.iter().filter(|(_, it)| !it.evidence.as_ref().is_some_and(enough));
            unseen.filter(|(_, it)| it.absence.is_none()).map(|(id, _)| id.clone()).collect()
        })
    }

    /// The instances that some object asks after and that were not shown.
    pub fn unshown_instances(&mut self) -> Vec<InstanceId> {
        self.look(|RegionView { deletion_protection: view, .. }| {
            let unshown = view.inventory.iter().filter(|(_, it)| it.evidence.is_none());
            unshown.map(|(id, _)| id.clone()).collect()
        })
    }

    /// The instances of which status is to say something before anything is done about them: what becomes of the others is the same
    /// before [`record`](Self::record) and after it.
    pub fn awaiting_record(&mut self) -> BTreeSet<InstanceId> {
        self.look(|RegionView { deletion_protection: view, .. }| {
            let objects = view.objects.values().filter(|object| !object.intent.enumerates);
            let of_each = objects.flat_map(|Object { intent, aside, .. }| {
                let due = intent.lifts.iter().filter(|(_, lift)| lift.removal == Removal::Due);
                let lifted = due.map(|(id, _)| id).chain(aside.lifted.keys());
                intent.exceptions.keys().chain(lifted).cloned()
            });
            of_each.collect()
        })
    }

    /// Takes what is said of exceptions and of machines that Karpenter removes for written into status, which goes before everything
    /// that is done about them. Nothing is said of a machine that has yet to be shown.
    pub fn record(&mut self) {
        let records: Vec<(ObjectId, Generation, Asked)> = self.look(|view| {
            let view = view.deletion_protection;
            let objects = view.objects.iter().filter(|(_, object)| !object.intent.enumerates);
            let recorded = objects.map(|(name, object)| {
                let asked = Asked::Protection(Box::new(object.intent.clone()), Box::new(record(view, name)));
                (name.clone(), object.generation, asked)
            });
            recorded.collect()
        });
        for (name, generation, asked) in records {
            self.ask(name, generation, asked);
        }
    }

    /// The instances that some object asks after.
    pub fn instances(&mut self) -> Vec<InstanceId> {
        self.look(|view| view.deletion_protection.inventory.iter().map(|(id, _)| id.clone()).collect())
    }

    /// The network interfaces that some object asks after.
    pub fn interfaces(&mut self) -> Vec<InterfaceId> {
        self.look(|view| view.delete_on_release.inventory.iter().map(|(id, _)| id.clone()).collect())
    }

    /// What becomes of an instance.
    pub fn instance(&mut self, id: &InstanceId) -> Prospect {
        self.look(|view| {
            let objects = opinions(view.deletion_protection, id, |name, risks| {
                let scale_in = ScaleInReport::of(view.scale_in, name);
                amend_risks(view.release_times, &scale_in, (name, id), risks);
            });
            let others = [prospect(view.release_times, id), prospect(view.scale_in, id)];
            let main = prospect(view.deletion_protection, id);
            let flags =
                std::iter::once(main).chain(others.into_iter().filter(FlagProspect::concerns_anybody));
            let unknown_hosts = unknown_hosts(&view, id);
            Prospect { objects, flags: flags.collect(), unknown_hosts }
        })
    }

    /// What becomes of a network interface.
    pub fn interface(&mut self, id: &InterfaceId) -> Prospect {
        self.look(|view| {
            let objects = opinions(view.delete_on_release, id, |_, _| {});
            let flags = vec![prospect(view.delete_on_release, id)];
            Prospect { objects, flags, unknown_hosts: Vec::new() }
        })
    }

    fn look<T>(&mut self, look: impl FnOnce(RegionView<'_>) -> T) -> T {
        self.settle();
        self.engine.look(NOW, look)
    }
}

/// What an object's status is to say durably before anything is done about its exceptions and lifts.
fn record(view: FlagView<'_, DeletionProtection>, name: &ObjectId) -> ProtectionRecord {
    let exceptions = exceptions::reports(view, name).into_iter().map(|report| {
        let ExceptionReport { instance, until, ends, phase, carried_out, .. } = report;
        (instance, ExceptionRecord { until, ends, phase, carried_out })
    });
    let (lifted, _) = lifts::reports(view, name);
    let lifted = lifted.into_iter().map(|report| {
        let LiftReport { instance, node, since, phase, .. } = report;
        (instance, LiftRecord { node, since, phase })
    });
    ProtectionRecord { exceptions: exceptions.collect(), lifted: lifted.collect() }
}

/// What each object that selects a target says of it. `amend`: what the other flags of the target make of its risks.
fn opinions<F: MainFlag>(
    view: FlagView<'_, F>,
    id: &Id<F>,
    amend: impl Fn(&ObjectId, &mut Vec<Risk>),
) -> Vec<Opinion> {
    let selecting = selectors_of(*view, id).filter(|(_, object, _)| !object.intent.enumerates);
    let opinions = selecting.filter_map(|(name, object, member)| {
        let row = judge_one(view, (name, object), id, |risks| amend(name, risks))?;
        let doubt = match member {
            Member::Unclear(reason) => Some(view.why_unread(reason)),
            Member::Yes | Member::No => None,
        };
        Some(Opinion { object: name.clone(), generation: object.generation, doubt, row })
    });
    opinions.collect()
}

/// The objects that select what is on an instance, if it is not known what that is, and why.
fn unknown_hosts(view: &RegionView<'_>, id: &InstanceId) -> Vec<(ObjectId, Reason)> {
    let (instances, interfaces) = (view.deletion_protection, view.delete_on_release);
    let asking = selectors_of(*instances, id).filter(|(_, object, _)| object.intent.enumerates);
    let unknown = asking.filter_map(|(name, _, _)| {
        let host = hosts_of(interfaces.hosts, name)?.get(id).filter(|host| host.role.selects())?;
        match host.presence {
            Presence::Unknown(reason) => Some((name.clone(), reason)),
            Presence::Gone(_) => Some((name.clone(), Reason::NotFound)),
            Presence::Shown(_) => None,
        }
    });
    unknown.collect()
}

/// What becomes of a flag.
fn prospect<F: Flag>(view: FlagView<'_, F>, id: &Id<F>) -> FlagProspect {
    let selecting = selectors_of(*view, id).filter(|(_, object, _)| !object.intent.enumerates);
    let wants =
        selecting.map(|(name, object, member)| (name.clone(), stance(view, (name, object, member), id)));
    let in_call_with = view.inventory.evidence(id).and_then(|evidence| F::in_call_with(&evidence.facts));
    FlagProspect {
        name: F::NAME,
        protected: protected(view, id),
        wants: wants.collect(),
        next: next(view, id),
        in_call_with: in_call_with.map(str::to_owned),
    }
}

fn protected<F: Flag>(view: FlagView<'_, F>, id: &Id<F>) -> Option<bool> {
    F::protected(&view.inventory.evidence(id)?.facts)
}

fn stance<F: Flag>(
    view: FlagView<'_, F>,
    (name, object, member): (&ObjectId, &Object<F::Of>, Member),
    id: &Id<F>,
) -> Stance {
    if F::holds(&object.intent) {
        return match left_until(*view, (name, object), id) {
            Some(ends) => Stance::StepsAside(ends),
            None if member == Member::Yes && enforces_on_host::<F>(*view, (name, object), id) => {
                Stance::Enforces
            }
            None => Stance::Holds,
        };
    }
    let task = view.unprotector.task(name).filter(|task| task.what != Unprotecting::SteppingAside);
    match task.map(|task| task.done) {
        Some(false) => Stance::Unprotects,
        Some(true) => Stance::Unprotected,
        None => Stance::Observes,
    }
}

/// What would be done next about a flag.
fn next<F: Flag>(view: FlagView<'_, F>, id: &Id<F>) -> Next {
    if let Some(on_behalf) = view.protecting(id) {
        return Next::Protect(on_behalf.object);
    }
    let mut stays = None;
    for (name, _, _) in selectors_of(*view, id) {
        if view.unprotector.task(name).is_none_or(|task| task.done) {
            continue;
        }
        match standing(view, name, id) {
            Some(Standing::Ready) => return Next::Unprotect(name.clone()),
            Some(Standing::Waiting(reason) | Standing::Ended(Ended::LeftProtected(reason))) => {
                let holders = holders::<F>(*view, id, name).cloned().collect();
                stays.get_or_insert(match protected(view, id) {
                    Some(true) => Next::StaysProtected { object: name.clone(), reason, holders },
                    Some(false) => Next::Nothing,
                    None => Next::Unknown(reason),
                });
            }
            Some(Standing::Ended(Ended::Done)) | None => {}
        }
    }
    stays.unwrap_or_else(|| hindered(view, id))
}

/// What keeps the protected value from being written, if some object has it written.
fn hindered<F: Flag>(view: FlagView<'_, F>, id: &Id<F>) -> Next {
    let enforcing =
        selectors_of(*view, id).filter(|(name, object, _)| enforces_on_host::<F>(*view, (name, object), id));
    let hindrances = enforcing.filter_map(|(_, object, member)| {
        match (view.verdict(id, view.told_horizon(), object.tag_epoch), member) {
            (None, _) => Some(Next::Unknown(Reason::AwaitingEvidence)),
            (Some(Verdict::Protected(_) | Verdict::Excepted(_)), _) => None,
            (Some(Verdict::NotApplicable(_)), _) if protected(view, id) == Some(true) => None,
            (Some(Verdict::Unknown(reason)), _) | (Some(_), Member::Unclear(reason)) => {
                Some(Next::Unknown(view.why_unread(reason)))
            }
            (Some(Verdict::NotApplicable(reason)), _) => Some(Next::CannotProtect(reason)),
            (Some(Verdict::Unprotected(_)), _) => None,
        }
    });
    hindrances.into_iter().next().unwrap_or(Next::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{eni, filter, host, instance, interface, object};
    use crate::exception::Exception;
    use crate::instance::InstanceFacts;
    use crate::intent::{Intent, Rights, ScaleIn, Selector};
    use crate::retention::Record;
    use crate::scaling_member::{LifecycleState, MemberFacts};
    use crate::verdict::State;

    fn wall(second: u64) -> WallTime {
        WallTime::at(Duration::from_secs(1_000_000 + second))
    }

    fn item<R: Resource>(id: R::Id, facts: R::Facts) -> Item<R> {
        Item { id, name: None, facts }
    }

    fn by_tag() -> Intent<Instance> {
        let selector = Selector { tags: vec![filter("env")], ..Selector::default() };
        Intent { may: Rights::ALL, ..Intent::of(selector) }
    }

    fn disabled() -> Intent<Instance> {
        Intent { protect: false, ..by_tag() }
    }

    /// What becomes of the instance a, with the tag env and this flag, if the objects o and p ask this.
    fn becomes(asked: [Option<Intent<Instance>>; 2], protected: bool) -> Prospect {
        let mut survey = surveyed(asked, protected);
        survey.instance(&host("a"))
    }

    fn surveyed(asked: [Option<Intent<Instance>>; 2], protected: bool) -> Survey {
        let mut survey = Survey::new(wall(1000));
        for (name, intent) in ["o", "p"].into_iter().zip(asked) {
            let Some(intent) = intent else { continue };
            let asked = Asked::Protection(Box::new(intent), Box::default());
            survey.ask(object(name), 1, asked);
        }
        let facts = InstanceFacts { deletion_protection: Some(protected), ..instance(&["env"], &[]) };
        survey.show_instances([item(host("a"), facts)]);
        survey.instances_listed();
        survey
    }

    fn next(prospect: &Prospect, flag: &str) -> Option<Next> {
        prospect.flags.iter().find(|known| known.name == flag).map(|flag| flag.next.clone())
    }

    /// What the objects o and p ask, whether the flag is protected, what each of them wants, and what is done next.
    type Case<'a> = (&'a str, [Option<Intent<Instance>>; 2], bool, &'a [Stance], Next);

    #[test]
    fn i59_of_each_object_it_is_told_what_it_wants_and_what_is_done_next() {
        use Stance::{Enforces, Holds, Observes, Unprotected, Unprotects};
        let observes = |intent| Intent { observe: true, ..intent };
        let stays = |reason, holders: &[&str]| Next::StaysProtected {
            object: object("o"),
            reason,
            holders: holders.iter().map(|name| object(name)).collect(),
        };
        let powerless = Intent { may: Rights::default(), ..disabled() };
        let carried_out = Intent { carried_out: true, ..disabled() };
        let done = || Next::Nothing;
        let cases: [Case<'_>; 11] = [
            ("it is protected", [Some(by_tag()), None], true, &[Enforces], done()),
            ("it is not", [Some(by_tag()), None], false, &[Enforces], Next::Protect(object("o"))),
            ("who observes writes nothing", [Some(observes(by_tag())), None], false, &[Holds], done()),
            ("it is given up", [Some(disabled()), None], true, &[Unprotects], Next::Unprotect(object("o"))),
            ("it was", [Some(disabled()), None], false, &[Unprotects], done()),
            ("once", [Some(carried_out), None], true, &[Unprotected], done()),
            ("who observes does not", [Some(observes(disabled())), None], true, &[Observes], done()),
            ("it may not be", [Some(powerless), None], true, &[Unprotects], stays(Reason::NotGranted, &[])),
            (
                "another one holds it",
                [Some(disabled()), Some(by_tag())],
                true,
                &[Unprotects, Enforces],
                stays(Reason::Conflict, &["p"]),
            ),
            (
                "who observes holds it, too",
                [Some(disabled()), Some(observes(by_tag()))],
                true,
                &[Unprotects, Holds],
                stays(Reason::Conflict, &["p"]),
            ),
            (
                "another one has it protected again",
                [Some(disabled()), Some(by_tag())],
                false,
                &[Unprotects, Enforces],
                Next::Protect(object("p")),
            ),
        ];
        for (why, asked, protected, stances, expected) in cases {
            let prospect = becomes(asked, protected);
            let told: Vec<Stance> = prospect.flags[0].wants.iter().map(|(_, stance)| *stance).collect();
            assert_eq!((told.as_slice(), &prospect.flags[0].next), (stances, &expected), "{why}");
            let state = if protected { State::Protected } else { State::Unprotected };
            assert!(prospect.objects.iter().all(|opinion| opinion.row.state == state), "{why}");
            assert_eq!(prospect.flags.len(), 1, "{why}: nobody speaks of other flags");
        }
    }

    #[test]
    fn i09_an_object_that_can_not_be_read_stands_against_unprotecting() {
        let mut survey = surveyed([Some(disabled()), None], true);
        survey.ask(object("p"), 1, Asked::Opaque);
        let reason = Reason::OpaqueRival;
        let stays = Next::StaysProtected { object: object("o"), reason, holders: Vec::new() };
        assert_eq!(survey.instance(&host("a")).flags[0].next, stays);
    }

    #[test]
    fn i06_what_can_not_be_told_of_a_target_is_told() {
        let told = |change: fn(&mut InstanceFacts)| {
            let mut survey = Survey::new(wall(1000));
            let selector = Selector { ids: [host("a"), host("gone")].into(), ..Selector::default() };
            let asked = Intent::of(Selector { exclude_tags: vec![filter("skip")], ..selector });
            survey.ask(object("o"), 1, Asked::Protection(Box::new(asked), Box::default()));
            let mut facts = instance(&[], &[]);
            change(&mut facts);
            survey.show_instances([item(host("a"), facts)]);
            survey.instances_listed();
            let gone = survey.instance(&host("gone"));
            assert_eq!(gone.flags[0].next, Next::Unknown(Reason::Missing));
            let prospect = survey.instance(&host("a"));
            (prospect.objects.first().map(|it| it.doubt), prospect.flags[0].next.clone())
        };
        let protect = Next::Protect(object("o"));
        let unreadable = Reason::FieldUnreadable;
        assert_eq!(told(|_| {}), (Some(None), protect));
        assert_eq!(told(|f| f.tags = None), (Some(Some(unreadable)), Next::Unknown(unreadable)));
        assert_eq!(told(|f| f.deletion_protection = None), (Some(None), Next::Unknown(unreadable)));
        assert_eq!(told(|f| f.spot = Some(true)), (Some(None), Next::CannotProtect(Reason::SpotInstance)));
        assert_eq!(told(|f| f.tags = Some(vec![crate::id::Tag::new("skip", "x")])), (None, Next::Nothing));
    }

    /// What becomes of the instance a with this flag, which an object names unless it has a tag that may be unreadable.
    fn doubtful(intent: Intent<Instance>, flag: Option<bool>, tags_readable: bool) -> Prospect {
        let selector =
            Selector { ids: [host("a")].into(), exclude_tags: vec![filter("skip")], ..Selector::default() };
        let mut survey = Survey::new(wall(1000));
        let intent = Intent { selector, ..intent };
        survey.ask(object("o"), 1, Asked::Protection(Box::new(intent), Box::default()));
        let mut facts = InstanceFacts { deletion_protection: flag, ..instance(&[], &[]) };
        if !tags_readable {
            facts.tags = None;
        }
        survey.show_instances([item(host("a"), facts)]);
        survey.instance(&host("a"))
    }

    #[test]
    fn i59_only_what_is_known_to_be_protected_is_said_to_stay_so() {
        let told = |flag, readable| doubtful(disabled(), flag, readable).flags[0].next.clone();
        let (object, reason) = (object("o"), Reason::FieldUnreadable);
        let stays = Next::StaysProtected { object, reason, holders: Vec::new() };
        assert_eq!(told(Some(true), false), stays);
        assert_eq!(told(None, true), Next::Unknown(reason));
        assert_eq!(told(Some(false), false), Next::Nothing);
    }

    #[test]
    fn i07_who_may_not_select_a_target_is_a_hold_and_has_nothing_written() {
        let told = |readable| doubtful(by_tag(), Some(false), readable).flags[0].wants.clone();
        assert_eq!(told(true), [(object("o"), Stance::Enforces)]);
        assert_eq!(told(false), [(object("o"), Stance::Holds)]);
    }

    #[test]
    fn i53_an_exception_is_carried_out_when_status_says_when_it_ends() {
        let entry = Exception { until: wall(5000), reason: "replaced".into() };
        let excepted = Intent { exceptions: [(host("a"), entry)].into(), ..by_tag() };
        let mut survey = surveyed([Some(excepted), None], true);
        assert_eq!(survey.awaiting_record(), [host("a")].into());
        let mut told = || {
            let prospect = survey.instance(&host("a"));
            let told = (prospect.flags[0].wants[0].1, prospect.flags[0].next.clone());
            survey.record();
            told
        };
        assert_eq!(told(), (Stance::Enforces, Next::Nothing));
        assert_eq!(told(), (Stance::StepsAside(wall(5000)), Next::Unprotect(object("o"))));
    }

    #[test]
    fn i58_the_other_flags_of_an_instance_are_told_where_somebody_wants_something_of_them() {
        let asked = Intent { cancel_release_times: true, scale_in: ScaleIn::Protect, ..by_tag() };
        let mut survey = Survey::new(wall(1000));
        survey.ask(object("o"), 1, Asked::Protection(Box::new(asked), Box::default()));
        let timed = Some(Some("2030-01-01T00:00Z".into()));
        let facts = InstanceFacts { auto_release: timed, ..instance(&["env"], &[]) };
        survey.show_instances([item(host("a"), facts)]);
        let group = Some(crate::id::ScalingGroupId::new("asg-1"));
        let member = MemberFacts { instance: host("a"), group, state: Some(LifecycleState::InService) };
        survey.show_members([item(host("a"), member)]);
        let prospect = survey.instance(&host("a"));
        for flag in ["DeletionProtection", "AutoReleaseTime", "ProtectedFromScaleIn"] {
            assert_eq!(next(&prospect, flag), Some(Next::Protect(object("o"))), "{flag}");
        }
        let groups = prospect.flags.iter().map(|flag| flag.in_call_with.as_deref()).collect::<Vec<_>>();
        assert_eq!(groups, [None, None, Some("asg-1")], "members of one group are written together");
        let risks: Vec<Reason> = prospect.objects[0].row.risks.iter().map(|risk| risk.reason).collect();
        assert_eq!(risks, [Reason::AutoReleaseTimeSet, Reason::ScalingGroupMember]);
    }

    #[test]
    fn i21_an_interface_is_a_target_through_the_instance_that_was_shown_before_it() {
        let hosts = Selector { tags: vec![filter("env")], ..Selector::default() };
        let retention = Intent { hosts: Some(Box::new(hosts)), ..Intent::of(Selector::default()) };
        let mut survey = Survey::new(wall(1000));
        survey.ask(object("o"), 1, Asked::Retention(Box::new(retention), Box::<Record>::default()));
        survey.show_instances([item(host("a"), instance(&["env"], &["a"]))]);
        survey.show_interfaces([item(eni("a"), interface(Some("a"))), item(eni("b"), interface(Some("b")))]);
        assert_eq!((survey.instances(), survey.interfaces()), (vec![host("a")], vec![eni("a")]));
        assert_eq!(survey.interface(&eni("a")).flags[0].next, Next::Protect(object("o")));
        assert!(survey.instance(&host("a")).objects.is_empty(), "it asks after it, and does not select it");
        assert!(survey.interface(&eni("b")).objects.is_empty());
    }

    #[test]
    fn i21_an_instance_of_which_it_is_not_known_what_is_on_it_is_told() {
        let named = Selector { ids: [host("a"), host("gone")].into(), ..Selector::default() };
        let retention = Intent { hosts: Some(Box::new(named)), ..Intent::of(Selector::default()) };
        let mut survey = Survey::new(wall(1000));
        survey.ask(object("o"), 1, Asked::Retention(Box::new(retention), Box::<Record>::default()));
        survey.show_instances([item(host("a"), instance(&[], &[]))]);
        survey.instances_listed();
        survey.interfaces_listed();
        let mut told = |id| survey.instance(&host(id)).unknown_hosts;
        assert_eq!((told("a"), told("gone")), (vec![], vec![(object("o"), Reason::Missing)]));
    }

    #[test]
    fn i21_an_instance_that_only_an_interface_leads_to_is_asked_after_again() {
        let named = Intent::<Interface>::of(Selector { ids: [eni("a")].into(), ..Selector::default() });
        let mut survey = Survey::new(wall(1000));
        survey.ask(object("o"), 1, Asked::Retention(Box::new(named), Box::<Record>::default()));
        let shown = || [item(host("a"), instance(&[], &["a"]))];
        survey.show_instances(shown());
        assert!(survey.unseen_instances().is_empty(), "nobody asks after any");
        survey.show_interfaces([item(eni("a"), interface(Some("a")))]);
        let risks = |survey: &mut Survey| survey.interface(&eni("a")).objects[0].row.risks.len();
        assert_eq!((survey.unseen_instances(), risks(&mut survey)), (vec![host("a")], 1));
        survey.show_instances(shown());
        assert_eq!((survey.unseen_instances(), risks(&mut survey)), (vec![], 0));
    }

    #[test]
    fn i04_an_instance_that_is_named_and_not_there_was_not_shown_and_is_not_asked_for_again() {
        let named = Selector { ids: [host("a"), host("gone")].into(), ..Selector::default() };
        let mut survey = Survey::new(wall(1000));
        survey.ask(object("o"), 1, Asked::Protection(Box::new(Intent::of(named)), Box::default()));
        survey.show_instances([item(host("a"), instance(&[], &[])), item(host("b"), instance(&[], &[]))]);
        survey.instances_listed();
        assert_eq!((survey.unshown_instances(), survey.unseen_instances()), (vec![host("gone")], vec![]));
    }
}
