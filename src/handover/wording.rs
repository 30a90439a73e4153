//! The answer in words and as JSON.

use std::fmt::Write as _;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::answer::{Handover, plain};
use crate::api::{Eip, NetworkInterfacePhase};

/// Columns of text.
const WIDTH: usize = 110;

/// Parameters of `RunInstances` that only the instance's maker can choose, and what to say of them.
const UNDECIDED: [(&str, &str); 5] = [
    ("ImageId", "the image"),
    ("InstanceType", "the instance type; it must be available in the zone"),
    ("SystemDisk.Category", "the system disk, with SystemDisk.Size"),
    ("KeyPairName", "the key pair; or a password, but not on the command line"),
    ("InstanceChargeType", "the billing method; pay-as-you-go by default"),
];

/// The answer for people: plain text that fits on a screen.
pub fn text(handover: &Handover) -> String {
    let mut out = String::new();
    let row = &handover.row;
    let how = match (row.phase, &row.last_instance_id) {
        (NetworkInterfacePhase::Detached, Some(instance)) => {
            format!("it was detached from {}", plain(instance))
        }
        (_, Some(instance)) => format!("it outlived {}", plain(instance)),
        (_, None) => "it is not known which instance it was on".to_owned(),
    };
    paragraph(&mut out, "", &format!("{} is free: {how}.", handover.id()));
    let list = |values: &[String]| values.iter().map(|value| plain(value)).collect::<Vec<_>>().join(", ");
    let more = row.more_addresses.map(|more| format!(", and {more} more")).unwrap_or_default();
    let eips: Vec<String> = row.eips.iter().map(|eip| eip.public_ip.clone()).collect();
    let addresses = [row.private_ips.as_slice(), &row.ipv6_addresses, &row.ipv4_prefixes, &row.ipv6_prefixes];
    for (what, value) in [
        ("EniRetention", format!("{}, account {}", handover.object, handover.account)),
        ("zone", plain(&handover.zone)),
        ("vSwitch", plain(&handover.v_switch)),
        ("VPC", row.vpc_id.as_deref().map(plain).unwrap_or_default()),
        ("addresses", list(&addresses.concat()) + &more),
        ("elastic IPs", list(&eips)),
        ("security groups", list(&row.security_group_ids)),
    ] {
        if !value.is_empty() {
            paragraph(&mut out, &format!("  {what:17}"), &value);
        }
    }
    if !handover.warnings.is_empty() {
        out.push_str("\nWarnings:\n");
        for warning in &handover.warnings {
            paragraph(&mut out, "! ", warning);
        }
    }
    out.push_str(
        "\nCreate an instance with it as the primary interface; --DryRun true only checks the request:\n\n",
    );
    out.push_str("  aliyun ecs RunInstances");
    let dry = [("DryRun".to_owned(), "true")];
    for (name, value) in handover.parameters().into_iter().chain(dry) {
        write_to(&mut out, format_args!(" \\\n    --{name} {}", quoted(value)));
    }
    out.push_str("\n\nAdd these, as flags or with a launch template:\n");
    for (name, what) in UNDECIDED {
        paragraph(&mut out, &format!("  {:23}", format!("--{name}")), what);
    }
    for (heading, notes) in [("Before", before_notes(handover)), ("After", after_notes(handover))] {
        write_to(&mut out, format_args!("\n{heading}:\n"));
        for note in notes {
            paragraph(&mut out, "* ", &note);
        }
    }
    out
}

