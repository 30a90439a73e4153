//! From an object's spec to what it asks in each region, and where that goes. Pure: no client here.
//!
//! `place` decides who is served, and `node_selection` which Nodes are meant; what is special about each custom resource stands
//! in `protection` and `retention`.

mod context;
mod node_selection;
mod place;
mod placement;
mod protection;
mod removal;
mod retention;
mod wall_time;

pub use node_selection::{Machine, Nodes};
pub use place::{Cluster, place};
pub use placement::{Desired, Placement, Served};
pub use protection::{exception_records, exception_until, lifts, lifts_for_karpenter, unknown_word};
pub use removal::{Claim, Claims, Removing, namers};
pub use retention::attachment;
pub use wall_time::{timestamp, wall_time};
