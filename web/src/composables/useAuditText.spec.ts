import { expect, it } from "vitest";
import { createApp } from "vue";
import type { AuditItem } from "@/api/types";
import { i18n, speak } from "@/locales";
import { useAuditText } from "./useAuditText";

async function textsIn(locale: "en" | "zh-CN") {
  await speak(locale);
  let texts: ReturnType<typeof useAuditText> | undefined;
  createApp({ setup: () => void (texts = useAuditText()), render: () => null }).use(i18n).mount(document.createElement("div"));
  if (!texts) throw new Error("not set up");
  return texts;
}

const item = (detail: AuditItem["detail"], more: Partial<AuditItem> = {}): AuditItem => ({
  at: "2026-01-31T12:00:00Z", actor: "admin", address: "127.0.0.1", action: "key.create", object_id: 3, request_id: "r", detail, ...more,
});

/** What the server writes; see `AuditAction::detail`. */
const TOLD: [AuditItem["detail"], string, string][] = [
  [{ name: "OpenAI", slug: "openai" }, "#3 · “OpenAI” · slug openai", "#3 · “OpenAI” · 标识 openai"],
  [{ is_active: true }, "#3 · switched on", "#3 · 已启用"],
  [{ added: 1, duplicates: 1200 }, "#3 · 1 key added · 1,200 there already", "#3 · 新增 1 个密钥 · 1,200 个已存在"],
  [{ is_active: false, keys: 2 }, "#3 · switched off · 2 keys", "#3 · 已停用 · 2 个密钥"],
  [{ keys: 1, state: "invalid" }, "#3 · 1 key · state: Not accepted", "#3 · 1 个密钥 · 状态：被拒绝"],
  [{ note: true, quota_group: "", weight: 5 }, "#3 · note changed · no quota group · weight 5", "#3 · 备注已改 · 无配额组 · 权重 5"],
  [{ quota_group: "a", proxy_config_id: 1200 }, "#3 · quota group a · of service #1200", "#3 · 配额组 a · 属于服务 #1200"],
  [{ prices: 0 }, "#3 · 0 prices", "#3 · 0 条价格"],
  [{ webhooks: 1 }, "#3 · 1 webhook", "#3 · 1 个 Webhook"],
  [{ format: "csv" }, "#3 · as csv", "#3 · csv 格式"],
  [{ text: "made for the keys of configs that are gone" }, "#3 · made for the keys of configs that are gone", "#3 · 为所属服务已不存在的密钥而建"],
  [{ of_tomorrow: 7, and: ["more"], is: true }, '#3 · of_tomorrow: 7 · and: ["more"] · is: true', '#3 · of_tomorrow: 7 · and: ["more"] · is: true'],
  [{}, "#3", "#3"],
];

it("tells every fact in the reader's language, and one that it does not know by its name", async () => {
  for (const [locale, column] of [["en", 1], ["zh-CN", 2]] as const) {
    const { detail } = await textsIn(locale);
    for (const told of TOLD) expect(detail(item(told[0])), told[column]).toBe(told[column]);
    expect(detail(item({}, { object_id: null }))).toBe("–");
  }
});

it("tells a program from a user of its name", async () => {
  const { actor } = await textsIn("en");
  expect(actor(item({}, { actor: "import", address: null }))).toBe("The command import");
  expect(actor(item({}, { actor: "import" }))).toBe("import");
  expect(actor(item({}, { actor: "" }))).toBe("–");
});

it("has a text for what only commands do", async () => {
  const { action } = await textsIn("zh-CN");
  for (const name of ["database.adopt", "config.adopt", "database.migrate"]) expect(action(name)).toMatch(/\p{Script=Han}/u);
  expect(action("something.new")).toBe("something.new");
});
