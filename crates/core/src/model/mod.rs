//! Plain values: what there is, what is asked of it, and what was said of it. No state.

pub mod authority;
pub mod auto_release_time;
pub mod call;
pub mod delete_on_release;
pub mod deletion_protection;
pub mod evidence;
pub mod exception;
pub mod failure;
pub mod flag;
pub mod id;
pub mod instance;
pub mod intent;
pub mod interface;
pub mod lift;
pub mod loss;
pub mod on_behalf;
pub mod protected_from_scale_in;
pub mod reason;
pub mod resource;
pub mod retention;
pub mod scaling_member;
pub mod surroundings;
pub mod time;
pub mod trail;
pub mod transition;
pub mod wall_clock;
