//! From what the cloud shows and the objects ask to what is explained. No client here: what is said of the target is core's.

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::engine::{FlagProspect, Next, Observation, ObservedRegion, Opinion, Prospect, Stance};
use keeper_core::flag::Flag as _;
use keeper_core::id::{InterfaceId, ObjectId};
use keeper_core::instance::{ChargeType, InstanceFacts, SCALING_GROUP_TAG};
use keeper_core::interface::{Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
use keeper_core::reason::{Reason, Risk};
use keeper_core::resource::{Place, Resource as _};
use keeper_core::scaling_member::ScalingMember;
use keeper_core::surroundings::Power;
use keeper_core::verdict::State;

use super::changed_by::{Sources, changed_by};
use super::explanation::{
    CloudFacts, Explanation, FlagOutlook, InstanceSays, InterfaceFate, InterfaceSays, Objects, OnRelease,
    Selecting, StateSince, Unresolved, Want,
};
use super::history::History;
use super::sentences::{risk, said};
use super::sighting::{Found, Part};
use super::switched_off::SwitchedOff;
use crate::api::{Mode, Object, Resource, WatchedObject};
use crate::cli::TargetId;
use crate::cluster_objects::{ClusterObjects, PlacedObject};
use crate::desired::{Placement, timestamp};
use crate::listing::Listed;
use crate::not_examined::NotExamined;
use crate::object_ref::{ObjectRef, names};
use crate::scope::Scope;
use crate::visible_text::plain;

/// What is known of the target. `objects`: those of the cluster, or why they are not known. `log`: what the evidence log says of it.
/// `attributes`: whether the operator asks ActionTrail in the account; `None`: no configuration was read.
pub fn explain(
    target: &TargetId,
    found: &Found,
    objects: &Result<ClusterObjects, String>,
    log: Option<(History, Vec<SwitchedOff>)>,
    not_examined: Vec<NotExamined>,
    attributes: Option<bool>,
) -> Explanation {
    let mut observed = ObservedRegion::default();
    let of_instance = found.instance.shown().and_then(|it| observed.instance(&it.id, it.evidence.clone()));
    let interfaces = found.interfaces.shown().map(Vec::as_slice).unwrap_or_default();
    let of_interfaces: Vec<(&Listed<Interface>, Observation)> = interfaces
        .iter()
        .filter_map(|it| Some((it, observed.interface(&it.id, it.evidence.clone())?)))
        .collect();
    let prospect = objects.as_ref().ok().map(|objects| prospect(target, found, objects));
    let is_instance = matches!(target, TargetId::Instance(_));
    let nothing = || Observation {
        verdict: keeper_core::verdict::Verdict::Unknown(Reason::Missing),
        risks: Vec::new(),
    };
    let (id, name, observation) = match target {
        TargetId::Instance(id) => {
            let name = found.instance.shown().and_then(|it| it.name.as_deref());
            (id.to_string(), name, of_instance)
        }
        TargetId::Interface(id) => {
            let this = of_interfaces.iter().find(|(it, _)| it.id == *id);
            let name = this.and_then(|(it, _)| it.name.as_deref());
            (id.to_string(), name, this.map(|(_, observation)| observation.clone()))
        }
    };
    let observation = observation.unwrap_or_else(nothing);
    let (state, reason) = (observation.verdict.state(), observation.verdict.reason());
    let mut objects_said = told_of(objects, prospect.as_ref(), &found.scope);
    if let (Ok(objects), Some(prospect)) = (objects, &prospect) {
        objects_said.unresolved = unresolved(target, found, objects, prospect);
    }
    objects_said.doubt = found
        .instance
        .why_unknown()
        .map(|why| format!("Others may select it through its instance, of which nothing is known: {why}."));
    let flags = match (objects, &prospect) {
        (Ok(objects), Some(prospect)) => {
            prospect.flags.iter().map(|flag| told_of_flag(objects, flag)).collect()
        }
        _ => Vec::new(),
    };
    let doubtful = objects_said.is_doubtful();
    let advice = advice(target, (state, doubtful), objects, prospect.as_ref());
    let (history, told_by_log) = log.unzip();
    let last = history.as_ref().and_then(|history: &History| history.changes.last());
    let sources = Sources {
        attributes,
        objects: objects.as_ref().ok(),
        log: told_by_log.as_deref(),
        last_is_own: last.is_some_and(|change| change.write.is_some()),
    };
    Explanation {
        kind: target.kind(),
        // Whoever gives no name gets the id.
        name: name.map(plain).filter(|name| *name != id),
        id,
        account: found.scope.account.to_string(),
        region: found.scope.region.to_string(),
        seen: found.seen,
        verdict: said(state.as_str(), reason, is_instance),
        risks: risks(&observation, prospect.as_ref()).into_iter().map(risk).collect(),
        cloud: cloud(target, found),
        since: since(target, objects, prospect.as_ref()),
        history,
        objects: objects_said,
        flags,
        on_release: on_release(target, found, &of_interfaces),
        changed_by: changed_by(target, &found.scope.account, sources),
        advice,
        not_examined,
    }
}

/// The ways in which the target can be lost: as the objects that select it say, who know of its other flags, or else as it was seen.
fn risks<'a>(observation: &'a Observation, prospect: Option<&'a Prospect>) -> Vec<&'a Risk> {
    let mut risks: Vec<&Risk> = Vec::new();
    let opinions = prospect.into_iter().flat_map(|prospect| &prospect.objects);
    for risk in opinions.flat_map(|opinion| &opinion.row.risks) {
        if risks.iter().all(|known| known.reason != risk.reason) {
            risks.push(risk);
        }
    }
    let judged = prospect.is_some_and(|prospect| !prospect.objects.is_empty());
    if judged { risks } else { observation.risks.iter().collect() }
}

/// What the objects of the cluster would have of the target.
fn prospect(target: &TargetId, found: &Found, objects: &ClusterObjects) -> Prospect {
    let mut survey = objects.survey(&found.scope, found.seen);
    let instances = || found.instance.shown().map(Listed::item);
    survey.show_instances(instances());
    survey.show_interfaces(found.interfaces.shown().into_iter().flatten().map(Listed::item));
    survey.show_members(found.member.shown().map(Listed::item));
    // What status is to say first, it says soon.
    survey.record();
    if !survey.unseen_instances().is_empty() {
        survey.show_instances(instances());
    }
    match target {
        TargetId::Instance(id) => survey.instance(id),
        TargetId::Interface(id) => survey.interface(id),
    }
}

fn told_of(objects: &Result<ClusterObjects, String>, prospect: Option<&Prospect>, scope: &Scope) -> Objects {
    let objects = match objects {
        Ok(objects) => objects,
        Err(why) => return Objects { why_unknown: Some(why.clone()), ..Objects::default() },
    };
    let selecting = prospect.iter().flat_map(|prospect| {
        prospect.objects.iter().map(|opinion| selecting(objects, opinion, &prospect.flags))
    });
    let such = |which: fn(&PlacedObject, &Scope) -> bool| {
        let those = objects.objects.iter().filter(move |(_, object)| which(object, scope));
        those.map(|(id, _)| objects.name_of(id)).collect()
    };
    Objects {
        known: true,
        why_unknown: None,
        selecting: selecting.collect(),
        doubt: None,
        unresolved: Vec::new(),
        // The operator takes each for a possible hold everywhere.
        unreadable: such(|object, _| matches!(object.placement, Placement::Opaque(_))),
        not_served: such(|object, scope| {
            matches!(object.placement, Placement::NotGranted) && is_for(&object.seen, scope)
        }),
    }
}

/// The objects that may select the target through a Node without a readable providerID, unless they are known to select it.
fn unresolved(
    target: &TargetId,
    found: &Found,
    objects: &ClusterObjects,
    prospect: &Prospect,
) -> Vec<Unresolved> {
    let resource = match target {
        TargetId::Instance(_) => Resource::Protection,
        // It is on no instance.
        TargetId::Interface(_) if matches!(found.instance, Part::Absent) => return Vec::new(),
        TargetId::Interface(_) => Resource::Retention,
    };
    let selects = |id: &ObjectId| {
        prospect.objects.iter().any(|opinion| opinion.object == *id && opinion.doubt.is_none())
    };
    let others = objects.objects.iter().filter(|(id, object)| {
        object.seen.resource == resource && is_for(&object.seen, &found.scope) && !selects(id)
    });
    let unresolved = others.filter_map(|(id, object)| {
        let Placement::Served(served) = &object.placement else { return None };
        let nodes = served.targetless.iter().filter(|(_, reason)| **reason == Reason::NodeUnresolved);
        let nodes: Vec<String> = nodes.map(|(node, _)| plain(node)).collect();
        (!nodes.is_empty()).then(|| Unresolved { object: objects.name_of(id), nodes })
    });
    unresolved.collect()
}

/// Whether an object may be about this account and region. One that can't be read may be.
fn is_for(seen: &WatchedObject, scope: &Scope) -> bool {
    seen.object.as_ref().map(Object::spec).is_none_or(|spec| {
        spec.account == scope.account.as_str() && spec.region.is_none_or(|name| name == scope.region.as_str())
    })
}

fn selecting(objects: &ClusterObjects, opinion: &Opinion, flags: &[FlagProspect]) -> Selecting {
    let object = objects.name_of(&opinion.object);
    let is_protection = object.kind == "EcsInstanceProtection";
    let mut verdict = said(opinion.row.state.as_str(), opinion.row.reason, is_protection);
    if let Some(detail) = opinion.row.detail.as_deref() {
        verdict.message = format!("{} ({})", verdict.message, plain(detail));
    }
    let wants = flags.iter().flat_map(|flag| {
        let own = flag.wants.iter().filter(|(name, _)| *name == opinion.object);
        own.map(|(_, stance)| want(flag.name, *stance))
    });
    Selecting {
        generation: opinion.generation,
        doubt: opinion.doubt.map(Reason::as_str),
        verdict,
        wants: wants.collect(),
        object,
    }
}

fn want(flag: &'static str, stance: Stance) -> Want {
    let (stance, until) = match stance {
        Stance::Enforces => ("Enforces", None),
        Stance::Holds => ("Holds", None),
        Stance::StepsAside(until) => ("StepsAside", Some(timestamp(until))),
        Stance::Unprotects => ("Unprotects", None),
        Stance::Unprotected => ("Unprotected", None),
        Stance::Observes => ("Observes", None),
    };
    Want { flag, stance, until }
}

fn told_of_flag(objects: &ClusterObjects, flag: &FlagProspect) -> FlagOutlook {
    let name = |id: &ObjectId| objects.name_of(id);
    let (next, object, reason, holders, message) = match &flag.next {
        Next::Nothing => ("Nothing", None, None, Vec::new(), "There is nothing to do.".to_owned()),
        Next::Protect(id) => {
            let object = name(id);
            let message = match flag.name {
                AutoReleaseTime::NAME => format!("The operator removes it for {object}."),
                _ => format!("The operator sets it to its protected value for {object}."),
            };
            ("Protect", Some(object), None, Vec::new(), message)
        }
        Next::Unprotect(id) => {
            let object = name(id);
            let message = format!("The operator sets it to its unprotected value, as {object} asks.");
            ("Unprotect", Some(object), None, Vec::new(), message)
        }
        Next::StaysProtected { object, reason, holders } => {
            let (object, holders) = (name(object), holders.iter().map(name).collect::<Vec<_>>());
            let held =
                if holders.is_empty() { String::new() } else { format!(" Held by {}.", names(&holders)) };
            let message = format!(
                "{object} asks for its unprotected value, but it stays protected. {}{held}",
                reason.sentence()
            );
            ("StaysProtected", Some(object), Some(*reason), holders, message)
        }
        Next::CannotProtect(reason) => {
            ("CannotProtect", None, Some(*reason), Vec::new(), reason.sentence().to_owned())
        }
        Next::Unknown(reason) => ("Unknown", None, Some(*reason), Vec::new(), reason.sentence().to_owned()),
    };
    FlagOutlook { flag: flag.name, next, object, reason: reason.map(Reason::as_str), holders, message }
}

fn cloud(target: &TargetId, found: &Found) -> CloudFacts {
    match target {
        TargetId::Instance(_) => {
            let facts = found.instance.shown().map(|it| it.evidence.facts.clone()).unwrap_or_default();
            CloudFacts::Instance(instance_says(&facts, &found.member))
        }
        TargetId::Interface(id) => {
            let this = found.interfaces.shown().into_iter().flatten().find(|it| it.id == *id);
            let facts = this.map(|it| it.evidence.facts.clone()).unwrap_or_default();
            let host = found.instance.shown().and_then(|it| it.evidence.facts.deletion_protection);
            CloudFacts::NetworkInterface(interface_says(&facts, host))
        }
    }
}

fn instance_says(facts: &InstanceFacts, member: &Part<Listed<ScalingMember>>) -> InstanceSays {
    let listed = member.shown().map(|it| &it.evidence.facts);
    let scaling_state = match listed.and_then(|facts| facts.state) {
        Some(state) => Some(state.as_str().to_owned()),
        None => member.why_unknown().map(|why| format!("its state there is not known: {why}")),
    };
    let listed_group = listed.and_then(|facts| facts.group.as_ref()).map(|group| plain(group.as_str()));
    let around = facts.surroundings.as_deref();
    let group = |tags: &Vec<keeper_core::id::Tag>| {
        let tag = tags.iter().find(|tag| tag.key.as_ref() == SCALING_GROUP_TAG);
        tag.map(|tag| plain(&tag.value)).unwrap_or_default()
    };
    InstanceSays {
        deletion_protection: facts.deletion_protection,
        charge_type: facts.charge_type.map(|of| match of {
            ChargeType::PostPaid => "PostPaid",
            ChargeType::PrePaid => "PrePaid",
        }),
        spot: facts.spot,
        auto_release_time: facts.auto_release.as_ref().map(|at| at.as_deref().map(plain).unwrap_or_default()),
        locks: facts.locks.as_ref().map(|locks| locks.iter().map(|lock| plain(lock)).collect()),
        scaling_group_id: listed_group.or_else(|| facts.tags.as_ref().map(group)),
        scaling_state,
        zone_id: around.and_then(|around| around.zone_id.as_deref()).map(plain),
        status: around.and_then(|around| around.power).map(|power| match power {
            Power::Running => "Running",
            Power::Stopped => "Stopped",
            Power::Between => "Starting, stopping, or pending",
        }),
        network_interface_ids: around
            .and_then(|around| around.interfaces.as_ref())
            .map(|ids| ids.iter().map(|id| plain(id.as_str())).collect()),
    }
}

fn interface_says(facts: &InterfaceFacts, host_deletion_protection: Option<bool>) -> InterfaceSays {
    InterfaceSays {
        delete_on_release: facts.delete_on_release,
        interface_type: facts.interface_type.map(type_word),
        status: facts.status.map(|status| match status {
            InterfaceStatus::Available => "Available",
            InterfaceStatus::Attaching => "Attaching",
            InterfaceStatus::InUse => "InUse",
            InterfaceStatus::Detaching => "Detaching",
            InterfaceStatus::Deleting => "Deleting",
        }),
        instance_id: facts
            .instance
            .as_ref()
            .map(|on| on.as_ref().map(|id| plain(id.as_str())).unwrap_or_default()),
        service_managed: facts.service_managed,
        zone_id: facts.zone_id.as_deref().map(plain),
        private_ips: facts.belongings.private_ips.iter().map(|ip| plain(ip)).collect(),
        host_deletion_protection,
    }
}

fn type_word(of: InterfaceType) -> &'static str {
    match of {
        InterfaceType::Primary => "Primary",
        InterfaceType::Secondary => "Secondary",
        InterfaceType::Trunk => "Trunk",
        InterfaceType::Member => "Member",
    }
}

