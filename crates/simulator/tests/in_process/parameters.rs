//! The vendor's parameters, one by one: each is honoured, or refused by name, and none is ignored.
//!
//! The facts are those that the simulator decides by; what is honoured, it is not asked. A parameter that has a probe has
//! to pass it, and one without has to be refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use keeper_simulator::{
    Account, ChargeType, HealthStatus, InterfaceSeed, InterfaceType, Issuer, LockReason, MemberChange,
    ProviderSeed, RoleSeed, Seed, Simulator, Status, TrustPolicy,
};
use serde_json::{Value, json};

use super::client::REGION;
use super::probes::{self, A_TOKEN, Given, PROBES, Probe, Test};
use super::scaling_probes::{self, SCALING_PROBES};
use super::trail_probes::{self, TRAIL_PROBES};

const FACTS: &str = include_str!("../../src/operations/parameters.txt");

/// The metadata calls the value of a tag mandatory; the pages of both operations don't, and say that it can be empty.
const NOT_MANDATORY: &str = "Tag.N.Value";

type Pairs = BTreeMap<String, String>;

/// A line of the facts.
#[derive(Clone, Copy, Debug)]
struct Fact {
    operation: &'static str,
    name: &'static str,
    rest: &'static str,
}

impl Fact {
    fn all() -> Vec<Self> {
        let mut operation = "";
        let mut facts = Vec::new();
        for line in FACTS.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(name) = line.strip_prefix('[') {
                operation = name.trim_end_matches(']');
            } else {
                let (name, rest) = line.split_once(' ').expect("a name and what is said of it");
                facts.push(Self { operation, name, rest });
            }
        }
        facts
    }

    fn kind(&self) -> &'static str {
        self.rest.split(' ').next().expect("a type")
    }

    fn is_mandatory(&self) -> bool {
        self.rest.contains(" mandatory") && self.name != NOT_MANDATORY
    }

    /// The range of values, of `chars` or of `N`.
    fn range(&self, of: &str) -> Option<(i64, i64)> {
        let word = self.rest.split(' ').find_map(|word| match word.split_once('=') {
            Some((unit, range)) => (unit == of).then_some(range),
            None => (of.is_empty() && word.contains("..")).then_some(word),
        })?;
        let (least, most) = word.split_once("..").expect("a range");
        Some((least.parse().expect("a number"), most.parse().expect("a number")))
    }

    fn probes(&self) -> Vec<&'static Probe> {
        all_probes()
            .filter(|probe| probe.operation == self.operation && general(probe.name) == self.name)
            .collect()
    }
}

fn all_probes() -> impl Iterator<Item = &'static Probe> {
    PROBES.iter().chain(SCALING_PROBES).chain(TRAIL_PROBES)
}

/// A call that passes.
fn base(operation: &str) -> Given {
    scaling_probes::base(operation).unwrap_or_else(|| probes::base(operation))
}

fn general(name: &str) -> String {
    let is_number = |part: &str| part.parse::<u32>().is_ok();
    name.split('.').map(|part| if is_number(part) { "N" } else { part }).collect::<Vec<_>>().join(".")
}

/// The name with the number 1.
fn numbered(general: &str) -> String {
    general.split('.').map(|part| if part == "N" { "1" } else { part }).collect::<Vec<_>>().join(".")
}

/// The issuer of the stage's provider.
static ISSUER: LazyLock<Issuer> = LazyLock::new(|| Issuer::new("https://issuer.example"));

/// Roles that users of the account and the stage's provider may assume, one of them only with an external id.
fn add_roles(account: &Account) {
    let provider = account.oidc_provider(ProviderSeed::of("cluster", &ISSUER));
    let principal = json!({ "RAM": format!("acs:ram::{}:root", account.id()), "Federated": provider });
    for (name, condition) in [
        ("keeper", json!({})),
        ("other", json!({})),
        ("strict", json!({ "StringEquals": { "sts:ExternalId": "a-shared-word" } })),
    ] {
        let statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal,
            "Condition": condition });
        let trust = TrustPolicy::new(json!({ "Version": "1", "Statement": [statement] }));
        account.role(RoleSeed::new(name, trust.expect("a trust policy")));
    }
}

