import { ref, shallowRef } from "vue";
import { Problem } from "@/api/problem";

/** Something that takes time and may fail: whether it is under way, and what went wrong the last time. */
export function useAction<Arguments extends unknown[], Result>(action: (...args: Arguments) => Promise<Result>) {
  const isBusy = ref(false);
  const problem = shallowRef<Problem | null>(null);

  async function run(...args: Arguments): Promise<Result | undefined> {
    isBusy.value = true;
    try {
      const result = await action(...args);
      problem.value = null;
      return result;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
      return undefined;
    } finally {
      isBusy.value = false;
    }
  }

  return { isBusy, problem, run };
}
