//! What a token of the cluster says of itself.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// What a token says of itself. It tells the administrator what the role's trust policy has to name, and nothing is decided by
/// it: only STS checks the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    issuer: String,
    audience: Vec<String>,
    subject: String,
}

#[derive(Deserialize)]
struct Payload {
    iss: String,
    #[serde(default)]
    aud: Audience,
    sub: String,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Audience {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Claims {
    /// The claims of a token; `None` for what is no JSON Web Token.
    pub fn of(token: &SecretString) -> Option<Self> {
        let payload = token.expose_secret().split('.').nth(1)?;
        let payload: Payload = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let audience = match payload.aud {
            Audience::None => Vec::new(),
            Audience::One(one) => vec![one],
            Audience::Many(many) => many,
        };
        Some(Self { issuer: payload.iss, audience, subject: payload.sub })
    }
}

impl fmt::Display for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let audience = self.audience.join(", ");
        write!(
            f,
            ". The token has the subject {:?}, the issuer {:?} and the audience {audience:?}",
            self.subject, self.issuer
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> SecretString {
        format!("CANARY.{}.CANARY", BASE64_URL_SAFE_NO_PAD.encode(payload)).into()
    }

    #[test]
    fn i44_of_a_token_only_its_claims_are_told() {
        let payload = r#"{"iss":"https://issuer/c1","aud":["sts.aliyuncs.com"],"sub":"system:serviceaccount:a:b","exp":1}"#;
        let claims = Claims::of(&token(payload)).unwrap().to_string();
        assert_eq!(
            claims,
            r#". The token has the subject "system:serviceaccount:a:b", the issuer "https://issuer/c1" and the audience "sts.aliyuncs.com""#
        );
        assert!(
            Claims::of(&token(r#"{"iss":"i","aud":"one","sub":"s"}"#))
                .unwrap()
                .to_string()
                .contains("\"one\"")
        );
        for odd in ["", "CANARY", "CANARY.###.x"] {
            assert_eq!(Claims::of(&odd.into()), None);
        }
        assert_eq!(Claims::of(&token("[]")), None);
    }
}
