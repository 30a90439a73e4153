//! `ecs-keeper uninstall-check`: which objects would hang if the operator went now.
//!
//! An object that carries the finalizer can't be deleted without an operator, nor can its namespace or its definition.
//! What would be forgotten is listed as well: the network interfaces that have outlived their instance, which stand in status
//! alone. So is what goes on without the operator: scaling groups that can't remove or replace protected members. That holds up
//! nobody. Nothing is changed here: neither in the cluster nor, for no access key is known, in the cloud.

use std::fmt::Write as _;
use std::num::NonZeroUsize;

use kube::api::{DynamicObject, ObjectMeta};
use kube::{Client, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::api::{
    EcsInstanceProtectionStatus, EniRetentionStatus, MAX_SCALING_GROUPS, Object, Resource,
    ScalingGroupStatus, WatchedObject, decode_status,
};
use crate::cli::{OutputFormat, UninstallCheckOptions};
use crate::cluster_list::{ListError, answer, for_each_object};
use crate::handover::answer::plain;
use crate::kubernetes::{ConnectError, connect};
use crate::status::FINALIZER;
use crate::survivors;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UninstallCheckError {
    #[error("failed to connect to the cluster")]
    Connect(#[source] ConnectError),
    #[error(transparent)]
    List(#[from] ListError),
    /// What is not there holds up nobody, but this is rather another cluster.
    #[error(
        "this cluster has no CRD of ecs-keeper: check that the kubeconfig is for the cluster in which ecs-keeper runs"
    )]
    NoDefinition,
    #[error("failed to write the answer as JSON")]
    Json(#[source] serde_json::Error),
}

#[derive(Debug)]
pub struct Checked {
    /// Whether nothing would hang.
    pub safe: bool,
    pub answer: String,
}

/// Looks at every object of the cluster.
pub async fn check(options: &UninstallCheckOptions) -> Result<Checked, UninstallCheckError> {
    let client = connect(options.kubeconfig.as_deref()).await.map_err(UninstallCheckError::Connect)?;
    let labels = options.object_selector.as_deref();
    let (mut held, mut defined) = (Vec::new(), false);
    for resource in Resource::ALL {
        if let Some(found) = holding(&client, resource, labels).await? {
            defined = true;
            held.extend(found);
        }
    }
    if !defined {
        return Err(UninstallCheckError::NoDefinition);
    }
    let mut unreadable = Vec::new();
    let protected_members = protected_members(&client, labels, &mut unreadable).await?;
    let survivors = survivors(&client, labels, &mut unreadable).await?;
    let answer = match options.output {
        OutputFormat::Text => {
            text(&held)
                + &protected_members_text(&protected_members)
                + &survivors_text(&survivors)
                + &unreadable_text(&unreadable)
        }
        OutputFormat::Json => {
            json(&held, &protected_members, &survivors, &unreadable).map_err(UninstallCheckError::Json)?
        }
    };
    Ok(Checked { safe: held.is_empty(), answer })
}

/// The scaling groups with members that stay protected from scale-in, by the objects whose status lists them. One that only
/// observes may have protected them before.
async fn protected_members(
    client: &Client,
    labels: Option<&str>,
    unreadable: &mut Vec<Unreadable>,
) -> Result<Vec<ProtectedMembers>, UninstallCheckError> {
    let mut found = Vec::new();
    for_each_object(client, Resource::Protection, labels, |object| {
        let observes = object.data.pointer("/spec/mode").is_some_and(|mode| mode == "Observe");
        let status: EcsInstanceProtectionStatus = status(Resource::Protection, &object, unreadable);
        let mut scaling_groups = status.scaling_groups;
        scaling_groups.retain(|group| group.protected > 0);
        // Those with protected members are listed first, so that another one in the list means that all of these are.
        let may_be_more = scaling_groups.len() >= MAX_SCALING_GROUPS;
        if !scaling_groups.is_empty() {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            found.push(ProtectedMembers { namespace, name, scaling_groups, may_be_more, observes });
        }
    })
    .await?;
    Ok(found)
}

/// The free network interfaces of each object that retains any.
async fn survivors(
    client: &Client,
    labels: Option<&str>,
    unreadable: &mut Vec<Unreadable>,
) -> Result<Vec<Survivors>, UninstallCheckError> {
    let mut found = Vec::new();
    for_each_object(client, Resource::Retention, labels, |object| {
        let status: EniRetentionStatus = status(Resource::Retention, &object, unreadable);
        let unclear = survivors::maybe_free(&status);
        let free = survivors::free(&status);
        let network_interface_ids: Vec<String> = free.union(&unclear).copied().map(plain).collect();
        let unclear = NonZeroUsize::new(unclear.len());
        if !network_interface_ids.is_empty() {
            let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
            found.push(Survivors { namespace, name, network_interface_ids, unclear });
        }
    })
    .await?;
    Ok(found)
}

/// Its status, as much of it as can be read. Nothing else is decoded, so that an object of a newer version tells of it, too.
fn status<S: DeserializeOwned + Default>(
    resource: Resource,
    object: &DynamicObject,
    unreadable: &mut Vec<Unreadable>,
) -> S {
    let Some(status) = object.data.get("status") else { return S::default() };
    if S::deserialize(status).is_err() {
        let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
        unreadable.push(Unreadable { kind: resource.kind(), namespace, name });
    }
    decode_status(status)
}

/// The objects of a kind that carry the finalizer; nothing if the cluster has no such kind. Metadata is read of all, and no more than
/// that of most.
async fn holding(
    client: &Client,
    resource: Resource,
    labels: Option<&str>,
) -> Result<Option<Vec<Held>>, UninstallCheckError> {
    let all = resource.list_metadata(client, labels);
    let Some(all) = answer(resource.kind(), all).await? else { return Ok(None) };
    let mut held = Vec::new();
    for meta in all {
        let (Some(namespace), Some(name)) = (&meta.namespace, &meta.name) else { continue };
        if carries(&meta) {
            let api = resource.within(client, namespace);
            let found = answer(resource.kind(), api.get(name)).await?.map(|object| resource.decode(object));
            held.extend(found.filter(|found| carries(&found.meta)).map(|found| Held::of(&found)));
        }
    }
    Ok(Some(held))
}

fn carries(meta: &ObjectMeta) -> bool {
    meta.finalizers.iter().flatten().any(|name| name == FINALIZER)
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    kind: String,
    namespace: String,
    name: String,
    deleting: bool,
    advice: String,
}

/// What stays as it is in the cloud, and has its groups neither remove nor replace members by themselves.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProtectedMembers {
    namespace: String,
    name: String,
    scaling_groups: Vec<ScalingGroupStatus>,
    /// Whether the list in status is full, and may lack some.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    may_be_more: bool,
    /// Whether the object only observes: these members may have been protected by somebody else.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    observes: bool,
}

/// An object with a status that can't be read whole.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Unreadable {
    kind: &'static str,
    namespace: String,
    name: String,
}

