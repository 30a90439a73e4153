//! Who has switched a flag off: which questions to put to ActionTrail and when, and which events fit. Asks nobody itself, and has no say in
//! what is protected.

mod attributor;
mod concern;
mod drift;
mod finding;
mod hourly;

pub use attributor::{Attributor, Noted, Question, Refusal};
pub use concern::Concern;
pub use drift::Own;
pub use finding::{Finding, Outcome, Unanswered};
pub use hourly::Pace;
