import { onScopeDispose, shallowRef, watch } from "vue";
import { type ImportReport, useKeys } from "@/stores/keys";
import { useAction } from "./useAction";

/** How long a person may pause in typing, in milliseconds. */
const PAUSE = 300;

/** What would become of keys if they were added, asked for when they have changed. */
export function useKeyPreview(serviceId: number, found: () => string[]) {
  const keys = useKeys();
  const told = shallowRef<ImportReport | null>(null);
  const { isBusy, problem, run } = useAction((list: string[], isWanted: () => boolean) => keys.preview(serviceId, list, isWanted));
  let latest = 0;
  let timer = 0;

  /** Asks no more. */
  function stop() {
    latest++;
    window.clearTimeout(timer);
  }

  watch(found, (list) => {
    stop();
    told.value = null;
    const turn = latest;
    if (list.length === 0) return;
    timer = window.setTimeout(async () => {
      const report = await run(list, () => turn === latest);
      if (turn === latest) told.value = report ?? null;
    }, PAUSE);
  });
  onScopeDispose(stop);

  return { told, isBusy, problem, stop };
}
