import { expect, it } from "vitest";
import en from "./en.json";
import server from "./server.zh-CN.json";
import zh from "./zh-CN.json";

type Tree = { [key: string]: string | Tree };

function texts(tree: Tree, prefix = ""): Map<string, string> {
  return new Map(
    Object.entries(tree).flatMap(([key, value]) =>
      typeof value === "string" ? [[prefix + key, value] as const] : [...texts(value, `${prefix}${key}.`)],
    ),
  );
}

const placeholders = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

it("every text is there in both languages", () => {
  expect([...texts(zh).keys()].sort()).toEqual([...texts(en).keys()].sort());
});

it("a text has the same gaps in both languages", () => {
  const chinese = texts(zh);
  for (const [key, text] of texts(en)) {
    expect(placeholders(chinese.get(key) ?? ""), key).toEqual(placeholders(text));
  }
});

it("a sentence of the server has the same gaps in Chinese", () => {
  const gaps = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [sentence, said] of Object.entries(server)) expect(gaps(said), sentence).toEqual(gaps(sentence));
});

it("no text is empty", () => {
  for (const [key, text] of [...texts(en), ...texts(zh)]) expect(text.trim(), key).not.toBe("");
});

it("every text is used somewhere", () => {
  const sources = Object.values(import.meta.glob("../**/*.{ts,vue}", { query: "?raw", import: "default", eager: true })).join("\n");
  // Texts that are chosen by what the server says are named up to the part that it decides.
  const prefixes = [...sources.matchAll(/`([\w.]+)\.\$\{/g)].map((match) => `${match[1]}.`);
  const unused = [...texts(en).keys()].filter(
    (key) => !sources.includes(`"${key}"`) && !sources.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)),
  );
  expect(unused).toEqual([]);
});
