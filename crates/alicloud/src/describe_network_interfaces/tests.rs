use keeper_core::call::{Identity, Query};
use keeper_core::id::{PageToken, RequestId, Tag, TagFilter};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::listing::distortion::{arbitrary_json, distorted};
use crate::sign::canonical_query;

const REGION: &str = "cn-hangzhou";

/// An item of which every field that decides has its least protected value.
fn full_item() -> Value {
    json!({
        "NetworkInterfaceId": "eni-bp1example0000001",
        "NetworkInterfaceName": "side",
        "Type": "Trunk",
        "Status": "InUse",
        "InstanceId": "i-bp1example0000001",
        "Attachment": {"InstanceId": "i-bp1example0000001", "DeviceIndex": 1, "TrunkNetworkInterfaceId": ""},
        "DeleteOnRelease": true,
        "ServiceManaged": true,
        "NetworkInterfaceTrafficMode": "HighPerformance",
        "Tags": {"Tag": [{"TagKey": "creator", "TagValue": "terway"}, {"TagKey": "empty", "TagValue": ""}]},
        "ZoneId": "cn-hangzhou-h",
        "VSwitchId": "vsw-1",
        "VpcId": "vpc-1",
        "PrivateIpAddress": "10.0.0.5",
        "AssociatedPublicIp": {"PublicIpAddress": "47.0.0.1", "AllocationId": "eip-1"},
        "PrivateIpSets": {"PrivateIpSet": [
            {"PrivateIpAddress": "10.0.0.6", "Primary": false,
             "AssociatedPublicIp": {"PublicIpAddress": "47.0.0.2", "AllocationId": "eip-2"}},
            {"PrivateIpAddress": "10.0.0.7", "Primary": false, "AssociatedPublicIp": {}},
            {"PrivateIpAddress": "10.0.0.5", "Primary": true,
             "AssociatedPublicIp": {"PublicIpAddress": "47.0.0.1", "AllocationId": "eip-1"}},
        ]},
        "Ipv6Sets": {"Ipv6Set": [{"Ipv6Address": "2408:4321:180:1701::5"}]},
        "Ipv4PrefixSets": {"Ipv4PrefixSet": [{"Ipv4Prefix": "10.0.1.0/28"}]},
        "Ipv6PrefixSets": {"Ipv6PrefixSet": [{"Ipv6Prefix": "2408:4321:180:1702::/80"}]},
        "SecurityGroupIds": {"SecurityGroupId": ["sg-1", "sg-2"]},
    })
}

fn eip_of(number: u8, private: &str) -> Eip {
    Eip {
        allocation_id: Some(format!("eip-{number}").into()),
        public_ip: format!("47.0.0.{number}").into(),
        private_ip: private.into(),
    }
}

fn full_facts() -> InterfaceFacts {
    InterfaceFacts {
        delete_on_release: Some(true),
        interface_type: Some(InterfaceType::Trunk),
        status: Some(InterfaceStatus::InUse),
        instance: Some(Some(InstanceId::new("i-bp1example0000001"))),
        service_managed: Some(true),
        traffic_mode: Some("HighPerformance".into()),
        zone_id: Some("cn-hangzhou-h".into()),
        primary_retainable: false,
        tags: Some(vec![Tag::new("creator", "terway"), Tag::new("empty", "")]),
        belongings: Arc::new(Belongings {
            vswitch_id: Some("vsw-1".into()),
            vpc_id: Some("vpc-1".into()),
            private_ips: ["10.0.0.5", "10.0.0.6", "10.0.0.7"].map(Into::into).to_vec(),
            ipv6_addresses: vec!["2408:4321:180:1701::5".into()],
            ipv4_prefixes: vec!["10.0.1.0/28".into()],
            ipv6_prefixes: vec!["2408:4321:180:1702::/80".into()],
            eips: vec![eip_of(1, "10.0.0.5"), eip_of(2, "10.0.0.6")],
            security_group_ids: ["sg-1", "sg-2"].map(Into::into).to_vec(),
        }),
    }
}

fn decode_in(fields: &Value, primary_retainable: bool) -> Option<Page<Interface>> {
    let fields = fields.as_object().unwrap().clone();
    let region = Region::new(REGION);
    page(
        Place { region: &region, primary_retainable, identity: Identity(0) },
        Answer { fields, request_id: RequestId::new("R-1"), date: None },
    )
}

