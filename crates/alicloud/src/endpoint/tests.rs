use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

const FACTS: &str = include_str!("../../tests/data/endpoints.json");

fn facts(pointer: &str) -> BTreeMap<String, String> {
    let facts: Value = serde_json::from_str(FACTS).unwrap();
    let map = facts.pointer(pointer).unwrap().as_object().unwrap();
    map.iter().map(|(region, host)| (region.clone(), host.as_str().unwrap().to_owned())).collect()
}

fn hosts(region: &str, network: Network) -> (String, String) {
    let endpoints = Endpoints::of_region(&Region::new(region), network).unwrap();
    assert_eq!(endpoints.region().as_str(), region);
    for url in [&endpoints.ecs, &endpoints.sts] {
        assert_eq!((url.scheme(), url.port(), url.path()), ("https", None, "/"));
    }
    (host(&endpoints.ecs), host(&endpoints.sts))
}

#[test]
fn the_table_is_the_vendors() {
    let vpc = facts("/ecs/regional_vpc_endpoints");
    assert!(known_regions().iter().copied().eq(vpc.keys().map(String::as_str)));
    assert!(facts("/ecs/regional_endpoints").keys().all(|region| is_known_region(region)));
    let overrides = facts("/ecs/sdk_endpoint_map");
    let sts_vpc = facts("/sts/regional_vpc_endpoints");
    for region in known_regions() {
        let (ecs, sts) = hosts(region, Network::Public);
        assert_eq!(ecs, overrides.get(*region).cloned().unwrap_or(format!("ecs.{region}.aliyuncs.com")));
        let (ecs_vpc, sts_in_vpc) = hosts(region, Network::Vpc);
        assert_eq!(ecs_vpc, vpc[*region]);
        match sts_vpc.get(*region) {
            Some(host) => assert_eq!((sts, &sts_in_vpc), (format!("sts.{region}.aliyuncs.com"), host)),
            None => assert_eq!((sts.as_str(), sts_in_vpc.as_str()), ("sts.aliyuncs.com", "sts.aliyuncs.com")),
        }
    }
}

#[test]
fn the_regions_without_sts_are_those_that_lack_it_in_the_vpc() {
    let sts_vpc = facts("/sts/regional_vpc_endpoints");
    let mut lacking = Vec::new();
    for region in known_regions() {
        let of = |network| Endpoints::of_region(&Region::new(*region), network).unwrap();
        assert!(!of(Network::Public).lacks_sts_in_vpc(), "{region}");
        assert_eq!(of(Network::Vpc).lacks_sts_in_vpc(), !sts_vpc.contains_key(*region), "{region}");
        if of(Network::Vpc).lacks_sts_in_vpc() {
            lacking.push(*region);
        }
        let own = of(Network::Vpc).with_sts("https://sts.example.com").unwrap();
        assert!(!own.lacks_sts_in_vpc(), "{region}");
        assert_eq!(host(&own.sts), "sts.example.com");
        assert_eq!(own.ecs, of(Network::Vpc).ecs);
        assert_eq!(of(Network::Vpc).with_sts("https://u:p@sts.example.com"), Err(EndpointError::NotABaseUrl));
    }
    assert_eq!(lacking, regions_without_sts());
}

#[test]
fn the_hosts_of_auto_scaling_are_the_vendors() {
    let (vpc, sdk) = (facts("/ess/regional_vpc_endpoints"), facts("/ess/sdk_endpoint_map"));
    for region in known_regions() {
        let of = |network| {
            let endpoints = Endpoints::of_region(&Region::new(*region), network).unwrap();
            endpoints.url(Product::Ess).map(host)
        };
        // Regions that the SDK's map lacks follow its rule.
        let public = sdk.get(*region).cloned().unwrap_or(format!("ess.{region}.aliyuncs.com"));
        assert_eq!(of(Network::Public), Some(public));
        assert_eq!(of(Network::Vpc), vpc.get(*region).cloned());
    }
    assert!(vpc.keys().chain(sdk.keys()).all(|region| is_known_region(region)));
}

