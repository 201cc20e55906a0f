import { mount } from "@vue/test-utils";
import { beforeAll, expect, it } from "vitest";
import type { CurrentInstance } from "@/api/types";
import { i18n, speak } from "@/locales";
import DependencyAlert from "./DependencyAlert.vue";

beforeAll(() => speak("en"));

function alert(database: "ok" | "degraded", cache: "ok" | "degraded") {
  const since = "2026-01-01T00:00:00Z";
  const instance = { database: { status: database, since }, cache: { status: cache, since } } as CurrentInstance;
  return mount(DependencyAlert, { props: { instance }, global: { plugins: [i18n], stubs: { RouterLink: true } } });
}

it("says nothing while everything answers", () => {
  expect(alert("ok", "ok").find("[role=alert]").exists()).toBe(false);
});

it("says what does not answer, since when, and what becomes of requests", () => {
  const cache = alert("ok", "degraded");
  expect(cache.text()).toContain("The cache does not answer. No request fails");
  expect(cache.text()).not.toContain("The database");
  expect(cache.find("time").attributes("datetime")).toBe("2026-01-01T00:00:00Z");
  expect(alert("degraded", "degraded").findAll("p")).toHaveLength(3);
});
