//! Attaching what is retained: each intent once, and never anything that is in use.

use std::time::Duration;

use keeper_core::conditions::Status;
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::intent::{DeletionPolicy, Intent, Reattach};
use keeper_core::interface::{Interface, InterfaceStatus, InterfaceType};
use keeper_core::reason::Reason;
use keeper_core::retention::{AttachPhase, InterfacePhase};
use keeper_core::surroundings::Power;

use crate::world::{Event, Fault, INTERVAL, World, by_ids, by_tag, eni, i, ids, on, secs, settings, tags};

use AttachPhase::{Attached, Obsolete, Refused, Requested, Waiting};

/// An entry that names the instance.
pub fn to(interface: &str, instance: &str) -> Reattach {
    Reattach { interface: eni(interface), instance: Some(i(instance)), node: None, is_node: false }
}

/// An entry that names a Node, and the instance behind it, if there is one.
fn to_node(interface: &str, node: &str, instance: Option<&str>) -> Reattach {
    Reattach { interface: eni(interface), instance: instance.map(i), node: Some(node.into()), is_node: true }
}

pub fn attaching(intent: Intent<Interface>, entries: &[Reattach]) -> Intent<Interface> {
    Intent { reattach: entries.to_vec(), ..intent }
}

/// `i-old` is gone and its interfaces are free; `i-new` stands beside `i-b`.
pub fn survivors() -> World {
    survivors_with(INTERVAL)
}

/// The same, where a sweep begins this often.
fn survivors_with(interval: Duration) -> World {
    let mut world = World::with(Settings { sweep_interval: interval, ..settings() });
    world.server("old", &[("env", "prod")]);
    world.server("b", &[]);
    world.machine("i-new", &[]);
    world.card("eni-new0", Some("i-new"), InterfaceType::Primary);
    world.apply("a", on(by_tag("env", "prod")));
    world.run(secs(30));
    world.release("i-old");
    world.run(interval * 3);
    assert_eq!(world.available("a"), ["eni-old0", "eni-old1"]);
    world
}

/// The same, and the intent to attach one of them is applied.
fn asked() -> World {
    let mut world = survivors();
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world
}

#[test]
fn what_outlived_its_instance_is_attached_to_another_within_seconds_and_once() {
    let mut world = asked();
    world.run(secs(20));
    assert_eq!(world.on("eni-old0"), Some("i-new"));
    assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone));
    assert_eq!(world.row("a", "eni-old0").phase, InterfacePhase::Reattached);
    assert_eq!(world.attached.len(), 1);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.condition_set("a").ready.status, Status::True);
    assert_eq!(world.available("a"), ["eni-old1"]);
    let (actions, reads) = (world.actions, world.reads.len());
    world.run(INTERVAL * 10);
    assert_eq!(world.actions - actions, world.reads.len() - reads, "nothing at rest");
    world.restart();
    world.run(INTERVAL * 4);
    assert_eq!(world.row("a", "eni-old0").phase, InterfacePhase::Reattached);
    assert_eq!(world.attached.len(), 1);
}

#[test]
fn a_flag_that_attaching_sets_anew_is_put_right() {
    let mut world = survivors();
    world.cloud.mood.attach_resets = true;
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(secs(30));
    assert_eq!(world.on("eni-old0"), Some("i-new"));
    assert!(world.protected("eni-old0"));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn a_node_is_attached_to_as_soon_as_it_is_there_and_only_what_terway_leaves_alone() {
    let mut world = survivors();
    let intent = |instance| attaching(on(by_tag("env", "prod")), &[to_node("eni-old0", "node-1", instance)]);
    world.apply("a", intent(None));
    world.run(secs(30));
    assert_eq!(world.stands("a", "eni-old0"), (Waiting, Reason::NodeUnknown));
    assert_eq!(world.condition_set("a").ready.status, Status::True, "it is written ahead");
    // The Node comes; the generation stays.
    world.apply("a", intent(Some("i-new")));
    world.run(secs(30));
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::TerwayWouldTake));
    assert!(world.attached.is_empty());
    world.change("eni-old0", |card| {
        card.facts.tags = Some(tags(&[("terway.alibabacloud.com/excluded", "true")]));
    });
    world.run(INTERVAL + secs(30));
    assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone));
    assert_eq!(world.on("eni-old0"), Some("i-new"));
}

