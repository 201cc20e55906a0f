import { flushPromises, mount } from "@vue/test-utils";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { createPinia } from "pinia";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { ApiKey } from "@/api/types";
import { i18n, speak } from "@/locales";
import KeyReveal from "./KeyReveal.vue";

const SECRET = "sk-the-whole-key-itself";
/** For a machine that is busy. */
const PATIENCE = { timeout: 30_000 };
const server = setupServer(
  http.post(`${window.location.origin}/api/admin/keys/7/reveal`, async ({ request }) => {
    const { password } = (await request.json()) as { password: string };
    return password === "right" ? HttpResponse.json({ key_value: SECRET }) : HttpResponse.json({ code: "wrong_password", error: "no", request_id: "r" }, { status: 403 });
  }),
);
beforeAll(async () => {
  server.listen({ onUnhandledRequest: "error" });
  await speak("en");
});
afterEach(() => {
  vi.useRealTimers();
  document.body.innerHTML = "";
});
afterAll(() => server.close());

async function reveal(password: string) {
  const apiKey = { id: 7, key_value: "sk-the***elf" } as ApiKey;
  const wrapper = mount(KeyReveal, { props: { apiKey }, attachTo: document.body, global: { plugins: [createPinia(), i18n], stubs: { teleport: true } } });
  await flushPromises();
  await wrapper.find("input").setValue(password);
  await wrapper.find("form").trigger("submit");
  return wrapper;
}

const page = () => document.body.innerHTML;

it("a revealed key is gone from the page after thirty seconds", async () => {
  vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
  await reveal("right");
  await vi.waitUntil(() => page().includes(SECRET), PATIENCE);

  vi.advanceTimersByTime(29_000);
  await flushPromises();
  expect(page()).toContain(SECRET);

  vi.advanceTimersByTime(2_000);
  await flushPromises();
  expect(page()).not.toContain(SECRET);
});

it("a wrong password reveals nothing, and says so", async () => {
  await reveal("wrong");
  await vi.waitUntil(() => page().includes("The password is wrong."), PATIENCE);
  expect(page()).not.toContain(SECRET);
});