/// What only the status of an object knows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Survivors {
    namespace: String,
    name: String,
    network_interface_ids: Vec<String>,
    /// For how many of them status does not show whether they are free.
    #[serde(skip_serializing_if = "Option::is_none")]
    unclear: Option<NonZeroUsize>,
}

impl Held {
    fn of(found: &WatchedObject) -> Self {
        let kind = found.resource.described().kind;
        let namespace = found.meta.namespace.clone().unwrap_or_default();
        let name = found.meta.name.clone().unwrap_or_default();
        let deleting = found.meta.deletion_timestamp.is_some();
        let patch = |change: &str| {
            format!("kubectl -n {namespace} patch {} {name} --type=merge -p '{change}'", kind.to_lowercase())
        };
        let keep = patch(r#"{"spec":{"deletionPolicy":"Keep"}}"#);
        // A merge patch sets the whole list.
        let others: Vec<&String> =
            found.meta.finalizers.iter().flatten().filter(|name| *name != FINALIZER).collect();
        let effect = match found.resource {
            Resource::Protection => "switches off the protection of its instances",
            Resource::Retention => "switches off the retention of its network interfaces",
        };
        let unprotects = found.object.as_ref().map(Object::spec).map(|spec| spec.unprotects_when_deleted);
        let advice = match (unprotects, deleting) {
            (None, _) => format!(
                "This version can't read the object. Remove its finalizer by hand; this changes no flag in the cloud: {}",
                patch(&json!({ "metadata": { "finalizers": others } }).to_string())
            ),
            (Some(true), true) => format!(
                "Its deletion {effect}, and the operator is carrying it out. Wait until the object is gone, at most an hour. Or \
                 leave the remaining flags as they are: {keep}"
            ),
            (Some(true), false) => format!(
                "Its deletion {effect}. If you want that, delete the object now and wait until it is gone. If not: {keep}"
            ),
            (Some(false), _) => {
                "Its deletion changes nothing in the cloud. The operator removes the finalizer within seconds; if it \
                 doesn't, check that one of its Pods runs and holds the Lease."
                    .to_owned()
            }
        };
        Self { kind, namespace, name, deleting, advice }
    }
}

fn text(held: &[Held]) -> String {
    if held.is_empty() {
        return "It is safe to uninstall: no object has a finalizer of ecs-keeper, so nothing hangs without the operator. Neither \
                uninstalling nor deleting the objects, their namespaces or the CRDs afterwards changes a flag in the \
                cloud.\n"
            .to_owned();
    }
    let objects = if held.len() == 1 { "1 object has" } else { &*format!("{} objects have", held.len()) };
    let mut text = format!(
        "Don't uninstall yet: {objects} a finalizer that only a running operator removes. Without the operator, deleting \
         them hangs, and so does deleting their namespaces and CRDs.\n"
    );
    for Held { kind, namespace, name, deleting, advice } in held {
        let deleting = if *deleting { " (being deleted)" } else { "" };
        // Writing to a string does not fail.
        let _ = write!(text, "\n{kind} {namespace}/{name}{deleting}\n  {advice}\n");
    }
    text.push_str("\nThen run uninstall-check again.\n");
    text
}

/// Which groups go on to keep their protected members, and how to change that.
fn protected_members_text(protected: &[ProtectedMembers]) -> String {
    let mut text = String::new();
    if protected.is_empty() {
        return text;
    }
    text.push_str(
        "\nScaling groups with members that stay protected from scale-in after you uninstall. A group does not remove \
         such a member by itself, does not replace it if it is unhealthy, and can't become smaller than the number of them.\n",
    );
    for ProtectedMembers { namespace, name, scaling_groups, may_be_more, observes } in protected {
        let _ = write!(text, "\nEcsInstanceProtection {namespace}/{name}\n");
        for ScalingGroupStatus { scaling_group_id, protected, .. } in scaling_groups {
            let members = if *protected == 1 { "member" } else { "members" };
            let _ = writeln!(text, "  {scaling_group_id}: {protected} protected {members}");
        }
        if *may_be_more {
            let _ = writeln!(
                text,
                "  There may be more: status lists no more than {MAX_SCALING_GROUPS} scaling groups. The console of Auto Scaling \
                 shows all."
            );
        }
        if *observes {
            text.push_str(
                "  With mode: Observe, the object takes no protection away. To do that, use the console of Auto Scaling.\n",
            );
            continue;
        }
        let _ = writeln!(
            text,
            "  To take the protection from scale-in away: kubectl -n {namespace} patch ecsinstanceprotection {name} --type=merge -p \
             '{{\"spec\":{{\"scaleIn\":\"Unprotect\"}}}}'"
        );
    }
    // What another object still protects stays so: the one that gives it up is not Ready before the other one is changed, too.
    text.push_str(
        "\nIf you take it away, change all of these objects. Then wait until each is Ready, and run uninstall-check \
         again.\n",
    );
    text
}

/// What would be forgotten with the objects, all of it: there is no other place to look it up.
fn survivors_text(survivors: &[Survivors]) -> String {
    let mut text = String::new();
    let count: usize = survivors.iter().map(|one| one.network_interface_ids.len()).sum();
    if count == 0 {
        return text;
    }
    let _ = writeln!(
        text,
        "\nSave this list. Retained network interfaces that are free: {count}. Only the status of these objects lists them. \
         If an object or its CRD is deleted, they stay in the cloud, but ecs-keeper no longer retains them."
    );
    for Survivors { namespace, name, network_interface_ids, unclear } in survivors {
        let _ = write!(text, "\nEniRetention {namespace}/{name}\n");
        if let Some(unclear) = unclear {
            let _ = writeln!(text, "  For {unclear} of these, status does not show whether they are free:");
        }
        for line in network_interface_ids.chunks(4) {
            let _ = writeln!(text, "  {}", line.join(" "));
        }
        let _ = writeln!(
            text,
            "  To retain them with another object or on another cluster: ecs-keeper eni export {name} --namespace {namespace}"
        );
    }
    text
}

/// Of which objects it is not known what else would be forgotten, or would stay as it is.
fn unreadable_text(unreadable: &[Unreadable]) -> String {
    let mut text = String::new();
    if !unreadable.is_empty() {
        text.push_str(
            "\nThis version can't read all of the status of these objects. Whether there are more network interfaces that only \
             they list, or more members that stay protected from scale-in, is unknown:\n",
        );
    }
    for Unreadable { kind, namespace, name } in unreadable {
        let _ = writeln!(text, "  {kind} {namespace}/{name}");
    }
    text
}

fn json(
    held: &[Held],
    protected_from_scale_in: &[ProtectedMembers],
    survivors: &[Survivors],
    status_unreadable: &[Unreadable],
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer<'a> {
        safe: bool,
        objects: &'a [Held],
        protected_from_scale_in: &'a [ProtectedMembers],
        survivors: &'a [Survivors],
        status_unreadable: &'a [Unreadable],
    }
    let safe = held.is_empty();
    let answer = Answer { safe, objects: held, protected_from_scale_in, survivors, status_unreadable };
    Ok(serde_json::to_string_pretty(&answer)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survivors_of_which_status_tells_no_more_than_the_id_are_counted() {
        let survivors = |unclear| Survivors {
            namespace: "team".to_owned(),
            name: "prod".to_owned(),
            network_interface_ids: vec!["eni-a".to_owned()],
            unclear: NonZeroUsize::new(unclear),
        };
        let said = "For 1 of these, status does not show whether they are free:";
        assert!(survivors_text(&[survivors(1)]).contains(said));
        assert!(!survivors_text(&[survivors(0)]).contains("For 0"));
        assert_eq!(serde_json::to_value(survivors(1)).unwrap()["unclear"], json!(1));
        assert!(serde_json::to_value(survivors(0)).unwrap().get("unclear").is_none());
    }

    #[test]
    fn i28_a_status_that_can_not_be_read_whole_is_unknown_and_tells_what_it_can() {
        let row = json!({ "scalingGroupId": "asg-a", "members": 2, "protected": 1 });
        let mut unreadable = Vec::new();
        let mut read = |scaling_groups: &serde_json::Value| -> EcsInstanceProtectionStatus {
            let object = json!({
                "metadata": { "name": "prod", "namespace": "team" }, "status": { "scalingGroups": scaling_groups },
            });
            let object = serde_json::from_value(object).unwrap();
            status(Resource::Protection, &object, &mut unreadable)
        };
        assert_eq!(read(&json!([row])).scaling_groups.len(), 1);
        assert_eq!(read(&json!([row, { "members": "two" }])).scaling_groups.len(), 1);
        assert_eq!(unreadable.len(), 1, "the second one");
        let told = unreadable_text(&unreadable);
        assert!(told.contains("is unknown:\n  EcsInstanceProtection team/prod\n"), "{told}");
        assert_eq!(unreadable_text(&[]), "");
        let told: serde_json::Value =
            serde_json::from_str(&json(&[], &[], &[], &unreadable).unwrap()).unwrap();
        let prod = json!({ "kind": "EcsInstanceProtection", "namespace": "team", "name": "prod" });
        assert_eq!(told["statusUnreadable"], json!([prod]));
    }

    #[test]
    fn i10_of_a_list_of_groups_that_was_cut_and_of_who_only_observes_it_is_said() {
        let group = ScalingGroupStatus { scaling_group_id: "asg-a".to_owned(), members: 2, protected: 1 };
        let told = |may_be_more, observes| {
            protected_members_text(&[ProtectedMembers {
                namespace: "team".to_owned(),
                name: "prod".to_owned(),
                scaling_groups: vec![group.clone()],
                may_be_more,
                observes,
            }])
        };
        let cut = "There may be more: status lists no more than 200 scaling groups.";
        assert!(told(true, false).contains(cut) && !told(false, false).contains(cut));
        let patch = "kubectl -n team patch ecsinstanceprotection prod";
        assert!(told(false, false).contains(patch));
        assert!(!told(false, true).contains(patch) && told(false, true).contains("With mode: Observe"));
    }

    #[test]
    fn i10_the_advice_for_an_unreadable_object_leaves_the_finalizers_of_others() {
        let meta: ObjectMeta = serde_json::from_value(json!({
            "name": "odd", "namespace": "team", "finalizers": ["example.com/audit", FINALIZER],
        }))
        .unwrap();
        let held = Held::of(&WatchedObject {
            resource: Resource::Protection,
            meta,
            object: None,
            undecoded_status: None,
            undecoded_account: None,
        });
        let change = r#"kubectl -n team patch ecsinstanceprotection odd --type=merge -p '{"metadata":{"finalizers":["example.com/audit"]}}'"#;
        assert!(held.advice.ends_with(change), "{}", held.advice);
    }
}
