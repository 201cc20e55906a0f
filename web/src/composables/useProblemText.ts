import { useI18n } from "vue-i18n";
import type { Problem } from "@/api/problem";
import { useServerText } from "./useServerText";

/** What went wrong and what to do, in the reader's language; in the server's words where we have none. */
export function useProblemText() {
  const { t, te } = useI18n();
  const say = useServerText();
  return (problem: Problem): string => {
    const key = `problem.${problem.code}`;
    return te(key) ? t(key, { seconds: problem.retryAfter ?? 0 }) : say(problem.message);
  };
}
