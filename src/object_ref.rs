//! An object of ours by its name, in what commands print.

use std::fmt;

use keeper_core::id::ObjectId;
use schemars::JsonSchema;
use serde::Serialize;

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct ObjectRef {
    /// `EcsInstanceProtection` or `EniRetention`.
    #[schemars(extend("enum" = ["EcsInstanceProtection", "EniRetention"]))]
    pub kind: &'static str,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// The object of this kind with this identity.
    pub fn new(kind: &'static str, id: &ObjectId) -> Self {
        Self { kind, namespace: id.namespace().to_owned(), name: id.name().to_owned() }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

/// Several objects, for a sentence.
pub fn names(names: &[ObjectRef]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
