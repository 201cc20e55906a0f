"""LangChain's chat models, each in front of the APIs that speak another format."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from conftest import FORMATS, Gateway
from dialects import ARGUMENTS, PIECES, TEXT
from langchain_anthropic import ChatAnthropic
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


class City(BaseModel):
    """A city that was asked about."""

    city: str


@tool
def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"18 degrees in {city}"


def chat(base_url: str, key: str) -> ChatOpenAI:
    return ChatOpenAI(model="text", base_url=f"{base_url}/v1", api_key=key)


def responses(base_url: str, key: str) -> ChatOpenAI:
    return ChatOpenAI(model="text", base_url=f"{base_url}/v1", api_key=key, use_responses_api=True)


def messages(base_url: str, key: str) -> ChatAnthropic:
    return ChatAnthropic(model="text", base_url=base_url, api_key=key)


Make = Callable[[str, str], BaseChatModel]
CLIENTS: dict[str, Make] = {"openai": chat, "responses": responses, "anthropic": messages}
PAIRS = [f"{client}-on-{api}" for client in CLIENTS for api in FORMATS if api != client]


@pytest.fixture(params=PAIRS)
def model(request: pytest.FixtureRequest, gateway: Gateway) -> BaseChatModel:
    client = request.param.partition("-on-")[0]
    return CLIENTS[client](gateway.base_url(request.param), gateway.proxy_key)


def test_text(model: BaseChatModel) -> None:
    answer = model.invoke([("system", "be brief"), ("human", "hi")])

    assert answer.text == TEXT
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (1, 2)


def test_a_stream(model: BaseChatModel) -> None:
    assert [text for chunk in model.stream("hi") if (text := chunk.text)] == PIECES


def test_a_picture_is_sent(model: BaseChatModel) -> None:
    picture = {"type": "image", "base64": PICTURE, "mime_type": "image/png"}

    assert model.invoke([HumanMessage([{"type": "text", "text": "what is it?"}, picture])]).text == TEXT


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_tool_is_called_and_its_result_goes_back(model: BaseChatModel, stream: bool) -> None:
    agent = model.bind_tools([weather])
    said: list[Any] = [HumanMessage("weather?")]
    if stream:
        first, *chunks = agent.stream(said)
        answer = sum(chunks, first)
    else:
        answer = agent.invoke(said)
    (call,) = answer.tool_calls
    said += [answer, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]

    assert (call["name"], call["args"]) == ("weather", ARGUMENTS)
    assert agent.invoke(said).text == TEXT


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_an_answer_has_the_structure_that_was_asked_for(model: BaseChatModel, method: str) -> None:
    assert model.with_structured_output(City, method=method).invoke("which city?") == City(**ARGUMENTS)
