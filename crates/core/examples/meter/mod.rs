//! What a stretch of time has cost. Only the engine's own time is counted.

use std::time::{Duration, Instant};

/// Time and actions since the last line that was printed.
#[derive(Default)]
pub struct Meter {
    spent: Duration,
    longest: Duration,
    pub reads: usize,
    pub writes: usize,
    pub reported: usize,
}

impl Meter {
    /// An input is taken.
    pub fn take(&mut self, work: impl FnOnce()) {
        let start = Instant::now();
        work();
        self.spent += start.elapsed();
    }

    /// A step is planned; the longest is told.
    pub fn plan(&mut self, work: impl FnOnce()) {
        let start = Instant::now();
        work();
        let took = start.elapsed();
        self.spent += took;
        self.longest = self.longest.max(took);
    }

    /// Prints what this stretch of time has cost, and begins the next.
    pub fn print(&mut self, what: &str, objects_all_protected: usize) {
        let Self { spent, longest, reads, writes, reported } = std::mem::take(self);
        println!(
            "{what}: engine {:.0} ms (longest step {:.1} ms), {reads} reads, {writes} writes, {reported} reports, {objects_all_protected} objects all protected, {} MiB resident",
            spent.as_secs_f64() * 1000.0,
            longest.as_secs_f64() * 1000.0,
            resident(),
        );
    }
}

/// The resident set of this process, in MiB.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4096 / (1 << 20)
}
