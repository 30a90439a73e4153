//! A document of YAML (or of JSON, which is YAML too), in which each value knows where it stands.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use serde_saphyr::{Location, Spanned};

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub place: Location,
    pub content: Content,
}

/// What stands there.
#[derive(Debug, Clone)]
pub enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    /// Where the key stands.
    pub place: Location,
    pub value: Node,
}

impl Node {
    /// The documents of a text. Empty ones are left out.
    pub fn documents(text: &str) -> Result<Vec<Self>, serde_saphyr::Error> {
        serde_saphyr::from_multiple(text)
    }

    /// A field of a map.
    pub fn field(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The text in a field of a map.
    pub fn text(&self, key: &str) -> Option<&str> {
        match &self.field(key)?.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Where the value at a path stands: its key, an entry of a list, or as much of the path as there is.
    pub fn place_of(&self, path: &[String]) -> Location {
        let Some((first, rest)) = path.split_first() else { return self.place };
        match &self.content {
            Content::Map(_) => match self.entry(first) {
                Some(entry) if rest.is_empty() => entry.place,
                // What can't be found within a value is missing there.
                Some(entry) => entry.value.place_within(rest).unwrap_or(entry.place),
                None => self.place,
            },
            Content::List(items) => {
                let item = first.parse::<usize>().ok().and_then(|number| items.get(number));
                item.map_or(self.place, |item| item.place_of(rest))
            }
            _ => self.place,
        }
    }

    /// The same, if the first step can be gone.
    fn place_within(&self, path: &[String]) -> Option<Location> {
        let first = path.first()?;
        let there = match &self.content {
            Content::Map(_) => self.entry(first).is_some(),
            Content::List(items) => first.parse::<usize>().is_ok_and(|number| number < items.len()),
            _ => false,
        };
        there.then(|| self.place_of(path))
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The value without its places. Fields without a value are left out: the API server takes them for absent.
    pub fn value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(value) => Value::Number(value.clone()),
            Content::Text(value) => Value::String(value.clone()),
            Content::List(items) => items.iter().map(Self::value).collect(),
            Content::Map(entries) => {
                let entries = entries.iter().filter(|entry| !matches!(entry.value.content, Content::Null));
                Value::Object(entries.map(|entry| (entry.key.clone(), entry.value.value())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::<Content>::deserialize(deserializer)?;
        Ok(Self { place: referenced, content: value })
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of YAML")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        Content::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Content, E> {
        Number::from_f64(value).map(Content::Number).ok_or_else(|| E::custom("a number has to be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Content, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Content::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push(Entry { key: key.value, place: key.referenced, value });
        }
        Ok(Content::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn steps(path: &str) -> Vec<String> {
        path.split('.').filter(|step| !step.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn each_value_knows_where_it_stands() {
        let text = "# a comment\nkind: A\nspec:\n  tags:\n  - key: env\n    value: prod\n  - {key: team}\n---\n---\nkind: B\n";
        let documents = Node::documents(text).unwrap();
        assert_eq!(documents.iter().map(|it| it.text("kind").unwrap()).collect::<Vec<_>>(), ["A", "B"]);
        for (path, line, column) in [
            ("", 2, 1),
            ("kind", 2, 1),
            ("spec", 3, 1),
            ("spec.tags", 4, 3),
            ("spec.tags.0", 5, 5),
            ("spec.tags.0.value", 6, 5),
            ("spec.tags.1", 7, 5),
            ("spec.tags.1.key", 7, 6),
            ("spec.region", 3, 1),
            ("spec.tags.9", 4, 3),
            ("spec.tags.0.exists", 5, 5),
        ] {
            let place = documents[0].place_of(&steps(path));
            assert_eq!((place.line(), place.column()), (line, column), "{path}");
        }
        assert_eq!(documents[1].place.line(), 10);
    }

    #[test]
    fn a_value_is_what_kubectl_would_send() {
        let text = "{\"a\": [1, 2.5, true, null],\t\"b\": null, \"until\": 2026-12-01T18:00:00Z, \"c\": {}}";
        let expected = json!({ "a": [1, 2.5, true, null], "until": "2026-12-01T18:00:00Z", "c": {} });
        assert_eq!(Node::documents(text).unwrap()[0].value(), expected);
        assert_eq!(
            Node::documents("a: &x {b: 1}\nc: *x").unwrap()[0].value(),
            json!({ "a": {"b": 1}, "c": {"b": 1} })
        );
        assert!(Node::documents("").unwrap().is_empty());
        for wrong in ["a: [1", "a: 1\na: 2", "a: .inf", "a: *nowhere"] {
            let error = Node::documents(wrong).unwrap_err();
            assert!(error.location().is_some_and(|place| place.line() > 0), "{wrong}: {error}");
        }
    }
}
