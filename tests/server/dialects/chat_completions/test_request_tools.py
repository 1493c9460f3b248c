"""Tools, choices, calls and formats of Chat Completions: what the shared conversations do not cover."""

import json
from typing import Any

import pytest

from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, Tool, ToolChoice
from server.dialects.chat_completions.request import parse_chat, reply_options, request_from_chat
from server.dialects.common.answers.answer_format import ANSWER_TOOL
from server.dialects.common.tools.tool_pairing import NO_RESULT
from server.errors import InvalidRequest

HALF = "\ufffd"
ARGUMENTS = '{"at": "it"}'
NO_ARGUMENTS: list[object] = ["", " \n", "null", None, [], "[]", '""', {}, ' "{}" ']
HELLO = {"role": "user", "content": "Hello"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "pattern": "^(a+)+$"}}, "$comment": "kept"}
WEATHER = Tool("get.weather", "The weather.", json.dumps(SCHEMA))
NESTED = {
    "type": "function",
    "function": {"name": "get.weather", "description": "The weather.", "parameters": SCHEMA, "strict": True},
}
FLAT = {"type": "function", "name": "get.weather", "description": "The weather.", "parameters": SCHEMA}


def request(*messages: object, **fields: object) -> ModelRequest:
    return request_from_chat(parse_chat({"messages": list(messages) or [HELLO], **fields}), owner="local")


def refusal(*messages: object, **fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        request(*messages, **fields)
    return caught.value


def call(id_: str, name: str = "look", arguments: object = '{"at": "it"}', **more: object) -> dict[str, object]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*made: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "tool_calls": list(made), **more}


def result(id_: str, content: object = "seen", **more: object) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": id_, "content": content, **more}


class TestTools:
    @pytest.mark.parametrize("tool", [NESTED, FLAT, {"function": NESTED["function"]}])
    def test_a_function_nested_flat_or_without_a_type(self, tool: object) -> None:
        found = request(tools=[tool])
        assert found.profile.tools == (WEATHER,)
        assert found.settings.tool_choice == ToolChoice()

    def test_a_function_of_2023(self) -> None:
        found = request(functions=[NESTED["function"]])
        assert found.profile.tools == (WEATHER,)
        assert not found.settings.tool_choice.parallel

    @pytest.mark.parametrize(
        ("parameters", "schema"),
        [
            ({}, {"type": "object", "properties": {}}),
            ("{}", {"type": "object", "properties": {}}),
            (SCHEMA, SCHEMA),
        ],
    )
    def test_a_schema_that_claude_takes_is_unchanged(self, parameters: Any, schema: Any) -> None:
        (tool,) = request(
            tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}]
        ).profile.tools
        assert json.loads(tool.schema) == schema

    @pytest.mark.parametrize(
        "tool",
        [
            {"type": "custom", "name": "ApplyPatch", "description": "d", "format": {"type": "text"}},
            {"type": "custom", "custom": {"name": "ApplyPatch", "description": "d"}},
        ],
    )
    def test_a_custom_tool_takes_raw_text(self, tool: object) -> None:
        (found,) = request(tools=[tool]).profile.tools
        assert (found.name, found.description, found.takes_text) == ("ApplyPatch", "d", True)
        assert json.loads(found.schema)["required"] == ["input"]

    def test_strict_is_reported_as_without_effect(self) -> None:
        assert request(tools=[NESTED]).ignored == ("tools[].function.strict",)
        assert request(tools=[FLAT]).ignored == ()

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"functions": [{"name": "f", "parameters": {"type": "array"}}]}, "functions[0].parameters.type"),
            ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
            ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
            ({"tools": [{"type": "function", "name": "f", "parameters": "x"}]}, "tools[0].parameters"),
        ],
    )
    def test_a_bad_tool_is_refused(self, fields: dict[str, object], param: str) -> None:
        assert refusal(**fields).param == param


