//! OIDC identity providers, and the check of their tokens.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::issuer::Issuer;
use super::token_crypto;
use crate::wire::Refusal;

/// A provider takes no token that was issued longer ago than its IssuanceLimitTime, whose documented default is 12 hours.
const ISSUANCE_LIMIT: SignedDuration = SignedDuration::from_hours(12);

/// The audience of tokens for the vendor's STS, as its page on RRSA has it.
const AUDIENCE: &str = "sts.aliyuncs.com";

/// An OIDC identity provider that an account has registered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderSeed {
    /// Its name.
    pub provider_name: String,
    /// URL of its issuer, as its tokens have it.
    pub issuer: String,
    /// Audiences that its tokens may have.
    pub client_ids: Vec<String>,
    /// The issuer's public keys, a JSON Web Key Set; not set, or something else, is an issuer whose keys STS can't fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
}

impl ProviderSeed {
    /// A provider with the audience of RRSA, whose issuer can't be reached.
    pub fn new(name: &str, issuer: &str) -> Self {
        Self {
            provider_name: name.to_owned(),
            issuer: issuer.to_owned(),
            client_ids: vec![AUDIENCE.to_owned()],
            jwks: None,
        }
    }

    /// A provider with the audience of RRSA, and the URL and the keys of an issuer.
    pub fn of(name: &str, issuer: &Issuer) -> Self {
        Self::new(name, issuer.url()).jwks(issuer.jwks())
    }

    /// With one more audience.
    #[must_use]
    pub fn client_id(mut self, id: &str) -> Self {
        self.client_ids.push(id.to_owned());
        self
    }

    /// With these keys.
    #[must_use]
    pub fn jwks(mut self, jwks: Value) -> Self {
        self.jwks = Some(jwks);
        self
    }

    /// What a token of this provider says, if it is to be believed.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, Refusal> {
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| invalid("The token is no JSON Web Token."))?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256) {
            return Err(invalid("The token must be signed with RS256 or ES256."));
        }
        let unproven = jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token);
        let unproven = unproven.map_err(|_| invalid("The token lacks one of iss, sub, aud, exp and iat."))?;
        if unproven.iss != self.issuer {
            return Err(refused("IssuerNotMatch", "The issuer of the token is not the provider's."));
        }
        let broken = || refused("IssuerConfigurationBroken", "The keys of the issuer can't be fetched.");
        let keys = self.jwks.as_ref().and_then(|keys| JwkSet::deserialize(keys).ok()).ok_or_else(broken)?;
        let forged = || refused("InvalidSignature", "No key of the issuer has signed the token.");
        let key = match &header.kid {
            Some(kid) => keys.find(kid),
            None => keys.keys.first().filter(|_| keys.keys.len() == 1),
        };
        let claims =
            proven(token, header.alg, key.ok_or_else(forged)?).map_err(|error| match error.kind() {
                ErrorKind::Base64(_) => invalid("The signature of the token can't be read."),
                _ => forged(),
            })?;
        self.check(&claims, now)?;
        Ok(claims)
    }

    fn check(&self, claims: &Claims, now: Timestamp) -> Result<(), Refusal> {
        let second = now.as_second();
        if claims.exp <= second {
            return Err(refused("Expired", "The token has expired."));
        }
        if claims.iat > second || claims.nbf.is_some_and(|begin| begin > second) {
            return Err(invalid("The token isn't valid yet."));
        }
        if second - claims.iat > ISSUANCE_LIMIT.as_secs() {
            return Err(refused("Expired", "The token was issued too long ago."));
        }
        if !claims.audiences().iter().any(|audience| self.client_ids.contains(audience)) {
            return Err(refused("AudienceNotMatch", "The token is for another audience."));
        }
        Ok(())
    }
}

/// The claims of a token whose signature is a key's. Times are compared with the cloud's clock, which the library doesn't
/// know.
fn proven(token: &str, algorithm: Algorithm, key: &Jwk) -> jsonwebtoken::errors::Result<Claims> {
    token_crypto::install();
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    Ok(jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}

/// The codes are those of the vendor's page "Error codes" of STS, with its HTTP status.
fn refused(code: &str, text: &str) -> Refusal {
    Refusal::new(401, format!("AuthenticationFail.OIDCToken.{code}"), text)
}

/// What isn't a token at all.
pub(crate) fn invalid(text: &str) -> Refusal {
    refused("Invalid", text)
}

/// What a token says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    aud: Audience,
    pub(crate) exp: i64,
    pub(crate) iat: i64,
    nbf: Option<i64>,
}

