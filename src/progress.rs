//! How far a command has come that looks at several regions, or lists whole ones, on a terminal: one line that is written over and leaves no trace.

use std::cell::Cell;
use std::io::{self, IsTerminal as _, Write as _};

use crate::scope::Scope;

/// The line.
pub struct Progress {
    watched: bool,
    regions: usize,
    region: usize,
    shown: Cell<bool>,
}

impl Progress {
    /// Where nobody watches, nothing is shown.
    pub fn new(watched: bool, regions: usize) -> Self {
        Self { watched, regions, region: 0, shown: Cell::new(false) }
    }

    /// Goes on to the next region.
    pub fn next_region(&mut self) {
        self.region += 1;
    }

    /// Tells where something is looked for.
    pub fn looking(&self, scope: &Scope) {
        self.clear();
        if self.watched {
            let Self { region, regions, .. } = self;
            write(&format!("looking in {} ({region} of {regions})", scope.region));
            self.shown.set(true);
        }
    }

    /// Tells of a page.
    pub fn page(&self, scope: &Scope, what: &str, pages: u64, items: u64) {
        self.clear();
        if self.watched {
            let Self { region, regions, .. } = self;
            write(&format!("{} ({region} of {regions}): {items} {what}, page {pages}", scope.region));
            self.shown.set(true);
        }
    }

    /// Takes the line away, because something else is written.
    pub fn clear(&self) {
        if self.shown.replace(false) {
            write("\r\u{1b}[K");
        }
    }
}

/// Tells why something takes long, over the line if there is one, also where nobody watches.
pub fn note(text: &str) {
    let clear = if io::stderr().is_terminal() { "\r\u{1b}[K" } else { "" };
    write(&format!("{clear}ecs-keeper: {text}\n"));
}

/// A terminal that is gone is no reason to stop.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
