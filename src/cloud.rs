//! The client with which an account is called in one region.

use keeper_alicloud::VerifiedCredentials;
use keeper_alicloud::client::Client;

use crate::credentials::CurrentKey;

pub type Cloud = Client<VerifiedCredentials<CurrentKey>>;
