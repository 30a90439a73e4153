use std::slice::from_ref;

use keeper_core::id::RequestId;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::listing::distortion::{arbitrary_json, distorted};

fn read(query: MemberQuery) -> MemberRead {
    MemberRead { query, page: 1 }
}

fn ids(count: usize) -> MemberQuery {
    MemberQuery::Instances((0..count).map(|number| InstanceId::new(format!("i-{number}"))).collect())
}

fn entry(id: &str, state: &str) -> Value {
    json!({ "InstanceId": id, "ScalingGroupId": "asg-1", "LifecycleState": state })
}

fn listing(total: u64, entries: &[Value]) -> Value {
    json!({ "TotalCount": total, "PageNumber": 1, "PageSize": 100, "ScalingInstances": entries })
}

fn decode(query: MemberQuery, fields: &Value) -> Option<MemberPage> {
    let fields = fields.as_object().unwrap().clone();
    page(&read(query), Identity(7), Answer { fields, request_id: RequestId::new("R-1"), date: None })
}

fn sent(read: &MemberRead) -> Option<Vec<(String, String)>> {
    parameters(&Region::new("cn-hangzhou"), read)
}

fn with_common(page: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let common = [("RegionId", "cn-hangzhou"), ("PageNumber", page), ("PageSize", "100")];
    let all = common.into_iter().chain(more.iter().copied());
    all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn each_query_asks_for_what_it_says_and_for_full_pages() {
    assert_eq!(sent(&read(MemberQuery::Region)).unwrap(), with_common("1", &[]));
    let later = MemberRead { query: MemberQuery::Region, page: 12 };
    assert_eq!(sent(&later).unwrap(), with_common("12", &[]));
    assert_eq!(
        sent(&read(ids(2))).unwrap(),
        with_common("1", &[("InstanceIds.1", "i-0"), ("InstanceIds.2", "i-1")])
    );
    let states = MemberQuery::InStates(vec![LifecycleState::Protected, LifecycleState::PendingWait]);
    assert_eq!(
        sent(&read(states)).unwrap(),
        with_common("1", &[("LifecycleStates.1", "Protected"), ("LifecycleStates.2", "Pending:Wait")])
    );
}

#[test]
fn i05_a_filter_is_never_empty_and_never_beyond_its_limit() {
    assert_eq!(sent(&read(ids(0))), None);
    assert!(sent(&read(ids(20))).is_some());
    assert_eq!(sent(&read(ids(21))), None);
    assert_eq!(sent(&read(MemberQuery::InStates(vec![]))), None);
    assert_eq!(sent(&MemberRead { query: MemberQuery::Region, page: 0 }), None);
}

#[test]
fn every_state_is_read_and_only_protected_is_protected() {
    for state in LifecycleState::ALL {
        let page = decode(MemberQuery::Region, &listing(1, &[entry("i-1", state.as_str())])).unwrap();
        assert_eq!(page.members[0].lifecycle, Some(state));
        let expected = state == LifecycleState::Protected;
        assert_eq!(page.members[0].protected_from_scale_in(), Some(expected), "{state:?}");
    }
    for odd in ["", "protected", "PROTECTED", "Protected ", "Protecting", "Pending: Wait"] {
        let page = decode(MemberQuery::Region, &listing(1, &[entry("i-1", odd)])).unwrap();
        assert_eq!(page.members[0].protected_from_scale_in(), None, "{odd}");
    }
}

#[test]
fn i06_each_field_of_a_member_that_is_odd_is_unknown_and_the_others_stay() {
    let full = entry("i-1", "Protected");
    let known = ScalingMember {
        instance: InstanceId::new("i-1"),
        group: ScalingGroupId::parse("asg-1"),
        lifecycle: Some(LifecycleState::Protected),
    };
    let mut tried = 0;
    for (what, odd) in distorted(&full) {
        tried += 1;
        let page = decode(MemberQuery::Region, &listing(1, &[odd])).unwrap();
        if what.contains("InstanceId") {
            assert_eq!((page.members.len(), page.unreadable), (0, 1), "{what}");
            continue;
        }
        let expected = if what.contains("ScalingGroupId") {
            ScalingMember { group: None, ..known.clone() }
        } else {
            ScalingMember { lifecycle: None, ..known.clone() }
        };
        assert_eq!(page.members, [expected], "{what}");
    }
    assert!(tried > 25, "{tried}");
}

#[test]
fn i06_a_page_whose_numbers_are_odd_is_no_page() {
    let full = listing(1, &[entry("i-1", "Protected")]);
    for (what, odd) in distorted(&full) {
        let decoded = decode(MemberQuery::Region, &odd);
        let numbers = ["TotalCount", "PageNumber", "PageSize"].iter().any(|name| what.contains(name));
        // One is the number that stands there anyway.
        if numbers && !["/TotalCount = 1", "/PageNumber = 1"].contains(&what.as_str()) {
            assert_eq!(decoded, None, "{what}");
        }
        let protected = |page: MemberPage| {
            page.members.iter().filter(|it| it.protected_from_scale_in() == Some(true)).count()
        };
        assert!(decoded.map_or(0, protected) <= 1, "{what}");
    }
}

#[test]
fn an_absent_list_is_empty_and_a_wrapped_one_is_none() {
    for list in [json!(null), json!([])] {
        let mut fields = listing(0, &[]);
        fields["ScalingInstances"] = list;
        assert_eq!(decode(MemberQuery::Region, &fields).unwrap().members, []);
    }
    let absent = json!({ "TotalCount": 0, "PageNumber": 1, "PageSize": 100 });
    assert_eq!(decode(MemberQuery::Region, &absent).unwrap().total, 0);
    // The form of the older version.
    let mut wrapped = listing(1, &[]);
    wrapped["ScalingInstances"] = json!({ "ScalingInstance": [entry("i-1", "Protected")] });
    assert_eq!(decode(MemberQuery::Region, &wrapped), None);
    assert_eq!(decode(MemberQuery::Region, &json!({})), None);
}

#[test]
fn i58_an_answer_that_shows_what_was_not_asked_for_is_none() {
    let (one, two) = (entry("i-1", "InService"), entry("i-2", "Protected"));
    let asked = || MemberQuery::Instances(vec![InstanceId::new("i-1")]);
    assert!(decode(asked(), &listing(1, from_ref(&one))).is_some());
    assert!(decode(asked(), &listing(0, &[])).is_some());
    assert_eq!(decode(asked(), &listing(2, &[one.clone(), two.clone()])), None);
    assert_eq!(decode(asked(), &listing(1, from_ref(&two))), None);
    assert_eq!(decode(asked(), &listing(1_000, from_ref(&one))), None, "the filter was passed over");
    let states = || MemberQuery::InStates(vec![LifecycleState::Protected]);
    assert!(decode(states(), &listing(1, from_ref(&two))).is_some());
    assert_eq!(decode(states(), &listing(2, &[two.clone(), one.clone()])), None);
    let odd = decode(states(), &listing(1, &[entry("i-1", "?")])).unwrap();
    assert_eq!(odd.members[0].lifecycle, None, "what can't be read is unknown, whatever was asked for");
    // Another page than the one that was asked for, another size, and more than there can be.
    let but = |name: &str, value: u64| {
        let mut fields = listing(2, &[one.clone(), two.clone()]);
        fields[name] = value.into();
        decode(MemberQuery::Region, &fields)
    };
    assert!(but("PageNumber", 1).is_some());
    assert_eq!((but("PageNumber", 2), but("PageSize", 10), but("TotalCount", 1)), (None, None, None));
    let many: Vec<_> = (0..101).map(|number| entry(&format!("i-{number}"), "InService")).collect();
    assert_eq!(decode(MemberQuery::Region, &listing(101, &many)), None);
}

const NAMES: &[&str] = &["InstanceId", "ScalingGroupId", "LifecycleState", "ScalingInstances", "x"];
const TEXTS: &[&str] = &["i-1", "asg-1", "Protected", "InService", ""];

proptest! {
    #[test]
    fn i06_no_answer_is_a_protected_member_unless_it_says_so(json in arbitrary_json(NAMES, TEXTS)) {
        let mut fields = listing(100, &[]);
        fields["ScalingInstances"] = json.clone();
        if let Some(page) = decode(MemberQuery::Region, &fields) {
            for member in page.members.iter().filter(|it| it.protected_from_scale_in() == Some(true)) {
                let says_so = |entry: &Value| {
                    entry["InstanceId"] == member.instance.as_str() && entry["LifecycleState"] == "Protected"
                };
                prop_assert!(json.as_array().unwrap().iter().any(says_so));
            }
        }
    }
}
