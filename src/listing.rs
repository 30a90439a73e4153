//! Lists a whole region once, page by page, or finds a few resources by their ids, for commands that only look.
//!
//! Guarantees: nothing but pages of listings is asked for; no minute has more calls than the limit; a page is handed on as soon as
//! it is there, so that nothing has to be kept of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::cloud::Cloud;
use jiff::Timestamp;
use keeper_alicloud::{Always, ScalingGroup, WireResource};
use keeper_core::backoff::{self, Jitter};
use keeper_core::budget::{Budget, Limit, Urgency};
use keeper_core::call::{Identity, Item, Page, Query, ReadCall};
use keeper_core::evidence::Evidence;
use keeper_core::failure::Class;
use keeper_core::id::{CallId, PageToken, Region};
use keeper_core::resource::Resource;
use keeper_core::time::Moment;
use tokio::time::{Instant, sleep};

use crate::progress::note;

/// Failures in a row after which a listing is given up. Whoever is throttled shares the quota with others, and waits for its turn;
/// who can't reach the cloud wants to hear of it.
const FAILURES: (u32, u32) = (12, 3);

/// How often a listing without a snapshot is read until its pages fit together.
const ROUNDS: u32 = 3;

/// Why a region could not be listed whole.
#[derive(Debug, thiserror::Error)]
pub enum ListingError {
    #[error(transparent)]
    Cloud(keeper_alicloud::Error),
    #[error(
        "the credentials changed to those of another identity during {0}, so its pages don't fit together: try again"
    )]
    ChangedHands(&'static str),
    #[error("the pages of {0} lead in a circle: try again, and report it if this lasts")]
    Loop(&'static str),
    #[error("{0} did not list as many as it says that there are: try again, and report it if this lasts")]
    Incomplete(&'static str),
    #[error("failed to write the report")]
    Output(#[source] io::Error),
}

/// One resource of a listing.
pub struct Listed<R: Resource> {
    pub id: R::Id,
    pub name: Option<Box<str>>,
    pub evidence: Evidence<R>,
}

/// What was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    pub items: usize,
    /// Entries without a readable id.
    pub unreadable: usize,
}

/// Lists one region of one account.
pub struct Lister {
    cloud: Arc<Cloud>,
    began: Instant,
    calls: u64,
    jitter: Jitter,
    /// Whether it was said that the cloud throttles.
    throttling_told: bool,
}

impl<R: Resource> Listed<R> {
    /// The same, as the engine takes it.
    pub fn item(&self) -> Item<R> {
        Item { id: self.id.clone(), name: None, facts: self.evidence.facts.clone() }
    }
}

impl Lister {
    pub fn new(cloud: Arc<Cloud>) -> Self {
        Self { cloud, began: Instant::now(), calls: 0, jitter: Jitter::new(0), throttling_told: false }
    }

    /// Hands on every page of a listing, with the time when it was asked for.
    pub async fn list<R: WireResource>(
        &mut self,
        limit: Limit,
        take: impl FnMut(Vec<Listed<R>>, Timestamp) -> io::Result<()>,
    ) -> Result<Total, ListingError> {
        self.pages(Query::Region, &mut Budget::new(limit), take).await
    }

    /// What there is of these, and when the first of them was asked for. What the cloud does not know is left out, and so is what the
    /// identity may not see.
    pub async fn find<R: WireResource>(
        &mut self,
        limit: Limit,
        ids: &[R::Id],
    ) -> Result<(Vec<Listed<R>>, Option<Timestamp>), ListingError> {
        let (mut found, mut first) = (Vec::new(), None);
        let mut budget = Budget::new(limit);
        for some in ids.chunks(R::IDS_PER_READ) {
            let take = |page: Vec<Listed<R>>, asked| {
                first.get_or_insert(asked);
                found.extend(page);
                Ok(())
            };
            match self.pages(Query::Ids(some.to_vec()), &mut budget, take).await {
                Err(ListingError::Cloud(error)) if error.class == Class::Gone => {}
                read => _ = read?,
            }
        }
        // Nobody is told of more than was asked for.
        let asked: BTreeSet<&R::Id> = ids.iter().collect();
        found.retain(|listed| asked.contains(&listed.id));
        Ok((found, first))
    }

    async fn pages<R: WireResource>(
        &mut self,
        query: Query<R>,
        budget: &mut Budget,
        mut take: impl FnMut(Vec<Listed<R>>, Timestamp) -> io::Result<()>,
    ) -> Result<Total, ListingError> {
        let mut total = Total::default();
        let mut trail = Trail::default();
        let mut call = ReadCall { query, page: None };
        loop {
            let (page, seen, asked) = self.read(&call, budget).await?;
            if trail.changes_hands(page.identity) {
                return Err(ListingError::ChangedHands(R::LISTING));
            }
            total.items += page.items.len();
            total.unreadable += page.unreadable;
            let Page { items, next, request_id, .. } = page;
            let listed = items.into_iter().map(|item| {
                let request_id = request_id.clone();
                let evidence =
                    Evidence { facts: item.facts, seen, call: CallId(self.calls), request_id, tag_epoch: 0 };
                Listed { id: item.id, name: item.name, evidence }
            });
            take(listed.collect(), asked).map_err(ListingError::Output)?;
            let Some(next) = next else { return Ok(total) };
            if trail.loops(&next) {
                return Err(ListingError::Loop(R::LISTING));
            }
            call.page = Some(next);
        }
    }

    /// Whether the identity may list instances here, which an empty listing does not tell.
    pub async fn may_list_instances(&self) -> Result<(), ListingError> {
        self.cloud.may_list_instances(&Always).await.map_err(ListingError::Cloud)
    }

    /// The regions that there are, whether or not the identity may see anything there.
    pub async fn regions(&mut self, limit: Limit) -> Result<Vec<Region>, ListingError> {
        let (regions, _, _) =
            self.ask(&mut Budget::new(limit), async |cloud| cloud.regions(&Always).await).await?;
        Ok(regions)
    }

    /// The scaling groups of the region, with the time when the first page was asked for. The cloud pages by number, without a
    /// snapshot: the pages fit together if they show as many groups as the first and the last one say that there are.
    pub async fn scaling_groups(
        &mut self,
        limit: Limit,
    ) -> Result<(Vec<ScalingGroup>, Timestamp), ListingError> {
        let mut budget = Budget::new(limit);
        for _ in 0..ROUNDS {
            let (mut groups, mut number, mut first) = (BTreeMap::new(), 1, None);
            let last = loop {
                let page = async |cloud: &Cloud| cloud.scaling_groups(number, &Always).await;
                let (page, _, asked) = self.ask(&mut budget, page).await?;
                let (total, asked) = *first.get_or_insert((page.total, asked));
                groups.extend(page.groups.into_iter().map(|group| (group.id.clone(), group)));
                match page.next {
                    Some(next) => number = next,
                    None => break (total == page.total, total, asked),
                }
            };
            if let (true, total, asked) = last
                && u64::try_from(groups.len()) == Ok(total)
            {
                return Ok((groups.into_values().collect(), asked));
            }
        }
        Err(ListingError::Incomplete("DescribeScalingGroups"))
    }

    /// One page, and when it was asked for.
    async fn read<R: WireResource>(
        &mut self,
        call: &ReadCall<R>,
        budget: &mut Budget,
    ) -> Result<(Page<R>, Moment, Timestamp), ListingError> {
        self.ask(budget, async |cloud| cloud.read(call, &Always).await).await
    }

    /// One answer, and when it was asked for.
    async fn ask<T>(
        &mut self,
        budget: &mut Budget,
        call: impl AsyncFn(&Cloud) -> Result<T, keeper_alicloud::Error>,
    ) -> Result<(T, Moment, Timestamp), ListingError> {
        let mut failures = 0;
        loop {
            let mut now = self.now();
            while !budget.take(now, Urgency::Foreground) {
                sleep(budget.next_token(now, Urgency::Foreground).since(now)).await;
                now = self.now();
            }
            self.calls += 1;
            // A finer time tells nobody more.
            let asked = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
            let error = match call(&self.cloud).await {
                Ok(answer) => return Ok((answer, now, asked)),
                Err(error) => error,
            };
            failures += 1;
            let throttled = error.class == Class::Throttled;
            let most = if throttled { FAILURES.0 } else { FAILURES.1 };
            if !error.class.heals_itself() || failures >= most {
                return Err(ListingError::Cloud(error));
            }
            if throttled {
                if !std::mem::replace(&mut self.throttling_told, true) {
                    note(&format!(
                        "the cloud throttles {} ({}): trying again, more and more seldom",
                        error.operation, error.code
                    ));
                }
                budget.throttled(self.now(), error.retry_after);
            }
            sleep(backoff::wait(error.class, failures, &mut self.jitter)).await;
        }
    }

    fn now(&self) -> Moment {
        let passed: Duration = self.began.elapsed();
        Moment::at(passed)
    }
}

/// What must not happen between the pages of one listing.
#[derive(Debug, Default)]
struct Trail {
    identity: Option<Identity>,
    pages: u64,
    /// The token of the page whose number was the last power of two: whoever goes in circles comes by it again.
    mark: Option<PageToken>,
}

impl Trail {
    fn changes_hands(&mut self, identity: Identity) -> bool {
        self.identity.replace(identity).is_some_and(|before| before != identity)
    }

    fn loops(&mut self, next: &PageToken) -> bool {
        if self.mark.as_ref() == Some(next) {
            return true;
        }
        self.pages += 1;
        if self.pages.is_power_of_two() {
            self.mark = Some(next.clone());
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i05_pages_that_lead_in_a_circle_come_to_an_end() {
        for circle in [1, 2, 3, 7] {
            let mut trail = Trail::default();
            let tokens = (0..5).chain((0..1000).map(|n| 5 + n % circle));
            let read = tokens.map(|n| PageToken::new(n.to_string())).take_while(|next| !trail.loops(next));
            assert!(read.count() < 100, "a circle of {circle}");
        }
        let mut trail = Trail::default();
        assert!((0..1000).all(|n| !trail.loops(&PageToken::new(n.to_string()))));
    }

    #[test]
    fn i05_pages_for_another_identity_are_of_another_listing() {
        let mut trail = Trail::default();
        let hands = [1, 1, 2].map(|number| trail.changes_hands(Identity(number)));
        assert_eq!(hands, [false, false, true]);
    }
}
