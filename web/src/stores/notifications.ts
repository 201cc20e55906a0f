import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { Notifications, Webhook } from "@/api/types";

/** Of what a webhook can hear. */
export const EVENTS = ["pool_low", "pool_empty", "pool_recovered", "keys_rejected", "keys_exhausted", "dependency_degraded", "dependency_recovered"] as const;
/** How letters can be written. */
export const FORMATS = ["json", "feishu", "dingtalk"] as const;
/** In which languages. */
export const LANGUAGES = ["en", "zh"] as const;

/** Who is told of what happens. Addresses and secrets come masked, and stay as they are when they are sent back so. */
export const useNotifications = defineStore("notifications", () => {
  const lowKeys = ref(1);
  const webhooks = ref<Webhook[]>([]);

  function keep(found: Notifications) {
    lowKeys.value = found.low_keys;
    webhooks.value = found.webhooks;
  }

  async function load() {
    keep(await unwrap(api.GET("/api/admin/notifications")));
  }

  async function save(low_keys: number, written: Webhook[]) {
    keep(await unwrap(api.PUT("/api/admin/notifications", { body: { low_keys, webhooks: written } })));
  }

  async function test(webhook: Webhook) {
    return unwrap(api.POST("/api/admin/notifications/test", { body: webhook }));
  }

  return { lowKeys, webhooks, load, save, test };
});
