"""`openai` for Node: each case of `openai_node.mjs` is one run of it."""

import os
import pathlib
import subprocess

import pytest
from conftest import Gateway
from mock_upstream import Upstream

SCRIPT = pathlib.Path(__file__).with_name("openai_node.mjs")


def run(case: str, gateway: Gateway, upstream: Upstream, service: str = "openai", version: str = "/v1") -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "BASE_URL": gateway.base_url(service) + version,
        "PROXY_KEY": gateway.proxy_key,
        "STEP_URL": f"{upstream.url}/_step/{service}",
    }
    done = subprocess.run(["node", SCRIPT, case], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("version", ["", "/v1"])
@pytest.mark.parametrize("case", ["text", "models"])
def test_base_url(case: str, version: str, gateway: Gateway, upstream: Upstream) -> None:
    run(case, gateway, upstream, version=version)


@pytest.mark.parametrize("case", ["stream", "tool", "cut", "cut-within"])
def test_case(case: str, gateway: Gateway, upstream: Upstream) -> None:
    run(case, gateway, upstream)


def test_a_wrong_proxy_key_is_an_authentication_error(gateway: Gateway, upstream: Upstream) -> None:
    run("wrong-key", gateway, upstream)

    assert not upstream.hits


def test_when_every_key_is_limited_the_sdk_does_not_try_again(gateway: Gateway, upstream: Upstream) -> None:
    run("limited", gateway, upstream, "openai-limited")

    assert 1 <= len(upstream.hits["openai-limited"]) <= 2


def test_a_limited_key_is_not_seen_by_the_client(gateway: Gateway, upstream: Upstream) -> None:
    for _ in range(2):
        run("text", gateway, upstream, "openai-failover")

    assert upstream.hits["openai-failover"].count("up-ok-1") == 2
