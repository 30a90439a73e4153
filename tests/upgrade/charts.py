"""Charts of versions that there are not: this tree's with other definitions."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import recorded  # noqa: F401  Puts what follows on the path.
from chart import CHART, DEFINITIONS, Cluster


class Definition:
    """The definition of a custom resource, with its schemas at hand."""

    def __init__(self, whole: dict):
        self.whole = whole
        (self.version,) = whole["spec"]["versions"]
        parts = self.version["schema"]["openAPIV3Schema"]["properties"]
        self.spec, self.status = parts["spec"], parts["status"]

    def at(self, path: str) -> dict:
        """The schema of a field, such as `spec.targets.instanceIds[]`."""
        schema = self.version["schema"]["openAPIV3Schema"]
        for name in path.replace("[]", ".[]").split("."):
            schema = schema["items"] if name == "[]" else schema["properties"][name]
        return schema


Change = Callable[[Definition, Definition], None]


def changed(cluster: Cluster, folder: str, change: Change) -> Path:
    """This tree's chart, in a folder of this name, with what a change does to the definitions of both kinds."""
    chart = cluster.folder / folder
    shutil.copytree(CHART, chart)
    definitions = []
    for name in DEFINITIONS:
        path = chart / "files" / "crds" / f"{name.partition('.')[0]}.yaml"
        text = cluster.kubectl("create", "--dry-run=client", "--validate=false", "--filename", path, "--output=json")
        definitions.append((path, Definition(json.loads(text))))
    change(*(definition for _, definition in definitions))
    for path, definition in definitions:
        # What is JSON is YAML, too.
        path.write_text(json.dumps(definition.whole))
    return chart


def invented(cluster: Cluster) -> Path:
    """A next version that keeps to docs/api-changes.md, and makes use of what it allows."""

    def change(protection: Definition, retention: Definition) -> None:
        for each in (protection, retention):
            each.spec["properties"]["invented"] = {"type": "string"}
            each.status["properties"]["invented"] = {"type": "string"}
            each.at("spec.mode")["enum"].append("Invented")
            each.at("status.acts[].act")["enum"].append("Invented")
            each.version["additionalPrinterColumns"].append({"name": "Invented", "type": "string", "jsonPath": ".status.invented"})
        protection.at("status.protectionState")["enum"].append("Invented")
        # A wider limit, and a wider pattern.
        protection.at("spec.targets.instanceIds")["maxItems"] += 1
        protection.at("spec.targets.instanceIds[]")["pattern"] = "^(i|hbm)-[a-z0-9]+$"

    chart = changed(cluster, "invented", change)
    numbers = chart / "Chart.yaml"
    numbers.write_text(re.sub(r"^(version|appVersion): .*$", r"\1: 99.0.0", numbers.read_text(), flags=re.MULTILINE))
    values = chart / "values.yaml"
    values.write_text(f"{values.read_text()}\ninvented: true\n")
    schema = chart / "values.schema.json"
    known = json.loads(schema.read_text())
    known["properties"]["invented"] = {"type": "boolean"}
    schema.write_text(json.dumps(known))
    return chart
