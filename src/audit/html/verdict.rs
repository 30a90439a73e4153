//! How a severity looks: a colour of its own, and a shape and a word beside it, for whoever can't tell the colours apart.

use maud::{Markup, html};

use crate::audit::row::Severity;

/// The class of what has this severity. The style says the rest.
pub const fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Unprotected => "unprotected",
        Severity::AtRisk => "at-risk",
        Severity::Unknown => "unknown",
        Severity::NotApplicable => "not-applicable",
        Severity::Protected => "protected",
    }
}

/// The word with its shape.
pub fn verdict(severity: Severity) -> Markup {
    html! { b.verdict.(class(severity)) { (severity.label()) } }
}
