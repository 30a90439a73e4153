//! A sweep: a round over everything, by a listing of the region or by id.

use crate::call::{IDS_PER_READ, Identity, Query, ReadCall};
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
        }
    }

    pub fn by_region(&self) -> bool {
        matches!(self.road, Road::Region { .. })
    }

    /// Whether nothing may be concluded from absence.
    pub fn flawed(&self) -> bool {
        self.flawed
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
                Ok(rest.split_off(rest.len().saturating_sub(IDS_PER_READ)))
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