#[test]
fn i22_an_instance_of_a_cluster_takes_only_what_terway_leaves_alone() {
    for key in ["ack.aliyun.com", "k8s.aliyun.com"] {
        let mut world = survivors();
        world.alter("i-new", |machine| machine.facts.tags = Some(tags(&[(key, "c-1")])));
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(INTERVAL * 2);
        assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::TerwayWouldTake));
        assert!(world.attached.is_empty());
    }
}

#[test]
fn i22_what_is_in_use_is_never_moved_and_is_attached_when_it_is_free() {
    let mut world = World::new();
    world.server("a", &[]);
    world.machine("i-new", &[]);
    world.apply("a", attaching(on(by_ids(&["i-a"])), &[to("eni-a1", "i-new")]));
    world.run(secs(60));
    assert_eq!(world.stands("a", "eni-a1"), (Waiting, Reason::InUse));
    assert!(world.attached.is_empty());
    world.detach("eni-a1");
    world.run(INTERVAL + secs(30));
    assert_eq!(world.on("eni-a1"), Some("i-new"));
    assert_eq!(world.stands("a", "eni-a1"), (Attached, Reason::AttachDone));
}

#[test]
fn a_line_that_is_written_ahead_leaves_the_object_ready_unless_it_can_never_be_carried_out() {
    let mut world = World::new();
    world.server("a", &[]);
    world.machine("i-new", &[]);
    world.machine("i-far", &[]);
    world.alter("i-far", |machine| machine.zone = "z-2");
    world.apply("a", attaching(on(by_ids(&["i-a"])), &[to("eni-a1", "i-new")]));
    world.run(secs(60));
    let ready =
        |world: &World| (world.condition_set("a").ready.status, world.condition_set("a").stalled.reason);
    assert_eq!(ready(&world), (Status::True, Reason::NothingStalled));
    world.apply("a", attaching(on(by_ids(&["i-a"])), &[to("eni-a1", "i-far")]));
    world.run(secs(60));
    assert_eq!(world.stands("a", "eni-a1"), (Refused, Reason::ZoneMismatch));
    assert_eq!(ready(&world), (Status::False, Reason::ZoneMismatch));
}

#[test]
fn what_was_asked_for_and_is_seen_elsewhere_is_refused_until_it_is_asked_for_anew() {
    let mut world = with_fault_on_the_call(asked(), Fault::LoseCall);
    world.attach_by_hand("eni-old0", "i-b");
    world.run(INTERVAL * 2);
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::AttachedElsewhere));
    world.detach("eni-old0");
    world.run(INTERVAL * 3);
    assert_eq!(world.attached.len(), 1, "the call may have had its effect before");
    world.apply("a", on(by_tag("env", "prod")));
    world.run(secs(10));
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(secs(30));
    assert_eq!(world.on("eni-old0"), Some("i-new"));
}

#[test]
fn i22_what_does_not_fit_is_refused_without_a_call() {
    type Spoil = fn(&mut World);
    let spoils: [(Spoil, AttachPhase, Reason); 5] = [
        (|w| w.alter("i-new", |m| m.zone = "z-2"), Refused, Reason::ZoneMismatch),
        (|w| w.alter("i-new", |m| m.vpc = "vpc-2"), Refused, Reason::VpcMismatch),
        (|w| w.alter("i-new", |m| m.power = Power::Between), Waiting, Reason::InstanceNotReady),
        (
            |w| w.change("eni-old0", |card| card.facts.tags = Some(tags(&[("creator", "terway")]))),
            Refused,
            Reason::TerwayOwned,
        ),
        (
            |w| w.change("eni-old0", |card| card.facts.service_managed = Some(true)),
            Refused,
            Reason::ServiceManaged,
        ),
    ];
    for (spoil, phase, reason) in spoils {
        let mut world = survivors();
        spoil(&mut world);
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(INTERVAL * 3);
        assert_eq!(world.stands("a", "eni-old0"), (phase, reason));
        assert!(world.attached.is_empty(), "{reason:?}");
        assert_eq!(world.condition_set("a").ready.status, Status::False);
        // Mended, it is attached with the next sweep.
        world.alter("i-new", |m| (m.zone, m.vpc, m.power) = ("z-1", "vpc-1", Power::Stopped));
        world.change("eni-old0", |card| {
            card.facts.tags = Some(Vec::new());
            card.facts.service_managed = Some(false);
        });
        world.run(INTERVAL * 2);
        assert_eq!(world.on("eni-old0"), Some("i-new"), "{reason:?}: {:?}", world.stands("a", "eni-old0"));
    }
}

