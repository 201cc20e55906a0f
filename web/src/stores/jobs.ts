import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import { Problem } from "@/api/problem";
import type { Job, NewJob } from "@/api/types";

/** The jobs of the service that is looked at: those that run, whoever began them, and those that were seen to end. */
export const useJobs = defineStore("jobs", () => {
  const items = ref<Job[]>([]);
  const sources = new Map<number, EventSource>();
  let latest = 0;

  /** Begins a job; resolves when it has begun. */
  async function start(service: number, body: NewJob) {
    const job = await unwrap(api.POST("/api/admin/proxy-configs/{id}/keys/jobs", { params: { path: { id: service } }, body }));
    note(job);
    if (job.state === "running") follow(job.id);
  }

  /** Finds the jobs of a service, and follows those that run. */
  async function find(service: number) {
    const turn = ++latest;
    const all = (await unwrap(api.GET("/api/admin/jobs"))).items;
    if (turn !== latest) return;
    const isKnown = (job: Job) => items.value.some(({ id }) => id === job.id);
    const others = items.value.filter((job) => job.proxy_config_id !== service);
    const ours = all.filter((job) => job.proxy_config_id === service && (job.state === "running" || isKnown(job)));
    items.value = [...others, ...ours.reverse()];
    for (const { id, state } of ours) if (state === "running" && !sources.has(id)) follow(id);
  }

  function follow(id: number) {
    unfollow(id);
    const events = new EventSource(`/api/admin/jobs/${id}/events`);
    sources.set(id, events);
    events.onmessage = (event: MessageEvent<string>) => {
      const job = JSON.parse(event.data) as Job;
      note(job);
      if (job.state !== "running") unfollow(id);
    };
    events.onerror = () => {
      // It connects again by itself, unless the server said no.
      if (events.readyState === EventSource.CLOSED) void ask(id);
    };
  }

  /** Asks once how a job stands. A server that has started anew knows nothing of it. */
  async function ask(id: number) {
    unfollow(id);
    try {
      note(await unwrap(api.GET("/api/admin/jobs/{id}", { params: { path: { id } } })));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      // Else it goes on, and is found when its page is opened again.
      if (error.code === "not_found") dismiss(id);
    }
  }

  /** The job's events tell when it has ended: what is under way comes to its end first. */
  async function cancel(id: number) {
    await unwrap(api.POST("/api/admin/jobs/{id}/cancel", { params: { path: { id } } }));
  }

  function dismiss(id: number) {
    unfollow(id);
    items.value = items.value.filter((job) => job.id !== id);
  }

  /** Follows none any more: a browser has few connections to one server. */
  function leave() {
    latest++;
    for (const id of [...sources.keys()]) unfollow(id);
  }

  function unfollow(id: number) {
    sources.get(id)?.close();
    sources.delete(id);
  }

  function note(job: Job) {
    const isNew = !items.value.some(({ id }) => id === job.id);
    items.value = isNew ? [...items.value, job] : items.value.map((known) => (known.id === job.id ? job : known));
  }

  return { items, start, find, cancel, dismiss, leave };
});
