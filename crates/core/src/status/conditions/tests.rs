use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::deletion_protection::DeletionProtection;
use crate::evidence::Evidence;
use crate::exception::{ExceptionPhase, ExceptionReport};
use crate::id::{CallId, InstanceId, InterfaceId, Region, RequestId};
use crate::instance::{Instance, InstanceFacts};
use crate::lift::{LiftPhase, LiftReport};
use crate::pace::Fits;
use crate::reason::Risk;
use crate::retention::{AttachPhase, Attachment, Free, RetentionReport};
use crate::scaling_groups::ScalingGroups;
use crate::time::Moment;
use crate::verdict::{Counts, NodeFindings, Row, State, Verdict, tell, tell_with};
use crate::wall_clock::WallTime;

const PROTECT: Question = question(true, false);
const OBSERVE: Question = question(true, true);
const DISABLE: Question = question(false, false);
const OBSERVE_DISABLED: Question = question(false, true);

const fn question(protect: bool, observe: bool) -> Question {
    Question { protect, observe, unprotected: Reason::DisabledAsAsked }
}

fn protected() -> Verdict {
    let evidence: Evidence<Instance> = Evidence {
        facts: InstanceFacts { deletion_protection: Some(true), ..InstanceFacts::default() },
        seen: Moment::default(),
        call: CallId(1),
        request_id: RequestId::new("R"),
        tag_epoch: 0,
    };
    Verdict::Protected(
        evidence
            .fresh(Moment::default(), None)
            .and_then(|fresh| fresh.prove::<DeletionProtection>())
            .unwrap(),
    )
}

/// Targets `i-0`, `i-1` … with these verdicts; those that can't carry the flag are named when `named`.
fn part(verdicts: &[Verdict], named: bool) -> RegionReport {
    let mut counts = Counts::default();
    for (n, verdict) in verdicts.iter().enumerate() {
        counts.add(&format!("i-{n}"), named, *verdict, &[]);
    }
    RegionReport { settled: true, counts, ..RegionReport::default() }
}

fn unprotected(reason: Reason) -> Verdict {
    Verdict::Unprotected(reason)
}

fn unknown(reason: Reason) -> Verdict {
    Verdict::Unknown(reason)
}

fn progress(done: bool, waiting: &[Reason]) -> Progress {
    let mut progress = Progress { done, ..Progress::default() };
    for (n, reason) in waiting.iter().enumerate() {
        tell(&mut progress.waiting, *reason, &format!("i-{n}"));
    }
    progress
}

/// The part with Nodes `worker-0`, `worker-1` … that have no target for these reasons, and those that are overdue.
fn nodes(mut part: RegionReport, targetless: &[Reason], overdue: &[Reason]) -> RegionReport {
    for (told, groups) in [(targetless, &mut part.nodes.targetless), (overdue, &mut part.nodes.overdue)] {
        for (n, reason) in told.iter().enumerate() {
            tell(groups, *reason, &format!("worker-{n}"));
        }
    }
    part
}

/// What `Ready`, `Reconciling` and `Stalled` say together.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Left {
    Nothing,
    ToOperator,
    ToPerson,
}

