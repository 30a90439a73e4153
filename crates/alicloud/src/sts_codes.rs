//! What the codes mean with which STS refuses to exchange a key or a token, and what to do. They are those of the vendor's pages
//! of AssumeRole and of AssumeRoleWithOIDC.

/// A code, and the sentence for it.
type Sentence = (&'static str, &'static str);

const WITH_OIDC: &[Sentence] = &[
    (
        "AuthenticationFail.NoPermission",
        "the account has no such OIDC provider (RRSA isn't enabled for this cluster), or the role's trust policy does not \
         allow this ServiceAccount",
    ),
    (
        "AuthenticationFail.OIDCToken.AudienceNotMatch",
        "the OIDC provider does not accept the token's audience; it must be sts.aliyuncs.com",
    ),
    (
        "AuthenticationFail.OIDCToken.Expired",
        "the token has expired; check that the token file is kept fresh and that the clocks are right",
    ),
    (
        "AuthenticationFail.OIDCToken.Invalid",
        "the token file does not contain a token that STS can read; check that it is the projected token",
    ),
    (
        "AuthenticationFail.OIDCToken.InvalidSignature",
        "the token is not signed with the keys of its issuer; check that the provider is this cluster's",
    ),
    (
        "AuthenticationFail.OIDCToken.IssuerConfigurationBroken",
        "STS can't fetch the keys of the token's issuer; check that the issuer's URL can be reached from the Internet",
    ),
    (
        "AuthenticationFail.OIDCToken.IssuerNotMatch",
        "the token is of another issuer than the OIDC provider's; check that the provider is this cluster's",
    ),
];

const OF_KEY: &[Sentence] = &[(
    "NoPermission",
    "the caller may not assume the role; allow it sts:AssumeRole on the role, and let the role's trust policy name the \
     caller, with the external id if it asks for one (a key of the account's root user can assume no role)",
)];

const OF_BOTH: &[Sentence] = &[
    ("EntityNotExist.Role", "the role does not exist; check the account and the name in its ARN"),
    (
        "InvalidParameter.DurationSeconds",
        "the role allows no session of that length; shorten durationSeconds, or raise the role's maximum session duration",
    ),
    ("InvalidParameter.OIDCProviderArn", "the ARN of the OIDC provider is not valid; correct providerArn"),
    ("InvalidParameter.PolicyGrammar", "the session policy is not valid; correct policy"),
    ("InvalidParameter.RoleArn", "the ARN of the role is not valid; correct roleArn"),
    ("InvalidParameter.RoleSessionName", "the session name is not valid; correct sessionName"),
];

/// Every code that has a meaning of its own, after the operation that it is an answer of, and before what it means.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let of = |operation, own: &'static [Sentence]| {
        own.iter().chain(OF_BOTH).map(move |(code, sentence)| (operation, *code, *sentence))
    };
    of("AssumeRoleWithOIDC", WITH_OIDC).chain(of("AssumeRole", OF_KEY))
}

/// What a code of an exchange means; `None` for what has no meaning of its own there.
pub(crate) fn explain(operation: &str, code: &str) -> Option<&'static str> {
    all().find(|known| (known.0, known.1) == (operation, code)).map(|(_, _, sentence)| sentence)
}
