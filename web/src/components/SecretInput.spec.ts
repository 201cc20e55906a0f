import { mount } from "@vue/test-utils";
import { afterEach, beforeAll, expect, it, vi } from "vitest";
import { i18n, speak } from "@/locales";
import SecretInput from "./SecretInput.vue";
import ShownSecret from "./ShownSecret.vue";

beforeAll(() => speak("en"));
afterEach(() => vi.useRealTimers());
const global = { plugins: [i18n] };

it("a typed secret is readable for half a minute after a person asked for it", async () => {
  vi.useFakeTimers();
  const wrapper = mount(SecretInput, { props: { modelValue: "whsec_typed" }, global });
  expect(wrapper.find("input").attributes("type")).toBe("password");

  await wrapper.find("button[aria-label=Show]").trigger("click");
  expect(wrapper.find("input").attributes("type")).toBe("text");
  await vi.advanceTimersByTimeAsync(29_000);
  expect(wrapper.find("input").attributes("type")).toBe("text");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(wrapper.find("input").attributes("type")).toBe("password");
  expect(wrapper.find("input").element.value).toBe("whsec_typed");

  await wrapper.find("button[aria-label=Show]").trigger("click");
  await wrapper.find("button[aria-label=Hide]").trigger("click");
  expect(wrapper.find("input").attributes("type")).toBe("password");
});

it("a shown secret asks to be taken away after half a minute", async () => {
  vi.useFakeTimers();
  const wrapper = mount(ShownSecret, { props: { text: "pk-made" }, global });
  expect(wrapper.text()).toContain("pk-made");
  await vi.advanceTimersByTimeAsync(29_000);
  expect(wrapper.emitted("end")).toBeUndefined();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(wrapper.emitted("end")).toHaveLength(1);
});
