//! What a judgement makes worth telling: that a condition comes to say something else, that a deletion was carried out.

use keeper_core::conditions::Status;
use keeper_core::reason::Reason;
use keeper_core::verdict::total;
use kube::runtime::events::EventType;

use super::event::ObjectEvent;
use crate::api::{Object, WatchedObject};
use crate::status::{AT_RISK, Report, STALLED};
use crate::store::StoredObject;

/// That the domain condition comes to say something else.
pub fn transition(entry: &StoredObject, said: &Report) -> Option<ObjectEvent> {
    let domain = &said.condition_set.domain;
    let before = entry.seen.object.as_ref().and_then(Object::domain);
    let stood = before.is_some_and(|condition| {
        condition.status == domain.status.as_str() && condition.reason == domain.reason.as_str()
    });
    // What went away by itself until now needs a person from now on.
    let conditions = entry.seen.object.as_ref().map_or(&[][..], Object::conditions);
    let waited = conditions.iter().any(|it| it.type_ == STALLED && it.status == Status::False.as_str());
    let stood = stood && !(waited && said.condition_set.stalled.status == Status::True);
    // What is under way will have its own end soon; only a promise that is broken is told at once.
    let under_way = said.condition_set.reconciling.status == Status::True;
    // Whoever asked for the unprotecting knows that the promise ends.
    let asked = said.part.progress.is_some();
    let broken = domain.status == Status::False
        && !asked
        && before.is_some_and(|condition| condition.status == Status::True.as_str());
    if stood || entry.announced == Some((domain.status, domain.reason)) || (under_way && !broken) {
        return None;
    }
    let calm = !under_way && said.condition_set.stalled.status == Status::False;
    Some(ObjectEvent {
        kind: if calm { EventType::Normal } else { EventType::Warning },
        reason: domain.reason,
        action: "Judge",
        note: domain.message.clone(),
    })
}

/// That somebody has come to keep switching a flag off.
pub fn contested(entry: &StoredObject, said: &Report) -> Option<ObjectEvent> {
    let reason = Reason::Contested;
    let group = said.part.counts.risks.get(&reason)?;
    let note = match group.count {
        0 | 1 => format!("{}: {}", group.example, reason.sentence()),
        n => format!("{} and {} more: {}", group.example, n - 1, reason.sentence()),
    };
    // What the condition says already was told.
    let conditions = entry.seen.object.as_ref().map_or(&[][..], Object::conditions);
    let stood = conditions.iter().any(|it| it.type_ == AT_RISK && it.message.contains(&note));
    (!stood).then_some(ObjectEvent { kind: EventType::Warning, reason, action: "Judge", note })
}

/// That a deletion was carried out: what was left protected is counted.
pub fn end(seen: &WatchedObject, said: Option<&Report>) -> ObjectEvent {
    let progress = said.and_then(|said| said.part.progress.clone()).unwrap_or_default();
    let left = total(&progress.left_protected);
    let protected = seen.resource.protected();
    let (kind, note) = if left == 0 {
        let ended = progress.ended;
        let note =
            format!("Deleted as deletionPolicy asks. Targets done: {ended}. No target stays {protected}.");
        (EventType::Normal, note)
    } else {
        let why: Vec<String> = progress
            .left_protected
            .iter()
            .map(|(reason, group)| {
                let (word, sentence) = (reason.as_str(), reason.sentence());
                format!("{word} ({} of them, such as {}): {sentence}", group.count, group.example)
            })
            .collect();
        let (ended, why) = (progress.ended, why.join(" "));
        (EventType::Warning, format!("Deleted. Targets done: {ended}. {left} stay {protected}. {why}"))
    };
    ObjectEvent { kind, reason: seen.resource.unprotected_as_asked(), action: "Delete", note }
}
