"""Requests that refer to stored responses and items, and the routes of stored responses."""

from typing import Any

import pytest
from openai.types.responses import ResponseItemList

from server.conversation.events import Failed, StopReason
from server.conversation.parts import Message, Text, Thinking, ToolCall, ToolResult
from server.dialects.common.response_store import NoStore, StoredResponse
from server.dialects.responses.stored_context import with_stored_context
from server.errors import InvalidRequest, WorkerDied
from server.web.access.policy import AccessPolicy
from tests.server.dialects.answers import answer, call, text, thinking
from tests.server.dialects.responses.kit import strict_response
from tests.server.dialects.responses.scene import open_scene
from tests.server.web.scene import FakeEngine, client, served

TOOL = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}


def texts(messages: tuple[Message, ...]) -> list[tuple[str, str]]:
    return [(m.role, "|".join(part.text for part in m.parts if isinstance(part, Text))) for m in messages]


async def test_a_response_is_continued_with_new_items_only() -> None:
    async with open_scene() as scene:
        first = await scene.ask("Hi", instructions="Be brief.")
        second = await scene.ask("And?", previous_response_id=first["id"])
        third = await scene.ask([{"role": "user", "content": "So?"}], previous_response_id=second["id"])
        assert texts(scene.last.messages) == [
            ("user", "Hi"),
            ("assistant", "Hello."),
            ("user", "And?"),
            ("assistant", "Hello."),
            ("user", "So?"),
        ]
        assert third["previous_response_id"] == second["id"]
        assert scene.engine.requests[0].profile.system == "Be brief."
        # Instructions are not carried over.
        assert scene.last.profile.system == ""
        assert scene.last.ignored == ()


async def test_a_call_is_answered_by_its_result_alone() -> None:
    thought = thinking(0, "Look first.")
    async with open_scene(answer(thought, call(1, "look")), answer(text(0, "Seen."))) as scene:
        first = await scene.ask("Hi", tools=[TOOL], reasoning={"effort": "high"})
        output = {"type": "function_call_output", "call_id": "toolu_1", "output": "a bridge"}
        await scene.ask([output], previous_response_id=first["id"], tools=[TOOL])
        assert scene.last.messages[1:] == (
            Message("assistant", (Thinking("Look first.", "seal"), ToolCall("toolu_1", "look", "{}"))),
            Message("user", (ToolResult("toolu_1", (Text("a bridge"),)),)),
        )


@pytest.mark.parametrize("store", [True, None])
async def test_items_are_found_by_reference(store: bool | None) -> None:
    async with open_scene(answer(thinking(0, "Hm."), text(1, "Hello."))) as scene:
        first = await scene.ask("Hi", reasoning={"summary": "auto"}, store=store)
        references = [{"type": "item_reference", "id": item["id"]} for item in first["output"]]
        hi, more = ({"role": "user", "content": content} for content in ("Hi", "And?"))
        await scene.ask([hi, *references, more])
        assert scene.last.messages[1] == Message("assistant", (Thinking("Hm.", "seal"), Text("Hello.")))
        assert scene.last.ignored == ()
        # As clients send reasoning that they did not keep as it was.
        await scene.ask([hi, {"id": first["output"][0]["id"], "type": "reasoning", "summary": []}, references[1], more])
        assert scene.last.messages[1] == Message("assistant", (Thinking("Hm.", "seal"), Text("Hello.")))


async def test_what_is_not_stored_is_not_found() -> None:
    async with open_scene() as scene:
        kept = await scene.ask("Hi", store=False)
        assert kept["store"] is False
        for id_ in (kept["id"], "resp_unknown"):
            reply = await scene.post({"input": "And?", "previous_response_id": id_})
            error = reply.json()["error"]
            assert (reply.status_code, error["code"]) == (400, "previous_response_not_found")
            assert (error["param"], error["type"]) == ("previous_response_id", "invalid_request_error")
            assert id_ in error["message"]
        for id_ in (kept["output"][0]["id"], "msg_unknown"):
            reply = await scene.post({"input": ["Hi", {"type": "item_reference", "id": id_}]})
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, "input[1].id")
            assert id_ in reply.json()["error"]["message"]
        assert len(scene.engine.requests) == 1


