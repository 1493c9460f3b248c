"""LlamaIndex: completions, chat, tools, a form, a picture, embeddings, an error, a cancel. Prints one JSON line."""

import asyncio
import base64
import json
import sys

from llama_index.core.agent.workflow import AgentStream, FunctionAgent
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.embeddings.openai import OpenAIEmbedding
from llama_index.llms.openai import OpenAI
from weather import PICTURE, QUESTION, WANTS_FORM, Report, difference, get_weather

url = sys.argv[1]
settings = {"api_base": url, "api_key": "anything", "max_retries": 0}
# Its class for OpenAI knows the limits of OpenAI's models only, by their names.
chat = OpenAI(model="gpt-4o", **settings)
# Without a limit it downloads a tokenizer to compute one.
older = OpenAI(model="gpt-3.5-turbo-instruct", max_tokens=900, **settings)
tools = [FunctionTool.from_defaults(get_weather), FunctionTool.from_defaults(difference)]


async def loop(*, is_streamed):
    """An agent's answer."""
    agent = FunctionAgent(tools=tools, llm=chat, system_prompt="Use the tools.", streaming=is_streamed)
    run = agent.run(QUESTION)
    deltas = [event.delta async for event in run.stream_events() if isinstance(event, AgentStream)]
    answer = str(await run)
    return "".join(deltas) if is_streamed else answer


def deltas_of(stream):
    """The deltas of a stream."""
    return [answer.delta for answer in stream if answer.delta]


async def loops():
    """Both, in one event loop, because they share a client."""
    return await loop(is_streamed=False), await loop(is_streamed=True)


hi = [ChatMessage("hi")]
picture = ImageBlock(image=base64.b64decode(PICTURE), image_mimetype="image/png")
whole = chat.chat(hi)
embedding = OpenAIEmbedding(**settings)
answer, streamed_answer = asyncio.run(loops())
found = {
    "completed": older.complete("hi").text,
    "completed_deltas": deltas_of(older.stream_complete("hi")),
    "whole": whole.message.content,
    "tokens": whole.raw.usage.total_tokens,
    "deltas": deltas_of(chat.stream_chat(hi)),
    "loop": answer,
    "streamed_loop": streamed_answer,
    "forms": [chat.as_structured_llm(Report).complete(WANTS_FORM).raw.model_dump()],
    "seen": chat.chat([ChatMessage(blocks=[picture, TextBlock(text="What is this?")])]).message.content,
    "dimensions": [len(vector) for vector in embedding.get_text_embedding_batch(["one", "two"])],
    "query": len(embedding.get_query_embedding("three")),
}
try:
    chat.complete("fail")
except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
    found["refused"] = str(error)
stream = chat.stream_chat([ChatMessage("wait")])
found["before_cancel"] = next(answer.delta for answer in stream if answer.delta)
stream.close()
print(json.dumps(found))
