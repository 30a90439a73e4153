//! The configuration file as it is written. What stands here in the comments of fields is what people read: the schema
//! and the reference page are made from it.

use keeper_alicloud::Network;
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
    /// Settings for Karpenter.
    #[schemars(with = "KarpenterEntry")]
    pub karpenter: Option<KarpenterEntry>,
    /// How it is told who has switched protection off.
    #[schemars(with = "AttributionEntry")]
    pub attribution: Option<AttributionEntry>,
    /// The cloud accounts that objects may name. Defaults to one account, named `default`, with its access key in environment
    /// variables.
    #[schemars(with = "Vec<AccountEntry>", length(min = 1))]
    pub accounts: Option<Spanned<Vec<AccountEntry>>>,
    /// What the objects in each namespace may do. Without grants, objects in the operator's own namespace may do everything,
    /// and objects elsewhere nothing. With grants, only what they list is allowed, in the operator's own namespace too.
    #[schemars(with = "Vec<GrantEntry>")]
    pub grants: Option<Vec<GrantEntry>>,
}

/// Settings for Karpenter.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct KarpenterEntry {
    /// Whether to watch Karpenter's NodeClaims, as `nodeRemoval: Lift` needs. It is safe to enable before Karpenter is installed.
    #[schemars(with = "bool", extend("default" = false))]
    pub enabled: Option<bool>,
}

/// How it is told who has switched protection off, in accounts with `attribution: ActionTrail`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct AttributionEntry {
    /// Where names are shown. `Log`: in the operator's log and in the evidence log. `Status`: also in Events and in the status of the
    /// objects, which everybody can read who may read the objects.
    #[schemars(with = "ShowEntry", extend("default" = "Log"))]
    pub show: Option<ShowEntry>,
    /// Time from when protection was seen to be off until ActionTrail is asked, from `1s` to `1h`. Events can take ten minutes to
    /// be found.
    #[schemars(with = "String", extend("default" = "10m"))]
    pub delay: Option<Spanned<String>>,
}

/// Where names are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline, transform = words)]
pub enum ShowEntry {
    /// In the logs alone.
    #[default]
    Log,
    /// In Events and in status, too.
    Status,
}

/// Who tells who has switched protection off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline, transform = words)]
pub enum SourceEntry {
    /// Nobody.
    #[default]
    Off,
    /// ActionTrail.
    ActionTrail,
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
    /// Where the account's credentials come from: exactly one source. If it fails, no other is tried. Without this key, the
    /// first source that the environment configures, in the order of the vendor's libraries.
    #[serde(default)]
    #[schemars(with = "CredentialsEntry")]
    pub credentials: Option<Spanned<CredentialsEntry>>,
    /// A RAM role to assume with these credentials, in this account or in another one.
    #[serde(default)]
    #[schemars(with = "AssumeRoleEntry")]
    pub assume_role: Option<Spanned<AssumeRoleEntry>>,
    /// Where STS is asked for sessions of roles. Defaults to the URL of STS in `endpoints`, then to the variables
    /// `ALIBABA_CLOUD_STS_ENDPOINT` and `ALIBABA_CLOUD_STS_REGION`, then to `sts.aliyuncs.com`.
    #[serde(default)]
    #[schemars(with = "StsEntry")]
    pub sts: Option<Spanned<StsEntry>>,
    /// HTTP proxy for all calls to the cloud for this account. The operator uses no proxy of the environment, and never one for
    /// the metadata service.
    #[serde(default)]
    #[schemars(with = "ProxyEntry")]
    pub proxy: Option<Spanned<ProxyEntry>>,
    /// Regions that objects may name. If empty, every region that the vendor has an endpoint for.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub regions: Option<Vec<Spanned<String>>>,
    /// Endpoints of the cloud. Defaults to the vendor's public endpoints.
    #[serde(default)]
    #[schemars(with = "EndpointsEntry")]
    pub endpoints: Option<Spanned<EndpointsEntry>>,
    /// Whether to find out who has switched protection off. `ActionTrail`: ask ActionTrail, which needs the permission
    /// `actiontrail:LookupEvents`.
    #[serde(default)]
    #[schemars(with = "SourceEntry", extend("default" = "Off"))]
    pub attribution: Option<SourceEntry>,
    /// Call limits in each region, by cloud operation.
    #[serde(default)]
    #[schemars(with = "BudgetsEntry")]
    pub budgets: Option<BudgetsEntry>,
}

