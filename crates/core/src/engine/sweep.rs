//! A sweep: a round over everything, by a listing of the region or by id.

use std::collections::BTreeSet;

use crate::call::{Identity, Query, ReadCall};
use crate::id::{CallId, PageToken};
use crate::resource::Resource;
use crate::time::Moment;

/// A round over everything.
#[derive(Debug)]
pub(super) struct Sweep<R: Resource> {
    pub first_call: CallId,
    pub started: Moment,
    /// The oldest evidence that it lets stand: that of the ids which it does not read anew.
    pub since: Moment,
    road: Road<R>,
    /// Something made this round unfit to conclude anything from absence.
    flawed: bool,
    /// A read failed while it was under way.
    pub hindered: bool,
    pub items: usize,
    pub pages: u32,
    /// The token of the page whose number was the last power of two: whoever goes in circles comes by it again.
    mark: Option<PageToken>,
    /// To whom its pages were given so far.
    identity: Option<Identity>,
    /// What its pages show and what they count, where they have numbers.
    count: Option<Count<R>>,
}

/// Pages by number are no snapshot. They make a whole if as many distinct targets were seen as there were, by the first page
/// and by the last one. If one has gone and another has come between two pages, one may still have been passed over: who is
/// absent has to be looked up.
#[derive(Debug)]
struct Count<R: Resource> {
    seen: BTreeSet<R::Id>,
    first_total: u64,
    last_total: u64,
}

impl<R: Resource> Count<R> {
    fn complete(&self) -> bool {
        let seen = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        seen == self.first_total && seen == self.last_total
    }
}

/// What is read in which order.
#[derive(Debug)]
pub(super) enum Road<R: Resource> {
    /// The listing of the region, a page after the other.
    /// An empty last page is how a permission looks that was lost on the way: then the first page is read once more, to
    /// see that it still shows something.
    Region { next: Option<PageToken>, reading: bool, confirming: bool },
    /// Only ids are wanted: these are still to be read, and so many reads are under way.
    Ids { rest: Vec<R::Id>, reading: usize },
}

impl<R: Resource> Sweep<R> {
    /// A round that begins now, with this call. `since`: how old evidence is that it lets stand.
    pub fn new(now: Moment, first_call: CallId, road: Road<R>, since: Moment) -> Self {
        Self {
            first_call,
            started: now,
            since,
            road,
            flawed: false,
            hindered: false,
            items: 0,
            pages: 0,
            mark: None,
            identity: None,
            count: None,
        }
    }

    pub fn by_region(&self) -> bool {
        matches!(self.road, Road::Region { .. })
    }

    /// Whether nothing may be concluded from absence.
    pub fn flawed(&self) -> bool {
        self.flawed || self.count.as_ref().is_some_and(|count| !count.complete())
    }

    /// Whether it is empty because the cloud says that there is nothing, and not only because nothing was shown.
    pub fn counts_nothing(&self) -> bool {
        self.count.as_ref().is_some_and(|count| count.first_total == 0)
    }

    /// The next page of the region shows these, and says how many there are in all.
    pub fn count(&mut self, total: u64, shown: impl Iterator<Item = R::Id>) {
        if !matches!(&self.road, Road::Region { confirming: false, .. }) {
            return;
        }
        let new = || Count { seen: BTreeSet::new(), first_total: total, last_total: total };
        let count = self.count.get_or_insert_with(new);
        count.seen.extend(shown);
        count.last_total = total;
    }

    /// Whether there is a read to be sent.
    pub fn has_work(&self) -> bool {
        match &self.road {
            Road::Region { reading, .. } => !reading,
            Road::Ids { rest, .. } => !rest.is_empty(),
        }
    }

    /// Whether a round by id has come to its end.
    pub fn ids_done(&self) -> bool {
        matches!(&self.road, Road::Ids { rest, reading: 0 } if rest.is_empty())
    }

    /// The next ids to be read, or the next page of the region.
    pub fn next(&mut self) -> Result<Vec<R::Id>, ReadCall<R>> {
        match &mut self.road {
            Road::Ids { rest, reading } => {
                *reading += 1;
                Ok(rest.split_off(rest.len().saturating_sub(R::IDS_PER_READ)))
            }
            Road::Region { next, reading, .. } => {
                *reading = true;
                Err(ReadCall { query: Query::Region, page: next.clone() })
            }
        }
    }

