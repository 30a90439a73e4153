//! What the listings have in common: filters, pages and tags. Concludes nothing: an entry that can't be read is counted
//! and doesn't cost the page.

use keeper_core::call::{Identity, Item, Page, Query, ReadCall};
use keeper_core::id::{PageToken, Region, Tag, TagFilter};
use keeper_core::resource::Resource;
use serde_json::Value;

use crate::answer::Answer;
use crate::operation::Parameters;

/// Most tags in one filter.
const TAGS_PER_READ: usize = 20;

/// Where a client reads, and what is known of that region although no answer says it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub(crate) region: &'a Region,
    /// Whether a primary network interface can be retained there.
    pub(crate) primary_retainable: bool,
    /// To whom the answer was given.
    pub(crate) identity: Identity,
}

/// The parameters of a read; `None` when the query is empty or beyond the operations' limits. How ids are put differs.
///
/// A filter without entries would not be sent at all, and the cloud would answer with the whole region.
pub(crate) fn parameters<R: Resource>(
    region: &Region,
    page_size: &str,
    call: &ReadCall<R>,
    ids_as_parameters: impl FnOnce(&[R::Id]) -> Parameters,
) -> Option<Parameters> {
    let mut parameters = vec![
        ("RegionId".to_owned(), region.as_str().to_owned()),
        ("MaxResults".to_owned(), page_size.to_owned()),
    ];
    match &call.query {
        Query::Ids(ids) if (1..=R::IDS_PER_READ).contains(&ids.len()) => {
            parameters.extend(ids_as_parameters(ids));
        }
        Query::Tagged(tags) if (1..=TAGS_PER_READ).contains(&tags.len()) => {
            for (number, TagFilter { key, value }) in (1..).zip(tags) {
                parameters.push((format!("Tag.{number}.Key"), key.to_string()));
                parameters
                    .extend(value.iter().map(|value| (format!("Tag.{number}.Value"), value.to_string())));
            }
        }
        Query::Region => {}
        Query::Ids(_) | Query::Tagged(_) => return None,
    }
    parameters.extend(call.page.iter().map(|page| ("NextToken".to_owned(), page.as_str().to_owned())));
    Some(parameters)
}

/// The page in an answer whose entries stand in a list within a wrapper; `None` when it is no such listing, or doesn't
/// say readably whether the listing goes on.
///
/// The vendor documents an empty `NextToken` on the last page, and empty texts where others have null; so an empty or
/// an absent one ends the listing, and anything else that is not a token makes the page worthless.
pub(crate) fn page<R: Resource>(
    place: Place<'_>,
    answer: Answer,
    [wrapper, list]: [&str; 2],
    item: impl Fn(&Value) -> Option<Item<R>>,
) -> Option<Page<R>> {
    let entries = answer.fields.get(wrapper)?.get(list)?.as_array()?;
    let next = match answer.fields.get("NextToken") {
        None => None,
        Some(Value::String(token)) if token.is_empty() => None,
        Some(Value::String(token)) => Some(PageToken::new(token)),
        Some(_) => return None,
    };
    let items: Vec<_> = entries.iter().filter_map(item).collect();
    let unreadable = entries.len() - items.len();
    let (request_id, identity) = (answer.request_id, place.identity);
    Some(Page { items, unreadable, next, total: None, request_id, identity })
}

/// What people call an entry, as they wrote it; `None` where they call it nothing. The vendor's pages allow 128 characters: whatever
/// is longer is cut.
pub(crate) fn name(entry: &Value, field: &str) -> Option<Box<str>> {
    const LONGEST: usize = 128;
    let name = entry.get(field)?.as_str().filter(|name| !name.is_empty())?;
    Some(name.chars().take(LONGEST).collect::<String>().into())
}

/// All tags of an entry or none: a list with one that can't be read is not known. The cloud leaves the field out where
/// there are no tags.
pub(crate) fn tags(entry: &Value) -> Option<Vec<Tag>> {
    let tag = |tag: &Value| Some(Tag::new(tag.get("TagKey")?.as_str()?, tag.get("TagValue")?.as_str()?));
    match entry.get("Tags") {
        None => Some(Vec::new()),
        Some(tags) => tags.get("Tag")?.as_array()?.iter().map(tag).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_what_somebody_wrote_and_no_longer_than_the_vendor_allows() {
        let called = |written: Value| name(&json!({ "InstanceName": written }), "InstanceName");
        assert_eq!(called(json!("生产 <1>")).as_deref(), Some("生产 <1>"));
        assert_eq!(called(json!("界".repeat(4000))).as_deref(), Some(&*"界".repeat(128)));
        for nothing in [json!(""), json!(null), json!(7)] {
            assert_eq!(called(nothing.clone()), None, "{nothing}");
        }
        assert_eq!(name(&json!({}), "InstanceName"), None);
    }
}

#[cfg(test)]
pub(crate) mod distortion;
