import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { ErrorSample, ImaginedAnswer, KeyCounts, Rule, Service, ServiceForm, Verdict } from "@/api/types";
import { switched } from "@/lib/switched";

/** The services. There are few: all of them are kept. */
export const useServices = defineStore("services", () => {
  const items = ref<Service[]>([]);
  const isLoaded = ref(false);

  async function load() {
    const all: Service[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: 200, cursor };
      const piece = await unwrap(api.GET("/api/admin/proxy-configs", { params: { query } }));
      all.push(...piece.items);
      cursor = piece.next_cursor ?? undefined;
    } while (cursor);
    items.value = all;
    isLoaded.value = true;
  }

  async function loadOne(id: number): Promise<Service> {
    return keep(await unwrap(api.GET("/api/admin/proxy-configs/{id}", { params: { path: { id } } })));
  }

  async function create(body: ServiceForm): Promise<Service> {
    return keep(await unwrap(api.POST("/api/admin/proxy-configs", { body })));
  }

  async function replace(id: number, body: ServiceForm): Promise<Service> {
    return keep(await unwrap(api.PUT("/api/admin/proxy-configs/{id}", { params: { path: { id } }, body })));
  }

  function setActive(id: number, is_active: boolean) {
    const show = (now: boolean) => {
      const known = items.value.find((service) => service.id === id);
      if (known) keep({ ...known, is_active: now });
    };
    const ask = () => unwrap(api.PUT("/api/admin/proxy-configs/{id}/status", { params: { path: { id } }, body: { is_active } }));
    return switched(is_active, show, async () => keep(await ask()));
  }

  async function remove(id: number) {
    await unwrap(api.DELETE("/api/admin/proxy-configs/{id}", { params: { path: { id } } }));
    items.value = items.value.filter((service) => service.id !== id);
  }

  /** What answers of its API looked like that were no success. */
  async function errorSamples(id: number): Promise<ErrorSample[]> {
    return (await unwrap(api.GET("/api/admin/proxy-configs/{id}/error-samples", { params: { path: { id } } }))).items;
  }

  /** What rules would make of an answer. */
  async function testRules(id: number, rules: Rule[], answer: ImaginedAnswer): Promise<Verdict | undefined> {
    const body = { rules, answers: [answer] };
    return (await unwrap(api.POST("/api/admin/proxy-configs/{id}/rules/test", { params: { path: { id } }, body }))).verdicts[0];
  }

  function keep(service: Service): Service {
    const index = items.value.findIndex((known) => known.id === service.id);
    if (index < 0) items.value.push(service);
    else items.value[index] = service;
    return service;
  }

  return { items, isLoaded, load, loadOne, create, replace, setActive, remove, errorSamples, testRules };
});

const READ_ONLY = ["id", "created_at", "updated_at", "key_counts"];

/** What of a service can be written, as it stands: the start of a change or of a copy. */
export function formOf(service: Service): ServiceForm {
  const fields = Object.entries(service).filter(([name]) => !READ_ONLY.includes(name));
  // The document gives what is read wider types than what is written; the values are the same.
  return Object.fromEntries(fields) as unknown as ServiceForm;
}

export const KEY_STATES = ["active", "cooling", "exhausted", "invalid", "disabled"] as const;

export function totalKeys(counts: KeyCounts): number {
  return KEY_STATES.reduce((sum, state) => sum + counts[state], 0);
}
