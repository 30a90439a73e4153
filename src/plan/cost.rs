//! How many calls what is planned takes the operator, and how long at the budgets of the configuration.

use std::collections::BTreeMap;

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::budget::Limit;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::engine::Settings;
use keeper_core::flag::Flag;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::resource::Resource;

/// How many targets are written, apart by what does not go into one call: another flag, another value, another scaling group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Writes {
    targets: BTreeMap<(&'static str, Value, Option<String>), usize>,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    Protected,
    Unprotected,
}

impl Writes {
    /// Counts a target. `in_call_with`: which others go into one call with it.
    pub fn add(&mut self, flag: &'static str, value: Value, in_call_with: Option<&str>) {
        *self.targets.entry((flag, value, in_call_with.map(str::to_owned))).or_default() += 1;
    }

    /// What they take in one region with these settings: of instances, of network interfaces, and of members of scaling groups. The
    /// cloud is asked before the writes and after them, for as many targets at once as a read takes by id.
    pub fn cost(&self, (instances, interfaces, members): (Settings, Settings, Settings)) -> Cost {
        let mut cost = Cost::default();
        cost.add::<DeletionProtection>(self, instances);
        cost.add::<AutoReleaseTime>(self, instances);
        cost.add::<DeleteOnRelease>(self, interfaces);
        cost.add::<ProtectedFromScaleIn>(self, members);
        cost
    }

    /// How many targets of a flag each go into calls of their own.
    fn apart(&self, flag: &str) -> impl Iterator<Item = usize> {
        self.targets.iter().filter(move |((name, ..), _)| *name == flag).map(|(_, count)| *count)
    }
}

/// What it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Calls that change something.
    pub writes: usize,
    /// Calls that read the targets before and after that.
    pub reads: usize,
    /// For how long the budgets make the slowest of the operations wait: they go on beside each other.
    pub seconds: u64,
}

impl Cost {
    fn add<F: Flag>(&mut self, targets: &Writes, settings: Settings) {
        let writes = targets.apart(F::NAME).map(|count| count.div_ceil(F::PER_CALL)).sum();
        let targets: usize = targets.apart(F::NAME).sum();
        let reads = 2 * targets.div_ceil(<F::Of as Resource>::IDS_PER_READ);
        self.writes += writes;
        self.reads += reads;
        let slowest = waiting(writes, settings.writes).max(waiting(reads, settings.reads));
        self.seconds = self.seconds.max(slowest);
    }

    /// Together with what goes on beside it, in another region.
    pub fn beside(self, other: Self) -> Self {
        Self {
            writes: self.writes + other.writes,
            reads: self.reads + other.reads,
            seconds: self.seconds.max(other.seconds),
        }
    }
}

/// How long these calls take: as many as the burst are sent at once, and the others one after the other.
fn waiting(calls: usize, limit: Limit) -> u64 {
    let calls = u64::try_from(calls).unwrap_or(u64::MAX);
    let later = calls.saturating_sub(u64::from(limit.burst));
    later.saturating_mul(60).div_ceil(u64::from(limit.per_minute.max(1)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings(reads: u32, writes: u32) -> Settings {
        let limit = |per_minute| Limit { per_minute, burst: 10 };
        Settings {
            sweep_interval: Duration::from_mins(1),
            reads: limit(reads),
            writes: limit(writes),
            reads_in_flight: 1,
            writes_in_flight: 1,
            seed: 0,
        }
    }

    #[test]
    fn the_slowest_operation_says_how_long_it_takes() {
        let of = |flag, value, group, count| {
            let mut writes = Writes::default();
            (0..count).for_each(|_| writes.add(flag, value, group));
            writes
        };
        let mut writes = of(DeletionProtection::NAME, Value::Protected, None, 250);
        writes.targets.extend(of(ProtectedFromScaleIn::NAME, Value::Protected, Some("asg-1"), 21).targets);
        writes.targets.extend(of("Odd", Value::Protected, None, 1).targets);
        let all = settings(60, 120);
        // 250 calls, and two for 21 members; three reads of 100 instances and two of 20 members, each before and after.
        let cost = writes.cost((all, all, all));
        assert_eq!(cost, Cost { writes: 252, reads: 10, seconds: 120 });
        assert_eq!(cost.beside(cost), Cost { writes: 504, reads: 20, seconds: 120 });
        assert_eq!(Writes::default().cost((all, all, all)), Cost::default());
        let few = of(DeleteOnRelease::NAME, Value::Protected, None, 3);
        assert_eq!(few.cost((all, all, all)).seconds, 0, "within the burst");
    }

    #[test]
    fn i58_a_call_is_about_the_members_of_one_group_and_one_value() {
        let mut writes = Writes::default();
        for (value, group) in [
            (Value::Protected, "asg-1"),
            (Value::Protected, "asg-1"),
            (Value::Protected, "asg-2"),
            (Value::Unprotected, "asg-1"),
        ] {
            writes.add(ProtectedFromScaleIn::NAME, value, Some(group));
        }
        let all = settings(60, 120);
        let cost = writes.cost((all, all, all));
        assert_eq!((cost.writes, cost.reads), (3, 2), "reads by id don't care for groups");
    }
}
