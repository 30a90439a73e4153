//! Members of scaling groups: kept from scale-in where that is asked for, given up once where that is, and told of.

use keeper_core::conditions::Status;
use keeper_core::exception::Exception;
use keeper_core::failure::Class;
use keeper_core::id::ScalingGroupId;
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy, Intent, Rights, ScaleIn, Selector};
use keeper_core::reason::Reason;
use keeper_core::scaling_groups::MemberCounts;
use keeper_core::scaling_member::LifecycleState;

use crate::world::{
    CALL_FAULTS, Fault, INTERVAL, MEMBERS, Mood, Read, World, by_ids, by_tag, disabled, enabled, payg, secs,
};

fn protecting(selector: Selector<Instance>) -> Intent<Instance> {
    Intent { scale_in: ScaleIn::Protect, ..enabled(selector) }
}

fn giving_up(selector: Selector<Instance>) -> Intent<Instance> {
    Intent { scale_in: ScaleIn::Unprotect, ..enabled(selector) }
}

/// A protected instance that is a member of a group.
fn member(world: &mut World, name: &str, group: &str) {
    world.instance(name, payg(true, &[("env", "prod")]));
    world.join_group(name, group);
}

/// So many members of a group, `i-GROUP-00` and so on.
fn members(world: &mut World, group: &str, count: usize) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|n| format!("i-{group}-{n:02}")).collect();
    for name in &names {
        member(world, name, group);
    }
    names
}

/// Status and reason of Stalled, Reconciling and Ready.
fn tools(world: &World, name: &str) -> [(Status, Reason); 3] {
    let set = world.condition_set(name);
    [&set.stalled, &set.reconciling, &set.ready].map(|condition| (condition.status, condition.reason))
}

fn ready(world: &World, name: &str) -> bool {
    tools(world, name)[2].0 == Status::True
}

fn risks(world: &World, name: &str) -> Vec<Reason> {
    world.part(name).counts.risks.keys().copied().collect()
}

fn calls(world: &World) -> Vec<(usize, bool)> {
    world.scale_in_calls.iter().map(|(_, ids, protected)| (ids.len(), *protected)).collect()
}

/// The scaling groups that are told of, with their members and how many of these are protected; `None`: there may be more.
fn groups(world: &World, name: &str) -> Option<Vec<(String, u32, u32)>> {
    let told = &world.part(name).scaling_groups;
    let group =
        |(id, counts): (&ScalingGroupId, &MemberCounts)| (id.to_string(), counts.members, counts.protected);
    (!told.unlisted).then(|| told.counts.iter().map(group).collect())
}

fn group(id: &str, members: u32, protected: u32) -> (String, u32, u32) {
    (id.to_owned(), members, protected)
}

fn reads_of_members(world: &World) -> usize {
    world.reads.iter().filter(|read| matches!(read, Read::Members(..))).count()
}

