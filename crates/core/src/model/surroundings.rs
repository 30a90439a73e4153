//! What a network interface has to know of the instance that it is on.

use std::sync::Arc;

use crate::id::InterfaceId;

/// What a listing says of an instance besides its flag, as far as its network interfaces are concerned. A field is `None`
/// when the cloud's answer lacked it or had it in a form that we do not know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Surroundings {
    /// The instance's own list of its interfaces. An interface on its way to the instance may not stand there yet.
    pub interfaces: Option<Vec<InterfaceId>>,
    /// Zone.
    pub zone_id: Option<Arc<str>>,
    /// VPC; of an instance outside of any, the text is empty.
    pub vpc_id: Option<Arc<str>>,
    /// Status.
    pub power: Option<Power>,
}

/// The status of an instance as far as attaching an interface depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Power {
    /// `Running`
    Running,
    /// `Stopped`
    Stopped,
    /// On its way from one to the other, or not there yet.
    Between,
}
