//! The way from the workers to the tasks that ask.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keeper_core::attribution::{Concern, Finding, Pace, Unanswered};
use keeper_core::id::AccountName;
use keeper_core::trail::TrailedFlag;
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
            missed: Missed::default(),
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
    missed: Missed,
    /// One for each flag that was seen to be switched off: whoever reads takes them at once.
    findings: (mpsc::UnboundedSender<Finding>, mpsc::UnboundedReceiver<Finding>),
}

impl ScopeAttribution {
    /// A flag was seen at another value than before. Never waits.
    pub fn note(&mut self, now: Moments, transition: &Transition) {
        let Some((flag, concern)) = Concern::of(transition) else { return };
        let post = || {
            let (scope, cloud) = (self.scope.clone(), self.cloud.clone());
            let findings = self.findings.0.clone();
            self.posts.try_send(Post { scope, cloud, transition: transition.clone(), now, findings }).is_ok()
        };
        if self.missed.passes_over((flag, transition.id.clone()), concern, post) {
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

/// The flags that are off since a time of which the task took in nothing.
#[derive(Debug, Default)]
struct Missed(BTreeSet<(TrailedFlag, Box<str>)>);

impl Missed {
    /// Posts what was seen of a flag, unless the task can't make anything of it. Whether the flag was put right and nobody will ask about
    /// it: once for each time that it was off.
    fn passes_over(
        &mut self,
        flag: (TrailedFlag, Box<str>),
        concern: Concern,
        post: impl FnOnce() -> bool,
    ) -> bool {
        let missed = self.0.remove(&flag);
        match concern {
            Concern::SwitchedOff => {
                if !post() {
                    self.0.insert(flag);
                }
                false
            }
            Concern::Repaired => missed || !post(),
            Concern::Ended => {
                // If it isn't taken in, the next time that the flag is off takes the place of this one.
                let _ = missed || post();
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_task_does_not_take_in_counts_once_for_each_flag_that_was_put_right() {
        use Concern::{Ended, Repaired, SwitchedOff};
        for (told, counts, posted) in [
            (&[(SwitchedOff, true), (Repaired, true)][..], 0, 2),
            (&[(SwitchedOff, false), (Repaired, true)], 1, 0),
            (&[(SwitchedOff, true), (Repaired, false)], 1, 1),
            (&[(SwitchedOff, false), (Repaired, false)], 1, 0),
            (&[(SwitchedOff, false)], 0, 0),
            (&[(SwitchedOff, false), (Ended, false)], 0, 0),
            (&[(SwitchedOff, true), (Ended, false)], 0, 1),
            (&[(SwitchedOff, false), (Ended, true), (SwitchedOff, true), (Repaired, true)], 0, 2),
            (&[(SwitchedOff, false), (Repaired, true), (SwitchedOff, false), (Repaired, false)], 2, 0),
        ] {
            let (mut missed, mut counted, mut taken) = (Missed::default(), 0, 0);
            for (concern, room) in told {
                let post = || {
                    taken += usize::from(*room);
                    *room
                };
                let flag = (TrailedFlag::DeletionProtection, "i-a".into());
                counted += usize::from(missed.passes_over(flag, *concern, post));
            }
            assert_eq!((counted, taken), (counts, posted), "{told:?}");
        }
    }
}
