import { onScopeDispose, ref } from "vue";

/** How long a secret is shown, in milliseconds. */
export const SHOWN_FOR = 30_000;

/** Whether a secret is readable: from when a person asks for it, and for half a minute. */
export function useShown() {
  const isShown = ref(false);
  let timer = 0;

  function hide() {
    isShown.value = false;
    window.clearTimeout(timer);
  }

  function show() {
    hide();
    isShown.value = true;
    timer = window.setTimeout(hide, SHOWN_FOR);
  }

  onScopeDispose(hide);
  return { isShown, show, hide };
}
