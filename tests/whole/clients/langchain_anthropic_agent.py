"""LangChain on Anthropic's API: text, an agent, forms, a picture, an error, a cancel. Prints one JSON line."""

import json
import sys

from langchain.agents import create_agent
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from weather import PICTURE, QUESTION, WANTS_FORM, Report, difference, get_weather

chat = ChatAnthropic(
    model="claude-sonnet-5", base_url=sys.argv[1].removesuffix("/v1"), api_key="anything", max_retries=0
)
agent = create_agent(chat, [tool(get_weather), tool(difference)], system_prompt="Use the tools.")
asked = {"messages": [{"role": "user", "content": QUESTION}]}
image = {"type": "image", "base64": PICTURE, "mime_type": "image/png"}
whole = chat.invoke("hi")
found = {
    "whole": whole.text,
    "tokens": whole.usage_metadata["total_tokens"],
    "deltas": [chunk.text for chunk in chat.stream("hi") if chunk.text],
    "loop": agent.invoke(asked)["messages"][-1].text,
    "streamed_loop": "".join(
        chunk.text for chunk, about in agent.stream(asked, stream_mode="messages") if about["langgraph_node"] == "model"
    ),
    "forms": [
        chat.with_structured_output(Report, method=method).invoke(WANTS_FORM).model_dump()
        for method in ("function_calling", "json_schema")
    ],
    "seen": chat.invoke([HumanMessage([image, {"type": "text", "text": "What is this?"}])]).text,
}
try:
    chat.invoke("fail")
except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
    found["refused"] = str(error)
stream = chat.stream("wait")
found["before_cancel"] = next(chunk.text for chunk in stream if chunk.text)
stream.close()
print(json.dumps(found))