fn decode(fields: &Value) -> Option<Page<Interface>> {
    decode_in(fields, false)
}

fn listing_of(entries: &Value) -> Value {
    json!({"NetworkInterfaceSets": {"NetworkInterfaceSet": entries}, "NextToken": ""})
}

fn decode_item(item: &Value) -> Option<Item<Interface>> {
    let mut page = decode(&listing_of(&json!([item]))).unwrap();
    assert_eq!(page.items.len() + page.unreadable, 1);
    page.items.pop()
}

fn facts_with(name: &str, value: Value) -> InterfaceFacts {
    let mut item = full_item();
    item[name] = value;
    decode_item(&item).unwrap().facts
}

fn facts_without(name: &str) -> InterfaceFacts {
    let mut item = full_item();
    item.as_object_mut().unwrap().remove(name).unwrap();
    decode_item(&item).unwrap().facts
}

fn sent(query: Query<Interface>, page: Option<&str>) -> Option<String> {
    let call = ReadCall { query, page: page.map(PageToken::new) };
    parameters(&Region::new(REGION), &call).map(|parameters| canonical_query(&parameters))
}

fn ids(count: usize) -> Query<Interface> {
    Query::Ids((0..count).map(|number| InterfaceId::new(format!("eni-{number}"))).collect())
}

fn tag(key: &str, value: Option<&str>) -> TagFilter {
    TagFilter { key: key.into(), value: value.map(Into::into) }
}

#[test]
fn each_query_asks_for_what_it_says_and_for_full_pages() {
    assert_eq!(sent(Query::Region, None).unwrap(), "MaxResults=500&RegionId=cn-hangzhou");
    assert_eq!(
        sent(Query::Region, Some("t+/=")).unwrap(),
        "MaxResults=500&NextToken=t%2B%2F%3D&RegionId=cn-hangzhou"
    );
    assert_eq!(
        sent(ids(2), None).unwrap(),
        "MaxResults=500&NetworkInterfaceId.1=eni-0&NetworkInterfaceId.2=eni-1&RegionId=cn-hangzhou"
    );
    assert_eq!(
        sent(Query::Tagged(vec![tag("env", Some("prod")), tag("owner", None)]), Some("t")).unwrap(),
        "MaxResults=500&NextToken=t&RegionId=cn-hangzhou&Tag.1.Key=env&Tag.1.Value=prod&Tag.2.Key=owner"
    );
}

#[test]
fn i05_a_filter_is_never_empty_and_never_beyond_its_limit() {
    assert_eq!(sent(ids(0), None), None);
    assert!(sent(ids(100), None).unwrap().contains("&NetworkInterfaceId.100=eni-99&"));
    assert_eq!(sent(ids(101), None), None);
    assert_eq!(sent(Query::Tagged(vec![]), None), None);
    assert!(sent(Query::Tagged(vec![tag("k", None); 20]), None).is_some());
    assert_eq!(sent(Query::Tagged(vec![tag("k", None); 21]), None), None);
}

#[test]
fn i05_only_an_empty_or_absent_token_ends_a_listing() {
    let next = |token: Option<Value>| {
        let mut fields = json!({"NetworkInterfaceSets": {"NetworkInterfaceSet": []}, "TotalCount": 0});
        if let Some(token) = token {
            fields["NextToken"] = token;
        }
        decode(&fields).map(|page| page.next)
    };
    assert_eq!(next(None), Some(None));
    assert_eq!(next(Some(json!(""))), Some(None));
    assert_eq!(next(Some(json!("AAAAAdDWBF2"))), Some(Some(PageToken::new("AAAAAdDWBF2"))));
    for odd in [json!(null), json!(false), json!(0), json!([]), json!({})] {
        assert_eq!(next(Some(odd.clone())), None, "{odd}");
    }
}

#[test]
fn i05_an_answer_without_the_list_is_no_empty_listing() {
    for fields in [
        json!({}),
        json!({"NextToken": ""}),
        json!({"NetworkInterfaceSets": null}),
        json!({"NetworkInterfaceSets": []}),
        json!({"NetworkInterfaceSets": {"NetworkInterfaceSet": null}}),
        json!({"Instances": {"Instance": []}}),
    ] {
        assert_eq!(decode(&fields), None, "{fields}");
    }
}

