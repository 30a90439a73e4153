//! What the documentation says is checked: tables against the code they are made from, links against the files they
//! lead to, the threat model against the tests that it names, examples against a real API server. The chart has tests of
//! its own (`tests/chart`).
//!
//! `examples` needs the control plane that `make test` starts, and `argocd` the program that asks Argo CD's own code; the others do
//! without.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "what surprises a test must fail it; clippy.toml says so for test functions alone, not for what they call"
)]

mod argocd;
mod examples;
#[path = "../gitops/tools.rs"]
mod gitops;
mod links;
mod pages;
mod security;
mod tables;
mod workflow;
