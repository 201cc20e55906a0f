import { onScopeDispose, ref, watch } from "vue";

/** How long after one look the next one begins, in milliseconds. */
const PAUSE = 2000;

/** Looks again and again, as long as somebody wants it. */
export function useTail(look: () => Promise<unknown>) {
  const isLive = ref(false);
  let timer = 0;

  async function next() {
    await look();
    if (isLive.value) timer = window.setTimeout(next, PAUSE);
  }

  watch(isLive, (live) => {
    window.clearTimeout(timer);
    if (live) void next();
  });
  onScopeDispose(() => {
    isLive.value = false;
    window.clearTimeout(timer);
  });
  return isLive;
}