/// What becomes of the interfaces when the instance is released.
fn on_release(
    target: &TargetId,
    found: &Found,
    interfaces: &[(&Listed<Interface>, Observation)],
) -> OnRelease {
    let mut why_unknown = found.interfaces.why_unknown().map(str::to_owned);
    if !found.unseen.is_empty() {
        let unseen = found.unseen.len();
        why_unknown = Some(format!(
            "the instance lists {unseen} that were not shown, as if they had just left it or this identity may not see them"
        ));
    }
    let attached = interfaces.iter().filter(|(it, _)| {
        matches!(target, TargetId::Instance(_)) || Interface::place(&it.evidence.facts) != Place::Free
    });
    let unseen = found.unseen.iter().map(unknown_fate);
    let network_interfaces = attached.map(|(it, said)| fate(it, said)).chain(unseen).collect();
    OnRelease { why_unknown, network_interfaces }
}

fn unknown_fate(id: &InterfaceId) -> InterfaceFate {
    InterfaceFate {
        id: plain(id.as_str()),
        interface_type: None,
        delete_on_release: None,
        fate: "Unknown",
        verdict: said(State::Unknown.as_str(), Reason::Missing, false),
        risks: Vec::new(),
    }
}

fn fate(interface: &Listed<Interface>, observation: &Observation) -> InterfaceFate {
    let facts = &interface.evidence.facts;
    let (state, reason) = (observation.verdict.state(), observation.verdict.reason());
    // Of what another product manages, that product decides, whatever the flag says.
    let fate = match (state, reason) {
        (State::Protected, _) => "Kept",
        (State::Unprotected, _) | (_, Reason::PrimaryNotRetainable) => "Deleted",
        _ => "Unknown",
    };
    InterfaceFate {
        id: plain(interface.id.as_str()),
        interface_type: facts.interface_type.map(type_word),
        delete_on_release: facts.delete_on_release,
        fate,
        verdict: said(state.as_str(), reason, false),
        risks: observation.risks.iter().map(risk).collect(),
    }
}

