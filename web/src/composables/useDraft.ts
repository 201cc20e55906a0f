import { ref } from "vue";

/** Something that is being written in a dialog. A click beside it, or Esc, does not throw it away unasked. */
export function useDraft(content: () => unknown) {
  const before = JSON.stringify(content());
  const isOpen = ref(true);
  const isAsking = ref(false);

  /** What the dialog does before it closes by itself. */
  function leave() {
    if (JSON.stringify(content()) === before) isOpen.value = false;
    else isAsking.value = true;
  }

  function discard() {
    isAsking.value = false;
    isOpen.value = false;
  }

  return { isOpen, isAsking, leave, discard };
}