#[test]
fn i58_a_member_is_protected_from_scale_in_once_and_outlives_it() {
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    member(&mut world, "i-b", "asg-1");
    world.apply("a", protecting(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    assert!(world.protected_from_scale_in("i-a") && !world.protected_from_scale_in("i-b"));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert!(ready(&world, "a"));
    assert_eq!(risks(&world, "a"), [Reason::ScalingRemovalByName]);
    let (reports, calls) = (world.store["a"].reports, world.scale_in_calls.len());
    world.run(INTERVAL * 20);
    assert_eq!((world.store["a"].reports, world.scale_in_calls.len()), (reports, calls), "nothing at rest");
    assert_eq!(calls, 1);
    world.scale_in("asg-1");
    let lives = |name| world.cloud.machines.contains_key(&crate::world::i(name));
    assert!(lives("i-a") && !lives("i-b"), "release protection stops no scale-in");
}

#[test]
fn i58_where_it_is_not_asked_for_scale_in_is_a_risk_and_nobody_reads_members() {
    let all = || by_tag("env", "prod");
    for (why, intent, reads) in [
        ("not asked for", enabled(all()), false),
        ("it only observes", Intent { observe: true, ..protecting(all()) }, true),
        ("another instance is meant", protecting(by_ids(&["i-other"])), true),
    ] {
        let mut world = World::new();
        member(&mut world, "i-a", "asg-1");
        world.instance("i-other", payg(true, &[]));
        world.apply("a", intent);
        world.run(INTERVAL * 3);
        assert!(!world.protected_from_scale_in("i-a") && world.scale_in_calls.is_empty(), "{why}");
        assert_eq!(reads_of_members(&world) > 0, reads, "{why}");
        assert!(ready(&world, "a"), "{why}: {:?}", tools(&world, "a"));
    }
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    world.apply("a", enabled(all()));
    world.run(INTERVAL * 2);
    assert_eq!(risks(&world, "a"), [Reason::ScalingGroupMember]);
}

#[test]
fn i58_it_speaks_for_itself_whatever_release_protection_and_deletion_are_to_do() {
    type Change = fn(&mut Intent<Instance>);
    let cases: [(&str, Change); 2] = [
        ("protection is disabled", |i| i.protect = false),
        ("deleting it gives protection up", |i| i.deletion_policy = DeletionPolicy::Unprotect),
    ];
    for (why, change) in cases {
        let mut world = World::new();
        member(&mut world, "i-a", "asg-1");
        let mut intent = protecting(by_ids(&["i-a"]));
        change(&mut intent);
        world.apply("a", intent);
        world.run(INTERVAL * 2);
        assert!(world.protected_from_scale_in("i-a"), "{why}");
        world.delete("a");
        world.run(INTERVAL * 2);
        assert!(world.protected_from_scale_in("i-a"), "{why}, and it is deleted");
        assert!(!world.store.contains_key("a") && !world.protected("i-a"), "{why}");
        assert_eq!(calls(&world), [(1, true)], "{why}");
    }
}

#[test]
fn i58_dropping_the_wish_takes_nothing_back_and_ends_it() {
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    world.apply("a", protecting(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    world.apply("a", enabled(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    assert!(world.protected_from_scale_in("i-a"), "nothing takes it back");
    assert_eq!(risks(&world, "a"), [Reason::ScalingGroupMember], "nobody asks how it is any more");
    let reads = reads_of_members(&world);
    world.cloud.set_member(&crate::world::i("i-a"), false);
    world.run(INTERVAL * 3);
    assert!(!world.protected_from_scale_in("i-a"));
    assert_eq!((calls(&world), reads_of_members(&world)), (vec![(1, true)], reads));
}

#[test]
fn i58_the_groups_of_the_targets_are_told_with_how_many_members_are_protected() {
    let mut world = World::new();
    members(&mut world, "one", 2);
    member(&mut world, "i-c", "two");
    member(&mut world, "i-d", "two");
    world.tag("i-d", &[("env", "test")]);
    world.instance("i-no-member", payg(true, &[("env", "prod")]));
    world.change_member("i-c", |member| member.state = LifecycleState::Standby);
    let prod = || by_tag("env", "prod");
    world.apply("keeps", protecting(prod()));
    world.apply("reports", enabled(prod()));
    world.run(INTERVAL * 2);
    assert_eq!(groups(&world, "keeps"), Some(vec![group("one", 2, 2), group("two", 1, 0)]));
    assert_eq!(groups(&world, "reports"), Some(vec![]), "it asks nothing of members");
    world.change_member("i-one-01", |member| member.hidden = true);
    world.run(INTERVAL * 6);
    assert_eq!(groups(&world, "keeps"), Some(vec![group("one", 1, 1), group("two", 1, 0)]));
    world.change_member("i-one-01", |member| (member.hidden, member.groupless) = (false, true));
    world.run(INTERVAL * 6);
    assert_eq!(groups(&world, "keeps"), None, "a member of which the group is not known");
    world.change_member("i-one-01", |member| member.groupless = false);

    world.delete("keeps");
    world.apply("gives-up", giving_up(prod()));
    world.run(INTERVAL * 2);
    assert_eq!(groups(&world, "gives-up"), Some(vec![group("one", 2, 0), group("two", 1, 0)]));
    world.scale_in("one");
    world.run(INTERVAL * 4);
    assert_eq!(groups(&world, "gives-up"), Some(vec![group("two", 1, 0)]), "who is gone is no member");
}

#[test]
fn i58_who_may_not_list_members_does_not_say_that_there_are_none() {
    let (named, by_tag) = (by_ids(&["i-a"]), by_tag("env", "prod"));
    for (selector, tagged) in [(named.clone(), true), (named, false), (by_tag.clone(), true), (by_tag, false)]
    {
        let mut world = World::new();
        member(&mut world, "i-a", "asg-1");
        if !tagged {
            world.tag("i-a", &[("env", "prod")]);
        }
        world.instance("i-no-member", payg(true, &[]));
        world.apply("a", protecting(selector));
        world.apply("other", protecting(by_ids(&["i-no-member"])));
        world.run(INTERVAL * 2);
        assert_eq!(groups(&world, "a"), Some(vec![group("asg-1", 1, 1)]));
        assert_eq!(groups(&world, "other"), Some(vec![]));
        let denied = Some(Class::Permission);
        world.cloud.mood = Mood { reads_fail: denied, only: Some(MEMBERS), ..Mood::default() };
        world.restart();
        world.run(INTERVAL * 20);
        assert_eq!(groups(&world, "a"), None);
    }
}

#[test]
fn i39_up_to_twenty_of_one_group_are_written_in_one_call() {
    let mut world = World::new();
    members(&mut world, "one", 45);
    members(&mut world, "two", 3);
    world.apply("a", protecting(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    assert!(world.cloud.members.values().all(|member| member.state == LifecycleState::Protected));
    let mut sizes: Vec<usize> = calls(&world).into_iter().map(|(size, _)| size).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 5, 20, 20]);
    assert!(ready(&world, "a"));
}

#[test]
fn i28_a_call_that_is_refused_for_one_is_repeated_without_it() {
    for (why, refused) in [("in the middle", 7), ("the first", 0)] {
        let mut world = World::new();
        let names = members(&mut world, "one", 20);
        let bad = names[refused].as_str();
        world.change_member(bad, |member| member.refuses = true);
        world.apply("a", protecting(by_tag("env", "prod")));
        world.run(INTERVAL * 2);
        for name in names.iter().filter(|name| *name != bad) {
            assert!(world.protected_from_scale_in(name), "{why}: {name}");
        }
        assert!(calls(&world).len() < 20, "{why}: {:?}", calls(&world));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{why}");
        assert_eq!(tools(&world, "a")[1], (Status::True, Reason::Busy), "{why}");
        world.change_member(bad, |member| member.refuses = false);
        world.run(INTERVAL * 10);
        assert!(world.protected_from_scale_in(bad) && ready(&world, "a"), "{why}");
    }
}

#[test]
fn i28_a_call_that_gives_members_up_is_repeated_without_one_for_which_it_is_refused() {
    let mut world = World::new();
    let names = members(&mut world, "one", 20);
    for name in &names {
        world.cloud.set_member(&crate::world::i(name), true);
    }
    let bad = names[7].as_str();
    world.change_member(bad, |member| member.refuses = true);
    world.apply("a", giving_up(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    for name in names.iter().filter(|name| *name != bad) {
        assert!(!world.protected_from_scale_in(name), "{name}");
    }
    assert!(calls(&world).len() < 20, "{:?}", calls(&world));
    world.change_member(bad, |member| member.refuses = false);
    world.run(INTERVAL * 10);
    assert!(!world.protected_from_scale_in(bad) && ready(&world, "a"));
}

#[test]
fn i25_protecting_a_member_does_not_wait_for_what_giving_it_up_was_refused() {
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    world.cloud.set_member(&crate::world::i("i-a"), true);
    world.apply("keeper", protecting(by_tag("team", "blue")));
    world.run(INTERVAL * 2);
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.apply("breaker", giving_up(by_tag("env", "prod")));
    world.run(INTERVAL);
    assert_eq!(tools(&world, "breaker")[0], (Status::True, Reason::PermissionDenied));
    world.cloud.mood.writes_fail = None;
    let group = "acs:autoscaling:scalingGroupId";
    world.tag("i-a", &[("env", "prod"), ("team", "blue"), (group, "asg-1")]);
    world.cloud.set_member(&crate::world::i("i-a"), false);
    world.run(INTERVAL * 2);
    assert!(world.protected_from_scale_in("i-a"), "not ten minutes after the refusal");
}

#[test]
fn i28_one_that_left_its_group_a_moment_ago_holds_up_none_of_the_others() {
    let mut world = World::new();
    let names = members(&mut world, "one", 20);
    world.apply("a", protecting(by_tag("env", "prod")));
    // The listing shows it, and when it is written it is gone.
    world.latency = secs(2);
    world.run(secs(5));
    world.leave_group(&names[3]);
    world.run(INTERVAL * 3);
    for name in names.iter().filter(|name| **name != names[3]) {
        assert!(world.protected_from_scale_in(name), "{name}");
    }
    assert!(ready(&world, "a"), "{:?}", tools(&world, "a"));
}

#[test]
fn i58_only_settled_members_are_written_and_the_others_are_told_of() {
    use LifecycleState as State;
    for (state, word, risk) in [
        (State::Pending, Some(Reason::ScalingPending), Reason::ScalingGroupMember),
        (State::PendingWait, Some(Reason::ScalingPending), Reason::ScalingGroupMember),
        (State::Standby, None, Reason::ScalingStandby),
        (State::Stopped, None, Reason::ScalingStopped),
        (State::Removing, None, Reason::ScalingRemoving),
        (State::RemovingWait, None, Reason::ScalingRemoving),
    ] {
        let mut world = World::new();
        member(&mut world, "i-a", "asg-1");
        world.change_member("i-a", |member| member.state = state);
        world.apply("a", protecting(by_ids(&["i-a"])));
        world.run(INTERVAL * 3);
        assert!(world.scale_in_calls.is_empty(), "{state:?}");
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{state:?}");
        let waits = word.map_or((Status::False, Reason::NothingUnderWay), |reason| (Status::True, reason));
        assert_eq!(tools(&world, "a")[1], waits, "{state:?}");
        assert_eq!(risks(&world, "a"), [risk], "{state:?}");
        world.change_member("i-a", |member| member.state = State::InService);
        world.run(INTERVAL * 2);
        assert!(world.protected_from_scale_in("i-a") && ready(&world, "a"), "{state:?}");
    }
}

#[test]
fn i25_i58_who_keeps_taking_it_back_is_answered_each_time_and_told_of() {
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    world.apply("a", protecting(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    for round in 0..5 {
        world.cloud.set_member(&crate::world::i("i-a"), false);
        let before = world.scale_in_calls.len();
        world.run(INTERVAL + secs(5));
        assert!(world.protected_from_scale_in("i-a"), "round {round}");
        assert_eq!(world.scale_in_calls.len(), before + 1, "round {round}: one write for each look");
        assert_eq!(world.says("a").0, Status::True, "release protection is not what is fought about");
    }
    assert_eq!(risks(&world, "a"), [Reason::Contested, Reason::ScalingRemovalByName]);
}

#[test]
fn i15_after_any_fault_all_members_are_protected_and_none_is_written_without_a_look() {
    let run = |fault: Option<(usize, Fault)>| {
        let mut world = World::new();
        members(&mut world, "one", 3);
        world.faults.extend(fault);
        world.apply("a", protecting(by_tag("env", "prod")));
        world.run(INTERVAL * 4);
        world
    };
    let calm = run(None);
    assert_eq!(calls(&calm), [(3, true)]);
    for k in 0..calm.actions {
        for fault in CALL_FAULTS.into_iter().chain([Fault::Crash]) {
            let world = run(Some((k, fault)));
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{fault:?} at {k}");
            assert!(ready(&world, "a"), "{fault:?} at {k}: {:?}", tools(&world, "a"));
            assert!(
                world.cloud.members.values().all(|member| member.state == LifecycleState::Protected),
                "{fault:?} at {k}"
            );
            let written: usize = calls(&world).into_iter().map(|(size, _)| size).sum();
            assert!(written <= 3, "{fault:?} at {k}: {:?}", world.scale_in_calls);
        }
    }
}

#[test]
fn i12_members_are_given_up_once_for_a_generation_whatever_comes_after() {
    let mut world = World::new();
    for name in ["i-a", "i-b"] {
        member(&mut world, name, "asg-1");
        world.cloud.set_member(&crate::world::i(name), true);
    }
    world.apply("a", giving_up(by_tag("env", "prod")));
    world.run(INTERVAL);
    assert!(!world.protected_from_scale_in("i-a") && !world.protected_from_scale_in("i-b"));
    assert_eq!(calls(&world), [(2, false)]);
    assert!(ready(&world, "a"), "{:?}", tools(&world, "a"));
    assert!(world.protected("i-a"), "release protection is something else");
    world.cloud.set_member(&crate::world::i("i-a"), true);
    member(&mut world, "i-c", "asg-1");
    world.cloud.set_member(&crate::world::i("i-c"), true);
    world.run(INTERVAL * 2);
    world.restart();
    world.run(INTERVAL * 3);
    assert_eq!(calls(&world), [(2, false)], "not what was protected since, and not after a restart");
    assert!(ready(&world, "a"), "{:?}", tools(&world, "a"));
    world.apply("a", Intent { cancel_release_times: true, ..giving_up(by_tag("env", "prod")) });
    world.run(INTERVAL * 2);
    assert_eq!(calls(&world), [(2, false), (2, false)], "another generation asks anew");
}

#[test]
fn i09_protected_wins_over_giving_up_and_the_loser_says_conflict() {
    for observe in [false, true] {
        let mut world = World::new();
        member(&mut world, "i-a", "asg-1");
        world.cloud.set_member(&crate::world::i("i-a"), true);
        world.apply("keeper", Intent { observe, ..protecting(by_ids(&["i-a"])) });
        world.apply("breaker", giving_up(by_tag("env", "prod")));
        world.run(INTERVAL * 2);
        assert!(world.protected_from_scale_in("i-a") && world.scale_in_calls.is_empty());
        assert_eq!(tools(&world, "breaker")[0], (Status::True, Reason::Conflict));
        assert_eq!(world.says("breaker"), (Status::True, Reason::AllProtected));
        world.delete("keeper");
        world.run(INTERVAL * 2);
        assert!(!world.protected_from_scale_in("i-a") && ready(&world, "breaker"));
    }
}

#[test]
fn i09_i11_i14_nothing_is_given_up_without_right_or_beside_what_is_not_known() {
    type Prepare = fn(&mut World);
    let cases: [(&str, Rights, Prepare); 4] = [
        ("no right", Rights::default(), |_| {}),
        ("an object that can't be read", Rights::ALL, |world| {
            world.apply("odd", enabled(by_ids(&["i-x"])));
            world.corrupt("odd");
        }),
        ("a view that lags behind", Rights::ALL, |world| world.cloud.mood.stale_view = true),
        ("a hold that was not told of", Rights::ALL, |world| {
            world.apply_unseen("keeper", protecting(by_ids(&["i-a"])));
        }),
    ];
    for (why, may, prepare) in cases {
        let mut world = World::new();
        member(&mut world, "i-a", "asg-1");
        world.cloud.set_member(&crate::world::i("i-a"), true);
        prepare(&mut world);
        world.apply("a", Intent { may, ..giving_up(by_ids(&["i-a"])) });
        world.run(INTERVAL * 3);
        assert!(world.scale_in_calls.is_empty() && world.protected_from_scale_in("i-a"), "{why}");
        assert!(!ready(&world, "a"), "{why}");
    }
}

#[test]
fn i12_after_any_fault_members_are_given_up_and_no_generation_does_it_twice() {
    let run = |fault: Option<(usize, Fault)>| {
        let mut world = World::new();
        for name in members(&mut world, "one", 2) {
            world.cloud.set_member(&crate::world::i(&name), true);
        }
        world.faults.extend(fault);
        world.apply("a", giving_up(by_tag("env", "prod")));
        world.run(INTERVAL * 4);
        world
    };
    let calm = run(None);
    assert_eq!(calls(&calm), [(2, false)]);
    for k in 0..calm.actions {
        for fault in CALL_FAULTS.into_iter().chain([Fault::Crash]) {
            let mut world = run(Some((k, fault)));
            assert!(!world.protected_from_scale_in("i-one-00"), "{fault:?} at {k}");
            assert!(ready(&world, "a"), "{fault:?} at {k}: {:?}", tools(&world, "a"));
            world.cloud.set_member(&crate::world::i("i-one-00"), true);
            world.run(INTERVAL * 3);
            assert!(world.protected_from_scale_in("i-one-00"), "{fault:?} at {k}");
        }
    }
}

#[test]
fn i04_i05_pages_that_move_prove_nothing_and_a_member_that_is_missing_is_unknown() {
    let mut world = World::new();
    let names = members(&mut world, "one", 5);
    world.cloud.page_size = 2;
    world.apply("a", protecting(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    assert!(ready(&world, "a"));
    world.cloud.mood = Mood { skips: true, only: Some(MEMBERS), ..Mood::default() };
    world.run(INTERVAL * 10);
    assert!(!ready(&world, "a"), "no listing is complete");
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.cloud.mood = Mood::default();
    world.run(INTERVAL * 3);
    assert!(ready(&world, "a"));
    world.change_member(&names[2], |member| member.hidden = true);
    world.run(INTERVAL * 3);
    assert_eq!(tools(&world, "a")[0], (Status::True, Reason::ScalingMemberMissing));
    assert_eq!(
        risks(&world, "a"),
        [Reason::ScalingGroupMember, Reason::ScalingRemovalByName],
        "the instance's tag makes it a member all the same"
    );
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.change_member(&names[2], |member| member.hidden = false);
    world.run(INTERVAL * 3);
    assert!(ready(&world, "a"));
    let written: usize = calls(&world).into_iter().map(|(size, _)| size).sum();
    assert_eq!(written, 5, "once each, as its page showed it");
}

#[test]
fn i58_a_member_without_a_tag_is_one_by_the_listing() {
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    world.tag("i-a", &[("env", "prod")]);
    world.apply("a", protecting(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    assert!(world.protected_from_scale_in("i-a") && ready(&world, "a"));
    assert_eq!(risks(&world, "a"), [Reason::ScalingRemovalByName]);
    world.cloud.members.clear();
    world.run(INTERVAL * 4);
    assert!(ready(&world, "a"), "{:?}", tools(&world, "a"));
    assert_eq!(risks(&world, "a"), [], "it left, and nothing says otherwise");
}

#[test]
fn a_region_without_scaling_groups_keeps_nobody_waiting() {
    let mut world = World::new();
    world.instance("i-a", payg(true, &[]));
    world.apply("a", protecting(by_ids(&["i-a"])));
    world.run(secs(20));
    assert!(ready(&world, "a"), "{:?}", tools(&world, "a"));
    assert_eq!(risks(&world, "a"), []);
}

#[test]
fn i28_who_may_not_list_or_write_members_is_told_and_stays_protected() {
    for reads in [true, false] {
        let mut world = World::new();
        member(&mut world, "i-a", "asg-1");
        let denied = Some(Class::Permission);
        world.cloud.mood = if reads {
            Mood { reads_fail: denied, only: Some(MEMBERS), ..Mood::default() }
        } else {
            Mood { writes_fail: denied, ..Mood::default() }
        };
        world.apply("a", protecting(by_ids(&["i-a"])));
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{reads}");
        assert_eq!(tools(&world, "a")[0], (Status::True, Reason::PermissionDenied), "{reads}");
        assert_eq!(risks(&world, "a"), [Reason::ScalingGroupMember], "{reads}");
        world.cloud.mood = Mood::default();
        world.run(INTERVAL * 13);
        assert!(world.protected_from_scale_in("i-a") && ready(&world, "a"), "{reads}");
    }
}

#[test]
fn i38_a_restart_changes_no_condition_and_writes_nothing() {
    let mut world = World::new();
    let names = members(&mut world, "one", 3);
    world.apply("a", protecting(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    world.change_member(&names[0], |member| member.hidden = true);
    world.run(INTERVAL * 3);
    let (reports, set) = (world.store["a"].reports, world.condition_set("a").clone());
    for _ in 0..3 {
        world.restart();
        world.run(INTERVAL * 2);
    }
    assert_eq!(*world.condition_set("a"), set);
    assert_eq!(world.store["a"].reports, reports);
    assert_eq!(calls(&world), [(3, true)]);
}

#[test]
fn i39_members_are_read_by_one_listing_for_all_objects() {
    let mut world = World::new();
    members(&mut world, "one", 30);
    for name in ["a", "b", "c"] {
        world.apply(name, protecting(by_tag("env", "prod")));
    }
    world.run(INTERVAL * 3);
    let before = reads_of_members(&world);
    world.run(INTERVAL * 10);
    assert_eq!(reads_of_members(&world) - before, 10, "one page for each sweep");
}

#[test]
fn what_takes_effect_late_is_verified_and_not_written_again() {
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    world.cloud.mood.late = secs(8);
    world.apply("a", protecting(by_ids(&["i-a"])));
    world.run(secs(5));
    assert_eq!(tools(&world, "a")[1], (Status::True, Reason::ProtectingFromScaleIn));
    world.run(INTERVAL);
    assert!(ready(&world, "a"));
    assert_eq!(calls(&world), [(1, true)]);
}

#[test]
fn disabled_and_protected_from_scale_in_go_together() {
    let mut world = World::new();
    member(&mut world, "i-a", "asg-1");
    world.apply("a", Intent { scale_in: ScaleIn::Protect, ..disabled(by_ids(&["i-a"])) });
    world.run(INTERVAL * 2);
    assert!(!world.protected("i-a") && world.protected_from_scale_in("i-a"));
    assert_eq!(world.says("a"), (Status::False, Reason::DisabledAsAsked));
    assert!(ready(&world, "a"));
}

#[test]
fn i53_i58_while_an_exception_is_in_force_nobody_keeps_the_instance_from_scale_in() {
    let mut world = World::new();
    for name in ["i-a", "i-b"] {
        member(&mut world, name, "asg-1");
    }
    world.apply("a", protecting(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    let until = world.time_in(300);
    let entry = Exception { until, reason: "to be replaced".into() };
    let exceptions = [(crate::world::i("i-a"), entry)].into();
    world.apply("a", Intent { exceptions, ..protecting(by_tag("env", "prod")) });
    world.run(secs(30));
    for name in ["i-a", "i-b"] {
        world.cloud.set_member(&crate::world::i(name), false);
    }
    world.run(INTERVAL * 2);
    assert!(!world.protected_from_scale_in("i-a") && world.protected_from_scale_in("i-b"));
    assert!(ready(&world, "a"), "{:?}", tools(&world, "a"));
    // So that nothing but the time tells that it is over.
    world.flip("i-a", true);
    world.run(INTERVAL * 4);
    assert!(world.protected_from_scale_in("i-a") && world.protected("i-a"), "it is over");
    assert!(ready(&world, "a"), "{:?}", tools(&world, "a"));
}
