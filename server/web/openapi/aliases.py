"""The paths of Azure and LM Studio in the OpenAPI document: other addresses of OpenAI's endpoints."""

from typing import Any  # the OpenAPI document is foreign JSON

_AZURE = "As `{path}`; the deployment is the model, and any `api-version` will do. `/openai/v1/...` works, too."
_LMSTUDIO = "As `{path}`."
_DEPLOYMENT = {
    "name": "deployment",
    "in": "path",
    "required": True,
    "description": "The name of a model.",
    "schema": {"type": "string", "examples": ["sonnet"]},
}
_API_VERSION = {
    "name": "api-version",
    "in": "query",
    "required": False,
    "description": "Without effect.",
    "schema": {"type": "string", "examples": ["2024-10-21"]},
}
_EMBEDDINGS = {**_DEPLOYMENT, "schema": {"type": "string", "examples": ["text-embedding-3-small"]}}
_CHAT, _COMPLETIONS, _VECTORS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"


def alias_paths(paths: dict[str, Any]) -> dict[str, Any]:
    """Returns the paths that are other addresses of `paths`, with the same bodies and replies.

    The examples of errors are left out: they stand at the first address.
    """
    found: dict[str, Any] = {}
    for known, deployment in ((_CHAT, _DEPLOYMENT), (_COMPLETIONS, _DEPLOYMENT), (_VECTORS, _EMBEDDINGS)):
        rest = known.removeprefix("/v1")
        azure = {"tags": ["Azure"], "parameters": [deployment, _API_VERSION]}
        found[f"/openai/deployments/{{deployment}}{rest}"] = _alias(paths, known, _AZURE, "azure", azure)
        found[f"/api/v0{rest}"] = _alias(paths, known, _LMSTUDIO, "lmstudio", {"tags": ["LM Studio"]})
    return found


def _alias(paths: dict[str, Any], known: str, text: str, prefix: str, more: dict[str, Any]) -> dict[str, Any]:
    operation = paths[known]["post"]
    return {
        "post": {
            **operation,
            **more,
            "summary": f"{operation['summary']}, at {'Azure' if prefix == 'azure' else 'LM Studio'}'s path",
            "operationId": f"{prefix}_{operation['operationId']}",
            "description": text.format(path=known),
            "responses": {"200": operation["responses"]["200"]},
        }
    }
