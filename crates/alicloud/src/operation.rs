//! What an operation is. Each has a file of its own with a constant; what has none can't be sent.

/// A product of the cloud; each has its own hosts and its own version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// Elastic Compute Service.
    Ecs,
    /// Security Token Service.
    Sts,
}

impl Product {
    /// The version of the product's API, as the header `x-acs-version` wants it.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Ecs => "2014-05-26",
            Self::Sts => "2015-04-01",
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
}

impl Operation {
    /// Its name, as the vendor has it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// An operation that changes nothing.
    pub(crate) const fn read(product: Product, name: &'static str) -> Self {
        Self { product, name, writes: false }
    }

    /// An operation that changes something.
    pub(crate) const fn write(product: Product, name: &'static str) -> Self {
        Self { product, name, writes: true }
    }
}

/// The parameters of one call: name and value, unescaped.
pub type Parameters = Vec<(String, String)>;
