"""Tools, choices, calls and results of every spelling become the same turn."""

import json
from typing import Any

import pytest

from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, Tool, ToolChoice
from server.dialects.chat_completions.request import parse_chat, reply_options, request_from_chat
from server.dialects.chat_completions.request_format import ANSWER
from server.dialects.chat_completions.request_messages import PAIRS
from server.errors import InvalidRequest

HELLO = {"role": "user", "content": "Hello"}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string", "pattern": "^(a+)+$"}}, "$comment": "kept"}
WEATHER = Tool("get.weather", "The weather.", json.dumps(SCHEMA))
NESTED = {
    "type": "function",
    "function": {"name": "get.weather", "description": "The weather.", "parameters": SCHEMA, "strict": True},
}
FLAT = {"type": "function", "name": "get.weather", "description": "The weather.", "parameters": SCHEMA}


def turn(*messages: object, **fields: object) -> ModelRequest:
    return request_from_chat(parse_chat({"messages": list(messages) or [HELLO], **fields}), owner="local")


def refusal(*messages: object, **fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        turn(*messages, **fields)
    return caught.value


def call(id_: str, name: str = "look", arguments: object = '{"at": "it"}', **more: object) -> dict[str, object]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def calls(*made: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "tool_calls": list(made), **more}


def result(id_: str, content: object = "seen", **more: object) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": id_, "content": content, **more}


class TestTools:
    @pytest.mark.parametrize("tool", [NESTED, FLAT, {"function": NESTED["function"]}])
    def test_a_function_in_any_spelling(self, tool: object) -> None:
        found = turn(tools=[tool])
        assert found.profile.tools == (WEATHER,)
        assert found.settings.tool_choice == ToolChoice()

    def test_a_function_of_2023(self) -> None:
        found = turn(functions=[NESTED["function"]])
        assert found.profile.tools == (WEATHER,)
        assert not found.settings.tool_choice.parallel

    @pytest.mark.parametrize(
        ("parameters", "schema"),
        [
            (None, {"type": "object", "properties": {}}),
            ({}, {"type": "object", "properties": {}}),
            ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
            (
                {"type": "object", "anyOf": [{"$ref": "https://example.org/x"}]},
                {"type": "object", "anyOf": [{"$ref": "https://example.org/x"}]},
            ),
        ],
    )
    def test_a_schema_passes_as_it_is_once_it_is_an_objects(self, parameters: Any, schema: Any) -> None:
        (tool,) = turn(tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}]).profile.tools
        assert json.loads(tool.schema) == schema

    @pytest.mark.parametrize(
        "tool",
        [
            {"type": "custom", "name": "ApplyPatch", "description": "d", "format": {"type": "text"}},
            {"type": "custom", "custom": {"name": "ApplyPatch", "description": "d"}},
        ],
    )
    def test_a_custom_tool_takes_text(self, tool: object) -> None:
        (found,) = turn(tools=[tool]).profile.tools
        assert (found.name, found.description, found.takes_text) == ("ApplyPatch", "d", True)
        assert json.loads(found.schema)["required"] == ["input"]

    @pytest.mark.parametrize(
        "form",
        [
            {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: patch"}},
            {"type": "grammar", "syntax": "lark", "definition": "start: patch"},
        ],
    )
    def test_a_grammar_is_told_with_the_text(self, form: object) -> None:
        (found,) = turn(tools=[{"type": "custom", "name": "p", "format": form}]).profile.tools
        assert "(lark):\nstart: patch" in json.loads(found.schema)["properties"]["input"]["description"]

    def test_strictness_is_named_as_without_effect(self) -> None:
        assert turn(tools=[NESTED]).ignored == ("tools[].function.strict",)
        assert turn(tools=[FLAT]).ignored == ()

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"tools": [NESTED, FLAT]}, "tools[1]"),
            ({"tools": [NESTED], "functions": [NESTED["function"]]}, "functions[0]"),
            ({"tools": [{"type": "function"}]}, "tools[0].function.name"),
            ({"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
            ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
            ({"tools": [{"type": "function", "name": "f", "parameters": "x"}]}, "tools[0].parameters"),
            ({"tools": [{"type": "function", "name": "f", "description": "\ud800"}]}, "tools[0].description"),
            ({"tools": [{"type": "function", "name": "f", "parameters": {"a": ["\udfff"]}}]}, "tools[0].parameters"),
        ],
    )
    def test_what_is_no_tool_is_refused_by_its_place(self, fields: dict[str, object], param: str) -> None:
        assert refusal(**fields).param == param


