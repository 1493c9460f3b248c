"""Makes the computer use of an engine, which asks the person through the questions of agents."""

import secrets
from collections.abc import Callable

from server.agents.asking.approvals import OpenQuestions
from server.agents.asking.questions import Decision, Question, QuestionRefused
from server.config import Config
from server.desktop_tools.actions import ToolError
from server.desktop_tools.current import ComputerUse
from server.desktop_tools.session import Consent
from server.desktop_tools.words import QUESTION_PROJECT, QUESTION_TOOL
from server.status import ComputerQuestion

_CONSENTS: dict[Decision | None, Consent] = {"once": "once", "conversation": "session"}


def new_computer_use(
    config: Callable[[], Config], questions: OpenQuestions, on_change: Callable[[], None]
) -> ComputerUse:
    """Computer use without a session. `on_change` is called when its status has changed."""

    async def ask(sentence: str) -> Consent:
        id_ = secrets.token_hex(8)
        question = Question(id_, "", "", QUESTION_PROJECT, QUESTION_TOOL, description=sentence, may_remember=True)
        try:
            with computer.asking(ComputerQuestion(id_, sentence)):
                decision = await questions.ask(question)
        except QuestionRefused as error:
            raise ToolError(str(error)) from error
        if decision == "stop":
            computer.stop("question")
        return _CONSENTS.get(decision, "no")

    computer = ComputerUse(config, ask, on_change=on_change)
    return computer
