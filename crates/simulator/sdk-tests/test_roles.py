"""AssumeRole, AssumeRoleWithOIDC and GetCallerIdentity, by the vendor's STS SDK."""

import json
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

import pytest
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_sts20150401 import models
from alibabacloud_sts20150401.client import Client as StsClient

from issuer import Issuer

EVERYTHING = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
READS = {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "ecs:Describe*", "Resource": "*"}]}
SUBJECT = "system:serviceaccount:keeper:keeper"


@pytest.fixture
def role(account):
    """A role that the account's users may assume, and that may do everything."""
    return account.role("keeper", {"RAM": f"acs:ram::{account.id}:root"}, policies=[EVERYTHING])


def assume(account, arn, sts=None, **request):
    request = models.AssumeRoleRequest(role_arn=arn, role_session_name="night", **request)
    return (sts or account.sts).assume_role(request).body


def using(account, kind, credentials):
    """A client with the key of a session."""
    return account.client(
        kind,
        access_key_id=credentials.access_key_id,
        access_key_secret=credentials.access_key_secret,
        security_token=credentials.security_token,
    )


def test_a_session_of_a_role_reads_and_writes(account, role):
    (instance_id,) = account.seed()
    body = assume(account, role, source_identity="alice", duration_seconds=900)
    assert body.assumed_role_user.arn == f"{role}/night" and body.source_identity == "alice"
    assert body.credentials.expiration.endswith("Z")
    account.ecs = using(account, EcsClient, body.credentials)
    account.protect(instance_id)
    assert account.only(instance_id).deletion_protection is True
    identity = using(account, StsClient, body.credentials).get_caller_identity().body
    assert (identity.account_id, identity.identity_type) == (account.id, "AssumedRoleUser")
    assert identity.arn == f"acs:sts::{account.id}:assumed-role/keeper/night"
    assert identity.principal_id == body.assumed_role_user.assumed_role_id == f"{identity.role_id}:night"


def test_a_session_that_was_narrowed_is_refused_the_rest(account, role, refused):
    (instance_id,) = account.seed()
    body = assume(account, role, policy=json.dumps(READS))
    account.ecs = using(account, EcsClient, body.credentials)
    assert account.ids() == [instance_id]
    with refused("Forbidden.RAM", 403):
        account.protect(instance_id)


def test_who_may_not_assume_a_role_is_told(account, other_account, role, refused):
    with refused("NoPermission", 403):
        assume(other_account, role)
    with refused("EntityNotExist.Role", 404):
        assume(account, role + "-2")
    root = {"accessKeyId": f"LTAI5tRoot{account.id}", "accessKeySecret": "RootSecret", "holder": "root"}
    account.control("POST", f"/accounts/{account.id}/keys", root)
    client = account.client(StsClient, access_key_id=root["accessKeyId"], access_key_secret="RootSecret")
    assert client.get_caller_identity().body.identity_type == "Account"
    with refused("NoPermission", 403):
        assume(account, role, client)


@pytest.mark.parametrize(
    "request_, code",
    [
        ({"duration_seconds": 899}, "InvalidParameter.DurationSeconds"),
        ({"duration_seconds": 3601}, "InvalidParameter.DurationSeconds"),
        ({"external_id": "?"}, "InvalidParameter.ExternalId"),
        ({"policy": "{"}, "InvalidParameter.PolicyGrammar"),
        ({"policy": " " * 2049}, "InvalidParameter.PolicySize"),
    ],
)
def test_wrong_parameters_of_a_session(account, role, refused, request_, code):
    with refused(code, 400):
        assume(account, role, **request_)


def test_a_role_of_another_account_with_an_external_id(account, other_account, role, refused):
    condition = {"StringEquals": {"sts:ExternalId": "a-shared-word"}}
    target = other_account.role("target", {"RAM": role}, condition, [EVERYTHING])
    first = using(account, StsClient, assume(account, role).credentials)
    with refused("NoPermission", 403):
        assume(account, target, first)
    body = assume(account, target, first, external_id="a-shared-word")
    identity = using(account, StsClient, body.credentials).get_caller_identity().body
    assert identity.account_id == other_account.id
    # The log is that of the role's account.
    assert [entry["code"] for entry in other_account.log("AssumeRole")] == ["NoPermission", "OK"]


