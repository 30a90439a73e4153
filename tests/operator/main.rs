//! Tests against a real API server, all in one binary so that one control plane serves them all.
//!
//! They run in parallel, each in a namespace of its own. The control plane is given by `KEEPER_TEST_KUBECONFIG` and
//! `KEEPER_TEST_KUBECTL`; without it they fail and say how to get one. A test that is skipped proves nothing. Only
//! `golden` does without.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what surprises a test must fail it; clippy.toml says so for test functions alone, not for what they call"
)]

mod accounts;
mod all_instances;
mod attribution;
mod audit;
mod boundaries;
mod calm;
mod clock;
mod clocks;
mod cluster;
mod columns;
mod crashes;
mod deletion;
mod doctor;
mod events;
mod evidence;
mod evidence_log;
mod exceptions;
mod explain;
mod failures;
mod generations;
#[path = "../gitops/tools.rs"]
mod gitops;
mod golden;
mod grants;
mod handover;
mod leaders;
mod losses;
mod machines;
mod nodes;
mod outages;
mod outside;
#[path = "../docs/pages.rs"]
#[expect(dead_code, reason = "the other tests of pages are elsewhere")]
mod pages;
mod permissions;
mod plan;
mod plugin;
mod pod;
mod process;
mod reattach;
mod refusing;
mod release;
mod restored;
mod retention;
mod retention_rules;
mod retention_status;
mod rrsa;
mod rules;
mod scale_in;
mod sessions;
mod settings;
mod stage;
mod start;
mod status;
mod story;
mod survivors;
mod targetless;
mod tools;
mod uninstall;
mod unprotecting;
