"""The legacy signature, by the vendor's old SDK, which has no other, and by hand where the SDK can do no wrong."""

import base64
import datetime
import hashlib
import hmac
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
import xml.etree.ElementTree as ElementTree

import pytest
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdkecs.request.v20140526.DescribeInstancesRequest import DescribeInstancesRequest
from aliyunsdkecs.request.v20140526.ListTagResourcesRequest import ListTagResourcesRequest
from aliyunsdkecs.request.v20140526.ModifyInstanceAttributeRequest import ModifyInstanceAttributeRequest
from aliyunsdkecs.request.v20140526.RunInstancesRequest import RunInstancesRequest

REGION = "cn-hangzhou"
TOKEN = "a-security-token-of-the-simulator"


def client(account, secret=None, credential=None):
    host, port = account.endpoint.split(":")
    key = {"credential": credential} if credential else {"ak": account.key_id, "secret": secret or account.secret}
    return AcsClient(region_id=REGION, port=int(port), auto_retry=False, max_retry_time=0, **key), host


def send(account, request, **how):
    """Sends a request of the old SDK as it is; answers the bytes."""
    acs, host = client(account, **how)
    request.set_endpoint(host)
    request.set_protocol_type("http")
    return acs.do_action_with_exception(request)


def asked(request, **parameters):
    for name, value in parameters.items():
        getattr(request, f"set_{name}")(value)
    return request


def protect(instance_id, on="true"):
    return asked(ModifyInstanceAttributeRequest(), InstanceId=instance_id, DeletionProtection=on)


def test_the_old_sdk_reads_and_writes(account):
    (instance_id,) = account.seed(tags={"env": "prod"})
    send(account, protect(instance_id))
    request = asked(DescribeInstancesRequest(), InstanceIds=json.dumps([instance_id]), accept_format="json")
    answer = json.loads(send(account, request))
    (item,) = answer["Instances"]["Instance"]
    assert (item["InstanceId"], item["DeletionProtection"]) == (instance_id, True)
    (entry,) = account.log("ModifyInstanceAttribute")
    assert (entry["code"], entry["accessKeyId"], entry["mutated"]) == ("OK", account.key_id, True)
    # What belongs to the signature isn't the operation's, and stays out of the log.
    assert set(entry["parameters"]) <= {"InstanceId", "DeletionProtection", "RegionId"}
    assert entry["acsDate"].endswith("Z")


def test_lists_and_objects_in_lists_arrive(account):
    request = asked(
        RunInstancesRequest(),
        ImageId="aliyun_3",
        InstanceType="ecs.g7.large",
        Tags=[{"Key": "env", "Value": "a b*c~d+e/f 网"}],
        NetworkInterfaces=[{"NetworkInterfaceName": "side", "DeleteOnRelease": "false"}],
        accept_format="json",
    )
    (instance_id,) = json.loads(send(account, request))["InstanceIdSets"]["InstanceIdSet"]
    assert account.only(instance_id).tags.tag[0].tag_value == "a b*c~d+e/f 网"
    assert account.interface(account.interface_ids_of(instance_id)[1])["deleteOnRelease"] is False
    request = asked(
        ListTagResourcesRequest(), ResourceType="instance", ResourceIds=[instance_id], accept_format="json"
    )
    (row,) = json.loads(send(account, request))["TagResources"]["TagResource"]
    assert (row["ResourceId"], row["TagKey"]) == (instance_id, "env")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_common_requests_of_other_products(account, method):
    request = CommonRequest(domain="sts.aliyuncs.com", version="2015-04-01", action_name="GetCallerIdentity")
    request.set_method(method)
    assert json.loads(send(account, request))["AccountId"] == account.id


def test_temporary_keys_need_their_token(account):
    key = {"accessKeyId": f"STS.{account.id}", "accessKeySecret": "temporary", "securityToken": TOKEN}
    account.control("POST", f"/accounts/{account.id}/keys", key)
    credential = StsTokenCredential(key["accessKeyId"], key["accessKeySecret"], TOKEN)
    assert send(account, asked(DescribeInstancesRequest(), accept_format="json"), credential=credential)
    (entry,) = account.log("DescribeInstances")
    assert TOKEN not in json.dumps(entry)
    credential = StsTokenCredential(key["accessKeyId"], key["accessKeySecret"], "another-security-token")
    with pytest.raises(ServerException) as raised:
        send(account, DescribeInstancesRequest(), credential=credential)
    assert raised.value.get_error_code() == "InvalidSecurityToken.MismatchWithAccessKey"


@pytest.mark.parametrize("form", ["json", "xml"])
def test_the_old_sdk_understands_refusals_in_both_forms(account, form):
    request = protect("i-unknown")
    request.set_accept_format(form)
    with pytest.raises(ServerException) as raised:
        send(account, request)
    error = raised.value
    assert (error.get_http_status(), error.get_error_code()) == (404, "InvalidInstanceId.NotFound")
    if form == "json":
        assert error.get_request_id() and "i-unknown" in error.get_error_msg()