async def test_an_unfinished_answer_is_not_stored_and_one_at_its_limit_is() -> None:
    failed = [*answer(text(0, "Hel"))[:-1], Failed(WorkerDied())]
    async with open_scene(failed, answer(text(0, "Once"), reason=StopReason.LENGTH)) as scene:
        events = await scene.stream("Hi")
        id_ = events[-1]["response"]["id"]
        assert (await scene.http.get(f"/v1/responses/{id_}")).status_code == 404
        events = await scene.stream("Hi")
        id_ = events[-1]["response"]["id"]
        stored = (await scene.http.get(f"/v1/responses/{id_}")).json()
        assert stored == events[-1]["response"]
        assert stored["status"] == "incomplete"


async def test_places_are_those_of_the_clients_own_items() -> None:
    wrong = {"role": "user", "content": [{"type": "input_image"}]}
    odd = {"type": "something_new", "id": "n"}
    async with open_scene() as scene:
        first = await scene.ask([{"role": "user", "content": "Hi"}, odd, {"role": "user", "content": "Now."}])
        reply = await scene.post({"input": ["a", wrong], "previous_response_id": first["id"]})
        error = reply.json()["error"]
        assert error["param"] == "input[1].content[0].image_url"
        assert error["message"].startswith("input[1].content[0].image_url is required")
        again = await scene.post({"input": [odd, "a"], "previous_response_id": first["id"]})
        assert again.headers["x-drawbridge-ignored"] == "input[0] (something_new)"


async def test_a_stored_response_is_read_and_deleted() -> None:
    async with open_scene() as scene:
        made = await scene.ask("Hi", metadata={"a": "b"}, max_output_tokens=50)
        path = f"/v1/responses/{made['id']}"
        read = await scene.http.get(path)
        assert read.json() == made
        assert strict_response(made).metadata == {"a": "b"}
        assert (await scene.http.get(path, params={"stream": "true"})).status_code == 400
        cancelled = await scene.http.post(f"{path}/cancel", json={})
        assert cancelled.status_code == 400
        assert "background" in cancelled.json()["error"]["message"]
        deleted = await scene.http.delete(path)
        assert deleted.json() == {"id": made["id"], "object": "response", "deleted": True}
        for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/input_items"), ("POST", "/cancel")):
            reply = await scene.http.request(method, path + rest)
            assert reply.status_code == 404
            assert made["id"] in reply.json()["error"]["message"]


async def test_the_input_is_listed_from_the_newest_item() -> None:
    async with open_scene() as scene:
        first = await scene.ask("one")
        answered: list[Any] = [{"role": "assistant", "content": "two"}, {"role": "user", "content": "three"}]
        second = await scene.ask(answered, previous_response_id=first["id"])
        path = f"/v1/responses/{second['id']}/input_items"
        whole = (await scene.http.get(path)).json()
        ResponseItemList.model_validate(whole, strict=True)
        shown = [item["content"][0]["text"] for item in whole["data"]]
        assert shown == ["three", "two", "Hello.", "one"]
        assert (whole["first_id"], whole["last_id"]) == (whole["data"][0]["id"], whole["data"][-1]["id"])
        page = (await scene.http.get(path, params={"order": "asc", "limit": "2"})).json()
        assert ([item["content"][0]["text"] for item in page["data"]], page["has_more"]) == (["one", "Hello."], True)
        rest = (await scene.http.get(path, params={"order": "asc", "after": page["last_id"]})).json()
        assert ([item["content"][0]["text"] for item in rest["data"]], rest["has_more"]) == (["two", "three"], False)
        for wrong in ({"limit": "0"}, {"limit": "x"}, {"order": "up"}, {"after": "nothing"}):
            assert (await scene.http.get(path, params=wrong)).status_code == 400


async def test_no_key_sees_what_another_one_stored() -> None:
    app = served(FakeEngine(), policy=AccessPolicy(key="first"))
    async with client(app, authorization="Bearer first") as http:
        made = (await http.post("/v1/responses", json={"input": "Hi"})).json()
        assert (await http.get(f"/v1/responses/{made['id']}")).status_code == 200
    app._policy = lambda: AccessPolicy(key="second")  # the same server after a change of the key
    async with client(app, authorization="Bearer second") as http:
        assert (await http.get(f"/v1/responses/{made['id']}")).status_code == 404


def test_a_conversation_that_grows_too_long_is_refused() -> None:
    class Full(NoStore):
        def get(self, owner: str, id_: str) -> Any:
            return StoredResponse(id_, {}, ({"id": "a"},) * 10_000, ())

    with pytest.raises(InvalidRequest, match="10,000"):
        with_stored_context({"input": "Hi", "previous_response_id": "r"}, "o", Full())
    with pytest.raises(InvalidRequest, match="input is required"):
        with_stored_context({"previous_response_id": "r"}, "o", Full())
