"""Shapes of the tools of public MCP servers and agent frameworks, by kind: written here, with no text of theirs."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
FLAG: Schema = {"type": "boolean"}
DRAFT_7 = {"$schema": "http://json-schema.org/draft-07/schema#"}
DRAFT_2020 = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


def zod(required: str, optional: str = "", **more: Schema) -> Schema:
    """As zod-to-json-schema writes it. Names are given as words."""
    properties = {**dict.fromkeys((*required.split(), *optional.split()), TEXT), **more}
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False} | (
        DRAFT_7
    )


def pydantic(required: str, optional: str = "", **more: Schema) -> Schema:
    """As pydantic and FastMCP write it: titles, and `anyOf` with null for what is optional."""
    properties: Schema = {name: {"title": name.title(), **TEXT} for name in required.split()}
    for name in optional.split():
        properties[name] = {"anyOf": [TEXT, {"type": "null"}], "default": None, "title": name.title()}
    return {"properties": {**properties, **more}, "required": required.split(), "title": "Arguments", "type": "object"}


def gson(names: str, **more: Schema) -> Schema:
    """As serializers of Java, C# and Go write it: null for everything that is absent."""
    empty = dict.fromkeys(("description", "enum", "items", "format", "default"))
    properties = {name: {"type": "string", **empty} for name in names.split()}
    return {"type": "object", "properties": {**properties, **more}, "required": None, "additionalProperties": None}


def swagger(query: str, **more: Schema) -> Schema:
    """As converters of OpenAPI 3.0 write it: names of query parameters, nullable, exclusiveMinimum as a flag."""
    properties: Schema = {name: {"type": "string", "nullable": True, "example": name} for name in query.split()}
    page = {"type": "integer", "format": "int32", "minimum": 0, "exclusiveMinimum": True, "nullable": True}
    return {"type": "object", "properties": {**properties, "page": page, **more}}


def choice(*values: object) -> Schema:
    """An enum of strings."""
    return {"type": "string", "enum": list(values)}


def many(items: object) -> Schema:
    """A list."""
    return {"type": "array", "items": items}


def union(word: str, *members: Schema, **more: Any) -> Schema:
    """Alternatives at the top."""
    return {"type": "object", word: list(members), **more}


def needs(*names: str) -> list[Schema]:
    """Alternatives that differ in what they require."""
    return [{"required": [name]} for name in names]


def tagged(field: str, **members: str) -> list[Schema]:
    """The members of a tagged union; their other fields as words."""
    return [
        {
            "type": "object",
            "properties": {field: {"const": tag}, **dict.fromkeys(names.split(), TEXT)},
            "required": [field, *names.split()[:1]],
        }
        for tag, names in members.items()
    ]


def files() -> Iterator[Schema]:
    yield zod("path", head={"type": "number"}, tail={"type": "number"})
    yield zod("", paths=many(TEXT))
    yield zod("path content")
    yield zod("path", dryRun={**FLAG, "default": False}, edits=many(zod("oldText newText")))
    yield zod("source destination")
    yield zod("path pattern", excludePatterns={**many(TEXT), "default": []})
    yield zod("path", sortBy={**choice("name", "size"), "default": "name"})
    yield {"type": "object", "properties": {}, "required": []}
    yield zod("path", mode={"type": ["integer", "string"]})
    yield zod("path", encoding={"anyOf": [choice("utf-8", "base64"), {"type": "null"}]})
    yield {"$ref": "#/definitions/Read", "definitions": {"Read": zod("path")}, **DRAFT_7}


def forges() -> Iterator[Schema]:
    repository = "owner repo"
    yield zod(repository, "title body", labels=many(TEXT), assignees=many(TEXT), milestone={"type": "number"})
    yield zod(f"{repository} branch message", files=many(zod("path content")))
    yield zod(f"{repository} pull_number", line=WHOLE, side=choice("LEFT", "RIGHT"))
    yield zod("q", sort=choice("stars", "forks"), order=choice("asc", "desc"), per_page={**WHOLE, "maximum": 100})
    yield zod(repository, state=choice("open", "closed", "all"), since={**TEXT, "format": "date-time"})
    yield zod(repository, comments=many({"anyOf": tagged("kind", line="path line", position="path position")}))
    yield pydantic("project_id", "ref search", page={"default": 1, "minimum": 1, "type": "integer"})
    yield pydantic("project_id", position={"$ref": "#/$defs/Position"}) | {
        "$defs": {"Position": pydantic("base_sha head_sha", "old_path new_path")}
    }
    yield gson("owner repo sha", page=WHOLE)
    yield swagger("state labels[] author_username not[labels] created_after")
    yield swagger("q pagelen fields sort", body={"allOf": [{"$ref": "#/$defs/Pr"}], "nullable": True})
    yield union("oneOf", *needs("issue_number", "node_id"), properties={"issue_number": WHOLE, "node_id": TEXT})
    yield union("anyOf", *tagged("method", get="owner repo", get_diff="owner repo", list="owner repo page"))
    yield {"type": "object", "properties": {"changes": {"type": "object", "patternProperties": {"^(.*)$": TEXT}}}}


