//! Two replicas, of which one leads: real processes, real signals. What was signed when, and by whom, is told by the
//! cloud's log: each replica has an access key of its own.
//!
//! Times are printed and not judged, but for bounds that only a fault breaks.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use keeper_simulator::{AccessKey, Fault, LogEntry, Rule, Seed};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::outages::{Road, State};
use crate::process::Operator;
use crate::settings::Settings;
use crate::stage::{REGION, Stage, eventually, never};

/// Span of the Lease, if nothing else is said.
const SPAN: SignedDuration = SignedDuration::from_secs(15);

/// The record of the evidence is renewed this often at most.
const PACE_OF_RECORD: Duration = Duration::from_secs(30);

/// What the log says of one that has come to lead.
pub const LEADS: &str = "lease acquired";

/// Two sweeps take longer than it takes to prove that an id is unknown to the cloud.
pub const CALM: &str = "4s";

/// A stage whose operators can be told apart by their keys.
pub struct Theatre {
    pub stage: Stage,
    leases: Api<Lease>,
}

impl Theatre {
    pub async fn new() -> Self {
        let stage = Stage::new().await;
        let leases = Api::namespaced(stage.cluster.client.clone(), &stage.namespace);
        Self { stage, leases }
    }

    /// What a replica is started with: a key of its own.
    pub fn replica(&self, name: &str) -> Settings<'_> {
        let key = AccessKey::lasting(&format!("LTAI{name}"), &format!("SecretOf{name}"));
        self.stage.account.add_key(key.clone());
        self.stage.settings().key(&key).pod(name)
    }

    /// Starts a replica that sweeps at this interval.
    fn sweeping(&self, name: &str, interval: &str) -> Operator {
        self.replica(name).set("/sweepInterval", interval).start()
    }

    /// Waits until a replica leads, for the given number of times.
    pub async fn until_leads(&self, name: &str, times: usize) {
        let leads = |line: &&str| line.contains(LEADS) && line.contains(&format!("{name}_"));
        eventually(&format!("{name} leads"), async || {
            let printed = self.stage.printed();
            if printed.lines().filter(leads).count() >= times { Ok(()) } else { Err(()) }
        })
        .await;
    }

    /// Waits until a replica has seen that another one leads, for the given number of times.
    pub async fn until_stands_by(&self, name: &str) {
        let stands_by =
            |line: &str| line.contains("standby") && line.contains(&format!("identity=\"{name}_"));
        eventually(&format!("{name} stands by"), async || {
            if self.stage.printed().lines().any(stands_by) { Ok(()) } else { Err(()) }
        })
        .await;
    }

    /// The requests that a replica has signed.
    pub fn signed_by(&self, name: &str) -> Vec<LogEntry> {
        let key = format!("LTAI{name}");
        let mut log = self.stage.account.log();
        log.retain(|entry| entry.access_key_id.as_deref() == Some(&key));
        log
    }

    /// Waits for the next request that a replica signs.
    pub async fn until_signs(&self, name: &str) {
        let before = self.signed_by(name).len();
        eventually(&format!("{name} calls the cloud"), async || {
            if self.signed_by(name).len() > before { Ok(()) } else { Err(()) }
        })
        .await;
    }

    async fn lease(&self, name: &str) -> LeaseSpec {
        self.leases.get(name).await.unwrap().spec.unwrap()
    }

    /// The leader's Lease.
    pub async fn leading(&self) -> LeaseSpec {
        self.lease(self.stage.release.name()).await
    }

    /// Edits the leader's Lease as a person does, whatever is written there meanwhile.
    async fn edit_lease(&self, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.leases.patch(self.stage.release.name(), &PatchParams::default(), &patch).await.unwrap();
    }

    /// The objects as they are stored.
    pub async fn stored(&self) -> BTreeMap<String, Value> {
        let list = self.stage.objects.list(&ListParams::default()).await.unwrap();
        list.items.into_iter().map(|object| (object.name_any(), json!(object))).collect()
    }

    /// Objects of several sorts, at rest: an id, a tag, what can't be protected, and what was switched off.
    pub async fn at_rest(&self) -> Vec<String> {
        let stage = &self.stage;
        let ids = stage.account.seed(&Seed::new(REGION).times(3).tag("env", "prod"));
        let off = stage.account.seed_one(&Seed::new(REGION).protected(true));
        let tags = json!([{ "key": "env", "value": "prod" }]);
        for (name, spec, wanted) in [
            ("tagged", json!({ "targets": { "instanceTags": tags } }), "Protected=True/AllProtected"),
            ("named", json!({ "targets": { "instanceIds": [ids[0]] } }), "Protected=True/AllProtected"),
            (
                "off",
                json!({ "targets": { "instanceIds": [off] }, "protection": "Disabled" }),
                "Protected=False/DisabledAsAsked",
            ),
            (
                "missing",
                json!({ "targets": { "instanceIds": ["i-doesnotexist"] } }),
                "Protected=Unknown/NotFound",
            ),
        ] {
            let mut spec = spec;
            spec["region"] = REGION.into();
            stage.apply(name, spec).await;
            stage.until(name, wanted).await;
        }
        ids
    }
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// When the newest of these requests was signed.
fn newest(signed: &[LogEntry]) -> Option<Timestamp> {
    signed.iter().filter_map(|entry| entry.acs_date.as_deref()).map(time).max()
}

