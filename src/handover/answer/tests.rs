use serde_json::{Value, json};

use super::*;
use crate::api::MAX_ENI_ID;

pub const ID: &str = "eni-bp1survivor";

fn row(phase: &str) -> Value {
    json!({
        "networkInterfaceId": ID, "type": "Secondary", "phase": phase, "lastInstanceId": "i-bp1old",
        "zoneId": "cn-hangzhou-h", "vSwitchId": "vsw-bp1", "vpcId": "vpc-bp1", "privateIps": ["10.0.0.1"],
        "eips": [{ "allocationId": "eip-bp1", "publicIp": "192.0.2.1", "privateIp": "10.0.0.1" }],
        "securityGroupIds": ["sg-a", "sg-b"],
        "since": "2026-01-01T00:00:00Z", "reason": "Survived", "message": "Sentence.",
    })
}

/// An object that retains the interface, was judged just now, and lists these rows; with further changes.
fn object(name: &str, rows: &[Value], change: impl FnOnce(&mut Value)) -> EniRetention {
    let mut object = json!({
        "apiVersion": "ecs-keeper.io/v1alpha1", "kind": "EniRetention",
        "metadata": { "namespace": "platform", "name": name, "generation": 2 },
        "spec": { "region": "cn-hangzhou", "targets": { "networkInterfaceIds": [ID] } },
        "status": {
            "observedGeneration": 2,
            "retainedEniIds": ["eni-bp1other", ID],
            "networkInterfaces": rows,
            "conditions": [{
                "type": "Retained", "status": "True", "reason": "AllProtected", "message": "All.", "observedGeneration": 2,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }],
        },
    });
    change(&mut object);
    serde_json::from_value(object).unwrap()
}

fn asked(objects: Vec<EniRetention>) -> Result<Handover, Problem> {
    answer(ID, &Found { objects, ..Found::default() })
}

/// What one object leads to, whose only row is changed so.
fn with_row(phase: &str, change: impl FnOnce(&mut Value)) -> Result<Handover, Problem> {
    let mut row = row(phase);
    change(&mut row);
    asked(vec![object("a", &[row], |_| ())])
}

/// What one object leads to that is changed so.
pub fn with(change: impl FnOnce(&mut Value)) -> Result<Handover, Problem> {
    asked(vec![object("a", &[row("Available")], change)])
}

fn sentence(answer: Result<Handover, Problem>) -> String {
    answer.map(|handover| handover.object).unwrap_err().to_string()
}

#[test]
fn a_survivor_is_handed_over_with_what_says_which_it_is() {
    let handover = with(|_| ()).unwrap();
    let parameters = handover.parameters();
    let parameters: Vec<_> = parameters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(
        parameters,
        [
            ("RegionId", "cn-hangzhou"),
            ("ZoneId", "cn-hangzhou-h"),
            ("Amount", "1"),
            ("NetworkInterface.1.InstanceType", "Primary"),
            ("NetworkInterface.1.NetworkInterfaceId", ID),
        ]
    );
    let in_case = handover.in_case();
    let in_case: Vec<_> = in_case.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(
        in_case,
        [
            ("NetworkInterface.1.VSwitchId", "vsw-bp1"),
            ("NetworkInterface.1.SecurityGroupIds.1", "sg-a"),
            ("NetworkInterface.1.SecurityGroupIds.2", "sg-b"),
        ]
    );
    assert_eq!((handover.object.as_str(), handover.keeps_flag), ("platform/a", true));
    assert_eq!(handover.warnings, [""; 0]);
}