#[test]
fn who_names_endpoints_names_that_of_auto_scaling_too_or_has_none() {
    let region = Region::new("cn-hangzhou");
    let explicit = Endpoints::explicit(&region, "http://a.example", "http://b.example").unwrap();
    assert_eq!(explicit.url(Product::Ess), None);
    let with = explicit.clone().with_ess("http://c.example:81").unwrap();
    assert_eq!(with.url(Product::Ess).map(host), Some("c.example:81".to_owned()));
    assert_eq!(with.url(Product::Ecs), explicit.url(Product::Ecs));
    assert_eq!(explicit.with_ess("http://u:p@c.example"), Err(EndpointError::NotABaseUrl));
}

#[test]
fn the_hosts_of_actiontrail_are_the_vendors_and_never_the_central_one() {
    let (vpc, sdk) = (facts("/actiontrail/regional_vpc_endpoints"), facts("/actiontrail/sdk_endpoint_map"));
    for region in known_regions() {
        let of = |network| {
            let endpoints = Endpoints::of_region(&Region::new(*region), network).unwrap();
            endpoints.url(Product::ActionTrail).map(host)
        };
        let central = sdk.get(*region).is_some_and(|host| host == "actiontrail.aliyuncs.com");
        let public = (!central).then(|| format!("actiontrail.{region}.aliyuncs.com"));
        assert_eq!(of(Network::Public), public);
        assert_eq!(of(Network::Vpc), vpc.get(*region).cloned());
    }
    assert!(vpc.keys().chain(sdk.keys()).all(|region| is_known_region(region)));
}

#[test]
fn who_names_endpoints_names_that_of_actiontrail_too_or_has_none() {
    let region = Region::new("cn-hangzhou");
    let explicit = Endpoints::explicit(&region, "http://a.example", "http://b.example").unwrap();
    assert_eq!(explicit.url(Product::ActionTrail), None);
    let with = explicit.clone().with_actiontrail("http://c.example:81").unwrap();
    assert_eq!(with.url(Product::ActionTrail).map(host), Some("c.example:81".to_owned()));
    assert_eq!(explicit.with_actiontrail("http://u:p@c.example"), Err(EndpointError::NotABaseUrl));
}

