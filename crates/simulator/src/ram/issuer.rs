//! An issuer of OIDC tokens, as a cluster is one for its service accounts.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::ecdsa::SigningKey;
use p256::elliptic_curve::Generate;
use p256::pkcs8::EncodePrivateKey;
use serde_json::{Value, json};

use crate::clock::Clock;

/// An issuer of OIDC tokens, with a key of its own (ES256).
#[derive(Clone)]
pub struct Issuer {
    url: String,
    key: EncodingKey,
    public: Value,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Issuer {
    /// An issuer with a new key.
    pub fn new(url: &str) -> Self {
        // A key of this curve can always be written down.
        let key = SigningKey::generate().to_pkcs8_der().map(|key| key.as_bytes().to_vec());
        let key = EncodingKey::from_ec_der(&key.unwrap_or_default());
        let public = Jwk::from_encoding_key(&key, Algorithm::ES256).ok().map(|mut jwk| {
            jwk.common.key_id = Some("1".to_owned());
            jwk
        });
        Self { url: url.to_owned(), key, public: json!({ "keys": [public] }) }
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its public keys, a JSON Web Key Set.
    pub fn jwks(&self) -> Value {
        self.public.clone()
    }

    /// A token for an audience, valid for some seconds from now, or since some seconds no longer if negative.
    pub fn token(&self, subject: &str, audience: &str, seconds: i64) -> String {
        let now = Clock::default().now().as_second();
        let begin = now.min(now + seconds);
        self.sign(&json!({
            "iss": self.url, "sub": subject, "aud": [audience],
            "exp": now + seconds, "iat": begin, "nbf": begin,
        }))
    }

    /// A token with exactly these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some("1".to_owned()), ..Header::new(Algorithm::ES256) };
        // Only a key of another kind could not sign.
        jsonwebtoken::encode(&header, claims, &self.key).unwrap_or_default()
    }
}
