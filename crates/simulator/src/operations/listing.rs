//! Listings: pages, tokens, and the traps of both.

use std::sync::Arc;

use tokio::time::Instant;

use super::call::Call;
use super::page::Page;
use crate::faults::PageFaults;
use crate::state::{Fleet, Item, Mark, Visit, World};
use crate::wire::{Params, Refusal};

/// A query with a tag or resource group filter answers at most so many resources, over all its pages.
const FILTERED_TOTAL: usize = 1_000;

/// Page size when none is said, or one below it: asking for fewer than 10 gives 10.
const SMALLEST_PAGE: i64 = 10;

/// The largest pages of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Largest {
    /// By MaxResults.
    pub(super) by_token: i64,
    /// By the deprecated PageSize.
    pub(super) by_number: i64,
}

/// What a listing asks for.
pub(super) trait Filter<T> {
    /// The ids that were asked for.
    fn ids(&self) -> Option<&[String]>;
    /// A mark of all that match, from which a listing can start.
    fn mark(&self) -> Option<Mark>;
    /// Whether answers are capped at 1,000 resources.
    fn is_capped(&self) -> bool;
    fn matches(&self, item: &T) -> bool;
    /// Whether a fault hides an item from this listing.
    fn hidden(&self, item: &T, faults: &PageFaults) -> bool;
}

/// How a client pages. MaxResults and NextToken go before the deprecated PageNumber and PageSize.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paging {
    Token { limit: usize, after: u64, served: usize },
    Number { number: usize, size: usize, token_too: bool },
}

impl Paging {
    fn parse(params: &Params, largest: Largest, digest: u64) -> Result<Self, Refusal> {
        let limit = params.integer("MaxResults")?;
        let token = params.get("NextToken");
        if limit.is_none() && token.is_none() {
            let number = params.integer("PageNumber")?;
            let size = params.integer("PageSize")?;
            return Ok(Self::Number {
                number: in_range(number.unwrap_or(1), 1, i64::MAX, "PageNumber")?,
                size: in_range(size.unwrap_or(SMALLEST_PAGE), 1, largest.by_number, "PageSize")?,
                token_too: number.is_none() && size.is_none(),
            });
        }
        let limit = limit.unwrap_or(SMALLEST_PAGE).clamp(SMALLEST_PAGE, largest.by_token);
        let (after, served) = token.map_or(Ok((0, 0)), |token| read_token(token, digest))?;
        Ok(Self::Token { limit: in_range(limit, 1, largest.by_token, "MaxResults")?, after, served })
    }
}

fn in_range(value: i64, least: i64, most: i64, name: &str) -> Result<usize, Refusal> {
    if !(least..=most).contains(&value) {
        return Err(Refusal::invalid(name));
    }
    usize::try_from(value).map_err(|_| Refusal::invalid(name))
}

/// A token tells where the listing goes on, how many items it has answered, and which filters it belongs to.
fn write_token(after: u64, served: usize, digest: u64) -> String {
    format!("{after:016x}{served:08x}{digest:016x}")
}

/// A token of another query is refused. The vendor's pages don't say what the cloud does with one.
fn read_token(token: &str, digest: u64) -> Result<(u64, usize), Refusal> {
    let number =
        |range: std::ops::Range<usize>| token.get(range).and_then(|text| u64::from_str_radix(text, 16).ok());
    match (number(0..16), number(16..24), number(24..40)) {
        (Some(after), Some(served), Some(found)) if token.len() == 40 && found == digest => {
            Ok((after, usize::try_from(served).unwrap_or(usize::MAX)))
        }
        _ => Err(Refusal::invalid("NextToken")),
    }
}

/// Answers the page that a call asks for.
pub(super) fn page<T: Item, F: Filter<T>>(
    world: &mut World,
    call: &Call<'_>,
    (region, filter, largest): (&str, &F, Largest),
    fleet: impl FnOnce(&mut World) -> Option<&mut Fleet<T>>,
) -> Result<Page<T>, Refusal> {
    let paged = ["MaxResults", "NextToken", "PageNumber", "PageSize"];
    let digest =
        world.digest(call.params.iter().filter(|(name, _)| !paged.contains(name)).collect::<Vec<_>>());
    let paging = Paging::parse(call.params, largest, digest)?;
    let Some(fleet) = fleet(world) else { return Ok(Page::empty()) };
    let mut listing = Listing { fleet, region, filter, faults: call.page };
    Ok(match paging {
        Paging::Token { limit, after, served } => listing.continued(limit, after, served, digest),
        Paging::Number { number, size, token_too } => {
            listing.numbered(number, size, token_too.then_some(digest))
        }
    })
}

/// A listing in progress.
struct Listing<'a, T, F> {
    fleet: &'a mut Fleet<T>,
    region: &'a str,
    filter: &'a F,
    faults: &'a PageFaults,
}

