import { serverTexts } from "@/locales";

/**
 * What the server says in English, in the reader's language: its reasons, warnings and names of rules. What no catalogue
 * has, such as the name that an operator gave a rule, stays as it is.
 */
export function useServerText() {
  return (text: string): string => serverTexts.value(text);
}
