"""LangChain's Ollama client: a stream, a tool call and its result, a schema, an error. Prints one JSON line."""

import json
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_ollama import ChatOllama, OllamaLLM
from pydantic import BaseModel

BASE = sys.argv[1].removesuffix("/v1")


class Weather(BaseModel):
    """In degrees."""

    city: str


chat = ChatOllama(model="sonnet", base_url=BASE, num_predict=50, temperature=0.2)
streamed = [chunk.content for chunk in chat.stream("hi") if chunk.content]
whole = chat.invoke("hi")
generated = OllamaLLM(model="sonnet", base_url=BASE).invoke("hi")
tools = chat.bind_tools([Weather])
first = tools.invoke("weather")
results = [ToolMessage("21", tool_call_id=call["id"]) for call in first.tool_calls]
answer = tools.invoke([HumanMessage("weather"), first, *results])
form = chat.with_structured_output(Weather, method="json_schema").invoke("weather, as JSON")
try:
    chat.invoke("fail")
    refused = ""
except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
    refused = str(error)
print(
    json.dumps(
        {
            "streamed": streamed,
            "whole": whole.content,
            "usage": whole.usage_metadata,
            "generated": generated,
            "calls": [(call["name"], call["args"]) for call in first.tool_calls],
            "answer": answer.content,
            "form": form.model_dump(),
            "refused": refused,
        }
    )
)
