import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { createPinia, setActivePinia } from "pinia";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { watch } from "vue";
import { session as lent } from "@/api/client";
import { Problem } from "@/api/problem";
import { useAppConfig } from "./appConfig";
import { useKeys } from "./keys";
import { useProxyKeys } from "./proxyKeys";
import { useRequests } from "./requests";
import { useServices } from "./services";
import { useSession } from "./session";

const BASE = `${window.location.origin}/api/admin`;
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: "error" }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());
beforeEach(() => {
  localStorage.clear();
  setActivePinia(createPinia());
});

const login = http.post(`${BASE}/login`, async ({ request }) => {
  expect(await request.json()).toMatchObject({ cookie: true });
  return HttpResponse.json({ token_type: "bearer", expires_in: 3600, csrf_token: "csrf-1" });
});

async function problemOf(action: Promise<unknown>): Promise<Problem> {
  const error: unknown = await action.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

describe("session", () => {
  it("lends its CSRF token to writes, and to nothing that a script could read later", async () => {
    const seen: (string | null)[] = [];
    const note = ({ request }: { request: Request }) => {
      seen.push(request.headers.get("x-csrf-token"));
      return request.method === "GET" ? HttpResponse.json({ items: [], next_cursor: null, total: 0 }) : new HttpResponse(null, { status: 204 });
    };
    server.use(login, http.get(`${BASE}/proxy-configs`, note), http.delete(`${BASE}/proxy-configs/1`, note));
    await useSession().signIn("admin", "a password");

    await useServices().load();
    await useServices().remove(1);

    expect(seen).toEqual([null, "csrf-1"]);
    expect(JSON.stringify(localStorage)).not.toContain("csrf-1");
  });

  it("asks nothing of the server at a stranger's first visit", async () => {
    await useSession().restore();
    expect(useSession().isSignedIn).toBe(false);
  });

  it("of an earlier visit outlasts an outage, and nothing but the server's word ends it", async () => {
    let answer = () => HttpResponse.json({ code: "unavailable", error: "no", request_id: "r" }, { status: 503 });
    server.use(http.get(`${BASE}/session`, () => answer()));
    localStorage.setItem("akr.session", "1");
    const session = useSession();

    await session.restore();
    expect([session.isSignedIn, session.outage?.code]).toEqual([false, "unavailable"]);

    answer = () => HttpResponse.json({ username: "admin", csrf_token: "csrf-2" } as never);
    await session.restore();
    expect([session.isSignedIn, session.outage]).toEqual([true, null]);

    setActivePinia(createPinia());
    answer = () => HttpResponse.json({ code: "unauthenticated", error: "no", request_id: "r" }, { status: 401 });
    await useSession().restore();
    expect([useSession().isSignedIn, useSession().outage, localStorage.getItem("akr.session")]).toEqual([false, null, null]);
  });

  it("ends when the server no longer knows it, and says so", async () => {
    server.use(login, http.get(`${BASE}/proxy-configs`, () => HttpResponse.json({ code: "unauthenticated", error: "no", request_id: "r" }, { status: 401 })));
    const session = useSession();
    await session.signIn("admin", "a password");

    // A page may have asked several things at once.
    const problems = [problemOf(useServices().load()), problemOf(useServices().load())];
    expect((await Promise.all(problems)).map(({ code }) => code)).toEqual(["unauthenticated", "unauthenticated"]);
    expect([session.isSignedIn, session.hasEnded]).toEqual([false, true]);
  });

  it("is that of all tabs: one that another begins or ends is this one's too", async () => {
    server.use(login, http.get(`${BASE}/session`, () => HttpResponse.json({ username: "admin", csrf_token: "csrf-2" })));
    const session = useSession();
    const elsewhere = (newValue: string | null) => window.dispatchEvent(new StorageEvent("storage", { key: "akr.session", newValue }));
    await session.signIn("admin", "a password");

    elsewhere(null);
    expect([session.isSignedIn, session.hasEnded]).toEqual([false, true]);
    elsewhere("2");
    await vi.waitFor(() => expect([session.isSignedIn, session.hasEnded, lent.csrfToken]).toEqual([true, false, "csrf-2"]));
  });

  it("goes on when the server could not be told to end it", async () => {
    server.use(login, http.post(`${BASE}/logout`, () => HttpResponse.error()));
    const session = useSession();
    await session.signIn("admin", "a password");

    expect((await problemOf(session.signOut())).code).toBe("offline");
    expect(session.isSignedIn).toBe(true);
  });
});

describe("proxy keys", () => {
  it("are switched at once, as they are now and not as they were shown", async () => {
    const shown = { id: 7, name: "team", is_active: true, services: null, expires_at: null, max_concurrent: null, max_per_minute: null, max_tokens_per_minute: null };
    let now = shown as object;
    const written: unknown[] = [];
    server.use(
      http.get(`${BASE}/proxy-keys`, () => HttpResponse.json({ items: [now] })),
      http.put(`${BASE}/proxy-keys/7`, async ({ request }) => {
        written.push(await request.json());
        return HttpResponse.json({ ...now, is_active: false });
      }),
    );
    const keys = useProxyKeys();
    await keys.load();
    now = { ...shown, services: [3] };

    const seen: unknown[] = [];
    const stop = watch(() => keys.items[0]?.is_active, (isActive) => seen.push(isActive), { flush: "sync" });
    await keys.setActive(7, false);
    stop();

    expect(seen).toEqual([false]);
    expect(written).toMatchObject([{ services: [3], is_active: false }]);
    expect(keys.items[0]?.services).toEqual([3]);
  });
});

describe("problems", () => {
  it("tell the server's word, and how long to wait", async () => {
    server.use(http.post(`${BASE}/login`, () => HttpResponse.json({ code: "too_many_attempts", error: "wait", request_id: "r1" }, { status: 429, headers: { "retry-after": "30" } })));
    const problem = await problemOf(useSession().signIn("admin", "x"));
    expect([problem.code, problem.retryAfter, problem.requestId]).toEqual(["too_many_attempts", 30, "r1"]);
  });

  it("tell a server that is away from one that answers strangely", async () => {
    server.use(http.get(`${BASE}/proxy-configs`, () => HttpResponse.error()));
    expect((await problemOf(useServices().load())).code).toBe("offline");
    server.use(http.get(`${BASE}/proxy-configs`, () => HttpResponse.text("<html>bad gateway", { status: 502 })));
    expect((await problemOf(useServices().load())).code).toBe("strange_answer");
  });
});

describe("keys", () => {
  it("are added in pieces, whose reports are one", async () => {
    const sizes: number[] = [];
    server.use(
      http.post(`${BASE}/proxy-configs/1/keys/batch`, async ({ request }) => {
        const { keys } = (await request.json()) as { keys: string[] };
        sizes.push(keys.length);
        return HttpResponse.json({ success_count: keys.length - 2, skipped_count: 1, failed_count: 1, failed_keys: ["***"], failures: [{ index: 0, reason: "no" }] });
      }),
    );
    const progress: number[] = [];
    const all = Array.from({ length: 4500 }, (_, index) => `sk-${index}`);

    const report = await useKeys().add(1, all, undefined, ({ done }) => progress.push(done) > 0);

    expect([sizes, progress]).toEqual([[2000, 2000, 500], [2000, 4000, 4500]]);
    expect(report).toMatchObject({ added: 4494, skipped: 3 });
    expect(report.failed.map((failure) => failure.index)).toEqual([0, 2000, 4000]);
  });

  it("are looked at before they are added, until nobody wants to know", async () => {
    const asked: unknown[] = [];
    server.use(
      http.post(`${BASE}/proxy-configs/1/keys/batch`, async ({ request }) => {
        const { keys, dry_run } = (await request.json()) as { keys: string[]; dry_run: boolean };
        asked.push([keys.length, dry_run]);
        return HttpResponse.json({ success_count: 5, skipped_count: keys.length - 5, repeated_count: 0, failed_count: 0, failed_keys: [], failures: [] });
      }),
    );
    const all = Array.from({ length: 4500 }, (_, index) => `sk-${index}`);

    const told = await useKeys().preview(1, all, () => asked.length < 2);

    expect(asked).toEqual([[2000, true], [2000, true]]);
    expect(told).toMatchObject({ added: 10, skipped: 3990, done: 4000 });
  });

  it("are added in few pieces when they are many, and in small ones when they are long", async () => {
    const sizes: number[] = [];
    server.use(
      http.post(`${BASE}/proxy-configs/1/keys/batch`, async ({ request }) => {
        const { keys } = (await request.json()) as { keys: string[] };
        sizes.push(keys.length);
        return HttpResponse.json({ success_count: keys.length, skipped_count: 0, failed_count: 0, failed_keys: [], failures: [] });
      }),
    );

    await useKeys().add(1, Array.from({ length: 60_000 }, (_, index) => `sk-${index}`), undefined, () => true);
    await useKeys().add(1, Array.from({ length: 900 }, (_, index) => `sk-${index}`.padEnd(8000, "x")), undefined, () => true);

    expect(sizes).toEqual([...Array.from({ length: 12 }, () => 5000), 500, 400]);
  });

  it("are paged forth and back by cursors", async () => {
    server.use(
      http.get(`${BASE}/proxy-configs/1/keys`, ({ request }) => {
        const cursor = new URL(request.url).searchParams.get("cursor");
        return HttpResponse.json({ items: [{ id: 1 }], total: 100, next_cursor: cursor === null ? "second" : null });
      }),
    );
    const keys = useKeys();
    await keys.load(1, {});
    keys.toNext();
    await keys.load(1, {});
    expect([keys.page, keys.next]).toEqual([1, null]);
    keys.toPrevious();
    await keys.load(1, {});
    expect([keys.page, keys.next]).toEqual([0, "second"]);
  });

  it("are those of the page before when a whole last page is deleted", async () => {
    server.use(
      http.get(`${BASE}/proxy-configs/1/keys`, ({ request }) => {
        const isSecond = new URL(request.url).searchParams.has("cursor");
        return HttpResponse.json({ items: isSecond ? [] : [{ id: 1 }], total: 1, next_cursor: null });
      }),
    );
    const keys = useKeys();
    keys.next = "second";
    keys.toNext();
    await keys.load(1, {});
    expect([keys.page, keys.items.length]).toEqual([0, 1]);
  });

  it("are found on all pages", async () => {
    server.use(
      http.get(`${BASE}/proxy-configs/1/keys`, ({ request }) => {
        const { searchParams } = new URL(request.url);
        expect(searchParams.get("q")).toBe("a note");
        const isFirst = searchParams.get("cursor") === null;
        return HttpResponse.json({ items: [{ id: isFirst ? 1 : 2 }], total: 2, next_cursor: isFirst ? "second" : null });
      }),
    );
    expect(await useKeys().idsOf(1, { q: "a note" })).toEqual([1, 2]);
  });

  it("are never exported by a search, which the server does not know", async () => {
    await expect(useKeys().exportCsv(1, "a password", { q: "one" })).rejects.toThrow(TypeError);
  });

  it("are switched at once, and back when that is refused", async () => {
    server.use(
      http.get(`${BASE}/proxy-configs/1/keys`, () => HttpResponse.json({ items: [{ id: 7, is_active: true }], total: 1, next_cursor: null })),
      http.patch(`${BASE}/keys/7`, () => HttpResponse.json({ code: "unavailable", error: "no", request_id: "r" }, { status: 503 })),
    );
    const keys = useKeys();
    await keys.load(1, {});

    const refused = problemOf(keys.setActive(7, false));
    expect(keys.items[0]?.is_active).toBe(false);
    expect((await refused).code).toBe("unavailable");
    expect(keys.items[0]?.is_active).toBe(true);
  });
});

describe("the address for clients", () => {
  it("is the reader's own where the server knows but one of its machine", async () => {
    let told = "http://localhost:8000";
    server.use(http.get(`${BASE}/app-config`, () => HttpResponse.json({ proxy_public_base_url: told })));
    await useAppConfig().load();
    expect(useAppConfig().addressOf({ config_type: "LLM", slug: "a" })).toBe("http://panel.test/llm/a");

    setActivePinia(createPinia());
    told = "https://keys.example.com";
    await useAppConfig().load();
    expect(useAppConfig().baseUrl).toBe("https://keys.example.com");
  });
});

describe("requests", () => {
  const row = (id: number) => ({ request_id: `r${id}`, cursor: `after-${id}` });
  const rows = (from: number, count: number) => Array.from({ length: count }, (_, index) => row(from - index));

  /** A log whose newest request is `newest`, asked as the server is. */
  function log(newest: () => number) {
    return http.get(`${BASE}/requests`, ({ request }) => {
      const query = new URL(request.url).searchParams;
      const top = query.has("cursor") ? Number(query.get("cursor")?.slice("after-".length)) - 1 : newest();
      const items = rows(top, Math.min(Number(query.get("limit")), top));
      return HttpResponse.json({ items, next_cursor: items.at(-1)?.request_id === "r1" ? null : (items.at(-1)?.cursor ?? null) });
    });
  }

  it("that come are put above those that were asked for, which stay", async () => {
    let newest = 120;
    server.use(log(() => newest));
    const requests = useRequests();
    await requests.load({});
    newest = 122;
    await Promise.all([requests.more({}), requests.look({})]);
    await requests.look({});

    expect(requests.items.map((request) => request.request_id)).toEqual(rows(122, 102).map((request) => request.request_id));
    await requests.more({});
    expect([requests.items.length, requests.cursor]).toEqual([122, null]);
  });

  it("that come in numbers take the place of what is there, with nothing left out below them", async () => {
    let newest = 60;
    server.use(log(() => newest));
    const requests = useRequests();
    await requests.load({});
    newest = 300;
    await requests.look({});
    expect([requests.items.length, requests.items[0]?.request_id, requests.cursor]).toEqual([50, "r300", "after-251"]);
  });

  it("that are watched for long do not become ever more", async () => {
    let newest = 50;
    server.use(log(() => newest));
    const requests = useRequests();
    await requests.load({});
    for (; newest < 600; newest += 40) await requests.look({});
    expect([requests.items.length, requests.cursor]).toEqual([500, requests.items.at(-1)?.cursor]);
  });

  it("are looked for on through pieces in which there are none", async () => {
    server.use(
      http.get(`${BASE}/requests`, ({ request }) => {
        const cursor = new URL(request.url).searchParams.get("cursor");
        const pieces: Record<string, unknown> = { a: { items: [], next_cursor: "b" }, b: { items: [{ request_id: "r" }], next_cursor: null } };
        return HttpResponse.json(cursor === null ? { items: [], next_cursor: "a" } : (pieces[cursor] as object));
      }),
    );
    const requests = useRequests();
    await requests.load({ status: "5xx" });
    expect([requests.items.length, requests.cursor]).toEqual([1, null]);
  });
});
