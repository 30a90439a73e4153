//! The invariants, in simulation: the engine's effects against a scripted cloud and a model of the objects' store.
//! A test names the invariant that it guards.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod grants;
mod keys;
mod leading;
mod losses;
mod schedules;
#[path = "../seeds/mod.rs"]
mod seeds;
mod throttling;
mod truth;
mod weakening;
mod world;
mod writing;
