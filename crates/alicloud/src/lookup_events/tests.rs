use serde_json::json;

use super::*;
use crate::sign::canonical_query;

fn decode(flag: TrailedFlag, fields: &Value) -> Option<TrailPage> {
    let fields = fields.as_object().unwrap().clone();
    page(flag, Answer { fields, request_id: RequestId::new("R-1"), date: None })
}

fn full() -> Value {
    json!({
        "eventId": "E-1",
        "eventTime": "2026-11-28T08:00:03Z",
        "eventName": "ModifyInstanceAttribute",
        "eventType": "ApiCall",
        "eventVersion": 1,
        "serviceName": "Ecs",
        "requestId": "7B48B4B9-1EAD-469F-B488-594DAB4B6A1A",
        "sourceIpAddress": "203.0.113.9",
        "userAgent": "AlibabaCloud (Linux; x86_64) Python/3.11.7",
        "requestParameters": { "InstanceId": "i-1", "DeletionProtection": false },
        "referencedResources": { "ACS::ECS::Instance": ["i-1"] },
        "resourceName": "i-1",
        "userIdentity": {
            "type": "assumed-role",
            "principalId": "300000000000000001:ann",
            "userName": "admins:ann",
            "accountId": "1000000000000001",
            "accessKeyId": "STS.Nsecret",
        },
    })
}

/// The one event of a page that has it alone.
fn one(flag: TrailedFlag, entry: &Value) -> TrailEvent {
    let page = decode(flag, &json!({ "Events": [entry] })).unwrap();
    assert_eq!(page.unreadable, 0, "{entry}");
    page.events.into_iter().next().unwrap()
}

#[test]
fn i13_the_query_is_the_one_that_was_recorded_of_the_vendors_sdk() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../tests/data/signature-vectors.json")).unwrap();
    let of_sdk =
        vectors["v3"].as_array().unwrap().iter().find(|it| it["name"] == "actiontrail-lookup-events-sdk");
    let query = TrailQuery {
        flag: TrailedFlag::DeletionProtection,
        target: Some("i-1".into()),
        from: "2026-11-28T00:00:00Z".parse().unwrap(),
        until: "2026-11-28T14:00:00Z".parse().unwrap(),
        page: None,
    };
    assert_eq!(canonical_query(&parameters(&query)), of_sdk.unwrap()["expected"]["canonical_query"]);
    let next = TrailQuery { page: Some(PageToken::new("t==")), target: None, ..query };
    let text = canonical_query(&parameters(&next));
    assert!(text.contains("LookupAttribute.1.Key=ServiceName&LookupAttribute.1.Value=Ecs&"), "{text}");
    assert!(text.contains("&NextToken=t%3D%3D&"), "{text}");
    assert!(!text.contains("LookupAttribute.3"), "{text}");
}

#[test]
fn an_event_says_who_when_from_where_and_in_which_request() {
    let event = one(TrailedFlag::DeletionProtection, &full());
    assert_eq!(
        event,
        TrailEvent {
            at: "2026-11-28T08:00:03Z".parse().unwrap(),
            request_id: Some(RequestId::new("7B48B4B9-1EAD-469F-B488-594DAB4B6A1A")),
            targets: vec!["i-1".into()],
            asked: AskedValue::Unprotected,
            failed: false,
            actor: Actor {
                kind: ActorKind::AssumedRole,
                name: Some("admins:ann".into()),
                account_id: Some("1000000000000001".into()),
            },
            source: Some("203.0.113.9".into()),
            user_agent: Some("AlibabaCloud (Linux; x86_64) Python/3.11.7".into()),
        }
    );
    assert!(!format!("{event:?}").contains("STS.N"), "an id of a key is nobody's business");
}

#[test]
fn i06_an_odd_event_is_counted_and_fails_no_page() {
    let mut without = Vec::new();
    for name in full().as_object().unwrap().keys() {
        for value in [None, Some(json!(null)), Some(json!(7)), Some(json!(["x"])), Some(json!({ "a": {} }))] {
            let mut entry = full();
            let members = entry.as_object_mut().unwrap();
            match value {
                Some(value) => members.insert(name.clone(), value),
                None => members.remove(name),
            };
            without.push((name.clone(), entry));
        }
    }
    for (name, entry) in without {
        let page = decode(TrailedFlag::DeletionProtection, &json!({ "Events": [entry, full()] })).unwrap();
        let needed = ["eventTime", "eventName"].contains(&name.as_str());
        let counts = (page.events.len(), page.unreadable);
        assert_eq!(counts, if needed { (1, 1) } else { (2, 0) }, "{name}");
    }
    let odd = json!({ "Events": [null, 7, "x", [], {}, full()] });
    let page = decode(TrailedFlag::DeletionProtection, &odd).unwrap();
    assert_eq!((page.events.len(), page.unreadable), (1, 5));
}