def test_the_old_sdk_tells_a_wrong_secret_from_a_wrong_signature(account):
    request = asked(DescribeInstancesRequest(), accept_format="json")
    with pytest.raises(ServerException) as raised:
        send(account, request, secret="wrong")
    # It makes this code of SignatureDoesNotMatch when the string that the server signed is its own.
    assert raised.value.get_error_code() == "InvalidAccessKeySecret"


# By hand


def now(**delta):
    time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(**delta)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def by_hand(account, changes=None, after_signing=None):
    """Signs DescribeRegions and sends it; answers status, content type and body."""
    parameters = {
        "Action": "DescribeRegions",
        "Version": "2014-05-26",
        "Format": "JSON",
        "AccessKeyId": account.key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": now(),
        **(changes or {}),
    }
    parameters = {name: value for name, value in parameters.items() if value is not None}

    def encode(text):
        return urllib.parse.quote(text, safe="-_.~")

    canonical = "&".join(f"{encode(name)}={encode(parameters[name])}" for name in sorted(parameters))
    key = f"{account.secret}&".encode()
    digest = hmac.new(key, f"GET&%2F&{encode(canonical)}".encode(), hashlib.sha1).digest()
    parameters = {**parameters, "Signature": base64.b64encode(digest).decode(), **(after_signing or {})}
    parameters = {name: value for name, value in parameters.items() if value is not None}
    try:
        answer = urllib.request.urlopen(f"http://{account.endpoint}/?{urllib.parse.urlencode(parameters)}", timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers["content-type"], answer.read()


@pytest.mark.parametrize(
    "changes, after_signing, status, code",
    [
        ({"Timestamp": now(minutes=-20)}, {}, 400, "InvalidTimeStamp.Expired"),
        ({"Timestamp": now(minutes=20)}, {}, 400, "InvalidTimeStamp.Expired"),
        ({"Timestamp": "yesterday"}, {}, 400, "IllegalTimestamp"),
        ({"Timestamp": None}, {}, 400, "MissingParameter"),
        ({"SignatureNonce": None}, {}, 400, "MissingParameter"),
        ({"SignatureMethod": "HMAC-SHA256"}, {}, 400, "IncompleteSignature"),
        ({"SignatureVersion": "2.0"}, {}, 400, "IncompleteSignature"),
        ({"AccessKeyId": "LTAI5tUnknown"}, {}, 404, "InvalidAccessKeyId.NotFound"),
        ({"Action": "MakeCoffee"}, {}, 404, "InvalidAction.NotFound"),
        ({"Version": None}, {}, 400, "MissingParameter"),
        ({}, {"Signature": None}, 400, "MissingParameter"),
        ({}, {"Signature": "AAAA"}, 400, "SignatureDoesNotMatch"),
        ({}, {"RegionId": REGION}, 400, "SignatureDoesNotMatch"),
        ({}, {"Format": "XML"}, 400, "SignatureDoesNotMatch"),
    ],
)
def test_what_is_wrong_with_a_request_is_told_as_with_the_newer_signature(account, changes, after_signing, status, code):
    found, content_type, body = by_hand(account, changes, after_signing)
    if after_signing.get("Format") == "XML":
        assert (found, ElementTree.fromstring(body).findtext("Code")) == (status, code)
    else:
        assert (found, json.loads(body)["Code"], content_type) == (status, code, "application/json;charset=utf-8")


def test_a_nonce_is_good_once(account):
    nonce = {"SignatureNonce": "the-same-nonce"}
    assert by_hand(account, nonce)[0] == 200
    status, _, body = by_hand(account, nonce)
    assert (status, json.loads(body)["Code"]) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize("form", ["XML", "xml", None])
def test_without_json_an_answer_is_xml(account, form):
    status, content_type, body = by_hand(account, {"Format": form})
    assert (status, content_type) == (200, "text/xml;charset=utf-8")
    answer = ElementTree.fromstring(body)
    assert answer.tag == "DescribeRegionsResponse" and answer.findtext("RequestId")
    assert REGION in [region.findtext("RegionId") for region in answer.findall("Regions/Region")]


def test_an_error_in_xml_has_the_documented_elements(account):
    status, content_type, body = by_hand(account, {"Format": "XML", "Action": "MakeCoffee"})
    assert (status, content_type) == (404, "text/xml;charset=utf-8")
    error = ElementTree.fromstring(body)
    assert error.tag == "Error"
    assert error.findtext("Code") == "InvalidAction.NotFound" and error.findtext("HostId") == account.endpoint
    assert error.findtext("RequestId") and error.findtext("Message")


def test_a_request_without_any_signature_is_told_of_both(account):
    with pytest.raises(urllib.error.HTTPError) as raised:
        urllib.request.urlopen(f"http://{account.endpoint}/?Action=DescribeRegions&Version=2014-05-26", timeout=10)
    with raised.value as error:
        body = json.loads(error.read())
    assert body["Code"] == "IncompleteSignature"
    assert "Authorization header" in body["Message"] and "legacy signature" in body["Message"]
