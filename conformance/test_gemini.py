"""`google-genai` for Python."""

import pytest
from conftest import Gateway
from dialects import ARGUMENTS, TEXT
from google import genai
from google.genai import errors, types
from mock_upstream import Upstream

WEATHER = types.Tool(function_declarations=[types.FunctionDeclaration(name="weather")])


def client(
    gateway: Gateway, service: str = "gemini", key: str | None = None, version: str | None = None
) -> genai.Client:
    """A client; keep it in a variable, for it closes its connections when it is dropped."""
    options = types.HttpOptions(base_url=gateway.base_url(service), api_version=version)
    return genai.Client(api_key=key or gateway.proxy_key, http_options=options)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_text(gateway: Gateway, version: str) -> None:
    ai = client(gateway, version=version)

    assert ai.models.generate_content(model="text", contents="hi").text == TEXT


def test_a_stream_arrives_event_by_event(gateway: Gateway, upstream: Upstream) -> None:
    ai, text = client(gateway), ""
    for chunk in ai.models.generate_content_stream(model="stepwise", contents="hi"):
        if chunk.text:
            text += chunk.text
            upstream.step("gemini")

    assert text == TEXT


def test_a_tool_is_called(gateway: Gateway) -> None:
    ai = client(gateway)
    config = types.GenerateContentConfig(tools=[WEATHER])
    response = ai.models.generate_content(model="text", contents="hi", config=config)

    call = response.function_calls[0]
    assert (call.name, call.args) == ("weather", ARGUMENTS)


def test_a_wrong_proxy_key_is_an_unauthenticated_client_error(gateway: Gateway, upstream: Upstream) -> None:
    ai = client(gateway, key="wrong")
    with pytest.raises(errors.ClientError) as error:
        ai.models.generate_content(model="text", contents="hi")

    assert (error.value.code, error.value.status) == (401, "UNAUTHENTICATED")
    assert error.value.details["error"]["details"][0]["requestId"]
    assert not upstream.hits


def test_when_every_key_is_limited_the_sdk_does_not_try_again(gateway: Gateway, upstream: Upstream) -> None:
    ai = client(gateway, "gemini-limited")
    with pytest.raises(errors.ClientError) as error:
        ai.models.generate_content(model="text", contents="hi")

    assert (error.value.code, error.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert 1 <= len(upstream.hits["gemini-limited"]) <= 2


def test_a_limited_key_is_not_seen_by_the_client(gateway: Gateway, upstream: Upstream) -> None:
    ai = client(gateway, "gemini-failover")
    for _ in range(4):
        response = ai.models.generate_content(model="text", contents="hi")
        assert response.text == TEXT

    hits = upstream.hits["gemini-failover"]
    assert hits.count("up-ok-1") == 4 and "up-limited-1" in hits


@pytest.mark.parametrize("model", ["cut", "cut-within"])
def test_a_cut_stream_is_a_server_error(gateway: Gateway, model: str) -> None:
    ai = client(gateway)
    with pytest.raises(errors.ServerError) as error:
        list(ai.models.generate_content_stream(model=model, contents="hi"))

    assert (error.value.code, error.value.status) == (502, "UNAVAILABLE")


def test_models_are_listed(gateway: Gateway) -> None:
    ai = client(gateway)

    assert [model.name for model in ai.models.list()] == ["models/text"]
