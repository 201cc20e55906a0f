import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { AppConfig, Service } from "@/api/types";

const LOCAL = /^https?:\/\/(localhost|127\.[\d.]+|\[::1\])(:|\/|$)/;

/** About this installation. */
export const useAppConfig = defineStore("appConfig", () => {
  const config = ref<AppConfig | null>(null);
  /** Under which clients reach the proxy. What is not set is an address of the server's machine alone: whoever reads this elsewhere has a better one. */
  const baseUrl = computed(() => {
    const told = config.value?.proxy_public_base_url;
    return told && (!LOCAL.test(told) || LOCAL.test(window.location.origin)) ? told : window.location.origin;
  });

  async function load() {
    config.value ??= await unwrap(api.GET("/api/admin/app-config"));
  }

  function addressOf(service: Pick<Service, "config_type" | "slug">): string {
    return `${baseUrl.value}/${service.config_type === "LLM" ? "llm" : "proxy"}/${service.slug}`;
  }

  return { config, baseUrl, load, addressOf };
});
