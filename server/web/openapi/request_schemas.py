"""Generates the schemas of request bodies from the request types."""

from typing import Any  # OpenAPI documents are foreign JSON; FastAPI takes them as dict[str, Any]

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from server.dialects.chat_completions.request_types import ChatRequest

_DOCUMENTED: tuple[type[BaseModel], ...] = (ChatRequest,)


class _Generator(GenerateJsonSchema):
    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        # Not `oneOf`: the member for unknown types also matches the known ones.
        return {"anyOf": super().tagged_union_schema(schema)["oneOf"]}

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 # pydantic's signature
        return False


def request_schemas() -> dict[str, Any]:
    """Returns the schemas of all documented requests and of their parts, for `components.schemas`."""
    _, definitions = models_json_schema(
        [(model, "validation") for model in _DOCUMENTED],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Generator,
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def request_body(model: type[BaseModel], examples: dict[str, Any]) -> dict[str, Any]:
    """Returns the OpenAPI fields of an operation whose body is a `model`."""
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}}
    }
