"""The APIs' own SDKs for Python, each in front of an upstream that speaks another format."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import openai
import pytest
from conftest import FORMATS, Gateway
from dialects import ARGUMENTS, TEXT
from endpoints import TOKENS, VECTOR
from google import genai
from google.genai import errors as genai_errors
from google.genai import types
from mock_upstream import Upstream

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
RESULT = "18 degrees"

Called = tuple[str, Any]
"""A tool's name, and what it was called with."""


class Chat:
    """`openai` and Chat Completions."""

    api = "openai"
    rate_limited = openai.RateLimitError
    refused = openai.AuthenticationError
    bad = openai.BadRequestError
    cut: type[Exception] = openai.APIError

    def __init__(self, base_url: str, key: str) -> None:
        self.client = openai.OpenAI(base_url=f"{base_url}/v1", api_key=key)

    def create(self, model: str = "text", **options: Any) -> Any:
        messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
        return self.client.chat.completions.create(model=model, **{"messages": messages, **options})

    def text(self) -> str:
        answer = self.create(temperature=0.5, max_tokens=16)
        assert answer.choices[0].finish_reason == "stop"
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (1, 2)
        return answer.choices[0].message.content

    def pieces(self, model: str) -> Iterator[str]:
        for chunk in self.create(model, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    def picture(self) -> str:
        url = {"url": f"data:image/png;base64,{PICTURE}"}
        content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": url}]
        return self.create(messages=[{"role": "user", "content": content}]).choices[0].message.content

    def tool(self, stream: bool) -> tuple[Called, str]:
        tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        messages: list[Any] = [{"role": "user", "content": "weather?"}]
        if stream:
            with self.client.chat.completions.stream(model="text", messages=messages, tools=tools) as events:
                message = events.get_final_completion().choices[0].message
        else:
            message = self.create(messages=messages, tools=tools).choices[0].message
        (call,) = message.tool_calls
        result = {"role": "tool", "tool_call_id": call.id, "content": RESULT}
        messages += [message.model_dump(exclude_none=True), result]
        last = self.create(messages=messages, tools=tools).choices[0].message.content
        return (call.function.name, json.loads(call.function.arguments)), last


class Responses(Chat):
    """`openai` and Responses."""

    api = "responses"

    def create(self, model: str = "text", **options: Any) -> Any:
        return self.client.responses.create(model=model, **{"instructions": "be brief", "input": "hi", **options})

    def text(self) -> str:
        answer = self.create(temperature=0.5, max_output_tokens=16, store=False)
        assert answer.status == "completed"
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1, 2)
        return answer.output_text

    def pieces(self, model: str) -> Iterator[str]:
        for event in self.create(model, stream=True):
            if event.type == "response.output_text.delta":
                yield event.delta

    def picture(self) -> str:
        url = f"data:image/png;base64,{PICTURE}"
        content = [{"type": "input_text", "text": "what is it?"}, {"type": "input_image", "image_url": url}]
        return self.create(input=[{"role": "user", "content": content}]).output_text

    def tool(self, stream: bool) -> tuple[Called, str]:
        tools = [{"type": "function", "name": "weather", "parameters": SCHEMA, "strict": False}]
        given: list[Any] = [{"role": "user", "content": "weather?"}]
        if stream:
            with self.client.responses.stream(model="text", input=given, tools=tools) as events:
                answer = events.get_final_response()
        else:
            answer = self.create(input=given, tools=tools)
        (call,) = [item for item in answer.output if item.type == "function_call"]
        given += [item.model_dump(exclude_none=True, include=None) for item in answer.output]
        given.append({"type": "function_call_output", "call_id": call.call_id, "output": RESULT})
        last = self.create(input=given, tools=tools).output_text
        return (call.name, json.loads(call.arguments)), last


