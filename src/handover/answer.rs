//! From what the objects say to one answer. No client here.

use std::cmp::Reverse;

use keeper_alicloud::endpoint::is_known_region;
use keeper_core::interface::PRIMARY_RETAINED_IN;
use kube::ResourceExt as _;

use crate::api::{
    EniRetention, MAX_ENI_ID, MAX_LISTED_SURVIVORS, Mode, NetworkInterfacePhase, NetworkInterfaceStatus,
    ReattachmentPhase, Retention,
};

/// The objects that were looked at.
#[derive(Debug, Default)]
pub struct Found {
    /// Those that can be read.
    pub objects: Vec<EniRetention>,
    /// How many others there are.
    pub unreadable: usize,
    /// The namespace that they are of; `None`: all.
    pub namespace: Option<String>,
}

/// How an instance gets one retained network interface as its primary one.
#[derive(Debug, Clone)]
pub struct Handover {
    /// Namespace and name of the object that says so.
    pub object: String,
    /// Name of the account in the operator's configuration.
    pub account: String,
    /// Where the interface is.
    pub region: String,
    /// Where the interface is.
    pub zone: String,
    /// Where the interface is.
    pub v_switch: String,
    /// What else is known of it.
    pub row: NetworkInterfaceStatus,
    /// Whether the object will set the interface's flag again.
    pub keeps_flag: bool,
    /// What speaks for caution.
    pub warnings: Vec<String>,
}

impl Handover {
    /// Id of the interface.
    pub fn id(&self) -> &str {
        &self.row.network_interface_id
    }

    /// The parameters of `RunInstances` that say which interface.
    ///
    /// No more than that: beside an existing interface no other parameter of its own is taken, and beside a primary
    /// one no vSwitch, security group or address of the instance (texts of `NetworkInterface.N.NetworkInterfaceId`,
    /// `VSwitchId`, `SecurityGroupId` and `PrivateIpAddress`).
    pub fn parameters(&self) -> Vec<(String, &str)> {
        let own = |name: &str| format!("NetworkInterface.1.{name}");
        vec![
            ("RegionId".to_owned(), &self.region),
            ("ZoneId".to_owned(), &self.zone),
            ("Amount".to_owned(), "1"),
            (own("InstanceType"), "Primary"),
            (own("NetworkInterfaceId"), self.id()),
        ]
    }

    /// The parameters to add in case that the cloud misses them: the texts of `NetworkInterface.N.VSwitchId` and
    /// `NetworkInterface.N.SecurityGroupId` want them of every primary interface, against that of
    /// `NetworkInterface.N.NetworkInterfaceId`.
    pub fn in_case(&self) -> Vec<(String, &str)> {
        let groups = self.row.security_group_ids.iter().filter(|group| is_usable(group));
        let groups = groups
            .zip(1..)
            .map(|(group, n)| (format!("NetworkInterface.1.SecurityGroupIds.{n}"), group.as_str()));
        let v_switch = ("NetworkInterface.1.VSwitchId".to_owned(), self.v_switch.as_str());
        std::iter::once(v_switch).chain(groups).collect()
    }
}

/// A text that is no id of a network interface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the id of a network interface: those look like eni-bp1example0000000001")]
pub struct NotAnId(String);

/// Why an interface can't be handed over. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nobody keeps it.
    #[error(
        "no EniRetention {where_} retains {id}{unreadable}. Check the id and the cluster; one that is retained stands in \
         status.retainedEniIds of its object"
    )]
    NotRetained {
        /// The interface.
        id: String,
        /// Where was looked.
        where_: String,
        /// What could not be looked at.
        unreadable: String,
    },
    /// It is free, but the list ends before it.
    #[error(
        "{id} is retained by {object} and free, but its details are not listed there: a status lists {MAX_LISTED_SURVIVORS} \
         of them at most. Name it in an EniRetention of its own (targets.networkInterfaceIds), and ask again when that one \
         lists it"
    )]
    NotListed {
        /// The interface.
        id: String,
        /// The object.
        object: String,
    },
    /// It is not among those that outlived their instance.
    #[error(
        "{id} is retained by {object}, but not known to be free: only those that are have their details listed. Ask again \
         when its instance is released and status.availableEniIds contains it"
    )]
    NotFree {
        /// The interface.
        id: String,
        /// The object.
        object: String,
    },
    /// It is in a phase in which it can't be handed over.
    #[error("{id} {phase} (status of {object}). {remedy}")]
    WrongPhase {
        /// The interface.
        id: String,
        /// What it is.
        phase: String,
        /// The object.
        object: String,
        /// What to do.
        remedy: String,
    },
    /// Something that is needed is not in status.
    #[error(
        "{id} is free, but the status of {object} does not tell its {missing}. Ask again after the next sweep; if it is still \
         missing then, look at the interface in the console"
    )]
    Incomplete {
        /// The interface.
        id: String,
        /// The object.
        object: String,
        /// What is missing.
        missing: &'static str,
    },
    /// The region can't be told.
    #[error(
        "{id} is free, but {object} names no region, and its zone {zone} is in none that this version of ecs-keeper knows. \
         Upgrade, or look at the interface in the console"
    )]
    NoRegion {
        /// The interface.
        id: String,
        /// The object.
        object: String,
        /// Its zone.
        zone: String,
    },
}

