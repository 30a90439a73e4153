//! Names of what belongs to RAM: `acs:ram::<account>:<kind>/<name>`.

/// The ARN of a user, a role or a provider.
pub(crate) fn ram_arn(account: &str, kind: &str, name: &str) -> String {
    format!("acs:ram::{account}:{kind}/{name}")
}

/// Account and name in an ARN of this kind.
pub(crate) fn parse_ram_arn<'a>(arn: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    let (account, rest) = arn.strip_prefix("acs:ram::")?.split_once(':')?;
    let name = rest.strip_prefix(kind)?.strip_prefix('/')?;
    let is_number = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_name =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte));
    (is_number && is_name).then_some((account, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_read_as_it_is_written_or_not_at_all() {
        assert_eq!(parse_ram_arn(&ram_arn("1", "role", "keeper"), "role"), Some(("1", "keeper")));
        for arn in [
            "",
            "acs:ram::1:user/keeper",
            "acs:ram::1:role/",
            "acs:ram::1:role/a/b",
            "acs:ram::x:role/keeper",
            "acs:ram:cn-hangzhou:1:role/keeper",
            "acs:ram::1:role/*",
        ] {
            assert_eq!(parse_ram_arn(arn, "role"), None, "{arn}");
        }
    }
}