/// Where credentials come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct CredentialsEntry {
    /// An access key in environment variables. The operator reads them once, at startup.
    #[serde(default)]
    #[schemars(with = "EnvironmentEntry")]
    pub environment: Option<EnvironmentEntry>,
    /// An access key in files, such as those of a mounted Secret. The operator reads them again when they change.
    #[serde(default)]
    #[schemars(with = "FilesEntry")]
    pub files: Option<FilesEntry>,
    /// RRSA: a RAM role for the operator's ServiceAccount. What you leave out is read from the variables that
    /// ack-pod-identity-webhook sets.
    #[serde(default)]
    #[schemars(with = "OidcEntry")]
    pub oidc: Option<OidcEntry>,
    /// The RAM role of the ECS instance that the operator runs on, from the metadata service. Every Pod on the node can use it.
    #[serde(default)]
    #[schemars(with = "EcsRoleEntry")]
    pub ecs_role: Option<EcsRoleEntry>,
    /// A profile in the configuration file of the vendor's command line, `config.json`.
    #[serde(default)]
    #[schemars(with = "ProfileEntry")]
    pub profile: Option<ProfileEntry>,
}

/// A RAM role for the operator's ServiceAccount.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct OidcEntry {
    /// ARN of the role. Defaults to the variable `ALIBABA_CLOUD_ROLE_ARN`.
    #[schemars(with = "String")]
    pub role_arn: Option<Spanned<String>>,
    /// ARN of the OIDC provider. Defaults to the variable `ALIBABA_CLOUD_OIDC_PROVIDER_ARN`.
    #[schemars(with = "String")]
    pub provider_arn: Option<Spanned<String>>,
    /// Path of the file with the token. The operator reads it for each exchange. Defaults to the variable
    /// `ALIBABA_CLOUD_OIDC_TOKEN_FILE`.
    #[schemars(with = "String")]
    pub token_file: Option<Spanned<String>>,
}

/// The RAM role of the ECS instance.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct EcsRoleEntry {
    /// Name of the role. Defaults to the one that is attached to the instance.
    #[schemars(with = "String")]
    pub name: Option<Spanned<String>>,
    /// Whether to go on without a token if the metadata service gives none (version 1).
    #[schemars(with = "bool", extend("default" = false))]
    pub allow_v1: Option<bool>,
    /// URL of the metadata service. Defaults to `http://100.100.100.200`.
    #[schemars(with = "String")]
    pub endpoint: Option<Spanned<String>>,
}

/// A profile of the vendor's command line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct ProfileEntry {
    /// Path of the file. The operator reads it again when it changes.
    #[schemars(with = "String")]
    pub file: Spanned<String>,
    /// Name of the profile. Defaults to the file's current profile.
    #[serde(default)]
    #[schemars(with = "String")]
    pub name: Option<Spanned<String>>,
}

/// A RAM role to assume.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct AssumeRoleEntry {
    /// ARN of the role.
    #[schemars(with = "String")]
    pub role_arn: Spanned<String>,
    /// External id that the role's trust policy asks for.
    #[serde(default)]
    #[schemars(with = "String")]
    pub external_id: Option<Spanned<String>>,
    /// Name of the session, which ActionTrail shows. Defaults to `ecs-keeper`, the name of the Lease and the namespace.
    #[serde(default)]
    #[schemars(with = "String")]
    pub session_name: Option<Spanned<String>>,
    /// Seconds that a session lasts, at most the role's maximum session duration. The operator renews it in time.
    #[serde(default)]
    #[schemars(with = "u64", range(min = 900, max = 43_200), extend("default" = 3600))]
    pub duration_seconds: Option<Spanned<u64>>,
    /// A RAM policy, as JSON, that narrows what the session may do.
    #[serde(default)]
    #[schemars(with = "String")]
    pub policy: Option<Spanned<String>>,
}

