import { flushPromises, mount } from "@vue/test-utils";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { createPinia } from "pinia";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { i18n, speak } from "@/locales";
import KeyImport from "./KeyImport.vue";

/** For a machine that is busy. */
const PATIENCE = { timeout: 30_000 };
const reported = (count: number) => HttpResponse.json({ success_count: count, skipped_count: 0, repeated_count: 0, failed_count: 0, failed_keys: [], failures: [] });

const batches: (() => void)[] = [];
const server = setupServer(
  http.post(`${window.location.origin}/api/admin/proxy-configs/1/keys/batch`, async ({ request }) => {
    const { keys, dry_run } = (await request.json()) as { keys: string[]; dry_run?: boolean };
    if (!dry_run) await new Promise<void>((resolve) => batches.push(resolve));
    return reported(keys.length);
  }),
);
beforeAll(async () => {
  server.listen({ onUnhandledRequest: "error" });
  await speak("en");
});
afterAll(() => server.close());

it("an import that is cancelled ends with its batch, and tells what was added", async () => {
  const wrapper = mount(KeyImport, { props: { serviceId: 1 }, attachTo: document.body, global: { plugins: [createPinia(), i18n], stubs: { teleport: true } } });
  await flushPromises();
  await wrapper.find("textarea").setValue(Array.from({ length: 4500 }, (_, index) => `sk-${index}`).join("\n"));
  await wrapper.find("[data-test=import]").trigger("click");
  await vi.waitUntil(() => batches.length === 1, PATIENCE);

  await wrapper.findAll("button").find((button) => button.text() === "Cancel")?.trigger("click");
  expect(wrapper.text()).toContain("Waiting for the end of what is under way");
  expect(wrapper.emitted()).not.toHaveProperty("added");

  batches[0]?.();
  await vi.waitUntil(() => wrapper.find("[data-test=import-report]").exists(), PATIENCE);
  expect(wrapper.find("[data-test=import-report]").text()).toMatch(/2,000 added.*2,500 keys were not sent/s);
  expect([wrapper.emitted("added")?.length, wrapper.emitted("close"), batches.length]).toEqual([1, undefined, 1]);
});
