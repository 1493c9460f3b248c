"""Pydantic AI on the Responses API. Prints one JSON line."""

import asyncio
import base64

from openai import AsyncOpenAI
from pydantic_ai import Agent, BinaryContent, NativeOutput
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from responses_scenario import FORM, PICTURE, QUESTION, TOOLS, URL, Report, report


async def main() -> None:
    """Runs everything."""
    client = AsyncOpenAI(base_url=URL, api_key="anything", max_retries=0)
    model = OpenAIResponsesModel("sonnet", provider=OpenAIProvider(openai_client=client))
    plain = Agent(model, instructions="Be terse.")
    whole = await plain.run("hi")
    async with plain.run_stream("hi") as stream:
        streamed = [text async for text in stream.stream_text(delta=True, debounce_by=None)]
    agent = Agent(model, instructions="Use the tools.")
    for one in TOOLS:
        agent.tool_plain(one)
    loop = (await agent.run(QUESTION)).output
    pieces = []
    async with agent.iter(QUESTION) as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as stream:
                    pieces += [text async for text in stream.stream_text(delta=True, debounce_by=None)]
    forms = [
        (await Agent(model, output_type=output).run(FORM)).output.model_dump()
        for output in (NativeOutput(Report), Report)
    ]
    png = BinaryContent(base64.b64decode(PICTURE), media_type="image/png")
    picture = (await plain.run(["What is this?", png])).output
    try:
        refused = (await plain.run("fail")).output
    except Exception as error:  # noqa: BLE001 # whatever the client raises is what its user sees
        refused = str(error)
    async with plain.run_stream("Wait.") as stream:
        async for text in stream.stream_text(delta=True, debounce_by=None):
            begun = text
            break
        await stream.cancel()
    report(
        whole=whole.output,
        total=whole.usage.total_tokens,
        streamed=streamed,
        loop=loop,
        streamed_loop=[run.result.output, "".join(pieces)],
        form=forms[0],
        form_by_tool=forms[1],
        picture=picture,
        refused=refused,
        begun=begun,
    )


asyncio.run(main())
