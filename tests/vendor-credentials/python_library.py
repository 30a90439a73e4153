"""Prints the key that the default chain of alibabacloud-credentials chooses, or why there is none, as JSON."""

import json

from alibabacloud_credentials.client import Client

try:
    key = Client().get_credential()
    answer = {
        "accessKeyId": key.get_access_key_id(),
        "accessKeySecret": key.get_access_key_secret(),
        "securityToken": key.get_security_token(),
    }
except Exception as error:
    answer = {"error": str(error)}
print(json.dumps(answer), flush=True)
