//! What stands between the API server and the engines: objects and Nodes come in, reports go out.
//!
//! ```text
//! watch ─ intake ─ route ─→ mailbox of each fleet ─→ engine
//!            ↓                                         │
//!         objects ←──────────── parts ─────────────────┘
//!            ↓
//!         report ─ status, Events, finalizer ─→ API server
//! ```
//!
//! All of it serves each custom resource alike. What is special about one stands in its files under `route` (from spec to
//! wish) and `status` (from judgement to status).
//!
//! kube's own `Controller` is not used: it has one queue without priorities, and does not tell of an object that was
//! deleted without a finalizer, whose claim must fall at once.

pub mod announce;
pub mod finalizer;
pub mod intake;
pub mod lagging;
pub mod losses;
pub mod news;
pub mod object;
pub mod objects;
pub mod recheck;
pub mod recorder;
pub mod report;
pub mod route;
pub mod status;
