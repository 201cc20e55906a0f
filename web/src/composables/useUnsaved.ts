import { onScopeDispose } from "vue";

const all = new Set<() => boolean>();

/** Says when there is something that would be lost with its page. */
export function useUnsaved(isThere: () => boolean) {
  all.add(isThere);
  onScopeDispose(() => all.delete(isThere));
}

/** Whether something would be lost with the page. */
export function hasUnsaved(): boolean {
  return [...all].some((isThere) => isThere());
}
