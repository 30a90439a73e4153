//! What a fuzzer calls: each decoder of what strangers write, with what has to hold of it whatever comes. Not in any program.
//! Those of the cloud's answers are in `keeper-alicloud`.
//!
//! `make fuzz` makes up the inputs; the tests take those that `crates/fuzz/corpus` keeps.

use std::path::Path;
use std::sync::LazyLock;

use k8s_openapi::jiff::Timestamp;
use keeper_core::id::{AccountName, Region};
use kube::api::DynamicObject;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::api::{DEFAULT_ACCOUNT, Object, Resource, WatchedObject, generation};
use crate::audit::IgnoreList;
use crate::causes::told;
use crate::config;
use crate::credentials::{Claims, keys};
use crate::desired::{Claim, Cluster, Machine, place};
use crate::doctor::{Findings, judge};
use crate::explain::EvidenceLog;
use crate::grants::Grants;
use crate::node::Node;
use crate::node_claim::NodeClaim;
use crate::plan::{Definition, Manifests, applied_before, merged};
use crate::provider_id::ProviderId;
use crate::scope::Scope;
use crate::zone::Zone;

/// A decoder, with what has to hold: it panics where that does not.
pub type Target = fn(&[u8]);

/// Every decoder, by its name.
pub const TARGETS: [(&str, Target); 10] = [
    ("configuration", configuration),
    ("evidence-log", evidence_log),
    ("ignored", ignored),
    ("machines", machines),
    ("manifests", manifests),
    ("metrics", metrics),
    ("profiles", profiles),
    ("protection", |text| object(Resource::Protection, text)),
    ("retention", |text| object(Resource::Retention, text)),
    ("tokens", tokens),
];

/// What stands for a secret in what is made up.
const CANARY: &str = "CANARY";

/// The longest line that anybody is told. A message is cut at 1,000 characters, and a place stands before it.
const LONGEST_LINE: usize = 1_200;

static GRANTS: LazyLock<Option<Grants>> =
    LazyLock::new(|| config::parse("").ok().map(|config| config.grants("ours")));

static DEFINITIONS: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    Resource::ALL.into_iter().filter_map(|resource| Definition::of(resource).ok()).collect()
});

/// Each line of a message can be shown, and has an end.
fn assert_tellable(message: &str) {
    for line in message.lines() {
        assert!(line.chars().count() <= LONGEST_LINE, "{line:?}");
        assert!(!line.chars().any(|one| one.is_control() || one == '\u{202e}'), "{line:?}");
    }
}

fn decoded<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    serde_json::from_slice(text).ok()
}

fn object(resource: Resource, text: &[u8]) {
    let Some(answer) = decoded::<DynamicObject>(text) else { return };
    let applied = applied_before(&answer.metadata);
    let (spec, status) = (answer.data.get("spec").cloned(), answer.data.get("status").cloned());
    if let Some(spec) = &spec {
        let applied = applied.get("spec").unwrap_or(&Value::Null);
        assert_eq!(merged(spec.clone(), spec, applied), *spec, "what is applied again changes nothing");
    }
    let seen = resource.decode(answer);
    assert_account(&seen, spec.as_ref());
    assert_carried_out(&seen, status.as_ref());
    for list in ["instances", "networkInterfaces", "exceptions", "lifted", "acts"] {
        let all = status.as_ref().and_then(|status| status.get(list)?.as_array()).map_or(0, Vec::len);
        assert!(seen.undecoded_rows(list).len() <= all);
    }
    let Some(object) = &seen.object else { return };
    assert_same_again(object);
    assert_asked(object, spec.as_ref());
    if let Some(grants) = &*GRANTS {
        // What it asks can be put into an intent, whatever its numbers and times are.
        let _ = place(object, &Cluster::default(), grants, Timestamp::UNIX_EPOCH);
    }
}

/// The account is the one that the spec names, or that of whoever names none.
fn assert_account(seen: &WatchedObject, spec: Option<&Value>) {
    let Some(account) = seen.account() else { return assert!(seen.object.is_none()) };
    let named = spec.and_then(|spec| spec.get("account")).map_or(Some(DEFAULT_ACCOUNT), Value::as_str);
    assert_eq!(named.map(AccountName::new), Some(account));
}

/// I14: an act counts as carried out only if status says so of this generation.
fn assert_carried_out(seen: &WatchedObject, status: Option<&Value>) {
    let of = generation(&seen.meta);
    let rows = |list: &str| status.and_then(|status| status.get(list)?.as_array()).into_iter().flatten();
    let lists = |act: &str| {
        rows("acts")
            .any(|row| row.get("act") == Some(&json!(act)) && row.get("generation") == Some(&json!(of)))
    };
    let (act, domain, reason) = match seen.resource {
        Resource::Protection => ("Disabled", "Protected", "DisabledAsAsked"),
        Resource::Retention => ("Release", "Retained", "ReleasedAsAsked"),
    };
    let is_condition = |row: &Value| {
        let says = |field: &str, value: Value| row.get(field) == Some(&value);
        says("type", domain.into()) && says("reason", reason.into()) && says("observedGeneration", of.into())
    };
    assert!(!seen.carried_out() || lists(act) || rows("conditions").any(is_condition));
    assert!(!seen.scale_in_carried_out() || lists("UnprotectScaleIn"));
}

/// What is written is read as what it was. Only times lose what is less than a second.
fn assert_same_again(object: &Object) {
    let written = |object: &Object| match object {
        Object::Protection(object) => serde_json::to_value(&**object),
        Object::Retention(object) => serde_json::to_value(&**object),
    };
    let text = written(object).unwrap_or_default();
    let again = serde_json::from_value(text.clone()).ok();
    let again = again.and_then(|answer| object.resource().decode(answer).object);
    assert_eq!(again.map(|again| written(&again).unwrap_or_default()), Some(text));
}

