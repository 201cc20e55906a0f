import { describe, expect, it } from "vitest";
import type { Service } from "@/api/types";
import { freeSlug, PRESETS } from "./presets";
import { curlOf, dialectOf, dialectsOf, SNIPPETS } from "./snippets";
import { bytes, duration, micros } from "./time";
import { speak } from "@/locales";

describe("presets", () => {
  it("have slugs that the server takes", () => {
    for (const { form } of PRESETS) expect(form.slug).toMatch(/^([a-z0-9][a-z0-9._-]{0,99})?$/);
  });

  it("never take a slug twice", () => {
    expect(freeSlug("OpenAI (Team B)", [])).toBe("openai-team-b");
    expect(freeSlug("openai", ["openai", "openai-2"])).toBe("openai-3");
  });
});

describe("snippets", () => {
  const access = { url: "http://localhost:8000/llm/x", key: "pk-secret", words: { hello: "Say hello.", host: "API host", apiKey: "API key" } };

  it("all have the address, and the key wherever the client takes it from them", () => {
    for (const snippet of Object.values(SNIPPETS).flat()) {
      const text = snippet.write(access);
      expect(text, snippet.id).toContain(access.url);
      expect(text, snippet.id).toContain(access.key);
    }
  });

  it("speak what the clients of a service speak", () => {
    const service = (fields: Partial<Service>) => ({ config_type: "LLM", output_format: null, ...fields }) as Service;
    expect(dialectOf(service({ api_format: "gemini_native" }))).toBe("gemini");
    expect(dialectOf(service({ api_format: "gemini_native", output_format: "anthropic" }))).toBe("anthropic");
    expect(dialectOf(service({ api_format: "openai_compatible", output_format: "none" }))).toBe("openai");
    expect(dialectOf(service({ config_type: "GENERIC" }))).toBe("rest");
  });

  it("are those of every format that a service takes, its own first", () => {
    const service = (fields: Partial<Service>) => ({ config_type: "LLM", api_format: "openai_compatible", output_format: null, target_base_url: "https://a.example/v1", ...fields }) as Service;
    expect(dialectsOf(service({}))).toEqual(["openai"]);
    expect(dialectsOf(service({ output_format: "openai" }))).toEqual(["openai"]);
    expect(dialectsOf(service({ target_base_url: "https://api.openai.com/v1" }))).toEqual(["openai", "openai_responses"]);
    expect(dialectsOf(service({ target_base_url: "https://api.openai.com.evil.example/v1" }))).toEqual(["openai"]);
    expect(dialectsOf(service({ output_format: "anthropic" }))).toEqual(["anthropic", "openai", "openai_responses", "gemini"]);
    expect(dialectsOf(service({ config_type: "GENERIC" }))).toEqual(["rest"]);
  });

  it("repeat a request without letting its path run as a command", () => {
    const text = curlOf("http://h", { method: "GET", path: "/proxy/a/'; rm -rf '" });
    expect(text).toContain(`'http://h/proxy/a/'\\''; rm -rf '\\'''`);
    expect(text).toContain("X-Proxy-Key: $PROXY_KEY");
  });
});

describe("times and sizes", () => {
  it("are short", async () => {
    await speak("en");
    expect([duration(59_000), duration(61_000), duration(3_661_000), duration(90_000_000), duration(-5)]).toEqual(["59 s", "1 min 01 s", "1 h 01 min", "1 d 01 h", "0 s"]);
    expect([micros(950), micros(1500), micros(250_000), micros(2_340_000)]).toEqual(["950 µs", "1.5 ms", "250 ms", "2.34 s"]);
    expect([bytes(0), bytes(1023), bytes(1536)]).toEqual(["0 B", "1023 B", "1.5 KiB"]);
  });

  it("have Chinese units in Chinese", async () => {
    await speak("zh-CN");
    expect([duration(43_000), duration(3_661_000), micros(1500)]).toEqual(["43 秒", "1 小时 01 分", "1.5 毫秒"]);
  });
});