/// Whether the text has the shape of a network interface's id, the one that the custom resource asks for.
pub fn check_id(text: &str) -> Result<(), NotAnId> {
    let word = text.strip_prefix("eni-").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if text.len() <= MAX_ENI_ID && !word.is_empty() && word.bytes().all(plain) {
        Ok(())
    } else {
        Err(NotAnId(format!("{text:?}")))
    }
}

/// A row about the interface, and the object that it stands in.
#[derive(Clone, Copy)]
struct Line<'a> {
    object: &'a EniRetention,
    row: &'a NetworkInterfaceStatus,
}

impl Line<'_> {
    fn is_free(&self) -> bool {
        self.row.phase.is_free()
    }

    /// What to believe first: a survivor, then what was judged just now, then what is newest.
    fn rank(&self) -> impl Ord + use<> {
        let available = self.row.phase == NetworkInterfacePhase::Available;
        (
            self.is_free(),
            available,
            doubt(self.object).is_none(),
            self.row.since.0,
            Reverse(name(self.object)),
        )
    }
}

/// How the interface is handed over, or why it can't be.
pub fn answer(id: &str, found: &Found) -> Result<Handover, Problem> {
    let (retaining, others): (Vec<_>, Vec<_>) =
        found.objects.iter().partition(|object| retained(object).iter().any(|retained| retained == id));
    let line = newest(&retaining, id);
    match (line, retaining.first()) {
        (Some(line), _) if line.is_free() => hand_over(line, &retaining),
        (Some(line), _) => Err(wrong_phase(line)),
        (None, Some(object)) => {
            let available = |object: &&&EniRetention| {
                let status = object.status.as_ref();
                status.is_some_and(|status| status.available_eni_ids.iter().any(|free| free == id))
            };
            let id = id.to_owned();
            Err(match retaining.iter().find(available) {
                Some(object) => Problem::NotListed { id, object: name(object) },
                None => Problem::NotFree { id, object: name(object) },
            })
        }
        // Of one that is gone, or that can't be retained, an object still tells what became of it.
        (None, None) => Err(match newest(&others, id).filter(|line| !line.is_free()) {
            Some(line) => wrong_phase(line),
            None => not_retained(id, found),
        }),
    }
}

/// What the objects say of the interface, as far as it is to be believed first.
fn newest<'a>(objects: &[&'a EniRetention], id: &str) -> Option<Line<'a>> {
    let lines = objects.iter().filter_map(|object| {
        let rows = &object.status.as_ref()?.network_interfaces;
        let row = rows.iter().find(|row| row.network_interface_id == id)?;
        Some(Line { object, row })
    });
    lines.max_by_key(Line::rank)
}

fn hand_over(line: Line<'_>, retaining: &[&EniRetention]) -> Result<Handover, Problem> {
    let Line { object, row } = line;
    let needed = |value: &Option<String>, missing| {
        value.clone().filter(|value| is_usable(value)).ok_or_else(|| Problem::Incomplete {
            id: row.network_interface_id.clone(),
            object: name(object),
            missing,
        })
    };
    let zone = needed(&row.zone_id, "zone")?;
    let v_switch = needed(&row.v_switch_id, "vSwitch")?;
    let given = object.spec.region.clone().filter(|region| is_usable(region));
    let region = given.or_else(|| region_of(&zone).map(str::to_owned)).ok_or_else(|| Problem::NoRegion {
        id: row.network_interface_id.clone(),
        object: name(object),
        zone: plain(&zone),
    })?;
    let lost_again = lost_again(object);
    Ok(Handover {
        object: name(object),
        account: plain(&object.spec.account),
        warnings: warnings(line, retaining, &region, lost_again),
        keeps_flag: lost_again.is_none(),
        region,
        zone,
        v_switch,
        row: row.clone(),
    })
}

