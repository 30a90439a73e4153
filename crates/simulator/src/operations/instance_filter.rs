//! The filters of DescribeInstances. All that are given must match.

use jiff::Timestamp;

use crate::faults::PageFaults;
use crate::operations::listing;
use crate::state::{ChargeType, Instance, LockReason, Mark, Status};
use crate::wire::{Params, Refusal, TagPair};

type Field = fn(&Instance) -> &str;

/// Filters that compare one text.
const TEXTS: &[(&str, Field)] = &[
    ("ImageId", |instance| &instance.image_id),
    ("InstanceType", |instance| &instance.instance_type),
    ("InstanceTypeFamily", |instance| {
        instance.instance_type.rsplit_once('.').map_or("", |(family, _)| family)
    }),
    ("VpcId", |instance| &instance.vpc_id),
    ("VSwitchId", |instance| &instance.v_switch_id),
    ("ZoneId", |instance| &instance.zone_id),
];

/// Limits of `Filter.N`: a key, and whether the time it gives is the latest one.
const PERIODS: &[(&str, bool)] = &[
    ("CreationStartTime", false),
    ("CreationEndTime", true),
    ("ExpiredStartTime", false),
    ("ExpiredEndTime", true),
];

/// All filters of a call.
#[derive(Default)]
pub(super) struct Filter {
    ids: Option<Vec<String>>,
    tags: Vec<TagPair>,
    texts: Vec<(Field, String)>,
    name: Option<String>,
    security_group: Option<String>,
    status: Option<Status>,
    charge_type: Option<ChargeType>,
    lock: Option<LockReason>,
    /// Instances of the classic network, of which there are none.
    classic: bool,
    resource_group: Option<String>,
    created: (Option<Timestamp>, Option<Timestamp>),
    expired: (Option<Timestamp>, Option<Timestamp>),
}

impl Filter {
    pub(super) fn parse(params: &Params) -> Result<Self, Refusal> {
        let tags = params.tags()?;
        if tags.len() > 20 {
            return Err(Refusal::new(400, "InvalidTagCount", "At most 20 tags."));
        }
        let mut filter = Self {
            ids: params.get("InstanceIds").map(parse_ids).transpose()?,
            tags,
            texts: TEXTS
                .iter()
                .filter_map(|(name, field)| Some((*field, params.get(name)?.to_owned())))
                .collect(),
            name: params.get("InstanceName").map(str::to_owned),
            security_group: params.get("SecurityGroupId").map(str::to_owned),
            status: word(params, "Status", Status::parse)?,
            charge_type: word(params, "InstanceChargeType", ChargeType::parse)?,
            lock: word(params, "LockReason", |text| LockReason::parse(&text.to_ascii_lowercase()))?,
            resource_group: params.get("ResourceGroupId").map(str::to_owned),
            ..Self::default()
        };
        filter.classic = match params.get("InstanceNetworkType") {
            None | Some("vpc") => false,
            Some("classic") => true,
            Some(_) => return Err(Refusal::new(404, "InvalidNetworkType.NotFound", "It is vpc or classic.")),
        };
        for (number, members) in params.objects("Filter") {
            if number > 4 {
                return Err(Refusal::invalid("Filter"));
            }
            filter.period(members.get("Key").copied().unwrap_or_default(), members.get("Value").copied())?;
        }
        Ok(filter)
    }

    fn period(&mut self, key: &str, value: Option<&str>) -> Result<(), Refusal> {
        let Some((_, latest)) = PERIODS.iter().find(|(known, _)| *known == key) else {
            return Err(Refusal::new(
                404,
                "InvalidFilterKey.NotFound",
                format!("There is no filter key {key:?}."),
            ));
        };
        let time = value
            .filter(|text| text.len() == "2026-01-01T00:00Z".len() && text.ends_with('Z'))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| {
                Refusal::new(404, "InvalidFilterValue", "A time must look like 2026-01-01T00:00Z.")
            })?;
        let period = if key.starts_with("Creation") { &mut self.created } else { &mut self.expired };
        *(if *latest { &mut period.1 } else { &mut period.0 }) = Some(time);
        Ok(())
    }
}

