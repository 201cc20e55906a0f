import { defineStore } from "pinia";
import { shallowRef } from "vue";
import { api, unwrap } from "@/api/client";
import type { CurrentInstance, Instance } from "@/api/types";

/** The servers that run, and how the one is that answers. */
export const useInstances = defineStore("instances", () => {
  const items = shallowRef<Instance[]>([]);
  const current = shallowRef<CurrentInstance | null>(null);

  async function load() {
    items.value = (await unwrap(api.GET("/api/admin/instances"))).items;
  }

  async function look() {
    current.value = await unwrap(api.GET("/api/admin/instances/current"));
  }

  return { items, current, load, look };
});
