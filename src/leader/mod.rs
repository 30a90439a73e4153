//! Which replica leads: it alone signs calls of the cloud and writes status. The others keep their watches, so that they
//! can take over at once.
//!
//! `candidate` decides, `lease` reads and writes, `election` carries between the two, and `leadership` tells everybody
//! else. Whoever does something that only the leader may do takes the [`Lead`] at hand and does it
//! [within](Leadership::within) it: that is checked each time the work goes on, against the monotonic clock, so that a
//! process that was stopped for a while notices even if nobody could tell it.

pub mod candidate;
mod election;
mod leadership;
pub mod lease;

pub use election::Leader;
pub use leadership::{Lead, Leadership, TermGuard, at_the_end};
