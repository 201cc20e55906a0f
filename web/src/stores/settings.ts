import { defineStore } from "pinia";
import { ref, shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import type { Price, PriceSeed, Settings } from "@/api/types";

/** What is in effect, and what tokens cost. */
export const useSettings = defineStore("settings", () => {
  const settings = shallowRef<Settings | null>(null);
  const prices = ref<Price[]>([]);
  const seed = shallowRef<PriceSeed | null>(null);

  async function load() {
    settings.value = await unwrap(api.GET("/api/admin/settings"));
  }

  async function loadPrices() {
    const found = await unwrap(api.GET("/api/admin/prices"));
    prices.value = found.prices;
    seed.value = found.seed;
  }

  async function savePrices(rows: Price[]) {
    prices.value = (await unwrap(api.PUT("/api/admin/prices", { body: { prices: rows } }))).prices;
  }

  /** The database as a file; keys stay encrypted in it. */
  async function backup(password: string): Promise<Blob> {
    return unwrap(api.POST("/api/admin/backup", { body: { password }, parseAs: "blob" }));
  }

  return { settings, prices, seed, load, loadPrices, savePrices, backup };
});
