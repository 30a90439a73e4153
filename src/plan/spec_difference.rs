//! In which fields two specs differ.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::visible_text::plain;

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Difference {
    /// The field, from the spec on.
    pub field: String,
    /// What is there; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What the file has; absent: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// The fields in which they differ. What is within a list differs as a whole.
pub fn differences(from: &Value, to: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare("", Some(from), Some(to), &mut found);
    found
}

fn compare(field: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Difference>) {
    if from == to {
        return;
    }
    if let (Some(Value::Object(from)), Some(Value::Object(to))) = (from, to) {
        let added = to.keys().filter(|name| !from.contains_key(*name));
        for name in from.keys().chain(added) {
            let inner = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
            compare(&inner, from.get(name), to.get(name), found);
        }
        return;
    }
    found.push(Difference { field: field.to_owned(), from: from.cloned(), to: to.cloned() });
}

impl Difference {
    /// The same with what strangers wrote fit to be shown.
    pub fn plain(&self) -> Self {
        let side = |side: &Option<Value>| side.as_ref().map(plain_value);
        Self { field: plain(&self.field), from: side(&self.from), to: side(&self.to) }
    }

    /// What is in the list of the file and not in the one that is there, and the other way round; `None`: it is no list.
    pub fn of_lists(&self) -> Option<(Vec<&Value>, Vec<&Value>)> {
        let (from, to) = (items(self.from.as_ref())?, items(self.to.as_ref())?);
        Some((without(to, from), without(from, to)))
    }
}

fn plain_value(value: &Value) -> Value {
    match value {
        Value::String(text) => plain(text).into(),
        Value::Array(items) => items.iter().map(plain_value).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (plain(name), plain_value(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn items(value: Option<&Value>) -> Option<&[Value]> {
    value.map_or(Some(&[]), |value| value.as_array().map(Vec::as_slice))
}

fn without<'a>(items: &'a [Value], others: &[Value]) -> Vec<&'a Value> {
    items.iter().filter(|item| !others.contains(item)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_field_that_differs_is_told_once() {
        let from =
            json!({ "mode": "Enforce", "targets": { "instanceIds": ["i-a", "i-b"] }, "exceptions": [1] });
        let to =
            json!({ "mode": "Observe", "targets": { "instanceIds": ["i-b", "i-c"], "allInstances": true } });
        let found = differences(&from, &to);
        let fields: Vec<&str> = found.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["exceptions", "mode", "targets.instanceIds", "targets.allInstances"]);
        let (added, removed) = found[2].of_lists().unwrap();
        assert_eq!((added, removed), (vec![&json!("i-c")], vec![&json!("i-a")]));
        assert_eq!(found[0].of_lists().unwrap().1, [&json!(1)]);
        assert_eq!((found[1].of_lists(), found[1].to.as_ref()), (None, Some(&json!("Observe"))));
        assert!(differences(&from, &from).is_empty());
    }

    #[test]
    fn i59_what_strangers_wrote_is_fit_to_be_shown() {
        let written = json!([{ "reason": "re\u{202e}placed", "o\u{7}dd": 1 }]);
        let difference = Difference { field: "exc\u{200b}eptions".to_owned(), from: None, to: Some(written) };
        let shown = json!([{ "reason": "replaced", "odd": 1 }]);
        let expected = Difference { field: "exceptions".to_owned(), from: None, to: Some(shown) };
        assert_eq!(difference.plain(), expected);
    }
}