def trackers() -> Iterator[Schema]:
    yield swagger("filter[id] filter[project] fields expand")
    yield swagger("jql fields[] startAt maxResults validateQuery")
    yield pydantic("issue_key", fields={"anyOf": [TEXT, many(TEXT), {"type": "null"}], "default": None})
    yield pydantic("project_key summary issue_type", additional_fields={"type": "object", "additionalProperties": True})
    yield zod("teamId title", priority={"type": "number", "enum": [0, 1, 2, 3, 4]}, labelIds=many(TEXT))
    yield zod("id", dueDate={"anyOf": [{**TEXT, "format": "date"}, {"type": "null"}]})
    yield gson("boardId name pos", due={"type": "string", "format": "date-time", "description": None})
    yield {"type": "object", "properties": {"customfield_10010": {}, "Story Points": {"type": "number"}}}
    yield union("anyOf", *needs("issueId", "issueKey"), properties={"issueId": TEXT, "issueKey": TEXT}, required=[])
    yield {
        **zod("workspace"),
        "if": {"properties": {"type": {"const": "bug"}}},
        "then": {"required": ["severity"]},
        "else": {"not": {"required": ["severity"]}},
    }
    yield zod("", sprint={"oneOf": [WHOLE, choice("active", "future")]})
    yield zod("list_id", time_estimate={"type": ["number", "null"]}, custom_fields=many(zod("id", value={})))


def homes() -> Iterator[Schema]:
    slots = dict.fromkeys(("name", "area", "floor"), TEXT) | {"domain": many(TEXT), "device_class": many(TEXT)}
    yield {"type": "object", "properties": slots, "anyOf": needs("name", "area", "floor"), "required": []}
    yield {"type": "object", "properties": {**slots, "brightness": {"minimum": 0, "maximum": 100, **WHOLE}}}
    yield {"type": "object", "properties": {**slots, "temperature": {"type": "number"}}, "required": ["temperature"]}
    yield {"type": "object", "properties": {"entity_id": {"anyOf": [TEXT, many(TEXT)]}, "data": {"type": "object"}}}
    yield {"type": "object", "properties": {"position": {"type": "integer", "minimum": 0, "exclusiveMinimum": True}}}
    yield {"properties": {"item": {"type": "string", "required": True}}, "type": "object"}
    yield {
        "type": "object",
        "properties": {"hours": {"type": "integer"}, "start": {"type": "string"}},
        "oneOf": [{"required": ["hours"]}, {"required": ["start"]}],
    }
    yield union("allOf", {"properties": slots}, {"anyOf": needs("name", "area")})
    yield {"type": "object", "properties": {"rgb_color": {"type": "array", "items": [WHOLE, WHOLE, WHOLE]}}}
    yield {"type": "object", "properties": {"time": {"type": "string", "format": "time"}, "größe": WHOLE}}


def notes() -> Iterator[Schema]:
    rich = {"type": "object", "properties": {"type": choice("text"), "text": zod("content")}}
    yield swagger("page_size start_cursor filter_properties[]")
    yield zod("", parent={"oneOf": tagged("type", page_id="page_id", database_id="database_id")}, children=many(rich))
    yield zod("database_id", filter={"type": "object", "additionalProperties": True}, sorts=many({"type": "object"}))
    block: Schema = {"type": "object", "properties": {"children": many({"$ref": "#/$defs/Block"}), "text": TEXT}}
    yield {"type": "object", "properties": {"blocks": many({"$ref": "#/$defs/Block"})}, "$defs": {"Block": block}}
    yield {"type": "object", "properties": {"page": {"$ref": "#"}, "title": TEXT}}
    yield {"type": "object", "properties": {"$page": {"$ref": "#"}, "title": TEXT}}
    yield union("oneOf", *tagged("operation", append="path content", patch="path target", delete="path"))
    yield zod("page_id", properties={"type": "object", "additionalProperties": {"anyOf": [TEXT, WHOLE, FLAG]}})
    yield zod("content", tags={**many(TEXT), "uniqueItems": True}, frontmatter={"type": ["object", "null"]})
    yield {
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Node"}}}},
    }