#[test]
fn a_page_without_a_list_is_none_and_without_events_is_empty() {
    let flag = TrailedFlag::DeletionProtection;
    for empty in [json!({}), json!({ "Events": null }), json!({ "Events": [], "NextToken": "" })] {
        let page = decode(flag, &empty).unwrap();
        assert_eq!((page.events.len(), page.next), (0, None), "{empty}");
    }
    let next = decode(flag, &json!({ "Events": [], "NextToken": "more" })).unwrap().next;
    assert_eq!(next, Some(PageToken::new("more")));
    for odd in [json!({ "Events": {} }), json!({ "Events": "x" }), json!({ "Events": vec![full(); 51] })] {
        assert_eq!(decode(flag, &odd), None);
    }
}

#[test]
fn what_was_not_asked_for_is_no_event() {
    let mut other = full();
    other["eventName"] = json!("DeleteInstance");
    let page = decode(TrailedFlag::DeletionProtection, &json!({ "Events": [other, full()] })).unwrap();
    assert_eq!((page.events.len(), page.unreadable), (1, 0));
}

#[test]
fn i06_the_value_that_was_asked_for_is_read_in_every_form_or_not_known() {
    use AskedValue::{Other, Protected, Unprotected, Unreadable};
    let of = |flag: TrailedFlag, operation: &str, parameters: &Value, text: Option<&str>| {
        let mut entry = full();
        entry["eventName"] = json!(operation);
        entry["requestParameters"] = parameters.clone();
        entry["requestParameterJson"] = json!(text);
        one(flag, &entry).asked
    };
    let protection =
        |parameters: Value| of(TrailedFlag::DeletionProtection, "ModifyInstanceAttribute", &parameters, None);
    for (value, asked) in [
        (json!(false), Unprotected),
        (json!("false"), Unprotected),
        (json!("False"), Unprotected),
        (json!(true), Protected),
        (json!("True"), Protected),
        (json!(0), Unreadable),
        (json!("no"), Unreadable),
        (json!([false]), Unreadable),
        (json!(null), Other),
    ] {
        assert_eq!(protection(json!({ "DeletionProtection": value })), asked, "{value}");
    }
    assert_eq!(protection(json!({ "InstanceName": "x" })), Other);
    assert_eq!(protection(json!({})), Unreadable);
    assert_eq!(protection(json!("DeletionProtection=false")), Unreadable);
    let in_text =
        |text| of(TrailedFlag::DeletionProtection, "ModifyInstanceAttribute", &json!(null), Some(text));
    assert_eq!(in_text(r#"{"DeletionProtection":"false"}"#), Unprotected);
    assert_eq!(in_text("{"), Unreadable);
    let retention = |value: Value| {
        let parameters = json!({ "DeleteOnRelease": value });
        of(TrailedFlag::DeleteOnRelease, "ModifyNetworkInterfaceAttribute", &parameters, None)
    };
    assert_eq!((retention(json!(true)), retention(json!("false"))), (Unprotected, Protected));
    let release = |parameters: Value| {
        of(TrailedFlag::AutoReleaseTime, "ModifyInstanceAutoReleaseTime", &parameters, None)
    };
    assert_eq!(release(json!({ "AutoReleaseTime": "2026-12-24T00:00:00Z" })), Unprotected);
    assert_eq!(release(json!({ "InstanceId": "i-1" })), Protected);
    assert_eq!(release(json!({ "AutoReleaseTime": 7 })), Unreadable);
}

#[test]
fn i06_where_one_form_of_the_parameters_can_not_be_read_the_other_settles_it_only_by_having_the_value() {
    use AskedValue::{Other, Protected, Unprotected, Unreadable};
    let of = |flag: TrailedFlag, operation: &str, object: Value, text: Value| {
        let mut entry = full();
        entry["eventName"] = json!(operation);
        entry["requestParameters"] = object;
        entry["requestParameterJson"] = text;
        one(flag, &entry).asked
    };
    let protection = |object: &Value, text: &Value| {
        of(TrailedFlag::DeletionProtection, "ModifyInstanceAttribute", object.clone(), text.clone())
    };
    let release = |object: &Value, text: &Value| {
        of(TrailedFlag::AutoReleaseTime, "ModifyInstanceAutoReleaseTime", object.clone(), text.clone())
    };
    let other = json!({ "InstanceId": "i-1" });
    let long = format!(r#"{{"InstanceId":"i-1","UserData":"{}"}}"#, "x".repeat(LONGEST_PARAMETERS));
    for text in [
        json!(r#"{"InstanceId":"i-1","DeletionProt"#),
        json!("{"),
        json!(long),
        json!("null"),
        json!(["x"]),
        json!(7),
    ] {
        let told = text.to_string().chars().take(40).collect::<String>();
        assert_eq!(protection(&other, &text), Unreadable, "{told}");
        assert_eq!(release(&other, &text), Unreadable, "{told}");
        assert_eq!(protection(&json!({ "DeletionProtection": true }), &text), Protected, "{told}");
        assert_eq!(protection(&json!({ "DeletionProtection": "false" }), &text), Unprotected, "{told}");
    }
    for object in [json!("cut"), json!(["x"]), json!(7)] {
        assert_eq!(protection(&object, &json!(r#"{"InstanceId":"i-1"}"#)), Unreadable, "{object}");
        assert_eq!(protection(&object, &json!(r#"{"DeletionProtection":false}"#)), Unprotected, "{object}");
    }
    for nothing in [json!(null), json!(""), json!("{}"), json!(r#"{"InstanceId":"i-1"}"#)] {
        assert_eq!(protection(&other, &nothing), Other, "{nothing}");
        assert_eq!(release(&other, &nothing), Protected, "{nothing}");
    }
    let null = json!({ "DeletionProtection": null });
    assert_eq!(protection(&null, &json!(r#"{"DeletionProtection":false}"#)), Unprotected);
    assert_eq!((protection(&null, &json!(null)), protection(&null, &json!("{"))), (Other, Unreadable));
    assert_eq!(protection(&json!({}), &json!("{}")), Unreadable);
}

#[test]
fn ids_are_read_from_both_fields_and_from_lists() {
    let mut entry = full();
    entry["resourceName"] = json!("i-1,i-2;eni-3");
    entry["referencedResources"] = json!({ "ACS::ECS::Instance": ["i-2", "i-4", 7], "VSwitch": "vsw-1" });
    let targets = one(TrailedFlag::DeletionProtection, &entry).targets;
    assert_eq!(targets.iter().map(|id| &**id).collect::<Vec<_>>(), ["i-1", "i-2", "eni-3", "i-4"]);
    entry["resourceName"] = json!((0..5000).map(|n| format!("i-{n}")).collect::<Vec<_>>().join(","));
    assert_eq!(one(TrailedFlag::DeletionProtection, &entry).targets.len(), 100);
}

#[test]
fn i47_texts_of_strangers_are_bounded() {
    let mut entry = full();
    entry["userAgent"] = json!("é".repeat(4000));
    entry["userIdentity"]["userName"] = json!("\u{1b}[31m".repeat(4000));
    let event = one(TrailedFlag::DeletionProtection, &entry);
    assert_eq!(event.user_agent.unwrap().chars().count(), 512);
    assert_eq!(event.actor.name.unwrap().chars().count(), 512);
}

#[test]
fn every_kind_of_identity_is_told_apart() {
    for (word, kind) in [
        ("root-account", ActorKind::RootAccount),
        ("ram-user", ActorKind::RamUser),
        ("assumed-role", ActorKind::AssumedRole),
        ("system", ActorKind::Service),
        ("alien", ActorKind::Unknown),
    ] {
        let mut entry = full();
        entry["userIdentity"]["type"] = json!(word);
        assert_eq!(one(TrailedFlag::DeletionProtection, &entry).actor.kind, kind);
    }
    let mut entry = full();
    entry["errorCode"] = json!("Forbidden.RAM");
    assert!(one(TrailedFlag::DeletionProtection, &entry).failed);
}