    /// Notes to whom a page was given; whether that is somebody else than before (I40). Then they are no listing.
    pub fn changes_hands(&mut self, identity: Option<Identity>) -> bool {
        let before = self.identity;
        self.identity = identity.or(before);
        before.is_some() && before != self.identity
    }

    /// A page of the region came. Whether it was the last one.
    pub fn page_read(&mut self, items: usize, flawed: bool, token: Option<PageToken>) -> bool {
        let Road::Region { next, reading, confirming } = &mut self.road else { return false };
        *reading = false;
        if *confirming {
            self.flawed |= items == 0;
            return true;
        }
        self.items += items;
        self.pages += 1;
        self.flawed |= flawed;
        let looping = token.is_some() && (token == *next || token == self.mark);
        if token.is_some() && !looping {
            if self.pages.is_power_of_two() {
                self.mark.clone_from(&token);
            }
            *next = token;
            return false;
        }
        self.flawed |= looping;
        if items == 0 && self.items > 0 {
            (*next, *confirming) = (None, true);
            return false;
        }
        true
    }

    /// A page of the region could not be read: it is asked for again.
    pub fn page_failed(&mut self) {
        if let Road::Region { reading, .. } = &mut self.road {
            *reading = false;
        }
    }

    /// Whether a page beyond the first is due, whose token may have expired.
    pub fn is_under_way(&self) -> bool {
        matches!(&self.road, Road::Region { next: Some(_), .. })
    }

    /// A read by id of this round ended. `showed_any`: it showed something that was asked for.
    pub fn ids_read(&mut self, showed_any: bool, flawed: bool, identity: Option<Identity>) {
        if let Road::Ids { reading, .. } = &mut self.road {
            *reading = reading.saturating_sub(1);
        }
        self.items += usize::from(showed_any);
        self.pages += 1;
        self.flawed |= flawed | self.changes_hands(identity);
    }

    /// A read by id of this round failed: these are read again. A further page may fail after all has been shown.
    pub fn ids_failed(&mut self, missing: impl IntoIterator<Item = R::Id>, showed_any: bool) {
        if let Road::Ids { rest, reading } = &mut self.road {
            *reading = reading.saturating_sub(1);
            self.items += usize::from(showed_any);
            self.pages += 1;
            rest.extend(missing);
        }
    }

