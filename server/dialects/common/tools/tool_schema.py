"""Rewrites a tool's JSON schema as one that Claude's API takes, without excluding arguments that the original accepts.

The API refuses the whole request for one schema that is not draft 2020-12, whose top level is not an object's or holds
a combinator (`anyOf`, `oneOf`, `allOf`), or whose top-level properties have names outside its alphabet. A schema that
the API takes comes back equal. The work is linear in the schema's size.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from server.dialects.common.tools.schema_rewriter import Rewriter, Schema, joined, type_name
from server.errors import InvalidRequest
from server.large_json import dumps

_LEGAL_KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_.-]")
_STEM = 48
_COMBINATORS = ("allOf", "anyOf", "oneOf")
# Keywords that mention properties by name. They are left out where names are changed.
_ABOUT_KEYS = (
    *("not", "if", "then", "else", "const", "enum", "dependentSchemas", "dependencies", "propertyNames"),
    *("patternProperties", "unevaluatedProperties"),
)
# A member of `allOf` with only these is expressed completely by joining it.
_JOINED_COMPLETELY = frozenset({"type", "properties", "required", "title", "description", "$comment", "default"})
_LONGEST_REMARK = 2000
_LONGEST_CHAIN = 20
_DEEPEST_COMBINATOR = 10
_MOST_JOINED = 10_000
_MOVED = "moved_definition_"
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A schema that Claude's API takes, as JSON text.

    `keys` maps the client's names of top-level properties to Claude's, where they differ. `changed` lists the places
    of keywords that could not be kept.
    """

    text: str
    keys: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = ()


def tool_schema(given: object, tool: str, place: str) -> ToolSchema:
    """The parameters at `place` of the tool named `tool`, as Claude's API takes them.

    Raises `InvalidRequest` that names the tool if the parameters are not a schema, or of a type other than object.
    """
    tool = tool[:_LONGEST_NAME]
    source = _source(given, tool, place)
    rewriter = Rewriter()
    top = _without_top_reference(source, place, rewriter)
    # Arguments are never null.
    schema = rewriter.schema({word: value for word, value in top.items() if word != "nullable"}, place)
    assert isinstance(schema, dict)
    _Joiner(schema).join(place, rewriter)
    _make_object(schema, tool, place, rewriter)
    keys = _renamed_keys(schema, place, rewriter)
    _mend_references(schema, source, place, rewriter, is_renamed=bool(keys))
    return ToolSchema(dumps(schema, ensure_ascii=False), keys, tuple(dict.fromkeys(rewriter.changed)))


def _source(given: object, tool: str, place: str) -> Mapping[str, object]:
    """The schema as an object. No parameters are written as null, an empty array (PHP) or a boolean."""
    if given is None or given in ("", []) or isinstance(given, bool):
        return {}
    if not isinstance(given, dict):
        raise InvalidRequest(
            f"{place} of the tool {tool!r} must be a JSON schema, such as {{'type': 'object'}}.", param=place
        )
    return given


def _without_top_reference(schema: Mapping[str, object], place: str, rewriter: Rewriter) -> Mapping[str, object]:
    """The schema with the target of a `$ref` at its top in the reference's place."""
    root = schema
    for _ in range(_LONGEST_CHAIN):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        target = pointed(root, reference)
        others = {word: value for word, value in schema.items() if word != "$ref"}
        if not isinstance(target, Mapping):
            rewriter.drop(f"{place}.$ref")
            return others
        if overlap := {word for word in target if word in others and target[word] != others[word]}:
            if overlap <= {"title", "description", "$schema", "$comment"}:
                schema = {**target, **others}
                continue
            members = others.get("allOf")
            return {**others, "allOf": [*(members if isinstance(members, list) else ()), target]}
        schema = {**others, **target}
    rewriter.drop(f"{place}.$ref")
    return {word: value for word, value in schema.items() if word != "$ref"}