class TestChoice:
    TOOLS = [NESTED, {"type": "custom", "name": "patch"}]  # noqa: RUF012 # a test's constant

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            (None, ToolChoice()),
            ("auto", ToolChoice()),
            ("none", ToolChoice("none")),
            ("required", ToolChoice("any")),
            ("any", ToolChoice("any")),
            ({"type": "auto"}, ToolChoice()),
            ({"type": "function", "function": {"name": "get.weather"}}, ToolChoice("tool", "get.weather")),
            ({"type": "function", "name": "get.weather"}, ToolChoice("tool", "get.weather")),
            ({"type": "custom", "custom": {"name": "patch"}}, ToolChoice("tool", "patch")),
            ({"type": "tool", "name": "patch"}, ToolChoice("tool", "patch")),
        ],
    )
    def test_every_spelling(self, choice: object, expected: ToolChoice) -> None:
        assert turn(tools=self.TOOLS, tool_choice=choice).settings.tool_choice == expected

    def test_one_call_at_a_time(self) -> None:
        assert turn(tools=self.TOOLS, parallel_tool_calls=False).settings.tool_choice == ToolChoice(parallel=False)
        assert turn(tools=self.TOOLS, parallel_tool_calls=True).settings.tool_choice == ToolChoice()

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [("none", "none"), ("auto", "auto"), ({"name": "get.weather"}, "tool")],
    )
    def test_the_form_of_2023(self, choice: object, expected: str) -> None:
        assert turn(functions=[NESTED["function"]], function_call=choice).settings.tool_choice.mode == expected

    @pytest.mark.parametrize("is_nested", [True, False])
    def test_allowed_tools_are_all_that_is_offered(self, is_nested: bool) -> None:
        allowed = {"mode": "required", "tools": [{"type": "custom", "name": "patch"}]}
        choice = {"type": "allowed_tools", **({"allowed_tools": allowed} if is_nested else allowed)}
        found = turn(tools=self.TOOLS, tool_choice=choice)
        assert [tool.name for tool in found.profile.tools] == ["patch"]
        assert found.settings.tool_choice == ToolChoice("any")

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"tool_choice": "sometimes"}, "tool_choice"),
            ({"tool_choice": {"type": "function"}}, "tool_choice"),
            ({"tool_choice": {"type": "function", "name": "nobody"}}, "tool_choice"),
            ({"tool_choice": {"type": "allowed_tools", "tools": []}}, "tool_choice"),
            ({"tool_choice": 7}, "tool_choice"),
            ({"function_call": {"name": "nobody"}}, "function_call"),
        ],
    )
    def test_a_choice_of_nothing_is_refused(self, fields: dict[str, object], param: str) -> None:
        error = refusal(tools=self.TOOLS, **fields)
        assert error.param == param

    @pytest.mark.parametrize("choice", [None, "auto", "none", {"type": "auto"}])
    def test_no_tools_and_no_wish_for_a_call_is_a_plain_request(self, choice: object) -> None:
        assert turn(tools=[], tool_choice=choice, parallel_tool_calls=False) == turn()


