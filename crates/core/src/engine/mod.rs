//! The parts of the engine.
//!
//! Guarantees. Nothing is written without an observed difference. A protected value is written only for a live hold, an
//! unprotected one only with a [`crate::authority::UnprotectPermit`]. A target has one write under way at most, and after it
//! ended, whatever the answer, the next call on that target is a read. A positive word rests on evidence that is
//! fresh now and was asked for after our own last write.

mod action;
mod assess;
mod attach;
mod attaching;
mod calls;
mod care;
mod context;
#[cfg(test)]
mod fixtures;
mod flag_view;
mod hindrance;
mod host_changes;
mod hosting;
mod hosts;
mod index;
mod inventory;
mod judge;
mod keeper;
mod lookup;
mod losses;
mod membership;
mod memory;
mod object;
mod reader;
mod reporter;
mod requests;
mod retention;
mod standing;
mod sweep;
mod tag_keys;
mod target;
mod targets;
mod turn;
mod unprotect;
mod view;
mod writer;

pub use crate::authority::PreflightAnswer;
pub(crate) use action::lost_reply;
pub use action::{Action, Asked, CALL_DEADLINE, Input, Load, PreflightId, Proven, Settings, Window};
pub(crate) use attach::Attacher;
pub(crate) use attaching::Attaching;
pub(crate) use context::Context;
pub(crate) use hosting::{asking_after, has_hosts, host_changed, hosts_awaited, shown_since};
pub(crate) use judge::judge_part;
pub(crate) use keeper::Keeper;
pub(crate) use reader::Finding;
pub(crate) use reporter::Reporter;
pub(crate) use requests::{drop_object, set_intent};
pub(crate) use retention::{judge_retention, update_watch};
pub(crate) use targets::Targets;
pub(crate) use turn::Turn;
