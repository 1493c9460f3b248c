"""LangChain on the Responses API: its chat, its agent, its forms. Prints one JSON line."""

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from responses_scenario import FORM, PICTURE, QUESTION, TOOLS, URL, Report, report

LOOK = [
    {"type": "text", "text": "What is this?"},
    {"type": "image", "base64": PICTURE, "mime_type": "image/png"},
]
ASKED = {"messages": [{"role": "user", "content": QUESTION}]}

chat = ChatOpenAI(model="sonnet", base_url=URL, api_key="anything", max_retries=0, use_responses_api=True)
whole = chat.invoke("hi")
streamed = [chunk.text for chunk in chat.stream("hi") if chunk.text]
agent = create_agent(chat, [tool(one) for one in TOOLS], system_prompt="Use the tools.")
loop = agent.invoke(ASKED)["messages"][-1].text
pieces = [
    piece.text
    for piece, about in agent.stream(ASKED, stream_mode="messages")
    if about["langgraph_node"] == "model" and piece.text
]
forms = {
    method: chat.with_structured_output(Report, method=method).invoke(FORM).model_dump()
    for method in ("json_schema", "function_calling", "json_mode")
}
picture = chat.invoke([HumanMessage(LOOK)]).text
try:
    refused = chat.invoke("fail").text
except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
    refused = str(error)
held = chat.stream("Wait.")
begun = next(chunk.text for chunk in held if chunk.text)
held.close()
report(
    whole=whole.text,
    total=whole.usage_metadata["total_tokens"],
    streamed=streamed,
    loop=loop,
    streamed_loop=["".join(pieces)[-len(loop) :], "".join(pieces)],
    form=forms["json_schema"],
    form_by_tool=forms["function_calling"],
    form_by_json=forms["json_mode"],
    picture=picture,
    refused=refused,
    begun=begun,
)
