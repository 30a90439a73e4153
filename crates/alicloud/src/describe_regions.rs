//! `DescribeRegions`: the regions that there are. Commands that look at everything call it; the operator is told its regions.

use keeper_core::id::Region;

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

/// The vendor's page "RAM authorization" does not list it, so nothing narrower is known.
pub(crate) const OPERATION: Operation =
    Operation::read(Product::Ecs, "DescribeRegions", Permission::on(&[ResourceType::All]));

/// The parameters: none are needed.
pub(crate) fn parameters() -> Parameters {
    Vec::new()
}

/// The regions in an answer, in the cloud's order; `None` without a list, or if any of them can't be read: who looks at everything
/// must not pass over a region.
pub(crate) fn regions(answer: &Answer) -> Option<Vec<Region>> {
    let entries = answer.fields.get("Regions")?.get("Region")?.as_array()?;
    entries.iter().map(|entry| identifier(entry.get("RegionId")).map(Region::new)).collect()
}

#[cfg(test)]
mod tests {
    use keeper_core::id::RequestId;
    use serde_json::{Value, json};

    use super::*;

    fn decode(fields: &Value) -> Option<Vec<Region>> {
        let fields = fields.as_object().unwrap().clone();
        regions(&Answer { fields, request_id: RequestId::new("R-1"), date: None })
    }

    #[test]
    fn i05_a_list_of_regions_is_whole_or_none() {
        let entry =
            |id: &str| json!({ "RegionId": id, "RegionEndpoint": "ecs.example.com", "LocalName": "x" });
        let both = json!({ "Regions": { "Region": [entry("cn-hangzhou"), entry("eu-west-1")] } });
        assert_eq!(decode(&both), Some(vec![Region::new("cn-hangzhou"), Region::new("eu-west-1")]));
        for odd in [
            json!({}),
            json!({ "Regions": [] }),
            json!({ "Regions": { "Region": null } }),
            json!({ "Regions": { "Region": [entry("cn-hangzhou"), {}] } }),
            json!({ "Regions": { "Region": [entry("a\nb")] } }),
            json!({ "Regions": { "Region": [{ "RegionId": 7 }] } }),
        ] {
            assert_eq!(decode(&odd), None, "{odd}");
        }
    }
}
