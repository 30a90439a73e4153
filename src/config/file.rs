//! The configuration file as it is written. What stands here in the comments of fields is what people read: the schema
//! and the reference page are made from it.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};
use serde_saphyr::Spanned;

/// What the administrator sets: how often the cloud is asked, in which accounts, and for whom.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct File {
    /// Time between two complete listings of a region, from `100ms` to `1h`. Stretched where a listing would take more
    /// than half of the budget for it.
    #[schemars(with = "String", extend("default" = "10s"))]
    pub sweep_interval: Option<Spanned<String>>,
    /// Regions in which a primary network interface can be retained although this version does not know of it: for
    /// regions that the vendor has added since.
    #[schemars(with = "Vec<String>")]
    pub primary_retention_regions: Option<Vec<Spanned<String>>>,
    /// Serve only objects with matching labels, such as `account=prod` or `shard!=b`. This operator ignores objects without
    /// them completely: they don't keep it from switching protection off either. Use it only to divide accounts among
    /// several operators.
    #[schemars(with = "String")]
    pub object_selector: Option<Spanned<String>>,
    /// The accounts of the cloud that objects may name. Without it: one, named `default`, with its access key in the
    /// environment.
    #[schemars(with = "Vec<AccountEntry>", length(min = 1))]
    pub accounts: Option<Spanned<Vec<AccountEntry>>>,
    /// What the objects of each namespace may do. Without any, the objects of the operator's own namespace may do
    /// everything, and all others nothing. With them, exactly what they say holds, for the operator's own namespace too.
    #[schemars(with = "Vec<GrantEntry>")]
    pub grants: Option<Vec<GrantEntry>>,
}

/// One account of the cloud.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct AccountEntry {
    /// Name by which specs call it in `spec.account`: up to 63 small letters, digits and hyphens.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// Id of the account that the access key must belong to, in quotes.
    #[serde(default)]
    #[schemars(with = "String", regex(pattern = r"^[0-9]{5,20}$"))]
    pub account_id: Option<Spanned<String>>,
    /// Where the access key comes from: `environment` or `files`. Without it: the environment, under the usual names.
    #[serde(default)]
    #[schemars(with = "CredentialsEntry")]
    pub credentials: Option<Spanned<CredentialsEntry>>,
    /// Regions that objects may name. Empty: every region that the vendor has an endpoint for.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub regions: Option<Vec<Spanned<String>>>,
    /// Where the cloud is reached. Without it: the vendor's public endpoints.
    #[serde(default)]
    #[schemars(with = "EndpointsEntry")]
    pub endpoints: Option<Spanned<EndpointsEntry>>,
    /// How many calls are allowed in each region, by the operation of the cloud.
    #[serde(default)]
    #[schemars(with = "BudgetsEntry")]
    pub budgets: Option<BudgetsEntry>,
}

/// Where an access key comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct CredentialsEntry {
    /// Names of environment variables, which are read once, at the start.
    #[serde(default)]
    #[schemars(with = "EnvironmentEntry")]
    pub environment: Option<EnvironmentEntry>,
    /// Paths of files, as a mounted Secret has them.
    #[serde(default)]
    #[schemars(with = "FilesEntry")]
    pub files: Option<FilesEntry>,
}

/// Names of environment variables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct EnvironmentEntry {
    /// Variable with the id of the access key.
    #[schemars(with = "String")]
    pub access_key_id: Spanned<String>,
    /// Variable with the secret of the access key.
    #[schemars(with = "String")]
    pub access_key_secret: Spanned<String>,
    /// Variable with the token of a temporary access key. It may be unset.
    #[serde(default)]
    #[schemars(with = "String")]
    pub security_token: Option<Spanned<String>>,
}

/// Paths of files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct FilesEntry {
    /// File with the id of the access key.
    #[schemars(with = "String")]
    pub access_key_id: Spanned<String>,
    /// File with the secret of the access key.
    #[schemars(with = "String")]
    pub access_key_secret: Spanned<String>,
    /// File with the token of a temporary access key. It may be missing.
    #[serde(default)]
    #[schemars(with = "String")]
    pub security_token: Option<Spanned<String>>,
}

