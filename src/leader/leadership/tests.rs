use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;

fn lead(term: u64, until: u64) -> Lead {
    let until = Some(Moment::at(Duration::from_secs(until)));
    Lead { term, transitions: 1, window: Window { until, unprotect_until: until } }
}

fn leadership(first: Option<Lead>) -> (watch::Sender<Option<Lead>>, Leadership) {
    let (sender, receiver) = watch::channel(first);
    (sender, Leadership::told_by(Instant::now(), receiver))
}

async fn seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn i33_work_goes_on_over_renewals_and_ends_with_the_lead() {
    let (sender, leadership) = leadership(Some(lead(1, 10)));
    let begun = Instant::now();
    let renewals = async {
        for n in 1..4 {
            seconds(3).await;
            sender.send_replace(Some(lead(1, 10 + 3 * n)));
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = leadership.within(1, seconds(15)) => assert_eq!(done, Some(())),
        () = renewals => {}
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(15));
    // From now on nobody renews.
    assert_eq!(leadership.within(1, seconds(15)).await, None);
    assert_eq!(begun.elapsed(), Duration::from_secs(19));
}

#[tokio::test(start_paused = true)]
async fn i33_work_of_one_term_is_not_ended_in_another() {
    let (sender, leadership) = leadership(Some(lead(1, 10)));
    let next = async {
        seconds(2).await;
        sender.send_replace(Some(lead(2, 20)));
        std::future::pending::<()>().await;
    };
    tokio::select! {
        done = leadership.within(1, seconds(5)) => assert_eq!(done, None),
        () = next => {}
    }
    assert!(!leadership.guard(1).held() && leadership.guard(2).held());
    assert_eq!(leadership.within(1, async {}).await, None);
    assert_eq!(leadership.within(2, async {}).await, Some(()));
}

/// What a process finds that was stopped: the clock has moved on, and nobody has told it anything.
#[tokio::test(start_paused = true)]
async fn i33_who_slept_past_the_end_does_not_go_on() {
    let (_sender, leadership) = leadership(Some(lead(1, 10)));
    let polls = AtomicU32::new(0);
    let work = poll_fn(|context| {
        polls.fetch_add(1, Ordering::Relaxed);
        context.waker().wake_by_ref();
        std::task::Poll::<()>::Pending
    });
    let mut guarded = pin!(leadership.within(1, work));
    assert!(futures::poll!(guarded.as_mut()).is_pending());
    tokio::time::advance(Duration::from_secs(11)).await;
    let before = polls.load(Ordering::Relaxed);
    assert_eq!(guarded.await, None);
    assert_eq!(polls.load(Ordering::Relaxed), before);
    assert!(!leadership.guard(1).held());
    assert_eq!(leadership.held(), None);
}

#[tokio::test(start_paused = true)]
async fn without_the_lead_nothing_begins() {
    let (sender, leadership) = leadership(None);
    assert_eq!(leadership.within(1, async {}).await, None);
    sender.send_replace(Some(lead(1, 10)));
    assert_eq!(leadership.held(), Some(lead(1, 10)));
    seconds(10).await;
    assert_eq!(leadership.held(), None, "it has ended");
}