/// Since when the status of objects that select the target has said what it says of it.
fn since(
    target: &TargetId,
    objects: &Result<ClusterObjects, String>,
    prospect: Option<&Prospect>,
) -> Vec<StateSince> {
    let rows = selecting_objects(objects, prospect).filter_map(|(object, seen)| {
        let (state, since) = match target {
            TargetId::Instance(id) => {
                let status = seen.protection_status()?;
                let row = status.instances.iter().find(|row| row.instance_id == id.as_str())?;
                (format!("{:?}", row.state), row.since.0)
            }
            TargetId::Interface(id) => {
                let status = seen.retention_status()?;
                let row =
                    status.network_interfaces.iter().find(|row| row.network_interface_id == id.as_str())?;
                (format!("{:?}", row.phase), row.since.0)
            }
        };
        Some(StateSince { object, state, since })
    });
    rows.collect()
}

/// The objects that select the target, or may, as the API server has them.
fn selecting_objects<'a>(
    objects: &'a Result<ClusterObjects, String>,
    prospect: Option<&'a Prospect>,
) -> impl Iterator<Item = (ObjectRef, &'a WatchedObject)> {
    let known = objects.as_ref().ok().zip(prospect);
    known.into_iter().flat_map(|(objects, prospect)| {
        prospect.objects.iter().filter_map(|opinion| {
            let seen = &objects.objects.get(&opinion.object)?.seen;
            Some((objects.name_of(&opinion.object), seen))
        })
    })
}

