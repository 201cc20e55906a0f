import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { LoggedRequest, RequestDetail, RequestQuery } from "@/api/types";

/** The request log has no index: one answer covers a piece of it, and may be empty though there is more. */
const PIECES = 20;
/** How many are found at once, and how many are kept while they are watched. */
const STEP = 50;
const MOST = 500;

/** Says that a request was served once, though the log may have forgotten it. */
const SERVED = "akr.served";

/** What was found in the request log. */
export const useRequests = defineStore("requests", () => {
  const items = ref<LoggedRequest[]>([]);
  const cursor = ref<string | null>(null);
  /** Whether a request was served; null before it is known. */
  const isServed = ref<boolean | null>(localStorage.getItem(SERVED) === null ? null : true);
  let latest = 0;

  /** Asks on from `from` until `wanted` requests are found, or enough was looked at. */
  async function gather(filter: RequestQuery, wanted: number, from?: string, pieces = PIECES) {
    const found: LoggedRequest[] = [];
    let next: string | null | undefined = from;
    for (let piece = 0; piece < pieces && found.length < wanted && next !== null; piece++) {
      const query: RequestQuery = { ...filter, limit: Math.min(wanted - found.length, 200), cursor: next };
      const answer = await unwrap(api.GET("/api/admin/requests", { params: { query } }));
      found.push(...answer.items);
      next = answer.next_cursor;
    }
    return { found, next: next ?? null };
  }

  async function load(filter: RequestQuery) {
    const turn = ++latest;
    const { found, next } = await gather(filter, STEP);
    if (turn !== latest) return;
    items.value = found;
    cursor.value = next;
  }

  async function more(filter: RequestQuery) {
    if (!cursor.value) return;
    const turn = ++latest;
    const { found, next } = await gather(filter, STEP, cursor.value);
    if (turn !== latest) return;
    items.value.push(...found);
    cursor.value = next;
  }

  /** Puts what has come since above what is there. It looks at the end of the log alone: a piece is more than comes in between. */
  async function look(filter: RequestQuery) {
    const turn = latest;
    const { found, next } = await gather(filter, STEP, undefined, 1);
    if (turn !== latest) return;
    const known = new Set(items.value.map((request) => request.request_id));
    const fresh = found.filter((request) => !known.has(request.request_id));
    if (fresh.length === STEP) {
      // There may be more in between, which a reader asks for.
      [items.value, cursor.value] = [found, next];
      return;
    }
    items.value = [...fresh, ...items.value];
    if (fresh.length > 0 && items.value.length > MOST) {
      items.value = items.value.slice(0, MOST);
      cursor.value = items.value.at(-1)?.cursor ?? null;
    }
  }

  /** The latest requests, for a look at how things are. */
  async function sample(count: number, filter: RequestQuery): Promise<LoggedRequest[]> {
    return (await gather(filter, count)).found;
  }

  /** Whether any request was ever served, as far as the log goes back. What it once was it stays. */
  async function lookForFirst() {
    isServed.value ||= (await gather({ status: "2xx" }, 1)).found.length > 0;
    if (isServed.value) localStorage.setItem(SERVED, "1");
  }

  async function show(id: string): Promise<RequestDetail> {
    return unwrap(api.GET("/api/admin/requests/{id}", { params: { path: { id } } }));
  }

  /** All that fit the filter, as a file. */
  async function exportAs(format: "csv" | "jsonl", filter: RequestQuery): Promise<Blob> {
    const query = { ...filter, format };
    return unwrap(api.GET("/api/admin/requests/export", { params: { query }, parseAs: "blob" }));
  }

  return { items, cursor, isServed, load, more, look, lookForFirst, sample, show, exportAs };
});
