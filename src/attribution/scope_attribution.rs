//! The way from the workers to the tasks that ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use keeper_core::attribution::{Attributor, Finding, Pace, Unanswered};
use keeper_core::id::AccountName;
use keeper_core::transition::Transition;
use tokio::sync::mpsc;

use super::account_task::{AccountTask, Around, Post};
use crate::cloud::Cloud;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::scope::Scope;
use crate::status::Moments;

/// Transitions that may wait for a task. It takes them as they come.
const ROOM: usize = 2000;

/// The accounts in which it is found out who has switched a flag off.
pub struct Attributions {
    posts: BTreeMap<AccountName, mpsc::Sender<Post>>,
    metrics: Arc<Metrics>,
}

impl Attributions {
    /// Those of a configuration, and their tasks.
    pub fn new(config: &Config, around: &Around) -> (Self, Vec<AccountTask>) {
        let pace = Pace { wait: config.attribution.delay, ..Pace::default() };
        let mut posts = BTreeMap::new();
        let mut tasks = Vec::new();
        for (name, _) in config.accounts.iter().filter(|(_, account)| account.attribution) {
            let (sender, receiver) = mpsc::channel(ROOM);
            posts.insert(name.clone(), sender);
            let shows_names = config.attribution.in_status;
            tasks.push(AccountTask::new(name.clone(), pace, shows_names, receiver, around.clone()));
        }
        (Self { posts, metrics: around.metrics.clone() }, tasks)
    }

    /// Where the worker of a scope tells what it sees; `None`: nobody is asked in its account.
    pub fn of(&self, scope: &Scope, cloud: &Arc<Cloud>) -> Option<ScopeAttribution> {
        let posts = self.posts.get(&scope.account)?.clone();
        self.metrics.attributes(scope);
        Some(ScopeAttribution {
            posts,
            scope: scope.clone(),
            cloud: cloud.clone(),
            metrics: self.metrics.clone(),
            findings: mpsc::unbounded_channel(),
        })
    }
}

/// Where the worker of a scope tells what it sees.
pub struct ScopeAttribution {
    posts: mpsc::Sender<Post>,
    scope: Scope,
    cloud: Arc<Cloud>,
    metrics: Arc<Metrics>,
    /// One for each flag that was seen to be switched off: whoever reads takes them at once.
    findings: (mpsc::UnboundedSender<Finding>, mpsc::UnboundedReceiver<Finding>),
}

impl ScopeAttribution {
    /// A flag was seen at another value than before. Never waits.
    pub fn note(&self, now: Moments, transition: &Transition) {
        if !Attributor::concerns(transition) {
            return;
        }
        let (scope, cloud) = (self.scope.clone(), self.cloud.clone());
        let findings = self.findings.0.clone();
        let post = Post { scope, cloud, transition: transition.clone(), now, findings };
        if self.posts.try_send(post).is_err() {
            // Only counted: no log has a line about a change that nobody took in.
            self.metrics.attributed(&self.scope, Unanswered::TooMany.as_str());
        }
    }

    /// What has come of it, when there is something.
    pub async fn found(&mut self) -> Finding {
        match self.findings.1.recv().await {
            Some(finding) => finding,
            // It holds a sender itself.
            None => std::future::pending().await,
        }
    }
}