impl listing::Filter<Instance> for Filter {
    fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    fn mark(&self) -> Option<Mark> {
        TagPair::exact(&self.tags).map(|(key, value)| Mark::tag(key, value))
    }

    fn is_capped(&self) -> bool {
        self.resource_group.is_some() || !self.tags.is_empty()
    }

    fn hidden(&self, instance: &Instance, faults: &PageFaults) -> bool {
        faults.hides_instance(&instance.instance_id)
    }

    fn matches(&self, instance: &Instance) -> bool {
        let within =
            |(start, end): &(Option<Timestamp>, Option<Timestamp>), time: Option<Timestamp>| match time {
                Some(time) => start.is_none_or(|start| start <= time) && end.is_none_or(|end| time <= end),
                // What never expires is later than any end that can be asked for.
                None => end.is_none(),
            };
        !self.classic
            && self.tags.iter().all(|tag| tag.matches(&instance.tags))
            && self.texts.iter().all(|(field, text)| field(instance) == text)
            && self.name.as_ref().is_none_or(|pattern| wildcard(pattern, &instance.instance_name))
            && self.security_group.as_ref().is_none_or(|group| instance.security_group_ids.contains(group))
            // Documented: what is in the default group is shown whatever is asked for.
            && self.resource_group.as_ref().is_none_or(|group| {
                instance.resource_group_id.is_empty() || instance.resource_group_id == *group
            })
            && self.status.is_none_or(|status| status == instance.status)
            && self.charge_type.is_none_or(|charge_type| charge_type == instance.instance_charge_type)
            && self.lock.is_none_or(|reason| instance.locked_for(reason))
            && within(&self.created, Some(instance.creation_time))
            && within(&self.expired, instance.expired_time)
    }
}

/// A parameter that must be one of the vendor's words.
fn word<T>(params: &Params, name: &str, parse: fn(&str) -> Option<T>) -> Result<Option<T>, Refusal> {
    let unknown =
        |text| Refusal::new(404, format!("Invalid{name}.NotFound"), format!("There is no {name} {text}."));
    params.get(name).map(|text| parse(text).ok_or_else(|| unknown(text))).transpose()
}

/// InstanceIds: one text that holds a JSON array. An empty array is a filter that nothing passes.
fn parse_ids(text: &str) -> Result<Vec<String>, Refusal> {
    let mut ids: Vec<String> = serde_json::from_str(text).map_err(|_| {
        Refusal::new(
            400,
            "InvalidInstanceIds.Malformed",
            "InstanceIds must be a JSON array of ids, as one text.",
        )
    })?;
    // The pages of DescribeDisks and DescribeSnapshots give this code with 403 for too many ids; the one of
    // DescribeInstances gives none.
    if ids.len() > 100 {
        return Err(Refusal::new(403, "InvalidInstanceIds.Malformed", "At most 100 ids in one call."));
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Whether a text matches a pattern in which `*` stands for any text.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return text.ends_with(part);
        }
        let Some((_, after)) = text.split_once(part) else { return false };
        text = after;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asterisk_stands_for_any_text() {
        for (pattern, text, matches) in [
            ("web", "web", true),
            ("web", "web-1", false),
            ("web*", "web-1", true),
            ("*1", "web-1", true),
            ("w*b*1", "web-1", true),
            ("w*x*1", "web-1", false),
            ("*", "", true),
            ("a*a", "a", false),
            ("**", "abc", true),
        ] {
            assert_eq!(wildcard(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn ids_are_one_json_text() {
        assert_eq!(parse_ids(r#"["i-b","i-a","i-b"]"#), Ok(vec!["i-a".to_owned(), "i-b".to_owned()]));
        assert_eq!(parse_ids("[]"), Ok(Vec::new()));
        for malformed in ["i-a", "i-a,i-b", "{}", "[1]", "[\"i-a\"", "\"i-a\""] {
            let refusal = parse_ids(malformed).expect_err(malformed);
            assert_eq!((refusal.status, &*refusal.code), (400, "InvalidInstanceIds.Malformed"));
        }
        let many = serde_json::to_string(&vec!["i"; 101]).expect("JSON");
        assert_eq!(parse_ids(&many).expect_err("too many").status, 403);
    }
}
