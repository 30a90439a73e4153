//! The report as JSON: one object in each line.

use std::io::{self, Write};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::form::{Form, Region};
use super::row::{Counts, Kind, Row};
use super::words::not_examined;
use crate::json_schema::schema_of;

/// One line of the report: a target, or the summary of a region, which comes after its targets.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type")]
enum Line<'a> {
    /// An ECS instance.
    Instance(Target<'a>),
    /// An elastic network interface.
    NetworkInterface(Target<'a>),
    /// A scaling group. It does not count for --fail-on.
    ScalingGroup(Target<'a>),
    /// The summary of a region.
    Region(Summary<'a>),
}

/// One target.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Target<'a> {
    /// Account, as the configuration names it.
    account: &'a str,
    /// Region.
    region: &'a str,
    /// Id of the target.
    id: &'a str,
    /// What people call it, without characters that can't be seen, and at most 129 characters long.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    /// The instance that a network interface is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<&'a str>,
    /// The verdict, as in the status of objects.
    #[schemars(extend("enum" = ["Protected", "Unprotected", "NotApplicable", "Unknown"]))]
    state: &'static str,
    /// Why, as in the status of objects.
    reason: &'static str,
    /// Documented ways in which it can be lost although its flag is, or would be, protected.
    risks: Vec<TargetRisk<'a>>,
    /// The objects of the cluster that hold it, as namespace/name; absent if no cluster was asked, and of scaling groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_by: Option<&'a [String]>,
    /// The objects of which it is not known whether they select it.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    may_be_held_by: &'a [String],
    /// When the cloud was asked.
    #[schemars(with = "String", extend("format" = "date-time"))]
    seen: Timestamp,
    /// Present if the file of ignored targets names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<Accepted<'a>>,
}

/// A documented way in which a target can be lost.
#[derive(Serialize, JsonSchema)]
struct TargetRisk<'a> {
    /// Which way, as in the status of objects.
    reason: &'static str,
    /// What the cloud says of it: a time, a lock, a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// Somebody has accepted what is found of a target.
#[derive(Serialize, JsonSchema)]
struct Accepted<'a> {
    /// Why.
    reason: &'a str,
    /// Until when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    until: Timestamp,
}

/// What was found in a region.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    /// Account, as the configuration names it.
    account: &'a str,
    /// Region.
    region: &'a str,
    /// Whether everything was listed.
    complete: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    /// Instances.
    instances: Counts,
    /// Network interfaces; absent if they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    network_interfaces: Option<Counts>,
    /// Scaling groups; absent if they were not asked for, or could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling_groups: Option<Counts>,
    /// Why scaling groups could not be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    scaling_groups_error: Option<&'a str>,
    /// What no listing shows, so that nothing is said of it.
    not_examined: &'a str,
}

/// The report as lines of JSON.
pub struct Json<W> {
    out: W,
}

impl<W: Write> Json<W> {
    pub fn new(out: W) -> Self {
        Self { out }
    }

    fn line(&mut self, line: &Line<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> Form for Json<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        let risks = row.risks.iter();
        let risks =
            risks.map(|risk| TargetRisk { reason: risk.reason.as_str(), detail: risk.detail.as_deref() });
        let target = Target {
            account: row.scope.account.as_str(),
            region: row.scope.region.as_str(),
            id: row.id,
            name: row.name.as_deref(),
            instance_id: row.instance(),
            state: row.state.as_str(),
            reason: row.reason.as_str(),
            risks: risks.collect(),
            held_by: row.claim.as_ref().map(|claim| claim.held_by.as_slice()),
            may_be_held_by: row.claim.as_ref().map_or(&[], |claim| claim.may_be_held_by.as_slice()),
            seen: row.seen,
            ignored: row.ignored.map(|ignored| Accepted { reason: &ignored.reason, until: ignored.until }),
        };
        self.line(&match row.kind {
            Kind::Instance => Line::Instance(target),
            Kind::NetworkInterface => Line::NetworkInterface(target),
            Kind::ScalingGroup => Line::ScalingGroup(target),
        })
    }

    fn region(&mut self, region: &Region<'_>) -> io::Result<()> {
        self.line(&Line::Region(Summary {
            account: region.scope.account.as_str(),
            region: region.scope.region.as_str(),
            complete: region.failure.is_none(),
            error: region.failure,
            instances: region.instances,
            network_interfaces: region.interfaces,
            scaling_groups: region.scaling_groups,
            scaling_groups_error: region.scaling_groups_failure,
            not_examined: not_examined(region.scaling_groups.is_some()),
        }))
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The schema of one line.
pub fn schema() -> Value {
    schema_of::<Line<'_>>("One line of ecs-keeper audit --output json")
}
