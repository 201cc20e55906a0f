"""What the real APIs answer, as far as the tests need it: one class per API."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import contracts

Json = dict[str, Any]

PIECES = ["Hello", ", ", "wörld", "!"]
TEXT = "".join(PIECES)
"""What every model says."""
ARGUMENTS = {"city": "Paris"}
"""What every tool is called with."""


@dataclass(frozen=True)
class Event:
    """One server-sent event, as it stands on the wire."""

    data: bytes
    is_text: bool = False


def event(data: Json, name: str | None = None, is_text: bool = False, end: str = "\n") -> Event:
    lines = ([f"event: {name}"] if name else []) + [f"data: {json.dumps(data, ensure_ascii=False)}", "", ""]
    return Event(end.join(lines).encode(), is_text)


def halves(text: str) -> list[str]:
    """A text in two pieces."""
    return [text[: len(text) // 2], text[len(text) // 2 :]]


class OpenAiChat:
    """Chat Completions, and the list of models."""

    contract = staticmethod(contracts.chat)
    ERRORS = {
        400: {"type": "invalid_request_error", "code": None},
        401: {"type": "invalid_request_error", "code": "invalid_api_key"},
        429: {"type": "requests", "code": "rate_limit_exceeded"},
    }

    def error(self, status: int, message: str | None = None) -> Json:
        return {"error": {"message": message or f"the mock says {status}", "param": None, **self.ERRORS[status]}}

    def model(self, _: str, request: Json) -> str:
        return request.get("model", "")

    def streams(self, _: str, request: Json) -> bool:
        return request.get("stream", False)

    def response(self, path: str, request: Json) -> Json:
        if path.endswith("models"):
            return {"object": "list", "data": [{"id": "text", "object": "model", "created": 1, "owned_by": "mock"}]}
        message: Json = {"role": "assistant", "content": TEXT}
        if tools := self.callable(request):
            call = {"name": tools[0]["function"]["name"], "arguments": json.dumps(ARGUMENTS)}
            message |= {"content": None, "tool_calls": [{"id": "call_1", "type": "function", "function": call}]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if tools else "stop"}
        return {"id": "c-1", "object": "chat.completion", "created": 1, "choices": [choice], "usage": self.USAGE} | {
            "model": request["model"]
        }

    USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

    def callable(self, request: Json) -> list[Json]:
        """The tools that the model calls: none when it has seen a result already."""
        return [] if request["messages"][-1]["role"] == "tool" else request.get("tools", [])

    def events(self, _: str, request: Json) -> list[Event]:
        def chunk(delta: Json, finish: str | None = None) -> Json:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "choices": [choice]} | {
                "model": request["model"]
            }

        events = [event(chunk({"role": "assistant", "content": ""}))]
        if tools := self.callable(request):
            start = {"index": 0, "id": "call_1", "type": "function"}
            start["function"] = {"name": tools[0]["function"]["name"], "arguments": ""}
            events.append(event(chunk({"tool_calls": [start]})))
            for piece in halves(json.dumps(ARGUMENTS)):
                events.append(event(chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})))
        else:
            events += [event(chunk({"content": piece}), is_text=True) for piece in PIECES]
        events.append(event(chunk({}, "tool_calls" if tools else "stop")))
        if request.get("stream_options", {}).get("include_usage"):
            events.append(event(chunk({}) | {"choices": [], "usage": self.USAGE}))
        return [*events, Event(b"data: [DONE]\n\n")]


class OpenAiResponses(OpenAiChat):
    """Responses."""

    contract = staticmethod(contracts.responses)

    def response(self, path: str, request: Json) -> Json:
        if path.endswith("models"):
            return super().response(path, request)
        part = {"type": "output_text", "text": TEXT, "annotations": []}
        item: Json = {"id": "m-1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
        if tools := self.callable(request):
            item = {"id": "fc-1", "type": "function_call", "status": "completed", "call_id": "call_1"}
            item |= {"name": tools[0]["name"], "arguments": json.dumps(ARGUMENTS)}
        return {"id": "r-1", "object": "response", "created_at": 1, "status": "completed", "output": [item]} | {
            "model": request["model"],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        }

    def callable(self, request: Json) -> list[Json]:
        given = request["input"]
        seen = isinstance(given, list) and given[-1].get("type") == "function_call_output"
        return [] if seen else request.get("tools", [])

    def events(self, path: str, request: Json) -> list[Event]:
        whole = self.response(path, request)
        place = {"item_id": "m-1", "output_index": 0, "content_index": 0, "logprobs": []}
        plain: list[Json] = [{"type": "response.created", "response": whole | {"status": "in_progress", "output": []}}]
        (item,) = whole["output"]
        if item["type"] == "function_call":
            place = {"item_id": "fc-1", "output_index": 0}
            started = item | {"arguments": "", "status": "in_progress"}
            plain.append({"type": "response.output_item.added", "output_index": 0, "item": started})
            for piece in halves(item["arguments"]):
                plain.append({"type": "response.function_call_arguments.delta", "delta": piece, **place})
            done = {"type": "response.function_call_arguments.done", "arguments": item["arguments"]}
            plain.append(done | {"name": item["name"], **place})
        else:
            started = item | {"content": [], "status": "in_progress"}
            plain.append({"type": "response.output_item.added", "output_index": 0, "item": started})
            part = {"type": "output_text", "text": "", "annotations": []}
            plain.append({"type": "response.content_part.added", "part": part, **place})
            plain += [{"type": "response.output_text.delta", "delta": piece, **place} for piece in PIECES]
            plain.append({"type": "response.output_text.done", "text": TEXT, **place})
            plain.append({"type": "response.content_part.done", "part": item["content"][0], **place})
        plain.append({"type": "response.output_item.done", "output_index": 0, "item": item})
        plain += [{"type": "response.completed", "response": whole}]
        return [
            event(data | {"sequence_number": number}, data["type"], is_text=data["type"] == "response.output_text.delta")
            for number, data in enumerate(plain)
        ]


class Anthropic:
    """Messages, and the list of models."""

    contract = staticmethod(contracts.anthropic)
    ERRORS = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}

    def error(self, status: int, message: str | None = None) -> Json:
        error = {"type": self.ERRORS[status], "message": message or f"the mock says {status}"}
        return {"type": "error", "error": error, "request_id": "req_mock"}

    def model(self, _: str, request: Json) -> str:
        return request.get("model", "")

    def streams(self, _: str, request: Json) -> bool:
        return request.get("stream", False)

    def response(self, path: str, request: Json) -> Json:
        if path.endswith("models"):
            model = {"type": "model", "id": "text", "display_name": "Text", "created_at": "2026-01-01T00:00:00Z"}
            return {"data": [model], "has_more": False, "first_id": "text", "last_id": "text"}
        content: Json = {"type": "text", "text": TEXT}
        if tools := self.callable(request):
            content = {"type": "tool_use", "id": "toolu_1", "name": tools[0]["name"], "input": ARGUMENTS}
        return self.message(request, [content], "tool_use" if tools else "end_turn")

    def callable(self, request: Json) -> list[Json]:
        content = request["messages"][-1]["content"]
        seen = isinstance(content, list) and content[0]["type"] == "tool_result"
        return [] if seen else request.get("tools", [])

    def message(self, request: Json, content: list[Json], stop_reason: str | None) -> Json:
        usage = {"input_tokens": 1, "output_tokens": 2}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "content": content, "usage": usage}
        return message | {"model": request["model"], "stop_reason": stop_reason, "stop_sequence": None}

    def events(self, _: str, request: Json) -> list[Event]:
        def named(name: str, is_text: bool = False, **fields: Any) -> Event:
            return event({"type": name, **fields}, name, is_text)

        def delta(piece: str) -> Event:
            return named("content_block_delta", True, index=0, delta={"type": "text_delta", "text": piece})

        def arguments(piece: str) -> Event:
            return named("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": piece})

        block, pieces, stop = {"type": "text", "text": ""}, list(map(delta, PIECES)), "end_turn"
        if tools := self.callable(request):
            block = {"type": "tool_use", "id": "toolu_1", "name": tools[0]["name"], "input": {}}
            pieces, stop = list(map(arguments, halves(json.dumps(ARGUMENTS)))), "tool_use"
        return [
            named("message_start", message=self.message(request, [], None)),
            named("content_block_start", index=0, content_block=block),
            named("ping"),
            *pieces,
            named("content_block_stop", index=0),
            named("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": 2}),
            named("message_stop"),
        ]


class Gemini:
    """`generateContent`, and the list of models. Events end in CR LF, as Google's do."""

    contract = staticmethod(contracts.gemini)
    ERRORS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 429: "RESOURCE_EXHAUSTED"}

    def error(self, status: int, message: str | None = None) -> Json:
        message = message or f"the mock says {status}"
        return {"error": {"code": status, "message": message, "status": self.ERRORS[status]}}

    def model(self, path: str, _: Json) -> str:
        return path.rpartition("/")[2].partition(":")[0]

    def streams(self, path: str, _: Json) -> bool:
        return path.endswith(":streamGenerateContent")

    def response(self, path: str, request: Json) -> Json:
        if path.endswith("models"):
            return {"models": [{"name": "models/text", "displayName": "Text"}]}
        if tools := self.callable(request):
            name = tools[0]["functionDeclarations"][0]["name"]
            return self.candidate({"functionCall": {"name": name, "args": ARGUMENTS}}, "STOP")
        return self.candidate({"text": TEXT}, "STOP")

    def callable(self, request: Json) -> list[Json]:
        seen = "functionResponse" in request["contents"][-1]["parts"][0]
        return [] if seen else request.get("tools", [])

    def candidate(self, part: Json, finish: str | None = None) -> Json:
        candidate: Json = {"index": 0, "content": {"role": "model", "parts": [part]}}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}
        answer = {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "usageMetadata": usage}
        return answer | {"responseId": "g-1", "modelVersion": "text"}

    def events(self, path: str, request: Json) -> list[Event]:
        if self.callable(request):
            return [event(self.response(path, request), end="\r\n")]
        events = [event(self.candidate({"text": piece}), is_text=True, end="\r\n") for piece in PIECES]
        return [*events, event(self.candidate({"text": ""}, "STOP"), end="\r\n")]


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


Dialect = OpenAiChat | OpenAiResponses | Anthropic | Gemini | Weather


def of(path: str, headers: Mapping[str, str]) -> Dialect:
    """Which API a request is for, told by where its key is."""
    if "x-goog-api-key" in headers:
        return Gemini()
    if "x-api-key" in headers:
        return Anthropic()
    if "authorization" in headers:
        return OpenAiResponses() if path == "v1/responses" else OpenAiChat()
    return Weather()