/// Shows that of the two, who led one after the other, none signed while the other led. Signatures have whole seconds.
fn assert_one_after_the_other(first: &[LogEntry], second: &[LogEntry]) {
    let begin = second.iter().filter_map(|entry| entry.acs_date.as_deref()).map(time).min();
    assert!(newest(first) <= begin, "{:?} and {begin:?}", newest(first));
}

/// A failover shows in no object and in no flag.
async fn nothing_changes(theatre: &Theatre, heir: &str, before: &BTreeMap<String, Value>, writes: usize) {
    for _ in 0..8 {
        theatre.until_signs(heir).await;
    }
    let after = theatre.stored().await;
    for (name, object) in before {
        assert_eq!(after[name], *object, "{name}");
    }
    assert_eq!(theatre.stage.writes().len(), writes);
}

#[tokio::test]
async fn i33_i38_a_spare_does_nothing_and_takes_over_at_once_when_the_leader_is_asked_to_end() {
    let theatre = Theatre::new().await;
    let leader = theatre.sweeping("first", CALM);
    theatre.until_leads("first", 1).await;
    let spare = theatre.sweeping("second", CALM);
    theatre.until_stands_by("second").await;
    let ids = theatre.at_rest().await;
    theatre.stage.reads(4).await;
    let (before, writes) = (theatre.stored().await, theatre.stage.writes().len());
    theatre.stage.reads(4).await;
    assert_eq!(theatre.signed_by("second").len(), 0, "a spare calls nobody");
    assert_eq!(theatre.stored().await, before, "and writes nothing");

    let listings = theatre.stage.listings();
    let asked = Instant::now();
    let (ended, ()) = tokio::join!(leader.terminate(), theatre.until_signs("second"));
    println!("asked to end: the other one serves after {:.1?}", asked.elapsed());
    assert!(ended.success());
    // So nobody had to wait for the end of the Lease.
    theatre.stage.until_printed("lease released", 1).await;
    assert_one_after_the_other(&theatre.signed_by("first"), &theatre.signed_by("second"));
    nothing_changes(&theatre, "second", &before, writes).await;

    theatre.stage.by_hand(&ids[0], false);
    theatre.stage.until_cloud("drift is repaired", |_| theatre.stage.protected(&ids[0])).await;
    assert_eq!(
        theatre.stage.listings(),
        listings,
        "its watches had gone on, so that nothing was listed anew"
    );
    drop(spare);
}

#[tokio::test]
async fn i38_a_leader_that_is_killed_is_succeeded_and_nobody_notices() {
    let theatre = Theatre::new().await;
    let leader = theatre.sweeping("first", CALM);
    theatre.until_leads("first", 1).await;
    let _spare = theatre.sweeping("second", CALM);
    theatre.until_stands_by("second").await;
    theatre.at_rest().await;
    theatre.stage.reads(4).await;
    let (before, writes) = (theatre.stored().await, theatre.stage.writes().len());
    let killed = Instant::now();
    leader.kill().await;
    theatre.until_signs("second").await;
    println!("killed: the other one serves after {:.1?}", killed.elapsed());
    assert_one_after_the_other(&theatre.signed_by("first"), &theatre.signed_by("second"));
    nothing_changes(&theatre, "second", &before, writes).await;
}

