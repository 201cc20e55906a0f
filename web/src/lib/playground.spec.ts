import { describe, expect, it } from "vitest";
import { DIALECTS, eventsOf, readableOf, requestOf } from "./playground";

const question = { model: "m/1", system: "Be brief.", prompt: "Hello", stream: true };

describe("a request of the playground", () => {
  it("is written as clients of its dialect write it", () => {
    expect(DIALECTS.map((dialect) => requestOf(dialect, question).path)).toEqual(["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1beta/models/m%2F1:streamGenerateContent?alt=sse"]);
    expect(requestOf("gemini", { ...question, stream: false }).path).toBe("/v1beta/models/m%2F1:generateContent");
    expect(requestOf("openai", question).body).toEqual({ model: "m/1", messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "Hello" }], stream: true, stream_options: { include_usage: true } });
    expect(requestOf("anthropic", { ...question, system: "", stream: false }).body).toEqual({ model: "m/1", max_tokens: 1024, messages: [{ role: "user", content: "Hello" }], stream: false });
  });
});

describe("an answer in the playground", () => {
  it("is read from a stream of each dialect", () => {
    const streams = {
      openai: ['{"choices":[{"delta":{"role":"assistant"}}]}', '{"choices":[{"delta":{"content":"Hi"}}]}', '{"choices":[],"usage":{}}', "[DONE]"],
      openai_responses: ['{"type":"response.created"}', '{"type":"response.output_text.delta","delta":"Hi"}'],
      anthropic: ['{"type":"message_start"}', '{"type":"content_block_delta","delta":{"type":"text_delta","text":"Hi"}}'],
      gemini: ['{"candidates":[{"content":{"parts":[{"text":"H"},{"text":"i"}]}}]}'],
    };
    for (const dialect of DIALECTS) {
      const received = streams[dialect].map((data) => `event: x\r\ndata: ${data}\r\n\r\n`).join("");
      expect(readableOf(dialect, received, true), dialect).toBe("Hi");
    }
  });

  it("is read from one piece of each dialect", () => {
    const answers = {
      openai: { choices: [{ message: { content: "Hi" } }] },
      openai_responses: { output: [{ type: "reasoning" }, { content: [{ type: "output_text", text: "Hi" }] }] },
      anthropic: { content: [{ type: "text", text: "Hi" }] },
      gemini: { candidates: [{ content: { parts: [{ text: "Hi" }] } }] },
    };
    for (const dialect of DIALECTS) expect(readableOf(dialect, JSON.stringify(answers[dialect]), false), dialect).toBe("Hi");
  });

  it("that makes no sense has no text", () => {
    for (const received of ["", "<html>", "null", "[]", '{"choices":{}}']) expect(readableOf("openai", received, false)).toBe("");
  });

  it("shows events when they are whole", () => {
    expect(eventsOf("data: 1\n\n: comment\n\ndata: 2\ndata: 3\n\ndata: not ye")).toEqual(["1", "2\n3"]);
  });
});
