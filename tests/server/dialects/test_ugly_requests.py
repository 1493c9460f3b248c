"""Random mixtures of odd requests become the neutral request of the plain one, or are refused by name."""

from dataclasses import replace

import pytest

from server.conversation.request import ModelRequest
from server.errors import InvalidRequest
from tests.server.dialects.bodies import OWNER
from tests.server.dialects.own_paths import parsed_on_both_paths
from tests.server.dialects.ugly_requests import KINDS, MIXTURES, UglyRequest, ugly_request
from tests.tiers import sized


def parsed(ugly: UglyRequest, body: object) -> ModelRequest:
    return parsed_on_both_paths(body, OWNER, shape=ugly.shape)


@sized("count", MIXTURES, small=30)
def test_a_mixture_means_what_the_plain_request_means(count: int) -> None:
    tried: set[str] = set()
    shapes: set[str] = set()
    for seed in range(count):
        ugly = ugly_request(seed)
        tried.update(ugly.kinds)
        shapes.add(ugly.shape)
        if ugly.refused:
            with pytest.raises(InvalidRequest) as caught:
                parsed(ugly, ugly.body)
            assert caught.value.param in ugly.refused, (seed, ugly.kinds)
            continue
        request, plain = parsed(ugly, ugly.body), parsed(ugly, ugly.plain)
        assert replace(request, ignored=()) == replace(plain, ignored=()), (seed, ugly.kinds)
        named = [place for place in request.ignored if place not in plain.ignored]
        missing = [name for name in ugly.named if not any(place.endswith(name) for place in named)]
        assert not missing, (seed, ugly.kinds, named)
        assert len(named) == len(set(ugly.named)), (seed, ugly.kinds, ugly.named, named)
    assert tried == {kind.__name__ for kind in KINDS}
    assert len(shapes) == 3
