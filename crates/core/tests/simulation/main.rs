//! The invariants, in simulation: the deciders' actions against a scripted cloud and a model of the objects' store.
//! A test names the invariant that it guards; most of them are asserted all the time by the world itself.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod protection {
    mod crashes;
    mod evidence;
    mod exceptions;
    mod grants;
    mod keys;
    mod leading;
    mod lifts;
    mod losses;
    mod release_times;
    mod scale_in;
    mod throttling;
    mod truth;
    mod unprotecting;
    mod writing;
}

mod retention {
    pub mod attaching;
    mod crashes;
    mod crowds;
    mod everything;
    mod forgetting;
    mod grants;
    mod host_reads;
    mod hosts;
    mod keeping;
    mod known_hosts;
    mod leading;
    mod releasing;
    mod rivals;
    mod truth;
}

mod schedules;
mod seeds;
mod world;