#[test]
fn what_can_not_be_handed_over_is_a_sentence_with_what_to_do() {
    let nobody = |object: &mut Value| object["status"]["retainedEniIds"] = json!(["eni-bp1other"]);
    let unlisted = |object: &mut Value| object["status"]["networkInterfaces"] = json!([]);
    let unlisted_survivor = |object: &mut Value| {
        object["status"]["networkInterfaces"] = json!([]);
        object["status"]["availableEniIds"] = json!([ID]);
    };
    let new = |object: &mut Value| object["status"] = json!({ "observedGeneration": -1 });
    let on = |row: &mut Value| row["instanceId"] = json!("i-bp1new");
    let without = |field: &'static str| move |row: &mut Value| row[field] = Value::Null;
    let gone = asked(vec![object("a", &[row("Gone")], nobody)]);
    let foreign = |object: &mut Value| object["status"]["retainedEniIds"] = json!([]);
    let foreign = asked(vec![object("a", &[row("NotApplicable")], foreign)]);
    for (what, answer, told) in [
        (
            "nothing",
            asked(Vec::new()),
            "no EniRetention that you may list retains eni-bp1survivor. Check the id",
        ),
        ("retained by none", with(nobody), "no EniRetention that you may list retains"),
        ("never judged", with(new), "no EniRetention that you may list retains"),
        ("on its instance", with(unlisted), "retained by platform/a, but not known to be free"),
        (
            "a list that was cut",
            with(unlisted_survivor),
            "a status lists the details of at most 500. Name it in another",
        ),
        (
            "attached",
            with_row("Attached", on),
            "is on i-bp1new (status of platform/a). Detach it from the instance",
        ),
        (
            "reattached",
            with_row("Reattached", on),
            "has outlived its instance and is now on i-bp1new (status",
        ),
        (
            "attaching",
            with_row("Attaching", on),
            "is being attached to i-bp1new (status of platform/a). Wait until",
        ),
        ("gone", gone, "is gone (status of platform/a). Bind what is left of it"),
        (
            "not ours",
            foreign,
            "can't be retained (Survived: Sentence.) (status of platform/a). ecs-keeper leaves it",
        ),
        ("a newer phase", with_row("Parked", |_| ()), "is in an unknown phase (Survived)"),
        (
            "no zone",
            with_row("Available", without("zoneId")),
            "does not show its zone. Try again after the next",
        ),
        ("no vSwitch", with_row("Available", without("vSwitchId")), "does not show its vSwitch"),
        ("an empty zone", with_row("Available", |row| row["zoneId"] = json!("")), "does not show its zone"),
        ("a flag", with_row("Available", |row| row["zoneId"] = json!("--help")), "does not show its zone"),
        (
            "an escape",
            with_row("Available", |row| row["vSwitchId"] = json!("v\u{1b}[2J")),
            "show its vSwitch",
        ),
    ] {
        let sentence = sentence(answer);
        assert!(sentence.contains(told), "{what}: {sentence}");
        assert!(sentence.contains(ID) && !sentence.ends_with('.'), "{what}: {sentence}");
    }
}

#[test]
fn where_was_looked_and_what_could_not_be_read_is_told() {
    let found = Found { namespace: Some("platform".to_owned()), unreadable: 2, ..Found::default() };
    let sentence = sentence(answer(ID, &found));
    assert!(sentence.starts_with("no EniRetention in namespace platform retains"), "{sentence}");
    assert!(sentence.contains("this version of ecs-keeper can't read 2 of them"), "{sentence}");
}

#[test]
fn only_ids_of_network_interfaces_are_looked_for() {
    for id in ["eni-1", ID, "eni-bp1example0000000001"] {
        assert_eq!(check_id(id), Ok(()), "{id}");
    }
    let long = format!("eni-{}", "1".repeat(MAX_ENI_ID));
    for text in ["", "eni-", "i-bp1", "ENI-bp1", "eni-BP1", "eni-bp1 ", "eni-bp_1", "eni-\u{1b}[2J", &long] {
        let sentence = check_id(text).unwrap_err().to_string();
        assert!(sentence.contains("use an id such as eni-bp1example0000000001"), "{sentence}");
        assert!(!sentence.contains('\u{1b}'), "{sentence:?}");
    }
}

