import { onScopeDispose, ref } from "vue";

/** Copies texts, and says for a moment that it did. Over plain HTTP browsers have no clipboard, hence the fallback. */
export function useCopy() {
  const isCopied = ref(false);
  let timer = 0;

  async function copy(text: string) {
    if (window.isSecureContext) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    isCopied.value = true;
    window.clearTimeout(timer);
    timer = window.setTimeout(() => (isCopied.value = false), 1500);
  }

  onScopeDispose(() => window.clearTimeout(timer));
  return { isCopied, copy };
}

function copyBySelection(text: string) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "off-screen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
