//! The vendor's rules for names and other texts. Each is from the description of its parameter in the vendor's metadata.

use std::ops::RangeInclusive;

use crate::wire::{Params, Refusal};

/// How a name may look, besides being 2 to 128 letters, digits and marks.
#[derive(Clone, Copy)]
pub(super) struct Naming {
    marks: &'static str,
    starts_with_letter: bool,
}

impl Naming {
    /// NetworkInterfaceName of CreateNetworkInterface, and of `NetworkInterface.N`; InstanceName of RunInstances.
    pub(super) const FREE: Self = Self { marks: ":_.-", starts_with_letter: false };
    /// NetworkInterfaceName of ModifyNetworkInterfaceAttribute, InstanceName of CreateInstance.
    pub(super) const STRICT: Self = Self { marks: ":_.-", starts_with_letter: true };
    /// InstanceName of ModifyInstanceAttribute, which is described without periods.
    pub(super) const WITHOUT_PERIODS: Self = Self { marks: ":_-", starts_with_letter: true };

    fn allows(self, text: &str) -> bool {
        has_length(text, 2..=128)
            && (!self.starts_with_letter || text.starts_with(char::is_alphabetic))
            && text.chars().all(|letter| letter.is_alphanumeric() || self.marks.contains(letter))
    }
}

pub(super) fn name(params: &Params, parameter: &str, naming: Naming) -> Result<Option<String>, Refusal> {
    text(params, parameter, |text| naming.allows(text))
}

/// The parameter Description, with its greatest length.
pub(super) fn description(params: &Params, longest: usize) -> Result<Option<String>, Refusal> {
    text(params, "Description", |text| {
        has_length(text, 2..=longest) && !text.starts_with("http://") && !text.starts_with("https://")
    })
}

/// The parameter ScalingGroupName.
pub(super) fn group_name(params: &Params) -> Result<Option<String>, Refusal> {
    text(params, "ScalingGroupName", |text| {
        has_length(text, 2..=64)
            && text.starts_with(char::is_alphanumeric)
            && text.chars().all(|letter| letter.is_alphanumeric() || "_-.".contains(letter))
    })
}

/// The rule for host names, which is that of systems other than Windows: the simulator has no others.
pub(super) fn is_host_name(text: &str) -> bool {
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && !segment.starts_with('-')
            && !segment.ends_with('-')
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    has_length(text, 2..=64) && !text.contains("--") && text.split('.').all(is_segment)
}

pub(super) fn host_name(params: &Params) -> Result<Option<String>, Refusal> {
    text(params, "HostName", is_host_name)
}

/// The parameter Password. No operation shows one, so there is nothing to keep.
pub(super) fn check_password(params: &Params) -> Result<bool, Refusal> {
    const SPECIAL: &str = "()`~!@#$%^&*-_+=|{}[]:;'<>,.?/";
    let classes: [fn(char) -> bool; 4] = [
        |letter| letter.is_ascii_uppercase(),
        |letter| letter.is_ascii_lowercase(),
        |letter| letter.is_ascii_digit(),
        |letter| SPECIAL.contains(letter),
    ];
    let valid = |text: &str| {
        has_length(text, 8..=30)
            && text.chars().all(|letter| classes.iter().any(|has| has(letter)))
            && classes.iter().filter(|has| text.chars().any(*has)).count() >= 3
    };
    text(params, "Password", valid).map(|password| password.is_some())
}

/// The parameter CreditSpecification.
pub(super) fn credit_specification(params: &Params) -> Result<Option<String>, Refusal> {
    text(params, "CreditSpecification", |word| matches!(word, "Standard" | "Unlimited"))
}

/// A number that must be in a range.
pub(super) fn number(
    params: &Params,
    name: &str,
    range: RangeInclusive<u32>,
) -> Result<Option<u32>, Refusal> {
    let Some(number) = params.integer(name)? else { return Ok(None) };
    let number = u32::try_from(number).ok().filter(|number| range.contains(number));
    number.map(Some).ok_or_else(|| Refusal::invalid(name))
}

