//! A bar that shows which share of some targets has which severity.

use maud::{Markup, html};

use super::tally::Tally;
use super::verdict::class;
use crate::audit::row::Severity;

/// What a bar is divided into.
const WIDTH: u64 = 1_000;
/// What can still be seen: one among a hundred thousand has to be.
const NARROWEST: u64 = 8;

/// The bar. What it shows stands beside it in numbers.
pub fn bar(tally: &Tally) -> Markup {
    html! {
        svg.bar viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none" aria-hidden="true" {
            @for (severity, x, width) in segments(tally) {
                rect.(class(severity)) x=(x) width=(width) height="10" {}
            }
        }
    }
}

/// Where each segment begins and how wide it is, the worst first.
fn segments(tally: &Tally) -> Vec<(Severity, u64, u64)> {
    let total = tally.total();
    let present: Vec<Severity> = Severity::ALL.into_iter().filter(|one| tally.of(*one) > 0).collect();
    let largest = present.iter().copied().max_by_key(|severity| tally.of(*severity));
    let width = |severity| (WIDTH * tally.of(severity)).checked_div(total).unwrap_or(0).max(NARROWEST);
    let others: u64 = present.iter().filter(|one| Some(**one) != largest).map(|one| width(*one)).sum();
    let mut x = 0;
    present
        .into_iter()
        .map(|severity| {
            let width = if Some(severity) == largest { WIDTH - others } else { width(severity) };
            let begin = x;
            x += width;
            (severity, begin, width)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_severity_that_there_is_can_be_seen_and_the_bar_is_full() {
        let mut tally = Tally::default();
        assert_eq!(segments(&tally), []);
        tally.add(Severity::Unprotected, false);
        assert_eq!(segments(&tally), [(Severity::Unprotected, 0, 1_000)]);
        for _ in 0..9_998 {
            tally.add(Severity::Protected, false);
        }
        tally.add(Severity::AtRisk, false);
        let expected =
            [(Severity::Unprotected, 0, 8), (Severity::AtRisk, 8, 8), (Severity::Protected, 16, 984)];
        assert_eq!(segments(&tally), expected);
    }
}
