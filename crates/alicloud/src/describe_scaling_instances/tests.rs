use std::slice::from_ref;

use keeper_core::call::Identity;
use keeper_core::flag::Flag;
use keeper_core::id::RequestId;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::listing::distortion::{arbitrary_json, distorted};

fn read(query: Query<ScalingMember>) -> ReadCall<ScalingMember> {
    ReadCall { query, page: None }
}

fn ids(count: usize) -> Query<ScalingMember> {
    Query::Ids((0..count).map(|number| InstanceId::new(format!("i-{number}"))).collect())
}

fn entry(id: &str, state: &str) -> Value {
    json!({ "InstanceId": id, "ScalingGroupId": "asg-1", "LifecycleState": state })
}

fn listing(total: u64, entries: &[Value]) -> Value {
    json!({ "TotalCount": total, "PageNumber": 1, "PageSize": 100, "ScalingInstances": entries })
}

fn decode(query: Query<ScalingMember>, fields: &Value) -> Option<Page<ScalingMember>> {
    let fields = fields.as_object().unwrap().clone();
    let region = Region::new("cn-hangzhou");
    let place = Place { region: &region, primary_retainable: true, identity: Identity(7) };
    page(&read(query), place, Answer { fields, request_id: RequestId::new("R-1"), date: None })
}

fn protected(item: &Item<ScalingMember>) -> Option<bool> {
    ProtectedFromScaleIn::protected(&item.facts)
}

fn sent(read: &ReadCall<ScalingMember>) -> Option<Vec<(String, String)>> {
    parameters(&Region::new("cn-hangzhou"), read)
}

