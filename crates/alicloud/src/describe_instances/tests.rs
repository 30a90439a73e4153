use keeper_core::call::{Identity, Query};
use keeper_core::id::{PageToken, RequestId, Tag, TagFilter};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::listing::distortion::{arbitrary_json, distorted};

const REGION: &str = "cn-hangzhou";

/// An item of which every field that we read has its least protected value.
fn full_item() -> Value {
    json!({
        "InstanceId": "i-bp1example0000001",
        "InstanceName": "web <1>",
        "RegionId": REGION,
        "DeletionProtection": false,
        "InstanceChargeType": "PrePaid",
        "SpotStrategy": "SpotAsPriceGo",
        "AutoReleaseTime": "2026-12-31T15:59Z",
        "OperationLocks": {"LockReason": [{"LockReason": "Recycling", "LockMsg": ""}, {"LockReason": "financial"}]},
        "Tags": {"Tag": [{"TagKey": "env", "TagValue": "prod"}, {"TagKey": "empty", "TagValue": ""}]},
        "Status": "Running",
        "ZoneId": "cn-hangzhou-h",
        "VpcAttributes": {"VpcId": "vpc-1"},
        "NetworkInterfaces": {"NetworkInterface": [
            {"NetworkInterfaceId": "eni-1", "Type": "Primary"}, {"NetworkInterfaceId": "eni-2", "Type": "Secondary"}]},
    })
}

fn full_facts() -> InstanceFacts {
    InstanceFacts {
        deletion_protection: Some(false),
        charge_type: Some(ChargeType::PrePaid),
        spot: Some(true),
        auto_release: Some(Some("2026-12-31T15:59Z".into())),
        locks: Some(vec!["recycling".into(), "financial".into()]),
        tags: Some(vec![Tag::new("env", "prod"), Tag::new("empty", "")]),
        surroundings: Some(Arc::new(full_surroundings())),
    }
}

fn full_surroundings() -> Surroundings {
    Surroundings {
        interfaces: Some(["eni-1", "eni-2"].map(InterfaceId::new).to_vec()),
        zone_id: Some("cn-hangzhou-h".into()),
        vpc_id: Some("vpc-1".into()),
        power: Some(Power::Running),
    }
}

fn decode(fields: &Value) -> Option<Page<Instance>> {
    let fields = fields.as_object().unwrap().clone();
    page(
        Place { region: &Region::new(REGION), primary_retainable: false, identity: Identity(0) },
        Answer { fields, request_id: RequestId::new("R-1"), date: None },
    )
}

fn decode_item(item: &Value) -> Option<Item<Instance>> {
    let mut page = decode(&json!({"Instances": {"Instance": [item]}, "NextToken": ""})).unwrap();
    assert_eq!(page.items.len() + page.unreadable, 1);
    page.items.pop()
}

fn sent(query: Query<Instance>, page: Option<&str>) -> Option<Vec<(String, String)>> {
    parameters(&Region::new(REGION), &ReadCall { query, page: page.map(PageToken::new) })
}

