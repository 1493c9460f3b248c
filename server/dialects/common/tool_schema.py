"""Rewrites a tool's JSON schema as one that Claude's API takes, without excluding arguments that the original accepts.

The API refuses the whole request for one schema that is not draft 2020-12, whose top level is not an object's or holds
a combinator (`anyOf`, `oneOf`, `allOf`), or whose properties have names outside its alphabet. A schema that the API
takes comes back equal.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from server.dialects.common.json_schema import Rewriter, Schema, type_name
from server.errors import InvalidRequest

_LEGAL_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_.-]")
_COMBINATORS = ("allOf", "anyOf", "oneOf")
# Keywords that speak of properties by name, or count them: they do not survive a renaming.
_ABOUT_KEYS = (
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
    "propertyNames",
    "unevaluatedProperties",
)
_LONGEST_REMARK = 2000
_LONGEST_CHAIN = 20
_MOST_MOVED = 50


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A schema that Claude's API takes, as JSON text.

    `keys` maps the client's names of top-level properties to Claude's, where they differ; `changed` lists the places
    of keywords that could not be kept.
    """

    text: str
    keys: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = ()


def tool_schema(given: object, tool: str, place: str) -> ToolSchema:
    """The parameters at `place` of the tool named `tool`, as Claude's API takes them.

    Raises `InvalidRequest` that names the tool where the parameters are of a type other than object: Claude's tools
    take nothing else.
    """
    if given is None or given is True or given == []:
        given = {}
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"{place} of the tool {tool!r} must be a JSON schema, an object.", param=place)
    rewriter = Rewriter()
    schema = rewriter.schema(_without_top_reference(given), place)
    assert isinstance(schema, dict)
    schema = _merged(schema, place, rewriter)
    _make_object(schema, tool, place, rewriter)
    keys = _renamed_keys(schema, place, rewriter)
    _mend_references(schema, given, place, rewriter)
    return ToolSchema(json.dumps(schema, ensure_ascii=False), keys, tuple(dict.fromkeys(rewriter.changed)))


def _without_top_reference(schema: Mapping[str, object]) -> Mapping[str, object]:
    """The schema with the target of a `$ref` at its top in the reference's place."""
    root = schema
    for _ in range(_LONGEST_CHAIN):
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        target = pointed(root, reference)
        others = {word: value for word, value in schema.items() if word != "$ref"}
        if not isinstance(target, Mapping):
            return others
        schema = {**others, **target} if not others.keys() & target.keys() else {**target, **others}
    return {word: value for word, value in schema.items() if word != "$ref"}


def _merged(schema: Schema, place: str, rewriter: Rewriter) -> Schema:
    """The schema without combinators at its top: their properties join its own, and the rest goes into words."""
    for word in _COMBINATORS:
        members = schema.pop(word, None)
        if not isinstance(members, list):
            continue
        rewriter.drop(f"{place}.{word}")
        _describe(schema, word, members)
        variants = [variant for variant in (_as_object(schema, member) for member in members) if variant is not None]
        _join_properties(schema, variants, is_all=word == "allOf", is_partial=len(variants) < len(members))
    return schema


def _as_object(root: Schema, member: object) -> Schema | None:
    """The member as an object's schema, references resolved; None if it accepts no object."""
    for _ in range(_LONGEST_CHAIN):
        if not (isinstance(member, dict) and isinstance(member.get("$ref"), str)):
            break
        member = pointed(root, str(member["$ref"]))
    if member is None or member is True:
        return {}
    if not isinstance(member, dict):
        return None
    kinds = member.get("type", "object")
    if "object" not in (kinds if isinstance(kinds, list) else [kinds]):
        return None
    if any(word in member for word in _COMBINATORS):
        # Its own alternatives are only in the words: its properties are known in part.
        return {**member, "additionalProperties": True, "required": _names(member.get("required"))}
    return member


def _join_properties(schema: Schema, variants: list[Schema], *, is_all: bool, is_partial: bool) -> None:
    own = schema.get("properties")
    merged: dict[str, object] = dict(own) if isinstance(own, dict) else {}
    found: dict[str, list[object]] = {}
    for variant in variants:
        group = variant.get("properties")
        for name, inner in (group if isinstance(group, dict) else {}).items():
            if name not in merged and inner not in found.setdefault(name, [])[:8]:
                found[name].append(inner)
    open_variants = [v for v in variants if v.get("additionalProperties") is not False]
    for name, inners in found.items():
        # A variant that does not list a property accepts anything under its name, unless it is closed.
        has_all = is_all or all(name in _mapping(v.get("properties")) for v in open_variants)
        if len(inners) == 1:
            merged[name] = inners[0] if has_all else _loosened(inners[0])
        elif is_all:
            merged[name] = {"allOf": inners}
        else:
            merged[name] = {"anyOf": inners} if has_all else _loosened({"anyOf": inners})
    if merged or "properties" in schema:
        schema["properties"] = merged
    wanted = [set(_names(variant.get("required"))) for variant in variants]
    common = (set().union(*wanted) if is_all else set.intersection(*wanted)) if wanted else set()
    required = [*_names(schema.get("required")), *sorted(common)]
    if required:
        schema["required"] = list(dict.fromkeys(required))
    if is_all or open_variants or is_partial or not variants:
        if "additionalProperties" in schema and found:
            schema.pop("additionalProperties")
    elif "additionalProperties" not in schema and not any("patternProperties" in v for v in variants):
        schema["additionalProperties"] = False
    schema.pop("unevaluatedProperties", None)


