//! The objects: which of them wait for a person or were not judged yet, and where they ask for what.

use std::collections::BTreeSet;

use kube::api::DynamicObject;
use kube::{Client, ResourceExt as _};

use super::finding::{Check, Findings, Level};
use crate::api::{DEFAULT_ACCOUNT, Resource};
use crate::cluster_list::each_object;
use crate::question::NoAnswer;

/// Objects that are named. The others are counted.
const NAMED: usize = 3;

/// What the objects ask for, as far as that decides what else is to be examined.
#[derive(Debug, Default)]
pub struct Asked {
    /// Accounts and regions, as the objects name them.
    pub places: BTreeSet<(String, String)>,
    /// Whether one asks for scale-in; `None`: not all could be read.
    pub members: Option<bool>,
}

/// Examines all objects.
pub async fn examine(client: &Client, labels: Option<&str>, findings: &mut Findings) -> Asked {
    let mut asked = Asked { members: Some(false), ..Asked::default() };
    for resource in Resource::ALL {
        let mut seen = Seen::default();
        match each_object(client, resource, labels, |object| seen.look(&object)).await {
            Ok(()) => {
                seen.tell(resource, findings);
                asked.members = asked.members.map(|members| members || seen.members);
                asked.places.append(&mut seen.places);
            }
            Err(NoAnswer::NotFound) => {}
            Err(NoAnswer::Forbidden) => {
                asked.members = None;
                let help = "ask for the ClusterRole ecs-keeper-view by a ClusterRoleBinding, or run this in the operator's Pod";
                let message =
                    format!("you may not list objects of kind {} in all namespaces: {help}", resource.kind());
                findings.add(Level::Unknown, Check::Objects, message);
            }
            Err(NoAnswer::Failed(why)) => {
                asked.members = None;
                findings.add(Level::Failure, Check::Objects, format!("{}: {why}", resource.kind()));
            }
        }
    }
    asked
}

#[derive(Debug, Default)]
struct Seen {
    count: usize,
    stalled: Vec<String>,
    unjudged: Vec<String>,
    members: bool,
    places: BTreeSet<(String, String)>,
}

impl Seen {
    fn look(&mut self, object: &DynamicObject) {
        self.count += 1;
        let scale_in = object.data.pointer("/spec/scaleIn").and_then(|value| value.as_str());
        self.members |= scale_in.is_some_and(|value| value != "Report");
        let text = |place: &str| object.data.pointer(place).and_then(|value| value.as_str());
        if let Some(region) = text("/spec/region") {
            let account = text("/spec/account").unwrap_or(DEFAULT_ACCOUNT);
            self.places.insert((account.to_owned(), region.to_owned()));
        }
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let observed = object.data.pointer("/status/observedGeneration").and_then(serde_json::Value::as_i64);
        if observed.is_none_or(|observed| object.metadata.generation.is_some_and(|newest| observed < newest))
        {
            self.unjudged.push(name.clone());
        }
        let conditions =
            object.data.pointer("/status/conditions").and_then(|conditions| conditions.as_array());
        for condition in conditions.into_iter().flatten() {
            if condition["type"] == "Stalled" && condition["status"] == "True" {
                let reason = condition["reason"].as_str().unwrap_or_default();
                self.stalled.push(format!("{name} ({reason})"));
            }
        }
    }

    fn tell(&self, resource: Resource, findings: &mut Findings) {
        let (kind, count) = (resource.kind(), self.count);
        if !self.stalled.is_empty() {
            let (waiting, named) = (self.stalled.len(), named(&self.stalled));
            let help = "Their condition Stalled says what to do.";
            let message = format!("{kind}: {waiting} of {count} wait for a person: {named}. {help}");
            findings.add(Level::Warning, Check::Objects, message);
        }
        if !self.unjudged.is_empty() {
            let (waiting, named) = (self.unjudged.len(), named(&self.unjudged));
            let help = "If this lasts, no operator that serves them leads.";
            let message =
                format!("{kind}: {waiting} of {count} were not judged since they changed: {named}. {help}");
            findings.add(Level::Warning, Check::Objects, message);
        }
        if self.stalled.is_empty() && self.unjudged.is_empty() {
            let message = format!("{kind}: all {count} were judged as they are, and none waits for a person");
            findings.add(Level::Ok, Check::Objects, message);
        }
    }
}

/// Some of them, and whether there are more.
fn named(all: &[String]) -> String {
    let some = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > NAMED { some + ", …" } else { some }
}