class TestChoice:
    TOOLS = [NESTED, {"type": "custom", "name": "patch"}]  # noqa: RUF012 # a test's constant

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ({"type": "function", "name": "get.weather"}, ToolChoice("tool", "get.weather")),
            ({"type": "tool", "name": "patch"}, ToolChoice("tool", "patch")),
        ],
    )
    def test_a_named_tool_in_other_forms(self, choice: object, expected: ToolChoice) -> None:
        assert request(tools=self.TOOLS, tool_choice=choice).settings.tool_choice == expected

    def test_one_call_at_a_time(self) -> None:
        assert request(tools=self.TOOLS, parallel_tool_calls=False).settings.tool_choice == ToolChoice(parallel=False)
        assert request(tools=self.TOOLS, parallel_tool_calls=True).settings.tool_choice == ToolChoice()

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [("none", "none"), ("auto", "auto"), ({"name": "get.weather"}, "tool")],
    )
    def test_function_call_of_2023(self, choice: object, expected: str) -> None:
        assert request(functions=[NESTED["function"]], function_call=choice).settings.tool_choice.mode == expected

    @pytest.mark.parametrize("is_nested", [True, False])
    def test_only_allowed_tools_are_offered(self, is_nested: bool) -> None:
        allowed = {"mode": "required", "tools": [{"type": "custom", "name": "patch"}]}
        choice = {"type": "allowed_tools", **({"allowed_tools": allowed} if is_nested else allowed)}
        found = request(tools=self.TOOLS, tool_choice=choice)
        assert [tool.name for tool in found.profile.tools] == ["patch"]
        assert found.settings.tool_choice == ToolChoice("any")

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"tool_choice": {"type": "function"}}, "tool_choice"),
            ({"tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice"),
            ({"tool_choice": 7}, "tool_choice"),
            ({"function_call": {"name": "missing"}}, "function_call"),
        ],
    )
    def test_a_choice_that_no_tool_satisfies_is_refused(self, fields: dict[str, object], param: str) -> None:
        error = refusal(tools=self.TOOLS, **fields)
        assert error.param == param

    @pytest.mark.parametrize("choice", [None, "auto", "none", {"type": "auto"}])
    def test_a_choice_without_tools_changes_nothing(self, choice: object) -> None:
        assert request(tools=[], tool_choice=choice, parallel_tool_calls=False) == request()


