//! From what the engines say of an object to its status and its finalizer. Pure: no client here.
//!
//! `join` joins the parts of all regions to a report, `statement` makes a status of it, and what is special about each
//! custom resource stands in `protection` and `retention`.

mod api_conditions;
mod changes;
mod fields;
mod finalizer;
mod join;
mod lagging;
mod lifts;
mod losses;
mod protection;
mod report;
mod retention;
mod scaling_groups;
mod statement;

pub use api_conditions::{AT_RISK, RECONCILING, STALLED};
pub use changes::{Changes, row as change_row};
pub use finalizer::{Change, FINALIZER, change};
pub use join::{Now, report};
pub use lagging::Lagging;
pub use losses::{Losses, Lost, Moments, Shrinking, loss_events, shrinking_event};
pub use report::Report;
pub use statement::{Statement, statement};

#[cfg(test)]
mod tests;
