import { defineStore } from "pinia";
import { ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { LoggedRequest, RequestDetail, RequestQuery } from "@/api/types";

/** The request log has no index: one answer covers a piece of it, and may be empty though there is more. */
const PIECES = 20;

/** What was found in the request log. */
export const useRequests = defineStore("requests", () => {
  const items = ref<LoggedRequest[]>([]);
  const cursor = ref<string | null>(null);
  let latest = 0;

  /** Asks on from `from` until `wanted` requests are found, or enough was looked at. */
  async function gather(filter: RequestQuery, wanted: number, from?: string) {
    const found: LoggedRequest[] = [];
    let next: string | null | undefined = from;
    for (let piece = 0; piece < PIECES && found.length < wanted && next !== null; piece++) {
      const query: RequestQuery = { ...filter, limit: Math.min(wanted - found.length, 200), cursor: next };
      const answer = await unwrap(api.GET("/api/admin/requests", { params: { query } }));
      found.push(...answer.items);
      next = answer.next_cursor;
    }
    return { found, next: next ?? null };
  }

  async function load(filter: RequestQuery) {
    const turn = ++latest;
    const { found, next } = await gather(filter, 50);
    if (turn !== latest) return;
    items.value = found;
    cursor.value = next;
  }

  async function more(filter: RequestQuery) {
    if (!cursor.value) return;
    const turn = ++latest;
    const { found, next } = await gather(filter, 50, cursor.value);
    if (turn !== latest) return;
    items.value.push(...found);
    cursor.value = next;
  }

  /** The latest requests, for a look at how things are. */
  async function sample(count: number, filter: RequestQuery): Promise<LoggedRequest[]> {
    return (await gather(filter, count)).found;
  }

  async function show(id: string): Promise<RequestDetail> {
    return unwrap(api.GET("/api/admin/requests/{id}", { params: { path: { id } } }));
  }

  /** All that fit the filter, as a file. */
  async function exportAs(format: "csv" | "jsonl", filter: RequestQuery): Promise<Blob> {
    const query = { ...filter, format };
    return unwrap(api.GET("/api/admin/requests/export", { params: { query }, parseAs: "blob" }));
  }

  return { items, cursor, load, more, sample, show, exportAs };
});