#[test]
fn a_page_keeps_what_it_can_read_and_counts_the_rest() {
    let entries = json!([full_item(), null, "eni-3", [], {}, {"NetworkInterfaceId": ""}, {"NetworkInterfaceId": "e 4"}]);
    let page = decode(&listing_of(&entries)).unwrap();
    assert_eq!(
        page.items,
        [Item {
            id: InterfaceId::new("eni-bp1example0000001"),
            name: Some("side".into()),
            facts: full_facts()
        }]
    );
    assert_eq!((page.unreadable, page.next), (6, None));
    assert_eq!(page.request_id, RequestId::new("R-1"));
}

#[test]
fn whether_a_primary_can_be_retained_is_known_of_the_region_and_not_read_from_the_answer() {
    let entries = listing_of(&json!([full_item()]));
    for known in [true, false] {
        assert_eq!(decode_in(&entries, known).unwrap().items[0].facts.primary_retainable, known);
    }
}

#[test]
fn the_documented_values_of_each_field_are_read() {
    assert_eq!(facts_with("DeleteOnRelease", json!(false)).delete_on_release, Some(false));
    assert_eq!(facts_with("ServiceManaged", json!(false)).service_managed, Some(false));
    for (word, kind) in [
        ("Primary", InterfaceType::Primary),
        ("Secondary", InterfaceType::Secondary),
        ("Trunk", InterfaceType::Trunk),
        ("Member", InterfaceType::Member),
    ] {
        assert_eq!(facts_with("Type", json!(word)).interface_type, Some(kind));
    }
    for (word, status) in [
        ("Available", InterfaceStatus::Available),
        ("Attaching", InterfaceStatus::Attaching),
        ("InUse", InterfaceStatus::InUse),
        ("Detaching", InterfaceStatus::Detaching),
        ("Deleting", InterfaceStatus::Deleting),
    ] {
        assert_eq!(facts_with("Status", json!(word)).status, Some(status));
    }
    assert_eq!(facts_with("Tags", json!({"Tag": []})).tags, Some(vec![]));
}

#[test]
fn i06_missing_tags_are_no_tags_and_any_other_missing_field_is_unknown() {
    let facts = decode_item(&json!({"NetworkInterfaceId": "eni-1"})).unwrap().facts;
    assert_eq!(facts, InterfaceFacts { tags: Some(vec![]), ..InterfaceFacts::default() });
}

#[test]
fn i21_the_instance_is_known_only_where_nothing_contradicts() {
    let instance = |id: Value, attachment: Value| {
        let mut item = full_item();
        (item["InstanceId"], item["Attachment"]) = (id, attachment);
        decode_item(&item).unwrap().facts.instance.map(|known| known.map(|id| id.to_string()))
    };
    let on = |id: &str| json!({"InstanceId": id});
    let one = Some(Some("i-1".to_owned()));
    for silent in [json!({}), json!(null), on(""), json!({"InstanceId": null}), json!({"DeviceIndex": 0})] {
        assert_eq!(instance(json!("i-1"), silent.clone()), one, "{silent}");
        assert_eq!(instance(json!(""), silent.clone()), Some(None), "{silent}");
        assert_eq!(instance(json!(null), silent.clone()), None, "{silent}");
    }
    assert_eq!(instance(json!("i-1"), on("i-1")), one);
    for (id, attachment) in [
        (json!("i-1"), on("i-2")),
        (json!(""), on("i-2")),
        (json!(null), on("i-2")),
        (json!("i 1"), on("i 1")),
        (json!(1), json!({})),
        (json!("i-1"), json!({"InstanceId": 1})),
        (json!(""), json!({"InstanceId": ["i-2"]})),
    ] {
        assert_eq!(instance(id.clone(), attachment.clone()), None, "{id} {attachment}");
    }
    assert_eq!(facts_without("InstanceId").instance, None);
    assert_eq!(facts_without("Attachment").instance, full_facts().instance);
}

#[test]
fn the_primary_address_comes_first_and_each_address_once() {
    let ips = |facts: InterfaceFacts| facts.belongings.private_ips.join(" ");
    assert_eq!(ips(facts_without("PrivateIpAddress")), "10.0.0.5 10.0.0.6 10.0.0.7");
    assert_eq!(ips(facts_without("PrivateIpSets")), "10.0.0.5");
    assert_eq!(ips(facts_with("PrivateIpAddress", json!("10.0.0.7"))), "10.0.0.7 10.0.0.5 10.0.0.6");
    assert_eq!(ips(facts_with("PrivateIpAddress", json!("10.0.0.**"))), "10.0.0.5 10.0.0.6 10.0.0.7");
}

