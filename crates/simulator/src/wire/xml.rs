//! Answers in XML, as the legacy protocol has them unless it is asked for JSON.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use serde_json::Value;

/// A JSON value as an XML document. What JSON writes as a list in a wrapper is in XML the wrapper with an element for each
/// item; that is where the vendor's answers have their wrappers from.
pub(crate) fn document(root: &str, value: &Value) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    let written = writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| write(&mut writer, root, value));
    // Nothing fails to be written into memory.
    written.map(|()| writer.into_inner()).unwrap_or_default()
}

fn write(writer: &mut Writer<Vec<u8>>, name: &str, value: &Value) -> io::Result<()> {
    let element = |writer: &mut Writer<Vec<u8>>, text: &str| {
        writer.create_element(name).write_text_content(BytesText::new(text)).map(|_| ())
    };
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| write(writer, name, item)),
        Value::Object(members) => writer
            .create_element(name)
            .write_inner_content(|inner| {
                members.iter().try_for_each(|(member, value)| write(inner, member, value))
            })
            .map(|_| ()),
        Value::Null => element(writer, ""),
        Value::String(text) => element(writer, text),
        Value::Bool(_) | Value::Number(_) => element(writer, &value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_repeated_elements_and_texts_are_escaped() {
        let value =
            json!({ "Tags": { "Tag": [{ "TagKey": "a<b" }, { "TagKey": "c&d" }] }, "Total": 2, "On": true });
        let text = String::from_utf8(document("Answer", &value)).expect("text");
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Answer><On>true</On><Tags><Tag><TagKey>a&lt;b</TagKey></Tag>\
             <Tag><TagKey>c&amp;d</TagKey></Tag></Tags><Total>2</Total></Answer>"
        );
    }

    #[test]
    fn an_empty_list_is_an_empty_wrapper() {
        let text = String::from_utf8(document("Answer", &json!({ "Tags": { "Tag": [] } }))).expect("text");
        assert!(text.ends_with("<Answer><Tags></Tags></Answer>"), "{text}");
    }
}
