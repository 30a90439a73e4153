"""What ecs-keeper is compared with: a straightforward script on the vendor's Python SDK.

For each instance one DescribeInstances, and one ModifyInstanceAttribute where protection is off; or one DescribeNetworkInterfaces, and one
ModifyNetworkInterfaceAttribute for each of its interfaces that would be deleted with it. Ten instances at a time, as the vendor's own templates for many
instances do. Runs in a virtual environment of its own: `vendor_sdk.py protect|retain ENDPOINT REGION FILE`, the file with one instance id a line.
"""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.models import Config

AT_A_TIME = 10


def main() -> None:
    task, endpoint, region, file = sys.argv[1:]
    client = Client(
        Config(
            access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
            endpoint=endpoint,
            protocol="http",
            region_id=region,
        )
    )

    def protect(instance: str) -> None:
        request = models.DescribeInstancesRequest(region_id=region, instance_ids=json.dumps([instance]))
        (found,) = client.describe_instances(request).body.instances.instance
        if not found.deletion_protection:
            client.modify_instance_attribute(models.ModifyInstanceAttributeRequest(instance_id=instance, deletion_protection=True))

    def retain(instance: str) -> None:
        # Without a size ten come, more than these instances have.
        request = models.DescribeNetworkInterfacesRequest(region_id=region, instance_id=instance)
        for found in client.describe_network_interfaces(request).body.network_interface_sets.network_interface_set:
            if found.delete_on_release:
                client.modify_network_interface_attribute(
                    models.ModifyNetworkInterfaceAttributeRequest(
                        region_id=region, network_interface_id=found.network_interface_id, delete_on_release=False
                    )
                )

    tasks = {"protect": protect, "retain": retain}
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        # The results are read so that an error ends the script.
        list(pool.map(tasks[task], Path(file).read_text().split()))


if __name__ == "__main__":
    main()