class TestConversation:
    @pytest.mark.parametrize("more", [{}, {"content": None}, {"content": ""}, {"content": " \n"}, {"content": []}])
    def test_calls_without_text(self, more: dict[str, object]) -> None:
        found = request(HELLO, calls(call("c1"), **more), result("c1"))
        assert found.messages[1].parts == (ToolCall("c1", "look", '{"at": "it"}'),)

    @pytest.mark.parametrize(
        ("content", "texts"),
        [
            ("", []),
            (None, []),
            ([], []),
            (" \n", [" \n"]),
            (["a", {"type": "text", "text": "b"}], ["a", "b"]),
        ],
    )
    def test_the_content_of_a_result(self, content: object, texts: list[str]) -> None:
        found = request(HELLO, calls(call("c1")), result("c1", content))
        assert found.messages[2].parts == (ToolResult("c1", tuple(map(Text, texts))),)

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ('{"a":1}', '{"a":1}'),
            ("not json", "not json"),
            ({"a": "é"}, '{"a": "é"}'),
            ("[1]", "[1]"),
            ('"text"', '"text"'),
            # What clients write for "no arguments", and arguments that were encoded twice.
            *[(empty, "{}") for empty in NO_ARGUMENTS],
            ('"{\\"a\\": 1}"', '{"a": 1}'),
        ],
    )
    def test_arguments_are_unchanged(self, given: object, kept: str) -> None:
        """What is no JSON object is wrapped in one later, under INVALID_JSON, as Anthropic's guide advises."""
        found = request(HELLO, calls(call("c1", arguments=given)), result("c1"))
        assert found.messages[1].parts == (ToolCall("c1", "look", kept),)

    def test_raw_text_is_wrapped_even_if_its_tool_is_not_allowed_now(self) -> None:
        made = {"id": "c1", "type": "function", "function": {"name": "patch", "arguments": "*** Begin"}}
        choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]}
        tools = [{"type": "custom", "name": "patch"}, {"type": "function", "name": "look"}]
        found = request(HELLO, calls(made), result("c1"), tools=tools, tool_choice=choice)
        (call,) = found.messages[1].parts
        assert isinstance(call, ToolCall)
        assert json.loads(call.arguments) == {"input": "*** Begin"}

    def test_calls_of_2023_get_stable_ids(self) -> None:
        made = {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}
        given = {"role": "function", "name": "look", "content": "seen"}
        short = request(HELLO, made, given).messages
        assert short[1].parts == (ToolCall("function_call_1", "look", "{}"),)
        assert short[2].parts == (ToolResult("function_call_1", (Text("seen"),)),)
        long = request(HELLO, made, given, made, given).messages
        assert long[:3] == short
        assert long[3].parts == (ToolCall("function_call_3", "look", "{}"),)

    def test_calls_and_results_without_ids_are_paired_by_name_and_order(self) -> None:
        def made(name: str, number: int) -> dict[str, object]:
            return {"type": "function", "function": {"name": name, "arguments": {"n": number}}}

        sent = calls(made("look", 1), made("listen", 2), made("look", 3))
        results: list[dict[str, object]] = [
            {"role": "tool", "name": "listen", "content": "2"},
            {"role": "tool", "tool_name": "look", "content": "1"},
            {"role": "tool", "content": "3"},
        ]
        found = request(HELLO, sent, *results, sent, *results, HELLO)
        for calling, answering in (found.messages[1:3], found.messages[3:5]):
            answers = {part.id: part.parts for part in answering.parts if isinstance(part, ToolResult)}
            for call in calling.parts:
                assert isinstance(call, ToolCall)
                assert answers[call.id] == (Text(str(json.loads(call.arguments)["n"])),)
        assert found.ignored == ()
        assert request(HELLO, sent, *results).messages == found.messages[:3]

    def test_a_result_after_the_users_text_and_a_call_without_a_result(self) -> None:
        found = request(HELLO, calls(call("c1"), call("c2")), HELLO, result("c1"))
        assert found.messages[2].parts == (
            ToolResult("c1", (Text("seen"),)),
            ToolResult("c2", (Text(NO_RESULT),), is_error=True),
            Text("Hello"),
        )
        assert found.ignored == ("messages (no result for c2)",)

    def test_a_conversation_that_ends_with_calls_is_answered_without_their_results(self) -> None:
        found = request(HELLO, calls(call("c1"), content="Wait."))
        assert found.messages[2:] == (Message("user", (ToolResult("c1", (Text(NO_RESULT),), is_error=True),)),)
        assert found.ignored == ("messages (no result for c1)",)

    @pytest.mark.parametrize(
        ("message", "place", "kept"),
        [
            (calls(call("c", "\ud800")), "messages[1].tool_calls[0].function.name", ToolCall("c", HALF, ARGUMENTS)),
            (
                calls(call("c", arguments='{"a": "\\ud800"}')),
                "messages[1].tool_calls[0].function.arguments",
                ToolCall("c", "look", f'{{"a": "{HALF}"}}'),
            ),
            (
                calls(call("c", arguments={"a": "\ud800"})),
                "messages[1].tool_calls[0].function.arguments.a",
                ToolCall("c", "look", f'{{"a": "{HALF}"}}'),
            ),
            ({"role": "assistant", "content": "a\ud800"}, "messages[1].content", Text(f"a{HALF}")),
            ({"role": "assistant", "content": ["\udc00b"]}, "messages[1].content[0]", Text(f"{HALF}b")),
        ],
    )
    def test_half_of_a_surrogate_pair_is_replaced_and_named(self, message: object, place: str, kept: object) -> None:
        found = request(HELLO, message, result("c"))
        assert found.messages[1].parts == (kept,)
        assert f"{place} (half of a surrogate pair)" in found.ignored

    def test_an_escaped_surrogate_pair_is_kept(self) -> None:
        found = request(HELLO, calls(call("c1", arguments='{"a": "\\ud83d\\ude00"}')), result("c1"))
        assert found.messages[1].parts == (ToolCall("c1", "look", '{"a": "\\ud83d\\ude00"}'),)


