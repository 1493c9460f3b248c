"""An agent of OpenAI's own kit on chat completions, whole and streamed, and one with a form. Prints one JSON line."""

import asyncio
import json
import sys

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from pydantic import BaseModel

QUESTION = "Which is warmer, Paris or Oslo, and by how much?"


@function_tool
def get_weather(city: str) -> str:
    """The temperature in a city, in degrees."""
    return {"Paris": "21", "Oslo": "9"}[city]


@function_tool
def difference(a: int, b: int) -> int:
    """What is left of a when b is taken away."""
    return a - b


class Report(BaseModel):
    """The weather in a city."""

    city: str
    degrees: int


async def main() -> None:
    """Runs all three."""
    set_tracing_disabled(disabled=True)
    client = AsyncOpenAI(base_url=sys.argv[1], api_key="anything", max_retries=0)
    model = OpenAIChatCompletionsModel(model="sonnet", openai_client=client)
    agent = Agent("Weather", instructions="Use the tools.", tools=[get_weather, difference], model=model)
    whole = (await Runner.run(agent, QUESTION)).final_output
    run = Runner.run_streamed(agent, QUESTION)
    events = [event async for event in run.stream_events()]
    called = [event.name for event in events if event.type == "run_item_stream_event"]
    reporter = Agent("Reporter", instructions="Report.", output_type=Report, model=model)
    form = (await Runner.run(reporter, "Oslo's weather, as JSON")).final_output.model_dump()
    print(json.dumps({"whole": whole, "streamed": run.final_output, "called": called, "form": form}))


asyncio.run(main())