class Messages:
    """`anthropic`."""

    api = "anthropic"
    rate_limited = anthropic.RateLimitError
    refused = anthropic.AuthenticationError
    bad = anthropic.BadRequestError
    cut: type[Exception] = anthropic.APIError

    def __init__(self, base_url: str, key: str) -> None:
        self.client = anthropic.Anthropic(base_url=base_url, api_key=key)

    def create(self, model: str = "text", **options: Any) -> Any:
        messages = [{"role": "user", "content": "hi"}]
        given = {"max_tokens": 16, "system": "be brief", "messages": messages, **options}
        return self.client.messages.create(model=model, **given)

    def text(self) -> str:
        answer = self.create(stop_sequences=["never"])
        assert answer.stop_reason == "end_turn"
        assert (answer.usage.input_tokens, answer.usage.output_tokens) == (1, 2)
        return answer.content[0].text

    def pieces(self, model: str) -> Iterator[str]:
        for event in self.create(model, stream=True):
            if event.type == "content_block_delta":
                yield event.delta.text

    def picture(self) -> str:
        source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
        content = [{"type": "image", "source": source}, {"type": "text", "text": "what is it?"}]
        return self.create(messages=[{"role": "user", "content": content}]).content[0].text

    def tool(self, stream: bool) -> tuple[Called, str]:
        tools = [{"name": "weather", "input_schema": SCHEMA}]
        messages: list[Any] = [{"role": "user", "content": "weather?"}]
        if stream:
            with self.client.messages.stream(model="text", max_tokens=16, messages=messages, tools=tools) as events:
                answer = events.get_final_message()
        else:
            answer = self.create(messages=messages, tools=tools)
        assert answer.stop_reason == "tool_use"
        (call,) = [block for block in answer.content if block.type == "tool_use"]
        result = {"type": "tool_result", "tool_use_id": call.id, "content": RESULT}
        messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [result]}]
        last = self.create(messages=messages, tools=tools).content[0].text
        return (call.name, call.input), last


class Gemini:
    """`google-genai`."""

    api = "gemini"
    rate_limited = refused = bad = genai_errors.ClientError
    cut: type[Exception] = genai_errors.APIError

    def __init__(self, base_url: str, key: str) -> None:
        options = types.HttpOptions(base_url=base_url, retry_options=types.HttpRetryOptions(attempts=1))
        self.client = genai.Client(api_key=key, http_options=options)

    def create(self, model: str = "text", contents: Any = "hi", **config: Any) -> Any:
        given = types.GenerateContentConfig(system_instruction="be brief", **config)
        return self.client.models.generate_content(model=model, contents=contents, config=given)

    def text(self) -> str:
        answer = self.create(temperature=0.5, max_output_tokens=16)
        assert answer.candidates[0].finish_reason == types.FinishReason.STOP
        usage = answer.usage_metadata
        assert (usage.prompt_token_count, usage.candidates_token_count) == (1, 2)
        return answer.text

    def pieces(self, model: str) -> Iterator[str]:
        for chunk in self.client.models.generate_content_stream(model=model, contents="hi"):
            if chunk.text:
                yield chunk.text

    def picture(self) -> str:
        picture = types.Part.from_bytes(data=base64.b64decode(PICTURE), mime_type="image/png")
        return self.create(contents=["what is it?", picture]).text

    def tool(self, stream: bool) -> tuple[Called, str]:
        weather = types.FunctionDeclaration(name="weather", parameters_json_schema=SCHEMA)
        off = types.AutomaticFunctionCallingConfig(disable=True)
        config: dict[str, Any] = {
            "tools": [types.Tool(function_declarations=[weather])],
            "automatic_function_calling": off,
        }
        contents = [types.Content(role="user", parts=[types.Part(text="weather?")])]
        if stream:
            given = types.GenerateContentConfig(**config)
            chunks = list(self.client.models.generate_content_stream(model="text", contents=contents, config=given))
            (call,) = [call for chunk in chunks for call in chunk.function_calls or []]
            said = types.Content(role="model", parts=[types.Part(function_call=call)])
        else:
            answer = self.create(contents=contents, **config)
            (call,) = answer.function_calls
            said = answer.candidates[0].content
        response = types.FunctionResponse(id=call.id, name=call.name, response={"output": RESULT})
        contents += [said, types.Content(role="user", parts=[types.Part(function_response=response)])]
        return (call.name, call.args), self.create(contents=contents, **config).text


CLIENTS = [Chat, Responses, Messages, Gemini]
PAIRS = [(client, api) for client in CLIENTS for api in FORMATS if api != client.api]
Make = Callable[..., Any]


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0].api}-on-{pair[1]}")
def make(request: pytest.FixtureRequest, gateway: Gateway) -> Make:
    """Makes the client of a pair, in front of one of its pools."""
    client, api = request.param

    def make(pool: str = "", key: str = gateway.proxy_key) -> Any:
        return client(gateway.base_url(f"{client.api}-on-{api}{pool}"), key)

    make.service = f"{client.api}-on-{api}"
    return make


def test_text(make: Make) -> None:
    assert make().text() == TEXT


def test_a_stream_arrives_event_by_event(make: Make, upstream: Upstream) -> None:
    text = ""
    for piece in make().pieces("stepwise"):
        text += piece
        upstream.step(make.service)

    assert text == TEXT