/// A cloud in which every filter has something to find and something to leave out.
async fn stage() -> (Simulator, Account) {
    let simulator = Simulator::start().await.expect("free ports");
    // What an operation begins doesn't end before it was looked at.
    simulator.set(|settings| {
        settings.transition_millis = 3_600_000;
        settings.scaling_millis = 3_600_000;
        settings.trail_delay_seconds = 0;
    });
    let account = simulator.new_account();
    add_roles(&account);
    account.seed(
        &Seed::new(REGION)
            .id("i-a")
            .name("alpha")
            .tag("env", "prod")
            .tag("team", "a")
            .interface(InterfaceSeed::secondary().id("eni-side")),
    );
    account.seed(&Seed { status: Some(Status::Stopped), ..Seed::new(REGION).id("i-b").tag("env", "test") });
    let other = Seed {
        instance_type: Some("ecs.c7.large".into()),
        zone_id: Some("cn-hangzhou-i".into()),
        vpc_id: Some("vpc-b".into()),
        v_switch_id: Some("vsw-b".into()),
        security_group_ids: vec!["sg-b".into()],
        resource_group_id: Some("rg-b".into()),
        locks: vec![LockReason::Financial],
        creation_time: Some("2020-01-01T00:00:00Z".parse().expect("a time")),
        expired_time: Some("2020-02-01T00:00:00Z".parse().expect("a time")),
        status: Some(Status::Stopped),
        instance_charge_type: Some(ChargeType::PrePaid),
        ..Seed::new(REGION).id("i-p").name("beta")
    };
    account.seed(&other);
    account.seed(&Seed::new("cn-beijing").id("i-c"));
    account.seed(&Seed::new(REGION).id("i-many").times(12));
    account.seed_interfaces(&InterfaceSeed::new(REGION).id("eni-free").tag("env", "prod"));
    account.seed_interfaces(&InterfaceSeed {
        v_switch_id: Some("vsw-near".into()),
        ..InterfaceSeed::new(REGION).id("eni-near")
    });
    account.seed_interfaces(&InterfaceSeed {
        zone_id: Some("cn-hangzhou-i".into()),
        vpc_id: Some("vpc-b".into()),
        v_switch_id: Some("vsw-b".into()),
        security_group_ids: vec!["sg-b".into()],
        resource_group_id: Some("rg-b".into()),
        network_interface_name: Some("other".into()),
        primary_ip_address: Some("10.250.0.1".into()),
        private_ip_addresses: vec!["10.250.0.2".into()],
        ipv6_addresses: vec!["2001:db8:250::1".into()],
        ..InterfaceSeed::new(REGION).id("eni-other").tag("env", "test").service_managed()
    });
    account.seed_interfaces(&InterfaceSeed::secondary().id("eni-trunk").on("i-b").kind(InterfaceType::Trunk));
    account.seed_interfaces(&InterfaceSeed {
        trunk_network_interface_id: Some("eni-trunk".into()),
        ..InterfaceSeed::secondary().id("eni-member").on("i-b").kind(InterfaceType::Member)
    });
    account.seed_interfaces(&InterfaceSeed::new("cn-beijing").id("eni-beijing"));
    account.seed_interfaces(&InterfaceSeed::new(REGION).id("eni-many").times(12));
    for group in scaling_probes::groups() {
        account.seed_group(&group);
    }
    account.change_member(
        "i-ill",
        &MemberChange { health_status: Some(HealthStatus::Unhealthy), ..MemberChange::default() },
    );
    trail_probes::record(&account);
    (simulator, account)
}

/// What comes of a call: its answer, and the state of everything afterwards.
#[derive(Debug, PartialEq)]
struct Outcome {
    answer: Result<Value, String>,
    state: Value,
}