class TestConversation:
    def test_calls_and_results_are_turns(self) -> None:
        found = turn(HELLO, calls(call("c1", index=0), call("c2"), content="Wait."), result("c1"), result("c2"))
        assert found.messages == (
            Message("user", (Text("Hello"),)),
            Message(
                "assistant",
                (Text("Wait."), ToolCall("c1", "look", '{"at": "it"}'), ToolCall("c2", "look", '{"at": "it"}')),
            ),
            Message("user", (ToolResult("c1", (Text("seen"),)), ToolResult("c2", (Text("seen"),)))),
        )

    @pytest.mark.parametrize("more", [{}, {"content": None}, {"content": ""}, {"content": " \n"}, {"content": []}])
    def test_calls_without_words(self, more: dict[str, object]) -> None:
        found = turn(HELLO, calls(call("c1"), **more), result("c1"))
        assert found.messages[1].parts == (ToolCall("c1", "look", '{"at": "it"}'),)

    def test_results_in_any_order_and_a_question_after_them_are_one_turn_results_first(self) -> None:
        made = calls(call("c1"), call("c2"))
        found = turn(HELLO, made, result("c2", "two", name="look"), result("c1", "one"), {**HELLO, "content": "And?"})
        assert found.messages[2].parts == (
            ToolResult("c1", (Text("one"),)),
            ToolResult("c2", (Text("two"),)),
            Text("And?"),
        )
        assert found.ignored == ()

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
    def test_a_result_may_be_anything(self, content: object, texts: list[str]) -> None:
        found = turn(HELLO, calls(call("c1")), result("c1", content))
        assert found.messages[2].parts == (ToolResult("c1", tuple(map(Text, texts))),)

    @pytest.mark.parametrize(
        ("given", "kept"),
        [('{"a":1}', '{"a":1}'), ("", ""), ("not json", "not json"), ({"a": "é"}, '{"a": "é"}'), ("[1]", "[1]")],
    )
    def test_arguments_are_kept_as_they_came(self, given: object, kept: str) -> None:
        """What is no JSON object reaches Claude in one, under INVALID_JSON, as its API's guide says."""
        found = turn(HELLO, calls(call("c1", arguments=given)), result("c1"))
        assert found.messages[1].parts == (ToolCall("c1", "look", kept),)

    @pytest.mark.parametrize(
        "made",
        [
            call("c1", "patch", "*** Begin"),
            {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
        ],
    )
    def test_the_raw_text_of_a_custom_tool_goes_back_in_its_wrapping(self, made: object) -> None:
        found = turn(HELLO, calls(made), result("c1"), tools=[{"type": "custom", "name": "patch"}])
        assert found.messages[1].parts == (ToolCall("c1", "patch", '{"input": "*** Begin"}'),)

    def test_also_where_that_tool_may_not_be_called_now(self) -> None:
        made = {"id": "c1", "type": "function", "function": {"name": "patch", "arguments": "*** Begin"}}
        choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]}
        tools = [{"type": "custom", "name": "patch"}, {"type": "function", "name": "look"}]
        found = turn(HELLO, calls(made), result("c1"), tools=tools, tool_choice=choice)
        (call,) = found.messages[1].parts
        assert isinstance(call, ToolCall)
        assert json.loads(call.arguments) == {"input": "*** Begin"}

    def test_calls_of_2023_get_ids_that_stay_the_same(self) -> None:
        made = {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}}
        given = {"role": "function", "name": "look", "content": "seen"}
        short = turn(HELLO, made, given).messages
        assert short[1].parts == (ToolCall("function_call_1", "look", "{}"),)
        assert short[2].parts == (ToolResult("function_call_1", (Text("seen"),)),)
        long = turn(HELLO, made, given, made, given).messages
        assert long[:3] == short
        assert long[3].parts == (ToolCall("function_call_3", "look", "{}"),)

    @pytest.mark.parametrize(
        ("messages", "words"),
        [
            ([HELLO, calls(call("c1"))], "did not have response messages: c1"),
            ([HELLO, calls(call("c1"), call("c2")), result("c1")], "did not have response messages: c2"),
            ([HELLO, calls(call("c1")), HELLO, HELLO], "must be followed by tool messages"),
            ([HELLO, result("c1")], "must be a response to a preceeding message with 'tool_calls'"),
            ([HELLO, calls(call("c1")), result("c1"), result("c9")], "must be a response to a preceeding message"),
            ([HELLO, {"role": "function", "name": "f", "content": "x"}], "must be a response to a preceeding message"),
        ],
    )
    def test_calls_and_results_without_each_other_are_refused_in_openais_words(
        self, messages: list[object], words: str
    ) -> None:
        error = refusal(*messages)
        assert words in error.message
        assert error.message.split("{")[0][:40] in PAIRS.unanswered + PAIRS.unasked

    @pytest.mark.parametrize(
        ("message", "param"),
        [
            (calls(call("\ud800")), "messages[1].tool_calls[0].id"),
            (calls(call("c", "\ud800")), "messages[1].tool_calls[0].function.name"),
            (calls(call("c", arguments="\ud800")), "messages[1].tool_calls[0].function.arguments"),
            (calls(call("c", arguments='{"a": "\\ud800"}')), "messages[1].tool_calls[0].function.arguments"),
            (calls(call("c", arguments={"a": "\ud800"})), "messages[1].tool_calls[0].function.arguments"),
            (result("c", "\ud800"), "messages[1].content"),
            (result("c", [{"type": "text", "text": "\ud800"}]), "messages[1].content[0].text"),
        ],
    )
    def test_half_a_character_is_refused_by_its_place(self, message: object, param: str) -> None:
        error = refusal(HELLO, message)
        assert error.param == param
        assert "surrogate" in error.message

    def test_a_whole_pair_in_escapes_is_a_character(self) -> None:
        found = turn(HELLO, calls(call("c1", arguments='{"a": "\\ud83d\\ude00"}')), result("c1"))
        assert found.messages[1].parts == (ToolCall("c1", "look", '{"a": "\\ud83d\\ude00"}'),)


