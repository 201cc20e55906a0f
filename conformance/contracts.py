"""What the real APIs refuse, as far as a translation could get it wrong: one function per API.

Each gives the sentence of the 400 that the API would answer, or `None`. Sources: the public API references of OpenAI
(Chat Completions, Responses), Anthropic (Messages, version 2023-06-01 and 2026-10-21) and Google (generateContent).
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

SIGNATURE = "c2lnbmVkIGJ5IHRoZSBtb2Nr"
"""Signs what a model thinks, in every API, and has to come back as it was."""

NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
GEMINI_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,127}")
CHAT_MEMBERS = set(
    "model messages audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens "
    "metadata modalities n parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_retention "
    "reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options temperature "
    "tool_choice tools top_logprobs top_p user verbosity web_search_options".split()
)
RESPONSES_MEMBERS = set(
    "background conversation include input instructions max_output_tokens max_tool_calls metadata model "
    "parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_retention reasoning "
    "safety_identifier service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p "
    "truncation user".split()
)
ANTHROPIC_MEMBERS = set(
    "cache_control container context_management inference_geo max_tokens mcp_servers messages metadata model "
    "output_config service_tier stop_sequences stream system temperature thinking tool_choice tools top_k top_p".split()
)
GEMINI_MEMBERS = set(
    "contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent labels".split()
)
GENERATION_MEMBERS = set(
    "stopSequences responseMimeType responseSchema responseJsonSchema responseModalities candidateCount maxOutputTokens "
    "temperature topP topK seed presencePenalty frequencyPenalty responseLogprobs logprobs thinkingConfig "
    "mediaResolution speechConfig enableEnhancedCivicAnswers".split()
)
JSON_SCHEMA_KEYWORDS = set(
    "$id $defs $ref $anchor type format title description default enum items prefixItems minItems maxItems minimum maximum "
    "anyOf oneOf properties additionalProperties required propertyOrdering nullable minLength maxLength pattern "
    "minProperties maxProperties example".split()
)


def unknown(request: Json, known: set[str]) -> str | None:
    names = sorted(set(request) - known)
    return f"Unknown parameter: '{names[0]}'." if names else None


def first(problems: Iterator[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def chat(request: Json, _: Mapping[str, str]) -> str | None:
    return unknown(request, CHAT_MEMBERS) or first(chat_problems(request))


def chat_problems(request: Json) -> Iterator[str | None]:
    if not request.get("messages"):
        yield "messages must not be empty"
    if request.get("model", "").startswith(("gpt-5", "o1", "o3", "o4")) and "max_tokens" in request:
        yield "max_tokens is not supported with this model. Use 'max_completion_tokens' instead."
    if "stream_options" in request and not request.get("stream"):
        yield "stream_options is only allowed when stream is enabled"
    if ("tool_choice" in request or "parallel_tool_calls" in request) and not request.get("tools"):
        yield "tool_choice is only allowed when tools are specified"
    if len(request.get("stop") or []) > 4 and isinstance(request["stop"], list):
        yield "stop: at most 4"
    if request.get("top_logprobs") is not None and not request.get("logprobs"):
        yield "top_logprobs needs logprobs"
    if request.get("service_tier", "auto") not in ("auto", "default", "flex", "scale", "priority"):
        yield "service_tier is unknown"
    for tool in request.get("tools", []):
        function = tool.get(tool.get("type"), {})
        if tool.get("type") not in ("function", "custom") or not NAME.fullmatch(function.get("name", "")):
            yield f"tools: {tool} is none"
    waiting: list[str] = []
    for message in request.get("messages", []):
        role = message.get("role")
        if role not in ("system", "developer", "user", "assistant", "tool"):
            yield f"messages: unknown role {role}"
        if waiting and role != "tool":
            yield f"an assistant message with 'tool_calls' must be followed by tool messages: {waiting}"
            waiting = []
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                yield "messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
            waiting = [call for call in waiting if call != message.get("tool_call_id")]
        if role == "assistant":
            calls = message.get("tool_calls", [])
            if calls == [] and "tool_calls" in message:
                yield "tool_calls must not be empty"
            if message.get("content") is None and not calls and "refusal" not in message:
                yield "an assistant message needs content or tool_calls"
            waiting = [call["id"] for call in calls]
            for call in calls:
                if call["type"] == "function" and not isinstance(call["function"]["arguments"], str):
                    yield "arguments must be a string"
        elif message.get("content") is None:
            yield f"a {role} message needs content"
        if isinstance(message.get("content"), list):
            yield first(map(lambda part: chat_part(role, part), message["content"]))
    if waiting:
        yield f"these tool calls have no answer: {waiting}"


def chat_part(role: str, part: Json) -> str | None:
    kinds = {"user": {"text", "image_url", "input_audio", "file"}, "assistant": {"text", "refusal"}}.get(role, {"text"})
    kind = part.get("type")
    if kind not in kinds:
        return f"a {role} message cannot have a part of type {kind}"
    if kind == "text" and set(part) != {"type", "text"}:
        return f"Unknown parameter in a text part: {sorted(part)}"
    if kind == "image_url" and not isinstance(part["image_url"], dict):
        return "image_url must be an object"
    return None


def responses(request: Json, _: Mapping[str, str]) -> str | None:
    return unknown(request, RESPONSES_MEMBERS) or first(responses_problems(request))


def responses_problems(request: Json) -> Iterator[str | None]:
    if not request.get("input"):
        yield "input must not be empty"
    for tool in request.get("tools", []):
        if tool.get("type") == "function" and ("name" not in tool or "parameters" not in tool):
            yield "a function tool has name and parameters at its top level"
    if isinstance(request.get("input"), str):
        return
    calls: set[str] = set()
    for item in request.get("input", []):
        kind = item.get("type", "message")
        if kind == "message":
            role = item.get("role")
            if role not in ("system", "developer", "user", "assistant"):
                yield f"unknown role {role}"
            allowed = {"output_text", "refusal"} if role == "assistant" else {"input_text", "input_image", "input_file"}
            if isinstance(item["content"], list):
                for part in item["content"]:
                    if part.get("type") not in allowed:
                        yield f"Invalid value: '{part.get('type')}'. Supported values for {role}: {sorted(allowed)}"
        elif kind in ("function_call", "custom_tool_call"):
            calls.add(item["call_id"])
            if not isinstance(item.get("arguments", item.get("input")), str):
                yield "arguments must be a string"
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if item["call_id"] not in calls:
                yield f"No tool call found for function call output with call_id {item['call_id']}."
        elif kind == "reasoning":
            if "summary" not in item:
                yield "a reasoning item needs its summary"
            if item.get("encrypted_content", SIGNATURE) != SIGNATURE:
                yield "The encrypted content could not be verified."
        else:
            yield f"unknown item type {kind}"


def anthropic(request: Json, headers: Mapping[str, str]) -> str | None:
    return unknown(request, ANTHROPIC_MEMBERS) or first(anthropic_problems(request, headers))


def anthropic_problems(request: Json, headers: Mapping[str, str]) -> Iterator[str | None]:
    version = headers.get("anthropic-version", "")
    if not version:
        yield "anthropic-version: header is required"
    if version >= "2026-10-21" and {"temperature", "top_p", "top_k"} & set(request):
        yield "sampling parameters are not supported"
    if not isinstance(request.get("max_tokens"), int) or request["max_tokens"] < 1:
        yield "max_tokens: Field required"
    if not 0 <= request.get("temperature", 0) <= 1:
        yield "temperature: range: 0..1"
    if "temperature" in request and "top_p" in request:
        yield "temperature and top_p cannot both be specified for this model"
    thinking = request.get("thinking", {})
    if thinking.get("type") == "enabled":
        if not 1024 <= thinking["budget_tokens"] < request["max_tokens"]:
            yield "max_tokens must be greater than thinking.budget_tokens, which is at least 1024"
        if request.get("temperature", 1) != 1:
            yield "temperature may only be set to 1 when thinking is enabled"
        if request.get("tool_choice", {}).get("type") in ("any", "tool"):
            yield "Thinking may not be enabled when tool_choice forces tool use."
    if "tool_choice" in request and not request.get("tools"):
        yield "tool_choice may only be specified while providing tools"
    for tool in request.get("tools", []):
        if not NAME.fullmatch(tool.get("name", "")) or tool.get("input_schema", {}).get("type") != "object":
            yield f"tools: {tool} needs a name and an input_schema of type object"
    if json.dumps(request).count('"cache_control"') > 4:
        yield "A maximum of 4 blocks with cache_control may be provided."
    messages = request.get("messages", [])
    if not messages or messages[0]["role"] != "user":
        yield "messages: first message must use the user role"
    yield first(anthropic_messages(messages))
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    if said and thinking.get("type", "disabled") != "disabled" and messages[-1]["role"] == "user":
        kinds = [block["type"] for block in said[-1]] if isinstance(said[-1], list) else []
        if "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking"):
            yield "When thinking is enabled, a final assistant message must start with a thinking block"


def anthropic_messages(messages: list[Json]) -> Iterator[str | None]:
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        if message["role"] not in ("user", "assistant"):
            yield f'messages: Unexpected role "{message["role"]}"'
        content = message["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        if not content:
            yield "messages: content must not be empty"
        results = {block["tool_use_id"] for block in content if block["type"] == "tool_result"}
        if waiting - results:
            yield f"tool_use ids were found without tool_result blocks immediately after: {sorted(waiting - results)}"
        if results - waiting:
            yield f"unexpected tool_use_id found in tool_result blocks: {sorted(results - waiting)}"
        kinds = [block["type"] for block in content]
        if "tool_result" in kinds and kinds != sorted(kinds, key=lambda kind: kind != "tool_result"):
            yield "tool_result blocks must come first"
        allowed = {
            "user": {"text", "image", "document", "tool_result"},
            "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
        }[message["role"]]
        for block in content:
            if block["type"] not in allowed:
                yield f"messages: {block['type']} is not allowed in a {message['role']} message"
            if block["type"] == "text" and not block["text"]:
                yield "messages: text content blocks must be non-empty"
            if block["type"] == "thinking" and block.get("signature") != SIGNATURE:
                yield "messages: Invalid `signature` in `thinking` block"
            if block["type"] == "tool_use" and not (NAME.fullmatch(block["id"]) and isinstance(block["input"], dict)):
                yield "messages: tool_use needs an id and an input"
        last = index == len(messages) - 1 and message["role"] == "assistant"
        if last and content[-1]["type"] == "text" and content[-1]["text"] != content[-1]["text"].rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"
        waiting = {block["id"] for block in content if block["type"] == "tool_use"}
    if waiting:
        yield f"tool_use ids were found without tool_result blocks: {sorted(waiting)}"


def gemini(request: Json, _: Mapping[str, str]) -> str | None:
    return (
        unknown(request, GEMINI_MEMBERS)
        or unknown(request.get("generationConfig", {}), GENERATION_MEMBERS)
        or first(gemini_problems(request))
    )


def gemini_thinks(request: Json) -> bool:
    config = request.get("generationConfig", {}).get("thinkingConfig", {})
    return bool(config) and config.get("thinkingBudget") != 0


def gemini_problems(request: Json) -> Iterator[str | None]:
    contents = request.get("contents")
    if not contents:
        yield "contents is not specified"
    config = request.get("generationConfig", {})
    if len(config.get("stopSequences", [])) > 5:
        yield "stopSequences: at most 5"
    if "responseSchema" in config and "responseJsonSchema" in config:
        yield "only one of responseSchema and responseJsonSchema"
    if {"responseSchema", "responseJsonSchema"} & set(config) and "responseMimeType" not in config:
        yield "a response schema needs responseMimeType application/json"
    thinking = config.get("thinkingConfig", {})
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        yield "only one of thinkingBudget and thinkingLevel"
    yield first(keywords(config.get("responseJsonSchema")))
    for tool in request.get("tools", []):
        for function in tool.get("functionDeclarations", []):
            if not GEMINI_NAME.fullmatch(function.get("name", "")):
                yield f"Invalid function name {function.get('name')}"
            if "parameters" in function and "parametersJsonSchema" in function:
                yield "only one of parameters and parametersJsonSchema"
            yield first(keywords(function.get("parametersJsonSchema")))
    called: list[str] = []
    for content in contents or []:
        if content.get("role", "user") not in ("user", "model"):
            yield "Please use a valid role: user, model."
        if not content.get("parts"):
            yield "contents.parts must not be empty."
        answered = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
        if sorted(answer.get("name", "") for answer in answered) != sorted(called):
            yield "the number of function response parts must be equal to the function call parts of the turn before"
        if any(not isinstance(answer.get("response"), dict) for answer in answered):
            yield "functionResponse.response must be an object"
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        if any(not isinstance(call.get("args", {}), dict) for call in calls):
            yield "functionCall.args must be an object"
        called = [call["name"] for call in calls]
        signed = [part.get("thoughtSignature") for part in content["parts"] if "functionCall" in part]
        if gemini_thinks(request) and signed and signed[0] != SIGNATURE:
            yield f"Function call is missing a thought_signature, or has another's: {signed[0]}"
        for part in content["parts"]:
            kinds = {"text", "inlineData", "fileData", "functionCall", "functionResponse"} & set(part)
            if len(kinds) != 1 or set(part) - kinds - {"thought", "thoughtSignature", "videoMetadata"}:
                yield f"contents.parts: {sorted(part)} is no part"


def keywords(schema: Any) -> Iterator[str | None]:
    if not isinstance(schema, dict):
        return
    yield unknown(schema, JSON_SCHEMA_KEYWORDS)
    for name, value in schema.items():
        if name in ("properties", "$defs"):
            for each in value.values():
                yield from keywords(each)
        elif name in ("items", "additionalProperties"):
            yield from keywords(value)
        elif name in ("anyOf", "oneOf", "prefixItems"):
            for each in value:
                yield from keywords(each)
