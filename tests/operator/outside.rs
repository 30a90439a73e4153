//! How the operator is seen by those who don't read its objects: probes and metrics.
#![expect(clippy::float_cmp, reason = "counts are whole numbers, and Prometheus has no others")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

use ecs_keeper::metrics::Metrics;
use k8s_openapi::jiff::Timestamp;
use keeper_simulator::{Fault, Rule, Seed};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::cluster::given;
use crate::outages::{Road, State};
use crate::stage::{REGION, Stage, eventually};

/// The address on which the operator that a stage started as the given one answers.
pub async fn address(stage: &Stage, number: usize) -> String {
    eventually("an operator answers", async || {
        let printed = stage.printed();
        let said = printed.lines().filter(|line| line.contains("serving probes and metrics"));
        let mut found = said.map(|line| line.split("127.0.0.1:").nth(1).unwrap());
        let port =
            found.nth(number - 1).map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next().unwrap());
        port.map(|port| format!("127.0.0.1:{port}")).ok_or(printed.clone())
    })
    .await
}

/// All that is answered there.
pub async fn everything(address: &str) -> String {
    let mut told = String::new();
    for path in ["/livez", "/readyz", "/metrics"] {
        told += &get(address, path).await.1;
    }
    told
}

/// Status and body of an answer.
pub async fn get(address: &str, path: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: keeper\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The series of a scrape that is good in promtool's eyes, without those of the process itself.
pub async fn scrape(address: &str) -> BTreeMap<Series, f64> {
    let (status, text) = get(address, "/metrics").await;
    assert_eq!(status, 200, "{text}");
    promtool_takes(&text).await;
    let lines = text.lines().filter(|line| line.starts_with("ecs_keeper_"));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(s, v)| (series(s), v.parse().unwrap())).collect()
}

/// A metric's name, and its labels.
pub type Series = (String, BTreeMap<String, String>);

fn series(text: &str) -> Series {
    let (name, labels) = text.split_once('{').unwrap_or((text, "}"));
    let labels = labels.trim_end_matches('}').split(',').filter(|label| !label.is_empty());
    let labels = labels.map(|label| label.split_once('=').unwrap());
    (
        name.to_owned(),
        labels.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect(),
    )
}

/// The sum of what matches, as Prometheus has it.
pub fn sum(scraped: &BTreeMap<Series, f64>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let matches = |(found, has): &&Series| {
        found == name && labels.iter().all(|(label, value)| has.get(*label).is_some_and(|has| has == value))
    };
    scraped.iter().filter(|(series, _)| matches(series)).map(|(_, value)| value).sum()
}

async fn promtool_takes(text: &str) {
    let mut promtool = Command::new(given("KEEPER_TEST_PROMTOOL"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert!(output.status.success() && said.is_empty(), "{said}\n{text}");
}

/// Names and labels are those that the page about metrics has, which is made from the same descriptions.
fn is_documented(scraped: &BTreeMap<Series, f64>) -> BTreeSet<String> {
    let described: BTreeMap<String, BTreeSet<String>> = Metrics::new()
        .unwrap()
        .descriptions()
        .into_iter()
        .map(|metric| (metric.name, metric.labels.into_iter().collect()))
        .collect();
    let mut seen = BTreeSet::new();
    for (name, labels) in scraped.keys() {
        let bare = ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending));
        let name = bare.filter(|name| name.ends_with("_seconds")).unwrap_or(name);
        let labels: BTreeSet<String> = labels.keys().filter(|label| *label != "le").cloned().collect();
        assert_eq!(described.get(name), Some(&labels), "{name}");
        seen.insert(name.to_owned());
    }
    seen
}