#[test]
fn what_speaks_for_caution_is_told() {
    let condition = |object: &mut Value, field: &str, value: Value| {
        object["status"]["conditions"][0][field] = value;
    };
    let entry = json!([{ "networkInterfaceId": ID, "instanceId": "i-bp1new" }]);
    let reattachment = |phase: &str| {
        json!([{
            "networkInterfaceId": ID, "phase": phase, "reason": "R", "message": "", "since": "2026-01-01T00:00:00Z",
        }])
    };
    let wanted = |phase: &'static str| {
        let (entry, reattachment) = (entry.clone(), reattachment(phase));
        with(move |object| {
            object["spec"]["reattach"] = entry;
            object["status"]["reattachments"] = reattachment;
        })
    };
    let risk = json!([{ "reason": "TerwayOwned", "message": "Terway\u{7} collects it." }]);
    for (what, answer, told) in [
        (
            "unknown",
            with(|o| condition(o, "status", json!("Unknown"))),
            "may be outdated: platform/a does not know",
        ),
        (
            "not judged",
            with(|o| o["metadata"]["generation"] = json!(3)),
            "may be outdated: platform/a was changed",
        ),
        (
            "half judged",
            with(|o| condition(o, "observedGeneration", json!(1))),
            "may be outdated: platform/a was changed",
        ),
        (
            "no condition",
            with(|o| o["status"]["conditions"] = json!([])),
            "may be outdated: platform/a was changed",
        ),
        ("detached", with_row("Detached", |_| ()), "It was detached, and i-bp1old still exists"),
        (
            "wanted",
            with(|o| o["spec"]["reattach"] = entry.clone()),
            "spec.reattach of platform/a has an entry",
        ),
        ("waiting", wanted("Waiting"), "spec.reattach of platform/a has an entry"),
        ("refused", wanted("Refused"), "spec.reattach of platform/a has an entry"),
        ("a risk", with_row("Available", |row| row["risks"] = risk), "TerwayOwned: Terway? collects it."),
        ("observed", with(|o| o["spec"]["mode"] = json!("Observe")), "(it does not have mode: Enforce)"),
        (
            "given back",
            with(|o| o["spec"]["retention"] = json!("Release")),
            "(it does not have retention: Retain)",
        ),
        (
            "deleted",
            with(|o| o["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z")),
            "will not set its flag again (it is being deleted)",
        ),
        (
            "elsewhere",
            with(|o| o["spec"]["region"] = json!("cn-nanjing")),
            "In cn-nanjing a primary interface can't be retained",
        ),
    ] {
        let warnings = answer.unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{what}: {warnings:?}");
        assert!(warnings[0].contains(told), "{what}: {warnings:?}");
    }
    for phase in ["Attached", "Obsolete"] {
        assert_eq!(wanted(phase).unwrap().warnings, [""; 0], "{phase}");
    }
}

#[test]
fn of_several_objects_the_freshest_that_has_it_free_is_believed() {
    let since = |phase: &str, since: &str| {
        let mut row = row(phase);
        row["since"] = json!(since);
        row
    };
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let same = |_: &mut Value| ();
    let old = |object: &mut Value| object["metadata"]["generation"] = json!(3);
    for (what, first, second) in [
        (
            "newer",
            object("a", &[since("Available", late)], same),
            object("b", &[since("Available", early)], same),
        ),
        (
            "free",
            object("a", &[since("Available", early)], same),
            object("b", &[since("Attached", late)], same),
        ),
        (
            "survivor",
            object("a", &[since("Available", early)], same),
            object("b", &[since("Detached", late)], same),
        ),
        (
            "judged",
            object("a", &[since("Available", early)], same),
            object("b", &[since("Available", late)], old),
        ),
        (
            "by name",
            object("a", &[since("Available", early)], same),
            object("b", &[since("Available", early)], same),
        ),
        ("listed", object("a", &[since("Available", early)], same), object("b", &[], same)),
    ] {
        for objects in [vec![first.clone(), second.clone()], vec![second, first]] {
            let handover = asked(objects).unwrap();
            assert_eq!(handover.object, "platform/a", "{what}");
            let told = "2 EniRetentions retain it. This is what platform/a, the most recent of them, says.";
            assert_eq!(handover.warnings[0], told, "{what}");
            let contradicted =
                handover.warnings.iter().any(|said| said.starts_with("platform/b contradicts this"));
            assert_eq!(contradicted, ["free", "survivor"].contains(&what), "{what}: {:?}", handover.warnings);
        }
    }
}