def test_a_picture_is_sent(make: Make) -> None:
    assert make().picture() == TEXT


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_result_goes_back(make: Make, stream: bool) -> None:
    called, text = make().tool(stream)

    assert (called, text) == (("weather", ARGUMENTS), TEXT)


def test_a_limited_key_is_not_seen_by_the_client(make: Make) -> None:
    assert make("-failover").text() == TEXT


def test_when_every_key_is_limited_the_error_is_the_clients_own(make: Make) -> None:
    client = make("-limited")
    with pytest.raises(client.rate_limited) as error:
        client.text()

    assert getattr(error.value, "status_code", None) or error.value.code == 429


def test_a_wrong_proxy_key_is_an_error_of_authentication(make: Make, upstream: Upstream) -> None:
    client = make(key="wrong")
    with pytest.raises(client.refused):
        client.text()

    assert not upstream.hits


@pytest.mark.parametrize("model", ["cut", "cut-within"])
def test_a_cut_is_an_error(make: Make, model: str) -> None:
    client = make()
    with pytest.raises(client.cut):
        list(client.pieces(model))


def test_models_are_listed(make: Make) -> None:
    client = make()

    assert [getattr(model, "id", None) or model.name for model in client.client.models.list()] in (
        ["text"],
        ["models/text"],
    )


def test_a_model_is_found(make: Make) -> None:
    client = make().client
    found = client.models.get(model="text") if isinstance(client, genai.Client) else client.models.retrieve("text")

    assert (getattr(found, "id", None) or found.name) in ("text", "models/text")


@pytest.mark.parametrize("api", ["responses", "gemini"])
def test_tokens_are_counted_for_anthropic(gateway: Gateway, api: str) -> None:
    client = Messages(gateway.base_url(f"anthropic-on-{api}"), gateway.proxy_key).client
    messages = [{"role": "user", "content": "hi"}]

    assert client.beta.messages.count_tokens(model="text", system="be brief", messages=messages).input_tokens == TOKENS


@pytest.mark.parametrize("api", ["responses", "anthropic"])
def test_tokens_are_counted_for_gemini(gateway: Gateway, api: str) -> None:
    client = Gemini(gateway.base_url(f"gemini-on-{api}"), gateway.proxy_key).client

    assert client.models.count_tokens(model="text", contents="hi").total_tokens == TOKENS


@pytest.mark.parametrize("client", ["openai", "responses"])
def test_texts_are_embedded_for_openai(gateway: Gateway, client: str) -> None:
    client = Chat(gateway.base_url(f"{client}-on-gemini"), gateway.proxy_key).client
    vectors = client.embeddings.create(model="text", input=["a", "b"]).data

    assert [vector.embedding for vector in vectors] == [VECTOR, VECTOR]


@pytest.mark.parametrize("api", ["openai", "responses"])
def test_texts_are_embedded_for_gemini(gateway: Gateway, api: str) -> None:
    client = Gemini(gateway.base_url(f"gemini-on-{api}"), gateway.proxy_key).client
    vectors = client.models.embed_content(model="text", contents=["a", "b"]).embeddings

    assert [vector.values for vector in vectors] == [VECTOR, VECTOR]


def test_what_is_lost_is_told(gateway: Gateway) -> None:
    client = Chat(gateway.base_url("openai-on-anthropic"), gateway.proxy_key).client
    messages: list[Any] = [{"role": "user", "content": "hi"}]
    raw = client.chat.completions.with_raw_response.create(model="text", messages=messages, seed=7, max_tokens=5)

    assert raw.headers["x-rotator-dropped"] == "seed"
    assert raw.parse().choices[0].message.content == TEXT


def test_a_strict_service_loses_nothing(gateway: Gateway) -> None:
    client = Chat(gateway.base_url("openai-on-anthropic-strict"), gateway.proxy_key)
    with pytest.raises(openai.BadRequestError, match="seed"):
        client.create(seed=7)

    assert client.create(max_tokens=5).choices[0].message.content == TEXT


def test_a_model_may_have_another_name_at_the_api(gateway: Gateway) -> None:
    client = Messages(gateway.base_url("anthropic-on-gemini-aliased"), gateway.proxy_key)

    assert client.create("claude-opus-4-5").content[0].text == TEXT


def test_what_only_one_api_has_is_not_implemented(gateway: Gateway) -> None:
    client = Chat(gateway.base_url("openai-on-anthropic"), gateway.proxy_key).client
    with pytest.raises(openai.InternalServerError, match="files") as error:
        client.files.list()

    assert error.value.status_code == 501
