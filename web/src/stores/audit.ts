import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { AuditItem } from "@/api/types";

/** Who changed what. */
export const useAudit = defineStore("audit", () => {
  const items = ref<AuditItem[]>([]);

  async function load(limit: number) {
    items.value = (await unwrap(api.GET("/api/admin/audit-log", { params: { query: { limit } } }))).items;
  }

  return { items, load };
});
