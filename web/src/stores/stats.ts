import { defineStore } from "pinia";
import { shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import type { Stats, StatsQuery } from "@/api/types";

/** What requests came to over time. */
export const useStats = defineStore("stats", () => {
  const stats = shallowRef<Stats | null>(null);
  let latest = 0;

  async function load(query: StatsQuery) {
    const turn = ++latest;
    const found = await unwrap(api.GET("/api/admin/stats", { params: { query } }));
    if (turn === latest) stats.value = found;
  }

  return { stats, load };
});
