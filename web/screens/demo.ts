import { type Manner, PASSWORD, PROXY_KEY, type World } from "../e2e/server";

/** What each key of the demo is answered, by what is in it. */
export function manner(key: string): ReturnType<Manner> {
  if (key.includes("Lim")) {
    return { status: 429, headers: { "retry-after": "2700" }, body: { error: { type: "rate_limit_exceeded", message: "Rate limit reached" } } };
  }
  if (key.includes("Bad")) {
    return { status: 401, headers: {}, body: { error: { code: "invalid_api_key", message: "Incorrect API key provided" } } };
  }
  if (key.includes("Out")) {
    return { status: 429, headers: {}, body: { error: { code: "insufficient_quota", type: "insufficient_quota", message: "You exceeded your current quota" } } };
  }
  return null;
}

const ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789";
let seed = 7;
/** The same numbers at every run, so that pictures change only with the pages. */
function random(): number {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
}
const secret = (prefix: string) => prefix + Array.from({ length: 28 }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join("");

const llm = (name: string, slug: string, api_format: string, strategy: string) => ({ name, slug, config_type: "LLM", api_format, output_format: "none", strategy });
const SERVICES = [
  { form: llm("OpenAI", "openai", "openai_compatible", "sticky"), prefix: "sk-proj-", keys: 14, special: ["Lim", "Lim", "Out", "Bad"], models: ["gpt-5", "gpt-5-mini", "gpt-4o"] },
  { form: llm("DeepSeek", "deepseek", "openai_compatible", "round_robin"), prefix: "sk-", keys: 6, special: ["Lim"], models: ["deepseek-chat", "deepseek-reasoner"] },
  { form: llm("Anthropic", "anthropic", "anthropic_native", "sticky"), prefix: "sk-ant-api03-", keys: 8, special: [], models: ["claude-sonnet-4-5"] },
  { form: llm("OpenRouter", "openrouter", "openai_compatible", "weighted"), prefix: "sk-or-v1-", keys: 3, special: ["Bad", "Out"], models: ["qwen/qwen3-max"] },
  { form: { name: "Maps", slug: "maps", config_type: "GENERIC", api_key_location: "header", api_key_name: "x-api-key", strategy: "least_connections" }, prefix: "maps-", keys: 5, special: [], models: [] },
];
const NOTES = ["research", "support bot", "batch jobs", "shared", ""];

/** Signs in as a program does; answers how to call the admin API. */
export async function operator(world: World) {
  async function call(method: string, path: string, body?: unknown, token?: string): Promise<unknown> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (token) headers.authorization = `Bearer ${token}`;
    const answer = await fetch(`${world.url}/api/admin${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }
  const { access_token } = (await call("POST", "/login", { username: "admin", password: PASSWORD })) as { access_token: string };
  return (method: string, path: string, body?: unknown) => call(method, path, body, access_token);
}

/** Fills an installation with what one looks like after a while. */
export async function fill(world: World) {
  const admin = await operator(world);
  for (const { form, prefix, keys, special } of SERVICES) {
    const target = form.config_type === "LLM" ? { target_base_url: world.upstream } : { target_url: world.upstream };
    const { id } = (await admin("POST", "/proxy-configs", { ...form, ...target })) as { id: number };
    for (let number = 0; number < keys; number++) {
      const mark = special[number] ?? "";
      const key = (await admin("POST", `/proxy-configs/${id}/keys`, { key_value: secret(prefix) + mark, note: NOTES[number % NOTES.length], quota_group: number > 5 && keys > 6 ? "acme" : undefined })) as { id: number };
      // Some are met by clients' requests only.
      if (mark && number > 0) await admin("POST", `/keys/${key.id}/test`);
      if (number === keys - 1 && keys > 8) await admin("PATCH", `/keys/${key.id}`, { is_active: false });
    }
  }
  await traffic(world);
  for (const [name, caps] of [["Support bot", { max_per_minute: 120 }], ["Research", { max_concurrent: 8, max_tokens_per_minute: 200_000 }], ["CI", { max_per_minute: 30 }]] as const) {
    await admin("POST", "/proxy-keys", { name, is_active: name !== "CI", ...caps });
  }
  const webhook = { url: "https://hooks.slack.com/services/T024BE7LD/B024BE7LH/kq8VxZ2mPwYbNc4R", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", events: ["pool_low", "pool_empty", "keys_rejected", "dependency_degraded"] };
  await admin("PUT", "/notifications", { low_keys: 3, webhooks: [webhook] });
  await admin("PUT", "/prices", { prices: [{ model: "qwen3-local*", input: 0.2, output: 0.8 }] });
  return admin;
}

/** One request after the other, now to this service and now to that. The first keys that it meets are those that rest soon. */
async function traffic(world: World) {
  for (let number = 0; number < 60; number++) {
    const service = SERVICES[Math.floor(random() ** 2 * SERVICES.length)];
    if (!service) continue;
    const { form: { slug, config_type }, models } = service;
    const [path, body] = config_type === "LLM" ? [`/llm/${slug}/${slug === "anthropic" ? "v1/messages" : "v1/chat/completions"}`, JSON.stringify({ model: models[number % models.length], max_tokens: 64, messages: [{ role: "user", content: `Question ${number}` }] })] : [`/proxy/${slug}/geocode/json`, "{}"];
    await fetch(world.url + path, { method: "POST", headers: { "x-proxy-key": PROXY_KEY, authorization: `Bearer ${PROXY_KEY}`, "content-type": "application/json" }, body });
  }
}

const STEPS = { "1h": [60, 60], "24h": [600, 144], "7d": [3600, 168], "30d": [6 * 3600, 120] } as const;

/** What requests may have come to over days: an installation that was just filled has none to show. */
export function stats(range: keyof typeof STEPS) {
  const [step_seconds, count] = STEPS[range];
  const until = Math.ceil(Date.now() / 1000 / step_seconds) * step_seconds;
  const since = until - step_seconds * count;
  const tally = (requests: number, slow: number) => {
    const [limited, server_error, client_error] = [requests * 0.006, requests * 0.003, requests * 0.011].map(Math.round) as [number, number, number];
    const input = requests * 900;
    return {
      requests, limited, server_error, client_error, no_answer: Math.round(requests * 0.002), rescued: Math.round(requests * 0.038),
      success: requests - limited - server_error - client_error - Math.round(requests * 0.002),
      cost: requests * 0.0041,
      duration_us: { p50: Math.round(840_000 * slow), p95: Math.round(4_100_000 * slow), p99: Math.round(9_300_000 * slow) },
      first_byte_us: { p50: Math.round(310_000 * slow), p95: Math.round(1_200_000 * slow), p99: Math.round(2_600_000 * slow) },
      tokens: { input: Math.round(input * 0.55), cached_read: Math.round(input * 0.4), cache_write: Math.round(input * 0.05), output: requests * 260, reasoning: requests * 120 },
    };
  };
  const series = Array.from({ length: count }, (_, index) => {
    const at = since + index * step_seconds;
    const hour = (at / 3600) % 24;
    const load = 1 + 0.75 * Math.sin(((hour - 8) / 24) * 2 * Math.PI) + 0.15 * Math.sin(index * 2.3);
    return { at: new Date(at * 1000).toISOString(), ...tally(Math.round(step_seconds * 0.22 * Math.max(0.15, load)), 1 + 0.12 * Math.sin(index * 1.7)) };
  });
  const all = series.reduce((sum, { requests }) => sum + requests, 0);
  const part = (share: number) => tally(Math.round(all * share), 1);
  return {
    since: new Date(since * 1000).toISOString(), until: new Date(until * 1000).toISOString(), step_seconds, series, total: part(1),
    services: [["OpenAI", 0.52], ["Anthropic", 0.24], ["DeepSeek", 0.15], ["Maps", 0.06], ["OpenRouter", 0.03]].map(([config_name, share], index) => ({ config_id: index + 1, config_name, ...part(share as number) })),
    models: [["gpt-5-mini", 0.34], ["claude-sonnet-4-5", 0.24], ["gpt-5", 0.18], ["deepseek-chat", 0.11], ["deepseek-reasoner", 0.04]].map(([model, share]) => ({ model, ...part(share as number) })),
    keys: [7, 11, 9, 22, 18, 25].map((key_id, index) => ({ key_id, config_id: index < 3 ? 1 : 3, config_name: index < 3 ? "OpenAI" : "Anthropic", requests: 4200 - index * 430, failed: 12 + index * 3 })),
  };
}
