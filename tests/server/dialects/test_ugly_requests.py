"""Random mixtures of odd requests become the neutral request of the plain one, or are refused by name."""

from dataclasses import replace

import pytest

from server.conversation.request import ModelRequest
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.errors import InvalidRequest
from tests.server.dialects.bodies import OWNER
from tests.server.dialects.ugly_requests import KINDS, MIXTURES, ugly_request
from tests.tiers import sized


def parsed(body: object) -> ModelRequest:
    return request_from_chat(parse_chat(body), owner=OWNER)


@sized("count", MIXTURES, small=30)
def test_a_mixture_means_what_the_plain_request_means(count: int) -> None:
    tried: set[str] = set()
    for seed in range(count):
        ugly = ugly_request(seed)
        tried.update(ugly.kinds)
        if ugly.refused:
            with pytest.raises(InvalidRequest) as caught:
                parsed(ugly.body)
            assert caught.value.param in ugly.refused, (seed, ugly.kinds)
            continue
        request, plain = parsed(ugly.body), parsed(ugly.plain)
        assert replace(request, ignored=()) == replace(plain, ignored=()), (seed, ugly.kinds)
        missing = [name for name in ugly.named if not any(place.endswith(name) for place in request.ignored)]
        assert not missing, (seed, ugly.kinds, request.ignored)
        assert len(request.ignored) == len(set(ugly.named)), (seed, ugly.kinds, request.ignored)
    assert tried == {kind.__name__ for kind in KINDS}