/// What to mind before the instance is created. Sources: the vendor's pages and texts that are named, `DryRun` and
/// `Amount` of `RunInstances`.
fn before_notes(handover: &Handover) -> Vec<String> {
    let in_case: Vec<String> =
        handover.in_case().iter().map(|(name, value)| format!("--{name} {}", quoted(value))).collect();
    vec![
        "Check that it is still Available: this is what status last showed. Your access key needs ecs:RunInstances; the key of \
         ecs-keeper does not have this permission."
            .to_owned(),
        "The vendor's pages contradict each other on whether an existing ENI can be the primary one: \"Retain and reuse an ENI\" \
         says yes, NetworkInterface.N.NetworkInterfaceId of RunInstances no. So make a dry run first. The error DryRunOperation \
         means that it passed. Then remove --DryRun."
            .to_owned(),
        format!(
            "Amount must be 1. The instance gets the addresses, vSwitch and security groups of the interface: don't set VSwitchId, \
             SecurityGroupId or PrivateIpAddress. If the dry run requires them, add {}, and make another dry run.",
            in_case.join(" ")
        ),
        format!(
            "If the dry run fails, create the instance in {} with a new primary interface, and attach this one as a secondary \
             interface with spec.reattach of {}.",
            plain(&handover.zone),
            handover.object
        ),
    ]
}

/// What to mind when the instance is there. Source: the text of `NetworkInterface.N.DeleteOnRelease`.
fn after_notes(handover: &Handover) -> Vec<String> {
    let object = &handover.object;
    let (who, kept) = if handover.keeps_flag {
        (
            format!("{object} sets the flag when it sees that; don't release the instance before."),
            format!("this one is retained only as long as {object} exists"),
        )
    } else {
        (format!("{object} will not set it (see above)."), "this one is not retained either".to_owned())
    };
    vec![
        format!(
            "Check that it is the primary interface. DeleteOnRelease is documented for secondary interfaces only, so it may become \
             true: then the interface is deleted with the new instance. {who}"
        ),
        format!(
            "Add the new instance to an EniRetention (targets.instanceIds, or a selected tag). Otherwise its other interfaces are not \
             retained, and {kept}."
        ),
    ]
}

