//! The parts of the engine.
//!
//! Guarantees. Nothing is written without an observed difference. A protected value is written only for a live hold, an
//! unprotected one only with a [`crate::authority::UnprotectPermit`]. A target has one write under way at most, and after it
//! ended, whatever the answer, the next call on that target is a read. A positive word rests on evidence that is
//! fresh now and was asked for after our own last write.

mod action;
mod attach_checks;
mod attach_step;
mod attacher;
mod auto_release;
mod calls;
mod care;
mod context;
mod exceptions;
#[cfg(test)]
mod fixtures;
mod flag_keeper;
mod flag_view;
mod forgetting;
mod hindrance;
mod holds;
mod host_changes;
mod hosting;
mod hosts;
mod index;
mod instances;
mod interfaces;
mod inventory;
mod judge;
mod lifts;
mod lookup;
mod losses;
mod members;
mod membership;
mod memory;
mod object;
mod observation;
mod only_flag;
mod reader;
mod region;
mod region_view;
mod reporter;
mod requests;
mod retention;
mod scale_in;
mod survey;
mod suspension;
mod sweep;
mod tag_keys;
mod target;
mod targets;
mod transitions;
mod turn;
mod unprotect;
mod unprotect_checks;
mod view;
mod writer;

pub use crate::authority::PreflightAnswer;
pub use action::{
    Action, Asked, CALL_DEADLINE, Input, Load, PreflightId, ProtectionRecord, Proven, Settings, Window,
};
pub use observation::{Observation, ObservedRegion, observe_scaling_group};
pub use region::RegionEngine;
pub use survey::{FlagProspect, Next, Opinion, Prospect, Stance, Survey};
