//! What an operation is. Each has a file of its own with a constant; what has none can't be sent.

use crate::permission::Permission;

/// A product of the cloud; each has its own hosts and its own version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Elastic Compute Service.
    Ecs,
    /// Auto Scaling.
    Ess,
    /// Security Token Service.
    Sts,
    /// ActionTrail, the record of calls.
    ActionTrail,
}

impl Product {
    /// The version of the product's API, as the header `x-acs-version` wants it.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Ecs => "2014-05-26",
            Self::Ess => "2022-02-22",
            Self::Sts => "2015-04-01",
            Self::ActionTrail => "2020-07-06",
        }
    }

    /// The product's name in RAM's actions.
    fn ram_code(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::Ess => "ess",
            Self::Sts => "sts",
            Self::ActionTrail => "actiontrail",
        }
    }
}

/// One operation of the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub(crate) product: Product,
    pub(crate) name: &'static str,
    /// Whether it changes something, so that a lost answer leaves its effect unknown.
    pub(crate) writes: bool,
    permission: Permission,
}

impl Operation {
    /// Its name, as the vendor has it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Whether it changes something.
    pub const fn writes(self) -> bool {
        self.writes
    }

    /// What RAM has to allow its caller.
    pub const fn permission(self) -> Permission {
        self.permission
    }

    /// Its name in RAM's policies, such as `ecs:DescribeInstances`.
    pub fn action(self) -> String {
        format!("{}:{}", self.product.ram_code(), self.name)
    }

    /// An operation that changes nothing.
    pub(crate) const fn read(product: Product, name: &'static str, permission: Permission) -> Self {
        Self { product, name, writes: false, permission }
    }

    /// An operation that changes something.
    pub(crate) const fn write(product: Product, name: &'static str, permission: Permission) -> Self {
        Self { product, name, writes: true, permission }
    }
}

/// The parameters of one call: name and value, unescaped.
pub type Parameters = Vec<(String, String)>;