#[test]
fn i22_a_foreign_interface_is_refused_and_so_is_what_the_object_gives_up() {
    let mut world = survivors();
    world.card("eni-foreign", None, InterfaceType::Secondary);
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-foreign", "i-new")]));
    world.run(INTERVAL * 2);
    assert_eq!(world.stands("a", "eni-foreign"), (Refused, Reason::NotRetained));
    let mut intent = attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]);
    intent.protect = false;
    world.apply("a", intent);
    world.run(INTERVAL * 2);
    assert!(world.attached.is_empty());
    let mut intent = attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]);
    intent.observe = true;
    world.apply("a", intent);
    world.run(INTERVAL * 2);
    assert_eq!(world.stands("a", "eni-old0"), (Waiting, Reason::ObserveOnly));
    assert_eq!(world.condition_set("a").ready.status, Status::True);
    assert!(world.attached.is_empty());
}

#[test]
fn i22_wanted_by_two_objects_it_is_attached_by_neither_until_one_gives_way() {
    for second_later in [secs(0), secs(90)] {
        let mut world = survivors();
        world.cloud.mood.stale_view = true;
        let intent = attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]);
        world.apply("a", intent);
        world.run(second_later);
        world.apply("b", attaching(ids(&["eni-old0"]), &[to("eni-old0", "i-b")]));
        world.cloud.mood.stale_view = false;
        world.run(INTERVAL * 2);
        assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::Contended));
        assert_eq!(world.stands("b", "eni-old0"), (Refused, Reason::Contended));
        assert!(world.attached.is_empty());
        world.apply("a", on(by_tag("env", "prod")));
        world.run(secs(30));
        assert_eq!(world.on("eni-old0"), Some("i-b"));
        assert_eq!(world.attached.len(), 1);
    }
}

#[test]
fn i11_i22_a_rival_that_the_watch_has_not_told_of_stops_the_call() {
    let mut world = survivors();
    world.apply_unseen("b", attaching(ids(&["eni-old0"]), &[to("eni-old0", "i-b")]));
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(INTERVAL * 3);
    assert!(world.attached.is_empty());
    world.deliver("b");
    world.run(INTERVAL);
    assert_eq!(world.stands("b", "eni-old0"), (Refused, Reason::Contended));
    assert!(world.attached.is_empty());
}

#[test]
fn an_object_that_can_not_be_read_stops_attaching() {
    let mut world = survivors();
    world.apply("odd", ids(&["eni-b0"]));
    world.corrupt("odd");
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(INTERVAL * 2);
    assert_eq!(world.stands("a", "eni-old0"), (Waiting, Reason::OpaqueRival));
    assert!(world.attached.is_empty());
    world.apply("odd", ids(&["eni-b0"]));
    world.run(secs(30));
    assert_eq!(world.on("eni-old0"), Some("i-new"));
}