fn warnings(
    line: Line<'_>,
    retaining: &[&EniRetention],
    region: &str,
    lost_again: Option<&str>,
) -> Vec<String> {
    let Line { object, row } = line;
    let id = &row.network_interface_id;
    let mut warnings: Vec<String> = doubt(object).into_iter().collect();
    if row.phase == NetworkInterfacePhase::Detached {
        warnings.push(match row.last_instance_id.as_deref() {
            Some(instance) => format!(
                "It was detached, and {} still lives, or is not yet proven to be gone: make sure that nobody wants it back there.",
                plain(instance)
            ),
            None => "Nobody knows on which instance it was: make sure that nobody wants it back there.".to_owned(),
        });
    }
    if retaining.len() > 1 {
        let count = retaining.len();
        warnings.push(format!(
            "{count} EniRetentions retain it; this is what {}, the freshest of them, says.",
            name(object)
        ));
    }
    for other in retaining.iter().filter(|other| !std::ptr::eq::<EniRetention>(**other, object)) {
        if let Some(said) = newest(&[other], id).filter(|said| said.row.phase != row.phase) {
            warnings.push(format!("{} says otherwise: there it {}.", name(other), phase(said.row)));
        }
    }
    for other in retaining.iter().filter(|other| wants_it_elsewhere(other, id)) {
        warnings.push(format!(
            "spec.reattach of {} has an entry for it that is not done: remove the entry first, or ecs-keeper may attach it \
             before you do.",
            name(other)
        ));
    }
    for risk in &row.risks {
        warnings.push(format!("{}: {}", plain(&risk.reason), plain(&risk.message)));
    }
    if let Some(why) = lost_again {
        warnings.push(format!(
            "{} will not set its flag again ({why}): without another EniRetention it goes with the new instance.",
            name(object)
        ));
    }
    if !PRIMARY_RETAINED_IN.contains(&region) {
        warnings.push(format!(
            "In {} a primary interface can't be retained as far as is known here: it goes with the new instance, unless the \
             operator's configuration names that region.",
            plain(region)
        ));
    }
    warnings
}

/// Why what the object's status says may be old.
fn doubt(object: &EniRetention) -> Option<String> {
    let generation = object.metadata.generation;
    let status = object.status.as_ref();
    let retained = status.and_then(|status| status.conditions.iter().find(|c| c.type_ == "Retained"));
    let current = |observed: Option<i64>| generation.is_none() || observed == generation;
    match (status, retained) {
        (Some(status), Some(retained))
            if current(status.observed_generation) && current(retained.observed_generation) =>
        {
            (retained.status != "True" && retained.status != "False").then(|| {
                format!(
                    "What stands here may be old: {} can't tell at present how its targets are ({}: {}).",
                    name(object),
                    plain(&retained.reason),
                    plain(&retained.message)
                )
            })
        }
        _ => Some(format!(
            "What stands here may be old: {} was changed, and ecs-keeper has not judged that yet.",
            name(object)
        )),
    }
}

/// Why the object will not set the interface's flag again once it comes back weak.
fn lost_again(object: &EniRetention) -> Option<&'static str> {
    if object.metadata.deletion_timestamp.is_some() {
        Some("it is being deleted")
    } else if object.spec.retention != Retention::Retain {
        Some("it does not say retention: Retain")
    } else if object.spec.mode != Mode::Enforce {
        Some("it does not say mode: Enforce")
    } else {
        None
    }
}

/// Whether the object asks for the interface to be attached, and that has not come to its end.
fn wants_it_elsewhere(object: &EniRetention, id: &str) -> bool {
    let rows = object.status.iter().flat_map(|status| &status.reattachments);
    let phase = rows.filter(|row| row.network_interface_id == id).map(|row| row.phase).next_back();
    let ended = matches!(phase, Some(ReattachmentPhase::Attached | ReattachmentPhase::Obsolete));
    let asked = object.spec.reattach.iter().any(|entry| entry.network_interface_id == id);
    (asked && !ended) || phase == Some(ReattachmentPhase::Requested)
}

