use std::sync::Mutex;

use keeper_alicloud::KeySource as _;
use keeper_alicloud::account_pinning::no_key;
use keeper_core::failure::Class;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

/// What a scripted source does, and how often it was asked.
#[derive(Debug, Default)]
struct Script {
    down: bool,
    is_final: bool,
    lifetime: Option<Duration>,
    asked: Vec<Instant>,
    /// Whether each answer is a new key.
    renews: bool,
}

struct Scripted(Arc<Mutex<Script>>);

impl Issue for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    async fn issue(&mut self) -> Result<Issued, CredentialError> {
        let mut script = self.0.lock().unwrap();
        script.asked.push(Instant::now());
        if script.down {
            return Err(if script.is_final {
                CredentialError::Unusable("not trusted".to_owned())
            } else {
                CredentialError::NoFirstKey { of_call: no_key(), why: "down".to_owned() }
            });
        }
        let number = if script.renews { script.asked.len() } else { 0 };
        let key = Credentials::new(format!("STS.{number}"), "secret".into(), Some("token".into())).unwrap();
        Ok(Issued { key: Arc::new(key), lifetime: script.lifetime })
    }

    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// A provider of sessions that last an hour.
fn start(script: Script) -> (Arc<Mutex<Script>>, CurrentKey) {
    let script = Arc::new(Mutex::new(Script { lifetime: script.lifetime.or(Some(HOUR)), ..script }));
    let (provider, key) = Provider::new(Scripted(Arc::clone(&script)), Arc::new(Metrics::new().unwrap()));
    tokio::spawn(provider.run());
    (script, key)
}

async fn minutes(minutes: u64) {
    tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
}

async fn usable(key: &CurrentKey) -> bool {
    key.current().await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn i56_an_outage_that_is_shorter_than_the_margin_is_not_noticed() {
    for begins in (0..60).step_by(4) {
        let (script, key) = start(Script { renews: true, ..Script::default() });
        assert!(usable(&key).await);
        minutes(begins).await;
        script.lock().unwrap().down = true;
        for minute in 0..10 {
            minutes(1).await;
            assert!(usable(&key).await, "minute {minute} of an outage from {begins} on");
        }
        script.lock().unwrap().down = false;
        for minute in 0..120 {
            minutes(1).await;
            assert!(usable(&key).await, "minute {minute} after an outage from {begins} on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn i56_a_key_that_can_not_be_renewed_is_used_to_its_end_and_no_longer() {
    let (script, mut key) = start(Script::default());
    key.obtained().await.unwrap();
    script.lock().unwrap().down = true;
    minutes(59).await;
    assert!(usable(&key).await);
    // Told without anybody asking: whoever waits for a change must not wait for ever.
    key.changed().await;
    assert_eq!(key.current().await.unwrap_err().class, Class::NoKey);
    script.lock().unwrap().down = false;
    key.changed().await;
    assert!(usable(&key).await);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_asked_for_once_in_its_life() {
    let (script, key) = start(Script { renews: true, ..Script::default() });
    minutes(24 * 60).await;
    assert!(usable(&key).await);
    let asked = script.lock().unwrap().asked.len();
    // Each lasts 48 minutes and a little more or less.
    assert!((29..=32).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_soon_and_final_ones_rarely() {
    for (is_final, least, most) in [(false, 60, 140), (true, 12, 26)] {
        let (script, key) = start(Script { down: true, is_final, ..Script::default() });
        assert!(!usable(&key).await);
        minutes(60).await;
        let asked = script.lock().unwrap().asked.len();
        assert!((least..=most).contains(&asked), "{is_final}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_cloud_takes_for_expired_is_renewed_at_once() {
    let (script, mut key) = start(Script { renews: true, ..Script::default() });
    let first = key.obtained().await.unwrap();
    minutes(5).await;
    key.expired(&first);
    key.changed().await;
    let second = key.current().await.unwrap();
    assert_ne!(first, second);
    assert_eq!(script.lock().unwrap().asked.len(), 2);
    // Of one that is not used any more nobody has to be told.
    key.expired(&first);
    minutes(5).await;
    assert_eq!(script.lock().unwrap().asked.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_cloud_that_refuses_every_key_does_not_have_sts_asked_without_end() {
    let (script, mut key) = start(Script { renews: true, ..Script::default() });
    for _ in 0..30 {
        let refused = key.obtained().await.unwrap();
        key.expired(&refused);
        key.changed().await;
    }
    let script = script.lock().unwrap();
    let (first, last) = (script.asked.first().unwrap(), script.asked.last().unwrap());
    assert!(*last - *first > Duration::from_mins(10), "{:?}", *last - *first);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_once_more_is_no_change() {
    let (script, mut key) = start(Script::default());
    let first = key.obtained().await.unwrap();
    minutes(90).await;
    assert!(script.lock().unwrap().asked.len() > 1);
    assert!(tokio::time::timeout(Duration::ZERO, key.changed()).await.is_err());
    assert!(Arc::ptr_eq(&first, &key.current().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_before_the_first_answer_waits_for_it() {
    let (told, state) = watch::channel(State::Awaited);
    let key = CurrentKey { state, expired: watch::Sender::new(None) };
    let asking = tokio::spawn(async move { key.current().await.is_ok() });
    tokio::task::yield_now().await;
    assert!(!asking.is_finished());
    let issued = Credentials::new("id".into(), "secret".into(), None).unwrap();
    told.send_replace(State::Usable(Held { key: Arc::new(issued), until: None }));
    assert!(asking.await.unwrap());
}

/// Refusals that come while a key is renewed, or many at once, have it renewed once.
#[tokio::test(start_paused = true)]
async fn refusals_of_one_key_have_it_renewed_once() {
    let (script, mut key) = start(Script { renews: true, ..Script::default() });
    let first = key.obtained().await.unwrap();
    minutes(5).await;
    for _ in 0..10 {
        key.expired(&first);
        tokio::task::yield_now().await;
    }
    key.changed().await;
    key.obtained().await.unwrap();
    minutes(10).await;
    assert_eq!(script.lock().unwrap().asked.len(), 2);
}

/// What has to be changed by somebody is not asked more often because calls are refused meanwhile.
#[tokio::test(start_paused = true)]
async fn refusals_do_not_hurry_what_fails_for_good() {
    let (script, mut key) = start(Script::default());
    let held = key.obtained().await.unwrap();
    {
        let mut script = script.lock().unwrap();
        (script.down, script.is_final) = (true, true);
    }
    minutes(5).await;
    for _ in 0..20 {
        key.expired(&held);
        minutes(1).await;
    }
    let asked = script.lock().unwrap().asked.len();
    assert!((2..=10).contains(&asked), "{asked}");
}
