import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { Job, NewJob } from "@/api/types";

/** The job that this page began, followed to its end. */
export const useJobs = defineStore("jobs", () => {
  const current = ref<Job | null>(null);
  let source: EventSource | null = null;

  /** Begins a job; resolves when it has ended, or is followed no more. */
  async function start(id: number, body: NewJob): Promise<Job> {
    const job = await unwrap(api.POST("/api/admin/proxy-configs/{id}/keys/jobs", { params: { path: { id } }, body }));
    current.value = job;
    return job.state === "running" ? follow(job) : job;
  }

  function follow(job: Job): Promise<Job> {
    source?.close();
    const events = new EventSource(`/api/admin/jobs/${job.id}/events`);
    source = events;
    return new Promise((resolve) => {
      events.onmessage = (event: MessageEvent<string>) => {
        const seen = JSON.parse(event.data) as Job;
        current.value = seen;
        if (seen.state !== "running") {
          events.close();
          resolve(seen);
        }
      };
      events.onerror = () => {
        // It connects again by itself, unless the server said no.
        if (events.readyState === EventSource.CLOSED) resolve(current.value ?? job);
      };
    });
  }

  async function cancel() {
    if (!current.value) return;
    const { id } = current.value;
    current.value = await unwrap(api.POST("/api/admin/jobs/{id}/cancel", { params: { path: { id } } }));
  }

  function dismiss() {
    source?.close();
    current.value = null;
  }

  return { current, start, cancel, dismiss };
});
