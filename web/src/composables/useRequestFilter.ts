import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";
import type { RequestQuery } from "@/api/types";

export const SPANS = { "15m": 15 * 60, "1h": 3600, "24h": 86_400, "7d": 7 * 86_400 } as const;
export type Span = keyof typeof SPANS;

/** What of the filter is in the address. */
const NAMES = ["service", "outcome", "status", "method", "path", "client", "key", "span", "attempts"] as const;
type Name = (typeof NAMES)[number];

/** Which requests are looked for: kept in the address, so that a find can be sent to others. */
export function useRequestFilter() {
  const route = useRoute();
  const router = useRouter();

  const values = computed(() => {
    const found: Partial<Record<Name, string>> = {};
    for (const name of NAMES) {
      const value = route.query[name];
      if (typeof value === "string" && value !== "") found[name] = value;
    }
    return found;
  });
  const key = computed(() => JSON.stringify(values.value));
  const opened = computed(() => (typeof route.query.id === "string" ? route.query.id : null));

  /** The question to the server, as of now. */
  function query(): RequestQuery {
    const { service, outcome, status, method, path, client, key, span, attempts } = values.value;
    const seconds = span && span in SPANS ? SPANS[span as Span] : null;
    return {
      config_id: service ? Number(service) : undefined,
      key_id: key ? Number(key) : undefined,
      outcome,
      status,
      method,
      path,
      client,
      since: seconds ? new Date(Date.now() - seconds * 1000).toISOString() : undefined,
      min_attempts: attempts ? Number(attempts) : undefined,
    };
  }

  function set(change: Partial<Record<Name | "id", string | undefined>>) {
    const merged = { ...route.query, ...change };
    const query = Object.fromEntries(Object.entries(merged).filter(([, value]) => value));
    void router.replace({ query });
  }

  function clear() {
    void router.replace({ query: {} });
  }

  return { values, key, opened, query, set, clear };
}
