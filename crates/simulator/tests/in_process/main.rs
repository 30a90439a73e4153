//! The simulator as tests inside the process use it: over its port with a client of few lines, and by its handle.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

mod client;
mod instances;
mod interfaces;
mod metadata;
mod parameters;
mod permissions;
mod probes;
mod scaling;
mod scaling_probes;
mod sessions;
mod tls;
mod trail;
mod trail_probes;
