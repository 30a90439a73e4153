//! Parameters of an RPC-style call: a flat map of texts, with lists spelled `Name.1`, `Name.2`, ….

use std::collections::BTreeMap;

use super::Refusal;

/// One `Tag.N` of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagPair {
    pub(crate) key: String,
    /// Absent is not the same as empty: a filter without a value matches any value.
    pub(crate) value: Option<String>,
}

impl TagPair {
    /// Whether tags pass this filter.
    pub(crate) fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        let found = tags.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|value| value == found))
    }

    /// The first of some tags that has its value.
    pub(crate) fn exact(tags: &[Self]) -> Option<(&str, &str)> {
        tags.iter().find_map(|tag| Some((tag.key.as_str(), tag.value.as_deref()?)))
    }
}

/// The parameters of one call, from the query string and the form body together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    pub(crate) fn from_pairs(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let mut map = BTreeMap::new();
        for (name, value) in pairs {
            if map.insert(name.clone(), value.clone()).is_some() {
                return Err(Refusal::new(
                    400,
                    "InvalidParameter",
                    format!("The parameter {name} was given more than once."),
                ));
            }
        }
        Ok(Self(map))
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter; one that is empty counts as not given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.get(name).ok_or_else(|| Refusal::missing(name))
    }

    /// A boolean. Go's SDK and the vendor's pages spell `true`, Python's SDK spells `True`.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::invalid(name)),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        Ok(self.boolean(name)? == Some(true))
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.get(name).map(|text| text.parse().map_err(|_| Refusal::invalid(name))).transpose()
    }

    /// The values of `Name.1`, `Name.2`, … in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let mut values: Vec<(u32, &str)> = self
            .numbered(name)
            .filter(|(_, rest, _)| rest.is_empty())
            .map(|(number, _, value)| (number, value))
            .collect();
        values.sort_unstable_by_key(|(number, _)| *number);
        values.into_iter().map(|(_, value)| value).collect()
    }

    /// The members of a list of objects, such as `Tag.N.Key` and `Tag.N.Value`, by number.
    pub(crate) fn objects(&self, name: &str) -> BTreeMap<u32, BTreeMap<&str, &str>> {
        let mut objects: BTreeMap<u32, BTreeMap<&str, &str>> = BTreeMap::new();
        for (number, rest, value) in self.numbered(name) {
            if let Some(member) = rest.strip_prefix('.') {
                objects.entry(number).or_default().insert(member, value);
            }
        }
        objects
    }

    /// `Tag.N`. A value without its key is refused as `InvalidTag.Mismatch`.
    pub(crate) fn tags(&self) -> Result<Vec<TagPair>, Refusal> {
        self.objects("Tag")
            .values()
            .map(|members| match members.get("Key") {
                Some(key) => Ok(TagPair {
                    key: (*key).to_owned(),
                    value: members.get("Value").map(|value| (*value).to_owned()),
                }),
                None => Err(Refusal::new(
                    400,
                    "InvalidTag.Mismatch",
                    "A Tag.N.Value was given without its Tag.N.Key.",
                )),
            })
            .collect()
    }

    fn numbered(&self, name: &str) -> impl Iterator<Item = (u32, &str, &str)> {
        let prefix = format!("{name}.");
        self.0.iter().filter_map(move |(key, value)| {
            let rest = key.strip_prefix(&prefix)?;
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, rest) = rest.split_at(digits);
            Some((number.parse().ok()?, rest, value.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Params {
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Params::from_pairs(&pairs).expect("no duplicates")
    }

    #[test]
    fn lists_are_ordered_by_number_and_not_by_text() {
        let params = params(&[
            ("InstanceId.10", "j"),
            ("InstanceId.2", "b"),
            ("InstanceId.1", "a"),
            ("InstanceId", "x"),
        ]);
        assert_eq!(params.list("InstanceId"), ["a", "b", "j"]);
    }

    #[test]
    fn both_spellings_of_a_boolean_are_understood_and_others_refused() {
        let params = params(&[("A", "True"), ("B", "false"), ("C", "1"), ("D", "")]);
        assert_eq!(params.boolean("A"), Ok(Some(true)));
        assert_eq!(params.boolean("B"), Ok(Some(false)));
        assert_eq!(params.boolean("C").map_err(|r| r.code.into_owned()), Err("InvalidParameter".to_owned()));
        assert_eq!(params.boolean("D"), Ok(None));
    }

    #[test]
    fn a_tag_value_without_a_key_is_a_mismatch() {
        assert_eq!(
            params(&[("Tag.1.Key", "env"), ("Tag.2.Key", "x"), ("Tag.2.Value", "")]).tags(),
            Ok(vec![
                TagPair { key: "env".into(), value: None },
                TagPair { key: "x".into(), value: Some(String::new()) }
            ])
        );
        let refused = params(&[("Tag.1.Value", "prod")]).tags().expect_err("no key");
        assert_eq!(refused.code, "InvalidTag.Mismatch");
    }

    #[test]
    fn a_doubled_parameter_is_refused() {
        let pairs = [("A".to_owned(), "1".to_owned()), ("A".to_owned(), "2".to_owned())];
        assert_eq!(Params::from_pairs(&pairs).expect_err("doubled").code, "InvalidParameter");
    }
}
