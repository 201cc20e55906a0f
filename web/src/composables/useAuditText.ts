import { useI18n } from "vue-i18n";
import type { AuditItem } from "@/api/types";
import { useServerText } from "./useServerText";

/** Who is meant where nobody was signed in. */
const PROGRAMS = ["import", "migrate", "upgrade"] as const;

/** What an entry of the audit log says, in the reader's language. */
export function useAuditText() {
  const { t, te, n } = useI18n();
  const say = useServerText();

  function action(name: string): string {
    const key = `audit.action.${name.replace(".", "_")}`;
    return te(key) ? t(key) : name;
  }

  function actor({ actor: name, address }: AuditItem): string {
    const program = PROGRAMS.find((known) => address === null && known === name);
    return program ? t(`audit.program.${program}`) : name || "–";
  }

  function fact(name: string, value: unknown): string {
    const key = `audit.fact.${name}`;
    if (typeof value === "boolean" && te(`${key}.${value}`)) return t(`${key}.${value}`);
    if (value === "" && te(`${key}_none`)) return t(`${key}_none`);
    if (typeof value === "number" && te(key)) return t(key, { value, count: n(value) }, value);
    if (typeof value === "string" && te(key)) return t(key, { value: name === "state" && te(`state.${value}`) ? t(`state.${value}`) : say(value) });
    return `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`;
  }

  function detail({ object_id, detail: facts }: AuditItem): string {
    const told = Object.entries(facts).map(([name, value]) => fact(name, value));
    return [...(object_id === null ? [] : [`#${object_id}`]), ...told].join(" · ") || "–";
  }

  return { action, actor, detail };
}
