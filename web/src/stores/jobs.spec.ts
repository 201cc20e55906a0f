import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { createPinia, setActivePinia } from "pinia";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { useJobs } from "./jobs";

const BASE = `${window.location.origin}/api/admin`;
const jobOf = (id: number, state = "running", service = 1) => ({ id, proxy_config_id: service, action: "test", state, total: 3, done: 0 });

/** What a job is followed by, which the test speaks for. */
class Events {
  static readonly CLOSED = 2;
  static all: Events[] = [];
  readyState = 1;
  onmessage: (event: { data: string }) => void = () => {};
  onerror: () => void = () => {};
  constructor(readonly url: string) {
    Events.all.push(this);
  }
  close() {
    this.readyState = Events.CLOSED;
  }
  tell(job: object) {
    this.onmessage({ data: JSON.stringify(job) });
  }
}

const server = setupServer();
beforeAll(() => {
  vi.stubGlobal("EventSource", Events);
  server.listen({ onUnhandledRequest: "error" });
});
beforeEach(() => {
  Events.all = [];
  setActivePinia(createPinia());
});
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

const states = () => useJobs().items.map(({ id, state }) => [id, state]);

it("the jobs of a service that run are found again, and followed to their end", async () => {
  server.use(http.get(`${BASE}/jobs`, () => HttpResponse.json({ items: [jobOf(4, "done"), jobOf(3), jobOf(2, "running", 9)] })));

  await useJobs().find(1);
  expect([states(), Events.all.map(({ url }) => url)]).toEqual([[[3, "running"]], ["/api/admin/jobs/3/events"]]);

  Events.all[0]?.tell(jobOf(3, "done"));
  expect([states(), Events.all[0]?.readyState]).toEqual([[[3, "done"]], Events.CLOSED]);
});

it("a second job is followed beside the first", async () => {
  let last = 0;
  server.use(http.post(`${BASE}/proxy-configs/1/keys/jobs`, () => HttpResponse.json(jobOf(++last), { status: 202 })));
  const jobs = useJobs();
  await jobs.start(1, { action: "test" });
  await jobs.start(1, { action: "reset" });

  Events.all[0]?.tell(jobOf(1, "done"));
  expect(states()).toEqual([[1, "done"], [2, "running"]]);
  jobs.dismiss(1);
  jobs.leave();
  expect([states(), Events.all[1]?.readyState]).toEqual([[[2, "running"]], Events.CLOSED]);
});

it("a job that the server knows no more is not said to run", async () => {
  server.use(
    http.get(`${BASE}/jobs`, () => HttpResponse.json({ items: [jobOf(3)] })),
    http.get(`${BASE}/jobs/3`, () => HttpResponse.json({ code: "not_found", error: "no", request_id: "r" }, { status: 404 })),
  );
  await useJobs().find(1);
  Events.all[0]?.close();
  Events.all[0]?.onerror();
  await vi.waitUntil(() => states().length === 0);
});
