import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { ProxyKey, ProxyKeyForm } from "@/api/types";
import { switched } from "@/lib/switched";

/** The keys that clients show to the proxy. */
export const useProxyKeys = defineStore("proxyKeys", () => {
  const items = ref<ProxyKey[]>([]);
  const isLoaded = ref(false);

  const ask = async () => (await unwrap(api.GET("/api/admin/proxy-keys"))).items;

  async function load() {
    items.value = await ask();
    isLoaded.value = true;
  }

  /** Makes a key, and answers its text: nobody can show it again. */
  async function create(body: ProxyKeyForm): Promise<string> {
    const made = await unwrap(api.POST("/api/admin/proxy-keys", { body }));
    items.value.push(made.proxy_key);
    return made.key;
  }

  async function replace(id: number, body: ProxyKeyForm) {
    keep(await unwrap(api.PUT("/api/admin/proxy-keys/{id}", { params: { path: { id } }, body })));
  }

  function setActive(id: number, is_active: boolean) {
    const show = (now: boolean) => {
      const known = items.value.find((key) => key.id === id);
      if (known) keep({ ...known, is_active: now });
    };
    return switched(is_active, show, async () => {
      // It is written whole, and another admin may have changed it since it was shown, or deleted it.
      const all = await ask();
      const known = all.find((key) => key.id === id);
      if (known) await replace(id, { ...formOf(known), is_active });
      else items.value = all;
    });
  }

  async function remove(id: number) {
    await unwrap(api.DELETE("/api/admin/proxy-keys/{id}", { params: { path: { id } } }));
    items.value = items.value.filter((key) => key.id !== id);
  }

  function keep(key: ProxyKey) {
    items.value = items.value.map((known) => (known.id === key.id ? key : known));
  }

  return { items, isLoaded, load, create, replace, setActive, remove };
});

/** What of a key can be written, as it stands. */
export function formOf(key: ProxyKey): ProxyKeyForm {
  const { name, is_active, services, expires_at, max_concurrent, max_per_minute, max_tokens_per_minute } = key;
  return { name, is_active, services, expires_at, max_concurrent, max_per_minute, max_tokens_per_minute };
}