class TestForm:
    JSON = {"type": "json_object"}  # noqa: RUF012 # a test's constant

    def test_a_schema_is_claudes_own_business(self) -> None:
        schema = {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}
        found = turn(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
        assert json.loads(found.settings.schema or "")["properties"]["age"]["description"] == "minimum: 0"
        assert found.ignored == ("response_format.json_schema.schema.properties.age.minimum",)
        assert found.profile.tools == ()

    @pytest.mark.parametrize(
        ("fields", "choice", "names"),
        [
            ({}, ToolChoice("tool", ANSWER.name, parallel=False), [ANSWER.name]),
            ({"tools": [FLAT]}, ToolChoice("any", parallel=False), ["get.weather", ANSWER.name]),
            (
                {"tools": [FLAT], "tool_choice": "none"},
                ToolChoice("tool", ANSWER.name, parallel=False),
                ["get.weather", ANSWER.name],
            ),
            ({"tools": [FLAT], "tool_choice": "required"}, ToolChoice("any"), ["get.weather"]),
        ],
    )
    def test_any_json_object_is_the_call_of_a_tool(
        self, fields: dict[str, object], choice: ToolChoice, names: list[str]
    ) -> None:
        request = parse_chat({"messages": [HELLO], "response_format": self.JSON, **fields})
        found = request_from_chat(request, owner="")
        assert found.settings.tool_choice == choice
        assert [tool.name for tool in found.profile.tools] == names
        form = reply_options(request, found)
        assert form.answer_tool == (ANSWER.name if ANSWER.name in names else None)

    def test_thoughts_never_stand_in_json(self) -> None:
        for fields, thoughts in [({"response_format": self.JSON}, "field"), ({}, "tags")]:
            request = parse_chat({"messages": [HELLO], **fields})
            found = request_from_chat(request, owner="", thoughts="tags")
            assert reply_options(request, found, thoughts="tags").reasoning == thoughts


class TestSettings:
    def test_sampling_is_forwarded_only_where_the_setting_says_so(self) -> None:
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
    def test_effort_in_both_spellings(self, fields: dict[str, object], effort: str | None, thinks: bool) -> None:
        found = turn(**fields).settings
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
    def test_thoughts_are_asked_for_only_by_who_wants_them(
        self, thoughts: Any, fields: dict[str, object], asked: bool
    ) -> None:
        request = parse_chat({"messages": [HELLO], **fields})
        assert request_from_chat(request, owner="", thoughts=thoughts).settings.shows_thinking is asked

    def test_several_answers(self) -> None:
        assert turn(n=8).choices == 8
        assert turn().choices == 1
