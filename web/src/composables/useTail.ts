import { onScopeDispose, ref, watch } from "vue";

/** How long after one look the next one begins, in milliseconds. */
const PAUSE = 2000;

/** Looks again and again, as long as somebody wants it. */
export function useTail(look: () => Promise<unknown>) {
  const isLive = ref(false);
  let timer = 0;
  /** Of how many loops this is the last: one that waits for its look when another begins ends with it. */
  let latest = 0;

  async function next(loop: number) {
    // Nobody looks at a page behind others.
    if (!document.hidden) await look();
    if (loop === latest) timer = window.setTimeout(next, PAUSE, loop);
  }

  function stop() {
    latest++;
    window.clearTimeout(timer);
  }

  watch(isLive, (live) => {
    stop();
    if (live) void next(latest);
  });
  onScopeDispose(stop);
  return isLive;
}