fn left(condition_set: &ConditionSet) -> Left {
    match (condition_set.ready.status, condition_set.reconciling.status, condition_set.stalled.status) {
        (Status::True, Status::False, Status::False) => Left::Nothing,
        (Status::False, Status::True, Status::False) => Left::ToOperator,
        (Status::False, Status::False, Status::True) => Left::ToPerson,
        odd => panic!("{odd:?} contradict each other"),
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is a table")]
fn every_row_of_the_table_of_states() {
    use Reason as R;
    use Status::{False, True, Unknown};
    let found = |verdicts: &[Verdict]| part(verdicts, false);
    let named = |verdicts: &[Verdict]| part(verdicts, true);
    let subscription = Verdict::NotApplicable(R::SubscriptionInstance);
    let with = |part: RegionReport, progress| RegionReport { progress: Some(progress), ..part };
    let listing = |part: RegionReport, reason| RegionReport { unlisted: Some(reason), ..part };
    for (row, question, part, domain, summary, ready) in vec![
        (
            "all protected",
            PROTECT,
            found(&[protected(), protected()]),
            (True, R::AllProtected),
            Summary::Protected,
            Left::Nothing,
        ),
        (
            "all protected, observed",
            OBSERVE,
            found(&[protected()]),
            (True, R::AllProtected),
            Summary::Protected,
            Left::Nothing,
        ),
        (
            "some not applicable that were found",
            PROTECT,
            found(&[protected(), subscription]),
            (True, R::ProtectedWhereApplicable),
            Summary::ProtectedWhereApplicable,
            Left::Nothing,
        ),
        (
            "only not applicable ones were found",
            PROTECT,
            found(&[subscription]),
            (False, R::NotApplicable),
            Summary::Unprotected,
            Left::Nothing,
        ),
        (
            "some not applicable that were named",
            PROTECT,
            named(&[protected(), subscription]),
            (False, R::NotApplicable),
            Summary::Unprotected,
            Left::ToPerson,
        ),
        ("none selected", PROTECT, found(&[]), (Unknown, R::NoTargets), Summary::NoTargets, Left::Nothing),
        (
            "none selected, listing not complete",
            PROTECT,
            listing(found(&[]), R::AwaitingListing),
            (Unknown, R::AwaitingListing),
            Summary::Unknown,
            Left::ToOperator,
        ),
        (
            "all protected, listing not complete",
            PROTECT,
            listing(found(&[protected()]), R::AwaitingListing),
            (Unknown, R::AwaitingListing),
            Summary::Unknown,
            Left::ToOperator,
        ),
        (
            "all protected, listing that only a person can mend",
            PROTECT,
            listing(found(&[protected()]), R::PermissionDenied),
            (Unknown, R::PermissionDenied),
            Summary::Unknown,
            Left::ToPerson,
        ),
        (
            "an id that the cloud does not know",
            PROTECT,
            named(&[protected(), unknown(R::NotFound)]),
            (Unknown, R::NotFound),
            Summary::Unknown,
            Left::ToPerson,
        ),
        (
            "a young Node without an id",
            PROTECT,
            nodes(found(&[protected()]), &[R::NodeUnresolved], &[]),
            (Unknown, R::NodeUnresolved),
            Summary::Unknown,
            Left::ToOperator,
        ),
        (
            "a Node without an id, for a while",
            OBSERVE,
            nodes(found(&[protected()]), &[R::NodeUnresolved], &[R::NodeUnresolved]),
            (Unknown, R::NodeUnresolved),
            Summary::Unknown,
            Left::ToPerson,
        ),
        (
            "a Node in a region that is not granted, and no other",
            PROTECT,
            nodes(found(&[]), &[R::NodeNotServed], &[]),
            (Unknown, R::NodeNotServed),
            Summary::Unknown,
            Left::ToPerson,
        ),
        (
            "a Node that has just outlived its instance",
            PROTECT,
            found(&[protected(), unknown(R::NodeInstanceGone)]),
            (Unknown, R::NodeInstanceGone),
            Summary::Unknown,
            Left::ToOperator,
        ),
        (
            "a Node that has outlived its instance for a while",
            PROTECT,
            nodes(found(&[protected(), unknown(R::NodeInstanceGone)]), &[], &[R::NodeInstanceGone]),
            (Unknown, R::NodeInstanceGone),
            Summary::Unknown,
            Left::ToPerson,
        ),
        (
            "disabled, and carried out, beside a Node without an id",
            DISABLE,
            nodes(
                with(found(&[unprotected(R::NotWanted)]), progress(true, &[])),
                &[R::NodeUnresolved],
                &[R::NodeUnresolved],
            ),
            (False, R::DisabledAsAsked),
            Summary::AsAsked,
            Left::Nothing,
        ),
        (
            "some unprotected",
            PROTECT,
            found(&[protected(), unprotected(R::Correcting)]),
            (False, R::Correcting),
            Summary::Unprotected,
            Left::ToOperator,
        ),
        (
            "some unprotected that only a person can help",
            PROTECT,
            found(&[
                unprotected(R::Correcting),
                unprotected(R::PermissionDenied),
                unprotected(R::Correcting),
            ]),
            (False, R::PermissionDenied),
            Summary::Unprotected,
            Left::ToPerson,
        ),
        (
            "some unprotected, observed",
            OBSERVE,
            found(&[protected(), unprotected(R::Unprotected)]),
            (False, R::Unprotected),
            Summary::Unprotected,
            Left::Nothing,
        ),
        (
            "some unknown",
            PROTECT,
            found(&[protected(), unknown(R::EvidenceStale)]),
            (Unknown, R::EvidenceStale),
            Summary::Unknown,
            Left::ToOperator,
        ),
        (
            "some unknown, observed",
            OBSERVE,
            found(&[protected(), unknown(R::FieldUnreadable)]),
            (Unknown, R::FieldUnreadable),
            Summary::Unknown,
            Left::ToPerson,
        ),
        (
            "verifying",
            PROTECT,
            found(&[unknown(R::Verifying)]),
            (Unknown, R::Verifying),
            Summary::Unknown,
            Left::ToOperator,
        ),
        (
            "disabled, carried out",
            DISABLE,
            with(found(&[unprotected(R::NotWanted)]), progress(true, &[])),
            (False, R::DisabledAsAsked),
            Summary::AsAsked,
            Left::Nothing,
        ),
        (
            "disabled, carried out, and protected again",
            DISABLE,
            with(found(&[protected()]), progress(true, &[])),
            (False, R::DisabledAsAsked),
            Summary::AsAsked,
            Left::Nothing,
        ),
        (
            "disabled, under way",
            DISABLE,
            with(found(&[protected()]), progress(false, &[R::Unprotecting])),
            (False, R::Unprotecting),
            Summary::Unprotected,
            Left::ToOperator,
        ),
        (
            "disabled, a hold stands against it",
            DISABLE,
            with(found(&[protected(), protected()]), progress(false, &[R::Unprotecting, R::Conflict])),
            (False, R::Conflict),
            Summary::Unprotected,
            Left::ToPerson,
        ),
        (
            "disabled, listing not complete",
            DISABLE,
            listing(with(found(&[]), progress(false, &[])), R::AwaitingListing),
            (False, R::AwaitingListing),
            Summary::Unprotected,
            Left::ToOperator,
        ),
        (
            "disabled, listing that only a person can mend",
            DISABLE,
            listing(with(found(&[]), progress(false, &[])), R::NothingVisible),
            (False, R::NothingVisible),
            Summary::Unprotected,
            Left::ToPerson,
        ),
        (
            "disabled, observed",
            OBSERVE_DISABLED,
            found(&[unprotected(R::NotWanted)]),
            (False, R::DisabledAsAsked),
            Summary::AsAsked,
            Left::Nothing,
        ),
        (
            "being deleted under Disable",
            PROTECT,
            with(found(&[protected()]), progress(false, &[R::Unprotecting])),
            (False, R::Unprotecting),
            Summary::Unprotected,
            Left::ToOperator,
        ),
    ] {
        let condition_set = judge(question, &part);
        assert_eq!((condition_set.domain.status, condition_set.domain.reason), domain, "{row}");
        assert_eq!(condition_set.summary, summary, "{row}");
        assert_eq!(left(&condition_set), ready, "{row}: {condition_set:#?}");
        assert!(!condition_set.domain.message.is_empty(), "{row}");
    }
}

#[test]
fn several_rows_at_once_false_before_unknown_before_true_and_stalled_if_any_is() {
    let subscription = Verdict::NotApplicable(Reason::SubscriptionInstance);
    let all = part(
        &[protected(), subscription, unprotected(Reason::Correcting), unknown(Reason::EvidenceStale)],
        true,
    );
    let condition_set = judge(PROTECT, &all);
    assert_eq!(
        (condition_set.domain.status, condition_set.domain.reason),
        (Status::False, Reason::NotApplicable)
    );
    assert_eq!(left(&condition_set), Left::ToPerson);
    let condition_set = judge(
        PROTECT,
        &part(&[protected(), unprotected(Reason::Correcting), unknown(Reason::NotFound)], true),
    );
    assert_eq!(
        (condition_set.domain.status, condition_set.domain.reason),
        (Status::False, Reason::Correcting)
    );
    assert_eq!(left(&condition_set), Left::ToPerson, "the unknown one needs a person");
    assert_eq!(condition_set.stalled.reason, Reason::NotFound);
    let condition_set =
        judge(PROTECT, &part(&[protected(), subscription, unknown(Reason::EvidenceStale)], false));
    assert_eq!(condition_set.domain.status, Status::Unknown);
}

#[test]
fn i49_among_unknowns_what_can_not_be_read_comes_first_and_then_the_nodes() {
    use Reason::{
        AwaitingEvidence, NodeIdRefused, NodeInstanceGone, NodeNotServed, NodeUnresolved, NotFound,
        PermissionDenied, Throttled,
    };
    let order = [
        PermissionDenied,
        Throttled,
        NodeUnresolved,
        NodeNotServed,
        NodeIdRefused,
        NodeInstanceGone,
        NotFound,
        AwaitingEvidence,
    ];
    for first in 0..order.len() {
        let mut part = nodes(part(&[protected()], false), &[], &[NodeUnresolved]);
        for reason in &order[first..] {
            // However many there are of the others.
            for n in 0..=order.iter().position(|r| r == reason).unwrap() {
                match reason {
                    NodeUnresolved | NodeNotServed => tell(&mut part.nodes.targetless, *reason, "worker"),
                    _ => part.counts.add(&format!("i-{n}"), true, unknown(*reason), &[]),
                }
            }
        }
        let condition_set = judge(PROTECT, &part);
        assert_eq!(
            (condition_set.domain.status, condition_set.domain.reason),
            (Status::Unknown, order[first])
        );
        assert_eq!(left(&condition_set), Left::ToPerson, "one is overdue");
    }
}

#[test]
fn i49_a_node_without_a_target_holds_no_act_up_and_is_counted() {
    let ending = nodes(
        RegionReport {
            progress: Some(progress(false, &[Reason::Unprotecting])),
            ..part(&[protected()], false)
        },
        &[Reason::NodeUnresolved, Reason::NodeUnresolved],
        &[Reason::NodeUnresolved],
    );
    let mut ending = RegionReport { hosts: Groups::new(), ..ending };
    tell(&mut ending.hosts, Reason::NodeInstanceGone, "i-9");
    let condition_set = judge(DISABLE, &ending);
    assert_eq!((condition_set.domain.reason, left(&condition_set)), (Reason::Unprotecting, Left::ToOperator));
    let told = " 2 selected Nodes have no target. Node worker-0 and 1 more: The Node has no providerID";
    assert!(condition_set.domain.message.contains(told), "{}", condition_set.domain.message);
    let ended = RegionReport { progress: Some(progress(true, &[])), ..ending };
    assert!(judge(DISABLE, &ended).domain.message.contains(told));
}

#[test]
fn i07_risks_are_told_whatever_the_domain_condition_says_and_unread_ones_are_not_denied() {
    let risk = |reason| Risk { reason, detail: None };
    for verdict in [protected(), unprotected(Reason::Correcting), unknown(Reason::EvidenceStale)] {
        let mut part = part(&[protected()], false);
        part.counts.add("i-x", false, verdict, &[risk(Reason::FinancialLock), risk(Reason::RisksUnreadable)]);
        let at_risk = judge(PROTECT, &part).at_risk;
        assert_eq!((at_risk.status, at_risk.reason), (Status::True, Reason::RisksFound));
        assert!(at_risk.message.starts_with("At risk: 1 of 2 targets. i-x: "), "{}", at_risk.message);
    }
    let mut unread = part(&[], false);
    unread.counts.add("i-x", false, protected(), &[risk(Reason::RisksUnreadable)]);
    assert_eq!(judge(PROTECT, &unread).at_risk.status, Status::Unknown);
    assert_eq!(judge(PROTECT, &part(&[unknown(Reason::Missing)], false)).at_risk.status, Status::Unknown);
    assert_eq!(judge(PROTECT, &part(&[protected()], false)).at_risk.status, Status::False);
}

#[test]
fn messages_read_as_sentences() {
    let subscription = Verdict::NotApplicable(Reason::SubscriptionInstance);
    let message = |verdicts: &[Verdict]| judge(PROTECT, &part(verdicts, false)).domain.message;
    assert_eq!(message(&[protected()]), "1 target: 1 protected.");
    assert_eq!(message(&[protected(), protected()]), "2 targets: 2 protected.");
    assert_eq!(
        message(&[
            protected(),
            unprotected(Reason::Busy),
            unprotected(Reason::Busy),
            unknown(Reason::Missing)
        ]),
        format!(
            "4 targets: 1 protected, 2 unprotected, 1 unknown. i-1 and 1 more: {}",
            Reason::Busy.sentence()
        )
    );
    assert_eq!(
        message(&[protected(), subscription]),
        format!("2 targets: 1 protected, 1 not applicable. i-1: {}", Reason::SubscriptionInstance.sentence())
    );
    let mut left = Progress { done: true, protected_again: 1, ..Progress::default() };
    tell(&mut left.left_protected, Reason::Conflict, "i-0");
    let done = RegionReport { progress: Some(left), ..part(&[protected(), protected()], false) };
    assert_eq!(
        judge(DISABLE, &done).domain.message,
        format!(
            "{} 1 target keeps the protected value. i-0: {} Protected again: 1 of 2 targets, set since or new; this \
             generation leaves them alone.",
            Reason::DisabledAsAsked.sentence(),
            Reason::Conflict.sentence()
        )
    );
}

#[test]
fn i49_a_node_is_called_by_its_name() {
    let message = |part: &RegionReport| judge(PROTECT, part).domain.message;
    let young = nodes(part(&[protected(), protected()], false), &[Reason::NodeUnresolved], &[]);
    let said = message(&young);
    assert!(
        said.starts_with("2 targets: 2 protected. Node worker-0: The Node has no providerID yet"),
        "{said}"
    );
    let mut gone = part(&[protected()], false);
    tell(&mut gone.counts.unknown, Reason::NodeInstanceGone, "worker-1");
    let said = message(&gone);
    let wanted =
        "2 targets: 1 protected, 1 unknown. The instance behind Node worker-1 is gone. A Node can stay";
    assert!(said.starts_with(wanted), "{said}");
    tell(&mut gone.counts.unknown, Reason::NodeInstanceGone, "worker-2");
    let said = message(&gone);
    assert!(
        said.contains("The instances behind Node worker-1 and 1 more are gone. A Node can stay"),
        "{said}"
    );
    let mut refused = part(&[protected()], false);
    tell_with(&mut refused.counts.unknown, Reason::NodeIdRefused, "worker-1", || {
        Some("cn-hangzhou.i-odd".into())
    });
    let said = message(&refused);
    let wanted = "2 targets: 1 protected, 1 unknown. Node worker-1: The cloud refuses the instance id in the providerID";
    assert!(said.starts_with(wanted) && said.ends_with("the selection (cn-hangzhou.i-odd)."), "{said}");
    let mut left_out = part(&[], false);
    left_out.nodes.ignored = 2;
    let said = message(&left_out);
    assert!(
        said.ends_with(
            "2 selected Nodes are ignored: they are not ECS instances, or they are in a region other than the spec's."
        ),
        "{said}"
    );
}

#[test]
fn a_reason_that_stands_for_the_listing_and_for_targets_names_the_targets() {
    let unprotected = part(&[unprotected(Reason::Throttled), unprotected(Reason::Throttled)], false);
    let condition_set = judge(PROTECT, &RegionReport { unlisted: Some(Reason::Throttled), ..unprotected });
    assert!(
        condition_set.reconciling.message.contains("i-0 and 1 more: "),
        "{}",
        condition_set.reconciling.message
    );
}

#[test]
fn i52_throttling_names_the_budget_that_would_fit() {
    let part = RegionReport { unlisted: Some(Reason::Throttled), ..part(&[protected()], false) };
    let fits = Fits::from([("DescribeInstances", 20)]);
    let condition_set = judge(PROTECT, &RegionReport { fits: fits.clone(), ..part.clone() });
    let advice = "The cloud lets about 20 DescribeInstances calls a minute through. Set \
                  budgets.DescribeInstances.callsPerMinute to 20";
    assert!(condition_set.domain.message.contains(advice), "{}", condition_set.domain.message);
    assert!(condition_set.reconciling.message.contains(advice), "{}", condition_set.reconciling.message);
    // Of what several regions let through, the least fits all of them.
    let mut joined = RegionReport { fits, ..part.clone() };
    joined.join(&RegionReport { fits: Fits::from([("DescribeInstances", 7)]), ..part });
    assert_eq!(joined.fits, Fits::from([("DescribeInstances", 7)]));
}

#[test]
fn a_condition_that_does_not_hold_says_why_not_without_contradicting_the_others() {
    let reasons =
        |condition_set: &ConditionSet| (condition_set.reconciling.reason, condition_set.stalled.reason);
    let rest = judge(PROTECT, &part(&[protected()], false));
    assert_eq!(reasons(&rest), (Reason::NothingUnderWay, Reason::NothingStalled));
    let works = judge(PROTECT, &part(&[unprotected(Reason::Correcting)], false));
    assert_eq!(reasons(&works), (Reason::Correcting, Reason::NothingStalled));
    let waits = judge(PROTECT, &part(&[unprotected(Reason::Locked)], false));
    assert_eq!(reasons(&waits), (Reason::AwaitsPerson, Reason::Locked));
}

#[test]
fn what_is_not_served_is_stalled_and_unknown() {
    let condition_set = unserved(Reason::NotGranted, "why");
    assert_eq!(
        (condition_set.domain.status, condition_set.domain.reason),
        (Status::Unknown, Reason::NotGranted)
    );
    assert_eq!(left(&condition_set), Left::ToPerson);
    assert_eq!(condition_set.stalled.message, "why");
}

fn groups() -> impl Strategy<Value = Groups> {
    let reason = (0..Reason::ALL.len()).prop_map(|n| Reason::ALL[n]);
    let group = (1..2000_u32).prop_map(|count| Group {
        count,
        example: format!("i-{count:062}").into(),
        words: (count % 3 == 0).then(|| "DescribeInstances: Timeout".into()),
    });
    prop_oneof![2 => Just(Groups::new()), 3 => prop::collection::btree_map(reason, group, 0..6)]
}

fn parts() -> impl Strategy<Value = RegionReport> {
    let counts = (0..3_usize, 0..3_u32, groups(), groups(), groups(), groups(), groups()).prop_map(
        |(
            protected_ones,
            excepted,
            unprotected,
            not_applicable_named,
            not_applicable_found,
            unknown,
            risks,
        )| {
            let mut counts = part(&vec![protected(); protected_ones], false).counts;
            counts.at_risk = total(&risks);
            counts.excepted = excepted;
            (counts.unprotected, counts.unknown, counts.risks) = (unprotected, unknown, risks);
            counts.not_applicable_named = not_applicable_named;
            counts.not_applicable_found = not_applicable_found;
            counts
        },
    );
    let progress = (any::<bool>(), 0..9_u32, 0..9_u32, groups(), groups()).prop_map(
        |(done, ended, protected_again, left_protected, waiting)| Progress {
            done,
            ended,
            left_protected,
            waiting,
            protected_again,
        },
    );
    let unlisted = prop::option::of((0..Reason::ALL.len()).prop_map(|n| Reason::ALL[n]));
    let nodes = (groups(), groups(), 0..3_u32).prop_map(|(targetless, overdue, ignored)| NodeFindings {
        targetless,
        overdue,
        ignored,
    });
    (
        any::<bool>(),
        counts,
        unlisted,
        prop::option::of(progress),
        groups(),
        nodes,
        (prop::option::of(retention()), groups(), exceptions(), lifted(), groups(), any::<bool>()),
    )
        .prop_map(|(settled, counts, unlisted, progress, hosts, nodes, more)| RegionReport {
            fits: Fits::new(),
            settled,
            counts,
            unlisted,
            unlisted_words: unlisted.map(|_| "DescribeInstances: Timeout in cn-hangzhou".into()),
            hosts,
            gone: BTreeSet::new(),
            refused: BTreeSet::new(),
            nodes,
            other_flags: more.1,
            exceptions: more.2,
            lifted: more.3,
            not_lifted: more.4,
            orphans: Vec::new(),
            scale_in: progress.clone().filter(|_| more.5).map(Box::new),
            scaling_groups: ScalingGroups::default(),
            progress,
            rows: Vec::new(),
            retention: more.0.map(Box::new),
            lost: Vec::new(),
            cancelled: Vec::new(),
        })
}

fn exceptions() -> impl Strategy<Value = Vec<ExceptionReport>> {
    let phase = prop::sample::select(ExceptionPhase::ALL.to_vec());
    let reason = prop::option::of((0..Reason::ALL.len()).prop_map(|n| Reason::ALL[n]));
    let entry = (0..100_u64, phase, reason).prop_map(|(n, phase, reason)| ExceptionReport {
        instance: InstanceId::new(format!("i-{n}")),
        until: WallTime::at(Duration::from_secs(n * 1_000_000)),
        ends: WallTime::at(Duration::from_secs(n * 1_000_000)),
        phase,
        carried_out: phase == ExceptionPhase::InForce,
        reason,
        words: None,
    });
    prop::collection::vec(entry, 0..9)
}

fn lifted() -> impl Strategy<Value = Vec<LiftReport>> {
    let reason = prop::option::of((0..Reason::ALL.len()).prop_map(|n| Reason::ALL[n]));
    let lift = (0..100_u64, reason).prop_map(|(n, reason)| LiftReport {
        instance: InstanceId::new(format!("i-{n}")),
        node: format!("node-{n}").into(),
        since: WallTime::at(Duration::from_secs(n * 1_000_000)),
        phase: LiftPhase::InForce,
        reason,
        words: None,
    });
    prop::collection::vec(lift, 0..9)
}

fn retention() -> impl Strategy<Value = RetentionReport> {
    use AttachPhase::{Attached, Obsolete, Refused, Requested, Waiting};
    let phase = prop::sample::select(vec![Waiting, Requested, Attached, Refused, Obsolete]);
    let attachment = (phase, 0..Reason::ALL.len()).prop_map(|(phase, n)| Attachment {
        interface: InterfaceId::new("eni-1"),
        instance: None,
        node: None,
        phase,
        reason: Reason::ALL[n],
        detail: None,
    });
    (prop::collection::vec(attachment, 0..4), any::<bool>()).prop_map(|(attachments, full)| RetentionReport {
        attachments,
        full,
        ..RetentionReport::default()
    })
}

#[test]
fn what_is_free_for_reuse_is_counted_when_all_is_well() {
    let message = |available: u32, verdicts: &[Verdict]| {
        let free = Free { available, detached: 7 };
        let retention = RetentionReport { free, ..RetentionReport::default() };
        let mut part =
            RegionReport { settled: true, retention: Some(Box::new(retention)), ..RegionReport::default() };
        for verdict in verdicts {
            part.counts.add("eni-1", false, *verdict, &[]);
        }
        judge(PROTECT, &part).domain.message
    };
    assert_eq!(message(0, &[protected()]), "1 target: 1 protected.");
    assert_eq!(message(1, &[protected()]), "1 target: 1 protected. 1 is free and waits for reuse.");
    assert_eq!(
        message(2, &[protected(), protected()]),
        "2 targets: 2 protected. 2 are free and wait for reuse."
    );
    let unprotected = Verdict::Unprotected(Reason::Correcting);
    assert!(!message(1, &[unprotected]).contains("free"), "what is wrong goes first");
}

#[test]
fn what_is_still_to_be_attached_keeps_an_object_from_being_ready() {
    use AttachPhase::{Attached, Obsolete, Refused, Requested, Waiting};
    let judged = |phase, reason, full| {
        let attachment = Attachment {
            interface: InterfaceId::new("eni-1"),
            instance: None,
            node: None,
            phase,
            reason,
            detail: None,
        };
        let retention = RetentionReport { attachments: vec![attachment], full, ..RetentionReport::default() };
        let mut part =
            RegionReport { settled: true, retention: Some(Box::new(retention)), ..RegionReport::default() };
        part.counts.add("eni-1", false, protected(), &[]);
        let condition_set = judge(PROTECT, &part);
        assert_eq!(condition_set.domain.status, Status::True, "whether the flag holds is another question");
        (left(&condition_set), condition_set.ready.reason)
    };
    for (phase, reason, full, expected) in [
        (Waiting, Reason::AttachWaits, false, (Left::ToOperator, Reason::AttachWaits)),
        (Requested, Reason::AttachRequested, false, (Left::ToOperator, Reason::AttachRequested)),
        (Waiting, Reason::NodeUnknown, false, (Left::Nothing, Reason::Satisfied)),
        (Waiting, Reason::InUse, false, (Left::Nothing, Reason::Satisfied)),
        (Waiting, Reason::ObserveOnly, false, (Left::Nothing, Reason::Satisfied)),
        (Refused, Reason::AttachLost, false, (Left::ToPerson, Reason::AttachLost)),
        (Attached, Reason::AttachDone, false, (Left::Nothing, Reason::Satisfied)),
        (Obsolete, Reason::InstanceGone, false, (Left::Nothing, Reason::Satisfied)),
        (Attached, Reason::AttachDone, true, (Left::ToPerson, Reason::RecordFull)),
    ] {
        assert_eq!(judged(phase, reason, full), expected, "{phase:?} {reason:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Tools read nothing else. What kstatus itself makes of every status is asked where statuses are made (`ecs-keeper`).
    #[test]
    fn i08_either_nothing_is_left_or_the_operator_or_a_person_has_something_left(part in parts(), protect: bool, observe: bool) {
        left(&judge(question(protect, observe), &part));
    }

    #[test]
    fn i01_true_needs_every_target_protected_or_excepted_or_found_and_unable(part in parts(), protect: bool, observe: bool) {
        let condition_set = judge(question(protect, observe), &part);
        let counts = &part.counts;
        let acting = part.progress.is_some() && !observe;
        let all = counts.protected() > 0
            && total(&counts.unprotected) + total(&counts.not_applicable_named) + total(&counts.unknown) == 0
            && part.unlisted.is_none()
            && part.hosts.is_empty()
            && part.nodes.targetless.is_empty()
            && !acting;
        prop_assert_eq!(condition_set.domain.status == Status::True, all);
        let unqualified = (condition_set.domain.status, condition_set.domain.reason) == (Status::True, Reason::AllProtected);
        prop_assert_eq!(unqualified, all && counts.not_applicable() + counts.excepted == 0);
        let summary = matches!(
            condition_set.summary,
            Summary::Protected | Summary::ProtectedButExceptions | Summary::ProtectedWhereApplicable
        );
        prop_assert_eq!(summary, all);
    }

    #[test]
    fn every_message_fits_a_condition_and_none_is_empty(part in parts(), protect: bool, observe: bool) {
        let condition_set = judge(question(protect, observe), &part);
        for condition in
            [&condition_set.domain, &condition_set.at_risk, &condition_set.ready, &condition_set.reconciling, &condition_set.stalled]
        {
            prop_assert!((1..=32_768).contains(&condition.message.len()), "{:?}", condition);
            prop_assert!(condition.message.ends_with('.'), "{:?}", condition);
            prop_assert!(!condition.message.contains("  "), "{:?}", condition);
        }
    }

    #[test]
    fn no_condition_says_a_sentence_twice(part in parts(), protect: bool, observe: bool) {
        let condition_set = judge(question(protect, observe), &part);
        for condition in
            [&condition_set.domain, &condition_set.at_risk, &condition_set.ready, &condition_set.reconciling, &condition_set.stalled]
        {
            for reason in Reason::ALL {
                let sentence = reason.sentence().trim_end_matches('.');
                prop_assert!(condition.message.matches(sentence).count() <= 1, "{:?}: {:?}", reason, condition);
            }
        }
    }

    #[test]
    fn parts_join_to_the_sum_of_what_they_say(one in parts(), two in parts()) {
        let mut joined = one.clone();
        joined.join(&two);
        prop_assert_eq!(joined.counts.targets(), one.counts.targets() + two.counts.targets());
        prop_assert_eq!(joined.counts.protected(), one.counts.protected() + two.counts.protected());
        prop_assert_eq!(joined.counts.at_risk, one.counts.at_risk + two.counts.at_risk);
        prop_assert_eq!(joined.settled, one.settled && two.settled);
        prop_assert_eq!(joined.unlisted.is_none(), one.unlisted.is_none() && two.unlisted.is_none());
        if let (Some(sum), Some(a), Some(b)) = (&joined.progress, &one.progress, &two.progress) {
            prop_assert_eq!(sum.done, a.done && b.done);
            prop_assert_eq!(total(&sum.waiting), total(&a.waiting) + total(&b.waiting));
            prop_assert_eq!(total(&sum.left_protected), total(&a.left_protected) + total(&b.left_protected));
        }
        if judge(PROTECT, &joined).domain.status == Status::True {
            for part in [&one, &two] {
                let silent = part.counts.protected() == 0;
                prop_assert!(silent || judge(PROTECT, part).domain.status == Status::True);
            }
        }
    }
}

#[test]
fn a_condition_names_the_call_that_failed_and_the_region() {
    let mut here = part(&[protected()], false);
    let told = || Some("GetCallerIdentity: Timeout".into());
    here.counts.add_with("i-a", false, unknown(Reason::StsUnavailable), &[], |_| told());
    here.counts.add_with("i-b", false, unknown(Reason::StsUnavailable), &[], |_| None);
    here.locate(&Region::new("cn-hangzhou"));
    let mut there =
        RegionReport { settled: true, unlisted: Some(Reason::Throttled), ..RegionReport::default() };
    there.unlisted_words = Some("DescribeInstances: Throttling.User".into());
    there.locate(&Region::new("cn-beijing"));
    here.join(&there);
    let message = judge(PROTECT, &here).domain.message;
    assert!(message.contains("i-a and 1 more: STS does not answer"), "{message}");
    assert!(message.contains(" (GetCallerIdentity: Timeout in cn-hangzhou)."), "{message}");
    assert!(message.contains(" (DescribeInstances: Throttling.User in cn-beijing)."), "{message}");
}

#[test]
fn what_was_said_already_is_not_said_again() {
    let mut waiting = part(&[unknown(Reason::CloudUnavailable)], false);
    let attachment = Attachment {
        interface: InterfaceId::new("eni-9"),
        instance: None,
        node: None,
        phase: AttachPhase::Waiting,
        reason: Reason::CloudUnavailable,
        detail: None,
    };
    let retention = RetentionReport { attachments: vec![attachment], ..RetentionReport::default() };
    waiting.retention = Some(Box::new(retention));
    let message = judge(PROTECT, &waiting).reconciling.message;
    assert!(message.ends_with("ecs-keeper tries again. eni-9: the same."), "{message}");
}

#[test]
fn rows_that_need_attention_stand_first_and_the_list_is_cut() {
    let row = |id: &str, state, risks| Row {
        id: id.into(),
        state,
        reason: Reason::Unprotected,
        detail: None,
        risks,
    };
    let risk = vec![Risk { reason: Reason::FinancialLock, detail: None }];
    let mut rows: Vec<Row> =
        (0..200).map(|n| row(&format!("i-{n:03}"), State::Protected, Vec::new())).collect();
    rows.push(row("i-risky", State::Protected, risk));
    rows.push(row("i-unknown", State::Unknown, Vec::new()));
    rows.push(row("i-unprotected", State::Unprotected, Vec::new()));
    crate::verdict::sort_rows(&mut rows);
    let first: Vec<&str> = rows.iter().take(4).map(|row| row.id.as_ref()).collect();
    assert_eq!(first, ["i-unprotected", "i-unknown", "i-risky", "i-000"]);
    assert_eq!(rows.len(), crate::verdict::MAX_ROWS);
}
