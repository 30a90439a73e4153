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

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
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
    /// Id of a scaling group, `asg-…`.
    ScalingGroupId
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

/// A filter on one tag: the key, and the value unless any value will do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagFilter {
    /// Key that must be there.
    pub key: Arc<str>,
    /// Value that it must have; `None`: any.
    pub value: Option<Arc<str>>,
}

impl TagFilter {
    /// Whether a set of tags satisfies this filter.
    pub fn matches(&self, tags: &[Tag]) -> bool {
        tags.iter().any(|t| t.key == self.key && self.value.as_ref().is_none_or(|v| *v == t.value))
    }
}

/// Number of a call, in the order in which calls are sent: what was sent later has a greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// A Kubernetes object. The uid tells it from a namesake that was created later.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Arc<ObjectName>);

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ObjectName {
    uid: Box<str>,
    namespace: Box<str>,
    name: Box<str>,
}

impl ObjectId {
    /// The object with this namespace, name and uid.
    pub fn new(namespace: &str, name: &str, uid: &str) -> Self {
        Self(Arc::new(ObjectName { uid: uid.into(), namespace: namespace.into(), name: name.into() }))
    }

    /// Namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Uid.
    pub fn uid(&self) -> &str {
        &self.0.uid
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.namespace, self.0.name)
    }
}

/// `metadata.generation`.
pub type Generation = i64;