def automation() -> Iterator[Schema]:
    yield {"type": "object", "properties": {"Document ID": TEXT, "Text to Append": TEXT}, "required": ["Document ID"]}
    yield {"type": "object", "properties": {"input": {"type": "any"}, "query": {"type": "String"}}}
    yield {"type": "object", "properties": {"parameters0_Value": {**TEXT, "description": None}}, **DRAFT_7}
    yield {"type": "object", "properties": [], "required": []}
    yield {"type": "object", "properties": {"json": {"type": ["object", "array", "string", "null"]}}}
    yield {"type": "object", "properties": {"file": {"type": "file"}, "when": {"type": "datetime"}}}
    yield {"type": ["object", "null"], "properties": {"instructions": TEXT}, "required": ["instructions"]}
    yield {"type": "object", "properties": {"to[]": many(TEXT), "cc[]": many(TEXT), "subject line": TEXT}}
    yield {"properties": {"a": {"type": "number", "required": "true"}}}
    yield {}
    yield {"type": "object", "additionalProperties": TEXT}
    yield {"type": "object", "properties": {"webhook-url": TEXT, "x.y.z": TEXT, "a/b": TEXT, "a~b": TEXT}}
    yield union("anyOf", {"type": "object", "properties": {"id": TEXT}}, {"type": "string"}, {"type": "null"})


def databases() -> Iterator[Schema]:
    yield zod("sql")
    yield zod("sql", params=many({"type": ["string", "number", "boolean", "null"]}))
    yield pydantic("query", "schema_name", limit={"default": 100, "exclusiveMinimum": 0, "type": "integer"})
    yield zod("database collection", filter={"type": "object", "additionalProperties": {}}, limit={"type": "number"})
    yield zod("database collection", pipeline=many({"type": "object", "patternProperties": {"^\\$": {}}}))
    yield {"type": "object", "properties": {"$filter": TEXT, "$top": WHOLE, "$select": TEXT, "$orderby": TEXT}}
    yield {"type": "object", "properties": {"@odata.type": TEXT, "@odata.id": TEXT, "value": {}}, "required": ["value"]}
    yield pydantic("key", value={"anyOf": [TEXT, {"type": "string", "format": "binary"}, WHOLE, {"type": "number"}]})
    yield pydantic("name", fields={"additionalProperties": {"anyOf": [TEXT, WHOLE]}, "type": "object"})
    yield gson("index query", size={"type": "int", "description": None}, source={"type": "bool"})
    yield union("oneOf", *needs("table", "query"), properties={"table": TEXT, "query": TEXT}, minProperties=1)
    yield {
        "type": "object",
        "properties": {"rows": many({"type": "array", "items": [TEXT, {}], "additionalItems": False})},
    }
    yield {
        "type": "object",
        "properties": {"vector": {**many({"type": "number"}), "minItems": "1"}, "top_k": {"type": "int"}},
    }


def browsers() -> Iterator[Schema]:
    yield zod("url")
    yield zod("element ref", doubleClick=FLAG, button=choice("left", "right", "middle"))
    yield zod("", fields=many(zod("name type ref value", type=choice("textbox", "checkbox", "slider"))))
    yield zod("width height", width={"type": "number"}, height={"type": "number"})
    yield zod("", time={"type": "number"}, text=TEXT, textGone=TEXT)
    yield zod("key", modifiers=many(choice("Alt", "Control", "Meta", "Shift")))
    yield zod("", type={**choice("png", "jpeg"), "default": "png"}, filename=TEXT, fullPage=FLAG)
    yield zod("function", "element ref")
    yield zod(
        "", x={"type": "number", "multipleOf": 0.5}, y={"type": "number", "exclusiveMaximum": False, "maximum": 9}
    )
    yield union(
        "anyOf",
        *needs("selector", "ref", "coordinates"),
        properties={
            "selector": TEXT,
            "ref": TEXT,
            "coordinates": {"type": "array", "items": [WHOLE, WHOLE], "minItems": 2},
        },
    )
    yield union("oneOf", *tagged("action", click="selector", type="selector text", wait="ms", screenshot=""))
    yield zod(
        "url", headers={"type": "object", "additionalProperties": TEXT, "propertyNames": {"pattern": "^[a-z-]+$"}}
    )


