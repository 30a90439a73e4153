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

/// That members of these groups were given up to scale-in, once.
pub fn given_up(groups: &[ScalingGroupStatus]) -> ObjectEvent {
    let reason = Reason::ScaleInUnprotected;
    let open = |group: &ScalingGroupStatus| group.members.saturating_sub(group.protected);
    let told: Vec<String> = groups
        .iter()
        .filter(|group| open(group) > 0)
        .map(|group| format!("{} ({})", group.scaling_group_id, open(group)))
        .collect();
    let sentence = reason.sentence();
    let note = match groups.iter().map(open).sum::<u32>() {
        0 => format!("No target is a member of a scaling group. {sentence}"),
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
    use super::*;

    fn group(id: &str, members: u32, protected: u32) -> ScalingGroupStatus {
        ScalingGroupStatus { scaling_group_id: id.to_owned(), members, protected }
    }

    fn note(groups: &[ScalingGroupStatus]) -> String {
        given_up(groups).note
    }

    #[test]
    fn i12_what_was_given_up_is_told_by_group() {
        let two = [group("asg-a", 3, 1), group("asg-b", 2, 0), group("asg-c", 1, 1)];
        let note_of_two = note(&two);
        assert!(
            note_of_two
                .starts_with("4 members of scaling groups are open to scale-in: asg-a (2), asg-b (2). "),
            "{note_of_two}"
        );
        assert!(note(&two[2..]).starts_with("No target is a member"));
        let one = note(&[group("asg-a", 1, 0)]);
        assert!(one.starts_with("1 member of a scaling group is open to scale-in: asg-a (1). "), "{one}");
        let many: Vec<_> = (0..1000).map(|n| group(&format!("asg-{n:0>100}"), 20, 0)).collect();
        let many = note(&many);
        assert!(many.starts_with("20000 members") && many.contains(" more. "), "{many}");
        assert!(many.len() <= 1024, "{} bytes", many.len());
    }
}