@dataclass(slots=True)
class _Joiner:
    """Joins the combinators at the top of `root` into one object: their properties join its own."""

    root: Schema
    _done: dict[int, Schema | None] = field(default_factory=dict)
    _count: int = 0

    def join(self, place: str, rewriter: Rewriter) -> None:
        """Joins in place. What a joined object cannot express is added to its description."""
        for word in _COMBINATORS:
            members = self.root.get(word)
            if isinstance(members, list) and members:
                rewriter.drop(f"{place}.{word}")
                if word != "allOf" or not all(self._is_joined_completely(member) for member in members):
                    _describe(self.root, word, members)
        self._join(self.root, 0)

    def _is_joined_completely(self, member: object) -> bool:
        target = self._target(member)
        return isinstance(target, dict) and target.keys() <= _JOINED_COMPLETELY

    def _join(self, schema: Schema, depth: int) -> None:
        for word in _COMBINATORS:
            members = schema.pop(word, None)
            if isinstance(members, list):
                variants = [self._variant(member, depth + 1) for member in members]
                # The same definition may be a member many times.
                unique = {id(variant): variant for variant in variants if variant is not None}
                self._join_properties(schema, list(unique.values()), is_all=word == "allOf")

    def _target(self, member: object) -> object:
        for _ in range(_LONGEST_CHAIN):
            if not (isinstance(member, dict) and isinstance(member.get("$ref"), str)):
                break
            member = pointed(self.root, str(member["$ref"]))
        return member

    def _variant(self, member: object, depth: int) -> Schema | None:
        """The member as an object's schema without combinators; None if it accepts no object."""
        target = self._target(member)
        if target is False:
            return None
        if not isinstance(target, dict) or "$ref" in target or depth > _DEEPEST_COMBINATOR:
            return {}
        kinds = target.get("type", "object")
        if "object" not in (kinds if isinstance(kinds, list) else [kinds]):
            return None
        if not any(word in target for word in _COMBINATORS):
            return target
        if id(target) not in self._done:
            # For a schema that contains itself; such a member says nothing.
            self._done[id(target)] = {}
            copy = dict(target)
            self._join(copy, depth)
            self._done[id(target)] = copy
        return self._done[id(target)]

    def _join_properties(self, schema: Schema, variants: list[Schema], *, is_all: bool) -> None:
        if not variants:
            return
        own = schema.get("properties")
        merged: dict[str, object] = dict(own) if isinstance(own, dict) else {}
        found: dict[str, list[object]] = {}
        is_cut = False
        for variant in variants:
            group = _mapping(variant.get("properties"))
            self._count += len(group)
            if self._count > _MOST_JOINED:
                # Definitions that are shared by many members would otherwise be joined again and again.
                is_cut = True
                break
            for name, inner in group.items():
                if name not in merged and inner not in found.setdefault(name, [])[:8]:
                    found[name].append(inner)
        open_variants = [variant for variant in variants if _is_open(variant)]
        for name, inners in found.items():
            # A variant that does not list a property accepts anything under its name, unless it is closed.
            has_all = is_all or not (is_cut or any(name not in _mapping(v.get("properties")) for v in open_variants))
            if len(inners) == 1:
                merged[name] = inners[0] if has_all else _loosened(inners[0])
            elif is_all:
                merged[name] = {"allOf": inners}
            else:
                merged[name] = {"anyOf": inners} if has_all else _loosened({"anyOf": inners})
        if merged or "properties" in schema:
            schema["properties"] = merged
        wanted = [dict.fromkeys(_names(variant.get("required"))) for variant in variants]
        shared = [name for name in wanted[0] if all(name in others for others in wanted)]
        required = [*_names(schema.get("required")), *((n for names in wanted for n in names) if is_all else shared)]
        if required:
            schema["required"] = list(dict.fromkeys(required))
        if not (is_all or is_cut or open_variants):
            schema.setdefault("additionalProperties", False)
        schema.pop("unevaluatedProperties", None)


def _is_open(variant: Schema) -> bool:
    """Whether it accepts properties that it does not list."""
    return variant.get("additionalProperties") is not False or "patternProperties" in variant


def _loosened(schema: object) -> object:
    """A property that only some alternatives describe: the description stays, the restriction goes."""
    description = schema.get("description") if isinstance(schema, dict) else None
    return {"anyOf": [schema, {}], **({"description": description} if isinstance(description, str) else {})}