    /// A read by id is asked anew in two halves, or not at all because it can't be halved.
    pub fn ids_split(&mut self, halved: bool) {
        if let Road::Ids { reading, .. } = &mut self.road {
            *reading = if halved { *reading + 1 } else { reading.saturating_sub(1) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{NOW, eni};
    use crate::interface::Interface;

    fn by_region() -> Sweep<Interface> {
        let road = Road::Region { next: None, reading: false, confirming: false };
        Sweep::new(NOW, CallId(1), road, NOW)
    }

    fn by_id(count: usize) -> Sweep<Interface> {
        let rest = (0..count).map(|n| eni(&n.to_string())).collect();
        Sweep::new(NOW, CallId(1), Road::Ids { rest, reading: 0 }, NOW)
    }

    /// The pages of a listing, each with its items and its token: when it ended, whether it proves absence.
    fn listing(pages: &[(usize, Option<&str>)]) -> Option<(usize, bool)> {
        let mut sweep = by_region();
        for (nth, (items, token)) in pages.iter().enumerate() {
            sweep.next().expect_err("a page of the region");
            if sweep.page_read(*items, false, token.map(PageToken::new)) {
                return Some((nth + 1, !sweep.flawed()));
            }
        }
        None
    }

    #[test]
    fn i04_i05_a_listing_ends_without_a_token_and_is_no_proof_if_odd() {
        for (why, pages, expected) in [
            ("one page", &[(3, None)][..], Some((1, true))),
            ("a short page with a token", &[(0, Some("a"))], None),
            ("two pages", &[(3, Some("a")), (1, None)], Some((2, true))),
            ("nothing at all", &[(0, None)], Some((1, true))),
            ("an empty last page", &[(3, Some("a")), (0, None)], None),
            (
                "and the first one still shows something",
                &[(3, Some("a")), (0, None), (3, None)],
                Some((3, true)),
            ),
            (
                "and the first one shows nothing more",
                &[(3, Some("a")), (0, None), (0, None)],
                Some((3, false)),
            ),
            ("the same token twice", &[(3, Some("a")), (3, Some("a"))], Some((2, false))),
            (
                "a circle of three",
                &[
                    (1, Some("a")),
                    (1, Some("b")),
                    (1, Some("c")),
                    (1, Some("a")),
                    (1, Some("b")),
                    (1, Some("c")),
                    (1, Some("a")),
                ],
                Some((7, false)),
            ),
        ] {
            assert_eq!(listing(pages), expected, "{why}");
        }
    }

    #[test]
    fn i05_pages_are_asked_for_one_at_a_time_with_the_last_token() {
        let mut sweep = by_region();
        assert!(!sweep.is_under_way());
        assert_eq!(sweep.next().unwrap_err().page, None);
        assert!(!sweep.has_work(), "it is being read");
        sweep.page_read(1, false, Some(PageToken::new("a")));
        assert!(sweep.is_under_way());
        for _ in 0..2 {
            assert!(sweep.has_work());
            assert_eq!(sweep.next().unwrap_err().page, Some(PageToken::new("a")));
            sweep.page_failed();
        }
        // An empty last page: the first one is read again.
        sweep.next().unwrap_err();
        sweep.page_read(0, false, None);
        assert_eq!(sweep.next().unwrap_err().page, None);
    }

    #[test]
    fn i03_a_flaw_on_any_page_spoils_the_round() {
        let mut sweep = by_region();
        sweep.page_read(1, true, Some(PageToken::new("a")));
        assert!(sweep.page_read(1, false, None));
        assert!(sweep.flawed());
    }

    #[test]
    fn i05_pages_by_number_make_a_whole_if_as_many_were_seen_as_both_ends_say() {
        let listing = |pages: &[(u64, std::ops::Range<u32>)]| {
            let mut sweep = by_region();
            for (nth, (total, ids)) in pages.iter().enumerate() {
                let shown: Vec<_> = ids.clone().map(|n| eni(&n.to_string())).collect();
                let next = (nth + 1 < pages.len()).then(|| PageToken::new((nth + 2).to_string()));
                sweep.count(*total, shown.iter().cloned());
                sweep.page_read(shown.len(), false, next);
            }
            !sweep.flawed()
        };
        for (why, pages, whole) in [
            ("nothing", &[(0, 0..0)][..], true),
            ("one page", &[(100, 0..100)], true),
            ("three pages", &[(250, 0..100), (250, 100..200), (250, 200..250)], true),
            ("one has gone, and another was passed over", &[(150, 0..100), (149, 101..150)], false),
            ("one has come, and another comes twice", &[(150, 0..100), (151, 99..150)], false),
            ("one comes twice, and all were seen", &[(150, 0..100), (150, 99..150)], true),
            ("one comes twice instead of another", &[(150, 0..100), (150, 99..149)], false),
            ("fewer than it says", &[(150, 0..100), (150, 100..149)], false),
            ("it shows nothing and says that there is something", &[(5, 0..0)], false),
        ] {
            assert_eq!(listing(pages), whole, "{why}");
        }
    }

    #[test]
    fn i40_pages_that_were_given_to_two_are_no_listing() {
        let mut sweep = by_region();
        let given_to = [Some(1), Some(1), None, Some(1), Some(2), Some(2)];
        let changes = given_to.map(|to| sweep.changes_hands(to.map(Identity)));
        assert_eq!(changes, [false, false, false, false, true, false]);
        let mut sweep = by_id(250);
        for to in [1, 2] {
            _ = sweep.next();
            sweep.ids_read(true, false, Some(Identity(to)));
        }
        assert!(sweep.flawed());
    }

    #[test]
    fn i05_a_round_by_id_is_done_when_every_id_was_read() {
        let mut sweep = by_id(250);
        let first = sweep.next().unwrap();
        assert_eq!(first.len(), Interface::IDS_PER_READ);
        sweep.ids_failed(first, false);
        let mut read = 0;
        while sweep.has_work() {
            let ids = sweep.next().unwrap();
            assert!(!ids.is_empty() && ids.len() <= Interface::IDS_PER_READ);
            read += ids.len();
        }
        assert_eq!(read, 250);
        for _ in 0..3 {
            assert!(!sweep.ids_done(), "reads are under way");
            sweep.ids_read(true, false, None);
        }
        assert!(sweep.ids_done() && !sweep.flawed());
    }

    #[test]
    fn i05_a_read_in_halves_is_under_way_until_both_have_ended() {
        let mut sweep = by_id(2);
        _ = sweep.next();
        sweep.ids_split(true);
        sweep.ids_read(true, false, None);
        assert!(!sweep.ids_done(), "the other half");
        sweep.ids_split(false);
        assert!(sweep.ids_done(), "what can't be halved is not read");
    }
}
