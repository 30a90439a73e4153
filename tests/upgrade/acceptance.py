"""Whether an API server takes the objects that are stored, and shows them as they are."""

from __future__ import annotations

import copy
import json

import recorded  # noqa: F401  Puts what follows on the path.
from chart import Cluster, Failed
from comparison import by_name, changes, printed


def of(cluster: Cluster, objects: list[dict]) -> list[str]:
    """What the API server has against objects that it shows, in sentences, when they are written again as they are, and when they are created anew.

    The second is another question: what an update leaves as it is the API server does not validate again (since 1.30).
    """
    complaints = []
    for verb, given in (("replace", objects), ("create", [_named("new", each) for each in objects])):
        complaints += _asked(cluster, (verb, "--dry-run=server"), given, f"The API server does not {verb} what is stored")
    return complaints


def of_status(cluster: Cluster, objects: list[dict]) -> list[str]:
    """What it has against their status, in sentences: it is written where there is none, on copies that were made by `make_copies`."""
    command = ("replace", "--subresource=status", "--dry-run=server")
    return _asked(cluster, command, [_named("copy", each, with_status=True) for each in objects], "The API server does not take the status of what is stored")


def make_copies(cluster: Cluster, objects: list[dict]) -> None:
    """Creates a copy of each object. An operator would do what they ask for, too."""
    cluster.kubectl("create", "--filename=-", stdin=_listed([_named("copy", each) for each in objects]))


def _named(what: str, thing: dict, with_status: bool = False) -> dict:
    """An object as somebody makes it anew, under a name of its own."""
    metadata = thing["metadata"]
    made = {**thing, "metadata": {"name": f"{what}-of-{metadata['name']}", "namespace": metadata["namespace"]}}
    return made if with_status else {key: value for key, value in made.items() if key != "status"}


def _asked(cluster: Cluster, command: tuple[str, ...], objects: list[dict], complaint: str) -> list[str]:
    try:
        # What kubectl itself would refuse, the API server is to refuse.
        answer = cluster.kubectl(*command, "--validate=false", "--filename=-", "--output=json", stdin=_listed(objects))
    except Failed as refusal:
        return [f"{complaint}: {line}" for line in str(refusal).splitlines()]
    now = by_name(printed(answer))
    asked = by_name(copy.deepcopy(objects))
    for name, each in asked.items():
        # What only the API server sets is not asked for.
        each["metadata"] = {**now[name]["metadata"], **each["metadata"]}
        if "status" not in each:
            now[name].pop("status", None)
    return [f"{complaint} as it is: {change}" for name, each in asked.items() for change in changes(name, each, now[name])]


def _listed(objects: list[dict]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
