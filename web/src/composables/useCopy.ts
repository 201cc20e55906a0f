import { onScopeDispose, ref } from "vue";
import { useI18n } from "vue-i18n";
import { useNotify } from "./useNotify";

/** Copies texts, and says for a moment that it did, or that it could not. Over plain HTTP browsers have no clipboard, hence the fallback. */
export function useCopy() {
  const { t } = useI18n();
  const { failed } = useNotify();
  const isCopied = ref(false);
  let timer = 0;

  async function copy(text: string) {
    const isDone = window.isSecureContext
      ? await navigator.clipboard.writeText(text).then(() => true, () => false)
      : copyBySelection(text);
    window.clearTimeout(timer);
    isCopied.value = isDone;
    if (!isDone) return failed(t("action.copyFailed"));
    timer = window.setTimeout(() => (isCopied.value = false), 1500);
  }

  onScopeDispose(() => window.clearTimeout(timer));
  return { isCopied, copy };
}

function copyBySelection(text: string): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  const isDone = document.execCommand("copy");
  area.remove();
  return isDone;
}
