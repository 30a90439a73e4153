//! Follows Karpenter's NodeClaims. A cluster in which they are not defined is one without any: that is no failure, and is looked
//! at again and again without a word, for Karpenter may be installed later.

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt as _};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt as _, reflector::Lookup as _};
use kube::{Api, Client};
use tracing::info;

use crate::desired::{Claim, Claims};
use crate::metrics::Metrics;
use crate::node_claim::NodeClaim;
use crate::watch_stream::tell_failure;

/// What NodeClaims are called where watches are told of.
const NODE_CLAIM: &str = "NodeClaim";

/// What the watch shows.
#[derive(Debug)]
pub enum Shown {
    Event(Box<Event<NodeClaim>>),
    /// The API server knows no NodeClaims.
    Undefined,
    /// It could not be asked.
    Failed,
}

/// What was watched so far.
#[derive(Debug, Default)]
pub struct ClaimView {
    /// `None`: they are not known.
    pub claims: Option<Claims>,
    /// What the list that is under way has shown.
    listing: Claims,
}

/// The watch; without `enabled` one that shows nothing.
pub fn follow(client: &Client, enabled: bool, metrics: Arc<Metrics>) -> BoxStream<'static, Shown> {
    if !enabled {
        return stream::pending().boxed();
    }
    let claims: Api<NodeClaim> = Api::all(client.clone());
    let mut defined = true;
    // The pauses between two tries become as long as half a minute.
    let watch = watcher(claims, watcher::Config::default()).default_backoff();
    let shown = watch.map(move |event| match event {
        Ok(event) => {
            // Each try to list begins with it, also one that fails.
            defined |= !matches!(event, Event::Init);
            Shown::Event(Box::new(event))
        }
        Err(error) if is_undefined(&error) => {
            if std::mem::replace(&mut defined, false) {
                info!(resource = NODE_CLAIM, "this cluster has no NodeClaims; Karpenter is waited for");
            }
            Shown::Undefined
        }
        Err(error) => {
            tell_failure(NODE_CLAIM, &error, &metrics);
            Shown::Failed
        }
    });
    shown.boxed()
}

/// Whether there is no such definition.
fn is_undefined(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

impl ClaimView {
    /// Takes in what is shown. Whether anything changed that the removal of a machine may depend on.
    pub fn take(&mut self, shown: Shown) -> bool {
        match shown {
            Shown::Event(event) => self.take_event(*event),
            Shown::Undefined => self.become_known(Claims::new()),
            Shown::Failed => false,
        }
    }

    fn take_event(&mut self, event: Event<NodeClaim>) -> bool {
        match event {
            Event::Init => {
                self.listing.clear();
                false
            }
            Event::InitApply(claim) => {
                if let Some(name) = claim.name() {
                    self.listing.insert(name.into_owned(), Claim::of(&claim));
                }
                false
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listing);
                self.become_known(listed)
            }
            Event::Apply(claim) => {
                let (Some(name), Some(claims)) = (claim.name(), &mut self.claims) else { return false };
                let new = Claim::of(&claim);
                claims.insert(name.into_owned(), new.clone()) != Some(new)
            }
            Event::Delete(claim) => {
                let (Some(name), Some(claims)) = (claim.name(), &mut self.claims) else { return false };
                claims.remove(name.as_ref()).is_some()
            }
        }
    }

    fn become_known(&mut self, claims: Claims) -> bool {
        let changed = self.claims.as_ref() != Some(&claims);
        self.claims = Some(claims);
        changed
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use serde_json::json;

    use super::*;

    fn claim(name: &str, instance: &str) -> NodeClaim {
        let claim = json!({ "metadata": { "name": name }, "status": { "providerID": format!("cn-hangzhou.{instance}") } });
        serde_json::from_value(claim).unwrap()
    }

    fn names(view: &ClaimView) -> Vec<&str> {
        view.claims.as_ref().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn i54_a_list_counts_when_it_is_complete() {
        let mut view = ClaimView::default();
        let mut see = |event| view.take_event(event);
        assert!(!see(Event::Init) && !see(Event::InitApply(claim("a", "i-a"))));
        assert!(see(Event::InitDone));
        assert!(!see(Event::Apply(claim("a", "i-a"))), "nothing new");
        assert!(see(Event::Apply(claim("a", "i-b"))) && see(Event::Apply(claim("b", "i-c"))));
        assert!(!see(Event::Init) && !see(Event::InitApply(claim("b", "i-c"))));
        assert_eq!(names(&view), ["a", "b"], "the list is not complete");
        assert!(view.take_event(Event::InitDone));
        assert_eq!(names(&view), ["b"]);
        assert!(view.take_event(Event::Delete(claim("b", "i-c"))));
        assert!(names(&view).is_empty());
    }

    #[test]
    fn where_they_are_not_defined_there_are_none_and_after_a_failure_they_are_as_they_were() {
        let mut view = ClaimView::default();
        assert!(!view.take(Shown::Failed) && view.claims.is_none());
        assert!(view.take(Shown::Undefined) && !view.take(Shown::Undefined));
        assert!(names(&view).is_empty());
        assert!(view.take_event(Event::Apply(claim("a", "i-a"))), "Karpenter was installed");
        assert!(!view.take(Shown::Failed));
        assert_eq!(names(&view), ["a"]);
    }

    #[test]
    fn only_an_unknown_definition_is_no_failure() {
        let answer = |code| kube::Error::Api(Box::new(Status::failure("no", "NotFound").with_code(code)));
        assert!(is_undefined(&watcher::Error::InitialListFailed(answer(404))));
        assert!(is_undefined(&watcher::Error::WatchStartFailed(answer(404))));
        assert!(!is_undefined(&watcher::Error::InitialListFailed(answer(403))));
        assert!(!is_undefined(&watcher::Error::NoResourceVersion));
    }
}
