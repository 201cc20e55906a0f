"""`openai` for Node: each case of `openai_node.mjs` is one run of it."""

import functools

import node
import pytest
from conftest import Gateway
from mock_upstream import Upstream

run = functools.partial(node.run, "openai_node.mjs")


@pytest.mark.parametrize("version", ["", "/v1"])
@pytest.mark.parametrize("case", ["text", "models"])
def test_base_url(case: str, version: str, gateway: Gateway, upstream: Upstream) -> None:
    run(case, gateway, upstream, "openai", version)


@pytest.mark.parametrize("case", ["stream", "tool", "cut", "cut-within"])
def test_case(case: str, gateway: Gateway, upstream: Upstream) -> None:
    run(case, gateway, upstream, "openai")


def test_a_wrong_proxy_key_is_an_authentication_error(gateway: Gateway, upstream: Upstream) -> None:
    run("wrong-key", gateway, upstream, "openai")

    assert not upstream.hits


def test_when_every_key_is_limited_the_sdk_does_not_try_again(gateway: Gateway, upstream: Upstream) -> None:
    run("limited", gateway, upstream, "openai-limited")

    assert 1 <= len(upstream.hits["openai-limited"]) <= 2


def test_a_limited_key_is_not_seen_by_the_client(gateway: Gateway, upstream: Upstream) -> None:
    for _ in range(2):
        run("text", gateway, upstream, "openai-failover")

    assert upstream.hits["openai-failover"].count("up-ok-1") == 2