#[test]
fn i23_what_the_cloud_refuses_by_code_is_told_and_tried_again_seldom() {
    for (class, code, reason) in [
        (Class::NotApplicable, "InvalidOperation.AvailabilityZoneMismatch", Reason::ZoneMismatch),
        (Class::NotApplicable, "InvalidOperation.VpcMismatch", Reason::VpcMismatch),
        (Class::Locked, "EniPerInstanceLimitExceeded", Reason::QuotaExceeded),
        (Class::Locked, "InvalidOperation.EniHotPlugNotSupported", Reason::StopInstanceFirst),
        (Class::Permission, "Forbidden.RAM", Reason::PermissionDenied),
        (Class::NotApplicable, "InvalidOperation.InvalidGeneration", Reason::InstanceCanNotTake),
        (Class::NotApplicable, "InvalidOperation.InvalidEniType", Reason::TypeNotAttachable),
        (Class::Locked, "HotPlugNotSupport", Reason::StopInstanceFirst),
        (Class::Locked, "InvalidOperation.ResourceManagedByCloudProduct", Reason::SecurityGroupRefuses),
        (Class::Gone, "InvalidInstanceId.NotFound", Reason::InstanceUnknown),
    ] {
        let mut world = survivors();
        world.cloud.mood.attach_refused = Some((class, code));
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(secs(30));
        assert_eq!(world.stands("a", "eni-old0"), (Refused, reason));
        assert!(world.attachment("a", "eni-old0").detail.as_ref().unwrap().contains(code));
        assert_eq!(world.condition_set("a").stalled.status, Status::True, "{reason:?}");
        world.run(secs(3600));
        assert!(world.attached.len() <= 7, "{reason:?}: {} calls in an hour", world.attached.len());
        assert!(world.attached.len() >= 4, "{reason:?}: {} calls in an hour", world.attached.len());
        world.cloud.mood.attach_refused = None;
        world.run(secs(800));
        assert_eq!(world.on("eni-old0"), Some("i-new"), "{reason:?}");
        assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone));
    }
}

#[test]
fn a_quota_that_gets_room_and_a_type_without_hot_plug_that_is_stopped() {
    let mut world = survivors();
    world.alter("i-new", |machine| (machine.quota, machine.hot_plug) = (1, false));
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(secs(30));
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::QuotaExceeded));
    world.alter("i-new", |machine| machine.quota = 2);
    world.run(secs(800));
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::StopInstanceFirst));
    world.alter("i-new", |machine| machine.power = Power::Stopped);
    world.run(secs(800));
    assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone));
}

/// Runs until the call to attach goes out, with this fault on it.
pub fn with_fault_on_the_call(mut world: World, fault: Fault) -> World {
    let number = {
        let mut other = survivors();
        other.apply("a", world.store["a"].spec.clone());
        other.run(secs(20));
        other.log.iter().position(|what| what.starts_with("attach")).expect("a call")
    };
    world.faults.insert(number, fault);
    world.run(secs(20));
    assert_eq!(world.attached.len(), 1);
    world
}

#[test]
fn i20_a_request_that_was_taken_back_does_not_pass_for_the_next_one() {
    let story = |fault: Option<(usize, Fault)>| {
        let mut world = survivors();
        world.watch_lag = secs(10);
        world.cloud.mood.attach_refused = Some((Class::Busy, "InvalidOperation.InvalidEniState"));
        world.faults.extend(fault);
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(secs(30));
        world
    };
    let calm = story(None);
    assert!(calm.attached.len() > 1, "it is asked again");
    let sent = calm.log.iter().position(|what| what.starts_with("attach")).unwrap();
    let told = calm.log.iter().skip(sent).position(|what| what.starts_with("report")).unwrap();
    // That the call was refused is written, and nobody here hears of it for ten seconds: what was heard last is the request.
    // The world asserts that each call's own request is durable.
    let world = story(Some((sent + told, Fault::LoseReply)));
    assert!(world.attached.len() > 1);
    assert!(world.attached[1].at.since(world.attached[0].at) >= secs(9));
}

#[test]
fn i23_a_lost_answer_is_followed_by_reads_alone_and_by_attach_lost_two_sweeps_later() {
    let mut world = with_fault_on_the_call(asked(), Fault::LoseCall);
    assert_eq!(world.stands("a", "eni-old0"), (Requested, Reason::AttachRequested));
    world.run(INTERVAL);
    assert_eq!(world.stands("a", "eni-old0"), (Requested, Reason::AttachRequested));
    world.run(INTERVAL * 3);
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::AttachLost));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
    world.run(INTERVAL * 20);
    world.restart();
    world.run(INTERVAL * 20);
    assert_eq!(world.attached.len(), 1);
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::AttachLost));
    // Removed and added again it is another intent.
    world.apply("a", on(by_tag("env", "prod")));
    world.run(secs(10));
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(secs(30));
    assert_eq!(world.attached.len(), 2);
    assert_eq!(world.on("eni-old0"), Some("i-new"));
}

