"""What the real APIs answer, as far as the tests need it: one class per API."""

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import contracts

Json = dict[str, Any]

PIECES = ["Hello", ", ", "wörld", "!"]
TEXT = "".join(PIECES)
"""What every model says."""
THOUGHT = "Let me think."
"""What every model thinks that is asked to."""
ARGUMENTS = {"city": "Paris"}
"""What every tool is called with, and what a model says when it has to answer in JSON."""

Called = tuple[str, Json]
"""A tool's name, and what it is called with."""
Act = Callable[[list[str], list[Any]], Called | None]
"""What a model does that is offered these tools and has seen these results: a call, or `None` for a text."""


def obliging(tools: list[str], results: list[Any]) -> Called | None:
    """Calls the first tool, and says something when it has seen the result."""
    return (tools[0], ARGUMENTS) if tools and not results else None


@dataclass(frozen=True)
class Model:
    """Who answers, whatever the API."""

    act: Act = obliging

    def pieces(self, is_json: bool) -> list[str]:
        return halves(json.dumps(ARGUMENTS)) if is_json else PIECES


@dataclass(frozen=True)
class Event:
    """One server-sent event, as it stands on the wire."""

    data: bytes
    is_text: bool = False


def event(data: Json, name: str | None = None, is_text: bool = False, end: str = "\n") -> Event:
    lines = ([f"event: {name}"] if name else []) + [f"data: {json.dumps(data, ensure_ascii=False)}", "", ""]
    return Event(end.join(lines).encode(), is_text)


NUMBERS = itertools.count(1)


def new_id(kind: str) -> str:
    """An id that nothing else has: some clients take what has the id of an earlier answer for that answer."""
    return f"{kind}_{next(NUMBERS)}"


def halves(text: str) -> list[str]:
    """A text in two pieces."""
    return [text[: len(text) // 2], text[len(text) // 2 :]]


class OpenAiChat(Model):
    """Chat Completions."""

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

    def response(self, _: str, request: Json) -> Json:
        message: Json = {"role": "assistant", "content": "".join(self.said(request))}
        if called := self.called(request):
            kind, member, text = self.tool(request, called)
            call = {"id": new_id("call"), "type": kind, kind: {"name": called[0], member: text}}
            message |= {"content": None, "tool_calls": [call]}
        if self.thinks(request):
            message["reasoning_content"] = THOUGHT
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if called else "stop"}
        answer = {"id": new_id("chatcmpl"), "object": "chat.completion", "created": 1, "model": request["model"]}
        return answer | {"choices": [choice], "usage": self.USAGE}

    USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}

    def called(self, request: Json) -> Called | None:
        tools = [tool[tool["type"]]["name"] for tool in request.get("tools", [])]
        return self.act(tools, [message["content"] for message in request["messages"] if message["role"] == "tool"])

    def thinks(self, request: Json) -> bool:
        return request.get("reasoning_effort", "none") != "none"

    def tool(self, request: Json, called: Called) -> tuple[str, str, str]:
        """The type of a tool that is called, what it calls its input, and the input."""
        if any(tool["type"] == "custom" and tool["custom"]["name"] == called[0] for tool in request["tools"]):
            return "custom", "input", called[1]["input"]
        return "function", "arguments", json.dumps(called[1])

    def said(self, request: Json) -> list[str]:
        return self.pieces(request.get("response_format", {}).get("type") == "json_schema")

    def events(self, _: str, request: Json) -> list[Event]:
        answer_id = new_id("chatcmpl")

        def chunk(delta: Json, finish: str | None = None) -> Json:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return {"id": answer_id, "object": "chat.completion.chunk", "created": 1, "choices": [choice]} | {
                "model": request["model"]
            }

        events = [event(chunk({"role": "assistant", "content": ""}))]
        if self.thinks(request):
            events.append(event(chunk({"reasoning_content": THOUGHT})))
        if called := self.called(request):
            kind, member, text = self.tool(request, called)
            start = {"index": 0, "id": new_id("call"), "type": kind, kind: {"name": called[0], member: ""}}
            events.append(event(chunk({"tool_calls": [start]})))
            for piece in halves(text):
                events.append(event(chunk({"tool_calls": [{"index": 0, kind: {member: piece}}]})))
        else:
            events += [event(chunk({"content": piece}), is_text=True) for piece in self.said(request)]
        events.append(event(chunk({}, "tool_calls" if called else "stop")))
        if request.get("stream_options", {}).get("include_usage"):
            events.append(event(chunk({}) | {"choices": [], "usage": self.USAGE}))
        return [*events, Event(b"data: [DONE]\n\n")]


