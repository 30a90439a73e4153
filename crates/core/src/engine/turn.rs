//! One step of the engine: its moment, what all parts share, and what is known of the instances that targets may be on.

use super::context::Context;
use super::reporter::Reporter;
use super::view::View;
use crate::instance::Instance;
use crate::time::Moment;

/// One step of the engine at one moment.
pub(crate) struct Turn<'a> {
    pub now: Moment,
    pub context: &'a mut Context,
    pub reporter: &'a mut Reporter,
    /// What is known of instances; `None`: the step is about instances themselves.
    pub hosts: Option<&'a View<'a, Instance>>,
}
