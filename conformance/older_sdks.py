"""The cases of an older SDK, all of which one run goes through: `PYTHONPATH` says which version is imported.

Usage: python older_sdks.py NAME BASE_URL..., with PROXY_KEY. A base URL is a service's, without a version.
"""

import json
import os
import sys
from typing import Any

KEY = os.environ["PROXY_KEY"]
PIECES = ["Hello", ", ", "wörld", "!"]
TEXT = "".join(PIECES)
CALLED = ("weather", {"city": "Paris"})
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
HELLO = [{"role": "user", "content": "hi"}]
FUNCTION = {"name": "weather", "parameters": SCHEMA}


def openai_0(base_url: str) -> None:
    """`openai` before 1: a module with the key in a variable."""
    import openai

    openai.api_base, openai.api_key = f"{base_url}/v1", KEY
    create = openai.ChatCompletion.create
    assert create(model="text", messages=HELLO, max_tokens=9).choices[0].message.content == TEXT
    chunks = create(model="text", messages=HELLO, stream=True)
    assert [text for chunk in chunks if (text := chunk.choices[0].delta.get("content"))] == PIECES
    call = create(model="text", messages=HELLO, functions=[FUNCTION]).choices[0].message
    called = call.function_call
    assert (called.name, json.loads(called.arguments)) == CALLED
    result = {"role": "function", "name": called.name, "content": "18 degrees"}
    last = create(model="text", messages=[*HELLO, call.to_dict_recursive(), result], functions=[FUNCTION])
    assert last.choices[0].message.content == TEXT
    assert [model.id for model in openai.Model.list().data] == ["text"]
    embed(openai.Embedding.create, base_url, openai.error.APIError)
    raises(openai.error.AuthenticationError, create, model="text", messages=HELLO, api_key="wrong")
    raises(openai.error.APIError, lambda: list(create(model="cut", messages=HELLO, stream=True)))


def openai_later(base_url: str) -> None:
    """`openai` from 1 on."""
    import openai

    client = openai.OpenAI(base_url=f"{base_url}/v1", api_key=KEY)
    create = client.chat.completions.create
    assert create(model="text", messages=HELLO).choices[0].message.content == TEXT
    chunks = create(model="text", messages=HELLO, stream=True)
    assert [text for chunk in chunks if (text := chunk.choices[0].delta.content)] == PIECES
    tools = [{"type": "function", "function": FUNCTION}]
    message = create(model="text", messages=HELLO, tools=tools).choices[0].message
    (call,) = message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == CALLED
    result = {"role": "tool", "tool_call_id": call.id, "content": "18 degrees"}
    last = create(model="text", messages=[*HELLO, message, result], tools=tools)
    assert last.choices[0].message.content == TEXT
    assert client.responses.create(model="text", input="hi").output_text == TEXT
    assert [model.id for model in client.models.list()] == ["text"]
    embed(client.embeddings.create, base_url, openai.InternalServerError)
    wrong = openai.OpenAI(base_url=f"{base_url}/v1", api_key="wrong")
    raises(openai.AuthenticationError, wrong.chat.completions.create, model="text", messages=HELLO)
    raises(openai.APIError, lambda: list(create(model="cut", messages=HELLO, stream=True)))


def embed(create: Any, base_url: str, error: type[Exception]) -> None:
    def embedding() -> Any:
        return create(model="text", input=["a", "b"], encoding_format="float")

    if base_url.endswith("-on-anthropic"):
        return raises(error, embedding)
    assert [vector.embedding for vector in embedding().data] == [[0.25, -0.5]] * 2


def anthropic_0(base_url: str) -> None:
    """`anthropic` before 1: another header for the key, another version of the API."""
    import anthropic

    client = anthropic.Anthropic(base_url=base_url, api_key=KEY)
    asked: dict[str, Any] = {"model": "text", "max_tokens": 16}
    create = client.messages.create
    assert create(messages=HELLO, temperature=0.5, **asked).content[0].text == TEXT
    with client.messages.stream(messages=HELLO, **asked) as stream:
        assert list(stream.text_stream) == PIECES
    tools = [{"name": "weather", "input_schema": SCHEMA}]
    answer = create(messages=HELLO, tools=tools, **asked)
    (call,) = answer.content
    assert (call.name, call.input) == CALLED
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "18 degrees"}]}
    said = {"role": "assistant", "content": answer.content}
    assert create(messages=[*HELLO, said, result], tools=tools, **asked).content[0].text == TEXT
    assert [model.id for model in client.models.list()] == ["text"]
    wrong = anthropic.Anthropic(base_url=base_url, api_key="wrong")
    raises(anthropic.AuthenticationError, wrong.messages.create, messages=HELLO, **asked)
    raises(anthropic.APIError, lambda: list(create(messages=HELLO, stream=True, model="cut", max_tokens=16)))


def raises(error: type[Exception], call: Any, **arguments: Any) -> None:
    try:
        call(**arguments)
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


CASES = {"anthropic==0": anthropic_0, "openai==0": openai_0, "openai==1": openai_later, "openai==2": openai_later}

for base_url in sys.argv[2:]:
    print(base_url, flush=True)
    CASES[sys.argv[1].partition(".")[0]](base_url)