def designs() -> Iterator[Schema]:
    color = {"type": "object", "properties": {name: {"type": "number", "minimum": 0, "maximum": 1} for name in "rgba"}}
    yield zod("fileKey", "nodeId", depth={"type": "number"})
    yield zod("", nodes=many(zod("nodeId fileName", imageRef=TEXT, cropTransform=many(many({"type": "number"})))))
    yield zod("nodeId", color=color, weight={"type": "number", "exclusiveMinimum": 0})
    yield {"type": "object", "properties": {"fill": {"oneOf": tagged("type", SOLID="color", IMAGE="hash scaleMode")}}}
    yield zod("nodeId", fills=many({"anyOf": [{"$ref": "#/properties/stroke"}, TEXT]}), stroke=color)
    yield union(
        "allOf",
        {"$ref": "#/$defs/Base"},
        {"$ref": "#/$defs/Sized"},
        **{"$defs": {"Base": zod("id"), "Sized": zod("", width={"type": "number"})}},
    )
    yield {"type": "object", "properties": {"path": {"prefixItems": [TEXT, WHOLE], "items": False, "type": "array"}}}
    yield {
        "type": "object",
        "properties": {"transform": {"type": "array", "items": [], "additionalItems": {"type": "number"}}},
    }
    yield zod("nodeId", constraints={"$ref": "#/definitions/Constraints"}) | {
        "definitions": {"Constraints": {"enum": ["MIN", "MAX", None]}}
    }


def payments() -> Iterator[Schema]:
    yield swagger("expand[] created[gte] created[lte] starting_after customer")
    yield zod("customer", items=many(zod("price", quantity={**WHOLE, "minimum": 1})))
    yield zod("", amount={**WHOLE, "exclusiveMinimum": 0}, currency={"type": "string", "minLength": 3, "maxLength": 3})
    yield {"type": "object", "properties": {"metadata": {"type": "object", "additionalProperties": {"type": "str"}}}}
    yield union(
        "anyOf", *needs("payment_intent", "charge"), properties=dict.fromkeys(("payment_intent", "charge"), TEXT)
    )
    yield swagger("limit", status={"type": "string", "enum": ["paid", "open", None], "nullable": True})
    yield {"type": "object", "properties": {"line_items[0][price]": TEXT, "line_items[0][quantity]": WHOLE}}
    yield gson("id", price={"type": "float", "minimum": "0.5"}, count={"type": "long"}, tax={"type": "double"})
    yield {
        "type": "object",
        "properties": {"since": {"type": "string", "x-order": 1, "readOnly": "false"}},
        "x-tier": 2,
    }
    yield {"type": "object", "properties": {"amount": {"$ref": "money.json#/definitions/amount"}}}


def chats() -> Iterator[Schema]:
    yield zod("channel_id text", thread_ts={"anyOf": [TEXT, {"type": "null"}]})
    yield zod("channel_id", limit={"type": "number", "default": 10}, cursor=TEXT)
    yield zod("channel_id timestamp reaction")
    yield zod("chat_id", reply_markup={"anyOf": [{"type": "object"}, TEXT]}, parse_mode=choice("HTML", "Markdown", ""))
    yield zod("to subject", body={**TEXT, "contentMediaType": "text/html"}, attachments=many({"type": "object"}))
    yield pydantic("guild_id", embeds={"items": {"$ref": "#/$defs/Embed"}, "type": "array", "default": []}) | {
        "$defs": {"Embed": pydantic("title", "url", fields=many({"$ref": "#/$defs/Field"})), "Field": pydantic("name")}
    }
    yield union("oneOf", *needs("to", "thread_id"), properties={"to": many(TEXT), "thread_id": TEXT}, title="Send")
    yield {
        "type": "object",
        "properties": {"message": {"type": "object", "oneOf": tagged("kind", text="text", file="url")}},
    }
    yield {"type": "object", "properties": {"user": {"description": 7, "type": "string"}, "emoji": {"type": None}}}
    yield {"type": "object", "properties": {"": TEXT, " ": TEXT, "名前": TEXT, "a" * 80: TEXT}, "required": ["名前"]}


