//! An issuer of OIDC tokens, as a cluster is one for its service accounts.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::token_crypto;
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
        token_crypto::install();
        // Only a system without random numbers could not make a key; what it signs nobody believes.
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let pkcs8 = pkcs8.map(|key| key.as_ref().to_vec()).unwrap_or_default();
        let key = token_crypto::es256_key(&pkcs8).ok();
        let public = key.map(|key| public_key(key.public_key().as_ref()));
        Self {
            url: url.to_owned(),
            key: EncodingKey::from_ec_der(&pkcs8),
            public: json!({ "keys": [public] }),
        }
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

/// A JSON Web Key for ES256, from a point that is not compressed (SEC 1, 2.3.3): 4, x and y, of 32 bytes each.
fn public_key(point: &[u8]) -> Value {
    let coordinate =
        |from: usize| BASE64_URL_SAFE_NO_PAD.encode(point.get(from..from + 32).unwrap_or_default());
    json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "1", "x": coordinate(1), "y": coordinate(33) })
}
