//! Whether pages of members make a whole. Sends nothing and waits for nothing.
//!
//! The operation pages by number, and its pages are no snapshot: a member that goes between two pages moves those behind it
//! to the page before, where nobody looks again. There is no token whose end could tell that all was seen.

use std::collections::BTreeSet;

use keeper_core::id::InstanceId;

use crate::scaling_member::MemberPage;

/// Members on a full page.
pub(crate) const PAGE_SIZE: u32 = 100;

/// A listing under way.
#[derive(Debug, Default)]
pub struct MemberListing {
    seen: BTreeSet<InstanceId>,
    pages: u32,
    /// How many members there were in all on the first page.
    first_total: u64,
    unreadable: bool,
}

/// How a listing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This page comes next.
    More(u32),
    /// As many distinct members were seen as there were, by the first page and by the last one. If one has gone and another
    /// has come between two pages, one may still have been passed over: who is absent is not known to have left.
    Complete,
    /// It ended, and some may be missing: nothing follows from the absence of a member.
    Incomplete,
}

impl MemberListing {
    /// Takes in the next page.
    pub fn add(&mut self, page: &MemberPage) -> Progress {
        self.pages = self.pages.saturating_add(1);
        if page.number != self.pages {
            return Progress::Incomplete;
        }
        if self.pages == 1 {
            self.first_total = page.total;
        }
        self.unreadable |= page.unreadable > 0;
        self.seen.extend(page.members.iter().map(|member| member.instance.clone()));
        let asked = u64::from(PAGE_SIZE) * u64::from(self.pages);
        if asked < page.total {
            let empty = page.members.is_empty() && page.unreadable == 0;
            // A page without anything before the end would go on for ever.
            return if empty { Progress::Incomplete } else { Progress::More(self.pages.saturating_add(1)) };
        }
        let seen = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        if !self.unreadable && seen == self.first_total && seen == page.total {
            Progress::Complete
        } else {
            Progress::Incomplete
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use keeper_core::call::Identity;
    use keeper_core::id::RequestId;

    use super::*;
    use crate::scaling_member::{LifecycleState, ScalingGroupId, ScalingMember};

    fn page(number: u32, total: u64, ids: Range<u32>) -> MemberPage {
        let member = |id: u32| ScalingMember {
            instance: InstanceId::new(format!("i-{id}")),
            group: ScalingGroupId::parse("asg-1"),
            lifecycle: Some(LifecycleState::InService),
        };
        MemberPage {
            number,
            members: ids.map(member).collect(),
            unreadable: 0,
            total,
            request_id: RequestId::new("R-1"),
            identity: Identity(0),
        }
    }

    fn last(pages: &[MemberPage]) -> Progress {
        let mut listing = MemberListing::default();
        pages.iter().map(|page| listing.add(page)).last().unwrap()
    }

    #[test]
    fn i05_a_listing_is_complete_if_as_many_were_seen_as_both_ends_say() {
        let unreadable = MemberPage { unreadable: 1, ..page(1, 3, 0..2) };
        for (pages, expected) in [
            (vec![page(1, 0, 0..0)], Progress::Complete),
            (vec![page(1, 100, 0..100)], Progress::Complete),
            (vec![page(1, 101, 0..100)], Progress::More(2)),
            (vec![page(1, 250, 0..100), page(2, 250, 100..200)], Progress::More(3)),
            (vec![page(1, 250, 0..100), page(2, 250, 100..200), page(3, 250, 200..250)], Progress::Complete),
            // One has gone meanwhile, and another one was passed over.
            (vec![page(1, 150, 0..100), page(2, 149, 101..150)], Progress::Incomplete),
            // One has come meanwhile, on a page that was seen already: one comes twice.
            (vec![page(1, 150, 0..100), page(2, 151, 99..150)], Progress::Incomplete),
            // One has gone and one has come at the end: the numbers fit, and `i-100` was passed over. Nothing can tell.
            (vec![page(1, 150, 0..100), page(2, 150, 101..151)], Progress::Complete),
            (vec![page(1, 150, 0..100), page(2, 150, 99..149)], Progress::Incomplete),
            // The last page shows fewer than it says.
            (vec![page(1, 150, 0..100), page(2, 150, 100..149)], Progress::Incomplete),
            // The first page of all shows nothing, and says that there is something.
            (vec![page(1, 5, 0..0)], Progress::Incomplete),
            (vec![page(1, u64::MAX, 0..0)], Progress::Incomplete),
            (vec![unreadable], Progress::Incomplete),
            // It is another page than the one that comes next.
            (vec![page(2, 2, 0..2)], Progress::Incomplete),
            (vec![page(1, 150, 0..100), page(1, 100, 0..100)], Progress::Incomplete),
        ] {
            assert_eq!(last(&pages), expected, "{pages:?}");
        }
    }
}
