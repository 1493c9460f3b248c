"""Generates JSON schemas from request types."""

from collections.abc import Iterable
from typing import Any  # JSON schemas are foreign JSON

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from server.dialects.common.wire_types import WireModel


class _Generator(GenerateJsonSchema):
    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        # Not `oneOf`: the member for unknown types also matches the known ones.
        return {"anyOf": super().tagged_union_schema(schema)["oneOf"]}

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 # pydantic's signature
        return False


def json_schemas(models: Iterable[type[WireModel]], *, ref_template: str) -> dict[str, Any]:
    """Returns the schemas of the models and of their parts, by name. `ref_template` is a reference to "{model}"."""
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=ref_template, schema_generator=_Generator
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas
