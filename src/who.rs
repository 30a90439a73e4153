//! Who has made a call, as it is shown. Names come from strangers.

use keeper_core::trail::TrailEvent;

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
