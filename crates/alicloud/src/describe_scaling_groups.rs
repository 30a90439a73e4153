//! `DescribeScalingGroups`: one page of the scaling groups of a region. Commands that look at everything call it; the operator knows
//! groups by their members. Concludes nothing: whatever an entry doesn't say readably is absent.
//!
//! An answer that shows what was not asked for is none, for the cloud passes over parameters that it doesn't know.

use keeper_core::id::{Region, RequestId, ScalingGroupId};
use serde_json::Value;

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::listing;
use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

/// Groups on a full page: the operation's maximum.
const PAGE_SIZE: u32 = 50;

/// Which resources its page names is not known.
pub(crate) const OPERATION: Operation =
    Operation::read(Product::Ess, "DescribeScalingGroups", Permission::on(&[ResourceType::All]));

/// What a listing shows of a scaling group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingGroup {
    /// Its id.
    pub id: ScalingGroupId,
    /// What people call it, as they wrote it.
    pub name: Option<Box<str>>,
    /// `GroupDeletionProtection`: whether the cloud refuses to delete it.
    pub deletion_protection: Option<bool>,
}

/// One page of scaling groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingGroupPage {
    /// Those with a readable id.
    pub groups: Vec<ScalingGroup>,
    /// Entries without a readable id.
    pub unreadable: usize,
    /// How many there are on all pages.
    pub total: u64,
    /// The number of the page that comes next.
    pub next: Option<u32>,
    /// The cloud's id of the request.
    pub request_id: RequestId,
}

/// The parameters for a page, counted from 1.
pub(crate) fn parameters(region: &Region, number: u32) -> Parameters {
    vec![
        ("RegionId".to_owned(), region.as_str().to_owned()),
        ("PageNumber".to_owned(), number.to_string()),
        ("PageSize".to_owned(), PAGE_SIZE.to_string()),
    ]
}

/// The page in an answer; `None` when it is not the page that was asked for. Where the list is absent or null there are no entries:
/// the vendor's SDK reads it so.
pub(crate) fn page(region: &Region, asked: u32, answer: Answer) -> Option<ScalingGroupPage> {
    let field = |name: &str| answer.fields.get(name)?.as_u64();
    let total = field("TotalCount")?;
    let right = field("PageNumber")? == u64::from(asked) && field("PageSize")? == u64::from(PAGE_SIZE);
    let entries = match answer.fields.get("ScalingGroups") {
        None | Some(Value::Null) => &[],
        Some(list) => list.as_array()?.as_slice(),
    };
    let count = u64::try_from(entries.len()).ok()?;
    // The central host serves many regions.
    let elsewhere = |entry: &Value| entry.get("RegionId").is_some_and(|found| found != region.as_str());
    let fits = count <= u64::from(PAGE_SIZE) && count <= total && !entries.iter().any(elsewhere);
    let groups: Vec<_> = entries.iter().filter_map(group).collect();
    // A page without anything before the end would go on for ever. The numbers tell that it is not the end.
    let more = u64::from(PAGE_SIZE) * u64::from(asked) < total && !entries.is_empty();
    (right && fits).then(|| ScalingGroupPage {
        unreadable: entries.len() - groups.len(),
        groups,
        total,
        next: more.then(|| asked.saturating_add(1)),
        request_id: answer.request_id,
    })
}

/// One entry; `None` when its id can't be read.
fn group(entry: &Value) -> Option<ScalingGroup> {
    Some(ScalingGroup {
        id: ScalingGroupId::new(identifier(entry.get("ScalingGroupId"))?),
        name: listing::name(entry, "ScalingGroupName"),
        deletion_protection: entry.get("GroupDeletionProtection").and_then(Value::as_bool),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decode(asked: u32, fields: &Value) -> Option<ScalingGroupPage> {
        let fields = fields.as_object().unwrap().clone();
        let answer = Answer { fields, request_id: RequestId::new("R-1"), date: None };
        page(&Region::new("cn-hangzhou"), asked, answer)
    }

    fn entry(id: &str, protected: &Value) -> Value {
        json!({ "ScalingGroupId": id, "ScalingGroupName": "pool", "RegionId": "cn-hangzhou", "GroupDeletionProtection": protected })
    }

    fn answer(number: u32, total: u64, entries: &[Value]) -> Value {
        json!({ "PageNumber": number, "PageSize": 50, "TotalCount": total, "ScalingGroups": entries })
    }

    #[test]
    fn i06_a_flag_that_can_not_be_read_is_not_known() {
        let entries =
            [json!(true), json!(false), json!("true"), json!(null)].map(|flag| entry("asg-1", &flag));
        let page = decode(1, &answer(1, 4, &entries)).unwrap();
        let flags: Vec<_> = page.groups.iter().map(|group| group.deletion_protection).collect();
        assert_eq!(flags, [Some(true), Some(false), None, None]);
        assert_eq!(page.groups.first().unwrap().name.as_deref(), Some("pool"));
        let without_id = decode(1, &answer(1, 1, &[json!({ "GroupDeletionProtection": true })])).unwrap();
        assert_eq!((without_id.groups.len(), without_id.unreadable), (0, 1));
    }

    #[test]
    fn i05_a_page_is_the_one_that_was_asked_for_or_none() {
        let one = entry("asg-1", &json!(true));
        let full = vec![one.clone(); 50];
        assert_eq!(decode(1, &answer(1, 120, &full)).unwrap().next, Some(2));
        assert_eq!(decode(3, &answer(3, 120, &full[..20])).unwrap().next, None);
        assert_eq!(decode(2, &answer(2, 120, &[])).unwrap().next, None, "it would go on for ever");
        assert_eq!(
            decode(1, &json!({ "PageNumber": 1, "PageSize": 50, "TotalCount": 0 })).unwrap().groups,
            []
        );
        let mut elsewhere = one.clone();
        elsewhere["RegionId"] = json!("cn-beijing");
        for odd in [
            answer(2, 120, &full),
            answer(1, 0, &[one]),
            answer(1, 1, &[elsewhere]),
            json!({ "PageNumber": 1, "PageSize": 10, "TotalCount": 0 }),
            json!({ "PageNumber": 1, "PageSize": 50, "TotalCount": 1, "ScalingGroups": {} }),
        ] {
            assert_eq!(decode(1, &odd), None, "{odd}");
        }
    }
}
