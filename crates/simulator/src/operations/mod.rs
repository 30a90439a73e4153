//! The operations: one file each, or one for a few that share their rules.

mod assume_role;
mod attach;
mod authorization;
mod auto_release;
mod call;
mod create;
mod create_network_interface;
mod describe_instances;
mod describe_network_interfaces;
mod describe_regions;
mod honours;
mod identity;
mod instance_filter;
mod instance_page;
mod interface_answer;
mod interface_filter;
mod interface_page;
mod interface_rules;
mod list_tags;
mod listing;
mod modify_instance_attribute;
mod modify_network_interface;
mod named;
mod new_interfaces;
mod odd;
mod operation;
mod page;
mod release;
mod subscription;
mod tags;
mod texts;

pub(crate) use call::{Body, Call, Done};
pub(crate) use instance_page::InstancePage;
pub(crate) use named::{named_instances, named_interfaces};
pub(crate) use operation::Operation;
pub(crate) use release::{Manner, refuse_release};
