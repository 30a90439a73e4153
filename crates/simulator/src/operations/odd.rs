//! Answers with members that no client expects, as faults want them.

use serde_json::Value;

use crate::faults::OddField;

/// A member that is a text; empty when it is missing.
pub(super) fn text(item: &Value, member: &str) -> String {
    item.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Gives a member another value, or takes it away. A member that isn't there appears; one whose parent isn't there
/// doesn't.
pub(super) fn distort(item: &mut Value, odd: &OddField) {
    let (parent, name) = match odd.path.rsplit_once('.') {
        Some((parent, name)) => (item.pointer_mut(&format!("/{}", parent.replace('.', "/"))), name),
        None => (Some(item), odd.path.as_str()),
    };
    if let Some(Value::Object(members)) = parent {
        match &odd.value {
            Some(value) => {
                members.insert(name.to_owned(), value.clone());
            }
            None => {
                members.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::faults::Target;

    #[test]
    fn a_member_can_be_removed_nulled_and_retyped() {
        let item = json!({ "A": true, "Tags": { "Tag": [1] } });
        let distorted = |path: &str, value: Option<Value>| {
            let mut item = item.clone();
            distort(&mut item, &OddField { target: Target::default(), path: path.to_owned(), value });
            item
        };
        assert_eq!(distorted("A", None), json!({ "Tags": { "Tag": [1] } }));
        assert_eq!(distorted("A", Some(Value::Null)), json!({ "A": null, "Tags": { "Tag": [1] } }));
        assert_eq!(distorted("Tags.Tag", Some(json!("x"))), json!({ "A": true, "Tags": { "Tag": "x" } }));
        assert_eq!(distorted("B.C", Some(json!(1))), item);
    }
}