/// Appends a text in lines of bearable length, the first of them after a mark and the others below it.
fn paragraph(out: &mut String, mark: &str, text: &str) {
    let indent = mark.chars().count();
    out.push_str(mark);
    let mut column = indent;
    for (n, word) in text.split(' ').enumerate() {
        let length = word.chars().count();
        if n > 0 && column + 1 + length > WIDTH {
            write_to(out, format_args!("\n{:indent$}", ""));
            column = indent;
        } else if n > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
}

/// Writing to a `String` does not fail.
fn write_to(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// The value as one word of a shell.
fn quoted(value: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !value.is_empty() && value.bytes().all(harmless) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    network_interface_id: &'a str,
    object: &'a str,
    account: &'a str,
    phase: NetworkInterfacePhase,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_instance_id: Option<&'a str>,
    v_switch_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_id: Option<&'a str>,
    private_ips: &'a [String],
    eips: &'a [Eip],
    security_group_ids: &'a [String],
    operation: &'static str,
    /// What is certain.
    #[serde(serialize_with = "in_order")]
    parameters: Vec<(String, &'a str)>,
    /// What to add if the cloud misses it.
    #[serde(serialize_with = "in_order")]
    parameters_if_missed: Vec<(String, &'a str)>,
    /// Names of parameters that are still to be chosen.
    undecided: Vec<&'static str>,
    warnings: &'a [String],
    before: Vec<String>,
    afterwards: Vec<String>,
}

/// The answer for programs, as JSON.
pub fn json(handover: &Handover) -> Result<String, serde_json::Error> {
    let row = &handover.row;
    let answer = Answer {
        network_interface_id: handover.id(),
        object: &handover.object,
        account: &handover.account,
        phase: row.phase,
        last_instance_id: row.last_instance_id.as_deref(),
        v_switch_id: &handover.v_switch,
        vpc_id: row.vpc_id.as_deref(),
        private_ips: &row.private_ips,
        eips: &row.eips,
        security_group_ids: &row.security_group_ids,
        operation: "RunInstances",
        parameters: handover.parameters(),
        parameters_if_missed: handover.in_case(),
        undecided: UNDECIDED.iter().map(|(name, _)| *name).collect(),
        warnings: &handover.warnings,
        before: before_notes(handover),
        afterwards: after_notes(handover),
    };
    serde_json::to_string_pretty(&answer).map(|json| json + "\n")
}

fn in_order<S: Serializer>(pairs: &[(String, &str)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (name, value) in pairs {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::answer::tests::{ID, with};
    use super::*;

    #[test]
    fn the_text_fits_on_a_screen_and_has_no_colour() {
        let text = text(&with(|_| ()).unwrap());
        assert!(text.lines().count() <= 45, "{}\n{text}", text.lines().count());
        // A command that is to be copied is not wrapped.
        let long =
            text.lines().find(|line| line.chars().count() > WIDTH && !line.trim_start().starts_with("--"));
        assert_eq!(long, None);
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()));
        let command = "  aliyun ecs RunInstances \\\n    --RegionId cn-hangzhou \\\n    --ZoneId cn-hangzhou-h \\\n    \
                       --Amount 1 \\\n    --NetworkInterface.1.InstanceType Primary \\\n    \
                       --NetworkInterface.1.NetworkInterfaceId eni-bp1survivor \\\n    --DryRun true\n";
        assert!(text.contains(command), "{text}");
        for told in
            ["outlived i-bp1old", "platform/a", "192.0.2.1", "sg-a, sg-b", "--ImageId", "Before:", "After:"]
        {
            assert!(text.contains(told), "{told}: {text}");
        }
        assert!(!text.contains("Warnings"), "{text}");
    }

    #[test]
    fn what_comes_from_status_stays_one_word_of_the_shell() {
        for (value, word) in [
            ("cn-hangzhou_1.A", "cn-hangzhou_1.A"),
            ("", "''"),
            ("a b", "'a b'"),
            ("$(id)", "'$(id)'"),
            ("`id`", "'`id`'"),
            ("a;b&c|d>e", "'a;b&c|d>e'"),
            ("it's", r"'it'\''s'"),
            ("'; id; '", r"''\''; id; '\'''"),
            ("é", "'é'"),
            ("~", "'~'"),
        ] {
            assert_eq!(quoted(value), word, "{value}");
        }
        let odd = |object: &mut Value| {
            object["spec"]["region"] = json!("$(id)");
            object["status"]["networkInterfaces"][0]["zoneId"] = json!("a b");
            object["status"]["networkInterfaces"][0]["vSwitchId"] = json!("it's");
            object["status"]["networkInterfaces"][0]["privateIps"] = json!(["10.0.0.1\u{1b}[2J\nrun this"]);
        };
        let text = text(&with(odd).unwrap());
        for told in [
            "--RegionId '$(id)' \\",
            "--ZoneId 'a b' \\",
            r"--NetworkInterface.1.VSwitchId 'it'\''s'",
            "10.0.0.1?[2J?run",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }

    #[test]
    fn the_json_has_the_parameters_by_their_names() {
        let handover = with(|object| object["spec"]["mode"] = json!("Observe")).unwrap();
        let answer: Value = serde_json::from_str(&json(&handover).unwrap()).unwrap();
        assert_eq!(answer["operation"], "RunInstances");
        assert_eq!(
            answer["parameters"],
            json!({
                "RegionId": "cn-hangzhou", "ZoneId": "cn-hangzhou-h", "Amount": "1",
                "NetworkInterface.1.InstanceType": "Primary", "NetworkInterface.1.NetworkInterfaceId": ID,
            })
        );
        assert_eq!(answer["parametersIfMissed"]["NetworkInterface.1.VSwitchId"], "vsw-bp1");
        assert_eq!(answer["undecided"][0], "ImageId");
        assert_eq!((&answer["phase"], &answer["object"]), (&json!("Available"), &json!("platform/a")));
        assert!(answer["warnings"][0].as_str().unwrap().contains("will not set its flag again"), "{answer}");
        assert!(answer["afterwards"][0].as_str().unwrap().contains("platform/a will not set it"), "{answer}");
    }
}
