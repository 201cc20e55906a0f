"""Which API a request is for, and what the APIs have beside answers of a model: one class per endpoint."""

from collections.abc import Mapping
from typing import Any

import contracts
from dialects import Act, Anthropic, Gemini, Json, OpenAiChat, OpenAiResponses

MODEL = "text"
VECTOR = [0.25, -0.5]
"""What every text is embedded as."""
TOKENS = 7
"""How many every prompt has."""


class OpenAiModels(OpenAiChat):
    """The list of models, and one of it."""

    def response(self, path: str, _: Json) -> Json:
        model = {"id": MODEL, "object": "model", "created": 1, "owned_by": "mock"}
        return {"object": "list", "data": [model]} if path.endswith("/models") else model


class AnthropicModels(Anthropic):
    """The list of models, and one of it."""

    def response(self, path: str, _: Json) -> Json:
        model = {"type": "model", "id": MODEL, "display_name": "Text", "created_at": "2026-01-01T00:00:00Z"}
        models = {"data": [model], "has_more": False, "first_id": MODEL, "last_id": MODEL}
        return models if path.endswith("/models") else model


class GeminiModels(Gemini):
    """The list of models, and one of it."""

    def response(self, path: str, _: Json) -> Json:
        model = {"name": f"models/{MODEL}", "displayName": "Text"}
        return {"models": [model]} if path.endswith("/models") else model


class OpenAiEmbeddings(OpenAiChat):
    """Vectors of texts."""

    def contract(self, request: Json, _: Mapping[str, str]) -> str | None:
        return contracts.unknown(request, {"model", "input", "encoding_format", "dimensions", "user"})

    def response(self, _: str, request: Json) -> Json:
        texts = request["input"] if isinstance(request["input"], list) else [request["input"]]
        data = [{"object": "embedding", "index": index, "embedding": VECTOR} for index, _ in enumerate(texts)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        return {"object": "list", "data": data, "model": request["model"], "usage": usage}


class GeminiEmbeddings(Gemini):
    """`batchEmbedContents`."""

    MEMBERS = {"model", "content", "taskType", "title", "outputDimensionality"}

    def contract(self, request: Json, _: Mapping[str, str]) -> str | None:
        asked = (contracts.unknown(each, self.MEMBERS) for each in request["requests"])
        return contracts.unknown(request, {"requests"}) or contracts.first(asked)

    def response(self, _: str, request: Json) -> Json:
        return {"embeddings": [{"values": VECTOR} for _ in request["requests"]]}


class OpenAiCount(OpenAiResponses):
    """`/responses/input_tokens`."""

    MEMBERS = set(
        "conversation input instructions model parallel_tool_calls previous_response_id reasoning text tool_choice "
        "tools truncation".split()
    )

    def contract(self, request: Json, headers: Mapping[str, str]) -> str | None:
        return contracts.unknown(request, self.MEMBERS) or contracts.responses(request, headers)

    def response(self, _: str, __: Json) -> Json:
        return {"object": "response.input_tokens", "input_tokens": TOKENS}


class AnthropicCount(Anthropic):
    """`/messages/count_tokens`."""

    MEMBERS = set(
        "cache_control context_management mcp_servers messages model output_config system thinking tool_choice "
        "tools".split()
    )

    def contract(self, request: Json, headers: Mapping[str, str]) -> str | None:
        whole = request | {"max_tokens": 1 << 20}
        return contracts.unknown(request, self.MEMBERS) or contracts.anthropic(whole, headers)

    def response(self, _: str, __: Json) -> Json:
        return {"input_tokens": TOKENS}


class GeminiCount(Gemini):
    """`countTokens`."""

    def contract(self, request: Json, headers: Mapping[str, str]) -> str | None:
        if "generateContentRequest" in request:
            whole = dict(request["generateContentRequest"])
            if not whole.pop("model", "").startswith("models/"):
                return "generateContentRequest.model is required"
            return contracts.unknown(request, {"generateContentRequest"}) or contracts.gemini(whole, headers)
        return contracts.unknown(request, {"contents"}) or contracts.gemini(request, headers)

    def response(self, _: str, __: Json) -> Json:
        return {"totalTokens": TOKENS}


class Weather:
    """A plain REST API that takes its key in the query."""

    def contract(self, *_: Any) -> None:
        """Everything is welcome."""

    def error(self, status: int, _: str | None = None) -> Json:
        return {"success": False, "error": {"code": status}}

    def model(self, _: str, __: Json) -> str:
        return ""

    def streams(self, _: str, __: Json) -> bool:
        return False

    def response(self, path: str, _: Json) -> Json:
        return {"path": f"/{path}", "current": {"temperature": 21}}


Endpoint = OpenAiChat | OpenAiResponses | Anthropic | Gemini | Weather


def of(method: str, path: str, headers: Mapping[str, str], act: Act) -> Endpoint:
    """Which endpoint a request is for; the API is told by where its key is."""
    if "x-goog-api-key" in headers:
        others = {":countTokens": GeminiCount, ":batchEmbedContents": GeminiEmbeddings}
        models, rest = GeminiModels, Gemini
    elif "x-api-key" in headers:
        others = {"/messages/count_tokens": AnthropicCount}
        models, rest = AnthropicModels, Anthropic
    elif "authorization" in headers:
        others = {"/embeddings": OpenAiEmbeddings, "/input_tokens": OpenAiCount, "/responses": OpenAiResponses}
        models, rest = OpenAiModels, OpenAiChat
    else:
        return Weather()
    if method == "GET":
        return models(act)
    return next((other(act) for end, other in others.items() if path.endswith(end)), rest(act))
