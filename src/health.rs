//! Whether the process is alive and ready, as far as it can know that itself.
//!
//! *Alive* asks whether restarting would help: no task has failed, and each long-lived one still turns its loop. A cloud
//! that is down, a lost lead or an API server that does not answer would be there after a restart as well.
//! *Ready* asks whether this replica could lead at once: everything was listed that it watches. It does not become
//! unready when a watch fails later, for the other replica's fails as well, and there is no better one to turn to.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Each loop turns this often at least.
const BEAT: Duration = Duration::from_secs(10);

/// A loop that has not turned for so long is stuck. Far more than any turn takes, on a busy machine and with a hundred
/// thousand targets.
const STUCK: Duration = Duration::from_mins(2);

/// What is known of the process's health. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The long-lived tasks, each with its name and the end of its patience.
    pulses: BTreeMap<u64, (String, Instant)>,
    next_pulse: u64,
    /// Why the process can't go on.
    failed: Option<String>,
    /// What has to be listed, and whether it is.
    caches: BTreeMap<&'static str, bool>,
    ending: bool,
}

/// The answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Each thing that was looked at, and what is wrong with it.
    pub checks: Vec<(String, Result<(), String>)>,
}

impl Answer {
    /// Whether nothing is wrong.
    pub fn good(&self) -> bool {
        self.checks.iter().all(|(_, found)| found.is_ok())
    }
}

/// In the words of kube-apiserver's own probes.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, found) in &self.checks {
            match found {
                Ok(()) => writeln!(f, "[+]{name} ok")?,
                Err(why) => writeln!(f, "[-]{name} failed: {why}")?,
            }
        }
        writeln!(f, "{}", if self.good() { "check passed" } else { "check failed" })
    }
}

impl Health {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whole between any two statements, and a panic is what is to be told here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pulse of a task that begins. When it ends, by dropping it, it is not waited for any more.
    pub fn pulse(&self, task: impl Into<String>) -> Pulse {
        let mut state = self.lock();
        let number = state.next_pulse;
        state.next_pulse += 1;
        let now = Instant::now();
        state.pulses.insert(number, (task.into(), now + STUCK));
        Pulse { health: self.clone(), number, next: now + BEAT }
    }

    /// Something that has to be listed before the process is ready.
    pub fn cache(&self, name: &'static str) {
        self.lock().caches.entry(name).or_insert(false);
    }

    pub fn listed(&self, name: &'static str) {
        self.lock().caches.insert(name, true);
    }

    /// The process is about to end: because it can't go on, or because it was asked to.
    pub fn ending(&self, why: Option<&impl ToString>) {
        let mut state = self.lock();
        state.ending = true;
        state.failed = why.map(ToString::to_string);
    }

    /// Whether restarting would not help.
    pub fn alive(&self) -> Answer {
        let (state, now) = (self.lock(), Instant::now());
        let mut checks = vec![("tasks".to_owned(), state.failed.clone().map_or(Ok(()), Err))];
        for (task, until) in state.pulses.values() {
            let found = if now < *until {
                Ok(())
            } else {
                let since = now.duration_since(*until) + STUCK;
                Err(format!("no progress for {} seconds", since.as_secs()))
            };
            checks.push((task.clone(), found));
        }
        Answer { checks }
    }

    /// Whether this replica could lead at once.
    pub fn ready(&self) -> Answer {
        let state = self.lock();
        let ending = if state.ending { Err("the process is shutting down".to_owned()) } else { Ok(()) };
        let mut checks = vec![("shutdown".to_owned(), ending)];
        for (name, listed) in &state.caches {
            let found = if *listed { Ok(()) } else { Err("the first list is not complete yet".to_owned()) };
            checks.push(((*name).to_owned(), found));
        }
        Answer { checks }
    }
}

/// Shows that a task's loop turns.
#[derive(Debug)]
pub struct Pulse {
    health: Health,
    number: u64,
    next: Instant,
}

impl Pulse {
    /// The loop has turned.
    pub fn beat(&mut self) {
        let now = Instant::now();
        self.next = now + BEAT;
        if let Some((_, until)) = self.health.lock().pulses.get_mut(&self.number) {
            *until = now + STUCK;
        }
    }

    /// Waits until the loop has to turn, whether or not anything else happens.
    pub async fn due(&self) {
        sleep_until(self.next).await;
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.health.lock().pulses.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn wrong(answer: &Answer) -> Vec<&str> {
        answer.checks.iter().filter(|(_, found)| found.is_err()).map(|(name, _)| name.as_str()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_does_not_turn_shows_and_one_that_does_is_alive() {
        let health = Health::default();
        let (mut turning, stuck) = (health.pulse("turning"), health.pulse("stuck"));
        for _ in 0..11 {
            turning.due().await;
            turning.beat();
        }
        assert!(health.alive().good(), "{}", health.alive());
        turning.due().await;
        turning.beat();
        assert_eq!(wrong(&health.alive()), ["stuck"]);
        advance(Duration::from_secs(5)).await;
        assert!(health.alive().to_string().contains("[-]stuck failed: no progress for 125 seconds"));
        drop(stuck);
        assert!(health.alive().good(), "a task that has ended is not waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_failed_is_no_life() {
        let health = Health::default();
        health.ending(Some(&"a task ended"));
        assert_eq!(health.alive().to_string(), "[-]tasks failed: a task ended\ncheck failed\n");
    }

    #[test]
    fn ready_means_that_everything_was_listed_and_nobody_asked_to_end() {
        let health = Health::default();
        health.cache("nodes");
        health.cache("objects");
        assert_eq!(wrong(&health.ready()), ["nodes", "objects"]);
        health.listed("nodes");
        health.listed("objects");
        health.cache("nodes");
        assert!(health.ready().good(), "what was listed stays listed");
        health.ending(None::<&String>);
        assert_eq!(wrong(&health.ready()), ["shutdown"]);
        assert!(health.alive().good());
    }
}
