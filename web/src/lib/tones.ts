import type { KeyState, LoggedRequest, Verdict } from "@/api/types";

export type Tone = "good" | "warn" | "bad" | "spent" | "idle";

export const KEY_TONES: Record<KeyState, Tone> = {
  active: "good",
  cooling: "warn",
  exhausted: "spent",
  invalid: "bad",
  disabled: "idle",
};

/** Of what an instance depends on. */
export const HEALTH_TONES = { ok: "good", degraded: "bad" } as const satisfies Record<string, Tone>;

export const OUTCOME_TONES: Record<LoggedRequest["outcome"], Tone> = {
  completed: "good",
  refused: "warn",
  upstream_failed: "bad",
  upstream_cut: "bad",
  client_gone: "idle",
};

/** What an answer was understood to say. */
export const VERDICT_TONES: Record<Verdict["outcome"], Tone> = {
  success: "good",
  key_rejected: "bad",
  rate_limited: "warn",
  quota_exhausted: "spent",
  upstream_failed: "bad",
  request_fault: "idle",
};

export function statusTone(status: number): Tone {
  if (status === 0) return "idle";
  if (status < 400) return "good";
  return status < 500 ? "warn" : "bad";
}

/** The classes of answers, from the bottom of a bar up, each with its colour. */
export const CLASS_COLORS = [
  ["success", "good-fill"],
  ["limited", "warn-fill"],
  ["client_error", "spent-fill"],
  ["server_error", "bad-fill"],
  ["no_answer", "idle-fill"],
] as const;

/** What tokens are told apart by, each with its colour. */
export const TOKEN_COLORS = [
  ["input", "accent"],
  ["cached_read", "good-fill"],
  ["cache_write", "warn-fill"],
  ["output", "spent-fill"],
  ["reasoning", "idle-fill"],
] as const;
