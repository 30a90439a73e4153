//! What is told in Events. Pure: no client here.

use keeper_core::conditions::Status;
use keeper_core::reason::Reason;
use keeper_core::verdict::total;
use kube::runtime::events::EventType;

use super::object::{Object, Seen};
use super::objects::Entry;
use super::status::{Report, STALLED};

/// Something to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// Whether somebody has to look at it.
    pub kind: EventType,
    /// What it is, in one word.
    pub reason: Reason,
    /// What the operator was doing.
    pub action: &'static str,
    /// What it is, in a sentence. It names what it is about: news with different notes are different Events.
    pub note: String,
}

/// So many of a sort are told one by one; more are told together, with their number and examples.
const ONE_BY_ONE: usize = 10;

/// Bytes of a note that examples may take.
const EXAMPLES: usize = 700;

impl News {
    /// Whether it tells of something that is lost: such news are never held back because of others.
    pub fn is_loss(&self) -> bool {
        use Reason::{Departed, InstanceLost, SelectionLost, SelectionShrank};
        matches!(self.reason, Departed | InstanceLost | SelectionLost | SelectionShrank)
    }
}

/// Tells of things of one sort: one by one, or all at once if they are many. `many` words the number and the examples.
pub fn each_or_all<T>(
    things: &[T],
    one: impl Fn(&T) -> News,
    name: impl Fn(&T) -> &str,
    many: impl FnOnce(&str) -> News,
) -> Vec<News> {
    if things.len() <= ONE_BY_ONE {
        return things.iter().map(one).collect();
    }
    let mut bytes = 0;
    let shown: Vec<&str> = things
        .iter()
        .map(name)
        .take_while(|name| {
            bytes += name.len() + 2;
            bytes <= EXAMPLES
        })
        .collect();
    let rest = things.len() - shown.len();
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    vec![many(&format!("{} of them: {}{more}", things.len(), shown.join(", ")))]
}

/// That the domain condition comes to say something else.
pub fn transition(entry: &Entry, said: &Report) -> Option<News> {
    let domain = &said.judgement.domain;
    let before = entry.seen.object.as_ref().and_then(Object::domain);
    let stood = before.is_some_and(|condition| {
        condition.status == domain.status.as_str() && condition.reason == domain.reason.as_str()
    });
    // What went away by itself until now needs a person from now on.
    let conditions = entry.seen.object.as_ref().map_or(&[][..], Object::conditions);
    let waited = conditions.iter().any(|it| it.type_ == STALLED && it.status == Status::False.as_str());
    let stood = stood && !(waited && said.judgement.stalled.status == Status::True);
    // What is under way will have its own end soon; only a promise that is broken is told at once.
    let under_way = said.judgement.reconciling.status == Status::True;
    // Whoever asked for the weakening knows that the promise ends.
    let asked = said.part.progress.is_some();
    let broken = domain.status == Status::False
        && !asked
        && before.is_some_and(|condition| condition.status == Status::True.as_str());
    if stood || entry.announced == Some((domain.status, domain.reason)) || (under_way && !broken) {
        return None;
    }
    let calm = !under_way && said.judgement.stalled.status == Status::False;
    Some(News {
        kind: if calm { EventType::Normal } else { EventType::Warning },
        reason: domain.reason,
        action: "Judge",
        note: domain.message.clone(),
    })
}

/// That a deletion was carried out: what was left safe is counted.
pub fn end(seen: &Seen, said: Option<&Report>) -> News {
    let progress = said.and_then(|said| said.part.progress.clone()).unwrap_or_default();
    let left = total(&progress.left_safe);
    let safe = seen.resource.safe();
    let (kind, note) = if left == 0 {
        let ended = progress.ended;
        let note = format!("Deleted as deletionPolicy asks: {ended} targets are done, none was left {safe}.");
        (EventType::Normal, note)
    } else {
        let why: Vec<String> = progress
            .left_safe
            .iter()
            .map(|(reason, group)| {
                let (word, sentence) = (reason.as_str(), reason.sentence());
                format!("{word} ({} of them, such as {}): {sentence}", group.count, group.example)
            })
            .collect();
        let (ended, why) = (progress.ended, why.join(" "));
        (EventType::Warning, format!("Deleted; {ended} targets are done, {left} stay {safe}. {why}"))
    };
    News { kind, reason: seen.resource.weakened(), action: "Delete", note }
}
