use std::time::Duration;

use keeper_alicloud::endpoint::{Endpoints, Network, regions_without_sts};
use keeper_core::budget::Limit;
use keeper_core::id::{AccountName, Region};
use keeper_core::intent::Rights;
use proptest::prelude::*;
use serde_json::Value;

use super::settings::{AccountEndpoints, Attribution, RegionUrls, Urls};
use super::*;

fn parse(text: &str) -> Config {
    super::parse(text).unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// Files that are refused, with all that is said of them.
const REFUSALS: &[(&str, &[&str])] = &[
    ("acounts: []", &["line 1, column 1: unknown key `acounts`; did you mean `accounts`?"]),
    (
        "sweepInterval: 60s\naccounts:\n  - name: a\n    regionz: []",
        &["line 4, column 5: unknown key `regionz`; did you mean `regions`?"],
    ),
    (
        "wholly: other",
        &[
            "line 1, column 1: unknown key `wholly`; use `sweepInterval`, `primaryRetentionRegions`, `objectSelector`, `karpenter`, `attribution`, `accounts` or `grants`",
        ],
    ),
    (
        "sweepInterval: 60",
        &[
            "line 1, column 16: sweepInterval: `60` is not a duration; use a number with its unit, such as 60s or 500ms",
        ],
    ),
    ("sweepInterval: [60s]", &["line 1, column 16: expected a string"]),
    (
        "sweepInterval: soon",
        &[
            "line 1, column 16: sweepInterval: `soon` is not a duration; use a number with its unit, such as 60s or 500ms",
        ],
    ),
    ("sweepInterval: 2h", &["line 1, column 16: sweepInterval: 2h is not between 100ms and 1h"]),
    (
        "sweepInterval: -60s",
        &[
            "line 1, column 16: sweepInterval: `-60s` is not a duration; use a number with its unit, such as 60s or 500ms",
        ],
    ),
    (
        "sweepInterval: 60s\nsweepInterval: 61s",
        &["line 2, column 1: duplicate key `sweepInterval`; keep one of them"],
    ),
    ("accounts: {name: a}", &["line 1, column 11: expected a list"]),
    ("accounts: a", &["line 1, column 11: expected a list"]),
    (
        "accounts: []",
        &[
            "line 1, column 11: accounts: an empty list leaves nothing to serve; add an account, or remove the key to get one that is called `default`",
        ],
    ),
    ("accounts: [a]", &["line 1, column 12: expected a mapping"]),
    ("accounts: [{accountId: '12345'}]", &["line 1, column 13: `name` is missing"]),
    (
        "accounts: [{name: A}]",
        &[
            "line 1, column 19: the account name `A` can't be written in a spec; use up to 63 lowercase letters, digits and hyphens",
        ],
    ),
    ("accounts: [{name: null}]", &["line 1, column 19: expected a string, found nothing"]),
    (
        "accounts: [{name: a, accountId: abc}]",
        &[
            "line 1, column 33: accountId: `abc` is not an account id; it has only digits, such as \"1234567890123456\"",
        ],
    ),
    ("accounts: [{name: a}, {name: a}]", &["line 1, column 30: duplicate account `a`; rename one of them"]),
    (
        "accounts: [{name: a, accountId: '12345'}, {name: b, accountId: '12345'}]",
        &[
            "line 1, column 64: accountId 12345 is already used by account `a`; use one name per cloud account: two names would count its calls twice and ignore each other's objects",
        ],
    ),
    (
        "accounts: [{name: a, regions: [cn-hangzou]}]",
        &["line 1, column 32: unknown region `cn-hangzou`; did you mean `cn-hangzhou`?"],
    ),
    (
        "accounts: [{name: a, regions: [cn-atlantis-9]}]",
        &[
            "line 1, column 32: unknown region `cn-atlantis-9`; for a region that this version does not know, set its URLs in endpoints.regions",
        ],
    ),
    (
        "accounts: [{name: a, regions: [evil.example.com]}]",
        &["line 1, column 32: `evil.example.com` is not a region; use a region id such as cn-hangzhou"],
    ),
    (
        "accounts: [{name: a, regions: [cn-beijing, cn-beijing]}]",
        &["line 1, column 44: duplicate region cn-beijing"],
    ),
    ("accounts: [{name: a, regions: cn-beijing}]", &["line 1, column 31: expected a list"]),
    (
        "accounts: [{name: a, endpoints: {network: vpc}}]",
        &["line 1, column 43: unknown value `vpc`; use `Public` or `Vpc`"],
    ),
    (
        "accounts: [{name: a, endpoints: {network: Vpc, ecs: 'https://e.example.com'}}]",
        &[
            "line 1, column 33: endpoints: set only one of `network` and `ecs`; a URL replaces all of the vendor's endpoints",
        ],
    ),
    (
        "accounts: [{name: a, endpoints: {sts: 'https://e.example.com'}}]",
        &["line 1, column 39: endpoints: `sts` also needs `ecs`"],
    ),
    (
        "accounts: [{name: a, endpoints: {ecs: 'https://user:canary@e.example.com'}}]",
        &[
            "line 1, column 39: this is not the URL of an endpoint; use a scheme, a host and an optional port, such as https://ecs.example.com:8443",
        ],
    ),
    (
        "accounts: [{name: a, endpoints: {ecs: 'https://e.example.com:99999'}}]",
        &[
            "line 1, column 39: this is not the URL of an endpoint; use a scheme, a host and an optional port, such as https://ecs.example.com:8443",
        ],
    ),
    (
        "accounts: [{name: a, endpoints: {ecs: 'https://[::g]', sts: 'https://e.example.com/path'}}]",
        &[
            "line 1, column 39: this is not the URL of an endpoint; use a scheme, a host and an optional port, such as https://ecs.example.com:8443",
            "line 1, column 61: this is not the URL of an endpoint; use a scheme, a host and an optional port, such as https://ecs.example.com:8443",
        ],
    ),
    (
        "accounts: [{name: a, endpoints: {regions: [{region: cn-beijing, ecs: 'ftp://e'}, {region: cn-beijing, ecs: 'http://e'}]}}]",
        &[
            "line 1, column 70: this is not the URL of an endpoint; use a scheme, a host and an optional port, such as https://ecs.example.com:8443",
            "line 1, column 91: duplicate region cn-beijing",
        ],
    ),
    (
        "accounts: [{name: a, budgets: {DescribeInstance: {}}}]",
        &["line 1, column 32: unknown key `DescribeInstance`; did you mean `DescribeInstances`?"],
    ),
    (
        "accounts: [{name: a, budgets: {DescribeInstances: {callsPerMinute: 0, burst: 100001}}}]",
        &[
            "line 1, column 68: use an integer from 1 to 100000",
            "line 1, column 78: use an integer from 1 to 100000",
        ],
    ),
    (
        "accounts: [{name: a, budgets: {DescribeInstances: {burst: -1}}}]",
        &["line 1, column 59: expected an integer"],
    ),
    (
        "accounts: [{name: a, budgets: {DescribeInstances: {burst: many}}}]",
        &["line 1, column 59: expected an integer"],
    ),
    (
        "accounts: [{name: a, endpoints: {network: Vpc, regions: [{region: ap-south-1}]}}]",
        &["line 1, column 67: endpoints.regions: set `ecs`, `sts`, `ess`, `actiontrail` or several of them"],
    ),
    (
        "accounts: [{name: a, endpoints: {regions: [{region: cn-hangzou, sts: 'https://sts.example.com'}]}}]",
        &["line 1, column 53: unknown region `cn-hangzou`; did you mean `cn-hangzhou`?"],
    ),
    ("grants: [{}]", &["line 1, column 10: `namespaces` is missing"]),
    (
        "grants: [{namespaces: []}]",
        &["line 1, column 23: namespaces: an empty list grants nothing; add at least one"],
    ),
    (
        "grants: [{namespaces: ['*']}]",
        &[
            "line 1, column 24: `*` is not the name of a namespace; list each namespace, wildcards are not supported",
        ],
    ),
    (
        "grants: [{namespaces: [team-a], accounts: [], regions: [], may: []}]",
        &[
            "line 1, column 43: accounts: an empty list grants nothing; add some, or remove the key to grant all",
            "line 1, column 56: regions: an empty list grants nothing; add some, or remove the key to grant all",
            "line 1, column 65: may: the list must contain `Protect`; the other rights only add to it",
        ],
    ),
    (
        "grants: [{namespaces: [team-a], accounts: [defualt]}]",
        &["line 1, column 44: unknown account `defualt`; did you mean `default`?"],
    ),
    (
        "accounts: [{name: prod}, {name: test}]\ngrants: [{namespaces: [team-a], accounts: [zzz]}]",
        &["line 2, column 44: unknown account `zzz`; use `prod` or `test`"],
    ),
    (
        "accounts: [{name: a, regions: [cn-beijing]}]\ngrants: [{namespaces: [x], regions: [cn-hangzhou, cn-beijin]}]",
        &[
            "line 2, column 38: no account of this grant has the region cn-hangzhou; add it to an account, or remove it here",
            "line 2, column 51: unknown region `cn-beijin`; did you mean `cn-beijing`?",
        ],
    ),
    (
        "grants: [{namespaces: [team-a], may: [Unprotect]}]",
        &["line 1, column 38: may: the list must contain `Protect`; the other rights only add to it"],
    ),
    (
        "grants: [{namespaces: [team-a], may: [protect]}]",
        &["line 1, column 39: unknown value `protect`; use `Protect`, `Unprotect` or `Attach`"],
    ),
    (
        "primaryRetentionRegions: [Frankfurt]",
        &["line 1, column 27: `Frankfurt` is not a region; use a region id such as cn-hangzhou"],
    ),
    (
        "sweepInterval: soon\naccounts:\n  - name: A\n    regions: [cn-hangzou]\ngrants:\n  - namespaces: [a]\n    accounts: [b]\n",
        &[
            "line 1, column 16: sweepInterval: `soon` is not a duration; use a number with its unit, such as 60s or 500ms",
            "line 3, column 11: the account name `A` can't be written in a spec; use up to 63 lowercase letters, digits and hyphens",
            "line 4, column 15: unknown region `cn-hangzou`; did you mean `cn-hangzhou`?",
            "line 7, column 16: unknown account `b`; use `A`",
        ],
    ),
    ("accounts: [", &["line 1, column 11: invalid YAML: unclosed bracket '[' at line 1, column 11"]),
    ("- a", &["line 1, column 1: expected a mapping"]),
    (
        "objectSelector: shard in a,b",
        &[
            "line 1, column 17: objectSelector: `shard in a,b` is not a label selector; write it as for kubectl --selector, such as account=prod or shard in (a,b)",
        ],
    ),
    ("just words", &["line 1, column 1: expected a mapping"]),
    (
        "sweepInterval: 1s\n---\nsweepInterval: 2s",
        &["line 3, column 1: the file has several YAML documents; keep one"],
    ),
];

#[test]
fn every_mistake_is_a_sentence_with_its_place() {
    for (text, sentences) in REFUSALS {
        let problems = super::parse(text).expect_err(text).to_string();
        assert!(
            !problems.contains("canary"),
            "a secret that stands in the wrong place is repeated: {problems}"
        );
        let told: Vec<&str> = problems.lines().map(str::trim_start).collect();
        assert_eq!(&told, sentences, "{text}");
    }
}

#[test]
fn an_empty_file_is_one_account_with_the_usual_variables_and_nothing_granted() {
    for text in ["", "# nothing yet\n", "accounts: [{name: default}]\ngrants: []\n", "accounts:\ngrants:\n"] {
        let config = parse(text);
        assert_eq!(config.sweep_interval, Duration::from_secs(10));
        assert!(config.object_selector.is_none() && config.grants.is_none(), "{text}");
        let (name, account) = config.accounts.first_key_value().unwrap();
        assert_eq!(
            (config.accounts.len(), name.as_str(), &account.credentials),
            (1, "default", &CredentialSource::DefaultChain)
        );
        assert_eq!((&account.account_id, &account.endpoints), (&None, &AccountEndpoints::default()));
        let limit = account.budgets.describe_instances;
        assert_eq!((limit.per_minute, limit.burst), (60, 20));
    }
}

#[test]
fn what_stands_in_the_file_is_what_counts() {
    let config = parse(
        r#"
sweepInterval: 500ms
primaryRetentionRegions: [cn-nowhere]
objectSelector: shard in (a,b)
accounts:
  - name: a
    accountId: "0123456789012345"
    regions: [cn-hangzhou, cn-new-1]
    credentials: {files: {accessKeyId: /k/id, accessKeySecret: /k/secret}}
    endpoints:
      network: Vpc
      regions: [{region: cn-new-1, ecs: "http://[::1]:8080/", sts: "https://sts.example.com"}]
    budgets:
      ModifyInstanceAttribute: {callsPerMinute: 5}
      DescribeNetworkInterfaces: {callsPerMinute: 30000}
      ModifyNetworkInterfaceAttribute: {burst: 7}
      SetInstancesProtection: {callsPerMinute: 9}
  - name: b
    accountId: 1234567890123456
    credentials: {environment: {accessKeyId: ID, accessKeySecret: SECRET}}
    endpoints:
      ecs: "https://ecs.example.com"
      ess: "https://ess.example.com"
      regions: [{region: cn-beijing, ess: "https://ess-beijing.example.com"}]
"#,
    );
    assert_eq!(config.sweep_interval, Duration::from_millis(500));
    assert_eq!(config.primary_retention_regions, [Region::new("cn-nowhere")].into());
    assert_eq!(config.object_selector.as_deref(), Some("shard in (a,b)"));
    let account = |name: &str| &config.accounts[&AccountName::new(name)];
    let (a, b) = (account("a"), account("b"));
    assert_eq!(a.account_id.as_deref(), Some("0123456789012345"));
    assert_eq!(b.account_id.as_deref(), Some("1234567890123456"));
    let files = KeyParts {
        access_key_id: "/k/id".into(),
        access_key_secret: "/k/secret".into(),
        security_token: None,
    };
    assert_eq!(a.credentials, CredentialSource::Files(files));
    let names =
        KeyParts { access_key_id: "ID".into(), access_key_secret: "SECRET".into(), security_token: None };
    assert_eq!(b.credentials, CredentialSource::Environment(names));
    assert_eq!(a.endpoints.network, Network::Vpc);
    let urls = |ecs: &str, sts: &str, ess: Option<&str>| Urls {
        ecs: ecs.to_owned(),
        sts: sts.to_owned(),
        ess: ess.map(ToOwned::to_owned),
        actiontrail: None,
    };
    assert_eq!(
        a.endpoints.regions[&Region::new("cn-new-1")],
        RegionUrls::All(urls("http://[::1]:8080", "https://sts.example.com", None))
    );
    let ess = Some("https://ess.example.com");
    assert_eq!(b.endpoints.everywhere, Some(urls("https://ecs.example.com", "https://ecs.example.com", ess)));
    assert_eq!(
        b.endpoints.regions[&Region::new("cn-beijing")],
        RegionUrls::Some {
            sts: None,
            ess: Some("https://ess-beijing.example.com".to_owned()),
            actiontrail: None
        }
    );
    assert_eq!(a.budgets.describe_scaling_instances, Limit { per_minute: 20, burst: 10 });
    assert_eq!(a.budgets.set_instances_protection, Limit { per_minute: 9, burst: 10 });
    assert_eq!(a.budgets.modify_instance_attribute, Limit { per_minute: 5, burst: 20 });
    assert_eq!(a.budgets.describe_network_interfaces, Limit { per_minute: 30_000, burst: 500 });
    assert_eq!(a.budgets.modify_network_interface_attribute, Limit { per_minute: 60, burst: 7 });
    // Each region has an endpoint, so that none can be missing when the first object names it.
    for account in [a, b] {
        for region in account.all_regions() {
            account.endpoints.of(&region).unwrap();
        }
    }
}

const GRANTS: &str = "
accounts: [{name: a, regions: [cn-hangzhou, cn-beijing]}, {name: b}]
grants:
  - namespaces: [team, other]
  - namespaces: [team]
    accounts: [a]
    regions: [cn-beijing]
    may: [Protect, Unprotect]
  - namespaces: [team]
    accounts: [a]
    may: [Protect, Attach]
";

#[test]
fn grants_add_up_and_nothing_else_is_granted() {
    let nothing = Rights::default();
    for (text, granted) in [
        ("", vec![("own", "default", "cn-hangzhou", Rights::ALL)]),
        ("grants: [{namespaces: [team]}]", vec![("team", "default", "cn-hangzhou", nothing)]),
        (
            GRANTS,
            vec![
                ("team", "a", "cn-hangzhou", Rights { unprotect: false, attach: true }),
                ("team", "a", "cn-beijing", Rights::ALL),
                ("team", "b", "cn-shanghai", nothing),
                ("other", "a", "cn-beijing", nothing),
                ("other", "b", "us-west-1", nothing),
            ],
        ),
    ] {
        let grants = parse(text).grants("own");
        for (namespace, account, region, rights) in granted {
            let (_, found) = grants.of(namespace, account).expect(account);
            assert_eq!(
                found.rights(&found.region(region).expect(region)),
                rights,
                "{namespace} {account} {region}"
            );
        }
    }
    let refused =
        [("own", "a", "cn-beijing"), ("team", "a", "cn-shanghai"), ("team", "c", "cn-beijing"), ("", "", "")];
    let grants = parse(GRANTS).grants("own");
    for (namespace, account, region) in refused {
        let found = grants.of(namespace, account).and_then(|(_, granted)| granted.region(region));
        assert_eq!(found, None, "{namespace} {account} {region}");
    }
}

proptest! {
    /// I43: whatever a spec calls its account and its region, what comes out is one of the configuration's own.
    #[test]
    fn i43_a_user_s_string_selects_only_by_exact_match(namespace in ".{0,12}|team", account in "a|b|.{0,20}", region in "cn-beijing|.{0,20}") {
        let config = parse(GRANTS);
        let grants = config.grants("own");
        if let Some((name, granted)) = grants.of(&namespace, &account) {
            prop_assert!(namespace == "team" || namespace == "other");
            prop_assert_eq!(name.as_str(), account.as_str());
            if let Some(found) = granted.region(&region) {
                prop_assert_eq!(found.as_str(), region.as_str());
                let account = &config.accounts[name];
                prop_assert!(account.all_regions().contains(&found));
                prop_assert!(account.endpoints.of(&found).is_ok());
            }
        }
    }
}

/// What the reference page's walk and the chart's schema rely on.
#[test]
fn the_schema_takes_what_the_program_takes_and_no_unknown_keys() {
    fn walk(schema: &Value, place: &str) {
        if schema["type"] == "object" {
            assert_eq!(schema["additionalProperties"], false, "{place} takes unknown keys");
        }
        assert!(schema.get("default").is_none_or(|default| !default.is_null()), "{place}");
        for (key, below) in schema["properties"].as_object().into_iter().flatten() {
            walk(below, &format!("{place}.{key}"));
        }
        if let Some(items) = schema.get("items") {
            walk(items, &format!("{place}[]"));
        }
    }
    let schema = schema();
    assert_eq!(schema["type"], "object");
    walk(&schema, "");
    assert_eq!(schema["properties"]["accounts"]["items"]["required"], serde_json::json!(["name"]));
    assert_eq!(schema["properties"]["grants"]["items"]["required"], serde_json::json!(["namespaces"]));
}

/// All that is told of a file that can be used.
fn doubts(text: &str) -> Vec<String> {
    parse(text).doubts.iter().map(ToString::to_string).collect()
}

#[test]
fn a_region_without_sts_in_the_vpc_is_told_with_its_place_and_with_what_helps() {
    let of = |which: &str| {
        format!(
            "{which} no STS endpoint in the VPC: ecs-keeper calls STS over the Internet there, and can read nothing without \
             access to it; give the Pods access to the Internet, or set `sts` in endpoints.regions"
        )
    };
    let named = "accounts: [{name: a, regions: [cn-hangzhou, ap-south-1], endpoints: {network: Vpc}}]";
    assert_eq!(doubts(named), [format!("line 1, column 45: {}", of("the region ap-south-1 has"))]);
    // Every region that the vendor's table has is served, so those without are, too.
    let all = regions_without_sts().join(", ");
    let unnamed = "accounts: [{name: a, endpoints: {network: Vpc}}]";
    assert_eq!(doubts(unnamed), [format!("line 1, column 33: {}", of(&format!("the regions {all} have")))]);
    // Where it is told what to use instead, or where the Internet is used anyway, there is nothing to mind.
    for calm in [
        "accounts: [{name: a, regions: [cn-hangzhou], endpoints: {network: Vpc}}]",
        "accounts: [{name: a, regions: [ap-south-1]}]",
        "accounts: [{name: a, regions: [ap-south-1], endpoints: {network: Public}}]",
        "accounts: [{name: a, regions: [ap-south-1], endpoints: {ecs: 'https://e.example.com'}}]",
        "accounts: [{name: a, regions: [ap-south-1], endpoints: {network: Vpc, regions: [{region: ap-south-1, sts: 'https://s.example.com'}]}}]",
        "accounts: [{name: a, regions: [ap-south-1], endpoints: {network: Vpc, regions: [{region: ap-south-1, ecs: 'https://e.example.com'}]}}]",
    ] {
        assert_eq!(doubts(calm), [""; 0], "{calm}");
    }
}

#[test]
fn an_sts_of_ones_own_leaves_ecs_where_it_is() {
    let of = |text: &str, region: &str| {
        let region = Region::new(region);
        parse(text).accounts[&AccountName::new("a")].endpoints.of(&region).unwrap()
    };
    let own = "accounts: [{name: a, endpoints: {network: Vpc, regions: [{region: ap-south-1, sts: 'https://s.example.com'}]}}]";
    let region = Region::new("ap-south-1");
    let both =
        Endpoints::explicit(&region, "https://ecs-vpc.ap-south-1.aliyuncs.com", "https://s.example.com");
    let both = both.unwrap().with_ess("https://ess-vpc.ap-south-1.aliyuncs.com");
    assert_eq!(of(own, "ap-south-1"), both.unwrap());
    let beside = "accounts: [{name: a, endpoints: {ecs: 'https://e.example.com', regions: [{region: cn-new-1, sts: 'https://s.example.com'}]}}]";
    let region = Region::new("cn-new-1");
    let both = Endpoints::explicit(&region, "https://e.example.com", "https://s.example.com");
    assert_eq!(of(beside, "cn-new-1"), both.unwrap());
}

#[test]
fn a_typing_error_in_a_region_that_may_be_a_new_one_is_told() {
    for text in [
        "primaryRetentionRegions: [cn-hangzou]",
        "accounts: [{name: a, endpoints: {regions: [{region: cn-hangzou, ecs: 'https://e.example.com'}]}}]",
        "accounts: [{name: a, regions: [cn-hangzou], endpoints: {ecs: 'https://e.example.com'}}]",
    ] {
        let told = doubts(text);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].ends_with("has no `cn-hangzou`; did you mean `cn-hangzhou`?"), "{told:?}");
    }
    assert_eq!(doubts("primaryRetentionRegions: [cn-atlantis-9, cn-hangzhou]"), [""; 0]);
}

#[test]
fn attribution_is_off_and_says_no_names_in_status_unless_it_is_asked_for() {
    let silent = parse("accounts: [{name: a}]");
    assert!(!silent.accounts[&AccountName::new("a")].attribution);
    let usual = Attribution { in_status: false, delay: Duration::from_mins(10) };
    assert_eq!(silent.attribution, usual);
    let asked = parse(
        "{attribution: {show: Status, delay: 2m}, accounts: [{name: a, attribution: ActionTrail}, {name: b, attribution: Off}]}",
    );
    let of = |name: &str| asked.accounts[&AccountName::new(name)].attribution;
    assert_eq!((of("a"), of("b")), (true, false));
    assert_eq!(asked.attribution, Attribution { in_status: true, delay: Duration::from_mins(2) });
}