class TestForm:
    JSON = {"type": "json_object"}  # noqa: RUF012 # a test's constant

    @pytest.mark.parametrize(
        ("fields", "choice", "names"),
        [
            ({}, ToolChoice("tool", ANSWER_TOOL, parallel=False), [ANSWER_TOOL]),
            ({"tools": [FLAT]}, ToolChoice("any", parallel=False), ["get.weather", ANSWER_TOOL]),
            (
                {"tools": [FLAT], "tool_choice": "none"},
                ToolChoice("tool", ANSWER_TOOL, parallel=False),
                ["get.weather", ANSWER_TOOL],
            ),
            ({"tools": [FLAT], "tool_choice": "required"}, ToolChoice("any"), ["get.weather"]),
        ],
    )
    def test_json_object_is_a_call_of_the_answer_tool(
        self, fields: dict[str, object], choice: ToolChoice, names: list[str]
    ) -> None:
        request = parse_chat({"messages": [HELLO], "response_format": self.JSON, **fields})
        found = request_from_chat(request, owner="")
        assert found.settings.tool_choice == choice
        assert [tool.name for tool in found.profile.tools] == names
        form = reply_options(request, found)
        assert (form.answer.tool if form.answer else None) == (ANSWER_TOOL if ANSWER_TOOL in names else None)

    def test_thinking_is_never_inside_json(self) -> None:
        for fields, thoughts in [({"response_format": self.JSON}, "field"), ({}, "tags")]:
            request = parse_chat({"messages": [HELLO], **fields})
            found = request_from_chat(request, owner="", thoughts="tags")
            assert reply_options(request, found, thoughts="tags").reasoning == thoughts


class TestSettings:
    def test_sampling_is_forwarded_only_if_configured(self) -> None:
        request = parse_chat({"messages": [HELLO], "temperature": 0.3, "top_p": 0.5, "seed": 1})
        kept = request_from_chat(request, owner="")
        assert (kept.settings.temperature, kept.settings.top_p) == (None, None)
        assert kept.ignored == ("temperature", "top_p", "seed")
        sent = request_from_chat(request, owner="", forwards_sampling=True)
        assert (sent.settings.temperature, sent.settings.top_p) == (0.3, 0.5)
        assert sent.ignored == ("seed",)

    @pytest.mark.parametrize(
        ("fields", "effort", "thinks"),
        [
            ({}, None, True),
            ({"reasoning_effort": "none"}, "low", False),
            ({"reasoning_effort": "minimal"}, "low", True),
            ({"reasoning": {"effort": "high"}}, "high", True),
            ({"reasoning": {"effort": "none"}}, "low", False),
            ({"reasoning": {"enabled": False}}, "low", False),
            ({"reasoning": {"effort": "low"}, "reasoning_effort": "max"}, "max", True),
        ],
    )
    def test_effort_in_both_fields(self, fields: dict[str, object], effort: str | None, thinks: bool) -> None:
        found = request(**fields).settings
        assert (found.effort, found.thinks) == (effort, thinks)

    @pytest.mark.parametrize(
        ("thoughts", "fields", "asked"),
        [
            ("field", {}, False),
            ("field", {"reasoning": {"summary": "auto"}}, True),
            ("hidden", {"reasoning": {"summary": "auto"}}, False),
            ("tags", {}, True),
            ("tags", {"reasoning_effort": "none"}, False),
        ],
    )
    def test_thinking_is_requested_only_for_clients_that_show_it(
        self, thoughts: Any, fields: dict[str, object], asked: bool
    ) -> None:
        request = parse_chat({"messages": [HELLO], **fields})
        assert request_from_chat(request, owner="", thoughts=thoughts).settings.shows_thinking is asked

    def test_the_number_of_answers(self) -> None:
        assert request(n=8).choices == 8
        assert request().choices == 1
