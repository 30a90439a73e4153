"""Members of scaling groups, as the control port takes them."""

GROUP = "asg-a"
TAG = "acs:autoscaling:scalingGroupId"


def made(instance_id, count=None, **seed):
    """Members that the group made."""
    return {"instances": {"instanceId": instance_id, **({"count": count} if count else {}), **seed}}


def added(instance_id, **member):
    """A member that somebody added."""
    return {**made(instance_id), "creationType": "Attached", **member}
