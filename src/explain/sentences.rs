//! What is said of a target, in sentences. The words are those of core; where they speak of what the operator does next, or of an object
//! of which nobody knows, they are said anew.

use keeper_core::reason::Reason;

use super::explanation::{Risk, Said};
use crate::visible_text::plain;

/// A verdict on an instance (or on a network interface), with its sentence.
pub fn said(state: &'static str, reason: Reason, of_instance: bool) -> Said {
    Said { state, reason: reason.as_str(), message: sentence(reason, of_instance).to_owned() }
}

/// A risk, with its sentence.
pub fn risk(risk: &keeper_core::reason::Risk) -> Risk {
    Risk {
        reason: risk.reason.as_str(),
        detail: risk.detail.as_deref().map(plain),
        message: match risk.reason {
            Reason::RisksUnreadable => {
                "It is not known whether there is a way in which it can be lost: the cloud's answer lacks the fields that tell, \
                 or its instance can't be seen."
            }
            reason => reason.sentence(),
        }
        .to_owned(),
    }
}

fn sentence(reason: Reason, of_instance: bool) -> &'static str {
    match (reason, of_instance) {
        (Reason::AllProtected, true) => {
            "Release protection is on: the cloud refuses to release the instance."
        }
        (Reason::AllProtected, false) => "The network interface outlives its instance.",
        (Reason::Unprotected | Reason::Correcting | Reason::NotWanted, true) => {
            "Release protection is off: one call releases the instance."
        }
        (Reason::Unprotected | Reason::Correcting | Reason::NotWanted, false) => {
            "The cloud deletes the network interface, with its addresses, when its instance is released."
        }
        (Reason::ListsDisagree, _) => {
            "The instance's own list of network interfaces says something else than the network interface, as it does while one \
             is attached or detached. Ask again."
        }
        (Reason::FieldUnreadable, _) => {
            "The cloud's answer lacks the flag or another field that decides, or has it in an unknown form. Ask again; if this \
             lasts, please report it."
        }
        (other, _) => other.sentence(),
    }
}