impl Outcome {
    async fn of(operation: &str, calls: usize, params: &Pairs) -> Self {
        let (_simulator, account) = stage().await;
        let token = ISSUER.token("system:serviceaccount:keeper:keeper", "sts.aliyuncs.com", 600);
        let made = |value| if value == A_TOKEN { &token } else { value };
        let pairs: Vec<_> =
            params.iter().map(|(name, value)| (name.as_str(), made(value).as_str())).collect();
        let mut answer = Ok(Value::Null);
        for _ in 0..calls {
            answer = account.console(operation, &pairs).map_err(|refusal| refusal.code.into_owned());
        }
        if let Ok(Value::Object(members)) = &mut answer {
            members.remove("RequestId");
            // A key is another one each time.
            if let Some(Value::Object(key)) = members.get_mut("Credentials") {
                key.retain(|name, _| name == "Expiration");
            }
            // The ids of events and of their requests are others in every cloud.
            for event in members.get_mut("Events").and_then(Value::as_array_mut).into_iter().flatten() {
                (event["eventId"], event["requestId"]) = (Value::Null, Value::Null);
            }
            // A token is another one in every cloud; that there is one is told.
            if let Some(token) = members.get_mut("NextToken") {
                *token = json!(token != "");
            }
        }
        let to_value = |thing: serde_json::Result<Value>| thing.expect("JSON");
        let instances: Vec<_> =
            account.instances().iter().map(|it| to_value(serde_json::to_value(&**it))).collect();
        let interfaces: Vec<_> =
            account.network_interfaces().iter().map(|it| to_value(serde_json::to_value(&**it))).collect();
        let groups: Vec<_> = account
            .scaling_groups()
            .iter()
            .map(|group| {
                let members: Vec<_> = account
                    .scaling_members(&group.scaling_group_id)
                    .iter()
                    .map(|it| to_value(serde_json::to_value(&**it)))
                    .collect();
                json!([to_value(serde_json::to_value(&**group)), members])
            })
            .collect();
        let mut sessions = to_value(serde_json::to_value(account.sessions()));
        for session in sessions.as_array_mut().into_iter().flatten() {
            session["accessKeyId"].take();
        }
        Self {
            answer: answer.map(relative),
            state: relative(json!({ "instances": instances, "interfaces": interfaces, "groups": groups,
                    "sessions": sessions })),
        }
    }

    fn code(&self) -> &str {
        self.answer.as_ref().err().map_or("OK", String::as_str)
    }
}

/// Times as hours from now, so that the moment of a call makes no difference.
fn relative(value: Value) -> Value {
    match value {
        Value::String(text) => match text.parse::<Timestamp>() {
            Ok(time) => {
                let minutes = time.duration_since(Timestamp::now()).as_mins();
                json!((minutes + 30).div_euclid(60))
            }
            Err(_) => Value::String(text),
        },
        Value::Array(items) => items.into_iter().map(relative).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, relative(value))).collect(),
        other => other,
    }
}

fn pairs(operation: &str, given: &[(&str, &str)]) -> Pairs {
    let all = base(operation).iter().chain(given);
    let mut pairs: Pairs = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    // An empty value takes a parameter of the base away.
    pairs.retain(|_, value| !value.is_empty());
    pairs
}

fn with(mut pairs: Pairs, name: &str, value: &str) -> Pairs {
    // Two hours ahead is the one value that has to be told at the time.
    let value = if value == "in two hours" {
        let time = Timestamp::now() + jiff::SignedDuration::from_hours(2);
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        value.to_owned()
    };
    pairs.insert(name.to_owned(), value);
    pairs
}

