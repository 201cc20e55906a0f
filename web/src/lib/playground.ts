export const DIALECTS = ["openai", "openai_responses", "anthropic", "gemini"] as const;
export type PlayDialect = (typeof DIALECTS)[number];

/** What is to be asked. */
export interface Question {
  model: string;
  system: string;
  prompt: string;
  stream: boolean;
}

/** A request below a service's address, as a client of the dialect would write it. */
export interface PlayRequest {
  path: string;
  headers: Record<string, string>;
  body: object;
}

/** Anthropic's API wants a bound. */
const MAX_TOKENS = 1024;

export function requestOf(dialect: PlayDialect, { model, system, prompt, stream }: Question): PlayRequest {
  const user = { role: "user", content: prompt };
  switch (dialect) {
    case "openai": {
      const messages = system ? [{ role: "system", content: system }, user] : [user];
      const streamed = stream ? { stream, stream_options: { include_usage: true } } : {};
      return { path: "/v1/chat/completions", headers: {}, body: { model, messages, ...streamed } };
    }
    case "openai_responses":
      return { path: "/v1/responses", headers: {}, body: { model, input: prompt, ...(system && { instructions: system }), stream } };
    case "anthropic":
      return {
        path: "/v1/messages",
        headers: { "anthropic-version": "2023-06-01" },
        body: { model, max_tokens: MAX_TOKENS, ...(system && { system }), messages: [user], stream },
      };
    case "gemini":
      return {
        path: `/v1beta/models/${encodeURIComponent(model)}:${stream ? "streamGenerateContent?alt=sse" : "generateContent"}`,
        headers: {},
        body: { contents: [{ role: "user", parts: [{ text: prompt }] }], ...(system && { systemInstruction: { parts: [{ text: system }] } }) },
      };
  }
}

/** What is at a path in something that came as JSON. */
function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce((inner, name) => (typeof inner === "object" && inner !== null ? (inner as Record<string | number, unknown>)[name] : undefined), value);
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** What an answer, or an event of a stream, adds to the text that a person reads. */
export function textOf(dialect: PlayDialect, message: unknown): string {
  switch (dialect) {
    case "openai":
      return text(at(message, "choices", 0, "delta", "content")) || text(at(message, "choices", 0, "message", "content"));
    case "openai_responses": {
      if (at(message, "type") === "response.output_text.delta") return text(at(message, "delta"));
      return list(at(message, "output")).flatMap((item) => list(at(item, "content"))).map((part) => text(at(part, "text"))).join("");
    }
    case "anthropic":
      return text(at(message, "delta", "text")) || list(at(message, "content")).map((part) => text(at(part, "text"))).join("");
    case "gemini":
      return list(at(message, "candidates", 0, "content", "parts")).map((part) => text(at(part, "text"))).join("");
  }
}

/** The data of the events in what has come of a stream so far; of an event that is not whole yet nothing. */
export function eventsOf(received: string): string[] {
  const blocks = received.replaceAll("\r\n", "\n").split("\n\n").slice(0, -1);
  const dataOf = (block: string) => block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart()).join("\n");
  return blocks.map(dataOf).filter(Boolean);
}

/** The text of all that has come: of a stream, or of an answer in one piece. */
export function readableOf(dialect: PlayDialect, received: string, isStream: boolean): string {
  const messages = isStream ? eventsOf(received) : [received];
  return messages.map((message) => textOf(dialect, parsed(message))).join("");
}

function parsed(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    // Such as the `[DONE]` at the end of a stream.
    return null;
  }
}
