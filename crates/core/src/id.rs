//! Names of things: accounts, regions, cloud resources, Kubernetes objects. No name is ever built from another.

use std::fmt;
use std::sync::Arc;

/// Declares a cheap-to-clone, ordered string type, so that one kind of name can't be passed for another.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps the text as it stands; whoever takes it from outside has checked its form.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// Name of an account in the operator's configuration (not the cloud's numeric account id).
    AccountName
}
name! {
    /// Region id of the cloud, `cn-hangzhou`.
    Region
}
name! {
    /// Id of an ECS instance, `i-…`.
    InstanceId
}
name! {
    /// Id of an elastic network interface, `eni-…`.
    InterfaceId
}
name! {
    /// The id that the cloud gives to each request; what its support asks for first.
    RequestId
}
name! {
    /// Opaque text with which the cloud continues a listing.
    PageToken
}

/// One tag of a cloud resource. The empty value is a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    /// Key, compared byte by byte as the cloud does.
    pub key: Arc<str>,
    /// Value, possibly empty.
    pub value: Arc<str>,
}

impl Tag {
    /// A tag from its two texts.
    pub fn new(key: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        Self { key: Arc::from(key.as_ref()), value: Arc::from(value.as_ref()) }
    }
}