impl<T: Item, F: Filter<T>> Listing<'_, T, F> {
    /// Shows the items that match, in order, from a position on, until `visit` has enough.
    fn matching(&mut self, after: u64, mut visit: impl FnMut(u64, &Arc<T>) -> Visit) {
        let now = Instant::now();
        let (filter, faults) = (self.filter, self.faults);
        let mut show = |sequence: u64, item: &Arc<T>| {
            if filter.matches(item) && !filter.hidden(item, faults) {
                visit(sequence, item)
            } else {
                Visit::Next
            }
        };
        if let Some(ids) = filter.ids() {
            // An unknown id, or one of another region, is left out without a word.
            let mut found: Vec<_> =
                ids.iter().filter_map(|id| self.fleet.read(self.region, id, now)).collect();
            found.sort_unstable_by_key(|(sequence, _)| *sequence);
            for (sequence, item) in found.iter().filter(|(sequence, _)| *sequence > after) {
                if show(*sequence, item) == Visit::Stop {
                    return;
                }
            }
        } else {
            self.fleet.walk(self.region, after, filter.mark().as_ref(), now, show);
        }
    }

    fn continued(&mut self, limit: usize, after: u64, served: usize, digest: u64) -> Page<T> {
        let faults = self.faults;
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (skip, repeat) = (count(faults.skip), count(faults.repeat));
        let allowed =
            if self.filter.is_capped() { FILTERED_TOTAL.saturating_sub(served) } else { usize::MAX };
        let limit = limit.min(faults.items.map_or(usize::MAX, count)).min(allowed);

        let mut positions = Vec::new();
        let mut items = Vec::new();
        let mut skipped = Vec::new();
        let mut more = false;
        self.matching(after, |sequence, item| {
            if items.len() < limit {
                positions.push(sequence);
                items.push(Arc::clone(item));
            } else if skipped.len() < skip {
                skipped.push(sequence);
            } else {
                more = true;
                return Visit::Stop;
            }
            Visit::Next
        });

        // A page goes forward by one item at least, or a client would never see the end.
        let repeated = repeat.min(positions.len().saturating_sub(1));
        let last = positions.len().checked_sub(1 + repeated).and_then(|index| positions.get(index));
        let next = skipped.last().or(last).copied().unwrap_or(after);
        let served = served + items.len();
        let token =
            if more && items.len() < allowed { write_token(next, served, digest) } else { String::new() };
        Page { items, next_token: token, ..Page::empty() }
    }

    fn numbered(&mut self, number: usize, size: usize, digest: Option<u64>) -> Page<T> {
        // What comes or goes between two pages moves all that is on the later ones.
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let step = size.saturating_add(count(self.faults.skip)).saturating_sub(count(self.faults.repeat));
        let start = (number - 1).saturating_mul(step.max(1));
        let cap = if self.filter.is_capped() { FILTERED_TOTAL } else { usize::MAX };
        let mut total = 0;
        let mut items = Vec::new();
        let mut last = 0;
        self.matching(0, |sequence, item| {
            if total == cap {
                return Visit::Stop;
            }
            if total >= start && items.len() < size {
                last = sequence;
                items.push(Arc::clone(item));
            }
            total += 1;
            Visit::Next
        });
        let next_token = match digest {
            Some(digest) if total > items.len() => write_token(last, items.len(), digest),
            _ => String::new(),
        };
        Page { items, next_token, total, number, size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(pairs: &[(&str, &str)]) -> Result<Paging, Refusal> {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Paging::parse(&Params::from_pairs(&pairs)?, Largest { by_token: 100, by_number: 100 }, 7)
    }

    #[test]
    fn page_sizes_below_ten_become_ten_and_above_a_hundred_a_hundred() {
        for (asked, given) in
            [("-1", 10), ("0", 10), ("1", 10), ("9", 10), ("10", 10), ("99", 99), ("100", 100), ("5000", 100)]
        {
            assert_eq!(
                paging(&[("MaxResults", asked)]),
                Ok(Paging::Token { limit: given, after: 0, served: 0 }),
                "{asked}"
            );
        }
    }

    #[test]
    fn tokens_win_over_page_numbers_and_without_either_ten_come() {
        assert_eq!(
            paging(&[("MaxResults", "50"), ("PageNumber", "3"), ("PageSize", "20")]),
            Ok(Paging::Token { limit: 50, after: 0, served: 0 })
        );
        assert_eq!(paging(&[]), Ok(Paging::Number { number: 1, size: 10, token_too: true }));
        assert_eq!(
            paging(&[("PageNumber", "3"), ("PageSize", "20")]),
            Ok(Paging::Number { number: 3, size: 20, token_too: false })
        );
        assert_eq!(
            paging(&[("PageSize", "101")]).map_err(|r| r.code.into_owned()),
            Err("InvalidParameter".into())
        );
    }

    #[test]
    fn a_token_belongs_to_its_query() {
        let token = write_token(42, 300, 7);
        assert_eq!(read_token(&token, 7), Ok((42, 300)));
        assert!(read_token(&token, 8).is_err());
        for broken in ["x", "", &token[1..], &format!("{token}0"), "é234567890123456789012345678901234567890"]
        {
            assert!(read_token(broken, 7).is_err(), "{broken}");
        }
    }
}