/// Where the cloud is reached.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct EndpointsEntry {
    /// Which of the vendor's endpoints are used: `Public`, or `Vpc` for those inside of the cloud's private networks, so
    /// that no way to the Internet is needed but in the regions that have no STS endpoint there.
    #[serde(default)]
    #[schemars(with = "NetworkEntry", extend("default" = "Public"))]
    pub network: Option<NetworkEntry>,
    /// URL of ECS for every region, instead of the vendor's.
    #[serde(default)]
    #[schemars(with = "String")]
    pub ecs: Option<Spanned<String>>,
    /// URL of STS for every region, instead of the vendor's. Without it: that of ECS.
    #[serde(default)]
    #[schemars(with = "String")]
    pub sts: Option<Spanned<String>>,
    /// URLs for single regions, instead of all others, with `ecs`, `sts` or both. A region that the vendor has added since
    /// can be named here.
    #[serde(default)]
    #[schemars(with = "Vec<RegionEndpointsEntry>")]
    pub regions: Option<Vec<RegionEndpointsEntry>>,
}

/// URLs for one region.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct RegionEndpointsEntry {
    /// The region.
    #[schemars(with = "String")]
    pub region: Spanned<String>,
    /// URL of ECS. Without it: the same as for every other region.
    #[serde(default)]
    #[schemars(with = "String")]
    pub ecs: Option<Spanned<String>>,
    /// URL of STS. Without it: that of ECS.
    #[serde(default)]
    #[schemars(with = "String")]
    pub sts: Option<Spanned<String>>,
}

/// Which of the vendor's endpoints are used.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(inline, transform = words)]
pub enum NetworkEntry {
    /// Those on the Internet.
    #[default]
    Public,
    /// Those inside of the cloud's private networks.
    Vpc,
}

/// How many calls are allowed, by the operation of the cloud.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct BudgetsEntry {
    /// Listing and reading instances, 100 a call.
    #[schemars(with = "BudgetEntry")]
    pub describe_instances: Option<BudgetEntry>,
    /// Setting the release protection of an instance.
    #[schemars(with = "BudgetEntry")]
    pub modify_instance_attribute: Option<BudgetEntry>,
    /// Listing and reading network interfaces, 500 or 100 a call.
    #[schemars(with = "BudgetEntry")]
    pub describe_network_interfaces: Option<BudgetEntry>,
    /// Setting the flag of a network interface. `AttachNetworkInterface` is counted in here.
    #[schemars(with = "BudgetEntry")]
    pub modify_network_interface_attribute: Option<BudgetEntry>,
}

/// How many calls of an operation are allowed in one region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct BudgetEntry {
    /// Calls in any 60 seconds.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 60))]
    pub calls_per_minute: Option<Spanned<u32>>,
    /// Calls that may be made at once after a quiet time.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 20))]
    pub burst: Option<Spanned<u32>>,
}

/// What the objects of some namespaces may do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct GrantEntry {
    /// The namespaces.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub namespaces: Spanned<Vec<Spanned<String>>>,
    /// Names of accounts. Without it: all of them.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub accounts: Option<Spanned<Vec<Spanned<String>>>>,
    /// Regions. Without it: all that the accounts have.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub regions: Option<Spanned<Vec<Spanned<String>>>>,
    /// What may be done: `Protect`, which keeps flags at their protected value; `Unprotect`, which lets an object have them
    /// switched off; `Attach`, which lets an object have network interfaces attached.
    #[serde(default)]
    #[schemars(with = "Vec<RightEntry>", length(min = 1), extend("default" = ["Protect"]))]
    pub may: Option<Spanned<Vec<RightEntry>>>,
}

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline, transform = words)]
pub enum RightEntry {
    /// Keep flags at their protected value.
    Protect,
    /// Have them switched off.
    Unprotect,
    /// Have network interfaces attached.
    Attach,
}

/// A choice among words as a plain list of them, with which whoever checks a value can say what would be right.
fn words(schema: &mut Schema) {
    if let Some(Value::Array(choices)) = schema.remove("oneOf") {
        let words: Vec<Value> = choices.iter().filter_map(|choice| choice.get("const")).cloned().collect();
        schema.insert("type".to_owned(), json!("string"));
        schema.insert("enum".to_owned(), Value::Array(words));
    }
}