async fn probe(probe: &Probe) {
    let Probe { operation, name, given, tests } = probe;
    let without = pairs(operation, given);
    let said = |value: &str| format!("{operation} {name}={value}");
    for test in *tests {
        match test {
            Test::Shows(value) => {
                let before = Outcome::of(operation, 1, &without).await;
                let after = Outcome::of(operation, 1, &with(without.clone(), name, value)).await;
                assert!(after != before, "{} makes no difference", said(value));
                assert_eq!(after.code(), "OK", "{}", said(value));
            }
            Test::Repeats(value) => {
                let before = Outcome::of(operation, 2, &without).await;
                let after = Outcome::of(operation, 2, &with(without.clone(), name, value)).await;
                assert!(after != before, "{} makes no difference", said(value));
                assert_eq!(after.code(), "OK", "{}", said(value));
            }
            Test::Refuses(value, code) => {
                let found = Outcome::of(operation, 1, &with(without.clone(), name, value)).await;
                assert_eq!(found.code(), *code, "{}", said(value));
            }
            Test::Only(value, other) => {
                let before = Outcome::of(operation, 1, &without).await;
                let after = Outcome::of(operation, 1, &with(without.clone(), name, value)).await;
                assert!(after == before, "{} makes a difference", said(value));
                let found = Outcome::of(operation, 1, &with(without.clone(), name, other)).await;
                assert_eq!(found.code(), "UnsupportedParameter", "{}", said(other));
            }
        }
    }
}

#[tokio::test]
async fn the_vendors_parameters_are_honoured_or_refused_and_never_ignored() {
    for fact in Fact::all() {
        let probes = fact.probes();
        for one in &probes {
            probe(one).await;
        }
        let said = format!("{} {}", fact.operation, fact.name);
        if probes.is_empty() {
            let name = match fact.kind() {
                "Struct" => format!("{}.Member", fact.name),
                _ => numbered(fact.name),
            };
            let value = match fact.kind() {
                "Integer" | "Long" => "1",
                "Boolean" => "true",
                "Float" => "0.5",
                _ => "x",
            };
            let params = with(pairs(fact.operation, &[]), &name, value);
            assert_eq!(
                Outcome::of(fact.operation, 1, &params).await.code(),
                "UnsupportedParameter",
                "{said}"
            );
        }
        if matches!(fact.kind(), "Integer" | "Long" | "Boolean" | "Float") {
            let name = numbered(fact.name);
            let given = probes.first().map_or(&[][..], |probe| probe.given);
            let found = Outcome::of(fact.operation, 1, &with(pairs(fact.operation, given), &name, "x")).await;
            let wrong = ["InvalidParameter", "UnsupportedParameter"].contains(&found.code());
            assert!(wrong, "{said}=x: {}", found.code());
        }
    }
}

#[tokio::test]
async fn what_a_probe_compares_with_is_the_same_each_time_and_every_probe_is_of_a_parameter() {
    let facts = Fact::all();
    for probe in all_probes() {
        let known =
            facts.iter().any(|fact| fact.operation == probe.operation && fact.name == general(probe.name));
        assert!(known, "{} {}", probe.operation, probe.name);
    }
    for operation in facts.iter().map(|fact| fact.operation).collect::<BTreeSet<_>>() {
        let params = pairs(operation, &[]);
        let (first, second) =
            (Outcome::of(operation, 1, &params).await, Outcome::of(operation, 1, &params).await);
        assert!(first == second, "{operation}");
    }
}

#[tokio::test]
async fn what_is_mandatory_is_missed() {
    for fact in Fact::all().into_iter().filter(Fact::is_mandatory) {
        let list = fact.name.split(".N").next().expect("a name");
        let mut params = pairs(fact.operation, &[]);
        params.retain(|name, _| {
            name != fact.name && !(fact.name.contains(".N") && name.starts_with(&format!("{list}.")))
        });
        let found = Outcome::of(fact.operation, 1, &params).await;
        assert!(
            found.code().starts_with("MissingParameter"),
            "{} {}: {}",
            fact.operation,
            fact.name,
            found.code()
        );
    }
}