/// However fast or slow the sweeps are.
#[test]
fn i23_attach_lost_takes_two_complete_sweeps_and_two_minutes() {
    for (interval, not_by, by) in [(10, 119, 160), (60, 119, 190), (300, 300, 660)] {
        let mut world = survivors_with(secs(interval));
        world.cloud.mood.attach_late = secs(7200);
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(secs(10));
        let sent = world.attached[0].at;
        world.run(sent.after(secs(not_by)).since(world.now));
        assert_eq!(world.stands("a", "eni-old0"), (Requested, Reason::AttachRequested), "{interval}");
        world.run(sent.after(secs(by)).since(world.now));
        assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::AttachLost), "{interval}");
        assert_eq!(world.attached.len(), 1);
    }
}

#[test]
fn i23_a_call_that_took_effect_although_its_answer_was_lost_is_seen() {
    for fault in [Fault::LoseReply, Fault::FailAfter, Fault::Delay(secs(90)), Fault::Double] {
        let mut world = with_fault_on_the_call(asked(), fault);
        world.run(INTERVAL * 2);
        assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone), "{fault:?}");
        world.run(INTERVAL * 4);
        assert_eq!(world.attached.len(), 1);
    }
}

#[test]
fn a_human_who_attaches_it_first_fulfils_it_or_ends_it() {
    let mut world = survivors();
    world.cloud.mood.stale_view = true;
    world.apply(
        "a",
        attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new"), to("eni-old1", "i-new")]),
    );
    world.run(secs(10));
    world.attach_by_hand("eni-old0", "i-new");
    world.attach_by_hand("eni-old1", "i-b");
    world.cloud.mood.stale_view = false;
    world.run(INTERVAL * 2);
    assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone));
    assert_eq!(world.stands("a", "eni-old1"), (Waiting, Reason::InUse));
    assert!(world.attached.is_empty());
}

#[test]
fn i23_an_object_deleted_while_its_call_is_under_way_leaves_it_at_that() {
    for lands in [true, false] {
        let fault = if lands { Fault::LoseReply } else { Fault::LoseCall };
        let mut world = with_fault_on_the_call(asked(), fault);
        world.delete("a");
        world.run(INTERVAL * 4);
        assert_eq!(world.attached.len(), 1);
        assert_eq!(world.on("eni-old0").is_some(), lands);
    }
}

#[test]
fn attached_is_final_until_the_entry_is_added_again() {
    let mut world = asked();
    world.run(secs(30));
    assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone));
    world.detach("eni-old0");
    world.run(INTERVAL * 5);
    world.restart();
    world.run(INTERVAL * 5);
    assert_eq!(world.stands("a", "eni-old0"), (Attached, Reason::AttachDone));
    assert_eq!(world.on("eni-old0"), None);
    assert_eq!(world.attached.len(), 1);
    assert_eq!(world.row("a", "eni-old0").phase, InterfacePhase::Detached);
    world.apply("a", on(by_tag("env", "prod")));
    world.run(secs(10));
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(secs(30));
    assert_eq!(world.on("eni-old0"), Some("i-new"));
    assert_eq!(world.attached.len(), 2);
}

#[test]
fn a_intent_whose_end_is_gone_is_obsolete() {
    let mut world = survivors();
    world.apply(
        "a",
        attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-wrong"), to("eni-old1", "i-new")]),
    );
    world.cloud.mood.stale_view = true;
    world.discard("eni-old1");
    world.run(INTERVAL * 3);
    assert_eq!(world.stands("a", "eni-old0"), (Obsolete, Reason::InstanceGone));
    assert_eq!(world.stands("a", "eni-old1"), (Obsolete, Reason::InterfaceGone));
    world.cloud.mood.stale_view = false;
    world.restart();
    world.run(INTERVAL * 3);
    assert_eq!(world.stands("a", "eni-old0"), (Obsolete, Reason::InstanceGone));
    assert_eq!(world.stands("a", "eni-old1"), (Obsolete, Reason::InterfaceGone));
    assert!(world.attached.is_empty());
}

