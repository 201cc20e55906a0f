import { ref } from "vue";
import { useUnsaved } from "@/composables/useUnsaved";

/** Something that is being written in a dialog. A click beside it, or Esc, does not throw it away unasked. */
export function useDraft(content: () => unknown) {
  const before = JSON.stringify(content());
  const isOpen = ref(true);
  const isAsking = ref(false);

  const isChanged = () => JSON.stringify(content()) !== before;
  useUnsaved(() => isOpen.value && isChanged());

  /** What the dialog does before it closes by itself. */
  function leave() {
    if (isChanged()) isAsking.value = true;
    else isOpen.value = false;
  }

  function discard() {
    isAsking.value = false;
    isOpen.value = false;
  }

  return { isOpen, isAsking, leave, discard };
}
