//! From what the objects say to one answer. No client here.

use std::cmp::Reverse;

use keeper_core::delete_on_release::PRIMARY_RETAINED_IN;
use kube::ResourceExt as _;

use crate::api::{
    EniRetention, MAX_LISTED_SURVIVORS, Mode, NetworkInterfacePhase, NetworkInterfaceStatus,
    ReattachmentPhase, Retention,
};
use crate::names::is_interface_id;

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
#[error("{0} is not the id of a network interface: use an id such as eni-bp1example0000000001")]
pub struct NotAnId(String);

/// Why an interface can't be handed over. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error(
        "no EniRetention {where_} retains {id}{unreadable}. Check the id and the cluster: status.retainedEniIds of the EniRetention \
         must list it"
    )]
    NotRetained { id: String, where_: String, unreadable: String },
    #[error(
        "{id} is free and retained by {object}, but the status of {object} does not list its details: a status lists the \
         details of at most {MAX_LISTED_SURVIVORS}. Name it in another EniRetention (targets.networkInterfaceIds), and try \
         again when its status lists it"
    )]
    NotListed { id: String, object: String },
    #[error(
        "{id} is retained by {object}, but not known to be free. Try again when its instance is released and \
         status.availableEniIds lists it"
    )]
    NotFree { id: String, object: String },
    #[error("{id} {phase} (status of {object}). {remedy}")]
    WrongPhase { id: String, phase: String, object: String, remedy: String },
    #[error(
        "{id} is free, but the status of {object} does not show its {missing}. Try again after the next sweep. If it is still \
         missing then, look up the interface in the console"
    )]
    Incomplete { id: String, object: String, missing: &'static str },
}

/// Whether the text has the shape of a network interface's id, the one that the custom resource asks for.
pub fn check_id(text: &str) -> Result<(), NotAnId> {
    if is_interface_id(text) { Ok(()) } else { Err(NotAnId(format!("{text:?}"))) }
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
    let region = plain(&object.spec.region);
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
                "It was detached, and {} still exists or is not yet proven to be gone: make sure that nobody needs it there.",
                plain(instance)
            ),
            None => "It is not known which instance it was on: make sure that nobody needs it there.".to_owned(),
        });
    }
    if retaining.len() > 1 {
        let count = retaining.len();
        warnings.push(format!(
            "{count} EniRetentions retain it. This is what {}, the most recent of them, says.",
            name(object)
        ));
    }
    for other in retaining.iter().filter(|other| !std::ptr::eq::<EniRetention>(**other, object)) {
        if let Some(said) = newest(&[other], id).filter(|said| said.row.phase != row.phase) {
            warnings.push(format!(
                "{} contradicts this: according to it, the interface {}.",
                name(other),
                phase(said.row)
            ));
        }
    }
    for other in retaining.iter().filter(|other| wants_it_elsewhere(other, id)) {
        warnings.push(format!(
            "spec.reattach of {} has an entry for it that is not done yet. Remove the entry first, or ecs-keeper may attach \
             it before you use it.",
            name(other)
        ));
    }
    for risk in &row.risks {
        warnings.push(format!("{}: {}", plain(&risk.reason), plain(&risk.message)));
    }
    if let Some(why) = lost_again {
        warnings.push(format!(
            "{} will not set its flag again ({why}): unless another EniRetention retains it, it is deleted with the new instance.",
            name(object)
        ));
    }
    if !PRIMARY_RETAINED_IN.contains(&region) {
        warnings.push(format!(
            "In {} a primary interface can't be retained, as far as this version of ecs-keeper knows: it is deleted with the new \
             instance, unless primaryRetentionRegions in the operator's configuration names that region.",
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
                    "This information may be outdated: {} does not know the state of its targets at present ({}: {}).",
                    name(object),
                    plain(&retained.reason),
                    plain(&retained.message)
                )
            })
        }
        _ => Some(format!(
            "This information may be outdated: {} was changed, and ecs-keeper has not processed the change yet.",
            name(object)
        )),
    }
}

/// Why the object will not set the interface's flag again once it comes back unprotected.
fn lost_again(object: &EniRetention) -> Option<&'static str> {
    if object.metadata.deletion_timestamp.is_some() {
        Some("it is being deleted")
    } else if object.spec.retention != Retention::Retain {
        Some("it does not have retention: Retain")
    } else if object.spec.mode != Mode::Enforce {
        Some("it does not have mode: Enforce")
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
            "Detach it from the instance, or, if it is the primary interface, release the instance. Try again when its phase \
             is Available"
        }
        Attaching => "Wait until it is attached. Then it is in use, and you have to detach it first",
        Gone => "Bind what is left of it, such as an elastic IP address, to another network interface",
        NotApplicable => "ecs-keeper leaves it alone; its owner decides what happens to it",
        Unknown | Available | Detached => "Try again after the next sweep",
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
        Reattached => format!("has outlived its instance and is now on {instance}"),
        Attaching => format!("is being attached to {instance}"),
        Available => "has outlived its instance and is free".to_owned(),
        Detached => "is detached and free".to_owned(),
        Gone => "is gone".to_owned(),
        NotApplicable => format!("can't be retained ({}: {})", plain(&row.reason), plain(&row.message)),
        Unknown => format!("is in an unknown phase ({})", plain(&row.reason)),
    }
}

fn not_retained(id: &str, found: &Found) -> Problem {
    let where_ = match &found.namespace {
        Some(namespace) => format!("in namespace {}", plain(namespace)),
        None => "that you may list".to_owned(),
    };
    let unreadable = match found.unreadable {
        0 => String::new(),
        count => format!(" (this version of ecs-keeper can't read {count} of them: upgrade it)"),
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
pub(super) mod tests;