#[tokio::test]
async fn i33_a_leader_that_was_stopped_past_its_lease_signs_nothing_when_it_goes_on() {
    let theatre = Theatre::new().await;
    let stage = &theatre.stage;
    let ids = stage.account.seed(&Seed::new(REGION).times(1_000).tag("env", "prod"));
    // So slow that it is in the middle of its work all the time, with many answers on their way and more to be written on
    // evidence that is still fresh when it goes on.
    stage
        .account
        .fault(Rule::new("ModifyInstanceAttribute", Fault::Latency { millis: 500, jitter_millis: 500 }));
    let slow = "60s";
    let mut leader = theatre.sweeping("first", slow);
    theatre.until_leads("first", 1).await;
    let heir = theatre.sweeping("second", slow);
    theatre.until_stands_by("second").await;
    let tags = json!([{ "key": "env", "value": "prod" }]);
    stage.apply("tagged", json!({ "region": REGION, "targets": { "instanceTags": tags } })).await;
    stage.until_cloud("it is at work", |_| stage.writes().len() > 50).await;

    leader.signal("STOP").await;
    let stopped = Instant::now();
    let renewed = theatre.leading().await.renew_time.unwrap().0;
    theatre.until_leads("second", 1).await;
    println!("stopped: the other one leads after {:.1?}", stopped.elapsed());
    stage.until_cloud("the other one goes on", |_| stage.writes().len() > 300).await;
    leader.signal("CONT").await;
    stage.until("tagged", "Protected=True/AllProtected").await;

    let lease_ends = renewed.checked_add(SPAN).unwrap();
    let last = newest(&theatre.signed_by("first")).unwrap();
    assert!(last < lease_ends, "signed at {last}, and the lease ended at {lease_ends}");
    assert_one_after_the_other(&theatre.signed_by("first"), &theatre.signed_by("second"));
    stage.until_printed("lease lost", 1).await;
    assert!(leader.runs());
    let writes = stage.writes();
    for id in &ids {
        let times = writes.iter().filter(|(written, _)| written == id).count();
        assert!((1..=2).contains(&times), "{id} was written {times} times");
    }
    assert_eq!(stage.account.count("ModifyInstanceAttribute").mutations, 1_000);

    // It follows again, and takes over when it is its turn.
    assert!(heir.terminate().await.success());
    theatre.until_signs("first").await;
}

#[tokio::test]
async fn i50_what_a_replica_told_when_it_led_before_is_told_again_when_it_comes_again() {
    let theatre = Theatre::new().await;
    let stage = &theatre.stage;
    let id = stage.account.seed_one(&Seed::new(REGION).protected(true));
    let leader = theatre.sweeping("first", CALM);
    theatre.until_leads("first", 1).await;
    let heir = theatre.sweeping("second", CALM);
    theatre.until_stands_by("second").await;
    stage
        .apply("seen", json!({ "region": REGION, "targets": { "instanceIds": [id] }, "mode": "Observe" }))
        .await;
    stage.until("seen", "Protected=True/AllProtected").await;
    let told = async |times: i32| {
        stage.by_hand(&id, false);
        stage.until("seen", "Protected=False/Unprotected").await;
        eventually(&format!("it is told {times} times"), async || {
            let told = stage.events("seen").await;
            let of_it = told.iter().filter(|told| told.reason == "Unprotected");
            if of_it.map(|told| told.times).sum::<i32>() == times { Ok(()) } else { Err(told) }
        })
        .await;
    };
    told(1).await;

    leader.signal("STOP").await;
    theatre.until_leads("second", 1).await;
    stage.by_hand(&id, true);
    stage.until("seen", "Protected=True/AllProtected").await;
    leader.signal("CONT").await;
    stage.until_printed("lease lost", 1).await;
    assert!(heir.terminate().await.success());
    theatre.until_leads("first", 2).await;
    theatre.until_signs("first").await;
    told(2).await;
}