#[test]
fn an_instance_released_while_the_call_is_under_way_ends_it() {
    let mut world = survivors();
    world.cloud.mood.attach_takes = secs(100);
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(secs(20));
    world.release("i-new");
    world.run(INTERVAL * 5);
    assert_eq!(world.stands("a", "eni-old0").0, Obsolete);
    assert_eq!(world.attached.len(), 1);
    assert!(world.cloud.cards[&eni("eni-old0")].facts.status == Some(InterfaceStatus::Available));
}

#[test]
fn i23_an_entry_edited_or_removed_while_its_call_is_under_way_is_seen_to_its_end() {
    for (edited, lands) in [(true, true), (true, false), (false, true), (false, false)] {
        let fault = if lands { Fault::LoseReply } else { Fault::LoseCall };
        let mut world = with_fault_on_the_call(asked(), fault);
        let intent = on(by_tag("env", "prod"));
        let next = if edited { attaching(intent, &[to("eni-old0", "i-b")]) } else { intent };
        world.apply("a", next);
        world.run(secs(2));
        assert_eq!(world.attached.len(), 1, "nothing is asked while the first call may be under way");
        world.run(INTERVAL * 6);
        match (edited, lands) {
            (true, true) => assert_eq!(world.stands("a", "eni-old0"), (Waiting, Reason::InUse)),
            (true, false) => {
                assert_eq!(world.on("eni-old0"), Some("i-b"), "{:?}", world.stands("a", "eni-old0"));
            }
            (false, _) => assert!(world.retention("a").attachments.is_empty(), "the row has gone"),
        }
        let reads = world.reads.len();
        world.run(INTERVAL * 10);
        assert!(world.reads.len() - reads < 26, "it is looked at no more: {}", world.reads.len() - reads);
    }
}

#[test]
fn i23_what_is_on_its_way_for_ten_minutes_is_watched_and_not_asked_for_again() {
    for fails in [false, true] {
        let mut world = survivors();
        world.cloud.mood.attach_takes = secs(600);
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(secs(60));
        assert_eq!(world.row("a", "eni-old0").phase, InterfacePhase::Attaching);
        assert_eq!(world.stands("a", "eni-old0"), (Requested, Reason::AttachRequested));
        let reads = world.reads.len();
        world.run(secs(500));
        assert!(world.reads.len() - reads < 60, "{} reads", world.reads.len() - reads);
        world.cloud.mood.attach_fails = fails;
        world.run(INTERVAL * 5);
        let expected = if fails { (Refused, Reason::AttachLost) } else { (Attached, Reason::AttachDone) };
        assert_eq!(world.stands("a", "eni-old0"), expected);
        assert_eq!(world.attached.len(), 1);
        if fails {
            assert_eq!(world.available("a"), ["eni-old0", "eni-old1"], "it has still outlived its instance");
            let last = world.row("a", "eni-old0").last_instance.clone();
            assert_eq!(last, Some(i("i-old")), "it never was on the other one");
        }
    }
}

#[test]
fn i22_an_object_on_its_way_out_attaches_nothing_more() {
    let mut world = survivors();
    world.alter("i-b", |machine| machine.facts.tags = Some(tags(&[("env", "prod")])));
    world.run(INTERVAL * 2);
    let mut intent = attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]);
    intent.deletion_policy = DeletionPolicy::Unprotect;
    world.cloud.mood.stale_view = true;
    world.apply("a", intent);
    world.run(secs(5));
    // The cloud does not let it go either.
    world.cloud.mood.writes_fail = Some(Class::Transient);
    world.delete("a");
    world.cloud.mood.stale_view = false;
    world.run(secs(600));
    assert!(world.store.contains_key("a"));
    assert!(world.attached.is_empty(), "it would be attached only to be given up");
    world.cloud.mood.writes_fail = None;
    world.run(secs(600));
    assert!(!world.store.contains_key("a"));
    assert!(world.attached.is_empty());
}