fn wrong_phase(line: Line<'_>) -> Problem {
    use NetworkInterfacePhase::{
        Attached, Attaching, Available, Detached, Gone, NotApplicable, Reattached, Unknown,
    };
    let remedy = match line.row.phase {
        Attached | Reattached => {
            "One that is in use is never moved: detach it there, or, if it is the primary interface, release that instance. \
             Ask again when its phase is Available"
        }
        Attaching => {
            "Wait until it has arrived; then it is in use, and has to be detached before anything else"
        }
        Gone => {
            "What is left of it, such as an elastic IP address, has to be given to another network interface"
        }
        NotApplicable => "ecs-keeper leaves it alone; whoever owns it decides where it goes",
        Unknown | Available | Detached => "Ask again after the next sweep",
    };
    Problem::WrongPhase {
        id: line.row.network_interface_id.clone(),
        phase: phase(line.row),
        object: name(line.object),
        remedy: remedy.to_owned(),
    }
}

/// What a row says, after the interface as the subject.
fn phase(row: &NetworkInterfaceStatus) -> String {
    use NetworkInterfacePhase::{
        Attached, Attaching, Available, Detached, Gone, NotApplicable, Reattached, Unknown,
    };
    let instance = row.instance_id.as_deref().map_or_else(|| "an instance".to_owned(), plain);
    match row.phase {
        Attached => format!("is on {instance}"),
        Reattached => format!("has outlived its instance and is on {instance} now"),
        Attaching => format!("is on its way to {instance}"),
        Available => "has outlived its instance and is free".to_owned(),
        Detached => "is detached and free".to_owned(),
        Gone => "is gone".to_owned(),
        NotApplicable => format!("can't be retained ({}: {})", plain(&row.reason), plain(&row.message)),
        Unknown => format!("is in a phase that is not known ({})", plain(&row.reason)),
    }
}

fn not_retained(id: &str, found: &Found) -> Problem {
    let where_ = match &found.namespace {
        Some(namespace) => format!("in namespace {}", plain(namespace)),
        None => "that you may list".to_owned(),
    };
    let unreadable = match found.unreadable {
        0 => String::new(),
        count => format!(
            ", as far as can be told ({count} can't be read by this version of ecs-keeper: upgrade it)"
        ),
    };
    Problem::NotRetained { id: id.to_owned(), where_, unreadable }
}

fn retained(object: &EniRetention) -> &[String] {
    object.status.as_ref().map(|status| status.retained_eni_ids.as_slice()).unwrap_or_default()
}

/// Namespace and name, which have only letters that do no harm.
fn name(object: &EniRetention) -> String {
    format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
}

/// The region of a zone: what comes before the letters at its end, with or without a hyphen between them
/// (`cn-hangzhou-h`, `ap-southeast-1a`), if it is a known one.
pub fn region_of(zone: &str) -> Option<&str> {
    let stem = zone.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let region = stem.strip_suffix('-').unwrap_or(stem);
    (stem.len() < zone.len() && is_known_region(region)).then_some(region)
}

/// Whether a value of status can stand on a command line: neither nothing, nor a flag, nor something that would move
/// the cursor.
fn is_usable(value: &str) -> bool {
    !value.is_empty() && !value.starts_with('-') && !value.chars().any(char::is_control)
}