#[tokio::test]
async fn i33_a_leader_that_cannot_reach_the_api_server_stops_in_time() {
    let theatre = Theatre::new().await;
    let stage = &theatre.stage;
    let road = Road::lay(stage).await;
    let mut leader = theatre.sweeping("first", CALM);
    theatre.until_leads("first", 1).await;
    let ids = theatre.at_rest().await;
    stage.reads(4).await;
    let (before, writes) = (theatre.stored().await, stage.writes().len());

    road.becomes(State::Silent);
    let silent = Instant::now();
    stage.until_printed("lease lost", 1).await;
    println!("silence: the lead ends after {:.1?}", silent.elapsed());
    let calls = theatre.signed_by("first").len();
    stage.by_hand(&ids[0], false);
    never("it calls the cloud", Duration::from_secs(5), async || theatre.signed_by("first").len() > calls)
        .await;
    assert!(leader.runs());

    road.becomes(State::Open);
    theatre.until_leads("first", 2).await;
    stage.until_cloud("drift is repaired", |_| stage.protected(&ids[0])).await;
    stage.until("named", "Protected=True/AllProtected").await;
    assert_eq!(stage.writes().len(), writes + 1);
    // Nothing was said of the outage itself.
    let after = theatre.stored().await;
    for name in ["off", "missing"] {
        assert_eq!(after[name], before[name], "{name}");
    }
}

/// Nobody leads meanwhile, nobody says anything, and afterwards it is as if nothing had been.
async fn a_minute_without_the_api_server(outage: State) {
    let theatre = Theatre::new().await;
    let stage = &theatre.stage;
    let road = Road::lay(stage).await;
    let _replicas = [theatre.sweeping("first", CALM), theatre.sweeping("second", CALM)];
    stage.until_printed(LEADS, 1).await;
    theatre.at_rest().await;
    stage.reads(4).await;
    let (before, writes) = (theatre.stored().await, stage.writes().len());

    road.becomes(outage);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let renewed = theatre.leading().await.renew_time.unwrap().0;
    let calls = stage.account.log();
    let (last, lease_ends) = (newest(&calls).unwrap(), renewed.checked_add(SPAN).unwrap());
    assert!(last < lease_ends, "signed at {last}, and the lease ended at {lease_ends}");
    road.becomes(State::Open);
    stage.until_printed(LEADS, 2).await;
    stage.reads(8).await;
    assert_eq!(theatre.stored().await, before, "{outage:?}");
    assert_eq!(stage.writes().len(), writes, "{outage:?}");
}

#[tokio::test]
async fn i33_i38_a_minute_of_silence_from_the_api_server_shows_in_nothing() {
    a_minute_without_the_api_server(State::Silent).await;
}

#[tokio::test]
async fn i33_i38_a_minute_cut_off_from_the_api_server_shows_in_nothing() {
    a_minute_without_the_api_server(State::Cut).await;
}

#[tokio::test]
async fn i34_a_lease_that_is_edited_by_hand_makes_nobody_lead_besides_another() {
    let theatre = Theatre::new().await;
    let _first = theatre.replica("first").start();
    theatre.until_leads("first", 1).await;
    theatre.at_rest().await;
    let _second = theatre.replica("second").start();
    theatre.until_stands_by("second").await;

    // Another holder is entered, with a time that is years ahead: both respect it for a whole span, and then one leads.
    let leads = || theatre.stage.printed().matches(LEADS).count();
    let (edited, before) = (Timestamp::now(), leads());
    theatre
        .edit_lease(json!({ "holderIdentity": "a-person", "renewTime": "2099-01-01T00:00:00.000000Z" }))
        .await;
    theatre.stage.until_printed("lease lost", 1).await;
    theatre.stage.until_printed(LEADS, before + 1).await;
    let acquired = theatre.leading().await.acquire_time.unwrap().0;
    let respected = edited.checked_add(SPAN).unwrap();
    assert!(acquired >= respected, "acquired at {acquired}, and edited at {edited}");
    // Deleted: it is made anew, and one leads. Whoever stands by may not have seen the last holder.
    let before = leads();
    theatre.leases.delete(theatre.stage.release.name(), &DeleteParams::default()).await.unwrap();
    theatre.stage.until_printed(LEADS, before + 1).await;
    // Emptied: nobody takes it at once, because its holder may not know yet.
    let before = leads();
    theatre.edit_lease(json!({ "holderIdentity": null })).await;
    theatre.stage.until_printed(LEADS, before + 1).await;
    theatre.stage.reads(3).await;

    // By turns, never at once: between two calls of one there is none of the other, but where the lead changed.
    let log = theatre.stage.account.log();
    let signers: Vec<&str> = log.iter().filter_map(|entry| entry.access_key_id.as_deref()).collect();
    let changes = signers.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes <= 3, "{changes} changes");
}