#[test]
fn a_public_address_is_told_once_with_what_it_is_bound_to() {
    let eips = |facts: InterfaceFacts| facts.belongings.eips.clone();
    assert_eq!(eips(facts_without("AssociatedPublicIp")), full_facts().belongings.eips);
    assert_eq!(eips(facts_without("PrivateIpAddress")), full_facts().belongings.eips);
    assert_eq!(eips(facts_without("PrivateIpSets")), [eip_of(1, "10.0.0.5")]);
    // The vendor's example has null for the allocation: what the one place lacks the other may say.
    let unnamed = json!({"PublicIpAddress": "47.0.0.1", "AllocationId": null});
    assert_eq!(eips(facts_with("AssociatedPublicIp", unnamed.clone())), full_facts().belongings.eips);
    let mut item = full_item();
    item["AssociatedPublicIp"] = unnamed;
    item["PrivateIpSets"] = json!({});
    let anonymous = Eip { allocation_id: None, ..eip_of(1, "10.0.0.5") };
    assert_eq!(eips(decode_item(&item).unwrap().facts), [anonymous]);
    for none in [json!({}), json!(null), json!({"PublicIpAddress": "", "AllocationId": ""})] {
        let mut item = full_item();
        item["AssociatedPublicIp"] = none.clone();
        item["PrivateIpSets"]["PrivateIpSet"][0]["AssociatedPublicIp"] = none.clone();
        item["PrivateIpSets"]["PrivateIpSet"][2]["AssociatedPublicIp"] = none;
        assert_eq!(eips(decode_item(&item).unwrap().facts), []);
    }
}

#[test]
fn i06_a_text_that_is_none_of_the_documented_ones_is_unknown() {
    for (name, texts) in [
        ("DeleteOnRelease", &["true", "True", "false", "False", ""][..]),
        ("ServiceManaged", &["true", "false", ""]),
        ("Type", &["", "primary", "SECONDARY", "Secondary ", "Tertiary"]),
        ("Status", &["", "available", "Available ", "In_Use", "Creating", "Unattached"]),
    ] {
        for text in texts {
            let mut expected = full_facts();
            match name {
                "DeleteOnRelease" => expected.delete_on_release = None,
                "ServiceManaged" => expected.service_managed = None,
                "Type" => expected.interface_type = None,
                _ => expected.status = None,
            }
            assert_eq!(facts_with(name, json!(text)), expected, "{name} = {text:?}");
        }
    }
}

#[test]
fn what_is_no_address_is_not_shown() {
    for odd in
        ["", "10.0.0", "10.0.0.5/28", "10.0.0.**", "hide", "a\nb", "2408::5\u{1F512}", "10.0.1.0/", "/28"]
    {
        let mut item = full_item();
        item["PrivateIpAddress"] = json!(odd);
        item["PrivateIpSets"] = json!({"PrivateIpSet": [{"PrivateIpAddress": odd}]});
        item["Ipv6Sets"] = json!({"Ipv6Set": [{"Ipv6Address": odd}]});
        item["Ipv4PrefixSets"] = json!({"Ipv4PrefixSet": [{"Ipv4Prefix": odd.replace("10.0.0.5/28", "")}]});
        item["Ipv6PrefixSets"] = json!({"Ipv6PrefixSet": [{"Ipv6Prefix": odd}]});
        item["SecurityGroupIds"] = json!({"SecurityGroupId": ["sg 1", "", null]});
        item["ZoneId"] = json!("");
        let found = decode_item(&item).unwrap().facts.belongings;
        let full = full_facts().belongings;
        let expected = Belongings {
            vswitch_id: full.vswitch_id.clone(),
            vpc_id: full.vpc_id.clone(),
            ..Belongings::default()
        };
        assert_eq!(*found, expected, "{odd:?}");
    }
}