/// The calls on both sides of a limit: those within, and those beyond.
fn sides(fact: &Fact, given: &Pairs) -> (Vec<Pairs>, Vec<Pairs>) {
    let name = numbered(fact.name);
    let (mut within, mut beyond) = (Vec::new(), Vec::new());
    let mut add = |range: Option<(i64, i64)>, say: &dyn Fn(i64) -> Pairs| {
        let Some((least, most)) = range else { return };
        within.extend([say(least), say(most)]);
        beyond.push(say(most + 1));
        // No text and no item at all is a parameter that isn't given.
        if least > 1 {
            beyond.push(say(least - 1));
        }
    };
    add(fact.range(""), &|value| with(given.clone(), &name, &value.to_string()));
    add(fact.range("chars"), &|length| {
        let length = usize::try_from(length).expect("a length");
        let text: String = "Aa1".chars().chain(std::iter::repeat('a')).take(length).collect();
        with(given.clone(), &name, &text)
    });
    add(fact.range("N"), &|count| {
        let mut params = given.clone();
        let (list, member) = if let Some(list) = fact.name.strip_suffix(".N") {
            (list, String::new())
        } else {
            let (list, member) = fact.name.rsplit_once(".N.").expect("a list");
            (list, format!(".{member}"))
        };
        let list = numbered(list);
        for number in 1..=count {
            let mut say =
                |member: &str, value: String| params.insert(format!("{list}.{number}{member}"), value);
            match (list.as_str(), member.as_str()) {
                ("Filter", _) => {
                    say(".Key", "CreationStartTime".to_owned());
                    say(".Value", "2020-01-01T00:00Z".to_owned());
                }
                ("ResourceId", _) => {
                    say("", "i-a".to_owned());
                }
                _ => {
                    say(&member, format!("v{number}"));
                }
            }
        }
        params
    });
    if fact.range("").is_some() {
        beyond.extend(["0", "-1"].map(|value| with(given.clone(), &name, value)));
    }
    (within, beyond)
}

#[tokio::test]
async fn limits_of_texts_numbers_and_lists_are_where_the_vendor_has_them() {
    let mut seen = 0;
    for fact in Fact::all() {
        let Some(probe) = fact.probes().into_iter().find(|probe| !matches!(probe.tests, [Test::Only(..)]))
        else {
            continue;
        };
        let (within, beyond) = sides(&fact, &pairs(fact.operation, probe.given));
        let mut refusals = BTreeSet::new();
        for params in beyond {
            let found = Outcome::of(fact.operation, 1, &params).await;
            let refused = ["Invalid", "NumberExceed"].iter().any(|start| found.code().starts_with(start));
            assert!(refused, "{fact:?} {params:?}: {}", found.code());
            refusals.insert(found.code().to_owned());
            seen += 1;
        }
        for params in within {
            let found = Outcome::of(fact.operation, 1, &params).await;
            assert!(!refusals.contains(found.code()), "{fact:?} {params:?}: {}", found.code());
        }
    }
    assert!(seen > 50, "{seen} limits were tried");
}

/// Filters of a cloud that knows nothing of them: the vendor's gateway passes over names that the operation doesn't have.
#[tokio::test]
async fn names_that_the_vendor_does_not_have_are_passed_over_as_in_the_cloud() {
    let params = pairs("DescribeInstances", &[]);
    let plain = Outcome::of("DescribeInstances", 1, &params).await;
    for (name, value) in [("InstanceIds.1", "i-a"), ("DeletionProtection", "true"), ("Nonsense", "x")] {
        assert_eq!(
            Outcome::of("DescribeInstances", 1, &with(params.clone(), name, value)).await,
            plain,
            "{name}"
        );
    }
    // The vendor's own template for bulk protection sends a RegionId that ModifyInstanceAttribute doesn't have.
    let params = pairs("ModifyInstanceAttribute", &[]);
    let plain = Outcome::of("ModifyInstanceAttribute", 1, &params).await;
    let with_region = with(params, "RegionId", "cn-beijing");
    assert!(Outcome::of("ModifyInstanceAttribute", 1, &with_region).await == plain);
}