def _loosened(schema: object) -> object:
    """A property that only some alternatives describe: the description stays, the restriction goes."""
    description = schema.get("description") if isinstance(schema, dict) else None
    return {"anyOf": [schema, {}], **({"description": description} if isinstance(description, str) else {})}


def _describe(schema: Schema, word: str, members: list[object]) -> None:
    """Says the combinator in the schema's description, where Claude reads it."""
    sets = [
        _names(member.get("required")) for member in members if isinstance(member, dict) and set(member) == {"required"}
    ]
    if word != "allOf" and len(sets) == len(members):
        count = "exactly one" if word == "oneOf" else "at least one"
        remark = f"Give {count} of: " + "; ".join(" and ".join(names) for names in sets) + "."
    else:
        count = {"allOf": "all", "anyOf": "at least one", "oneOf": "exactly one"}[word]
        remark = f"The arguments must match {count} of these schemas: {json.dumps(members, ensure_ascii=False)}"
    if len(remark) > _LONGEST_REMARK:
        remark = f"{remark[:_LONGEST_REMARK]}..."
    given = schema.get("description")
    schema["description"] = f"{given}\n\n{remark}" if isinstance(given, str) and given else remark


def _make_object(schema: Schema, tool: str, place: str, rewriter: Rewriter) -> None:
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    if kind is not None and "object" not in kinds:
        if "properties" not in schema:
            raise InvalidRequest(
                f"{place}.type of the tool {tool!r} is {type_name(kind) or kind!r}; Claude's tools take an object.",
                param=f"{place}.type",
                hint="Wrap the value in an object with one property.",
            )
        rewriter.drop(f"{place}.type")
    schema["type"] = "object"


def _renamed_keys(schema: Schema, place: str, rewriter: Rewriter) -> tuple[tuple[str, str], ...]:
    """Renames top-level properties outside the API's alphabet, in place."""
    properties = _mapping(schema.get("properties"))
    keys = {name: legal_key(name) for name in properties if not _LEGAL_KEY.fullmatch(name)}
    if not keys:
        return ()
    taken = set(properties)
    for name, legal in list(keys.items()):
        while legal in taken:
            legal = legal_key(f"{name} {legal}")  # noqa: PLW2901 # another try for the same name
        keys[name] = legal
        taken.add(legal)
    renamed: dict[str, object] = {}
    for name, inner in properties.items():
        renamed[keys.get(name, name)] = _with_title(inner, name) if name in keys else inner
    schema["properties"] = renamed
    if "required" in schema:
        schema["required"] = [keys.get(name, name) for name in _names(schema["required"])]
    if isinstance(group := schema.get("dependentRequired"), dict):
        schema["dependentRequired"] = {
            keys.get(name, name): [keys.get(other, other) for other in _names(others)] for name, others in group.items()
        }
    dropped = [word for word in _ABOUT_KEYS if schema.pop(word, None) is not None]
    if schema.pop("patternProperties", None) is not None:
        # A new name matches other patterns than the old one.
        dropped.append("patternProperties")
        schema.pop("additionalProperties", None)
    for word in dropped:
        rewriter.drop(f"{place}.{word}")
    return tuple(keys.items())


def legal_key(name: str) -> str:
    """A property name in Claude's alphabet, unlike that of any other name."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{_ILLEGAL.sub('_', name)[:48]}_{digest}"


def _with_title(inner: object, name: str) -> object:
    """Claude reads the client's own name of a renamed property in its title."""
    return {"title": name, **inner} if isinstance(inner, dict) else inner


def _mend_references(schema: Schema, given: Mapping[str, object], place: str, rewriter: Rewriter) -> None:
    """Has each `$ref` lead somewhere: to where its target is now, to a copy of it in `$defs`, or else nowhere."""
    moved: dict[str, str | None] = {}
    # Copies may hold references of their own.
    waiting: list[object] = [schema]
    while waiting:
        for holder in _holders(waiting.pop()):
            reference = str(holder["$ref"])
            if pointed(schema, reference) is not None or not reference.startswith("#"):
                if not reference.startswith("#"):
                    rewriter.drop(f"{place}.$ref")
                    holder.pop("$ref")
                continue
            if reference not in moved:
                target = pointed(given, reference)
                moved[reference] = None
                if isinstance(target, Mapping | bool) and len(moved) <= _MOST_MOVED:
                    name = f"moved_{len(moved)}"
                    copy = rewriter.schema(target, place)
                    definitions = schema.setdefault("$defs", {})
                    assert isinstance(definitions, dict)
                    definitions[name] = copy
                    moved[reference] = f"#/$defs/{name}"
                    waiting.append(copy)
            if (new := moved[reference]) is None:
                rewriter.drop(f"{place}.$ref")
                holder.pop("$ref")
            else:
                holder["$ref"] = new


def _holders(value: object) -> Iterator[dict[str, object]]:
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            if isinstance(inner.get("$ref"), str):
                yield inner
            waiting += inner.values()
        elif isinstance(inner, list):
            waiting += inner


def pointed(root: Mapping[str, object], reference: str) -> object:
    """What a reference inside `root` leads to; None where it leads nowhere or elsewhere."""
    if not reference.startswith("#"):
        return None
    found: object = root
    for step in filter(None, reference.removeprefix("#").split("/")):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        else:
            return None
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, Iterable) else []
