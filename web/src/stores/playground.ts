import { defineStore } from "pinia";
import { api, unwrap } from "@/api/client";
import { Problem } from "@/api/problem";
import type { LoggedRequest } from "@/api/types";
import type { PlayRequest } from "@/lib/playground";

/** How an answer began. */
export interface PlayHead {
  status: number;
  requestId: string | null;
  isStream: boolean;
}

/** How often, and how far apart in milliseconds, the log is asked for a request that has just ended. */
const TRIES = 10;
const PAUSE = 500;
/** Among how many of the latest requests of the service it is looked for. */
const LATEST = 100;

/**
 * Sends requests as a client would: by the data path, with a proxy key that the reader typed. So it proves what a client
 * would meet, and a session of the panel opens no more than it did before. The key is not kept here.
 */
export const usePlayground = defineStore("playground", () => {
  /** Sends a request; what comes is handed over piece by piece. Resolves when the answer has ended. */
  async function send(slug: string, key: string, request: PlayRequest, signal: AbortSignal, on: { head: (head: PlayHead) => void; piece: (text: string) => void }) {
    let answer: Response;
    try {
      answer = await window.fetch(`${window.location.origin}/llm/${slug}${request.path}`, {
        method: "POST",
        headers: { ...request.headers, "content-type": "application/json", "x-proxy-key": key },
        body: JSON.stringify(request.body),
        credentials: "omit",
        signal,
      });
    } catch {
      if (signal.aborted) return;
      throw new Problem({ code: "offline" });
    }
    const type = answer.headers.get("content-type") ?? "";
    on.head({ status: answer.status, requestId: answer.headers.get("x-request-id"), isStream: type.startsWith("text/event-stream") });
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) on.piece(piece.value);
    } catch {
      if (!signal.aborted) throw new Problem({ code: "broken_off" });
    }
  }

  /** What the log says of a request, which is there a moment after its end; null when it is not found among the latest, or not wanted any more. */
  async function recordOf(id: string, config_id: number, isWanted: () => boolean): Promise<LoggedRequest | null> {
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE));
      if (!isWanted()) break;
      const { items } = await unwrap(api.GET("/api/admin/requests", { params: { query: { config_id, limit: LATEST } } }));
      const found = items.find((request) => request.request_id === id);
      if (found) return found;
    }
    return null;
  }

  return { send, recordOf };
});
