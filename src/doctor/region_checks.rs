//! The regions: whether their endpoints answer, and what the identity may read there. What it may write can't be told by reading.

use std::time::Duration;

use keeper_alicloud::{Always, Error, WireResource};
use keeper_core::call::{Query, ReadCall};
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::interface::Interface;
use keeper_core::scaling_member::ScalingMember;
use tokio::time::Instant;

use super::finding::{Check, Findings, Level};
use crate::causes::told;
use crate::clouds::Clouds;
use crate::scope::Scope;
use crate::worker::Cloud;

/// Examines one region of one account with three calls at most. `members`: whether an object asks for scale-in.
pub async fn examine(clouds: &Clouds, scope: &Scope, members: bool, findings: &mut Findings) {
    let place = format!("{} (account {})", scope.region, scope.account);
    let cloud = match clouds.of(scope) {
        Ok(reach) => reach.cloud,
        Err(error) => {
            return findings.add(Level::Failure, Check::Endpoint, format!("{place}: {}", told(&error)));
        }
    };
    let began = Instant::now();
    let answer = cloud.may_list_instances(&Always).await;
    let took = began.elapsed();
    match &answer {
        Err(error) if error.http_status.is_none() => {
            return findings.add(Level::Failure, Check::Endpoint, format!("{place}: {}", told(error)));
        }
        _ => findings.add(Level::Ok, Check::Endpoint, format!("{place}: {}", answered(took))),
    }
    let mut permissions = Permissions { place, may: Vec::new(), findings };
    permissions.take(Instance::READ.name(), answer);
    permissions.take(Interface::READ.name(), one_page::<Interface>(&cloud).await);
    if members {
        permissions.take(ScalingMember::READ.name(), one_page::<ScalingMember>(&cloud).await);
    }
    permissions.close();
}

fn answered(took: Duration) -> String {
    format!("answers in {} ms", took.as_millis())
}

async fn one_page<R: WireResource>(cloud: &Cloud) -> Result<(), Error> {
    cloud.read(&ReadCall::<R> { query: Query::Region, page: None }, &Always).await.map(|_| ())
}

/// What may be called in one region.
struct Permissions<'a> {
    place: String,
    may: Vec<&'static str>,
    findings: &'a mut Findings,
}

impl Permissions<'_> {
    fn take(&mut self, operation: &'static str, answer: Result<(), Error>) {
        let Err(error) = answer else { return self.may.push(operation) };
        let place = &self.place;
        let (level, check, help) = match error.class {
            Class::Permission => {
                (Level::Failure, Check::Permission, " Compare its policy with ecs-keeper ram policy.")
            }
            Class::Throttled => {
                (Level::Warning, Check::Throttling, " Others use up the quota of the account.")
            }
            class if class.heals_itself() => (Level::Warning, Check::Permission, " Try again."),
            _ => (Level::Failure, Check::Permission, ""),
        };
        self.findings.add(level, check, format!("{place}: {}.{help}", told(&error)));
    }

    fn close(self) {
        if !self.may.is_empty() {
            let message = format!(
                "{}: may call {} (whether it may write can't be told by reading)",
                self.place,
                self.may.join(", ")
            );
            self.findings.add(Level::Ok, Check::Permission, message);
        }
    }
}
