//! How the cloud misbehaves. Each trouble exists once, for both resources.

use std::time::Duration;

use keeper_core::call::Identity;
use keeper_core::failure::Class;

/// How the cloud behaves for as long as it is so.
#[derive(Debug, Clone, Copy)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a trouble of its own, and any of them may come together"
)]
pub struct Mood {
    /// Who is answered.
    pub identity: Identity,
    /// What is wrong with reads is wrong with those of this operation alone.
    pub only: Option<&'static str>,
    /// Every read is answered to somebody else.
    pub restless: bool,
    /// Page tokens expire after so long, and are refused with a code that no table knows.
    pub token_life: Option<Duration>,
    /// Reads answer an empty list.
    pub blind: bool,
    /// Reads fail with this class.
    pub reads_fail: Option<Class>,
    /// Writes of flags fail with this class.
    pub writes_fail: Option<Class>,
    /// Writes of flags are accepted and ignored.
    pub ignore_writes: bool,
    /// Writes of flags take effect this much later.
    pub late: Duration,
    /// The API server's listing lags behind what is there.
    pub stale_view: bool,
    /// Of an id that it does not know the cloud says so, and does not leave it out.
    pub denies: bool,
    /// Reads by id that name `i-poison` are refused.
    pub poison: bool,
    /// Every read is refused that has this.
    pub refuses: Option<Refused>,
    /// Reads by id answer the whole region.
    pub ignores_ids: bool,
    /// Every page has an entry without a readable id.
    pub unreadable: bool,
    /// Between two pages of a listing an item moves from the second to the first. What is asked for by id fits on one page.
    pub skips: bool,
    /// The tags of every resource have an odd shape.
    pub odd_tags: bool,
    /// The listing never ends: its pages name each other as the next.
    pub circles: bool,
    /// Reads of each operation that the cloud lets through in each minute by its clock.
    pub quota: Option<u32>,
    /// Attaching is accepted, and begins this much later.
    pub attach_late: Duration,
    /// How long an interface is on its way.
    pub attach_takes: Duration,
    /// And then it is free again.
    pub attach_fails: bool,
    /// Attaching is refused with this.
    pub attach_refused: Option<(Class, &'static str)>,
    /// An interface that is attached has its flag set anew by the cloud.
    pub attach_resets: bool,
}

impl Mood {
    /// How it is to whoever reads by this operation.
    pub fn to(self, operation: &str) -> Self {
        match self.only {
            Some(only) if only != operation => Self { identity: self.identity, ..Self::default() },
            _ => self,
        }
    }
}

/// What a read has that the cloud refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A filter by tag.
    Filter,
    /// A page token.
    Token,
    /// Anything.
    Anything,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            identity: Identity::default(),
            only: None,
            restless: false,
            token_life: None,
            blind: false,
            reads_fail: None,
            writes_fail: None,
            ignore_writes: false,
            late: Duration::ZERO,
            stale_view: false,
            denies: false,
            poison: false,
            refuses: None,
            ignores_ids: false,
            unreadable: false,
            skips: false,
            odd_tags: false,
            circles: false,
            quota: None,
            attach_late: Duration::ZERO,
            attach_takes: Duration::from_secs(3),
            attach_fails: false,
            attach_refused: None,
            attach_resets: false,
        }
    }
}
