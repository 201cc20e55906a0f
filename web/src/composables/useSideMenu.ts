import { nextTick, onScopeDispose, ref, watch } from "vue";

/** Above this the menu is always there: see `AppLayout.vue`. */
const WIDE = "(min-width: 961px)";

/** A menu that slides over the page on narrow windows: it has the focus while it is open, and closes by Escape. */
export function useSideMenu(elements: { menu: () => HTMLElement | null; button: () => HTMLElement | null }) {
  const isOpen = ref(false);
  const wide = window.matchMedia(WIDE);
  const close = () => (isOpen.value = false);
  const onKey = (event: KeyboardEvent) => event.key === "Escape" && close();

  watch(isOpen, async (open) => {
    await nextTick();
    if (open) elements.menu()?.querySelector("a")?.focus();
    // A link of it that was followed leads to another page: only who stays goes back to where they were.
    else if (elements.menu()?.contains(document.activeElement)) elements.button()?.focus();
  });
  document.addEventListener("keydown", onKey);
  wide.addEventListener("change", close);
  onScopeDispose(() => {
    document.removeEventListener("keydown", onKey);
    wide.removeEventListener("change", close);
  });

  return { isOpen, close };
}
