//! DescribeRegions.

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::honours::Honours;
use crate::regions::REGIONS;
use crate::state::World;
use crate::wire::Refusal;

/// The names are in English, also when no language is asked for.
pub(super) const HONOURS: Honours = Honours {
    any: &[],
    only: &[
        ("AcceptLanguage", &["en-US"]),
        ("InstanceChargeType", &["PostPaid"]),
        ("ResourceType", &["instance"]),
    ],
};

#[expect(clippy::unnecessary_wraps, reason = "the table of operations has one signature")]
pub(crate) fn run(_: &mut World, _: &Call<'_>) -> Result<Done, Refusal> {
    let regions: Vec<Value> = REGIONS
        .iter()
        .map(|region| {
            json!({
                "RegionId": region.id,
                "RegionEndpoint": format!("ecs.{}.aliyuncs.com", region.id),
                "LocalName": region.name,
                "Status": "available",
            })
        })
        .collect();
    Ok(Done::answer(json!({ "Regions": { "Region": regions } })))
}
