//! A plan, in the form of `--output json`. What strangers wrote is fit to be shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::flag::Flag as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::comparison::Outcome;
use super::plan_statement::Statement;
use super::spec_difference::Difference;
use crate::json_schema::schema_of;
use crate::not_examined::NotExamined;
use crate::object_ref::ObjectRef;

/// What applying the objects of the files would do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// Whether the objects of a cluster were compared with.
    pub compared_with_cluster: bool,
    /// Whether every region that the objects name was read.
    pub complete: bool,
    /// The objects of the files.
    pub objects: Vec<PlannedObject>,
    /// The targets that they select or cease to select, once for each flag of which they want something, and those that are unprotected
    /// for others because of them: what needs attention first.
    pub targets: Vec<PlannedTarget>,
    /// What the reasons of the targets mean.
    pub reasons: BTreeMap<&'static str, &'static str>,
    /// How many of `targets` have which outcome, without those of which the same becomes anyway.
    pub counts: Counts,
    /// How many of `targets` are as they would be without the files, and yet to be done.
    pub anyway: usize,
    /// What it takes the operator.
    pub cost: PlannedCost,
    /// The regions that could not be read.
    pub not_examined: Vec<NotExamined>,
    /// Documents in the files that are about other things.
    pub other_documents: usize,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// An object of the files.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedObject {
    /// Which one.
    pub object: ObjectRef,
    /// Where it stands: file, line and column.
    pub at: String,
    /// What applying it does to the object in the cluster. `Unknown`: no cluster was asked.
    #[schemars(extend("enum" = ["Create", "Change", "Nothing", "Unknown"]))]
    pub action: &'static str,
    /// The generation that stands in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied_generation: Option<i64>,
    /// In which fields of the spec it differs from that, with all defaults.
    pub differences: Vec<Difference>,
    /// Account, as the configuration names it.
    pub account: String,
    /// The regions in which it asks for something, with or without the files.
    pub regions: Vec<String>,
    /// Why the operator would not do anything for it; absent: it would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_served: Option<String>,
    /// Those of them that were not read: they could not be, or --account or --region leave them out.
    pub not_read: Vec<String>,
    /// Whether all that follows from it is in `targets`. Otherwise `notes` or `notRead` say why.
    pub all_known: bool,
    /// How many of its targets have which outcome.
    pub counts: Counts,
    /// What else is to be known of it.
    pub notes: Vec<String>,
}

/// What becomes of one flag of a target.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedTarget {
    /// `Instance` or `NetworkInterface`.
    #[schemars(extend("enum" = ["Instance", "NetworkInterface"]))]
    pub kind: &'static str,
    /// Its id.
    pub id: String,
    /// What people call it, without characters that can't be seen, and at most 129 characters long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Account, as the configuration names it.
    pub account: String,
    /// Region.
    pub region: String,
    /// The objects of the files that select it, or that the files make cease to. Empty if it is unprotected for another object, against
    /// which one stood that could not be read and that the files repair.
    pub selected_by: Vec<ObjectRef>,
    /// The flag, as the cloud's API calls it.
    pub flag: &'static str,
    /// What becomes of it.
    pub outcome: Outcome,
    /// Whether the same becomes of it without the files.
    pub anyway: bool,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// For which object it is done, or which asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
    /// The objects that stand against unprotecting it.
    pub holders: Vec<ObjectRef>,
    /// When it is protected again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub until: Option<Timestamp>,
    /// What becomes of it, in words, with times in UTC. `reasons` says why.
    pub message: String,
}

impl PlannedTarget {
    /// What is said of it.
    pub fn statement(&self) -> Statement<'_> {
        Statement {
            flag: self.flag,
            is_host: self.kind == "Instance" && self.flag == DeleteOnRelease::NAME,
            outcome: self.outcome,
            object: self.object.as_ref(),
            holders: &self.holders,
            until: self.until,
            anyway: self.anyway,
        }
    }
}

/// How many have which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub unprotect: usize,
    pub stays_protected: usize,
    pub no_longer_held: usize,
    pub left_unprotected: usize,
    pub unknown: usize,
    pub cannot_protect: usize,
    pub protect: usize,
    pub unchanged: usize,
    pub protected: usize,
}

impl Counts {
    /// Counts one.
    pub fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Unprotect => &mut self.unprotect,
            Outcome::StaysProtected => &mut self.stays_protected,
            Outcome::NoLongerHeld => &mut self.no_longer_held,
            Outcome::LeftUnprotected => &mut self.left_unprotected,
            Outcome::Unknown => &mut self.unknown,
            Outcome::CannotProtect => &mut self.cannot_protect,
            Outcome::Protect => &mut self.protect,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Protected => &mut self.protected,
        } += 1;
    }

    /// What there is to say of them: what changes first.
    pub fn sentence(&self) -> String {
        let all = [
            (self.protect, "to protect"),
            (self.unprotect, "to unprotect"),
            (self.stays_protected, "held against unprotecting"),
            (self.no_longer_held, "no longer held"),
            (self.left_unprotected, "left unprotected for a time"),
            (self.cannot_protect, "can't be protected"),
            (self.protected, "already protected"),
            (self.unchanged, if self.unchanged == 1 { "left as it is" } else { "left as they are" }),
            (self.unknown, "unknown"),
        ];
        let some = all.into_iter().filter(|(count, _)| *count > 0);
        some.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

/// What the plan takes the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCost {
    /// Calls that change something.
    pub writes: usize,
    /// Calls that read the targets before and after.
    pub reads: usize,
    /// For how long the budgets of the configuration make the slowest operation wait.
    pub seconds: u64,
}

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is nothing to do.
    Nothing,
    /// There is something to do, or something is not known.
    Something,
    /// Something would be unprotected.
    Unprotects,
    /// A region could not be read, or an object would not be served.
    Incomplete,
}

impl Verdict {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Incomplete => 1,
            Self::Something => 2,
            Self::Unprotects => 3,
        }
    }
}

impl Planned {
    /// The targets of each object, in their order.
    pub fn targets_by_object(&self) -> BTreeMap<&ObjectRef, Vec<&PlannedTarget>> {
        let mut targets: BTreeMap<&ObjectRef, Vec<&PlannedTarget>> = BTreeMap::new();
        for target in &self.targets {
            for object in &target.selected_by {
                targets.entry(object).or_default().push(target);
            }
        }
        targets
    }

    /// The targets that no object of the files selects.
    pub fn targets_of_others(&self) -> Vec<&PlannedTarget> {
        self.targets.iter().filter(|target| target.selected_by.is_empty()).collect()
    }

    /// What the exit code says of it.
    pub fn verdict(&self) -> Verdict {
        let Counts { protect, no_longer_held, left_unprotected, unknown, .. } = self.counts;
        let served = self.objects.iter().all(|object| object.not_served.is_none());
        let known = self.objects.iter().all(|object| object.all_known);
        if self.counts.unprotect > 0 {
            Verdict::Unprotects
        } else if !self.not_examined.is_empty() || !served {
            Verdict::Incomplete
        } else if protect + no_longer_held + left_unprotected + unknown > 0 || !self.complete || !known {
            Verdict::Something
        } else {
            Verdict::Nothing
        }
    }
}

/// The JSON Schema of a plan.
pub fn schema() -> Value {
    schema_of::<Planned>("ecs-keeper plan --output json")
}