#[tokio::test]
async fn metrics_tell_what_the_objects_say_and_name_none_of_them() {
    let stage = Stage::new().await;
    let prod = |seed: Seed, id: &str| stage.account.seed_one(&seed.id(id).tag("env", "prod"));
    for id in ["i-one", "i-two"] {
        prod(Seed::new(REGION), id);
    }
    prod(Seed::spot(REGION), "i-spot");
    stage.account.seed_one(&Seed::new(REGION).id("i-watched").tag("env", "test"));
    stage.account.fault(
        Rule::new("DescribeInstances", Fault::Throttle { code: None, retry_after_millis: None }).times(1),
    );
    let _leader = stage.start();
    let leading = address(&stage, 1).await;

    let tagged = |value: &str| json!({ "instanceTags": [{ "key": "env", "value": value }] });
    stage.apply("secretly-production", json!({ "region": REGION, "targets": tagged("prod") })).await;
    stage.apply("observed", json!({ "region": REGION, "mode": "Observe", "targets": tagged("test") })).await;
    stage.apply("mistaken", json!({ "region": REGION, "targets": { "instanceIds": ["i-nowhere"] } })).await;
    let enis =
        json!({ "networkInterfaceIds": [stage.account.interfaces_of("i-one")[0].network_interface_id] });
    stage.retain("addresses", json!({ "region": REGION, "targets": enis })).await;
    stage.until("secretly-production", "Protected=True/ProtectedWhereApplicable").await;
    stage.until("observed", "Protected=False/Unprotected").await;
    stage.until("mistaken", "Protected=Unknown/NotFound Stalled=True").await;
    stage.until_retention("addresses", "Retained=True").await;

    let protection = ("kind", "EcsInstanceProtection");
    // Counts alone are said a moment later.
    let scraped = eventually("all verdicts are counted", async || {
        let scraped = scrape(&leading).await;
        let of = |verdict: &str| sum(&scraped, "ecs_keeper_targets", &[protection, ("verdict", verdict)]);
        let counts = ["Protected", "NotApplicable", "Unprotected", "Unknown"].map(of);
        let retained =
            sum(&scraped, "ecs_keeper_targets", &[("kind", "EniRetention"), ("verdict", "Protected")]);
        if counts == [2.0, 1.0, 1.0, 1.0] && retained == 1.0 { Ok(scraped) } else { Err((counts, retained)) }
    })
    .await;
    let count = |name: &str, labels: &[(&str, &str)]| sum(&scraped, &format!("ecs_keeper_{name}"), labels);
    assert_eq!(count("leader", &[]), 1.0);
    assert_eq!(count("leader_terms_total", &[]), 1.0);
    assert_eq!(count("objects", &[]), 4.0);
    assert_eq!(count("objects", &[protection, ("status", "Unknown"), ("reason", "NotFound")]), 1.0);
    assert_eq!(count("objects_stalled", &[]), 1.0);
    let reads = [("account", "default"), ("region", REGION), ("operation", "DescribeInstances")];
    assert_eq!(count("cloud_calls_total", &[&reads[..], &[("outcome", "Throttled")]].concat()), 1.0);
    assert!(count("cloud_calls_total", &[&reads[..], &[("outcome", "Answered")]].concat()) > 1.0);
    assert_eq!(count("cloud_call_duration_seconds_count", &reads), count("cloud_calls_total", &reads));
    assert_eq!(
        count(
            "flag_writes_total",
            &[("resource", "Instance"), ("value", "Protected"), ("outcome", "Answered")]
        ),
        2.0
    );
    assert_eq!(count("flag_writes_total", &[("value", "Unprotected")]), 0.0);
    let age = count("evidence_timestamp_seconds", &[])
        - f64::from(i32::try_from(Timestamp::now().as_second()).unwrap());
    assert!(age.abs() < 60.0, "{age}");
    assert!(count("evidence_max_age_seconds", &[]) >= 2.0);
    assert!(count("sweep_duration_seconds_count", &[("resource", "Instance")]) >= 1.0);
    assert!(count("patches_total", &[("patched", "Status"), ("outcome", "Done")]) >= 4.0);
    assert!(count("events_total", &[("outcome", "Published")]) >= 1.0);

    // No name, id or text of anybody.
    let (_, text) = get(&leading, "/metrics").await;
    let namespace = stage.namespace.as_str();
    for word in
        ["secretly", "i-one", "i-nowhere", "eni-", namespace, &stage.account.access_key().access_key_id]
    {
        assert!(!text.contains(word), "{word} stands in\n{text}");
    }
    // All is documented, and nearly all that is documented was seen here.
    let told = is_documented(&scraped);
    let missing: Vec<String> = Metrics::new()
        .unwrap()
        .descriptions()
        .into_iter()
        .map(|metric| metric.name)
        .filter(|name| name.starts_with("ecs_keeper_") && !told.contains(name))
        .collect();
    // What an access key has none of; `sessions.rs` sees them.
    let of_sessions = ["expiry_timestamp_seconds", "failures_total", "renewal_timestamp_seconds"]
        .map(|name| format!("ecs_keeper_credentials_{name}"));
    // What there is only where ActionTrail is asked.
    let of_attribution = ["total", "waiting"].map(|name| format!("ecs_keeper_attributions_{name}"));
    let failures = ["ecs_keeper_watch_failures_total".to_owned()];
    assert_eq!(missing, [&of_attribution[..], &of_sessions, &failures].concat());

    // Whoever stands by says so, is as ready, and tells nothing of targets.
    let _spare = stage.start();
    let standing_by = address(&stage, 2).await;
    eventually("the spare is ready", async || {
        let (status, body) = get(&standing_by, "/readyz").await;
        if status == 200 { Ok(()) } else { Err(body) }
    })
    .await;
    let spare = scrape(&standing_by).await;
    assert_eq!(sum(&spare, "ecs_keeper_leader", &[]), 0.0);
    let leaders = ["ecs_keeper_targets", "ecs_keeper_objects", "ecs_keeper_evidence_timestamp_seconds"];
    assert!(!spare.keys().any(|(name, _)| leaders.contains(&name.as_str())), "{spare:#?}");
}