/// RFC 7519 has one audience or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Claims {
    pub(crate) fn audiences(&self) -> &[String] {
        match &self.aud {
            Audience::One(audience) => std::slice::from_ref(audience),
            Audience::Many(audiences) => audiences,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: &str = "https://issuer.example";
    const SUBJECT: &str = "system:serviceaccount:keeper:keeper";

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn code(provider: &ProviderSeed, token: &str, now: Timestamp) -> String {
        match provider.verify(token, now) {
            Ok(_) => "OK".to_owned(),
            Err(refusal) => {
                assert_eq!(refusal.status, 401, "{refusal}");
                refusal.code.trim_start_matches("AuthenticationFail.OIDCToken.").to_owned()
            }
        }
    }

    /// Made with OpenSSL. The key is thrown away.
    #[test]
    fn a_token_that_is_signed_with_rs256_is_believed() {
        let vector: Value = serde_json::from_str(include_str!("rs256_vector.json")).expect("a vector");
        let provider = ProviderSeed::new("cluster", URL).jwks(vector["jwks"].clone());
        let token = vector["token"].as_str().expect("a token");
        let claims = provider.verify(token, time("2026-01-01T00:30:00Z")).expect("it is believed");
        assert_eq!((claims.sub.as_str(), claims.audiences()), (SUBJECT, &[AUDIENCE.to_owned()][..]));
        let (rest, signature) = token.rsplit_once('.').expect("a signature");
        let other = format!("{rest}.{}", signature.replacen(['A', 'B', 'C'], "z", 1));
        assert_eq!(code(&provider, &other, time("2026-01-01T00:30:00Z")), "InvalidSignature");
    }

    #[test]
    fn every_claim_is_compared_with_the_provider_and_the_clock() {
        let issuer = Issuer::new(URL);
        let provider = ProviderSeed::of("cluster", &issuer).client_id("another");
        let now = time("2026-01-01T12:00:00Z");
        let second = now.as_second();
        let claims =
            json!({ "iss": URL, "sub": SUBJECT, "aud": [AUDIENCE], "exp": second + 1, "iat": second });
        for (name, value, expected) in [
            ("sub", json!(SUBJECT), "OK"),
            ("aud", json!("another"), "OK"),
            ("aud", json!(["else", "another"]), "OK"),
            ("aud", json!("else"), "AudienceNotMatch"),
            ("aud", json!([]), "AudienceNotMatch"),
            ("iss", json!("https://issuer.example/"), "IssuerNotMatch"),
            ("exp", json!(second), "Expired"),
            ("iat", json!(second + 1), "Invalid"),
            ("iat", json!(second - 12 * 3600), "OK"),
            ("iat", json!(second - 12 * 3600 - 1), "Expired"),
            ("nbf", json!(second), "OK"),
            ("nbf", json!(second + 1), "Invalid"),
            ("iss", Value::Null, "Invalid"),
            ("sub", Value::Null, "Invalid"),
            ("aud", Value::Null, "Invalid"),
            ("exp", Value::Null, "Invalid"),
            ("iat", Value::Null, "Invalid"),
        ] {
            let mut claims = claims.clone();
            claims[name] = value;
            assert_eq!(code(&provider, &issuer.sign(&claims), now), expected, "{claims}");
        }
    }

    #[test]
    fn only_a_whole_token_that_a_key_of_the_issuer_signed_is_believed() {
        let issuer = Issuer::new(URL);
        let provider = ProviderSeed::of("cluster", &issuer);
        let now = Timestamp::now();
        let token = issuer.token(SUBJECT, AUDIENCE, 600);
        let forged = Issuer::new(URL).token(SUBJECT, AUDIENCE, 600);
        let (_, rest) = token.split_once('.').expect("a header");
        for (token, expected) in [
            (token.clone(), "OK"),
            (forged, "InvalidSignature"),
            (token.replace('.', ""), "Invalid"),
            (format!("{token}\n"), "Invalid"),
            (format!("{token}."), "Invalid"),
            // {"alg":"none"} and {"alg":"HS256"}.
            (format!("eyJhbGciOiJub25lIn0.{rest}"), "Invalid"),
            (format!("eyJhbGciOiJIUzI1NiJ9.{rest}"), "Invalid"),
            // {"alg":"RS256","kid":"1"}: a key of another kind.
            (format!("eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.{rest}"), "InvalidSignature"),
            // {"alg":"ES256","kid":"2"}: a key that isn't there.
            (format!("eyJhbGciOiJFUzI1NiIsImtpZCI6IjIifQ.{rest}"), "InvalidSignature"),
        ] {
            assert_eq!(code(&provider, &token, now), expected, "{token}");
        }
        for jwks in [json!({}), json!("none")] {
            let broken = ProviderSeed::new("cluster", URL).jwks(jwks);
            assert_eq!(code(&broken, &token, now), "IssuerConfigurationBroken");
        }
        assert_eq!(code(&ProviderSeed::new("cluster", URL), &token, now), "IssuerConfigurationBroken");
    }
}
