//! Survivors that nothing but memory selects are forgotten when the time is over that the spec gives them, one after the
//! other. Nothing is written to the cloud.

use std::time::Duration;

use super::attacher::{Attacher, State};
use super::flag_keeper::FlagKeeper;
use super::flag_view::FlagView;
use super::membership::{Member, member_by_spec};
use super::memory::depart;
use super::object::Object;
use super::targets::Targets;
use super::turn::Turn;
use crate::delete_on_release::DeleteOnRelease;
use crate::id::{InterfaceId, ObjectId};
use crate::interface::{Interface, InterfaceStatus};
use crate::reason::Reason;
use crate::resource::{Place, Resource};
use crate::retention::AttachPhase;
use crate::time::Moment;
use crate::verdict::Verdict;
use crate::wall_clock::WallClock;

/// An object forgets one interface in this time. So each has an Event of its own: of an object's Events twenty are published
/// in ten minutes.
const PACE: Duration = Duration::from_mins(1);

/// So often it is looked whether a survivor whose time is over was seen since then.
const LOOK: Duration = Duration::from_secs(5);

/// Has an object forget the oldest of its survivors whose time is over, and sees to the next one in time.
pub(crate) fn forget_survivor(
    turn: &Turn<'_>,
    targets: &mut Targets<Interface>,
    keeper: &FlagKeeper<DeleteOnRelease>,
    attacher: &Attacher,
    name: &ObjectId,
) {
    let mut next = due(keeper.view(turn, targets), attacher, name, turn.context.wall_clock());
    if let Some(Due { over, id, .. }) = next.take_if(|due| due.at <= turn.now) {
        // Somebody may have attached it since it was seen.
        if targets.inventory.evidence(&id).is_none_or(|evidence| evidence.seen < over) {
            targets.reader.read_at_once(&[id.clone()].into());
            targets.timers.insert((turn.now.after(LOOK), id));
            return;
        }
        depart(targets, name, &id, Reason::SurvivorForgotten);
        if let Some(object) = targets.objects.get_mut(name) {
            object.memory.forgot = Some(turn.now);
        }
    }
    targets.timers.extend(next.map(|due| (due.at, due.id)));
}

/// A survivor that is to be forgotten.
struct Due {
    id: InterfaceId,
    /// When its time is over.
    over: Moment,
    /// When it is its turn.
    at: Moment,
}

/// The survivor that an object is to forget first, and when. Whatever stands against another one touches the object when it
/// ends.
fn due(
    view: FlagView<'_, DeleteOnRelease>,
    attacher: &Attacher,
    name: &ObjectId,
    wall_clock: WallClock,
) -> Option<Due> {
    let object = view.objects.get(name)?;
    let after = object.intent.forget_after.filter(|_| object.intent.deleting.is_none())?;
    let memory = &object.memory;
    if memory.departed.values().any(|departure| departure.reason == Reason::SurvivorForgotten) {
        // Status has yet to say that the one before is forgotten.
        return None;
    }
    let paced = memory.forgot.map_or(Moment::default(), |at| at.after(PACE));
    let survivors = memory.dated.keys().filter_map(|id| Some((memory.survived_since(id)?, id)));
    let forgettable = survivors.filter(|(_, id)| is_forgettable(view, attacher, name, object, id));
    let (since, id) = forgettable.min()?;
    let over = wall_clock.reaches(since.after(after))?;
    Some(Due { id: id.clone(), over, at: over.max(paced) })
}

/// Whether fresh evidence shows that a survivor is free still, and nothing but memory leads to it.
fn is_forgettable(
    view: FlagView<'_, DeleteOnRelease>,
    attacher: &Attacher,
    name: &ObjectId,
    object: &Object<Interface>,
    id: &InterfaceId,
) -> bool {
    let free = view.inventory.evidence(id).is_some_and(|evidence| {
        evidence.facts.status == Some(InterfaceStatus::Available)
            && Interface::place(&evidence.facts) == Place::Free
    });
    let verdict = view.verdict(id, view.horizon(), object.tag_epoch);
    free && matches!(verdict, Some(Verdict::Protected(_) | Verdict::Unprotected(_)))
        && member_by_spec(*view, name, object, id) == Member::No
        && !is_to_be_attached(attacher, name, object, id)
}