/// The queues of a network interface.
pub(super) fn queues(params: &Params, name: &str) -> Result<Option<u32>, Refusal> {
    number(params, name, 1..=2048)
}

fn text(params: &Params, name: &str, valid: impl FnOnce(&str) -> bool) -> Result<Option<String>, Refusal> {
    match params.get(name) {
        Some(value) if !valid(value) => Err(Refusal::invalid(name)),
        value => Ok(value.map(str::to_owned)),
    }
}

pub(super) fn has_length(text: &str, range: RangeInclusive<usize>) -> bool {
    range.contains(&text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, value: &str) -> Params {
        Params::from_pairs(&[(name.to_owned(), value.to_owned())]).expect("one parameter")
    }

    #[test]
    fn names_are_as_each_operation_describes_them() {
        let long = "n".repeat(128);
        for (text, free, strict, without_periods) in [
            ("web", true, true, true),
            ("web:1_a-b", true, true, true),
            ("web.1", true, true, false),
            ("网卡", true, true, true),
            (long.as_str(), true, true, true),
            ("1web", true, false, false),
            ("-web", true, false, false),
            ("w", false, false, false),
            ("web 1", false, false, false),
            ("web!", false, false, false),
            ("http://x.example", false, false, false),
            (&format!("{long}n"), false, false, false),
        ] {
            let found =
                [Naming::FREE, Naming::STRICT, Naming::WITHOUT_PERIODS].map(|naming| naming.allows(text));
            assert_eq!(found, [free, strict, without_periods], "{text}");
        }
    }

    #[test]
    fn names_of_groups_are_2_to_64_letters_digits_and_marks() {
        for (text, valid) in [
            ("web", true),
            ("1web_a-b.c", true),
            ("网卡", true),
            (&"n".repeat(64), true),
            (&"n".repeat(65), false),
            ("w", false),
            ("-web", false),
            ("web 1", false),
            ("web:1", false),
        ] {
            assert_eq!(group_name(&given("ScalingGroupName", text)).is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn descriptions_begin_with_no_address() {
        for (text, valid) in [
            ("httpd front end", true),
            ("see http://x.example", true),
            ("ab", true),
            ("a", false),
            ("http://x.example", false),
            ("https://x.example", false),
            (&"d".repeat(255), true),
            (&"d".repeat(256), false),
        ] {
            assert_eq!(description(&given("Description", text), 255).is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn host_names_are_segments_of_letters_digits_and_single_hyphens() {
        for (text, valid) in [
            ("web-1", true),
            ("web.1.example", true),
            (&"h".repeat(64), true),
            (&"h".repeat(65), false),
            ("w", false),
            ("web--1", false),
            ("web..1", false),
            ("-web", false),
            ("web-", false),
            ("web.", false),
            (".web", false),
            ("web_1", false),
        ] {
            assert_eq!(is_host_name(text), valid, "{text}");
        }
    }

    #[test]
    fn passwords_have_three_of_four_kinds_of_letters() {
        for (text, valid) in [
            ("Secret-1", true),
            ("secret-1", true),
            ("SECRET11", false),
            ("Secret1", false),
            ("Secret-ä1", false),
            (&format!("Secret-1{}", "x".repeat(22)), true),
            (&format!("Secret-1{}", "x".repeat(23)), false),
        ] {
            assert_eq!(check_password(&given("Password", text)).is_ok(), valid, "{text}");
        }
    }

    #[test]
    fn queues_are_1_to_2048() {
        for (text, valid) in [("0", false), ("1", true), ("2048", true), ("2049", false), ("-1", false)] {
            assert_eq!(queues(&given("QueueNumber", text), "QueueNumber").is_ok(), valid, "{text}");
        }
    }
}
