//! The forms of names that people type.

use kube::core::{Expression, Selector};

use crate::api::MAX_ENI_ID;

/// Whether the text is a DNS label (RFC 1123), the form of namespaces and of account names.
pub fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| plain(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether the text is a DNS subdomain (RFC 1123), as Kubernetes takes it for the names of most objects.
pub fn is_object_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |part: &str| {
        let within = part.bytes().all(|byte| plain(byte) || byte == b'-');
        !part.is_empty() && within && !part.starts_with('-') && !part.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

/// Whether the text has the form of the cloud's ids of accounts.
pub fn is_account_id(text: &str) -> bool {
    (5..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text has the shape of the id of a network interface, the one that the custom resources ask for: `eni-bp1example`.
pub fn is_interface_id(text: &str) -> bool {
    let word = text.strip_prefix("eni-").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.len() <= MAX_ENI_ID && !word.is_empty() && word.bytes().all(plain)
}

/// Whether the text can be the issuer of tokens (OpenID Connect Core 1.0: an https URL without query and fragment).
pub fn is_issuer(text: &str) -> bool {
    let printable = |byte: u8| byte.is_ascii_graphic() && !b"?#\"\\".contains(&byte);
    text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(printable))
}

/// Whether the text is a name of an environment variable (POSIX, with small letters).
pub fn is_variable(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(word) && !text.starts_with(|first: char| first.is_ascii_digit())
}

/// Whether the text selects by labels as kubectl's `--selector` does: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a`, `!a`,
/// joined by commas.
pub fn is_label_selector(text: &str) -> bool {
    label_selector(text).is_some()
}

/// What such a text selects.
pub fn label_selector(text: &str) -> Option<Selector> {
    let mut within = false;
    let comma = |sign: char| {
        within = if within { sign != ')' } else { sign == '(' };
        sign == ',' && !within
    };
    text.split(comma).map(|requirement| requirement_of(requirement.trim())).collect()
}

fn requirement_of(text: &str) -> Option<Expression> {
    if let Some((before, values)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let words: Vec<&str> = before.split_whitespace().collect();
        let values: Vec<&str> = values.split(',').map(str::trim).collect();
        let (&[key, operator], true) = (words.as_slice(), values.iter().all(|value| is_label_value(value)))
        else {
            return None;
        };
        let (key, values) = (label_key(key)?, values.into_iter().map(str::to_owned).collect());
        return match operator {
            "in" => Some(Expression::In(key, values)),
            "notin" => Some(Expression::NotIn(key, values)),
            _ => None,
        };
    }
    for (sign, differs) in [("!=", true), ("==", false), ("=", false)] {
        let Some((key, value)) = text.split_once(sign) else { continue };
        let (key, value) = (label_key(key)?, value.trim());
        let compared = if differs { Expression::NotEqual } else { Expression::Equal };
        return is_label_value(value).then(|| compared(key, value.to_owned()));
    }
    match text.strip_prefix('!') {
        Some(key) => label_key(key).map(Expression::DoesNotExist),
        None => label_key(text).map(Expression::Exists),
    }
}

fn label_key(text: &str) -> Option<String> {
    let key = text.trim();
    is_label_key(key).then(|| key.to_owned())
}

fn is_label_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty()
        && is_label_value(name)
        && prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_label))
}

fn is_label_value(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    text.len() <= 63
        && text.bytes().all(inner)
        && !text.starts_with(['-', '_', '.'])
        && !text.ends_with(['-', '_', '.'])
}

#[cfg(test)]
mod tests {
    use kube::core::SelectorExt as _;

    use super::*;

    #[test]
    fn what_the_api_server_takes_as_a_selector_is_one_and_nothing_else() {
        let long = "k".repeat(64);
        for (text, expected) in [
            ("account=prod", true),
            ("account == prod , shard!=b", true),
            ("shard in (a,b),example.com/tier notin (x, y),team,!old", true),
            ("shard in(a)", true),
            ("shard=", true),
            ("shard in (a,)", true),
            ("shard in a,b", false),
            ("shard in (a", false),
            ("shard within (a)", false),
            ("", false),
            ("a=b,", false),
            ("=b", false),
            ("a=b=c", false),
            ("-a=b", false),
            ("a b", false),
            ("Example.com/tier=x", false),
            ("example.com/=x", false),
            (&long, false),
        ] {
            assert_eq!(is_label_selector(text), expected, "{text}");
        }
    }

    #[test]
    fn an_object_is_selected_by_its_labels_as_the_api_server_selects_it() {
        let labels = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        for (text, expected) in [
            ("shard=b", true),
            ("shard==b,team", true),
            ("shard!=b", false),
            ("tier!=x", true),
            ("shard in (a, b)", true),
            ("shard notin (a)", true),
            ("tier notin (a)", true),
            ("tier", false),
            ("!tier", true),
            ("!shard", false),
        ] {
            let selected = label_selector(text).unwrap().matches(&labels(&[("shard", "b"), ("team", "")]));
            assert_eq!(selected, expected, "{text}");
        }
    }
}
