"""LangChain as anybody writes it: a stream, a whole answer with history, an error. Prints one JSON line."""

import json
import sys

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

chat = ChatOpenAI(model="sonnet", base_url=sys.argv[1], api_key="anything", max_retries=0)
history = [SystemMessage("Be terse."), HumanMessage("hi"), AIMessage("Hello."), HumanMessage("again")]
streamed = [chunk.content for chunk in chat.stream(history) if chunk.content]
whole = chat.invoke(history)
try:
    chat.invoke("fail")
    refused = ""
except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
    refused = str(error)
print(json.dumps({"streamed": streamed, "whole": whole.content, "usage": whole.usage_metadata, "refused": refused}))