def _describe(schema: Schema, word: str, members: list[object]) -> None:
    """Adds the combinator to the schema's description, where Claude reads it."""
    sets = [
        _names(member.get("required")) for member in members if isinstance(member, dict) and set(member) == {"required"}
    ]
    if word != "allOf" and len(sets) == len(members):
        count = "exactly one" if word == "oneOf" else "at least one"
        remark = f"Give {count} of: " + "; ".join(" and ".join(names) for names in sets) + "."
    else:
        count = {"allOf": "all", "anyOf": "at least one", "oneOf": "exactly one"}[word]
        remark = f"The arguments must match {count} of these schemas: {dumps(members, ensure_ascii=False)}"
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
    if "type" in schema:
        schema["type"] = "object"
    else:
        others = dict(schema) or {"properties": {}}
        schema.clear()
        schema.update({"type": "object", **others})


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
    schema["properties"] = {
        keys.get(name, name): _with_title(inner, name) if name in keys else inner for name, inner in properties.items()
    }
    if "required" in schema:
        schema["required"] = [keys.get(name, name) for name in _names(schema["required"])]
    if isinstance(group := schema.get("dependentRequired"), dict):
        schema["dependentRequired"] = {
            keys.get(name, name): [keys.get(other, other) for other in _names(others)] for name, others in group.items()
        }
    if "patternProperties" in schema:
        # A new name matches other patterns than the old one.
        schema.pop("additionalProperties", None)
    for word in _ABOUT_KEYS:
        if schema.pop(word, None) is not None:
            rewriter.drop(f"{place}.{word}")
    return tuple(keys.items())


def legal_key(name: str) -> str:
    """Returns a property name in Claude's alphabet, unique to `name`."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{_ILLEGAL.sub('_', name)[:_STEM]}_{digest}"


def _with_title(inner: object, name: str) -> object:
    """Claude reads the client's own name of a renamed property in its title."""
    if inner is True:
        return {"title": name}
    if isinstance(inner, dict) and "title" not in inner:
        # In place: the rewriter's references are identical with it.
        others = dict(inner)
        inner.clear()
        inner.update({"title": name, **others})
    return inner


def _mend_references(
    schema: Schema, source: Mapping[str, object], place: str, rewriter: Rewriter, *, is_renamed: bool
) -> None:
    """Makes each `$ref` into the schema resolve: to where its target is now, or to a copy of it in `$defs`.

    One without a target is left out; one into another document stays.

    `is_renamed`: a reference to the whole schema leads to a copy with the client's names, since only the arguments'
    own keys are renamed in calls.
    """
    anchors: frozenset[str] | None = None
    mended: dict[str, str | None] = {}
    copies = 0
    # Copies of targets may be as large as the schema itself, and hold references, which are appended.
    limit = 2 * rewriter.schemas
    for holder in rewriter.references:
        reference = str(holder["$ref"])
        if reference not in mended:
            mended[reference] = None
            if not reference.startswith("#"):
                mended[reference] = reference
            elif reference != "#" and not reference.startswith("#/"):
                anchors = _anchors(schema) if anchors is None else anchors
                mended[reference] = reference if reference[1:] in anchors else None
            elif not (reference == "#" and is_renamed) and isinstance(pointed(schema, reference), dict | bool):
                mended[reference] = reference
            elif isinstance(target := pointed(source, reference), Mapping | bool) and rewriter.schemas <= limit:
                copies += 1
                mended[reference] = f"#/$defs/{_MOVED}{copies}"
                definitions = schema.setdefault("$defs", {})
                assert isinstance(definitions, dict)
                definitions[f"{_MOVED}{copies}"] = rewriter.schema(target, place)
        new = mended[reference]
        if new is None:
            rewriter.drop(joined(place, "$ref"))
            del holder["$ref"]
        else:
            holder["$ref"] = new


def _anchors(value: object) -> frozenset[str]:
    found: set[str] = set()
    pending = [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, dict):
            found |= {anchor for word in ("$anchor", "$dynamicAnchor") if isinstance(anchor := inner.get(word), str)}
            pending += inner.values()
        elif isinstance(inner, list):
            pending += inner
    return frozenset(found)


def pointed(root: Mapping[str, object], reference: str) -> object:
    """What a reference inside `root` leads to; None if it leads nowhere or elsewhere."""
    if reference == "#":
        return root
    if not reference.startswith("#/"):
        return None
    found: object = root
    for step in reference[2:].split("/"):
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found[name] if name in found else found.get(unquote(name))
        elif isinstance(found, list) and name.isdecimal() and name.isascii() and int(name[:9]) < len(found):
            found = found[int(name[:9])]
        else:
            return None
    return found


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _names(value: object) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, Iterable) else []
