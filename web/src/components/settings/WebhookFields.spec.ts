import { flushPromises, mount } from "@vue/test-utils";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { createPinia } from "pinia";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { Webhook } from "@/api/types";
import { newSecret } from "@/lib/secret";
import { i18n, speak } from "@/locales";
import WebhookFields from "./WebhookFields.vue";

const asked: unknown[] = [];
const server = setupServer(
  http.post(`${window.location.origin}/api/admin/notifications/test`, async ({ request }) => {
    asked.push(await request.json());
    return HttpResponse.json({ ok: false, status: 404, latency_ms: 12, message: "no_such_hook" });
  }),
);
beforeAll(async () => {
  server.listen({ onUnhandledRequest: "error" });
  await speak("en");
});
afterAll(() => server.close());

it("a test sends the webhook as it stands, and shows what it answered", async () => {
  const webhook: Webhook = { id: 1, url: "https://hooks.example.com/***xyz", secret: "***", format: "json", language: "en", events: ["pool_low"] };
  const wrapper = mount(WebhookFields, { props: { modelValue: webhook }, global: { plugins: [createPinia(), i18n] } });

  await wrapper.find("[data-test=test-webhook]").trigger("click");
  await vi.waitUntil(() => wrapper.find("[data-test=webhook-report]").exists(), { timeout: 30_000 });
  await flushPromises();

  expect(asked).toEqual([webhook]);
  expect(wrapper.find("[data-test=webhook-report]").text()).toContain("Answered 404, 12 ms");
  expect(wrapper.find("[data-test=webhook-report]").text()).toContain("no_such_hook");
});

it("a new secret is 32 random bytes in base64", () => {
  const [one, other] = [newSecret(), newSecret()];
  expect(one).not.toBe(other);
  expect(atob(one.replace("whsec_", ""))).toHaveLength(32);
});