/// A text of status, without what a terminal might obey.
pub fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

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
                    "type": "Retained", "status": "True", "reason": "AllSafe", "message": "All.", "observedGeneration": 2,
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
                "a status lists 500 of them at most. Name it in an",
            ),
            (
                "attached",
                with_row("Attached", on),
                "is on i-bp1new (status of platform/a). One that is in use is never moved",
            ),
            (
                "reattached",
                with_row("Reattached", on),
                "has outlived its instance and is on i-bp1new now (status",
            ),
            (
                "attaching",
                with_row("Attaching", on),
                "is on its way to i-bp1new (status of platform/a). Wait until",
            ),
            ("gone", gone, "is gone (status of platform/a). What is left of it"),
            (
                "not ours",
                foreign,
                "can't be retained (Survived: Sentence.) (status of platform/a). ecs-keeper leaves it",
            ),
            ("a newer phase", with_row("Parked", |_| ()), "is in a phase that is not known (Survived)"),
            (
                "no zone",
                with_row("Available", without("zoneId")),
                "does not tell its zone. Ask again after the next",
            ),
            ("no vSwitch", with_row("Available", without("vSwitchId")), "does not tell its vSwitch"),
            (
                "an empty zone",
                with_row("Available", |row| row["zoneId"] = json!("")),
                "does not tell its zone",
            ),
            (
                "a flag",
                with_row("Available", |row| row["zoneId"] = json!("--help")),
                "does not tell its zone",
            ),
            (
                "an escape",
                with_row("Available", |row| row["vSwitchId"] = json!("v\u{1b}[2J")),
                "tell its vSwitch",
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
        assert!(sentence.contains("2 can't be read by this version"), "{sentence}");
    }

    #[test]
    fn only_ids_of_network_interfaces_are_looked_for() {
        for id in ["eni-1", ID, "eni-bp1example0000000001"] {
            assert_eq!(check_id(id), Ok(()), "{id}");
        }
        let long = format!("eni-{}", "1".repeat(MAX_ENI_ID));
        for text in
            ["", "eni-", "i-bp1", "ENI-bp1", "eni-BP1", "eni-bp1 ", "eni-bp_1", "eni-\u{1b}[2J", &long]
        {
            let sentence = check_id(text).unwrap_err().to_string();
            assert!(sentence.contains("those look like eni-bp1example0000000001"), "{sentence}");
            assert!(!sentence.contains('\u{1b}'), "{sentence:?}");
        }
    }

    #[test]
    fn the_region_is_that_of_the_spec_or_of_the_zone() {
        let of_zone = |zone: &str| {
            let mut row = row("Available");
            row["zoneId"] = json!(zone);
            asked(vec![object("a", &[row], |object| object["spec"]["region"] = Value::Null)])
        };
        for (zone, region) in [
            ("cn-hangzhou-h", "cn-hangzhou"),
            ("ap-southeast-1a", "ap-southeast-1"),
            ("cn-shanghai-finance-1b", "cn-shanghai-finance-1"),
            ("us-west-1a", "us-west-1"),
            ("cn-wuhan-lr-a", "cn-wuhan-lr"),
        ] {
            assert_eq!(of_zone(zone).unwrap().region, region, "{zone}");
        }
        for zone in ["cn-hangzhou", "cn-atlantis-a", "cn-hangzhou-1", "ap-southeast-1", "a", "h"] {
            let sentence = sentence(of_zone(zone));
            assert!(sentence.contains("names no region, and its zone"), "{zone}: {sentence}");
        }
        // What the spec says counts, also of a region that is newer than this program.
        let newer = with(|object| object["spec"]["region"] = json!("cn-atlantis")).unwrap();
        assert_eq!(newer.region, "cn-atlantis");
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
                "may be old: platform/a can't tell at present",
            ),
            (
                "not judged",
                with(|o| o["metadata"]["generation"] = json!(3)),
                "may be old: platform/a was changed",
            ),
            (
                "half judged",
                with(|o| condition(o, "observedGeneration", json!(1))),
                "may be old: platform/a was changed",
            ),
            (
                "no condition",
                with(|o| o["status"]["conditions"] = json!([])),
                "may be old: platform/a was changed",
            ),
            ("detached", with_row("Detached", |_| ()), "It was detached, and i-bp1old still lives"),
            (
                "wanted",
                with(|o| o["spec"]["reattach"] = entry.clone()),
                "spec.reattach of platform/a has an entry",
            ),
            ("waiting", wanted("Waiting"), "spec.reattach of platform/a has an entry"),
            ("refused", wanted("Refused"), "spec.reattach of platform/a has an entry"),
            ("a risk", with_row("Available", |row| row["risks"] = risk), "TerwayOwned: Terway? collects it."),
            ("observed", with(|o| o["spec"]["mode"] = json!("Observe")), "(it does not say mode: Enforce)"),
            (
                "given back",
                with(|o| o["spec"]["retention"] = json!("Release")),
                "(it does not say retention: Retain)",
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
                let told = "2 EniRetentions retain it; this is what platform/a, the freshest of them, says.";
                assert_eq!(handover.warnings[0], told, "{what}");
                let contradicted =
                    handover.warnings.iter().any(|said| said.starts_with("platform/b says otherwise"));
                assert_eq!(
                    contradicted,
                    ["free", "survivor"].contains(&what),
                    "{what}: {:?}",
                    handover.warnings
                );
            }
        }
    }
}
