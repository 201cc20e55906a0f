import { defineStore } from "pinia";
import { computed, ref } from "vue";
import { api, unwrap } from "@/api/client";
import type { ApiKey, KeyBatchReport, KeyPatch, KeyQuery } from "@/api/types";
import { switched } from "@/lib/switched";

/** How many keys one request brings at least: some hundred KiB, so that progress is seen and nothing times out. */
const BATCH = 2000;
/** In how many requests many keys come at most: after each the server makes the whole pool anew. */
const PIECES = 12;
/** How much text one request brings at most, whatever its keys' length. */
const MAX_TEXT = 4_000_000;

/** How many keys the server lists at once at most. */
const MOST = 200;

/** What became of keys so far, or would. */
export interface ImportReport {
  added: number;
  skipped: number;
  failed: KeyBatchReport["failures"];
  done: number;
}

export type KeyFilter = Pick<KeyQuery, "state" | "quota_group" | "q">;

/** One page of the keys of one service. */
export const useKeys = defineStore("keys", () => {
  const items = ref<ApiKey[]>([]);
  const total = ref(0);
  const limit = ref(50);
  /** The cursors that lead to this page: one for each page before it. */
  const trail = ref<string[]>([]);
  const next = ref<string | null>(null);
  let latest = 0;

  async function load(id: number, filter: KeyFilter): Promise<void> {
    const turn = ++latest;
    const query = { ...filter, limit: limit.value, cursor: trail.value.at(-1) };
    const params = { path: { id }, query };
    const page = await unwrap(api.GET("/api/admin/proxy-configs/{id}/keys", { params }));
    // An answer that was overtaken by a later question is of no use.
    if (turn !== latest) return;
    // Somebody has deleted all of the last page.
    if (page.items.length === 0 && trail.value.length > 0) {
      toPrevious();
      return load(id, filter);
    }
    items.value = page.items;
    total.value = page.total;
    next.value = page.next_cursor;
  }

  function toFirst() {
    trail.value = [];
  }
  function toNext() {
    if (next.value) trail.value.push(next.value);
  }
  function toPrevious() {
    trail.value.pop();
  }

  /** Forgets the page, as before that of another service: an answer that is under way comes too late. */
  function forget() {
    latest++;
    toFirst();
    items.value = [];
    total.value = 0;
  }

  /** The ids of all keys that a filter finds, on all pages. */
  async function idsOf(id: number, filter: KeyFilter): Promise<number[]> {
    const ids: number[] = [];
    let cursor: string | undefined;
    do {
      const query = { ...filter, limit: MOST, cursor };
      const page = await unwrap(api.GET("/api/admin/proxy-configs/{id}/keys", { params: { path: { id }, query } }));
      ids.push(...page.items.map((key) => key.id));
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
    return ids;
  }

  async function update(id: number, body: KeyPatch) {
    keep(await unwrap(api.PATCH("/api/admin/keys/{id}", { params: { path: { id } }, body })));
  }

  function setActive(id: number, is_active: boolean) {
    const show = (now: boolean) => {
      const known = items.value.find((key) => key.id === id);
      if (known) keep({ ...known, is_active: now });
    };
    return switched(is_active, show, () => update(id, { is_active }));
  }

  async function reset(id: number) {
    keep(await unwrap(api.POST("/api/admin/keys/{id}/reset", { params: { path: { id } } })));
  }

  /** Asks the upstream. What it says sets the key's state, so the key is read again. */
  async function test(id: number) {
    const report = await unwrap(api.POST("/api/admin/keys/{id}/test", { params: { path: { id } } }));
    keep(await unwrap(api.GET("/api/admin/keys/{id}", { params: { path: { id } } })));
    return report;
  }

  async function reveal(id: number, password: string): Promise<string> {
    const params = { path: { id } };
    return (await unwrap(api.POST("/api/admin/keys/{id}/reveal", { params, body: { password } }))).key_value;
  }

  async function exportCsv(id: number, password: string, filter: KeyFilter): Promise<Blob> {
    // A search cannot be told to the server, and an export is never of more than is shown.
    if (filter.q) throw new TypeError("a search cannot be exported");
    const body = { password, state: filter.state, quota_group: filter.quota_group };
    const call = api.POST("/api/admin/proxy-configs/{id}/keys/export", { params: { path: { id } }, body, parseAs: "blob" });
    return unwrap(call);
  }

  /** Adds keys piece by piece, and says after each piece what became of them so far. */
  function add(id: number, keys: string[], quota_group: string | undefined, goesOn: (soFar: ImportReport) => boolean) {
    return send(id, keys, { quota_group }, goesOn);
  }

  /** What would become of keys; asks as long as somebody wants to know. */
  function preview(id: number, keys: string[], isWanted: () => boolean) {
    return send(id, keys, { dry_run: true }, isWanted);
  }

  async function send(id: number, keys: string[], how: { quota_group?: string; dry_run?: boolean }, goesOn: (soFar: ImportReport) => boolean) {
    const report: ImportReport = { added: 0, skipped: 0, failed: [], done: 0 };
    const size = sizeOf(keys);
    for (let start = 0; start < keys.length; start += size) {
      const batch = keys.slice(start, start + size);
      const params = { path: { id } };
      const body = { ...how, keys: batch };
      const piece = await unwrap(api.POST("/api/admin/proxy-configs/{id}/keys/batch", { params, body }));
      report.added += piece.success_count;
      report.skipped += piece.skipped_count;
      report.failed.push(...piece.failures.map((failure) => ({ ...failure, index: failure.index + start })));
      report.done = start + batch.length;
      if (!goesOn({ ...report })) break;
    }
    return report;
  }

  function keep(key: ApiKey) {
    const index = items.value.findIndex((known) => known.id === key.id);
    if (index >= 0) items.value[index] = key;
  }

  const page = computed(() => trail.value.length);
  return { items, total, limit, page, next, load, toFirst, toNext, toPrevious, forget, idsOf, update, setActive, reset, test, reveal, exportCsv, add, preview };
});

/** How many of these keys one request brings. */
function sizeOf(keys: string[]): number {
  const longest = keys.reduce((most, { length }) => Math.max(most, length), 1);
  return Math.min(Math.max(BATCH, Math.ceil(keys.length / PIECES)), Math.max(1, Math.floor(MAX_TEXT / longest)));
}
