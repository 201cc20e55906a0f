"""Vercel's `ai`, each provider in front of the APIs that speak another format: one run of `ai_sdk.mjs` per pair."""

import node
import pytest
from conftest import FORMATS, Gateway
from mock_upstream import Upstream

PAIRS = [(client, api) for client in FORMATS for api in FORMATS if api != client]


@pytest.mark.parametrize(("client", "api"), PAIRS)
def test_texts_streams_tools_and_objects(client: str, api: str, gateway: Gateway, upstream: Upstream) -> None:
    node.run("ai_sdk.mjs", client, gateway, upstream, f"{client}-on-{api}", version="")
