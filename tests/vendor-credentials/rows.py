"""The table: environments, and whose key is chosen in each of them."""

from __future__ import annotations

from cloud import PROVIDER, TEMPORARY, TEMPORARY_KEY, Bystander, key, role
from row import CRASHES, NOBODY, Differs, Refused, Row

# The metadata service: both versions, one of them alone, no role, and one that is there and of no use.
NODE = {}
V2_ALONE = {"httpTokens": "required"}
V1_ALONE = {"httpTokens": "unsupported"}
NO_ROLE = {"role": None}
SLOW = {"latencyMillis": 20_000}
BROKEN = {"failsWith": 500}

ID, SECRET, TOKEN = (f"ALIBABA_CLOUD_{name}" for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN"))
ROLE_ARN, PROVIDER_ARN, TOKEN_FILE = (f"ALIBABA_CLOUD_{name}" for name in ("ROLE_ARN", "OIDC_PROVIDER_ARN", "OIDC_TOKEN_FILE"))
SESSION_NAME = "ALIBABA_CLOUD_ROLE_SESSION_NAME"
PROFILE, CONFIG_FILE, PROFILE_DISABLED = (f"ALIBABA_CLOUD_{name}" for name in ("PROFILE", "CONFIG_FILE", "CLI_PROFILE_DISABLED"))
CREDENTIALS_FILE = "ALIBABA_CLOUD_CREDENTIALS_FILE"
ECS_METADATA, METADATA_DISABLED, V1_DISABLED = (f"ALIBABA_CLOUD_{name}" for name in ("ECS_METADATA", "ECS_METADATA_DISABLED", "IMDSV1_DISABLED"))
URI = "ALIBABA_CLOUD_CREDENTIALS_URI"
STS_ENDPOINT, STS_REGION, VPC = (f"ALIBABA_CLOUD_{name}" for name in ("STS_ENDPOINT", "STS_REGION", "VPC_ENDPOINT_ENABLED"))

CLI, INI_GO, INI_PYTHON = ".aliyun/config.json", ".alibabacloud/credentials", ".alibabacloud/credentials.ini"

VARIABLES = dict(zip((ID, SECRET), key("variables")))
TEMPORARY_VARIABLES = dict(zip((ID, SECRET, TOKEN), TEMPORARY_KEY))
RRSA = {ROLE_ARN: role("pod"), PROVIDER_ARN: PROVIDER, TOKEN_FILE: "$HOME/token"}
TOKEN_IS_THERE = {"token": "$TOKEN"}


def profiles(*entries: dict, current: str = "first") -> dict[str, object]:
    """The command line's file with these profiles: first, second and so on."""
    names = ("first", "second", "third")
    return {CLI: {"current": current, "profiles": [{"name": name, **entry} for name, entry in zip(names, entries)]}}


def ak(user: str, mode: str = "AK", **more) -> dict:
    """A profile with the key of a user."""
    return {"mode": mode, **dict(zip(("access_key_id", "access_key_secret"), key(user))), **more}


def ini(section: str = "default") -> str:
    """The other file, with a key in this section."""
    return "[{}]\ntype = access_key\naccess_key_id = {}\naccess_key_secret = {}\n".format(section, *key("ini"))


STS_TOKEN = dict(zip(("access_key_id", "access_key_secret", "sts_token"), TEMPORARY_KEY), mode="StsToken")
ASSUMED = ak("profile", "RamRoleArn", ram_role_arn=role("assumed"), ram_session_name="night")
OIDC = {"mode": "OIDC", "ram_role_arn": role("pod"), "oidc_provider_arn": PROVIDER, "oidc_token_file": "$HOME/token"}
CHAINED = {"mode": "ChainableRamRoleArn", "source_profile": "second", "ram_role_arn": role("assumed"), "ram_session_name": "night"}
ECS = {"mode": "EcsRamRole"}

GOES_ON = "It goes on with the next source when one fails, so that a mistake makes it act as somebody else; ecs-keeper stops at the first that is configured."
UNTRIMMED = "It sends the file as it is, with a line break that no token has; ecs-keeper trims it."
OWN_SOURCE = "ecs-keeper takes no key from there, and says so instead of taking another one."
WEBHOOK = "It does not know the variable, which ack-pod-identity-webhook sets."
VERSION_1 = "Without a token, whoever can have a process send a single request gets the node's key; ecs-keeper does so only if allowV1 says it."
BY_PROXY = "It uses a proxy that the environment happens to name; ecs-keeper uses only one of its configuration, and none to the metadata service."

AS_NODE = Differs("role/node", GOES_ON)


def fails_closed(name: str, says: str, **environment) -> Row:
    """One in which something is wrong with what is configured, on a node with a role."""
    return Row(name, Refused(says), libraries=AS_NODE, metadata=NODE, **environment)


KEYS_IN_VARIABLES = [
    Row("nothing", Refused("no credentials are configured")),
    Row("a key", "user/variables", variables=VARIABLES),
    Row("a key beside everything else", "user/variables", variables={**VARIABLES, **RRSA}, files={**TOKEN_IS_THERE, **profiles(ak("profile"))}, metadata=NODE),
    Row("a temporary key", TEMPORARY, variables=TEMPORARY_VARIABLES),
    Row("a temporary key without its token", Refused("MissingSecurityToken"), variables={**TEMPORARY_VARIABLES, TOKEN: ""}, metadata=NODE),
    Row("a key with an empty token", "user/variables", variables={**VARIABLES, TOKEN: ""}),
    Row("a key with the secret of another", Refused("SignatureDoesNotMatch"), variables={**VARIABLES, SECRET: key("other")[1]}, metadata=NODE),
    Row("a secret with a line break", Refused("invalid access key"), variables={**VARIABLES, SECRET: key("variables")[1] + "\n"}, metadata=NODE),
    Row("an id alone", Refused(SECRET), variables={ID: key("variables")[0]}),
    fails_closed("an id alone, on a node with a role", SECRET, variables={ID: key("variables")[0]}),
    fails_closed("a secret alone", ID, variables={SECRET: key("variables")[1]}),
    fails_closed("a token alone", ID, variables={TOKEN: TEMPORARY_KEY[2]}),
    fails_closed("an id with an empty secret", SECRET, variables={**VARIABLES, SECRET: ""}),
    Row("empty variables", "role/node", variables={ID: "", SECRET: "", TOKEN: ""}, metadata=NODE),
    Row(
        "an id alone beside RRSA",
        Refused(SECRET),
        libraries=Differs("role/pod", GOES_ON),
        variables={ID: key("variables")[0], **RRSA},
        files=TOKEN_IS_THERE,
    ),
]

OIDC_IN_VARIABLES = [
    Row("RRSA", "role/pod", variables=RRSA, files=TOKEN_IS_THERE),
    Row("RRSA beside what comes later", "role/pod", variables=RRSA, files={**TOKEN_IS_THERE, **profiles(ak("profile")), INI_GO: ini()}, metadata=NODE),
    Row("RRSA, token with a line break", "role/pod", libraries=Differs(NOBODY, UNTRIMMED), variables=RRSA, files={"token": "$TOKEN\n"}),
    Row("RRSA, token with a line break, on a node", "role/pod", libraries=AS_NODE, variables=RRSA, files={"token": "$TOKEN\n"}, metadata=NODE),
    Row("RRSA, token file missing", Refused("failed to read the token file"), variables=RRSA),
    fails_closed("RRSA, token file missing, on a node", "failed to read the token file", variables=RRSA),
    fails_closed("RRSA, token file empty", "is empty", variables=RRSA, files={"token": ""}),
    fails_closed("RRSA, token of no form", "OIDCToken.Invalid", variables=RRSA, files={"token": "token"}),
    fails_closed("RRSA, token expired", "OIDCToken.Expired", variables=RRSA, files={"token": "$EXPIRED_TOKEN"}),
    fails_closed("RRSA, token of another ServiceAccount", "AuthenticationFail.NoPermission", variables=RRSA, files={"token": "$OTHER_SUBJECT"}),
    fails_closed("RRSA, token for another audience", "AudienceNotMatch", variables=RRSA, files={"token": "$OTHER_AUDIENCE"}),
    fails_closed("RRSA, no such role", "EntityNotExist.Role", variables={**RRSA, ROLE_ARN: role("gone")}, files=TOKEN_IS_THERE),
    fails_closed("RRSA, role that trusts others", "AuthenticationFail.NoPermission", variables={**RRSA, ROLE_ARN: role("assumed")}, files=TOKEN_IS_THERE),
    fails_closed("RRSA, role that is no ARN", ROLE_ARN, variables={**RRSA, ROLE_ARN: "pod"}, files=TOKEN_IS_THERE),
    fails_closed("RRSA, STS throttles", "Throttling.User", variables=RRSA, files=TOKEN_IS_THERE, refusals={"AssumeRoleWithOIDC": "Throttling.User"}),
    fails_closed("RRSA, STS is out of order", "ServiceUnavailable", variables=RRSA, files=TOKEN_IS_THERE, refusals={"AssumeRoleWithOIDC": "ServiceUnavailable"}),
    fails_closed("RRSA without role", ROLE_ARN, variables={PROVIDER_ARN: PROVIDER, TOKEN_FILE: "$HOME/token"}, files=TOKEN_IS_THERE),
    fails_closed("RRSA without provider", PROVIDER_ARN, variables={ROLE_ARN: role("pod"), TOKEN_FILE: "$HOME/token"}, files=TOKEN_IS_THERE),
    fails_closed("RRSA without token file", TOKEN_FILE, variables={ROLE_ARN: role("pod"), PROVIDER_ARN: PROVIDER}, files=TOKEN_IS_THERE),
    fails_closed("RRSA with an empty role", ROLE_ARN, variables={**RRSA, ROLE_ARN: ""}, files=TOKEN_IS_THERE),
    Row("RRSA, all empty", "role/node", variables=dict.fromkeys(RRSA, ""), metadata=NODE),
    Row(
        "RRSA with a session name",
        "role/pod/night",
        go=Differs("role/pod", "It reads the variable for AssumeRole alone."),
        variables={**RRSA, SESSION_NAME: "night"},
        files=TOKEN_IS_THERE,
    ),
    Row(
        "RRSA with a session name of blanks",
        Refused("RoleSessionName"),
        go=Differs("role/pod", "It reads the variable for AssumeRole alone."),
        variables={**RRSA, SESSION_NAME: "a b"},
        files=TOKEN_IS_THERE,
    ),
    Row(
        "RRSA, token in a variable",
        Refused(TOKEN_FILE),
        go=Differs("role/pod", "A token in a variable can't be renewed, so the key would end with it; the other library does not read it, either."),
        variables={**RRSA, TOKEN_FILE: "", "ALIBABA_CLOUD_OIDC_TOKEN": "$TOKEN"},
    ),
    Row(
        "RRSA, a file and another token in a variable",
        "role/pod",
        go=Differs(NOBODY, "The variable, which the other two don't read, wins over the file."),
        variables={**RRSA, "ALIBABA_CLOUD_OIDC_TOKEN": "$EXPIRED_TOKEN"},
        files=TOKEN_IS_THERE,
    ),
]


def at(host: str) -> str:
    """The Pod's role, from this host."""
    return f"role/pod at {host}.aliyuncs.com"


def sts(name: str, ours: str | Refused, variables: dict[str, str], libraries: Differs | None = None, metadata: dict | None = None) -> Row:
    """One in which it matters which host is asked."""
    return Row(name, ours, libraries=libraries, variables={**RRSA, **variables}, files=TOKEN_IS_THERE, metadata=metadata)


PLACES_OF_STS = [
    sts("STS of a region", at("sts.cn-hangzhou"), {STS_REGION: "cn-hangzhou"}),
    sts("STS of a region, in the VPC", at("sts-vpc.cn-hangzhou"), {STS_REGION: "cn-hangzhou", VPC: "true"}),
    sts("STS of a region, in the VPC, in capitals", at("sts-vpc.cn-hangzhou"), {STS_REGION: "cn-hangzhou", VPC: "TRUE"}),
    sts("STS of a region, VPC of another word", at("sts.cn-hangzhou"), {STS_REGION: "cn-hangzhou", VPC: "1"}),
    sts("STS in the VPC, no region", "role/pod", {VPC: "true"}),
    sts("STS of an empty region", "role/pod", {STS_REGION: "", VPC: "true"}),
    sts("STS of an unknown region", Refused(STS_REGION), {STS_REGION: "cn-nowhere"}),
    sts("STS of an unknown region, on a node", Refused(STS_REGION), {STS_REGION: "cn-nowhere"}, AS_NODE, NODE),
    sts("STS at a host", at("sts-vpc.cn-beijing"), {STS_ENDPOINT: "sts-vpc.cn-beijing.aliyuncs.com"}, Differs("role/pod", WEBHOOK)),
    sts("STS at a URL", at("sts-vpc.cn-beijing"), {STS_ENDPOINT: "https://sts-vpc.cn-beijing.aliyuncs.com/"}, Differs("role/pod", WEBHOOK)),
    sts(
        "STS at a host and of a region",
        at("sts-vpc.cn-beijing"),
        {STS_ENDPOINT: "sts-vpc.cn-beijing.aliyuncs.com", STS_REGION: "cn-hangzhou"},
        Differs(at("sts.cn-hangzhou"), WEBHOOK),
    ),
    sts(
        "STS as the webhook sets it",
        at("sts-vpc.cn-hangzhou"),
        {STS_ENDPOINT: "sts-vpc.cn-hangzhou.aliyuncs.com", STS_REGION: "cn-hangzhou", VPC: "true"},
    ),
    sts("STS at somebody else's host", Refused(STS_ENDPOINT), {STS_ENDPOINT: "sts.example.com"}, Differs("role/pod", WEBHOOK)),
]


def profile(name: str, ours: str | Refused, *entries: dict, **row) -> Row:
    """One with a file of profiles, of which the first is the current one."""
    return Row(name, ours, files={**TOKEN_IS_THERE, **profiles(*entries), **row.pop("files", {})}, **row)


def no_profile(name: str, says: str, *entries: dict, **row) -> Row:
    """One whose current profile is of no use, on a node with a role."""
    return profile(name, Refused(says), *entries, libraries=AS_NODE, metadata=NODE, **row)


MODES_OF_PROFILES = [
    profile("AK", "user/profile", ak("profile"), metadata=NODE),
    profile(
        "AK with the secret in a variable",
        Refused(ID),
        {"mode": "AK", "access_key_id": key("profile")[0]},
        libraries=Differs("user/profile", "It puts a key together from two places; for ecs-keeper the variable is half a key."),
        variables={SECRET: key("profile")[1]},
    ),
    no_profile("AK without secret", "lacks `access_key_secret`", {"mode": "AK", "access_key_id": key("profile")[0]}),
    profile("StsToken", TEMPORARY, STS_TOKEN),
    no_profile("StsToken without token", "lacks `sts_token`", {**STS_TOKEN, "sts_token": ""}),
    profile("RamRoleArn", "role/assumed/night", ASSUMED),
    profile("RamRoleArn without session name", "role/assumed", {**ASSUMED, "ram_session_name": ""}),
    profile("RamRoleArn, session name in a variable", "role/assumed/day", {**ASSUMED, "ram_session_name": ""}, variables={SESSION_NAME: "day"}),
    profile("RamRoleArn with a token that is ignored", "role/assumed/night", {**ASSUMED, "sts_token": "token"}),
    profile("RamRoleArn with an external id", "role/closed/night", {**ASSUMED, "ram_role_arn": role("closed"), "external_id": "secret-handshake"}),
    no_profile("RamRoleArn without the external id", "NoPermission", {**ASSUMED, "ram_role_arn": role("closed")}),
    no_profile("RamRoleArn without role", "lacks `ram_role_arn`", {**ASSUMED, "ram_role_arn": ""}),
    profile(
        "RamRoleArn with the role in a variable",
        Refused(PROVIDER_ARN),
        {**ASSUMED, "ram_role_arn": ""},
        libraries=Differs("role/assumed/night", "It takes a profile and a variable of RRSA together; for ecs-keeper the variable is half of RRSA."),
        variables={ROLE_ARN: role("assumed")},
    ),
    profile(
        "RamRoleArn of a region",
        "role/assumed/night at sts.cn-beijing.aliyuncs.com",
        {**ASSUMED, "sts_region": "cn-beijing"},
        variables={STS_REGION: "cn-hangzhou"},
    ),
    profile("RamRoleArn in the VPC", "role/assumed/night at sts-vpc.cn-beijing.aliyuncs.com", {**ASSUMED, "sts_region": "cn-beijing", "enable_vpc": True}),
    profile(
        "RamRoleArn not in the VPC",
        "role/assumed/night at sts.cn-beijing.aliyuncs.com",
        {**ASSUMED, "sts_region": "cn-beijing", "enable_vpc": False},
        go=Differs("role/assumed/night at sts-vpc.cn-beijing.aliyuncs.com", "The variable wins over a profile that says no; with the other two, the profile is nearer."),
        variables={VPC: "true"},
    ),
    profile(
        "RamRoleArn in the VPC, region in a variable",
        "role/assumed/night at sts-vpc.cn-hangzhou.aliyuncs.com",
        {**ASSUMED, "enable_vpc": True},
        variables={STS_REGION: "cn-hangzhou"},
    ),
    profile("RamRoleArn for a quarter of an hour", "role/assumed/night", {**ASSUMED, "expired_seconds": 900}),
    profile(
        "RamRoleArn for 0 seconds",
        "role/assumed/night",
        {**ASSUMED, "expired_seconds": 0},
        python=Differs(NOBODY, "The command line writes 0 where nothing was chosen, and the other two take it for that."),
    ),
    no_profile("RamRoleArn for a minute", "expired_seconds", {**ASSUMED, "expired_seconds": 60}),
    no_profile("RamRoleArn for longer than the role", "DurationSeconds", {**ASSUMED, "expired_seconds": 7200}),
    profile("EcsRamRole", "role/node", ECS, metadata=NODE),
    profile("EcsRamRole with the role", "role/node", {**ECS, "ram_role_name": "node"}, metadata=V2_ALONE),
    profile("EcsRamRole with another role", Refused("no session of this role"), {**ECS, "ram_role_name": "pod"}, libraries=AS_NODE, metadata=NODE),
    profile("EcsRamRole with a role in a variable", Refused("no session of this role"), ECS, variables={ECS_METADATA: "pod"}, metadata=NODE),
    profile(
        "EcsRamRole with the role, another one in a variable",
        "role/node",
        {**ECS, "ram_role_name": "node"},
        variables={ECS_METADATA: "pod"},
        metadata=NODE,
    ),
    profile("EcsRamRole where there is no service", Refused("does not answer"), ECS),
    profile("EcsRamRole, disabled", Refused(METADATA_DISABLED), ECS, variables={METADATA_DISABLED: "true"}, metadata=NODE),
    profile("OIDC", "role/pod", OIDC),
    profile(
        "OIDC with a session name",
        "role/pod/night",
        {**OIDC, "ram_session_name": "night"},
        python=Differs("role/pod", "It reads the field of another name, which the command line does not write."),
    ),
    no_profile("OIDC without token file", "oidc.tokenFile", {**OIDC, "oidc_token_file": ""}),
    profile(
        "OIDC, token in the profile",
        Refused("oidc.tokenFile"),
        {**OIDC, "oidc_token_file": "", "oidc_token": "$TOKEN"},
        go=Differs("role/pod", "A token in a profile can't be renewed, so the key would end with it; the other library does not read it, either."),
    ),
    profile("ChainableRamRoleArn after AK", "role/assumed/night", CHAINED, ak("profile")),
    profile("ChainableRamRoleArn after OIDC", "role/assumed/night", CHAINED, OIDC),
    profile("ChainableRamRoleArn after EcsRamRole", "role/assumed/night", CHAINED, ECS, metadata=NODE),
    profile("ChainableRamRoleArn after ChainableRamRoleArn", "role/assumed/night", CHAINED, {**CHAINED, "source_profile": "third"}, ak("profile")),
    profile(
        "ChainableRamRoleArn in a circle",
        Refused("source_profile"),
        CHAINED,
        {**CHAINED, "source_profile": "first"},
        python=AS_NODE,
        go=Differs(CRASHES, "It goes round until its stack is full."),
        metadata=NODE,
    ),
    no_profile("ChainableRamRoleArn after nothing", 'has no profile "second"', CHAINED),
    no_profile("CloudSSO", "need a person", {"mode": "CloudSSO", "access_token": "token"}),
    no_profile("OAuth", "need a person", {"mode": "OAuth", "oauth_site_type": "CN", "oauth_refresh_token": "token"}),
    profile(
        "External",
        Refused("starts no other program"),
        {"mode": "External", "process_command": "cat $HOME/answer"},
        files={"answer": ak("other")},
        libraries=Differs("user/other", "ecs-keeper starts no other program."),
    ),
    no_profile("CredentialsURI", "takes no key from a URL", {"mode": "CredentialsURI", "credentials_uri": f"{Bystander.URI}/key"}),
    no_profile("a mode in small letters", "the letters' case counts", ak("profile", "ak")),
    no_profile("no mode", "the letters' case counts", {"access_key_id": "id"}),
]

BOTH = (ak("profile"), ak("other"))

FILES_OF_PROFILES = [
    profile("the profile that is named", "user/other", *BOTH, variables={PROFILE: "second"}),
    profile("an empty name of a profile", "user/profile", *BOTH, variables={PROFILE: ""}),
    no_profile("a profile that is not there", 'has no profile "third"', *BOTH, variables={PROFILE: "third"}),
    fails_closed("a named profile without a file", "failed to read the profile file", variables={PROFILE: "first"}),
    fails_closed("a current profile that is not there", 'has no profile "third"', files=profiles(*BOTH, current="third")),
    fails_closed("no current profile", "names no current profile", files={CLI: {"profiles": [ak("profile", name="default")]}}),
    fails_closed("an empty current profile", "names no current profile", files=profiles(ak("profile"), current="")),
    Row("two profiles of one name", "user/profile", files={CLI: {"current": "a", "profiles": [ak("profile", name="a"), ak("other", name="a")]}}),
    fails_closed("a file that is not JSON", "is not valid JSON", files={CLI: "{"}),
    fails_closed("an empty file", "is not valid JSON", files={CLI: ""}),
    fails_closed("a file with nothing in it", "names no current profile", files={CLI: {}}),
    fails_closed("a file without profiles", 'has no profile "first"', files=profiles()),
    fails_closed("a file that is a list", "is not valid JSON", files={CLI: []}),
    fails_closed("a folder in the file's place", "failed to read the profile file", files={f"{CLI}/file": ""}),
    profile("profiles that are disabled", "role/node", ak("profile"), variables={PROFILE_DISABLED: "true"}, metadata=NODE),
    profile("profiles that are disabled in capitals", "role/node", ak("profile"), variables={PROFILE_DISABLED: "TRUE"}, metadata=NODE),
    profile("profiles that are disabled and named", "role/node", ak("profile"), variables={PROFILE_DISABLED: "true", PROFILE: "first"}, metadata=NODE),
    profile("profiles that are not disabled", "user/profile", ak("profile"), variables={PROFILE_DISABLED: "1"}, metadata=NODE),
    Row(
        "a file at another place",
        "user/profile",
        python=Differs(NOBODY, "It does not know the variable; the other library does."),
        variables={CONFIG_FILE: "$HOME/elsewhere"},
        files={"elsewhere": profiles(ak("profile"))[CLI]},
    ),
    Row(
        "a file at another place beside the usual one",
        "user/other",
        python=Differs("user/profile", "It does not know the variable; the other library does."),
        variables={CONFIG_FILE: "$HOME/elsewhere"},
        files={**profiles(ak("profile")), "elsewhere": profiles(ak("other"))[CLI]},
    ),
    Row(
        "a missing file at another place",
        Refused("failed to read the profile file"),
        python=Differs("user/profile", "It does not know the variable; the other library does."),
        go=AS_NODE,
        variables={CONFIG_FILE: "$HOME/elsewhere"},
        files=profiles(ak("profile")),
        metadata=NODE,
    ),
    profile("a file at an empty place", "user/profile", ak("profile"), variables={CONFIG_FILE: ""}),
]

INI_FILES = [
    Row("an INI file of Go's name", Refused("the credentials file"), python=AS_NODE, go=Differs("user/ini", OWN_SOURCE), files={INI_GO: ini()}, metadata=NODE),
    Row(
        "an INI file of Python's name",
        Refused("the credentials file"),
        python=Differs("user/ini", OWN_SOURCE),
        go=AS_NODE,
        files={INI_PYTHON: ini()},
        metadata=NODE,
    ),
    Row("INI files of both names", Refused("the credentials file"), libraries=Differs("user/ini", OWN_SOURCE), files={INI_GO: ini(), INI_PYTHON: ini()}),
    Row(
        "an INI file at another place",
        Refused(CREDENTIALS_FILE),
        libraries=Differs("user/ini", OWN_SOURCE),
        variables={CREDENTIALS_FILE: "$HOME/x"},
        files={"x": ini()},
    ),
    fails_closed("a missing INI file at another place", CREDENTIALS_FILE, variables={CREDENTIALS_FILE: "$HOME/x"}),
    Row("an INI file at an empty place", "role/node", variables={CREDENTIALS_FILE: ""}, metadata=NODE),
    Row(
        "a section that is named",
        Refused("failed to read the profile file"),
        libraries=Differs("user/ini", OWN_SOURCE),
        variables={PROFILE: "team"},
        files={INI_GO: ini(section="team"), INI_PYTHON: ini(section="team")},
    ),
    profile("INI files beside a profile", "user/profile", ak("profile"), files={INI_GO: ini(), INI_PYTHON: ini()}),
    Row("INI files beside RRSA", "role/pod", variables=RRSA, files={**TOKEN_IS_THERE, INI_GO: ini(), INI_PYTHON: ini()}),
    fails_closed("INI files without the section", "the credentials file", files={INI_GO: ini(section="team"), INI_PYTHON: ini(section="team")}),
]

METADATA = [
    Row("a node with a role", "role/node", metadata=NODE),
    Row("a node, version 2 alone", "role/node", metadata=V2_ALONE),
    Row("a node, version 2 alone, version 1 disabled", "role/node", variables={V1_DISABLED: "true"}, metadata=V2_ALONE),
    Row("a node, version 1 alone", Refused("no credentials are configured"), libraries=Differs("role/node", VERSION_1), metadata=V1_ALONE),
    Row("a node, version 1 alone and disabled", Refused("no credentials are configured"), variables={V1_DISABLED: "True"}, metadata=V1_ALONE),
    Row("a node, its role named", "role/node", variables={ECS_METADATA: "node"}, metadata=NODE),
    Row(
        "a node, its role named, version 1 alone",
        Refused("allowV1"),
        libraries=Differs("role/node", VERSION_1),
        variables={ECS_METADATA: "node"},
        metadata=V1_ALONE,
    ),
    Row("a node, another role named", Refused("no session of this role"), variables={ECS_METADATA: "pod"}, metadata=NODE),
    Row("a node, an empty role named", "role/node", variables={ECS_METADATA: ""}, metadata=NODE),
    Row("a role named where there is no service", Refused("does not answer"), variables={ECS_METADATA: "node"}),
    Row("a node, disabled", Refused("no credentials are configured"), variables={METADATA_DISABLED: "true"}, metadata=NODE),
    Row("a node, disabled in capitals", Refused("no credentials are configured"), variables={METADATA_DISABLED: "True"}, metadata=NODE),
    Row("a node, disabled by another word", "role/node", variables={METADATA_DISABLED: "1"}, metadata=NODE),
    Row(
        "a node, its role named and disabled",
        Refused("no credentials are configured"),
        variables={ECS_METADATA: "node", METADATA_DISABLED: "true"},
        metadata=NODE,
    ),
    Row("a node without a role", Refused("no RAM role is attached"), metadata=NO_ROLE),
    Row("a node whose role does not trust ECS", Refused("no session of a role"), metadata={"role": role("pod")}),
    Row(
        "a node, the name of its role with a line break",
        "role/node",
        python=Differs(NOBODY, "It takes the line break for a part of the name."),
        metadata={"trailingNewline": True},
    ),
    Row("a service that is slow", Refused("no credentials are configured"), metadata=SLOW),
    Row("a service that is out of order", Refused("no credentials are configured"), metadata=BROKEN),
]

KEY_OF_URI = Differs(TEMPORARY, OWN_SOURCE)

URIS = [
    Row("a URI", Refused(URI), libraries=KEY_OF_URI, variables={URI: f"{Bystander.URI}/key"}),
    Row("a URI on a node", "role/node", variables={URI: f"{Bystander.URI}/key"}, metadata=NODE),
    Row(
        "a URI on a node that is disabled",
        Refused(URI),
        libraries=KEY_OF_URI,
        variables={URI: f"{Bystander.URI}/key", METADATA_DISABLED: "true"},
        metadata=NODE,
    ),
    Row(
        "a URI on a node without a role",
        Refused("no RAM role is attached"),
        libraries=Differs(TEMPORARY, GOES_ON),
        variables={URI: f"{Bystander.URI}/key"},
        metadata=NO_ROLE,
    ),
    Row(
        "a URI on a node with another role",
        Refused("no session of this role"),
        libraries=Differs(TEMPORARY, GOES_ON),
        variables={URI: f"{Bystander.URI}/key", ECS_METADATA: "pod"},
        metadata=NODE,
    ),
    Row("a URI whose answer has no code", Refused(URI), go=KEY_OF_URI, variables={URI: f"{Bystander.URI}/no-code"}),
    Row("a URI that fails", Refused(URI), variables={URI: f"{Bystander.URI}/failed"}),
    Row("an empty URI", Refused("no credentials are configured"), variables={URI: ""}),
]

NOBODY_BY_PROXY = Differs(f"{NOBODY} by the proxy", BY_PROXY)
PROXIED = {"HTTP_PROXY": Bystander.PROXY}

PROXIES = [
    Row("a proxy on the way to the service", "role/node", libraries=NOBODY_BY_PROXY, variables=PROXIED, metadata=NODE),
    Row("a proxy in small letters", "role/node", libraries=NOBODY_BY_PROXY, variables={"http_proxy": Bystander.PROXY}, metadata=NODE),
    Row("a proxy, not for the service", "role/node", python=NOBODY_BY_PROXY, variables={**PROXIED, "NO_PROXY": "100.100.100.200"}, metadata=NODE),
    Row("a proxy on the way to STS", "role/pod", libraries=NOBODY_BY_PROXY, variables={**RRSA, "HTTPS_PROXY": Bystander.PROXY}, files=TOKEN_IS_THERE),
    Row("a proxy for everything", "role/pod", variables={**RRSA, "ALL_PROXY": Bystander.PROXY}, files=TOKEN_IS_THERE),
]

ROWS = [*KEYS_IN_VARIABLES, *OIDC_IN_VARIABLES, *PLACES_OF_STS, *MODES_OF_PROFILES, *FILES_OF_PROFILES, *INI_FILES, *METADATA, *URIS, *PROXIES]
