//! Retention of network interfaces in simulation: both engines together against a scripted cloud and a model of the
//! objects' store. A test names the invariant that it guards; most of them are asserted all the time by the world itself.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cloud;
mod operator;
mod oracles;
mod people;
#[path = "../seeds/mod.rs"]
mod seeds;
mod store;
mod world;

mod attaching;
mod crashes;
mod crowds;
mod grants;
mod keeping;
mod releasing;
mod rivals;
mod schedules;
mod truth;
