//! Who has made a call, and what it has done, as it is shown. Names come from strangers.

use keeper_core::trail::{ActorKind, TrailEvent, TrailedFlag};

use crate::visible_text::plain;

/// Who has made a call, made fit to be shown.
pub struct Who {
    pub name: Option<String>,
    pub account: Option<String>,
    pub source: Option<String>,
    pub user_agent: Option<String>,
}

impl Who {
    pub fn of(call: &TrailEvent) -> Self {
        let shown = |text: &Option<Box<str>>| text.as_deref().map(plain);
        Self {
            name: shown(&call.actor.name),
            account: shown(&call.actor.account_id),
            source: shown(&call.source),
            user_agent: shown(&call.user_agent),
        }
    }
}

/// What is done to a flag when it is given its unprotected value: the beginning of a sentence, and its verb.
pub fn taken_back(flag: TrailedFlag, target: &str) -> (String, &'static str) {
    match flag {
        TrailedFlag::DeletionProtection => (format!("Release protection of {target}"), "switched off"),
        TrailedFlag::AutoReleaseTime => (format!("An automatic release time of {target}"), "set"),
        TrailedFlag::DeleteOnRelease => (format!("Retention of {target}"), "switched off"),
    }
}

/// An identity in a sentence, with its name where that may be shown.
fn identity(kind: ActorKind, name: Option<&str>) -> String {
    match (kind, name) {
        (ActorKind::RootAccount, _) => "the account itself".to_owned(),
        (ActorKind::RamUser, None) => "a RAM user".to_owned(),
        (ActorKind::RamUser, Some(name)) => format!("the RAM user {name}"),
        (ActorKind::AssumedRole, None) => "a session of a RAM role".to_owned(),
        (ActorKind::AssumedRole, Some(name)) => format!("the session {name} of a RAM role"),
        (ActorKind::Service, None) => "a cloud service".to_owned(),
        (ActorKind::Service, Some(name)) => format!("the cloud service {name}"),
        (ActorKind::Unknown, None) => "somebody".to_owned(),
        (ActorKind::Unknown, Some(name)) => name.to_owned(),
    }
}

/// The same, with words for its account where that has to be told.
pub fn identity_in(kind: ActorKind, name: Option<&str>, account: Option<&str>) -> String {
    match (kind, account) {
        (kind, None) => identity(kind, name),
        (ActorKind::RootAccount, Some(account)) => format!("{account} itself"),
        (kind, Some(account)) => format!("{} of {account}", identity(kind, name)),
    }
}
