"""OpenAI's own kit for agents in its default mode, with a session that compacts itself. Prints one JSON line."""

import asyncio

from agents import (
    Agent,
    OpenAIResponsesCompactionSession,
    OpenAIResponsesModel,
    Runner,
    SQLiteSession,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from responses_scenario import FORM, PICTURE, QUESTION, TOOLS, URL, Report, report

LOOK = [
    {"type": "input_text", "text": "What is this?"},
    {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"},
]


async def texts(run):
    """The pieces of text of a streamed run."""
    async for event in run.stream_events():
        if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
            yield event.data.delta


async def main() -> None:
    """Runs everything."""
    set_tracing_disabled(disabled=True)
    client = AsyncOpenAI(base_url=URL, api_key="anything", max_retries=0)
    model = OpenAIResponsesModel(model="sonnet", openai_client=client)
    plain = Agent("Plain", instructions="Be terse.", model=model)
    whole = await Runner.run(plain, "hi")
    streamed = [text async for text in texts(Runner.run_streamed(plain, "hi"))]
    agent = Agent("Weather", instructions="Use the tools.", tools=[function_tool(one) for one in TOOLS], model=model)
    loop = (await Runner.run(agent, QUESTION)).final_output
    run = Runner.run_streamed(agent, QUESTION)
    pieces = [text async for text in texts(run)]
    reporter = Agent("Reporter", instructions="Report.", output_type=Report, model=model)
    form = (await Runner.run(reporter, FORM)).final_output
    picture = (await Runner.run(plain, [{"role": "user", "content": LOOK}])).final_output
    try:
        refused = (await Runner.run(plain, "fail")).final_output
    except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
        refused = str(error)
    held = Runner.run_streamed(plain, "Wait.")
    async for text in texts(held):
        begun = text
        held.cancel()
    session = OpenAIResponsesCompactionSession("a", SQLiteSession("a"), client=client)
    await Runner.run(plain, "hi", session=session)
    await session.run_compaction({"force": True})
    after = (await Runner.run(plain, "Go on.", session=session)).final_output
    report(
        whole=whole.final_output,
        total=whole.context_wrapper.usage.total_tokens,
        streamed=streamed,
        loop=loop,
        streamed_loop=[run.final_output, "".join(pieces)],
        form=form.model_dump(),
        picture=picture,
        refused=refused,
        begun=begun,
        after=after,
    )


asyncio.run(main())
