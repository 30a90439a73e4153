//! Policies as resources of Terraform, for the provider `aliyun/alicloud`.

use keeper_core::id::AccountName;

use super::permissions::Permissions;

/// A resource for each policy, named after an account that needs it.
pub fn resources(all: &[Permissions]) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for Permissions { identity, signs, assumes, policy } in all {
        let named = |prefix: &str, account: &AccountName| format!("ecs-keeper-{prefix}{account}");
        let name = signs.first().map(|account| named("", account));
        let name = name.or_else(|| assumes.first().map(|account| named("assume-", account)));
        let name = name.unwrap_or_else(|| "ecs-keeper".to_owned());
        let label = name.replace('-', "_");
        // A comment ends with its line.
        let identity = identity.to_string().replace(char::is_control, " ");
        // Terraform reads JSON as an object of its own, and there is no `${` or `%{` in an ARN.
        let document = serde_json::to_string_pretty(policy)?.replace('\n', "\n  ");
        if !text.is_empty() {
            text.push('\n');
        }
        text.extend([
            format!("# For {identity}.\n"),
            format!("resource \"alicloud_ram_policy\" \"{label}\" {{\n"),
            format!("  policy_name     = \"{name}\"\n"),
            format!("  policy_document = jsonencode({document})\n}}\n"),
        ]);
    }
    Ok(text)
}