class OpenAiResponses(OpenAiChat):
    """Responses."""

    contract = staticmethod(contracts.responses)

    def response(self, _: str, request: Json) -> Json:
        item: Json = {"id": new_id("msg"), "type": "message", "role": "assistant", "status": "completed"}
        item["content"] = [{"type": "output_text", "text": "".join(self.said(request)), "annotations": []}]
        if called := self.called(request):
            item = {"id": new_id("fc"), "type": "function_call", "status": "completed", "call_id": new_id("call")}
            item |= {"name": called[0], "arguments": json.dumps(called[1])}
        thought = {"id": new_id("rs"), "type": "reasoning", "encrypted_content": contracts.SIGNATURE}
        thought["summary"] = [{"type": "summary_text", "text": THOUGHT}]
        answer = {"id": new_id("resp"), "object": "response", "created_at": 1, "status": "completed"}
        return answer | {
            "output": [thought, item] if self.thinks(request) else [item],
            "model": request["model"],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3},
        }

    def called(self, request: Json) -> Called | None:
        items = request["input"] if isinstance(request["input"], list) else []
        results = [item["output"] for item in items if item.get("type", "").endswith("_call_output")]
        return self.act([tool["name"] for tool in request.get("tools", [])], results)

    def said(self, request: Json) -> list[str]:
        return self.pieces(request.get("text", {}).get("format", {}).get("type") == "json_schema")

    def thinks(self, request: Json) -> bool:
        return request.get("reasoning", {}).get("effort", "none") != "none"

    def events(self, path: str, request: Json) -> list[Event]:
        whole = self.response(path, request)
        plain: list[Json] = [{"type": "response.created", "response": whole | {"status": "in_progress", "output": []}}]
        for index, item in enumerate(whole["output"]):
            place = {"item_id": item["id"], "output_index": index}
            progress = {"reasoning": self.thought, "function_call": self.call, "message": self.message}[item["type"]]
            begun = {"reasoning": {"summary": []}, "function_call": {"arguments": ""}, "message": {"content": []}}
            started = item | begun[item["type"]] | {"status": "in_progress"}
            plain.append({"type": "response.output_item.added", "output_index": index, "item": started})
            plain += [{"type": f"response.{name}", **place, **fields} for name, fields in progress(item, request)]
            plain.append({"type": "response.output_item.done", "output_index": index, "item": item})
        plain += [{"type": "response.completed", "response": whole}]
        return [
            event(data | {"sequence_number": number}, data["type"], data["type"] == "response.output_text.delta")
            for number, data in enumerate(plain)
        ]

    def thought(self, item: Json, _: Json) -> list[tuple[str, Json]]:
        (part,) = item["summary"]
        return [
            ("reasoning_summary_part.added", {"summary_index": 0, "part": part | {"text": ""}}),
            ("reasoning_summary_text.delta", {"summary_index": 0, "delta": part["text"]}),
            ("reasoning_summary_text.done", {"summary_index": 0, "text": part["text"]}),
            ("reasoning_summary_part.done", {"summary_index": 0, "part": part}),
        ]

    def call(self, item: Json, _: Json) -> list[tuple[str, Json]]:
        pieces = [("function_call_arguments.delta", {"delta": piece}) for piece in halves(item["arguments"])]
        return [*pieces, ("function_call_arguments.done", {"name": item["name"], "arguments": item["arguments"]})]

    def message(self, item: Json, request: Json) -> list[tuple[str, Json]]:
        (part,) = item["content"]
        place = {"content_index": 0, "logprobs": []}
        return [
            ("content_part.added", {"content_index": 0, "part": part | {"text": ""}}),
            *(("output_text.delta", place | {"delta": piece}) for piece in self.said(request)),
            ("output_text.done", place | {"text": part["text"]}),
            ("content_part.done", {"content_index": 0, "part": part}),
        ]