/// What to do about the objects.
fn advice(
    target: &TargetId,
    (state, doubtful): (State, bool),
    objects: &Result<ClusterObjects, String>,
    prospect: Option<&Prospect>,
) -> Vec<String> {
    let kind = match target {
        TargetId::Instance(_) => "EcsInstanceProtection",
        TargetId::Interface(_) => "EniRetention",
    };
    let (Ok(objects), Some(prospect)) = (objects, prospect) else {
        return match state {
            State::Unprotected => vec![format!(
                "Select it with an {kind}. Whether an object selects it already is not known: ask with a kubeconfig."
            )],
            _ => Vec::new(),
        };
    };
    let mut advice = Vec::new();
    if prospect.objects.is_empty() && !doubtful {
        match state {
            State::Unprotected => advice.push(format!("Select it with an {kind}: no object does.")),
            State::Protected => advice.push(format!(
                "No object selects it, so nobody would set the flag again if somebody switched it off. Select it with an {kind}."
            )),
            _ => {}
        }
    }
    for flag in &prospect.flags {
        match &flag.next {
            Next::Protect(id) => {
                let object = objects.name_of(id);
                advice.push(format!(
                    "If {} is not as it should be within a few minutes, look at the status of the object and at the operator's log: kubectl \
                     -n {} describe {} {}",
                    flag.name,
                    object.namespace,
                    object.kind.to_lowercase(),
                    object.name
                ));
            }
            Next::Nothing
                if state == State::Unprotected && flag.wants.iter().all(|(_, it)| *it == Stance::Holds) =>
            {
                let observing = flag.wants.iter().map(|(id, _)| id).filter(|id| observes(objects, id));
                let observing: Vec<ObjectRef> = observing.map(|id| objects.name_of(id)).collect();
                if !observing.is_empty() {
                    advice.push(format!("Set mode: Enforce in {} to have it set.", names(&observing)));
                }
            }
            _ => {}
        }
    }
    advice
}

fn observes(objects: &ClusterObjects, id: &ObjectId) -> bool {
    let object = objects.objects.get(id).and_then(|object| object.seen.object.as_ref());
    object.is_some_and(|object| match object {
        Object::Protection(object) => object.spec.mode == Mode::Observe,
        Object::Retention(object) => object.spec.mode == Mode::Observe,
    })
}
