"""What /docs shows of LM Studio's lists of models."""

from server.conversation.models import ModelCard
from server.dialects.lmstudio.models import models_v0, row_v0
from server.web.openapi.error_examples import ACCESS, CLI, MODEL, Responses, error_responses
from server.web.openapi.examples import json_response

_SONNET = ModelCard("sonnet", "claude-sonnet-4-5", "Sonnet")

LMSTUDIO_MODELS: Responses = {
    200: json_response("The models", models_v0([_SONNET])),
    **error_responses((*ACCESS, *CLI)),
}
LMSTUDIO_MODEL: Responses = {200: json_response("The model", row_v0(_SONNET, "sonnet")), **error_responses(MODEL)}
