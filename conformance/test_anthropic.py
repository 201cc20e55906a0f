"""`anthropic` for Python."""

import anthropic
import pytest
from conftest import Gateway
from dialects import ARGUMENTS, TEXT
from mock_upstream import Upstream

REQUEST = {"max_tokens": 16, "messages": [{"role": "user", "content": "hi"}]}
TOOL = {"name": "weather", "input_schema": {"type": "object"}}


def client(gateway: Gateway, service: str = "anthropic", key: str | None = None) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.base_url(service), api_key=key or gateway.proxy_key)


@pytest.mark.parametrize("service", ["anthropic", "anthropic-v1"])
def test_text(gateway: Gateway, service: str) -> None:
    message = client(gateway, service).messages.create(model="text", **REQUEST)

    assert message.content[0].text == TEXT


def test_the_key_may_be_shown_in_either_header(gateway: Gateway) -> None:
    shown = anthropic.Anthropic(base_url=gateway.base_url("anthropic"), auth_token=gateway.proxy_key)
    message = shown.messages.create(model="text", extra_headers={"x-api-key": gateway.proxy_key}, **REQUEST)

    assert message.content[0].text == TEXT


def test_a_stream_arrives_event_by_event(gateway: Gateway, upstream: Upstream) -> None:
    text, last = "", ""
    for event in client(gateway).messages.create(model="stepwise", stream=True, **REQUEST):
        last = event.type
        if event.type == "content_block_delta":
            text += event.delta.text
            upstream.step("anthropic")

    assert (text, last) == (TEXT, "message_stop")


def test_a_tool_is_called(gateway: Gateway) -> None:
    message = client(gateway).messages.create(model="text", tools=[TOOL], **REQUEST)

    assert (message.content[0].name, message.content[0].input) == ("weather", ARGUMENTS)


def test_a_wrong_proxy_key_is_an_authentication_error(gateway: Gateway, upstream: Upstream) -> None:
    with pytest.raises(anthropic.AuthenticationError) as error:
        client(gateway, key="wrong").messages.create(model="text", **REQUEST)

    assert error.value.body["error"]["type"] == "authentication_error"
    assert error.value.body["request_id"]
    assert not upstream.hits


def test_when_every_key_is_limited_the_sdk_does_not_try_again(gateway: Gateway, upstream: Upstream) -> None:
    with pytest.raises(anthropic.RateLimitError) as error:
        client(gateway, "anthropic-limited").messages.create(model="text", **REQUEST)

    assert error.value.body["error"]["type"] == "rate_limit_error"
    assert 1 <= len(upstream.hits["anthropic-limited"]) <= 2


def test_a_limited_key_is_not_seen_by_the_client(gateway: Gateway, upstream: Upstream) -> None:
    for _ in range(4):
        message = client(gateway, "anthropic-failover").messages.create(model="text", **REQUEST)
        assert message.content[0].text == TEXT

    hits = upstream.hits["anthropic-failover"]
    assert hits.count("up-ok-1") == 4 and "up-limited-1" in hits


def test_a_cut_between_two_events_is_an_api_error(gateway: Gateway) -> None:
    with pytest.raises(anthropic.APIError) as error:
        list(client(gateway).messages.create(model="cut", stream=True, **REQUEST))

    assert error.value.body["error"]["type"] == "api_error"


def test_a_cut_within_an_event_is_an_api_error(gateway: Gateway) -> None:
    with pytest.raises(anthropic.APIError):
        list(client(gateway).messages.create(model="cut-within", stream=True, **REQUEST))


def test_models_are_listed(gateway: Gateway) -> None:
    assert [model.id for model in client(gateway).models.list()] == ["text"]
