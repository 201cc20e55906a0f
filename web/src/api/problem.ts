import type { components } from "./schema.gen";

type ErrorBody = components["schemas"]["Error"];

/** Why something was not done, as the server says it. */
export class Problem extends Error {
  readonly code: string;
  /** What is wrong with which field of a form. */
  readonly fields: Record<string, string>;
  readonly requestId: string;
  /** In seconds, where the server asks for patience. */
  readonly retryAfter: number | null;

  constructor(body: Partial<ErrorBody> & { code: string }, retryAfter: number | null = null) {
    super(body.error ?? body.code);
    this.code = body.code;
    this.fields = body.fields ?? {};
    this.requestId = body.request_id ?? "";
    this.retryAfter = retryAfter;
  }
}

/** What an answer that was no success means. Something in between may have answered instead of the server. */
export function problemOf(response: Response, body: unknown): Problem {
  const seconds = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const retryAfter = Number.isNaN(seconds) ? null : seconds;
  if (typeof body === "object" && body !== null && "code" in body && typeof body.code === "string") {
    return new Problem(body as ErrorBody, retryAfter);
  }
  return new Problem({ code: "strange_answer", error: `HTTP ${response.status}` }, retryAfter);
}
