//! What the cloud returned, and when we saw it. The only road from a cloud's answer to a positive word leads through
//! [`Evidence::fresh`] and [`Fresh::prove`].

use crate::flag::Flag;
use crate::id::{CallId, RequestId};
use crate::resource::Resource;
use crate::time::Moment;

/// One target's facts as a read showed them.
#[derive(Debug, Clone)]
pub struct Evidence<R: Resource> {
    /// What was said.
    pub facts: R::Facts,
    /// When the read was *sent*: the answer can't be newer than that with certainty.
    pub seen: Moment,
    /// The read. Calls are numbered in the order in which they are sent.
    pub call: CallId,
    /// The cloud's id of the read.
    pub request_id: RequestId,
    /// Which tag keys were kept when the answer came (see the index of selectors).
    pub tag_epoch: u32,
}

impl<R: Resource> Evidence<R> {
    /// This evidence as fresh, if it is: not older than the horizon, and from a read that was sent after our own last
    /// write to the target had ended (`written_before`: the first call number after that).
    pub fn fresh(&self, horizon: Moment, written_before: Option<CallId>) -> Option<Fresh<'_, R>> {
        let after_own_write = written_before.is_none_or(|end| self.call >= end);
        (self.seen >= horizon && after_own_write).then_some(Fresh(self))
    }
}

/// Evidence that was found fresh. Made by [`Evidence::fresh`] alone.
#[derive(Debug, Clone, Copy)]
pub struct Fresh<'a, R: Resource>(&'a Evidence<R>);

impl<R: Resource> Fresh<'_, R> {
    /// The facts.
    pub fn facts(&self) -> &R::Facts {
        &self.0.facts
    }

    /// The proof that the target holds the protected value, if it does.
    pub fn prove<F: Flag<Of = R>>(&self) -> Option<ProtectedProof> {
        (F::protected(&self.0.facts) == Some(true)).then_some(ProtectedProof { _made_here: () })
    }
}

/// Proof that fresh evidence showed the protected value. Made by [`Fresh::prove`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProtectedProof {
    _made_here: (),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deletion_protection::DeletionProtection;
    use crate::instance::{Instance, InstanceFacts};

    #[test]
    fn i01_i02_only_evidence_within_the_horizon_and_after_our_own_write_is_fresh() {
        let at = |seconds| Moment::at(Duration::from_secs(seconds));
        let evidence: Evidence<Instance> = Evidence {
            facts: InstanceFacts { deletion_protection: Some(true), ..InstanceFacts::default() },
            seen: at(100),
            call: CallId(7),
            request_id: RequestId::new("R"),
            tag_epoch: 0,
        };
        for (horizon, written_before, fresh) in [
            (99, None, true),
            (100, None, true),
            (101, None, false),
            (99, Some(CallId(6)), true),
            (99, Some(CallId(7)), true),
            (99, Some(CallId(8)), false),
            (101, Some(CallId(6)), false),
        ] {
            assert_eq!(
                evidence.fresh(at(horizon), written_before).is_some(),
                fresh,
                "{horizon}, {written_before:?}"
            );
        }
    }

    #[test]
    fn i06_only_the_protected_value_itself_is_a_proof() {
        for (flag, proven) in [(Some(true), true), (Some(false), false), (None, false)] {
            let evidence: Evidence<Instance> = Evidence {
                facts: InstanceFacts { deletion_protection: flag, ..InstanceFacts::default() },
                seen: Moment::default(),
                call: CallId(1),
                request_id: RequestId::new("R"),
                tag_epoch: 0,
            };
            let fresh = evidence.fresh(Moment::default(), None).unwrap();
            assert_eq!(fresh.prove::<DeletionProtection>().is_some(), proven, "{flag:?}");
        }
    }
}
