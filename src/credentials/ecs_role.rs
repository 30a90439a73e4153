//! The role of the ECS instance that this process runs on.

use keeper_alicloud::MetadataService;

use super::error::CredentialError;
use super::issued::Issued;

/// The variables of the vendor's libraries: the role's name, and whether nobody is to ask for it.
pub const METADATA: &str = "ALIBABA_CLOUD_ECS_METADATA";
pub const METADATA_DISABLED: &str = "ALIBABA_CLOUD_ECS_METADATA_DISABLED";

/// The role of the ECS instance.
#[derive(Debug)]
pub struct EcsRole {
    pub service: MetadataService,
    pub name: Option<String>,
    /// Why there are no credentials if nothing answers there, where nobody has named this source. Once something has, it is this
    /// source for good.
    pub unless_silent: Option<String>,
}

impl EcsRole {
    pub async fn issue(&mut self) -> Result<Issued, CredentialError> {
        if let Some(why) = &self.unless_silent
            && !self.service.answers().await
        {
            return Err(CredentialError::Silent(why.clone()));
        }
        self.unless_silent = None;
        let (_, session) = self.service.session(self.name.as_deref()).await?;
        Issued::of_session(session)
    }
}