#[test]
fn i28_an_intent_whose_status_can_not_be_written_holds_up_no_other() {
    let mut world = survivors();
    // The API server takes no status of the first object any more.
    world.refuse_status("a", true);
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.apply("z", attaching(ids(&["eni-old1"]), &[to("eni-old1", "i-new")]));
    world.run(INTERVAL * 2);
    assert_eq!(world.on("eni-old1"), Some("i-new"));
    assert_eq!(world.on("eni-old0"), None);
    world.refuse_status("a", false);
    world.run(INTERVAL * 3);
    assert_eq!(world.on("eni-old0"), Some("i-new"));
}

#[test]
fn i29_a_moment_in_which_it_can_not_be_attached_passes() {
    for (class, code) in [(Class::Busy, "InvalidOperation.InvalidEcsState"), (Class::Throttled, "Throttling")]
    {
        let mut world = survivors();
        world.cloud.mood.attach_refused = Some((class, code));
        if class == Class::Busy {
            world.alter("i-new", |machine| machine.power = Power::Stopped);
        }
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(secs(20));
        assert_ne!(world.stands("a", "eni-old0").0, Refused);
        world.run(secs(600));
        assert!((2..40).contains(&world.attached.len()), "{} calls", world.attached.len());
        world.cloud.mood.attach_refused = None;
        world.run(secs(600));
        assert_eq!(world.on("eni-old0"), Some("i-new"));
    }
}

/// The lead goes over and comes back before the watch shows what the other one has requested. What it has asked of the cloud
/// takes effect late, or never; the oracle counts the calls.
#[test]
fn i23_who_leads_again_without_having_heard_of_the_others_call_does_not_repeat_it() {
    for (lands, silence) in
        [(true, 0), (true, 1), (true, 4), (true, 40), (false, 0), (false, 1), (false, 4), (false, 40)]
    {
        let mut world = survivors();
        // Both know of the intent, and only the other one comes to its call.
        world.cloud.mood.stale_view = true;
        world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
        world.run(secs(5));
        let aside = world.step_aside();
        world.cloud.mood.stale_view = false;
        world.cloud.mood.attach_late = secs(60);
        while world.attached.is_empty() {
            world.run(Duration::from_millis(10));
        }
        if !lands {
            world.lose(|event| matches!(event, Event::Begin(..)));
        }
        world.lose(|event| matches!(event, Event::Seen(..)));
        world.come_back(aside);
        world.run(secs(silence));
        world.relist();
        world.run(INTERVAL * 6);
        assert_eq!(world.attached.len(), 1, "{lands} {silence}");
        let end = if lands { (Attached, Reason::AttachDone) } else { (Refused, Reason::AttachLost) };
        assert_eq!(world.stands("a", "eni-old0"), end, "{lands} {silence}");
    }
}

/// The other one has come to the end of it, and the watch is silent all the while.
#[test]
fn i23_what_another_leader_has_given_up_stays_so() {
    let mut world = survivors();
    world.cloud.mood.stale_view = true;
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(secs(5));
    let aside = world.step_aside();
    world.cloud.mood.stale_view = false;
    world.cloud.mood.attach_late = secs(3600);
    world.run(INTERVAL * 5);
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::AttachLost));
    world.come_back(aside);
    world.run(secs(20));
    world.relist();
    world.run(INTERVAL * 5);
    assert_eq!(world.stands("a", "eni-old0"), (Refused, Reason::AttachLost));
    assert_eq!(world.attached.len(), 1);
    // Its author asks anew, and is heard, however soon after taking it back.
    world.cloud.mood.attach_late = secs(0);
    world.apply("a", on(by_tag("env", "prod")));
    world.run(Duration::from_millis(1));
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
    world.run(INTERVAL);
    assert_eq!(world.on("eni-old0"), Some("i-new"));
}