#[tokio::test]
async fn i03_the_record_of_the_evidence_moves_with_complete_sweeps_alone() {
    let theatre = Theatre::new().await;
    let stage = &theatre.stage;
    let operator = theatre.replica("first").start();
    theatre.at_rest().await;
    let record = format!("{}-evidence-default-{REGION}", theatre.stage.release.name());
    let renewed = async || theatre.lease(&record).await.renew_time.map(|time| time.0);
    let since = |before: Option<Timestamp>| {
        let renewed = &renewed;
        async move {
            eventually("the record is renewed", async || {
                let now = renewed().await;
                if now > before { Ok(now) } else { Err(now) }
            })
            .await
        }
    };
    let first = since(None).await;
    let second = since(first).await;
    assert!(second <= Some(Timestamp::now()));
    let spec = theatre.lease(&record).await;
    // Twelve intervals, and more where sweeps take their time.
    assert!(spec.lease_duration_seconds >= Some(12), "{spec:?}");
    assert!(spec.holder_identity.unwrap().starts_with("first_"));

    // No sweep is complete any more once the one under way has ended, and the record ages.
    stage.account.fault(Rule::new("DescribeInstances", Fault::DropBefore));
    stage.calls("DescribeInstances", 3).await;
    let aged = renewed().await;
    never("the record is renewed", PACE_OF_RECORD * 2, async || renewed().await != aged).await;
    stage.account.clear_faults();
    since(aged).await;
    drop(operator);
}

#[tokio::test]
async fn i38_leaders_that_prove_nothing_may_not_wait_more_than_three_times() {
    let theatre = Theatre::new().await;
    let stage = &theatre.stage;
    // Evidence lives for three minutes at this interval: nobody waits for its end here, and three leaders together are patient for
    // less than a quarter of an hour.
    let patient = "2m";
    let operator = theatre.sweeping("first", patient);
    theatre.at_rest().await;
    let record = format!("{}-evidence-default-{REGION}", theatre.stage.release.name());
    eventually("a sweep is recorded", async || {
        let lease = theatre.leases.get_opt(&record).await.unwrap();
        let renewed = lease.and_then(|lease| lease.spec).and_then(|spec| spec.renew_time);
        renewed.ok_or(())
    })
    .await;
    let before = theatre.stored().await;
    assert!(operator.terminate().await.success());

    stage.account.fault(Rule::new("DescribeInstances", Fault::DropBefore));
    for name in ["second", "third", "fourth"] {
        let operator = theatre.sweeping(name, patient);
        theatre.until_leads(name, 1).await;
        stage.until_cloud("it reads in vain", |_| theatre.signed_by(name).len() >= 4).await;
        assert_eq!(theatre.stored().await, before, "{name} leaves standing what stands");
        assert!(operator.terminate().await.success());
    }
    let operator = theatre.sweeping("fifth", patient);
    for name in ["tagged", "named"] {
        stage.until(name, "Protected=Unknown Ready=False").await;
    }
    assert_eq!(stage.writes().len(), 4);
    // Whoever proves something begins a new count.
    stage.account.clear_faults();
    stage.until("tagged", "Protected=True/AllProtected").await;
    eventually("a sweep is recorded", async || {
        let (leader, record) = (theatre.leading().await, theatre.lease(&record).await);
        if leader.lease_transitions == record.lease_transitions { Ok(()) } else { Err((leader, record)) }
    })
    .await;
    drop(operator);
}
