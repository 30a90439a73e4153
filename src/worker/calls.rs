//! The calls of a region that are under way.

use keeper_core::engine::Input;
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument as _;

use super::told::Told;

/// What a call ends with.
pub type Answer = (Input, Option<Told>);

/// Calls, each with the key that there was when it began.
#[derive(Default)]
pub struct Calls {
    under_way: JoinSet<(u64, Answer)>,
    /// How many keys there have been before.
    keys: u64,
}

/// A call that has ended.
pub struct Ended {
    pub answer: Answer,
    /// Whether there is another key by now: what stood against the old one may not stand against this.
    pub of_old_key: bool,
}

impl Calls {
    /// Begins a call, which is told of where the caller is.
    pub fn begin(&mut self, call: impl Future<Output = Answer> + Send + 'static) {
        let (key, call) = (self.keys, call.in_current_span());
        self.under_way.spawn(async move { (key, call.await) });
    }

    /// There is another key.
    pub fn key_changed(&mut self) {
        self.keys += 1;
    }

    /// Waits until a call has ended. All that have by then; `None`: none is under way.
    pub async fn ended(&mut self) -> Option<Vec<Ended>> {
        let first = self.under_way.join_next().await?;
        let mut ended = vec![self.end(first)];
        while let Some(next) = self.under_way.try_join_next() {
            ended.push(self.end(next));
        }
        Some(ended)
    }

    /// A call that panicked ends the process, as any other panic does.
    fn end(&self, call: Result<(u64, Answer), JoinError>) -> Ended {
        let (key, answer) = call.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        Ended { answer, of_old_key: key != self.keys }
    }
}
