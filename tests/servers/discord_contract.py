"""What Discord says of its own REST API: requests and answers are held against its published OpenAPI file.

Of that file (github.com/discord/discord-api-spec, specs/openapi.json, MIT licence) discord_openapi.json has the part
that is used here. To bring it up to date: python tests/servers/discord_contract.py openapi.json COMMIT
"""

import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

FILE = Path(__file__).with_name("discord_openapi.json")
MESSAGE = "/channels/{channel_id}/messages/{message_id}"
ANSWER = "/webhooks/{webhook_id}/{webhook_token}"
USED = {
    "/users/@me": "get",
    "/oauth2/applications/@me": "get",
    "/applications/@me": "get",
    "/gateway": "get",
    "/gateway/bot": "get",
    "/channels/{channel_id}": "get",
    "/channels/{channel_id}/messages": "get post",
    MESSAGE: "get patch delete",
    "/channels/{channel_id}/typing": "post",
    "/applications/{application_id}/commands": "get put",
    "/interactions/{interaction_id}/{interaction_token}/callback": "post",
    ANSWER: "get post",
    f"{ANSWER}/messages/@original": "get patch delete",
    f"{ANSWER}/messages/{{message_id}}": "get patch delete",
}
UNTOLD = ("description", "title", "summary", "tags", "security", "x-discord-union", "x-ms-enum", "example")


def breach(method: str, path: str, given: Any, status: int, answered: Any) -> str:
    """Return what a request (its JSON, or None) or its answer has that Discord's does not; "" where nothing."""
    found = _operation(method, path)
    if found is None:
        return f"{method} {path}: Discord has no such thing"
    place, operation = found
    told = []
    if given is not None and status < 400:
        told += _faults(f"{place}/requestBody/content/application~1json/schema", _numbered(given))
    code = str(status) if str(status) in operation["responses"] else f"{status // 100}XX"
    if code not in operation["responses"]:
        told.append(f"does not answer with {status}")
    elif operation["responses"][code].get("content"):
        told += _faults(f"{place}/responses/{code}/content/application~1json/schema", answered)
    return f"{method} {path}: {'; '.join(told)}" if told else ""


def event(schema: str, given: Any) -> str:
    """Return what an event of the gateway has that a record of the REST API does not, "" where nothing."""
    return "; ".join(_faults(f"/components/schemas/{schema}", given))


def cut(whole: dict[str, Any], commit: str) -> dict[str, Any]:
    """Return the part of the file that is used here, without its words."""
    paths = {
        path: {method: _bare(whole["paths"][path][method]) for method in methods.split()}
        for path, methods in USED.items()
    }
    wanted = {"schemas": dict[str, Any](), "responses": dict[str, Any]()}
    waiting = list(_references(paths))
    while waiting:
        _, _, kind, name = waiting.pop().split("/")
        if name not in wanted[kind]:
            wanted[kind][name] = _bare(whole["components"][kind][name])
            waiting += _references(wanted[kind][name])
    source = f"github.com/discord/discord-api-spec, specs/openapi.json of {commit}, cut; MIT licence, (c) 2023 Discord"
    ordered = {kind: dict(sorted(each.items())) for kind, each in wanted.items()}
    return {"openapi": whole["openapi"], "info": {"description": source}, "paths": paths, "components": ordered}


def _bare(given: Any) -> Any:
    """Leave out words, headers, and the ways to write a request other than JSON."""
    if isinstance(given, list):
        return [_bare(each) for each in given]
    if not isinstance(given, dict):
        return given
    if given.get("oneOf") and all("const" in each for each in given["oneOf"]):  # names of numbers, one by one
        return {"enum": [each["const"] for each in given["oneOf"]]}
    other = ("application/x-www-form-urlencoded", "multipart/form-data", "headers", "parameters", "operationId")
    kept = {name: each for name, each in given.items() if name not in other}
    return {name: _bare(each) for name, each in kept.items() if not (name in UNTOLD and isinstance(each, str | list))}


def _numbered(given: Any) -> Any:
    """Return a request with its snowflakes as text: Discord takes numbers too, and discord.py sends them."""
    if isinstance(given, list):
        return [_numbered(each) for each in given]
    if not isinstance(given, dict):
        return given
    numbers = ("id",) if "filename" in given else tuple(name for name in given if name.endswith("_id"))
    return {
        name: str(each) if name in numbers and isinstance(each, int) else _numbered(each)
        for name, each in given.items()
    }


def _references(given: Any) -> set[str]:
    return set(re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(given)))


@cache
def _specification() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return read


@cache
def _operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """Return where an operation stands in the file, and what stands there."""
    for template, operations in _specification()["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))
        if method.lower() in operations and re.fullmatch(pattern, path):
            pointer = template.replace("~", "~0").replace("/", "~1")
            return f"/paths/{pointer}/{method.lower()}", operations[method.lower()]
    return None


@cache
def _validator(place: str) -> Draft202012Validator:
    resource = Resource.from_contents(_specification(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:discord", resource)
    return Draft202012Validator({"$ref": f"urn:discord#{place}"}, registry=registry)


def _faults(place: str, given: Any) -> list[str]:
    found = [best_match([error]) for error in _validator(place).iter_errors(given)]
    return [f"{'.'.join(map(str, error.absolute_path)) or 'the whole'}: {error.message[:200]}" for error in found]


if __name__ == "__main__":
    source, commit = sys.argv[1:]
    part = cut(json.loads(Path(source).read_text(encoding="utf-8")), commit)
    FILE.write_text(json.dumps(part, indent=None, separators=(",", ":")) + "\n", encoding="utf-8")
