//! The configuration file as it is written. What stands here in the comments of fields is what people read: the schema
//! and the reference page are made from it.

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};
use serde_saphyr::Spanned;

/// Settings of the operator: sweeps, accounts and grants.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct File {
    /// Time between two complete listings of a region, from `100ms` to `1h`. The operator lists less often where a listing
    /// would take more than half of its budget.
    #[schemars(with = "String", extend("default" = "10s"))]
    pub sweep_interval: Option<Spanned<String>>,
    /// Additional regions in which a primary network interface can be retained. Use it for regions that the vendor has added
    /// since this version was released.
    #[schemars(with = "Vec<String>")]
    pub primary_retention_regions: Option<Vec<Spanned<String>>>,
    /// Label selector of the objects to serve, such as `account=prod` or `shard!=b`. The operator ignores all other objects:
    /// it may switch protection off even if one of them wants it on. Use it only to divide accounts among several operators.
    #[schemars(with = "String")]
    pub object_selector: Option<Spanned<String>>,
    /// The cloud accounts that objects may name. Defaults to one account, named `default`, with its access key in environment
    /// variables.
    #[schemars(with = "Vec<AccountEntry>", length(min = 1))]
    pub accounts: Option<Spanned<Vec<AccountEntry>>>,
    /// What the objects in each namespace may do. Without grants, objects in the operator's own namespace may do everything,
    /// and objects elsewhere nothing. With grants, only what they list is allowed, in the operator's own namespace too.
    #[schemars(with = "Vec<GrantEntry>")]
    pub grants: Option<Vec<GrantEntry>>,
}

/// One cloud account.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct AccountEntry {
    /// Name of the account in `spec.account`: up to 63 lowercase letters, digits and hyphens.
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// Id of the cloud account that the access key must belong to, in quotes.
    #[serde(default)]
    #[schemars(with = "String", regex(pattern = r"^[0-9]{5,20}$"))]
    pub account_id: Option<Spanned<String>>,
    /// Where the operator reads the access key: `environment` or `files`. Defaults to `environment` with the variables
    /// `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and `ALIBABA_CLOUD_SECURITY_TOKEN`.
    #[serde(default)]
    #[schemars(with = "CredentialsEntry")]
    pub credentials: Option<Spanned<CredentialsEntry>>,
    /// Regions that objects may name. If empty, every region that the vendor has an endpoint for.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub regions: Option<Vec<Spanned<String>>>,
    /// Endpoints of the cloud. Defaults to the vendor's public endpoints.
    #[serde(default)]
    #[schemars(with = "EndpointsEntry")]
    pub endpoints: Option<Spanned<EndpointsEntry>>,
    /// Call limits in each region, by cloud operation.
    #[serde(default)]
    #[schemars(with = "BudgetsEntry")]
    pub budgets: Option<BudgetsEntry>,
}

/// Where an access key comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct CredentialsEntry {
    /// Names of environment variables. The operator reads them once, at startup.
    #[serde(default)]
    #[schemars(with = "EnvironmentEntry")]
    pub environment: Option<EnvironmentEntry>,
    /// Paths of files, such as those of a mounted Secret. The operator reads them again when they change.
    #[serde(default)]
    #[schemars(with = "FilesEntry")]
    pub files: Option<FilesEntry>,
}

/// Names of environment variables.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct EnvironmentEntry {
    /// Name of the variable with the id of the access key.
    #[schemars(with = "String")]
    pub access_key_id: Spanned<String>,
    /// Name of the variable with the secret of the access key.
    #[schemars(with = "String")]
    pub access_key_secret: Spanned<String>,
    /// Name of the variable with the token of a temporary access key. The variable may be unset.
    #[serde(default)]
    #[schemars(with = "String")]
    pub security_token: Option<Spanned<String>>,
}

