"""An hour of a client whose system prompt ends in the time of day, so that no two minutes have the same prompt."""

from tests.bench.measuring import Found, Timing, line
from tests.bench.scene import KNOWN, Scene
from tests.bench.upstream import WORDS

# Turns of a conversation, each a minute after the one before.
_TURNS = 3


async def measure_hour(scene: Scene) -> list[Found]:
    """One request for each minute of an hour; the minutes do not pass. Counts the processes that answered."""
    await scene.settle()
    timings: list[Timing] = []
    first = {process.pid for process in scene.bridge.workers()}
    used = set(first)
    turns: list[str] = []
    for minute in range(scene.scale.minutes):
        turns = [*turns, WORDS] if minute % _TURNS else []
        turns = [*turns, scene.new("And now?")]
        timings.append(await scene.caller.ask(turns, system=f"{KNOWN} It is {minute // 60 + 9:02}:{minute % 60:02}."))
        await scene.settle()
        used |= {process.pid for process in scene.bridge.workers()}
    name = f"{scene.scale.minutes} minutes of a client with the time in its prompt"
    return [line(name, timings, note=f"{len(used - first)} processes started")]
