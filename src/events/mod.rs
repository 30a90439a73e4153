//! What is told in Events, and how many of them.

mod correlator;
mod event;
mod recorder;
mod transition;

pub use event::{ObjectEvent, Survivors, each_or_all, forgotten, survived};
pub use recorder::EventRecorder;
pub use transition::{contested, end, transition};