fn with_common(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let all = [("RegionId", REGION), ("MaxResults", "100")].into_iter().chain(more.iter().copied());
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn ids(count: usize) -> Query<Instance> {
    Query::Ids((0..count).map(|number| InstanceId::new(format!("i-{number}"))).collect())
}

fn tag(key: &str, value: Option<&str>) -> TagFilter {
    TagFilter { key: key.into(), value: value.map(Into::into) }
}

#[test]
fn each_query_asks_for_what_it_says_and_for_full_pages() {
    assert_eq!(sent(Query::Region, None).unwrap(), with_common(&[]));
    assert_eq!(sent(Query::Region, Some("t+/=")).unwrap(), with_common(&[("NextToken", "t+/=")]));
    assert_eq!(sent(ids(2), None).unwrap(), with_common(&[("InstanceIds", r#"["i-0","i-1"]"#)]));
    let tags = Query::Tagged(vec![tag("env", Some("prod")), tag("owner", None), tag("empty", Some(""))]);
    assert_eq!(
        sent(tags, Some("t")).unwrap(),
        with_common(&[
            ("Tag.1.Key", "env"),
            ("Tag.1.Value", "prod"),
            ("Tag.2.Key", "owner"),
            ("Tag.3.Key", "empty"),
            ("Tag.3.Value", ""),
            ("NextToken", "t"),
        ])
    );
}

#[test]
fn i05_a_filter_is_never_empty_and_never_beyond_its_limit() {
    assert_eq!(sent(ids(0), None), None);
    assert!(sent(ids(100), None).is_some());
    assert_eq!(sent(ids(101), None), None);
    assert_eq!(sent(Query::Tagged(vec![]), None), None);
    assert!(sent(Query::Tagged(vec![tag("k", None); 20]), None).is_some());
    assert_eq!(sent(Query::Tagged(vec![tag("k", None); 21]), None), None);
}

#[test]
fn i05_only_an_empty_or_absent_token_ends_a_listing() {
    let next = |token: Option<Value>| {
        let mut fields = json!({"Instances": {"Instance": []}, "TotalCount": 0});
        if let Some(token) = token {
            fields["NextToken"] = token;
        }
        decode(&fields).map(|page| page.next)
    };
    assert_eq!(next(None), Some(None));
    assert_eq!(next(Some(json!(""))), Some(None));
    assert_eq!(next(Some(json!("caeba0bbb2be03f8"))), Some(Some(PageToken::new("caeba0bbb2be03f8"))));
    for odd in [json!(null), json!(false), json!(0), json!([]), json!({}), json!([""])] {
        assert_eq!(next(Some(odd.clone())), None, "{odd}");
    }
}

#[test]
fn i05_an_answer_without_the_list_is_no_empty_listing() {
    for fields in [
        json!({}),
        json!({"NextToken": ""}),
        json!({"Instances": null}),
        json!({"Instances": []}),
        json!({"Instances": {}}),
        json!({"Instances": {"Instance": null}}),
        json!({"Instances": {"Instance": {}}}),
    ] {
        assert_eq!(decode(&fields), None, "{fields}");
    }
}

#[test]
fn a_page_keeps_what_it_can_read_and_counts_the_rest() {
    let other_region = json!({"InstanceId": "i-2", "RegionId": "cn-beijing", "DeletionProtection": true});
    let entries =
        json!([full_item(), null, "i-3", [], {}, {"InstanceId": ""}, {"InstanceId": "i 4"}, other_region]);
    let page = decode(&json!({"Instances": {"Instance": entries}, "NextToken": "t"})).unwrap();
    assert_eq!(
        page.items,
        [Item {
            id: InstanceId::new("i-bp1example0000001"),
            name: Some("web <1>".into()),
            facts: full_facts()
        }]
    );
    assert_eq!((page.unreadable, page.next), (7, Some(PageToken::new("t"))));
    assert_eq!(page.request_id, RequestId::new("R-1"));
}

#[test]
fn i17_an_item_whose_region_is_not_the_one_asked_for_is_not_read() {
    for region in [json!("cn-beijing"), json!("CN-HANGZHOU"), json!(""), json!(null), json!(1)] {
        let mut item = full_item();
        item["RegionId"] = region.clone();
        assert_eq!(decode_item(&item), None, "{region}");
    }
    let mut item = full_item();
    item.as_object_mut().unwrap().remove("RegionId");
    assert_eq!(decode_item(&item), None);
}

#[test]
fn the_documented_values_of_each_field_are_read() {
    let fact = |name: &str, value: Value| {
        let mut item = full_item();
        item[name] = value;
        decode_item(&item).unwrap().facts
    };
    assert_eq!(fact("DeletionProtection", json!(true)).deletion_protection, Some(true));
    assert_eq!(fact("InstanceChargeType", json!("PostPaid")).charge_type, Some(ChargeType::PostPaid));
    assert_eq!(fact("SpotStrategy", json!("NoSpot")).spot, Some(false));
    assert_eq!(fact("SpotStrategy", json!("SpotWithPriceLimit")).spot, Some(true));
    assert_eq!(fact("AutoReleaseTime", json!("")).auto_release, Some(None));
    assert_eq!(fact("OperationLocks", json!({"LockReason": []})).locks, Some(vec![]));
    assert_eq!(fact("Tags", json!({"Tag": []})).tags, Some(vec![]));
    let around = |name: &str, value: Value| fact(name, value).surroundings.unwrap();
    for (word, expected) in [
        ("Running", Power::Running),
        ("Stopped", Power::Stopped),
        ("Stopping", Power::Between),
        ("Starting", Power::Between),
        ("Pending", Power::Between),
    ] {
        assert_eq!(around("Status", json!(word)).power, Some(expected));
    }
    assert_eq!(around("VpcAttributes", json!({"VpcId": ""})).vpc_id.as_deref(), Some(""));
    let none = json!({"NetworkInterface": []});
    assert_eq!(around("NetworkInterfaces", none).interfaces, Some(vec![]));
    let odd = json!({"NetworkInterface": [{"NetworkInterfaceId": "eni-1"}, {"NetworkInterfaceId": ""}]});
    assert_eq!(around("NetworkInterfaces", odd).interfaces, None, "all or none");
}

#[test]
fn i06_missing_tags_are_no_tags_and_any_other_missing_field_is_unknown() {
    let item = json!({"InstanceId": "i-1", "RegionId": REGION});
    let facts = decode_item(&item).unwrap().facts;
    let surroundings = Some(Arc::default());
    assert_eq!(facts, InstanceFacts { tags: Some(vec![]), surroundings, ..InstanceFacts::default() });
}

/// Each fact is as it was or unknown: never another, and so never a better one.
fn assert_no_better(changed: &Value, what: &str) {
    fn same_or_unknown<T: PartialEq>(now: Option<&T>, then: Option<&T>) -> bool {
        now.is_none() || now == then
    }
    let Some(Item { facts: now, .. }) = decode_item(changed) else { return };
    let then = full_facts();
    let kept = [
        same_or_unknown(now.deletion_protection.as_ref(), then.deletion_protection.as_ref()),
        same_or_unknown(now.charge_type.as_ref(), then.charge_type.as_ref()),
        same_or_unknown(now.spot.as_ref(), then.spot.as_ref()),
        same_or_unknown(now.auto_release.as_ref(), then.auto_release.as_ref()),
        same_or_unknown(now.locks.as_ref(), then.locks.as_ref()),
        same_or_unknown(now.tags.as_ref(), then.tags.as_ref()) || changed.get("Tags").is_none(),
        now.surroundings.as_ref().zip(then.surroundings.as_ref()).is_some_and(|(now, then)| {
            same_or_unknown(now.interfaces.as_ref(), then.interfaces.as_ref())
                && same_or_unknown(now.zone_id.as_ref(), then.zone_id.as_ref())
                && same_or_unknown(now.vpc_id.as_ref(), then.vpc_id.as_ref())
                && same_or_unknown(now.power.as_ref(), then.power.as_ref())
        }),
    ];
    assert_eq!(kept, [true; 7], "{what}: {now:?}");
}

#[test]
fn i06_no_field_removed_nulled_or_retyped_yields_a_better_fact() {
    let full = full_item();
    assert_eq!(decode_item(&full).unwrap().facts, full_facts());
    let distorted = distorted(&full);
    assert!(distorted.len() > 200);
    for (what, item) in distorted {
        assert_no_better(&item, &what);
    }
}

#[test]
fn i06_a_text_that_is_none_of_the_documented_ones_is_unknown() {
    for (name, texts) in [
        ("DeletionProtection", &["true", "True", "false", ""][..]),
        ("InstanceChargeType", &["", "postpaid", "POSTPAID", "PostPaid ", "PayByTraffic"]),
        ("SpotStrategy", &["", "nospot", "NoSpot ", "None", "SpotOther"]),
        ("AutoReleaseTime", &[" ", "none", "-", "never", "2026-12-31T15:59Z\n", "2026 12 31", "\u{1F512}"]),
    ] {
        for text in texts {
            let mut item = full_item();
            item[name] = json!(text);
            let facts = decode_item(&item).unwrap().facts;
            let mut expected = full_facts();
            match name {
                "DeletionProtection" => expected.deletion_protection = None,
                "InstanceChargeType" => expected.charge_type = None,
                "SpotStrategy" => expected.spot = None,
                _ => expected.auto_release = None,
            }
            assert_eq!(facts, expected, "{name} = {text:?}");
        }
    }
}

const NAMES: &[&str] = &[
    "Instances",
    "Instance",
    "NextToken",
    "InstanceId",
    "RegionId",
    "DeletionProtection",
    "InstanceChargeType",
    "SpotStrategy",
    "AutoReleaseTime",
    "OperationLocks",
    "LockReason",
    "Tags",
    "Tag",
    "TagKey",
    "TagValue",
    "x",
];
const TEXTS: &[&str] = &[REGION, "i-1", "PostPaid", "NoSpot", ""];

proptest! {
    #[test]
    fn i47_no_answer_panics_and_none_is_protected_without_saying_so(
        entries in prop::collection::vec(arbitrary_json(NAMES, TEXTS), 0..4), whole in arbitrary_json(NAMES, TEXTS),
    ) {
        if whole.is_object() {
            let _ = decode(&whole);
        }
        let page = decode(&json!({"Instances": {"Instance": entries}})).unwrap();
        prop_assert_eq!(page.items.len() + page.unreadable, entries.len());
        let protected = page.items.iter().filter(|item| item.facts.deletion_protection == Some(true)).count();
        let said = entries.iter().filter(|entry| entry.get("DeletionProtection") == Some(&json!(true))).count();
        prop_assert!(protected <= said);
    }
}
