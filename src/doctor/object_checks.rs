//! The objects: which of them wait for a person, and whether one asks for scale-in.

use kube::api::{DynamicObject, ListParams};
use kube::{Client, ResourceExt as _};

use super::finding::{Check, Findings, Level};
use super::question::{NoAnswer, ask};
use crate::api::Resource;

/// Objects in one page. One of them can have more than a megabyte.
const PAGE: u32 = 20;

/// Objects that are named. The others are counted.
const NAMED: usize = 3;

/// Examines all objects. Whether one of them asks for scale-in.
pub async fn examine(client: &Client, labels: Option<&str>, findings: &mut Findings) -> bool {
    let mut members = false;
    for resource in Resource::ALL {
        let mut seen = Seen::default();
        match list(client, resource, labels, &mut seen).await {
            Ok(()) => seen.tell(resource, findings),
            Err(NoAnswer::NotFound) => {}
            Err(NoAnswer::Forbidden) => {
                let help = "ask for the ClusterRole ecs-keeper-view by a ClusterRoleBinding, or run this in the operator's Pod";
                let message =
                    format!("you may not list objects of kind {} in all namespaces: {help}", resource.kind());
                findings.add(Level::Unknown, Check::Objects, message);
            }
            Err(NoAnswer::Failed(why)) => {
                findings.add(Level::Failure, Check::Objects, format!("{}: {why}", resource.kind()));
            }
        }
        members |= seen.members;
    }
    members
}

#[derive(Debug, Default)]
struct Seen {
    count: usize,
    stalled: Vec<String>,
    members: bool,
}

impl Seen {
    fn look(&mut self, object: &DynamicObject) {
        self.count += 1;
        let scale_in = object.data.pointer("/spec/scaleIn").and_then(|value| value.as_str());
        self.members |= scale_in.is_some_and(|value| value != "Report");
        let conditions =
            object.data.pointer("/status/conditions").and_then(|conditions| conditions.as_array());
        for condition in conditions.into_iter().flatten() {
            if condition["type"] == "Stalled" && condition["status"] == "True" {
                let reason = condition["reason"].as_str().unwrap_or_default();
                let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
                self.stalled.push(format!("{namespace}/{name} ({reason})"));
            }
        }
    }

    fn tell(&self, resource: Resource, findings: &mut Findings) {
        let (kind, count, stalled) = (resource.kind(), self.count, self.stalled.len());
        if stalled == 0 {
            let message = format!("{kind}: none of {count} waits for a person");
            return findings.add(Level::Ok, Check::Objects, message);
        }
        let mut named = self.stalled.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        if stalled > NAMED {
            named += ", …";
        }
        let message = format!(
            "{kind}: {stalled} of {count} wait for a person: {named}. Their condition Stalled says what to do."
        );
        findings.add(Level::Warning, Check::Objects, message);
    }
}

async fn list(
    client: &Client,
    resource: Resource,
    labels: Option<&str>,
    seen: &mut Seen,
) -> Result<(), NoAnswer> {
    let api = resource.everywhere(client);
    let mut page =
        ListParams { label_selector: labels.map(str::to_owned), ..ListParams::default() }.limit(PAGE);
    loop {
        let list = ask(api.list(&page)).await?;
        list.items.iter().for_each(|object| seen.look(object));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => return Ok(()),
        }
    }
}
