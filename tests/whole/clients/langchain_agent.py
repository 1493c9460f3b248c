"""A LangChain agent with two tools, whole and streamed, and answers that fit a form. Prints one JSON line."""

import json
import sys

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, Field

QUESTION = {"messages": [{"role": "user", "content": "Which is warmer, Paris or Oslo, and by how much?"}]}


@tool
def get_weather(city: str) -> str:
    """The temperature in a city, in degrees."""
    return {"Paris": "21", "Oslo": "9"}[city]


@tool
def difference(a: int, b: int) -> int:
    """What is left of a when b is taken away."""
    return a - b


class Report(BaseModel):
    """The weather in a city."""

    city: str = Field(description="Its name")
    degrees: int


chat = ChatOpenAI(model="sonnet", base_url=sys.argv[1], api_key="anything", max_retries=0)
agent = create_agent(chat, [get_weather, difference], system_prompt="Use the tools.")
whole = agent.invoke(QUESTION)["messages"][-1].content
streamed = [
    piece.content
    for piece, about in agent.stream(QUESTION, stream_mode="messages")
    if about["langgraph_node"] == "model" and piece.content
]
forms = {
    method: chat.with_structured_output(Report, method=method).invoke("Oslo's weather, as JSON").model_dump()
    for method in ("json_schema", "function_calling", "json_mode")
}
print(json.dumps({"whole": whole, "streamed": streamed, "forms": forms}))