def federated(account, issuer):
    """A provider, and a role for one service account of it."""
    provider = account.provider("ack-rrsa-c1", issuer)
    condition = {
        "StringEquals": {"oidc:aud": "sts.aliyuncs.com", "oidc:iss": issuer.url},
        "StringLike": {"oidc:sub": "system:serviceaccount:keeper:*"},
    }
    return provider, account.role("pod", {"Federated": [provider]}, condition, [EVERYTHING])


def exchange(account, provider, role, token, **request):
    request = models.AssumeRoleWithOIDCRequest(
        oidcprovider_arn=provider, role_arn=role, oidctoken=token, role_session_name="pod", **request
    )
    return account.sts.assume_role_with_oidc(request).body


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_a_token_is_exchanged_for_a_session(account, algorithm):
    issuer = Issuer(algorithm)
    provider, role = federated(account, issuer)
    body = exchange(account, provider, role, issuer.token())
    info = body.oidctoken_info
    assert (info.issuer, info.subject, info.client_ids) == (issuer.url, SUBJECT, "sts.aliyuncs.com")
    assert info.verification_info == "Success" and info.expiration_time > info.issuance_time
    identity = using(account, StsClient, body.credentials).get_caller_identity().body
    assert identity.arn == f"acs:sts::{account.id}:assumed-role/pod/pod"
    (entry,) = account.log("AssumeRoleWithOIDC")
    assert (entry["parameters"]["OIDCToken"], entry["accessKeyId"]) == ("***", None)


@pytest.mark.parametrize(
    "claims, code",
    [
        ({"seconds": -1}, "AuthenticationFail.OIDCToken.Expired"),
        ({"aud": "kubernetes"}, "AuthenticationFail.OIDCToken.AudienceNotMatch"),
        ({"iss": "https://other.example"}, "AuthenticationFail.OIDCToken.IssuerNotMatch"),
        ({"subject": "system:serviceaccount:other:keeper"}, "AuthenticationFail.NoPermission"),
        ({"sub": None}, "AuthenticationFail.OIDCToken.Invalid"),
    ],
)
def test_a_token_that_is_not_trusted(account, issuer, refused, claims, code):
    provider, role = federated(account, issuer)
    with refused(code, 401):
        exchange(account, provider, role, issuer.token(**claims))


def test_tokens_of_others_and_issuers_without_keys(account, issuer, refused):
    provider, role = federated(account, issuer)
    with refused("AuthenticationFail.OIDCToken.InvalidSignature", 401):
        exchange(account, provider, role, Issuer().token())
    with refused("AuthenticationFail.NoPermission", 401):
        exchange(account, provider + "-2", role, issuer.token())
    account.provider("ack-rrsa-c1", issuer, jwks=None)
    with refused("AuthenticationFail.OIDCToken.IssuerConfigurationBroken", 401):
        exchange(account, provider, role, issuer.token())


def test_faults_disturb_the_exchange(account, issuer, refused):
    provider, role = federated(account, issuer)
    account.fault("AssumeRoleWithOIDC", "throttle", times=1, code="Throttling.User")
    with refused("Throttling.User", 400):
        exchange(account, provider, role, issuer.token())
    assert exchange(account, provider, role, issuer.token()).credentials.access_key_id.startswith("STS.")


@pytest.mark.parametrize("form, tag", [("JSON", None), ("XML", "AssumeRoleWithOIDCResponse"), ("", "AssumeRoleWithOIDCResponse")])
def test_an_exchange_is_answered_in_the_form_that_is_asked_for(account, issuer, form, tag):
    provider, role = federated(account, issuer)
    query = {"Action": "AssumeRoleWithOIDC", "Version": "2015-04-01", "Format": form}
    body = {
        "RoleArn": role,
        "OIDCProviderArn": provider,
        "RoleSessionName": "pod",
        "OIDCToken": issuer.token(),
    }
    url = f"http://{account.endpoint}/?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, urllib.parse.urlencode(body).encode(), timeout=10) as response:
        answer = response.read()
    if tag is None:
        assert json.loads(answer)["Credentials"]["SecurityToken"]
    else:
        answer = ElementTree.fromstring(answer)
        assert answer.tag == tag and answer.findtext("Credentials/SecurityToken")
