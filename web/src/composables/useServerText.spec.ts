// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { speaker } from "@/lib/serverText";
import chinese from "@/locales/server.zh-CN.json";

const crates = new URL("../../../crates/", import.meta.url);
const say = speaker(chinese);

/** The code of these folders and files, without its tests and comments, each text on one line. */
function codeOf(...places: string[]): string {
  const files = places.flatMap((place) =>
    place.endsWith(".rs") ? [place] : readdirSync(new URL(place, crates), { recursive: true, encoding: "utf8" }).map((name) => `${place}/${name}`),
  );
  const code = files.filter((file) => file.endsWith(".rs") && !/tests?(\.rs|\/)/.test(file)).map((file) => {
    const [beforeTests = ""] = readFileSync(new URL(file, crates), "utf8").split("#[cfg(test)]");
    return beforeTests.replace(/^\s*\/\/.*$/gm, "").replace(/\\\n\s*/g, "");
  });
  return code.join("\n");
}

type Rules = { rules: { name: string }[] };

it("every rule that comes with the program has a Chinese name", () => {
  const file = readFileSync(new URL("rotator-core/src/outcome/rules.json", crates), "utf8");
  const { rules, providers } = JSON.parse(file) as Rules & { providers: Rules[] };
  for (const { name } of [...rules, ...providers.flatMap((provider) => provider.rules)]) expect(chinese, name).toHaveProperty([name]);
});

it("every reason why a field is not acceptable, and every outcome of a test, has a Chinese sentence", () => {
  const code = codeOf("admin-api/src", "rotator-core/src/model", "rotator-core/src/outcome", "rotator-core/src/prices", "rotator-core/src/notifications/webhook.rs", "rotator-core/src/secret.rs", "rotator-core/src/credential.rs", "proxy-hyper/src/probe.rs", "proxy-hyper/src/courier.rs", "proxy-hyper/src/upstream/connect.rs");
  const begin = "must|may have|is required|is not|is for|is more|are for|has no|cannot be combined|the (?:upstream|forward proxy|stored key)(?:'s)?";
  const reasons = [...code.matchAll(new RegExp(`"((?:${begin}) (?:[^"\\\\]|\\\\.)*)"`, "g"))].map((match) => (match[1] ?? "").replace(/\\(.)/g, "$1"));
  expect(reasons.length).toBeGreaterThan(80);
  const beginnings = ["must be", "must hold only items that are"];
  for (const reason of reasons.filter((reason) => !beginnings.includes(reason))) expect(say(reason.replace(/\{(?!key\})[^}]*\}/g, "7")), reason).toMatch(/\p{Script=Han}/u);
});

it("every sentence is one that the server says", () => {
  const bare = (text: string) => text.replace(/["\\]/g, "");
  const code = bare(`${codeOf("admin-api/src", "rotator-core/src", "proxy-hyper/src", "server-bin/src")}\n${readFileSync(new URL("rotator-core/src/outcome/rules.json", crates), "utf8")}`);
  for (const sentence of Object.keys(chinese)) {
    // That is what serde calls a text.
    if (sentence === "a string") continue;
    for (const piece of bare(sentence).split(/\{\d\}/)) expect(code.includes(piece), `${sentence}: ${piece}`).toBe(true);
  }
});

it("gaps are filled, with sentences too", () => {
  expect(say("must be 1 to 10")).toBe("必须在 1 到 10 之间");
  expect(say("must be 1 to 200 characters without control characters")).toBe("必须是 1 到 200 个字符，不能含控制字符");
  expect(say("its quota group rests: no credit left")).toBe("所在配额组暂停：没有余额");
  expect(say("number 2: url must begin with http:// or https://")).toBe("第 2 个的地址必须以 http:// 或 https:// 开头");
});

it("what nobody foresaw stays as it is", () => {
  for (const text of ["my own rule", "$& {0}", ""]) expect(say(text)).toBe(text);
});
