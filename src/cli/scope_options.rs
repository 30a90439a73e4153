//! Where a command that only looks at the cloud looks, and how often it may ask.

use std::path::PathBuf;

use clap::Args;

/// With which configuration, and in which of its accounts and regions.
#[derive(Debug, Clone, Default, Args)]
pub struct PlaceOptions {
    /// Configuration file of the operator, for its accounts, regions, credentials and budgets. Defaults to an empty one: one
    /// account, called default, with the credentials that the environment configures.
    #[arg(long, env = "ECS_KEEPER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Look only at this account of the configuration. Repeat it for several.
    #[arg(long, value_name = "NAME")]
    pub account: Vec<String>,

    /// Look only at this region. Repeat it for several. Defaults to the regions of each account in the configuration; for a plan, to
    /// those that the objects name.
    #[arg(long, value_name = "REGION")]
    pub region: Vec<String>,
}

/// How often the cloud may be asked.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct PaceOptions {
    /// Most calls of each operation in a minute, in each region of each account. Defaults to the budgets of the configuration. Everyone
    /// in the account shares the cloud's quotas.
    #[arg(long, value_name = "CALLS", value_parser = clap::value_parser!(u32).range(1..=6000))]
    pub calls_per_minute: Option<u32>,
}

/// Which accounts and regions are looked at, and how often the cloud may be asked.
#[derive(Debug, Clone, Default, Args)]
pub struct ScopeOptions {
    /// The accounts, and the regions that are named.
    #[command(flatten)]
    pub places: PlaceOptions,

    /// Look at all regions that there are. Needs ecs:DescribeRegions.
    #[arg(long, conflicts_with = "region")]
    pub all_regions: bool,

    /// How often.
    #[command(flatten)]
    pub pace: PaceOptions,
}
