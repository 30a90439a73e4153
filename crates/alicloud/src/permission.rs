//! What RAM has to allow whoever calls an operation.

/// What RAM has to allow the caller of an operation, by the vendor's pages "RAM authorization" of ECS and of STS,
/// and the page of SetInstancesProtection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Nothing: everybody may call the operation.
    None,
    /// The operation's action on resources of each of these types.
    Resources {
        /// The types that the page has as required.
        types: &'static [ResourceType],
        /// A condition key of RAM that is true for what the operation can do and we never ask for.
        never: Option<&'static str>,
    },
    /// The operation's action on the role that the call names.
    Role,
}

impl Permission {
    /// The operation's action on resources of each of these types.
    pub(crate) const fn on(types: &'static [ResourceType]) -> Self {
        Self::Resources { types, never: None }
    }
}

/// A type of resource that RAM can tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceType {
    /// ECS instances.
    Instance,
    /// Elastic network interfaces.
    NetworkInterface,
    /// Security groups.
    SecurityGroup,
    /// Scaling groups.
    ScalingGroup,
    /// Whatever there is: for an operation whose page names no type.
    All,
}

impl ResourceType {
    /// All resources of this type in a region of an account, as RAM writes it. `*` stands for any region and any account.
    pub fn all_in(self, region: &str, account_id: &str) -> String {
        let (product, name) = match self {
            Self::Instance => ("ecs", "instance"),
            Self::NetworkInterface => ("ecs", "eni"),
            Self::SecurityGroup => ("ecs", "securitygroup"),
            Self::ScalingGroup => ("ess", "scalinggroup"),
            Self::All => return "*".to_owned(),
        };
        format!("acs:{product}:{region}:{account_id}:{name}/*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_written_as_ram_writes_them() {
        for (of, expected) in [
            (ResourceType::Instance, "acs:ecs:cn-hangzhou:1:instance/*"),
            (ResourceType::NetworkInterface, "acs:ecs:cn-hangzhou:1:eni/*"),
            (ResourceType::SecurityGroup, "acs:ecs:cn-hangzhou:1:securitygroup/*"),
            (ResourceType::ScalingGroup, "acs:ess:cn-hangzhou:1:scalinggroup/*"),
            (ResourceType::All, "*"),
        ] {
            assert_eq!(of.all_in("cn-hangzhou", "1"), expected);
        }
    }
}