/// Paths of files.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct FilesEntry {
    /// Path of the file with the id of the access key.
    #[schemars(with = "String")]
    pub access_key_id: Spanned<String>,
    /// Path of the file with the secret of the access key.
    #[schemars(with = "String")]
    pub access_key_secret: Spanned<String>,
    /// Path of the file with the token of a temporary access key. The file may be missing.
    #[serde(default)]
    #[schemars(with = "String")]
    pub security_token: Option<Spanned<String>>,
}

/// Endpoints of the cloud.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct EndpointsEntry {
    /// Which of the vendor's endpoints to use: `Public` for those on the Internet, `Vpc` for those in the VPC. `Vpc` needs no
    /// access to the Internet, except in regions that have no STS endpoint in the VPC.
    #[serde(default)]
    #[schemars(with = "NetworkEntry", extend("default" = "Public"))]
    pub network: Option<NetworkEntry>,
    /// URL of ECS for every region, instead of the vendor's endpoints.
    #[serde(default)]
    #[schemars(with = "String")]
    pub ecs: Option<Spanned<String>>,
    /// URL of STS for every region, instead of the vendor's endpoints. Defaults to `ecs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub sts: Option<Spanned<String>>,
    /// URLs for single regions: `ecs`, `sts` or both. They take precedence over the other endpoints. You can also add a region
    /// here that this version does not know.
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
    /// URL of ECS. Defaults to the same as for every other region.
    #[serde(default)]
    #[schemars(with = "String")]
    pub ecs: Option<Spanned<String>>,
    /// URL of STS. Defaults to `ecs`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub sts: Option<Spanned<String>>,
}

/// Which of the vendor's endpoints to use.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(inline, transform = words)]
pub enum NetworkEntry {
    /// Those on the Internet.
    #[default]
    Public,
    /// Those in the VPC.
    Vpc,
}

/// Call limits, by cloud operation.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct BudgetsEntry {
    /// Lists and reads instances, 100 per call.
    #[schemars(with = "BudgetEntry")]
    pub describe_instances: Option<BudgetEntry>,
    /// Sets the release protection of an instance.
    #[schemars(with = "BudgetEntry")]
    pub modify_instance_attribute: Option<BudgetEntry>,
    /// Lists network interfaces, 500 per call, and reads them by id, 100 per call.
    #[schemars(with = "BudgetEntry")]
    pub describe_network_interfaces: Option<BudgetEntry>,
    /// Sets the flag of a network interface. Also limits `AttachNetworkInterface`.
    #[schemars(with = "BudgetEntry")]
    pub modify_network_interface_attribute: Option<BudgetEntry>,
}

/// Call limits of one operation in one region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct BudgetEntry {
    /// Most calls in any 60 seconds.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 60))]
    pub calls_per_minute: Option<Spanned<u32>>,
    /// Most calls that the operator makes at once after a quiet time.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 20))]
    pub burst: Option<Spanned<u32>>,
}

/// What the objects in some namespaces may do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct GrantEntry {
    /// Names of the namespaces.
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub namespaces: Spanned<Vec<Spanned<String>>>,
    /// Names of the accounts that they may use. Defaults to all accounts.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub accounts: Option<Spanned<Vec<Spanned<String>>>>,
    /// Regions that they may use. Defaults to all regions of the accounts.
    #[serde(default)]
    #[schemars(with = "Vec<String>", length(min = 1))]
    pub regions: Option<Spanned<Vec<Spanned<String>>>>,
    /// What they may do. `Protect`: keep protection on. `Unprotect`: have protection switched off. `Attach`: have network
    /// interfaces attached.
    #[serde(default)]
    #[schemars(with = "Vec<RightEntry>", length(min = 1), extend("default" = ["Protect"]))]
    pub may: Option<Spanned<Vec<RightEntry>>>,
}

/// What objects may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline, transform = words)]
pub enum RightEntry {
    /// Keep protection on.
    Protect,
    /// Have protection switched off.
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