fn with_common(page: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let common = [("RegionId", "cn-hangzhou"), ("PageNumber", page), ("PageSize", "100")];
    let all = common.into_iter().chain(more.iter().copied());
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn each_query_asks_for_what_it_says_and_for_full_pages() {
    assert_eq!(sent(&read(Query::Region)).unwrap(), with_common("1", &[]));
    let later = ReadCall { query: Query::Region, page: Some(PageToken::new("12")) };
    assert_eq!(sent(&later).unwrap(), with_common("12", &[]));
    assert_eq!(
        sent(&read(ids(2))).unwrap(),
        with_common("1", &[("InstanceIds.1", "i-0"), ("InstanceIds.2", "i-1")])
    );
}

#[test]
fn i05_a_filter_is_never_empty_and_never_beyond_its_limit() {
    assert_eq!(sent(&read(ids(0))), None);
    assert!(sent(&read(ids(20))).is_some());
    assert_eq!(sent(&read(ids(21))), None);
    assert_eq!(sent(&read(Query::Tagged(vec![]))), None);
    for odd in ["0", "", "x", "-1"] {
        assert_eq!(sent(&ReadCall { query: Query::Region, page: Some(PageToken::new(odd)) }), None, "{odd}");
    }
}

#[test]
fn i05_a_page_says_how_many_there_are_and_which_comes_next() {
    let full: Vec<_> = (0..100).map(|number| entry(&format!("i-{number}"), "InService")).collect();
    for (total, entries, next) in [
        (0, &full[..0], None),
        (100, &full[..], None),
        (101, &full[..], Some("2")),
        // It would go on for ever.
        (101, &full[..0], None),
    ] {
        let page = decode(Query::Region, &listing(total, entries)).unwrap();
        assert_eq!((page.total, page.next.as_ref().map(PageToken::as_str)), (Some(total), next), "{total}");
    }
}

#[test]
fn every_state_is_read_and_only_protected_is_protected() {
    for state in LifecycleState::ALL {
        let page = decode(Query::Region, &listing(1, &[entry("i-1", state.as_str())])).unwrap();
        assert_eq!(page.items[0].facts.state, Some(state));
    }
    for odd in ["", "protected", "PROTECTED", "Protected ", "Protecting", "Pending: Wait"] {
        let page = decode(Query::Region, &listing(1, &[entry("i-1", odd)])).unwrap();
        assert_eq!(protected(&page.items[0]), None, "{odd}");
    }
}

#[test]
fn i06_each_field_of_a_member_that_is_odd_is_unknown_and_the_others_stay() {
    let full = entry("i-1", "Protected");
    let known = MemberFacts {
        instance: InstanceId::new("i-1"),
        group: Some(ScalingGroupId::new("asg-1")),
        state: Some(LifecycleState::Protected),
    };
    let mut tried = 0;
    for (what, odd) in distorted(&full) {
        tried += 1;
        let page = decode(Query::Region, &listing(1, &[odd])).unwrap();
        if what.contains("InstanceId") {
            assert_eq!((page.items.len(), page.unreadable), (0, 1), "{what}");
            continue;
        }
        let expected = if what.contains("ScalingGroupId") {
            MemberFacts { group: None, ..known.clone() }
        } else {
            MemberFacts { state: None, ..known.clone() }
        };
        assert_eq!(page.items[0].facts, expected, "{what}");
    }
    assert!(tried > 25, "{tried}");
}

#[test]
fn i43_what_can_not_be_an_id_is_no_group() {
    for text in ["", "asg 1", "asg-1&Action=x", "asg-1/..", "网卡"] {
        let mut odd = entry("i-1", "Protected");
        odd["ScalingGroupId"] = text.into();
        let page = decode(Query::Region, &listing(1, &[odd])).unwrap();
        assert_eq!(page.items[0].facts.group, None, "{text}");
    }
}

#[test]
fn i06_a_page_whose_numbers_are_odd_is_no_page() {
    let full = listing(1, &[entry("i-1", "Protected")]);
    for (what, odd) in distorted(&full) {
        let decoded = decode(Query::Region, &odd);
        let numbers = ["TotalCount", "PageNumber", "PageSize"].iter().any(|name| what.contains(name));
        // One is the number that stands there anyway.
        if numbers && !["/TotalCount = 1", "/PageNumber = 1"].contains(&what.as_str()) {
            assert_eq!(decoded, None, "{what}");
        }
        let protected = |page: Page<ScalingMember>| {
            page.items.iter().filter(|item| protected(item) == Some(true)).count()
        };
        assert!(decoded.map_or(0, protected) <= 1, "{what}");
    }
}

#[test]
fn an_absent_list_is_empty_and_a_wrapped_one_is_none() {
    for list in [json!(null), json!([])] {
        let mut fields = listing(0, &[]);
        fields["ScalingInstances"] = list;
        assert_eq!(decode(Query::Region, &fields).unwrap().items, []);
    }
    let absent = json!({ "TotalCount": 0, "PageNumber": 1, "PageSize": 100 });
    assert_eq!(decode(Query::Region, &absent).unwrap().total, Some(0));
    // The form of the older version.
    let mut wrapped = listing(1, &[]);
    wrapped["ScalingInstances"] = json!({ "ScalingInstance": [entry("i-1", "Protected")] });
    assert_eq!(decode(Query::Region, &wrapped), None);
    assert_eq!(decode(Query::Region, &json!({})), None);
}

#[test]
fn i58_an_answer_that_shows_what_was_not_asked_for_is_none() {
    let (one, two) = (entry("i-1", "InService"), entry("i-2", "Protected"));
    let asked = || Query::Ids(vec![InstanceId::new("i-1")]);
    assert!(decode(asked(), &listing(1, from_ref(&one))).is_some());
    assert!(decode(asked(), &listing(0, &[])).is_some());
    assert_eq!(decode(asked(), &listing(2, &[one.clone(), two.clone()])), None);
    assert_eq!(decode(asked(), &listing(1, from_ref(&two))), None);
    assert_eq!(decode(asked(), &listing(1_000, from_ref(&one))), None, "the filter was passed over");
    // Another page than the one that was asked for, another size, and more than there can be.
    let but = |name: &str, value: u64| {
        let mut fields = listing(2, &[one.clone(), two.clone()]);
        fields[name] = value.into();
        decode(Query::Region, &fields)
    };
    assert!(but("PageNumber", 1).is_some());
    assert_eq!((but("PageNumber", 2), but("PageSize", 10), but("TotalCount", 1)), (None, None, None));
    let many: Vec<_> = (0..101).map(|number| entry(&format!("i-{number}"), "InService")).collect();
    assert_eq!(decode(Query::Region, &listing(101, &many)), None);
}

const NAMES: &[&str] = &["InstanceId", "ScalingGroupId", "LifecycleState", "ScalingInstances", "x"];
const TEXTS: &[&str] = &["i-1", "asg-1", "Protected", "InService", ""];

proptest! {
    #[test]
    fn i06_no_answer_is_a_protected_member_unless_it_says_so(json in arbitrary_json(NAMES, TEXTS)) {
        let mut fields = listing(100, &[]);
        fields["ScalingInstances"] = json.clone();
        if let Some(page) = decode(Query::Region, &fields) {
            for item in page.items.iter().filter(|item| protected(item) == Some(true)) {
                let says_so = |entry: &Value| {
                    entry["InstanceId"] == item.id.as_str() && entry["LifecycleState"] == "Protected"
                };
                prop_assert!(json.as_array().unwrap().iter().any(says_so));
            }
        }
    }
}