def clouds() -> Iterator[Schema]:
    yield pydantic("service_name operation", parameters={"additionalProperties": True, "type": "object"})
    yield gson("ResourceGroupName SubscriptionId", Tags={"type": "object", "additionalProperties": {"type": "string"}})
    yield {"type": "object", "properties": {"namespace": TEXT, "labelSelector": TEXT, "dryRun": {"enum": ["All"]}}}
    yield {
        "type": "object",
        "properties": {"manifest": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    yield {"type": "object", "properties": {"replicas": {"type": "integer", "format": "int32", "nullable": True}}}
    yield {"type": "object", "properties": {"port": {"x-kubernetes-int-or-string": True, "anyOf": [WHOLE, TEXT]}}}
    yield swagger("$expand api-version $filter X-Request-Id tag:Name filter.1.Value.1")
    yield {"type": "object", "properties": {"instance": {"type": "string", "pattern": "^i-(?<id>[\\da-f]+)$"}}}
    yield {"type": "object", "properties": {"env": {"type": "object", "patternProperties": {"^[A-Z_]+$": TEXT}}}}
    yield {
        "type": "object",
        "properties": {"range": {"type": "object", "dependencies": {"end": ["start"], "start": "end"}}},
    }
    yield {"type": "object", "properties": {"spec": {"$id": "#spec", "type": "object", "$anchor": "spec"}}}
    yield {"type": "object", "properties": {"a": {"$ref": "#spec"}}, "$defs": {"s": {"$anchor": "spec", **TEXT}}}
    yield {"type": "object", "properties": {"tree": {"$recursiveRef": "#"}}, "$recursiveAnchor": True}
    yield {
        "type": "object",
        "properties": {"m": {"$ref": "#/definitions/Map%3CText%3E"}},
        "definitions": {"Map<Text>": {}},
    }


def agents() -> Iterator[Schema]:
    yield {"type": "object", "properties": {"task": TEXT}, "required": ["task"], "strict": True}
    yield zod("thought", nextThoughtNeeded=FLAG, thoughtNumber={**WHOLE, "minimum": 1}, branchFromThought=WHOLE)
    yield zod("", entities=many(zod("name entityType", observations=many(TEXT))))
    yield zod("timezone", time={"type": "string", "pattern": "^([01]\\d|2[0-3]):[0-5]\\d$"})
    yield {
        "type": "object",
        "properties": {"args": {"type": "list"}, "kwargs": {"type": "dict"}, "x": {"type": "none"}},
    }
    yield {"type": "object", "properties": {"a": True, "b": False, "c": None, "d": []}}
    yield {"type": "object", "properties": {"value": {"anyOf": []}, "other": {"oneOf": None}, "third": {"allOf": {}}}}
    yield {"type": "object", "properties": {f"p{number}": TEXT for number in range(200)}}
    yield {"type": "object", "properties": {"mode": {"enum": []}, "kind": {"enum": "one"}}, "required": "mode"}
    yield {"type": "object", "properties": {"mode": TEXT}, "required": ["mode", "mode", None, "other"]}
    yield {"description": None, "title": None, "type": "object", "properties": None}
    yield union("anyOf", {"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}, **{"$defs": {"A": zod("a"), "B": zod("b", "c")}})
    yield {
        "type": "object",
        "properties": {"x": {"const": None}, "y": {"default": None}, "z": {"const": 1}},
        **DRAFT_2020,
    }
    yield {"oneOf": tagged("type", search="query limit", fetch="id")}
    yield {"allOf": [zod("a"), {"oneOf": tagged("type", b="b", c="c")}]}
    yield {"type": "object", "not": {"required": ["a", "b"]}, "properties": {"a": TEXT, "b": TEXT}}
    yield {"type": "object", "properties": {"a": {"not": {"type": "str"}}, "b": {"if": {"type": "string"}, "then": {}}}}
    yield {
        "type": "object",
        "properties": {"filter": {"$ref": "#/$defs/F"}},
        "$defs": {
            "F": {"anyOf": [zod("op value"), {"type": "object", "properties": {"and": many({"$ref": "#/$defs/F"})}}]}
        },
    }


KINDS = (
    *(files, forges, trackers, homes, notes, automation, databases),
    *(browsers, designs, payments, chats, clouds, agents),
)
SHAPES: dict[str, Schema] = {f"{kind.__name__} {n}": shape for kind in KINDS for n, shape in enumerate(kind())}