/// I9: unprotecting is asked for in so many words, and only where the operator may write.
fn assert_asked(object: &Object, spec: Option<&Value>) {
    let says = |field: &str, value: &str| {
        spec.and_then(|spec| spec.get(field)).is_some_and(|found| *found == json!(value))
    };
    let asked = object.spec();
    assert!(!(asked.unprotects || asked.unprotects_when_deleted) || !says("mode", "Observe"));
    let (unprotects, when_deleted) = match object {
        Object::Protection(_) => {
            let any = says("protection", "Disabled") || says("scaleIn", "Unprotect");
            (any, says("deletionPolicy", "Disable"))
        }
        Object::Retention(_) => (says("retention", "Release"), says("deletionPolicy", "Release")),
    };
    assert!((unprotects || !asked.unprotects) && (when_deleted || !asked.unprotects_when_deleted));
}

/// Nodes and NodeClaims. I43: of a machine's region and id nothing can become part of a host or a path but letters, digits and hyphens.
fn machines(text: &[u8]) {
    let node = decoded::<Node>(text).map(|node| Machine::of(&node).provider);
    let claim = decoded::<NodeClaim>(text).map(|claim| Claim::of(&claim).provider);
    for provider in [node, claim].into_iter().flatten() {
        if let ProviderId::Instance { region, id } = provider {
            let plain = |text: &str| {
                let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                (3..=64).contains(&text.len()) && text.bytes().all(allowed)
            };
            assert!(
                plain(region.as_str()) && plain(id.as_str()) && id.as_str().starts_with("i-"),
                "{region:?} {id:?}"
            );
        }
    }
}

fn configuration(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    match config::parse(text) {
        Ok(config) => {
            assert_tellable(&config.to_string());
            for doubt in &config.doubts {
                assert_tellable(&doubt.to_string());
            }
        }
        Err(problems) => assert_tellable(&problems.to_string()),
    }
}

fn manifests(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let texts = [("file".to_owned(), text.to_owned())];
    match Manifests::of(&texts, &DEFINITIONS, "ours") {
        Ok(found) => {
            for manifest in &found.objects {
                // I9: what the API server stores and nobody here can read would block an account.
                let stored = serde_json::from_value(manifest.value.clone());
                assert!(
                    stored.is_ok_and(|stored| manifest.resource.decode(stored).object.is_some()),
                    "{}",
                    manifest.value
                );
            }
        }
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            let lines = u64::try_from(text.lines().count()).unwrap_or(u64::MAX);
            for mistake in mistakes {
                assert!(mistake.place.line <= lines.saturating_add(1), "{mistake:?}");
                assert_tellable(&mistake.sentence);
                assert!(!mistake.sentence.contains('\n'), "{mistake:?}");
            }
        }
    }
}

fn ignored(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    match IgnoreList::read(Path::new("file"), text, Timestamp::UNIX_EPOCH) {
        Ok(list) => assert_tellable(&list.remarks(true).join("\n")),
        Err(error) => assert_tellable(&told(&error)),
    }
}

fn evidence_log(text: &[u8]) {
    let Ok(log) = EvidenceLog::of(text, "Instance", "i-a") else { return };
    let scope = Scope { account: AccountName::new("default"), region: Region::new("cn-hangzhou") };
    let (history, switched_off) = log.history(&scope);
    assert!(history.changes.is_sorted_by_key(|change| change.seen));
    assert!(history.unwatched.iter().all(|span| span.from <= span.to), "{:?}", history.unwatched);
    for change in &history.changes {
        let texts =
            [Some(&change.flag), change.from.as_ref(), change.to.as_ref(), change.request_id.as_ref()];
        for text in texts.into_iter().flatten() {
            assert_tellable(text);
        }
    }
    for off in switched_off {
        for user in off.calls.iter().filter_map(|call| call.user.as_deref()) {
            assert_tellable(user);
        }
        assert!(!off.sentence("i-a", &Zone::utc()).chars().any(char::is_control));
    }
}

/// I44: what is wrong with a profile is said, and no part of a key with it.
fn profiles(text: &[u8]) {
    let keys = match keys(Path::new("file"), text) {
        Ok(keys) => keys,
        Err(error) => return assert_tellable(&told(&error)),
    };
    let file: Value = decoded(text).unwrap_or_default();
    let names = file.get("profiles").and_then(Value::as_array).into_iter().flatten();
    let names = names.filter_map(|profile| profile.get("name")).chain(file.get("current"));
    let is_named = names.filter_map(Value::as_str).any(|name| name.contains(CANARY));
    for key in keys {
        let shown = match key {
            Ok(issued) => format!("{issued:?}"),
            Err(error) => told(&error),
        };
        assert_tellable(&shown);
        assert!(is_named || !shown.contains(CANARY), "{shown}");
    }
}

fn tokens(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Some(claims) = Claims::of(&text.into()) {
        assert_tellable(&claims.to_string());
    }
}

fn metrics(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let mut findings = Findings::default();
    judge(text, "this Pod", 0, &mut findings);
    assert!(findings.json().is_ok());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i47_what_fuzzing_has_found_is_kept_and_does_no_harm() {
        for (name, target) in TARGETS {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/fuzz/corpus").join(name);
            let inputs: Vec<_> =
                std::fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!inputs.is_empty(), "{name}");
            for input in inputs {
                println!("{}", input.display());
                target(&std::fs::read(&input).unwrap());
            }
        }
    }
}