#[tokio::test]
async fn a_cloud_that_is_down_makes_nobody_sick() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-one"));
    stage.account.fault(Rule { operation: None, ..Rule::new("any", Fault::DropBefore) });
    let _operator = stage.start();
    let address = address(&stage, 1).await;
    stage.apply("one", json!({ "region": REGION, "targets": { "instanceIds": ["i-one"] } })).await;
    // Whose key it is, is asked before anything else.
    stage.until("one", "Protected=Unknown/StsUnavailable").await;
    for path in ["/livez", "/readyz"] {
        let (status, body) = get(&address, path).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    let (_, alive) = get(&address, "/livez").await;
    for task in ["tasks", "intake", "leader", "report", "region default cn-hangzhou"] {
        assert!(alive.contains(&format!("[+]{task} ok\n")), "{alive}");
    }
    assert_eq!(get(&address, "/metrics/everything").await.0, 404);
}

#[tokio::test]
async fn whoever_has_not_listed_everything_is_alive_and_not_ready() {
    let stage = Stage::new().await;
    let road = Road::lay(&stage).await;
    road.becomes(State::Cut);
    let _operator = stage.start();
    let address = address(&stage, 1).await;
    let (status, body) = get(&address, "/readyz").await;
    assert_eq!(status, 503);
    for cache in ["EcsInstanceProtection", "EniRetention", "Node"] {
        assert!(body.contains(&format!("[-]{cache} failed: the first list is not complete yet\n")), "{body}");
    }
    assert_eq!(get(&address, "/livez").await.0, 200);
    road.becomes(State::Open);
    eventually("it is ready", async || {
        let (status, body) = get(&address, "/readyz").await;
        if status == 200 { Ok(()) } else { Err(body) }
    })
    .await;
    assert!(sum(&scrape(&address).await, "ecs_keeper_watch_failures_total", &[]) >= 1.0);
    road.becomes(State::Cut);
    assert_eq!(get(&address, "/readyz").await.0, 200, "a restart would not bring the API server back");
}

#[tokio::test]
async fn asked_to_end_it_is_not_ready_at_once_and_answers_until_the_end() {
    let stage = Stage::new().await;
    stage.account.seed_one(&Seed::new(REGION).id("i-one"));
    let operator = stage.start();
    let address = address(&stage, 1).await;
    let slow = Fault::Latency { millis: 4_000, jitter_millis: 0 };
    stage.account.fault(Rule::new("ModifyInstanceAttribute", slow));
    stage.apply("one", json!({ "region": REGION, "targets": { "instanceIds": ["i-one"] } })).await;
    stage.until("one", "Protected=False/Correcting").await;
    assert_eq!(get(&address, "/readyz").await.0, 200);

    // The write that is under way is waited for; meanwhile the port answers.
    let ended = tokio::spawn(operator.terminate());
    eventually("it is not ready", async || {
        let (status, body) = get(&address, "/readyz").await;
        if status == 503 && body.contains("[-]shutdown failed: the process is shutting down\n") {
            Ok(())
        } else {
            Err(body)
        }
    })
    .await;
    assert_eq!(get(&address, "/livez").await.0, 200);
    assert_eq!(
        sum(&scrape(&address).await, "ecs_keeper_leader", &[]),
        1.0,
        "it still leads, for what is under way"
    );
    assert!(ended.await.unwrap().success());
    assert!(
        tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(&address)).await.unwrap().is_err()
    );
}
