import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { effectScope, nextTick } from "vue";
import { useTail } from "./useTail";

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(document, "hidden", "get").mockReturnValue(false);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("one loop looks, though it was stopped and begun again during a look", async () => {
  const ends: (() => void)[] = [];
  const scope = effectScope();
  const isLive = scope.run(() => useTail(() => new Promise<void>((end) => ends.push(end))));
  if (!isLive) throw new Error("no scope");
  for (const live of [true, false, true]) {
    isLive.value = live;
    await nextTick();
  }
  expect(ends).toHaveLength(2);
  for (const end of ends) end();
  await vi.advanceTimersByTimeAsync(2000);
  expect(ends).toHaveLength(3);
  scope.stop();
  ends.at(-1)?.();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(ends).toHaveLength(3);
});

it("nobody looks at a page that is hidden", async () => {
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  const look = vi.fn(async () => {});
  const scope = effectScope();
  const isLive = scope.run(() => useTail(look));
  if (!isLive) throw new Error("no scope");
  isLive.value = true;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(look).not.toHaveBeenCalled();
  hidden.mockReturnValue(false);
  await vi.advanceTimersByTimeAsync(2000);
  expect(look).toHaveBeenCalledTimes(1);
  scope.stop();
});
