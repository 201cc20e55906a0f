import { flushPromises, mount } from "@vue/test-utils";
import { expect, it } from "vitest";
import FilterInput from "./FilterInput.vue";

it("what is typed stays, and counts when it is typed to its end", async () => {
  const wrapper = mount(FilterInput, { props: { modelValue: "" } });
  const input = wrapper.find("input");
  input.element.value = "a note";
  await input.trigger("input");
  await flushPromises();
  expect([input.element.value, wrapper.emitted("update:modelValue")]).toEqual(["a note", undefined]);

  await input.trigger("change");
  expect(wrapper.emitted("update:modelValue")).toEqual([["a note"]]);
});
