//! What status says of the scaling groups of targets.

use keeper_core::id::ScalingGroupId;
use keeper_core::reason::Reason;
use keeper_core::scaling_groups::MemberCounts;
use kube::runtime::events::EventType;

use super::report::Report;
use crate::api::{MAX_SCALING_GROUPS, ScalingGroupStatus};
use crate::events::{ObjectEvent, examples};

/// The scaling groups of which targets are members. As long as there may be more, what status says stands: members whose
/// protection from scale-in cannot be seen have not lost it.
pub fn rows(report: &Report, old: &[ScalingGroupStatus]) -> Vec<ScalingGroupStatus> {
    let groups = &report.part.scaling_groups;
    if groups.unlisted || !report.counted {
        return old.to_vec();
    }
    let row = |(id, counts): (&ScalingGroupId, &MemberCounts)| ScalingGroupStatus {
        scaling_group_id: id.to_string(),
        members: counts.members,
        protected: counts.protected,
    };
    let (kept, open): (Vec<_>, Vec<_>) = groups.counts.iter().partition(|(_, counts)| counts.protected > 0);
    kept.into_iter().chain(open).take(MAX_SCALING_GROUPS).map(row).collect()
}

/// That members of scaling groups were given up to scale-in, once. Counted are all groups, not those alone that status lists.
pub fn given_up(report: &Report) -> ObjectEvent {
    let reason = Reason::ScaleInUnprotected;
    let groups = &report.part.scaling_groups;
    let open = |counts: &MemberCounts| counts.members.saturating_sub(counts.protected);
    let told: Vec<String> = groups
        .counts
        .iter()
        .filter(|(_, counts)| open(counts) > 0)
        .map(|(id, counts)| format!("{id} ({})", open(counts)))
        .collect();
    let sentence = reason.sentence();
    let note = match groups.counts.values().map(open).sum::<u32>() {
        _ if groups.unlisted || !report.counted => {
            format!(
                "How many members of scaling groups are open to scale-in is not known at present. {sentence}"
            )
        }
        0 => format!("No member of a scaling group is open to scale-in. {sentence}"),
        1 => format!("1 member of a scaling group is open to scale-in: {}. {sentence}", told.join(", ")),
        count => format!(
            "{count} members of scaling groups are open to scale-in: {}. {sentence}",
            examples(told.iter().map(String::as_str))
        ),
    };
    ObjectEvent { kind: EventType::Normal, reason, action: "Unprotect", note }
}

#[cfg(test)]
mod tests {
    use keeper_core::conditions::unserved;

    use super::*;

    fn note(groups: &[(&str, u32, u32)], change: fn(&mut Report)) -> String {
        let mut report = Report::silent(unserved(Reason::NotGranted, ""));
        report.counted = true;
        let counts = |(id, members, protected): &(&str, u32, u32)| {
            (ScalingGroupId::new(id), MemberCounts { members: *members, protected: *protected })
        };
        report.part.scaling_groups.counts = groups.iter().map(counts).collect();
        change(&mut report);
        given_up(&report).note
    }

    #[test]
    fn i12_what_was_given_up_is_told_by_group() {
        let all = |groups: &[(&str, u32, u32)]| note(groups, |_| {});
        let two = [("asg-a", 3, 1), ("asg-b", 2, 0), ("asg-c", 1, 1)];
        let note_of_two = all(&two);
        assert!(
            note_of_two
                .starts_with("4 members of scaling groups are open to scale-in: asg-a (2), asg-b (2). "),
            "{note_of_two}"
        );
        for none in [&two[2..], &[]] {
            assert!(all(none).starts_with("No member of a scaling group is open to scale-in. "));
        }
        let one = all(&[("asg-a", 1, 0)]);
        assert!(one.starts_with("1 member of a scaling group is open to scale-in: asg-a (1). "), "{one}");
        let ids: Vec<String> = (0..1000).map(|n| format!("asg-{n:0>100}")).collect();
        let many = all(&ids.iter().map(|id| (id.as_str(), 20, 0)).collect::<Vec<_>>());
        assert!(many.starts_with("20000 members") && many.contains(" more. "), "{many}");
        assert!(many.len() <= 1024, "{} bytes", many.len());
        for unknown in [
            note(&two, |report| report.part.scaling_groups.unlisted = true),
            note(&two, |report| report.counted = false),
        ] {
            assert!(unknown.starts_with("How many members of scaling groups are open"), "{unknown}");
        }
    }
}
