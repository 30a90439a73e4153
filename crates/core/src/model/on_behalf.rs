//! On whose behalf a flag is written: what the log says beside each write, so that nothing is ever switched without a name.

use crate::id::{Generation, ObjectId};

/// Why a flag is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteReason {
    /// The spec wants the protected value.
    Correcting,
    /// The same, and the target was protected when it was last seen before somebody else switched the flag off.
    Repairing,
    /// The spec wants the unprotected value.
    Unprotecting,
    /// The object is being deleted, and its deletion policy asks for the unprotected value.
    Deleting,
    /// The spec leaves the target unprotected for a time.
    Excepted,
    /// Karpenter is about to release the machine.
    Lifted,
}

impl WriteReason {
    /// Every reason.
    pub const ALL: [Self; 6] =
        [Self::Correcting, Self::Repairing, Self::Unprotecting, Self::Deleting, Self::Excepted, Self::Lifted];

    /// The word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Correcting => "Correcting",
            Self::Repairing => "Repairing",
            Self::Unprotecting => "Unprotecting",
            Self::Deleting => "Deleting",
            Self::Excepted => "Excepted",
            Self::Lifted => "Lifted",
        }
    }
}

/// The object that asks for a write. Of several that ask for the same it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnBehalf {
    /// The object.
    pub object: ObjectId,
    /// Its generation when the write was sent.
    pub generation: Generation,
    /// Why.
    pub reason: WriteReason,
}
