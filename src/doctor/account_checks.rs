//! The accounts: where their credentials come from, whose they are, how long they last, and whether the clocks agree.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use keeper_core::id::AccountName;

use super::finding::{Check, Findings, Level};
use crate::identity_check::{Identified, Identity, NotIdentified};

/// Less comes from the way of an answer, and from times in whole seconds.
const NOTABLE: SignedDuration = SignedDuration::from_secs(30);

/// Says what was found of each account. Those whose credentials can be used.
pub fn examine(identified: Vec<Identified>, findings: &mut Findings) -> BTreeSet<AccountName> {
    let mut usable = BTreeSet::new();
    for Identified { account, sources, found } in identified {
        match found {
            Ok(identity) => {
                told_of(findings, &account, &sources, &identity);
                usable.insert(account);
            }
            Err(NotIdentified::NoCredentials(why)) => {
                let message = format!("account {account} ({sources}): {why}");
                findings.add(Level::Failure, Check::Credentials, message);
            }
            Err(NotIdentified::Refused(why)) => {
                findings.add(Level::Ok, Check::Credentials, format!("account {account}: {sources}"));
                findings.add(Level::Failure, Check::Identity, format!("account {account}: {why}"));
            }
        }
    }
    usable
}

fn told_of(findings: &mut Findings, account: &AccountName, sources: &str, identity: &Identity) {
    let end = identity.lasts.map_or_else(String::new, |lasts| format!(", {}", minutes_left(lasts)));
    findings.add(Level::Ok, Check::Credentials, format!("account {account}: {sources}{end}"));
    let Identity { arn, account_id, .. } = identity;
    findings.add(Level::Ok, Check::Identity, format!("account {account}: {arn} of the account {account_id}"));
    match identity.clocks {
        Some((cloud, ours)) => {
            let (level, message) = clock(account, ours.duration_since(cloud));
            findings.add(level, Check::Clock, message);
        }
        None => findings.add(
            Level::Unknown,
            Check::Clock,
            format!("account {account}: the cloud's answer does not say when it was given"),
        ),
    }
}

/// The operator renews a session long before it ends.
fn minutes_left(lasts: Duration) -> String {
    format!("a session that is used for {} more minutes at most", lasts.as_secs() / 60)
}

/// What it means that our clock is so far ahead of the cloud's.
fn clock(account: &AccountName, ahead: SignedDuration) -> (Level, String) {
    let (apart, side) = (ahead.abs(), if ahead.is_negative() { "behind" } else { "ahead of" });
    let seconds = apart.as_secs();
    if apart < NOTABLE {
        (Level::Ok, format!("account {account}: this machine's clock and the cloud's agree"))
    } else {
        let now = Timestamp::now().strftime("%H:%M:%SZ");
        let why =
            "The cloud refuses calls when they are some 15 minutes apart. Set this machine's clock by NTP.";
        let message = format!(
            "account {account}: this machine's clock ({now}) is {seconds} s {side} the cloud's. {why}"
        );
        (Level::Warning, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_on_both_sides_of_the_cloud_s() {
        let level = |seconds| clock(&AccountName::new("a"), SignedDuration::from_secs(seconds)).0;
        for (seconds, expected) in
            [(0, Level::Ok), (-29, Level::Ok), (30, Level::Warning), (-30, Level::Warning)]
        {
            assert_eq!(level(seconds), expected, "{seconds}");
        }
        let (_, message) = clock(&AccountName::new("a"), SignedDuration::from_secs(-60));
        assert!(message.contains("is 60 s behind the cloud's"), "{message}");
    }
}