/// Where STS is asked for sessions of roles.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct StsEntry {
    /// URL of STS.
    #[schemars(with = "String")]
    pub endpoint: Option<Spanned<String>>,
    /// Region whose STS endpoint to use. Defaults to the variable `ALIBABA_CLOUD_STS_REGION`.
    #[schemars(with = "String")]
    pub region: Option<Spanned<String>>,
    /// Which of the region's endpoints to use: `Public` or `Vpc`. Defaults to `Vpc` if the variable
    /// `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED` is `true` and the region comes from the environment as well, else to the account's
    /// `endpoints.network`.
    #[schemars(with = "NetworkEntry")]
    pub network: Option<NetworkEntry>,
}

/// An HTTP proxy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct ProxyEntry {
    /// URL of the proxy: scheme, host and port, without user and password.
    #[schemars(with = "String")]
    pub url: Spanned<String>,
    /// Files with the user and the password that the proxy asks for. The operator reads them once, at startup.
    #[serde(default)]
    #[schemars(with = "ProxyCredentialsEntry")]
    pub credentials_secret_files: Option<ProxyCredentialsEntry>,
    /// Path of a PEM file with certificates to trust beside those of the image, for a proxy that opens TLS connections.
    #[serde(default)]
    #[schemars(with = "String")]
    pub ca_bundle: Option<Spanned<String>>,
}

/// Files with what a proxy asks for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct ProxyCredentialsEntry {
    /// Path of the file with the user's name.
    #[schemars(with = "String")]
    pub username: Spanned<String>,
    /// Path of the file with the password.
    #[schemars(with = "String")]
    pub password: Spanned<String>,
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
    /// URL of Auto Scaling for every region, instead of the vendor's endpoints. Without it, and with `ecs`, objects with
    /// `scaleIn: Protect` stay unready.
    #[serde(default)]
    #[schemars(with = "String")]
    pub ess: Option<Spanned<String>>,
    /// URL of ActionTrail for every region, instead of the vendor's endpoints. Without it, and with `ecs`, nobody is asked who has switched
    /// protection off.
    #[serde(default)]
    #[schemars(with = "String")]
    pub actiontrail: Option<Spanned<String>>,
    /// URLs for single regions: `ecs`, `sts`, `ess`, `actiontrail` or several of them. They take precedence over the other endpoints. You can also add a region
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
    /// URL of Auto Scaling. Defaults, without `ecs`, to the same as for every other region.
    #[serde(default)]
    #[schemars(with = "String")]
    pub ess: Option<Spanned<String>>,
    /// URL of ActionTrail. Defaults, without `ecs`, to the same as for every other region.
    #[serde(default)]
    #[schemars(with = "String")]
    pub actiontrail: Option<Spanned<String>>,
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

impl From<NetworkEntry> for Network {
    fn from(entry: NetworkEntry) -> Self {
        match entry {
            NetworkEntry::Public => Self::Public,
            NetworkEntry::Vpc => Self::Vpc,
        }
    }
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
    /// Lists members of scaling groups, 100 per call, and reads them by id, 20 per call.
    #[schemars(with = "ScalingBudgetEntry")]
    pub describe_scaling_instances: Option<ScalingBudgetEntry>,
    /// Protects members of a scaling group from scale-in, 20 per call.
    #[schemars(with = "ScalingBudgetEntry")]
    pub set_instances_protection: Option<ScalingBudgetEntry>,
}

/// Call limits of one operation in one region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct BudgetEntry {
    /// Most calls in any 60 seconds.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 60))]
    pub calls_per_minute: Option<Spanned<u32>>,
    /// Most calls that the operator makes at once after a quiet time. Defaults to a sixtieth of `callsPerMinute` if that is more.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 20))]
    pub burst: Option<Spanned<u32>>,
}

/// Call limits of one operation of Auto Scaling in one region.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct ScalingBudgetEntry {
    /// Most calls in any 60 seconds. Whoever drives the scaling groups shares the account's quota.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 20))]
    pub calls_per_minute: Option<Spanned<u32>>,
    /// Most calls that the operator makes at once after a quiet time. Defaults to a sixtieth of `callsPerMinute` if that is more.
    #[schemars(with = "u32", range(min = 1, max = 100_000), extend("default" = 10))]
    pub burst: Option<Spanned<u32>>,
}

impl From<ScalingBudgetEntry> for BudgetEntry {
    fn from(ScalingBudgetEntry { calls_per_minute, burst }: ScalingBudgetEntry) -> Self {
        Self { calls_per_minute, burst }
    }
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
