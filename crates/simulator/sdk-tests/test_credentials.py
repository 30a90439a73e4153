"""The vendor's credentials library: its ways to a key, over TLS and from the metadata service."""

import pytest
from alibabacloud_credentials.exceptions import CredentialException
from alibabacloud_credentials.provider import (
    EcsRamRoleCredentialsProvider,
    OIDCRoleArnCredentialsProvider,
    RamRoleArnCredentialsProvider,
    StaticAKCredentialsProvider,
)
from alibabacloud_sts20150401.client import Client as StsClient


@pytest.fixture
def sts_endpoint(simulator):
    return simulator.ready["endpointTls"].removeprefix("https://")


@pytest.fixture
def key_of(tls):
    """The key that a provider of the library comes to."""

    def get(provider):
        # The library has no setting for the certificates that it trusts.
        provider._runtime_options["ca"] = tls.certificate
        return provider.get_credentials()

    return get


def arn_of(account, key):
    client = account.client(
        StsClient,
        access_key_id=key.get_access_key_id(),
        access_key_secret=key.get_access_key_secret(),
        security_token=key.get_security_token(),
    )
    return client.get_caller_identity().body.arn


def test_a_token_file_becomes_a_key(account, issuer, sts_endpoint, key_of, tmp_path):
    provider = account.provider("ack-rrsa-c1", issuer)
    role = account.role("pod", {"Federated": provider})
    file = tmp_path / "token"

    def oidc():
        return OIDCRoleArnCredentialsProvider(
            role_arn=role,
            oidc_provider_arn=provider,
            oidc_token_file_path=str(file),
            role_session_name="pod",
            sts_endpoint=sts_endpoint,
        )

    file.write_text(issuer.token())
    assert arn_of(account, key_of(oidc())) == f"acs:sts::{account.id}:assumed-role/pod/pod"
    file.write_text(issuer.token(seconds=-1))
    with pytest.raises(CredentialException, match="http_code: 401.*OIDCToken.Expired"):
        key_of(oidc())
    # The library sends the file as it is.
    file.write_text(issuer.token() + "\n")
    with pytest.raises(CredentialException, match="OIDCToken.Invalid"):
        key_of(oidc())


def test_a_lasting_key_becomes_one_of_a_role(account, sts_endpoint, key_of):
    role = account.role("keeper", {"RAM": f"acs:ram::{account.id}:root"})
    lasting = StaticAKCredentialsProvider(access_key_id=account.key_id, access_key_secret=account.secret)

    def assumed(**settings):
        return RamRoleArnCredentialsProvider(
            credentials_provider=lasting,
            role_arn=role,
            role_session_name="night",
            sts_endpoint=sts_endpoint,
            **settings,
        )

    assert arn_of(account, key_of(assumed())) == f"acs:sts::{account.id}:assumed-role/keeper/night"
    with pytest.raises(CredentialException, match="http_code: 400.*InvalidParameter.DurationSeconds"):
        key_of(assumed(duration_seconds=7200))
    # The library signs blanks as plus signs, which is another text than the one that is sent.
    policy = '{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
    with pytest.raises(CredentialException, match="SignatureDoesNotMatch"):
        key_of(assumed(policy=policy))


@pytest.fixture
def node(account, simulator):
    """Sets the metadata service, with a role of the node, and makes a provider that asks it."""
    role = account.role("node", {"Service": "ecs.aliyuncs.com"})

    def set_up(disable_imds_v1=None, **settings):
        simulator.control("PUT", "/metadata", {"role": role, **settings})
        provider = EcsRamRoleCredentialsProvider(disable_imds_v1=disable_imds_v1, async_update_enabled=False)
        address = simulator.ready["metadata"].removeprefix("http://")
        # The library knows no other address than the cloud's.
        provider._EcsRamRoleCredentialsProvider__metadata_service_host = address
        return provider

    yield set_up
    simulator.control("PUT", "/metadata", {})


@pytest.mark.parametrize("http_tokens", ["optional", "required", "unsupported"])
def test_an_instance_has_the_key_of_its_role(account, node, http_tokens):
    key = node(httpTokens=http_tokens).get_credentials()
    assert arn_of(account, key) == f"acs:sts::{account.id}:assumed-role/node/i-simulator"


def test_an_instance_without_tokens_or_without_a_role_has_none(node):
    with pytest.raises(CredentialException):
        node(disable_imds_v1=True, httpTokens="unsupported").get_credentials()
    with pytest.raises(CredentialException, match="404"):
        node(role=None).get_credentials()
    # The library asks for the name with its newline.
    with pytest.raises(CredentialException):
        node(trailingNewline=True).get_credentials()
