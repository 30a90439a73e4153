//! From an object's spec to what it asks in each region, and where that goes. Pure: no client here.
//!
//! `place` decides who is served and which Nodes are meant; what is special about each custom resource stands in
//! `protection` and `retention`.

mod context;
mod place;
mod placement;
mod protection;
mod retention;

pub use place::place;
pub use placement::{Desired, Machine, Nodes, Placement, Served};
pub use retention::attachment;
