import { onScopeDispose, readonly, ref } from "vue";

const now = ref(Date.now());
let watchers = 0;
let timer = 0;

/** What time it is, to the second, as long as somebody looks. All share one clock. */
export function useNow() {
  if (watchers++ === 0) {
    now.value = Date.now();
    timer = window.setInterval(() => (now.value = Date.now()), 1000);
  }
  onScopeDispose(() => {
    if (--watchers === 0) window.clearInterval(timer);
  });
  return readonly(now);
}
