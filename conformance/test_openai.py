"""`openai` for Python."""

import json

import openai
import pytest
from conftest import Gateway
from dialects import ARGUMENTS, TEXT
from mock_upstream import Upstream

QUESTION = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}


def client(gateway: Gateway, service: str = "openai", key: str | None = None, version: str = "/v1") -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.base_url(service) + version, api_key=key or gateway.proxy_key)


@pytest.mark.parametrize("version", ["", "/v1"])
def test_text(gateway: Gateway, version: str) -> None:
    completion = client(gateway, version=version).chat.completions.create(model="text", messages=QUESTION)

    assert completion.choices[0].message.content == TEXT


def test_a_stream_arrives_event_by_event(gateway: Gateway, upstream: Upstream) -> None:
    text = ""
    for chunk in client(gateway).chat.completions.create(model="stepwise", messages=QUESTION, stream=True):
        if piece := chunk.choices[0].delta.content:
            text += piece
            upstream.step("openai")

    assert text == TEXT


def test_a_responses_stream_arrives_event_by_event(gateway: Gateway, upstream: Upstream) -> None:
    text, last = "", ""
    for event in client(gateway).responses.create(model="stepwise", input="hi", stream=True):
        last = event.type
        if event.type == "response.output_text.delta":
            text += event.delta
            upstream.step("openai")

    assert (text, last) == (TEXT, "response.completed")


def test_a_tool_is_called(gateway: Gateway) -> None:
    completion = client(gateway).chat.completions.create(model="text", messages=QUESTION, tools=[TOOL])

    call = completion.choices[0].message.tool_calls[0].function
    assert (call.name, json.loads(call.arguments)) == ("weather", ARGUMENTS)


def test_a_wrong_proxy_key_is_an_authentication_error(gateway: Gateway, upstream: Upstream) -> None:
    with pytest.raises(openai.AuthenticationError) as error:
        client(gateway, key="wrong").chat.completions.create(model="text", messages=QUESTION)

    assert (error.value.type, error.value.code) == ("invalid_request_error", "invalid_api_key")
    assert error.value.request_id
    assert not upstream.hits


def test_when_every_key_is_limited_the_sdk_does_not_try_again(gateway: Gateway, upstream: Upstream) -> None:
    with pytest.raises(openai.RateLimitError) as error:
        client(gateway, "openai-limited").chat.completions.create(model="text", messages=QUESTION)

    assert error.value.code == "rate_limit_exceeded"
    assert 1 <= len(upstream.hits["openai-limited"]) <= 2


def test_a_limited_key_is_not_seen_by_the_client(gateway: Gateway, upstream: Upstream) -> None:
    for _ in range(4):
        completion = client(gateway, "openai-failover").chat.completions.create(model="text", messages=QUESTION)
        assert completion.choices[0].message.content == TEXT

    hits = upstream.hits["openai-failover"]
    assert hits.count("up-ok-1") == 4 and "up-limited-1" in hits


def test_a_cut_between_two_events_is_an_api_error(gateway: Gateway) -> None:
    with pytest.raises(openai.APIError) as error:
        list(client(gateway).chat.completions.create(model="cut", messages=QUESTION, stream=True))

    assert (error.value.type, error.value.code) == ("server_error", "upstream_failed")


def test_a_responses_stream_that_is_cut_is_an_api_error(gateway: Gateway) -> None:
    with pytest.raises(openai.APIError) as error:
        list(client(gateway).responses.create(model="cut", input="hi", stream=True))

    assert error.value.code == "upstream_failed"


def test_a_cut_within_an_event_is_never_a_clean_end(gateway: Gateway) -> None:
    # The SDK parses the half-sent event before it sees the error that follows: either may be what it raises.
    with pytest.raises((openai.APIError, json.JSONDecodeError)):
        list(client(gateway).chat.completions.create(model="cut-within", messages=QUESTION, stream=True))


@pytest.mark.parametrize("version", ["", "/v1"])
def test_models_are_listed(gateway: Gateway, version: str) -> None:
    assert [model.id for model in client(gateway, version=version).models.list()] == ["text"]
