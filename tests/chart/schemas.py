"""JSON schemas for kubeconform, made from what the API server says of itself.

kubeconform would fetch its schemas from the Internet. They are themselves made from the API server's OpenAPI document, so the same is done here, with
the server that the tests run against: nothing is fetched, and the version is the server's.
"""

from __future__ import annotations

import json
from pathlib import Path

# Where kubeconform finds the schema of a kind, in its own notation.
LOCATION = "{{ .ResourceKind }}{{ .KindSuffix }}.json"

# What is written as something else than OpenAPI 2 can say.
_EITHER = {"oneOf": [{"type": "string"}, {"type": "number"}]}
_ODD = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _EITHER,
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _EITHER,
}
_PREFIX = "#/definitions/"


def write(openapi: dict, folder: Path) -> None:
    """Writes one schema file for each kind of an OpenAPI 2 document. Unknown fields are refused."""
    definitions = {name: _ODD.get(name) or _strict(schema) for name, schema in openapi["definitions"].items()}
    for name, schema in openapi["definitions"].items():
        kinds = schema.get("x-kubernetes-group-version-kind", [])
        # What has several, such as DeleteOptions, is no object of its own.
        if len(kinds) != 1:
            continue
        (kind,) = kinds
        reached: dict[str, dict] = {}
        _reach(name, definitions, reached)
        group = kind["group"].split(".")[0]
        suffix = f"-{group}-{kind['version']}" if group else f"-{kind['version']}"
        own = {"properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}, "required": ["apiVersion", "kind"]}
        file = folder / f"{kind['kind'].lower()}{suffix}.json"
        file.write_text(json.dumps({"$ref": _PREFIX + name, "definitions": reached, **own}))


def _strict(schema):
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("format") == "int-or-string":
        return _EITHER
    # Numbers' formats are ranges, and the others are not checked by the server either.
    kept = {key: _strict(value) for key, value in schema.items() if key not in ("format", "description", "default") or not isinstance(value, str)}
    if isinstance(kept.get("properties"), dict) and "additionalProperties" not in kept:
        kept["additionalProperties"] = False
    return kept


def _reach(name: str, definitions: dict[str, dict], reached: dict[str, dict]) -> None:
    if name in reached:
        return
    reached[name] = definitions[name]
    waiting = [definitions[name]]
    while waiting:
        for key, value in _items(waiting.pop()):
            if key == "$ref" and isinstance(value, str):
                _reach(value[len(_PREFIX) :], definitions, reached)
            elif isinstance(value, (dict, list)):
                waiting.append(value)


def _items(value):
    return value.items() if isinstance(value, dict) else ((None, each) for each in value)