/// Whether the spec asks for it to be attached, and that has not come to its end, or it may be on its way. A request whose
/// effect was never seen has not.
fn is_to_be_attached(
    attacher: &Attacher,
    name: &ObjectId,
    object: &Object<Interface>,
    id: &InterfaceId,
) -> bool {
    let asked = object.intent.reattach.iter().any(|entry| entry.interface == *id);
    let state = attacher.state(name, id);
    let ended =
        state.is_some_and(|state| matches!(state.row.phase, AttachPhase::Attached | AttachPhase::Obsolete));
    let under_way = state.is_some_and(State::under_way);
    (asked && !ended) || under_way || attacher.requested(name, id).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{
        FRESH, NOW, Region, STALE, ask, at, eni, filter, host, interface, object, settings, show, tags,
    };
    use crate::engine::object::Memory;
    use crate::id::{CallId, InstanceId};
    use crate::intent::{Intent, Reattach, Selector};
    use crate::interface::InterfaceFacts;
    use crate::retention::{Attachment, Remembered};
    use crate::wall_clock::WallTime;

    /// By the wall clock it is so late at the origin of the monotonic one.
    const ORIGIN: u64 = 100_000;

    fn wall(second: u64) -> WallTime {
        WallTime::at(Duration::from_secs(ORIGIN + second))
    }

    /// The object o remembers the interface a as a survivor since the 100th second, and forgets one after 500 s.
    struct Scene {
        region: Region,
        attacher: Attacher,
        keeper: FlagKeeper<DeleteOnRelease>,
    }

    impl Scene {
        fn new() -> Self {
            let mut region = Region::new();
            let forget_after = Some(Duration::from_secs(500));
            let intent = Intent { forget_after, ..Intent::of(Selector::default()) };
            ask::<Interface>(&mut region.interfaces, &object("o"), intent);
            let mut scene =
                Self { region, attacher: Attacher::default(), keeper: FlagKeeper::new(settings()) };
            scene.survivor("a", 100);
            scene.region.context.read_wall_clock(NOW, wall(1000));
            scene
        }

        fn memory(&mut self) -> &mut Memory<Interface> {
            &mut self.asks().memory
        }

        fn asks(&mut self) -> &mut Object<Interface> {
            self.region.interfaces.objects.get_mut(&object("o")).unwrap()
        }

        fn survivor(&mut self, name: &str, since: u64) {
            let before: Option<InstanceId> = Some(host("gone"));
            let remembered = Remembered { before, survived: true, ..Remembered::default() };
            self.memory().kept.insert(eni(name), remembered);
            self.memory().dated.insert(eni(name), (Some(host("gone")), wall(since)));
            self.region.interfaces.index.name(&object("o"), &eni(name));
            show(&mut self.region.interfaces, &eni(name), interface(None), FRESH);
        }

        /// Is now the time to forget one? If so, which, and otherwise when is the next one due?
        fn step(&mut self) -> (Option<InterfaceId>, Option<Moment>) {
            let before: Vec<InterfaceId> = self.memory().kept.keys().cloned().collect();
            let (attacher, keeper) = (&self.attacher, &self.keeper);
            self.region.step(|targets, turn| forget_survivor(turn, targets, keeper, attacher, &object("o")));
            let kept = &self.memory().kept;
            let forgotten = before.into_iter().find(|id| !kept.contains_key(id));
            (forgotten, self.region.interfaces.timers.first().map(|(at, _)| *at))
        }
    }

    #[test]
    fn i19_only_a_free_survivor_is_forgotten_that_nothing_but_memory_selects() {
        type Prepare = fn(&mut Scene);
        let cases: [(&str, Prepare, bool); 13] = [
            ("as it is", |_| {}, true),
            ("nothing is forgotten", |s| s.asks().intent.forget_after = None, false),
            ("the object is being deleted", |s| s.asks().intent.deleting = Some(Duration::ZERO), false),
            ("it is named", |s| _ = s.asks().intent.selector.ids.insert(eni("a")), false),
            (
                "it has a tag that selects it",
                |s| {
                    let facts = InterfaceFacts { tags: Some(tags(&["env"])), ..interface(None) };
                    s.asks().intent.selector.tags = vec![filter("env")];
                    show(&mut s.region.interfaces, &eni("a"), facts, FRESH);
                },
                false,
            ),
            (
                "its tags can't be read",
                |s| {
                    s.asks().intent.selector.tags = vec![filter("env")];
                    let facts = InterfaceFacts { tags: None, ..interface(None) };
                    show(&mut s.region.interfaces, &eni("a"), facts, FRESH);
                },
                false,
            ),
            (
                "it is on an instance",
                |s| show(&mut s.region.interfaces, &eni("a"), interface(Some("b")), FRESH),
                false,
            ),
            (
                "nobody has seen it lately",
                |s| show(&mut s.region.interfaces, &eni("a"), interface(None), STALE),
                false,
            ),
            ("it was missing", |s| _ = s.region.interfaces.inventory.lack(&eni("a"), CallId(55)), false),
            (
                "its last instance lives",
                |s| s.memory().kept.get_mut(&eni("a")).unwrap().survived = false,
                false,
            ),
            ("status does not say since when", |s| s.memory().dated.clear(), false),
            (
                "status says so of an instance that it was on before",
                |s| _ = s.memory().dated.insert(eni("a"), (Some(host("former")), wall(100))),
                false,
            ),
            ("the clock was not read in this term", |s| s.region.context.begin_term(at(1)), false),
        ];
        for (why, prepare, forgotten) in cases {
            let mut scene = Scene::new();
            prepare(&mut scene);
            assert_eq!(scene.step(), (forgotten.then(|| eni("a")), None), "{why}");
        }
    }

    #[test]
    fn i19_what_is_to_be_attached_is_not_forgotten() {
        use AttachPhase::{Attached, Obsolete, Refused, Requested, Waiting};
        for (asked, told, forgotten) in [
            (true, None, false),
            (true, Some((Waiting, Reason::AttachWaits)), false),
            (true, Some((Refused, Reason::ZoneMismatch)), false),
            (true, Some((Refused, Reason::AttachLost)), false),
            (true, Some((Requested, Reason::AttachRequested)), false),
            (true, Some((Attached, Reason::AttachDone)), true),
            (true, Some((Obsolete, Reason::InstanceGone)), true),
            (false, Some((Requested, Reason::AttachRequested)), false),
            (false, Some((Refused, Reason::ZoneMismatch)), true),
        ] {
            let mut scene = Scene::new();
            let (interface, instance) = (eni("a"), Some(host("b")));
            if asked {
                let entry = Reattach {
                    interface: interface.clone(),
                    instance: instance.clone(),
                    node: None,
                    is_node: false,
                };
                scene.asks().intent.reattach = vec![entry];
            }
            let row =
                |(phase, reason)| Attachment { interface, instance, node: None, phase, reason, detail: None };
            let rows = told.map(row).into_iter().collect();
            scene.attacher.recorded(NOW, &object("o"), rows, (true, false));
            assert_eq!(scene.step().0.is_some(), forgotten, "{asked} {told:?}");
        }
    }

    #[test]
    fn i19_the_oldest_is_forgotten_first_one_in_a_minute_and_when_status_says_so_of_the_one_before() {
        let mut scene = Scene::new();
        scene.survivor("b", 50);
        scene.survivor("c", 700);
        assert_eq!(scene.step(), (Some(eni("b")), None));
        assert_eq!(scene.step(), (None, None), "status has yet to say so");
        assert_eq!(scene.memory().departed[&eni("b")].reason, Reason::SurvivorForgotten);
        scene.memory().departed.clear();
        assert_eq!(scene.step(), (None, Some(NOW.after(PACE))));
        scene.memory().forgot = None;
        assert_eq!(scene.step().0, Some(eni("a")));
        scene.memory().departed.clear();
        scene.region.interfaces.timers.clear();
        assert_eq!(scene.step(), (None, Some(at(1200))), "the time of the last one is not over");
    }

    #[test]
    fn i19_what_was_last_seen_before_its_time_was_over_is_looked_at_again() {
        let mut scene = Scene::new();
        scene.survivor("a", 495);
        assert_eq!(
            scene.step(),
            (None, Some(NOW.after(LOOK))),
            "its time was over at 995, and it was seen at 990"
        );
        show(&mut scene.region.interfaces, &eni("a"), interface(None), (996, 60));
        assert_eq!(scene.step().0, Some(eni("a")));
    }
}
