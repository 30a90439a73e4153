//! What is told in Events (`event`, `transition`), how many of them (`correlator`), and how they are sent (`recorder`).

mod correlator;
mod event;
mod recorder;
mod transition;

pub use event::{ObjectEvent, Survivors, cancelled, each_or_all, examples, forgotten, orphaned, survived};
pub use recorder::EventRecorder;
pub use transition::{contested, end, transition};