#[test]
fn i43_only_an_exact_match_is_a_region() {
    for region in [
        "",
        "cn",
        "CN-hangzhou",
        "cn-hangzhou ",
        " cn-hangzhou",
        "cn-hangzhou.evil.example",
        "cn-hangzhou/",
        "cn-atlantis",
        "cn-hangzhou\n",
        "@evil.example",
        "cn-hangzhou#",
        "evil.example/?",
    ] {
        assert!(!is_known_region(region), "{region:?}");
        let error = Endpoints::of_region(&Region::new(region), Network::Public).unwrap_err();
        assert_eq!(error, EndpointError::UnknownRegion { region: Region::new(region) });
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[test]
fn an_explicit_endpoint_takes_any_region_that_looks_like_one() {
    let explicit = |region: &str| {
        Endpoints::explicit(&Region::new(region), "http://127.0.0.1:8080", "https://sts.example.com:444/")
    };
    for region in ["cn-hangzhou", "xx-new-region-9", "cn-north-2-gov-1"] {
        let endpoints = explicit(region).unwrap();
        assert_eq!(host(endpoints.url(Product::Ecs).unwrap()), "127.0.0.1:8080");
        assert_eq!(host(endpoints.url(Product::Sts).unwrap()), "sts.example.com:444");
    }
    let long = format!("cn-{}", "a".repeat(64));
    for region in
        ["", "cn", "c-1", "cn-", "-cn", "cn--1", "cn-HANG", "cn-a.b", "cn-a b", "1n-a", "cn-ä", &long]
    {
        assert_eq!(explicit(region).unwrap_err(), EndpointError::MalformedRegion, "{region:?}");
    }
}

#[test]
fn i44_a_wrong_endpoint_is_refused_without_repeating_it() {
    for (url, expected) in [
        ("", EndpointError::NotAUrl),
        ("CANARY.example.com", EndpointError::NotAUrl),
        ("ftp://CANARY.example.com", EndpointError::NotAUrl),
        ("unix:/CANARY", EndpointError::NotAUrl),
        ("https://", EndpointError::NotAUrl),
        ("https://user:CANARY@example.com", EndpointError::NotABaseUrl),
        ("https://CANARY@example.com", EndpointError::NotABaseUrl),
        ("https://example.com/CANARY", EndpointError::NotABaseUrl),
        ("https://example.com/?CANARY=1", EndpointError::NotABaseUrl),
        ("https://example.com/#CANARY", EndpointError::NotABaseUrl),
    ] {
        let region = Region::new("cn-hangzhou");
        for endpoints in [
            Endpoints::explicit(&region, url, "https://sts.example.com"),
            Endpoints::explicit(&region, "https://ecs.example.com", url),
        ] {
            let error = endpoints.unwrap_err();
            assert_eq!(error, expected, "{url}");
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
    }
}

#[test]
fn the_host_names_its_port_only_when_it_is_not_the_schemes_own() {
    for (url, expected) in [
        ("https://example.com", "example.com"),
        ("https://example.com:443", "example.com"),
        ("http://example.com:443", "example.com:443"),
        ("http://[::1]:8080", "[::1]:8080"),
    ] {
        assert_eq!(host(&Url::parse(url).unwrap()), expected);
    }
}

proptest! {
    #[test]
    fn i43_no_text_selects_a_host_outside_the_table(region in ".{0,60}|[a-z]{2}-[a-z0-9.@/#?:]{1,20}") {
        prop_assume!(!known_regions().contains(&region.as_str()));
        for network in [Network::Public, Network::Vpc] {
            prop_assert!(Endpoints::of_region(&Region::new(&region), network).is_err());
        }
        if let Ok(endpoints) = Endpoints::explicit(&Region::new(&region), "https://a.example", "https://b.example") {
            prop_assert_eq!(host(endpoints.url(Product::Ecs).unwrap()), "a.example");
            prop_assert_eq!(host(endpoints.url(Product::Sts).unwrap()), "b.example");
        }
    }
}

#[test]
fn i55_an_sts_host_from_the_environment_is_the_vendors_or_none() {
    for (text, host) in [
        ("sts.aliyuncs.com", "sts.aliyuncs.com"),
        ("sts.cn-hangzhou.aliyuncs.com", "sts.cn-hangzhou.aliyuncs.com"),
        ("sts-vpc.cn-hangzhou.aliyuncs.com", "sts-vpc.cn-hangzhou.aliyuncs.com"),
        ("https://sts-vpc.cn-beijing.aliyuncs.com/", "sts-vpc.cn-beijing.aliyuncs.com"),
    ] {
        let endpoint = StsEndpoint::of_vendor(text).unwrap();
        assert_eq!(endpoint.to_string(), host);
        assert_eq!(endpoint.url().scheme(), "https");
    }
    for text in [
        "",
        "sts.evil.example",
        "http://sts.aliyuncs.com",
        "sts.aliyuncs.com.evil.example",
        "sts.aliyuncs.com:8443",
        "user@sts.aliyuncs.com",
        "sts.no-region.aliyuncs.com",
        "sts-vpc.ap-south-1.aliyuncs.com",
        "STS.aliyuncs.com",
        "ecs.cn-hangzhou.aliyuncs.com",
    ] {
        assert_eq!(StsEndpoint::of_vendor(text), Err(EndpointError::NotOfVendor), "{text}");
    }
}

#[test]
fn a_region_without_sts_is_served_by_the_host_for_all() {
    let of =
        |region, network| StsEndpoint::of_region(&Region::new(region), network).map(|sts| sts.to_string());
    assert_eq!(of("ap-south-1", Network::Vpc), Ok("sts.aliyuncs.com".to_owned()));
    assert_eq!(of("cn-hangzhou", Network::Vpc), Ok("sts-vpc.cn-hangzhou.aliyuncs.com".to_owned()));
    assert!(of("nowhere-1", Network::Public).is_err());
}
