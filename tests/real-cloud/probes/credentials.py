"""Keys that are no good: the codes that ecs-keeper tells apart."""

from __future__ import annotations

from cloud import ACCEPTED, Outcome, Refused, send
from probe import probe

CHANGES = {
    "an unknown key": {"access_key_id": "LTAI5tNobodyHasThisKey00", "security_token": None},
    "a wrong secret": {"access_key_secret": "NobodyHasThisSecret00000000000"},
    "a token that is none": {"access_key_id": "STS.NNobodyHasThisKey00", "security_token": "NoToken"},
}


@probe(
    "With which codes and HTTP statuses are wrong credentials refused?",
    """The common error page: InvalidAccessKeyId.NotFound with 404, SignatureDoesNotMatch with 400, InvalidSecurityToken.* without an HTTP
    status.""",
)
def wrong_credentials(bed):
    for name, change in CHANGES.items():
        client = bed.environment.stranger(**change)
        bed.environment.before_call()
        try:
            send(client, "DescribeInstances", {"RegionId": bed.environment.region, "MaxResults": "10"})
            yield name, ACCEPTED
        except Refused as error:
            # The message repeats what was signed: it is not passed on.
            yield name, Outcome(f"{error.status} {error.code}")
