//! Entries of a listing as they should never come: each field in turn removed, nulled or of another type.

use proptest::prelude::*;
use serde_json::{Value, json};

/// Every path to a value within a value, itself excluded.
fn paths(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, child)| (format!("/{name}"), child)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(n, child)| (format!("/{n}"), child)).collect(),
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(path, child)| {
            let below = paths(child).into_iter().map({
                let path = path.clone();
                move |rest| format!("{path}{rest}")
            });
            std::iter::once(path.clone()).chain(below).collect::<Vec<_>>()
        })
        .collect()
}

/// The value with each of its fields removed, nulled and retyped in turn, and what was done.
pub(crate) fn distorted(full: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for path in paths(full) {
        let (parent, name) = path.rsplit_once('/').unwrap();
        let mut removed = full.clone();
        if let Some(parent) = removed.pointer_mut(parent).unwrap().as_object_mut() {
            parent.remove(name);
            all.push((format!("without {path}"), removed));
        }
        let original = full.pointer(&path).unwrap();
        let odd = [
            json!(null),
            json!(true),
            json!(0),
            json!(1),
            json!(1.5),
            json!("true"),
            json!("\u{1F512} odd"),
            json!([]),
            json!([null]),
            json!({}),
            json!({"LockReason": {}, "Tag": {}}),
        ];
        // A value of the same type may be one in its own right; odd texts are another test's matter.
        let same_type = |value: &Value| match original {
            Value::Array(_) => *value == json!([]),
            Value::Bool(_) => value.is_boolean(),
            Value::String(_) => value.is_string(),
            _ => false,
        };
        for value in odd.into_iter().filter(|value| !same_type(value)) {
            let mut changed = full.clone();
            *changed.pointer_mut(&path).unwrap() = value.clone();
            all.push((format!("{path} = {value}"), changed));
        }
    }
    all
}

/// Any JSON, made with a liking for these names and texts.
pub(crate) fn arbitrary_json(
    names: &'static [&'static str],
    texts: &'static [&'static str],
) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(texts).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let name = prop::sample::select(names).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..10)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
