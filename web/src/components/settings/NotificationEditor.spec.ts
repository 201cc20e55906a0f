import { flushPromises, mount } from "@vue/test-utils";
import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { createPinia } from "pinia";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { hasUnsaved } from "@/composables/useUnsaved";
import { i18n, speak } from "@/locales";
import { useNotifications } from "@/stores/notifications";
import NotificationEditor from "./NotificationEditor.vue";

let code = "";
const server = setupServer(http.get(`${window.location.origin}/api/admin/notifications`, () => HttpResponse.json({ code, error: "no", request_id: "r" }, { status: 500 })));
beforeAll(async () => {
  server.listen({ onUnhandledRequest: "error" });
  await speak("en");
});
afterAll(() => server.close());

/** The editor when the list could not be loaded, though one of an earlier visit is known. */
async function failed(by: string) {
  code = by;
  const pinia = createPinia();
  useNotifications(pinia).webhooks = [{ id: 1, url: "https://hooks.example.com/***xyz", secret: "", format: "json", language: "en", events: [] }];
  const wrapper = mount(NotificationEditor, { global: { plugins: [pinia, i18n] } });
  await vi.waitUntil(() => wrapper.find("[role=alert]").exists(), { timeout: 30_000 });
  await flushPromises();
  return wrapper;
}

it("a list that is not known cannot be written over", async () => {
  const wrapper = await failed("unavailable");

  expect(wrapper.find("[data-test=add-webhook]").exists()).toBe(false);
  expect(wrapper.find("[data-test=save-webhooks]").exists()).toBe(false);
  expect(hasUnsaved()).toBe(false);
  wrapper.unmount();
});

it("a list that nobody can read any more can be written anew", async () => {
  const wrapper = await failed("internal");

  expect(wrapper.find("[data-test=add-webhook]").exists()).toBe(true);
  wrapper.unmount();
});
