//! The client and the simulated cloud: whether an identity may list, which an empty listing does not tell.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use keeper_alicloud::{Always, Client, Credentials, Endpoints, StaticCredentials, Timeouts, Transport};
use keeper_core::call::{Query, ReadCall};
use keeper_core::failure::Class;
use keeper_core::id::Region;
use keeper_core::instance::Instance;
use keeper_simulator::{Allowed, DEFAULT_USER, Seed, Simulator, UserSeed};

const REGION: &str = "cn-hangzhou";

#[tokio::test]
async fn i59_an_empty_listing_is_told_from_one_that_the_identity_may_not_see() {
    let simulator = Simulator::start().await.unwrap();
    let account = simulator.new_account();
    let key = account.access_key();
    let key =
        Credentials::new(key.access_key_id.clone(), key.access_key_secret.as_str().into(), None).unwrap();
    let url = simulator.endpoint();
    let endpoints = Endpoints::explicit(&Region::new(REGION), &url, &url).unwrap();
    let transport = Transport::new(Timeouts::default()).unwrap();
    let client = Client::new(transport, endpoints, StaticCredentials::new(key));
    assert_eq!(
        client.may_list_instances(&Always).await.ok(),
        Some(()),
        "there are none, and it may list them"
    );
    account.seed_one(&Seed::new(REGION));
    account.user(UserSeed::new(DEFAULT_USER));
    let call = ReadCall::<Instance> { query: Query::Region, page: None };
    let page = client.read(&call, &Always).await.unwrap();
    assert!(page.items.is_empty(), "there is one, and it may not list it");
    let refused = client.may_list_instances(&Always).await.unwrap_err();
    assert_eq!((refused.class, &*refused.code), (Class::Permission, "Forbidden.RAM"));
    let allowed = [Allowed::new("DescribeInstances", &["RegionId", "MaxResults", "DryRun"])];
    assert_eq!(account.violations(&allowed), [""; 0]);
}
