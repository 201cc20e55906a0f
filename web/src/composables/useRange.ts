import { computed } from "vue";
import { useRoute, useRouter } from "vue-router";
import type { StatsQuery } from "@/api/types";

export const RANGES = ["1h", "24h", "7d", "30d"] as const;
export type Range = (typeof RANGES)[number];

/** Which time, and which service, is looked at: kept in the address. */
export function useRange() {
  const route = useRoute();
  const router = useRouter();

  const range = computed<Range>(() => RANGES.find((known) => known === route.query.range) ?? "24h");
  const service = computed(() => (/^\d+$/.test(String(route.query.service)) ? Number(route.query.service) : null));
  const query = computed<StatsQuery>(() => ({ range: range.value, config_id: service.value ?? undefined }));

  function set(change: { range?: Range; service?: number | null }) {
    const next = { range: range.value, service: service.value, ...change };
    void router.replace({ query: { range: next.range, service: next.service ?? undefined } });
  }

  return { range, service, query, set };
}