/// Each fact is as it was or unknown: never another, and so never a better one. What the interface carries may be less.
fn assert_no_better(changed: &Value, what: &str) {
    fn same_or_unknown<T: PartialEq>(now: Option<&T>, then: Option<&T>) -> bool {
        now.is_none() || now == then
    }
    fn part_of<T: PartialEq>(now: &[T], then: &[T]) -> bool {
        now.iter().all(|item| then.contains(item))
    }
    let Some(Item { facts: now, .. }) = decode_item(changed) else { return };
    let then = full_facts();
    let kept = [
        same_or_unknown(now.delete_on_release.as_ref(), then.delete_on_release.as_ref()),
        same_or_unknown(now.interface_type.as_ref(), then.interface_type.as_ref()),
        same_or_unknown(now.status.as_ref(), then.status.as_ref()),
        same_or_unknown(now.instance.as_ref(), then.instance.as_ref()),
        same_or_unknown(now.service_managed.as_ref(), then.service_managed.as_ref()),
        same_or_unknown(now.tags.as_ref(), then.tags.as_ref()) || changed.get("Tags").is_none(),
        now.primary_retainable == then.primary_retainable,
        same_or_unknown(now.zone_id.as_ref(), then.zone_id.as_ref()),
    ];
    assert_eq!(kept, [true; 8], "{what}: {now:?}");
    let (now, then) = (now.belongings, then.belongings);
    let carried = [
        same_or_unknown(now.vswitch_id.as_ref(), then.vswitch_id.as_ref()),
        same_or_unknown(now.vpc_id.as_ref(), then.vpc_id.as_ref()),
        part_of(&now.private_ips, &then.private_ips),
        part_of(&now.ipv6_addresses, &then.ipv6_addresses),
        part_of(&now.ipv4_prefixes, &then.ipv4_prefixes),
        part_of(&now.ipv6_prefixes, &then.ipv6_prefixes),
        now.eips.iter().all(|eip| then.eips.iter().any(|full| full.public_ip == eip.public_ip)),
        part_of(&now.security_group_ids, &then.security_group_ids),
    ];
    assert_eq!(carried, [true; 8], "{what}: {now:?}");
}

#[test]
fn i06_no_field_removed_nulled_or_retyped_yields_a_better_fact() {
    let full = full_item();
    assert_eq!(decode_item(&full).unwrap().facts, full_facts());
    let distorted = distorted(&full);
    assert!(distorted.len() > 500);
    for (what, item) in distorted {
        assert_no_better(&item, &what);
    }
}

/// What compares each with all others takes minutes for them.
#[test]
fn i47_as_many_addresses_as_an_answer_can_have_are_read() {
    const MANY: usize = 80_000;
    let address = |n: usize| format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255);
    let set =
        |n| json!({"PrivateIpAddress": address(n), "AssociatedPublicIp": {"PublicIpAddress": address(n)}});
    let sets: Vec<Value> = (0..MANY).map(set).collect();
    let item = json!({"NetworkInterfaceId": "eni-1", "PrivateIpSets": {"PrivateIpSet": sets}});
    let carried = decode_item(&item).unwrap().facts.belongings;
    assert_eq!((carried.private_ips.len(), carried.eips.len()), (MANY, MANY));
}

const NAMES: &[&str] = &[
    "NetworkInterfaceSets",
    "NetworkInterfaceSet",
    "NextToken",
    "NetworkInterfaceId",
    "InstanceId",
    "Attachment",
    "DeleteOnRelease",
    "Type",
    "Status",
    "ServiceManaged",
    "PrivateIpAddress",
    "PrivateIpSets",
    "PrivateIpSet",
    "Primary",
    "AssociatedPublicIp",
    "PublicIpAddress",
    "Ipv4PrefixSets",
    "Ipv4PrefixSet",
    "Ipv4Prefix",
    "SecurityGroupIds",
    "SecurityGroupId",
    "Tags",
    "Tag",
    "TagKey",
    "TagValue",
];
const TEXTS: &[&str] = &["eni-1", "i-1", "Primary", "Available", "10.0.0.1", "10.0.0.0/28", ""];

proptest! {
    #[test]
    fn i47_no_answer_panics_and_none_is_retained_without_saying_so(
        entries in prop::collection::vec(arbitrary_json(NAMES, TEXTS), 0..4),
        whole in arbitrary_json(NAMES, TEXTS),
    ) {
        if whole.is_object() {
            let _ = decode(&whole);
        }
        let said = entries.iter().filter(|entry| entry.get("DeleteOnRelease") == Some(&json!(false))).count();
        let page = decode(&listing_of(&json!(entries))).unwrap();
        prop_assert_eq!(page.items.len() + page.unreadable, entries.len());
        let protected = page.items.iter().filter(|item| item.facts.delete_on_release == Some(false)).count();
        prop_assert!(protected <= said);
    }
}