class Anthropic(Model):
    """Messages."""

    contract = staticmethod(contracts.anthropic)
    ERRORS = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}

    def error(self, status: int, message: str | None = None) -> Json:
        error = {"type": self.ERRORS[status], "message": message or f"the mock says {status}"}
        return {"type": "error", "error": error, "request_id": "req_mock"}

    def model(self, _: str, request: Json) -> str:
        return request.get("model", "")

    def streams(self, _: str, request: Json) -> bool:
        return request.get("stream", False)

    def response(self, _: str, request: Json) -> Json:
        content: Json = {"type": "text", "text": "".join(self.said(request))}
        if called := self.called(request):
            content = {"type": "tool_use", "id": new_id("toolu"), "name": called[0], "input": called[1]}
        thought = {"type": "thinking", "thinking": THOUGHT, "signature": contracts.SIGNATURE}
        contents = [thought, content] if self.thinks(request) else [content]
        return self.message(request, contents, "tool_use" if called else "end_turn")

    def thinks(self, request: Json) -> bool:
        return request.get("thinking", {}).get("type", "disabled") != "disabled"

    def called(self, request: Json) -> Called | None:
        contents = [message["content"] for message in request["messages"] if isinstance(message["content"], list)]
        blocks = [block for content in contents for block in content if block["type"] == "tool_result"]
        return self.act([tool["name"] for tool in request.get("tools", [])], [block["content"] for block in blocks])

    def said(self, request: Json) -> list[str]:
        return self.pieces("format" in request.get("output_config", {}))

    def message(self, request: Json, content: list[Json], stop_reason: str | None) -> Json:
        usage = {"input_tokens": 1, "output_tokens": 2}
        message = {"id": new_id("msg"), "type": "message", "role": "assistant", "content": content, "usage": usage}
        return message | {"model": request["model"], "stop_reason": stop_reason, "stop_sequence": None}

    def events(self, path: str, request: Json) -> list[Event]:
        def named(name: str, is_text: bool = False, **fields: Any) -> Event:
            return event({"type": name, **fields}, name, is_text)

        def block(index: int, start: Json, *deltas: Json) -> list[Event]:
            started = named("content_block_start", index=index, content_block=start)
            changes = [named("content_block_delta", "text" in delta, index=index, delta=delta) for delta in deltas]
            return [started, named("ping"), *changes, named("content_block_stop", index=index)]

        message = self.response(path, request)
        events = [named("message_start", message=self.message(request, [], None))]
        for index, content in enumerate(message["content"]):
            kind = content["type"]
            if kind == "thinking":
                thought = {"type": "thinking_delta", "thinking": content["thinking"]}
                signature = {"type": "signature_delta", "signature": content["signature"]}
                events += block(index, content | {"thinking": "", "signature": ""}, thought, signature)
            elif kind == "tool_use":
                pieces = halves(json.dumps(content["input"]))
                deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
                events += block(index, content | {"input": {}}, *deltas)
            else:
                deltas = [{"type": "text_delta", "text": piece} for piece in self.said(request)]
                events += block(index, content | {"text": ""}, *deltas)
        stop = {"stop_reason": message["stop_reason"], "stop_sequence": None}
        return [*events, named("message_delta", delta=stop, usage={"output_tokens": 2}), named("message_stop")]


class Gemini(Model):
    """`generateContent`. Events end in CR LF, as Google's do."""

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
        return self.answer([*self.thoughts(request), self.last(request)], "STOP")

    def last(self, request: Json) -> Json:
        """The part that ends an answer. A call of a model that thinks is signed, also where no thoughts are shown."""
        if called := self.called(request):
            signature = {"thoughtSignature": contracts.SIGNATURE} if contracts.gemini_thinks(request) else {}
            return {"functionCall": {"name": called[0], "args": called[1]}, **signature}
        return {"text": "".join(self.said(request))}

    def thoughts(self, request: Json) -> list[Json]:
        is_shown = request.get("generationConfig", {}).get("thinkingConfig", {}).get("includeThoughts")
        return [{"text": THOUGHT, "thought": True}] if is_shown else []

    def called(self, request: Json) -> Called | None:
        declared = [function for tool in request.get("tools", []) for function in tool["functionDeclarations"]]
        parts = [part for content in request["contents"] for part in content["parts"] if "functionResponse" in part]
        results = [part["functionResponse"]["response"] for part in parts]
        return self.act([function["name"] for function in declared], results)

    def said(self, request: Json) -> list[str]:
        return self.pieces("responseMimeType" in request.get("generationConfig", {}))

    def answer(self, parts: list[Json], finish: str | None = None, answer_id: str | None = None) -> Json:
        candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}
        answer = {"candidates": [candidate | ({"finishReason": finish} if finish else {})], "usageMetadata": usage}
        return answer | {"responseId": answer_id or new_id("response"), "modelVersion": "text"}

    def events(self, _: str, request: Json) -> list[Event]:
        answer_id = new_id("response")
        parts = [{"text": piece} for piece in self.said(request)]
        if self.called(request):
            parts = [self.last(request)]
        events = [
            event(self.answer([part], None, answer_id), is_text="text" in part and "thought" not in part, end="\r\n")
            for part in [*self.thoughts(request), *parts]
        ]
        return [*events, event(self.answer([{"text": ""}], "STOP", answer_id), end="\r\n")]
