import { ElMessage } from "element-plus";
import { Problem } from "@/api/problem";
import { useProblemText } from "./useProblemText";

/** Short news that nobody has to answer. */
export function useNotify() {
  const textOf = useProblemText();

  function done(message: string) {
    ElMessage({ type: "success", message, grouping: true });
  }

  function failed(message: string) {
    ElMessage({ type: "error", message, duration: 6000, showClose: true, grouping: true });
  }

  /** Does something; what goes wrong is said. Resolves to whether it went well. */
  async function attempt(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      failed(textOf(error));
      return false;
    }
  }

  return { done, failed, attempt };
}
