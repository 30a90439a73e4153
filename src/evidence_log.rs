//! The evidence log: one line of JSON on standard output for each change of a flag, and a heartbeat of each account and region,
//! written by the leader alone. Nothing else is written there: ids, names and words of ours, and of who has switched a flag off what ActionTrail says.
//!
//! Each line of an account and region has the number after that of the line before, so that a line that was lost is seen. A line
//! is written at once; there is no queue. If it can't be written, its number is used up all the same.

mod heartbeat;
mod line;

use std::io::{self, Write};
use std::sync::Arc;

use keeper_core::attribution::Finding;
use keeper_core::engine::Proven;
use keeper_core::time::Moment;
use keeper_core::transition::Transition;
use tracing::error;

use heartbeat::Heartbeats;
use line::{Head, Heartbeat, Line, SweepOf};
pub use line::{SCHEMA, TargetsOf, schema};

use crate::scope::Scope;
use crate::status::Moments;

/// The evidence log of one account and region.
pub struct EvidenceLog {
    scope: Scope,
    /// Which process writes: never the same twice.
    boot: Arc<str>,
    out: Box<dyn Write + Send>,
    sequence: u64,
    /// The last line could not be written.
    failing: bool,
    /// Those of the term, if this process leads.
    heartbeats: Option<Heartbeats>,
}

/// How an account and region stand.
pub struct Standing {
    /// The newest complete sweep of each resource.
    pub swept: [(&'static str, Proven); 3],
    pub targets: Vec<TargetsOf>,
    pub circuit_open: bool,
}

impl EvidenceLog {
    /// One that writes to standard output.
    pub fn new(scope: Scope, boot: Arc<str>) -> Self {
        Self::to(Box::new(io::stdout()), scope, boot)
    }

    fn to(out: Box<dyn Write + Send>, scope: Scope, boot: Arc<str>) -> Self {
        Self { scope, boot, out, sequence: 0, failing: false, heartbeats: None }
    }

    /// This process leads from now on, or no more.
    pub fn follow(&mut self, now: Moment, leads: bool) {
        self.heartbeats = leads.then(|| Heartbeats::begin(now));
    }

    /// When a heartbeat is due whatever happens.
    pub fn next_heartbeat(&self) -> Option<Moment> {
        self.heartbeats.as_ref().map(Heartbeats::next)
    }

    /// A flag was seen at another value than before.
    pub fn transition(&mut self, now: Moments, transition: &Transition) {
        let line = Line::Transition(line::transition(self.next(now), now, transition));
        let text = serde_json::to_vec(&line);
        self.write(text);
    }

    /// It is known who has switched off a flag that is on again, or why not.
    pub fn attribution(&mut self, now: Moments, finding: &Finding) {
        let line = Line::Attribution(line::attribution(self.next(now), finding));
        let text = serde_json::to_vec(&line);
        self.write(text);
    }

    /// Writes a heartbeat if one is due. `settled`: nothing more is to be said because of what was seen so far.
    pub fn beat(&mut self, now: Moments, settled: bool, standing: impl FnOnce() -> Standing) {
        let Some(heartbeats) = &mut self.heartbeats else { return };
        if !heartbeats.may_be_due(now.moment, settled) {
            return;
        }
        let Standing { swept, targets, circuit_open } = standing();
        if !heartbeats.take_due(now.moment, swept.map(|(_, proven)| proven), settled) {
            return;
        }
        let leading_since = now.precise(heartbeats.leading_since());
        let sweep = |(resource, proven)| {
            let complete_since = match proven {
                Proven::NothingWanted => return None,
                Proven::NotYet => None,
                Proven::Since(since) => Some(now.precise(since)),
            };
            Some(SweepOf { resource, complete_since })
        };
        let sweeps = swept.into_iter().filter_map(sweep).collect();
        let circuit_breaker = circuit_open;
        let head = self.next(now);
        let line = Line::Heartbeat(Heartbeat { head, leading_since, sweeps, targets, circuit_breaker });
        let text = serde_json::to_vec(&line);
        self.write(text);
    }

    fn next(&mut self, now: Moments) -> Head<'_> {
        self.sequence += 1;
        Head {
            schema: SCHEMA,
            account: self.scope.account.as_str(),
            region: self.scope.region.as_str(),
            boot: &self.boot,
            sequence: self.sequence,
            time: now.precise(now.moment),
        }
    }

    fn write(&mut self, text: serde_json::Result<Vec<u8>>) {
        let written = text.map_err(io::Error::from).and_then(|mut text| {
            text.push(b'\n');
            self.out.write_all(&text).and_then(|()| self.out.flush())
        });
        if let (Err(error), false) = (&written, self.failing) {
            error!(
                %error,
                "failed to write to the evidence log on standard output; lines are lost until it can be written again"
            );
        }
        self.failing = written.is_err();
    }
}

#[cfg(test)]
mod tests;
