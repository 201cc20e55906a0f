import type { LoggedRequest, Service } from "@/api/types";

/** What a person reads of a snippet, in their language; without quotes. */
export interface Words {
  /** What the model is asked. */
  hello: string;
  /** What the fields of a program are called. */
  host: string;
  apiKey: string;
}

/** What a client is given: the address of a service and the proxy key. */
export interface Access {
  /** `{address}/llm/{slug}` or `{address}/proxy/{slug}`. */
  url: string;
  key: string;
  words: Words;
}

/** How one client is set up. */
export interface Snippet {
  id: string;
  /** The client's own name. */
  client: string;
  language: "bash" | "python" | "typescript" | "text";
  write: (access: Access) => string;
}

export type Dialect = "openai" | "openai_responses" | "anthropic" | "gemini" | "rest";

/** What the clients of a service speak. */
export function dialectOf(service: Service): Dialect {
  if (service.config_type === "GENERIC") return "rest";
  if (service.output_format && service.output_format !== "none") return service.output_format as Dialect;
  const formats: Record<string, Dialect> = {
    anthropic_native: "anthropic",
    gemini_native: "gemini",
    openai_responses: "openai_responses",
  };
  return formats[service.api_format ?? ""] ?? "openai";
}

const LLM: readonly Dialect[] = ["openai", "openai_responses", "anthropic", "gemini"];
/** OpenAI's own API, and Azure's, have both kinds of path. */
const BOTH_OF_OPENAI = /^https:\/\/(api\.openai\.com|[^/]+\.openai\.azure\.com)(\/|$)/;

/** Whether a service translates: then it takes every format. */
export function isTranslating(service: Service): boolean {
  return dialectOf(service) !== dialectOf({ ...service, output_format: null });
}

/** Which formats a service takes; the first is what its clients are meant to speak. */
export function dialectsOf(service: Service): Dialect[] {
  const first = dialectOf(service);
  const both = LLM.slice(0, 2);
  const taken = isTranslating(service) ? LLM : both.includes(first) && BOTH_OF_OPENAI.test(service.target_base_url ?? "") ? both : [];
  return [first, ...taken.filter((dialect) => dialect !== first)];
}

/** A text in single quotes for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const curl = (url: string, header: string, body?: string) =>
  [`curl ${quoted(url)}`, `-H ${quoted(header)}`, ...(body ? [`--json ${quoted(body)}`] : [])].join(" \\\n  ");

const openaiCurl: Snippet = {
  id: "curl",
  client: "curl",
  language: "bash",
  write: ({ url, key, words: { hello } }) =>
    curl(`${url}/v1/chat/completions`, `Authorization: Bearer ${key}`, `{"model": "gpt-5", "messages": [{"role": "user", "content": "${hello}"}]}`),
};

const OPENAI: Snippet[] = [
  {
    id: "openai-python", client: "openai (Python)", language: "python",
    write: ({ url, key, words: { hello } }) => `from openai import OpenAI\n\nclient = OpenAI(base_url="${url}/v1", api_key="${key}")\nanswer = client.chat.completions.create(\n    model="gpt-5", messages=[{"role": "user", "content": "${hello}"}]\n)\nprint(answer.choices[0].message.content)`,
  },
  {
    id: "openai-node", client: "openai (Node)", language: "typescript",
    write: ({ url, key, words: { hello } }) => `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: "${url}/v1", apiKey: "${key}" });\nconst answer = await client.chat.completions.create({\n  model: "gpt-5",\n  messages: [{ role: "user", content: "${hello}" }],\n});\nconsole.log(answer.choices[0].message.content);`,
  },
  {
    id: "langchain", client: "LangChain", language: "python",
    write: ({ url, key, words: { hello } }) => `from langchain_openai import ChatOpenAI\n\nmodel = ChatOpenAI(base_url="${url}/v1", api_key="${key}", model="gpt-5")\nprint(model.invoke("${hello}").content)`,
  },
  {
    id: "vercel", client: "Vercel AI SDK", language: "typescript",
    write: ({ url, key, words: { hello } }) => `import { createOpenAI } from "@ai-sdk/openai";\nimport { generateText } from "ai";\n\nconst openai = createOpenAI({ baseURL: "${url}/v1", apiKey: "${key}" });\nconst { text } = await generateText({ model: openai.chat("gpt-5"), prompt: "${hello}" });\nconsole.log(text);`,
  },
  { id: "cherry", client: "Cherry Studio", language: "text", write: ({ url, key, words }) => `${words.host}: ${url}\n${words.apiKey}: ${key}` },
  { id: "lobechat", client: "LobeChat", language: "bash", write: ({ url, key }) => `OPENAI_PROXY_URL=${url}/v1\nOPENAI_API_KEY=${key}` },
  { id: "nextchat", client: "NextChat", language: "bash", write: ({ url, key }) => `BASE_URL=${url}\nOPENAI_API_KEY=${key}` },
];

const RESPONSES: Snippet[] = [
  {
    id: "curl", client: "curl", language: "bash",
    write: ({ url, key, words: { hello } }) => curl(`${url}/v1/responses`, `Authorization: Bearer ${key}`, `{"model": "gpt-5", "input": "${hello}"}`),
  },
  {
    id: "openai-python", client: "openai (Python)", language: "python",
    write: ({ url, key, words: { hello } }) => `from openai import OpenAI\n\nclient = OpenAI(base_url="${url}/v1", api_key="${key}")\nprint(client.responses.create(model="gpt-5", input="${hello}").output_text)`,
  },
  {
    id: "codex", client: "Codex CLI", language: "bash",
    write: ({ url, key }) => {
      const provider = { name: "rotator", base_url: `${url}/v1`, env_key: "ROTATOR_KEY", wire_api: "responses" };
      const settings = ['model_provider="rotator"', ...Object.entries(provider).map(([name, value]) => `model_providers.rotator.${name}=${JSON.stringify(value)}`)];
      return [`export ROTATOR_KEY=${quoted(key)}\ncodex -m gpt-5`, ...settings.map((setting) => `-c ${quoted(setting)}`)].join(" \\\n  ");
    },
  },
];

const ANTHROPIC: Snippet[] = [
  {
    id: "curl", client: "curl", language: "bash",
    write: ({ url, key, words: { hello } }) => curl(`${url}/v1/messages`, `x-api-key: ${key}`, `{"model": "claude-sonnet-4-5", "max_tokens": 64, "messages": [{"role": "user", "content": "${hello}"}]}`).replace(" \\\n  --json", ` \\\n  -H 'anthropic-version: 2023-06-01' \\\n  --json`),
  },
  {
    id: "anthropic-python", client: "anthropic (Python)", language: "python",
    write: ({ url, key, words: { hello } }) => `from anthropic import Anthropic\n\nclient = Anthropic(base_url="${url}", api_key="${key}")\nanswer = client.messages.create(\n    model="claude-sonnet-4-5", max_tokens=64, messages=[{"role": "user", "content": "${hello}"}]\n)\nprint(answer.content[0].text)`,
  },
  { id: "claude-code", client: "Claude Code", language: "bash", write: ({ url, key }) => `export ANTHROPIC_BASE_URL=${quoted(url)}\nexport ANTHROPIC_AUTH_TOKEN=${quoted(key)}\nclaude` },
  {
    id: "langchain", client: "LangChain", language: "python",
    write: ({ url, key, words: { hello } }) => `from langchain_anthropic import ChatAnthropic\n\nmodel = ChatAnthropic(base_url="${url}", api_key="${key}", model="claude-sonnet-4-5")\nprint(model.invoke("${hello}").content)`,
  },
  {
    id: "vercel", client: "Vercel AI SDK", language: "typescript",
    write: ({ url, key, words: { hello } }) => `import { createAnthropic } from "@ai-sdk/anthropic";\nimport { generateText } from "ai";\n\nconst anthropic = createAnthropic({ baseURL: "${url}/v1", apiKey: "${key}" });\nconst { text } = await generateText({ model: anthropic("claude-sonnet-4-5"), prompt: "${hello}" });\nconsole.log(text);`,
  },
];

const GEMINI: Snippet[] = [
  {
    id: "curl", client: "curl", language: "bash",
    write: ({ url, key, words: { hello } }) => curl(`${url}/v1beta/models/gemini-2.5-flash:generateContent`, `x-goog-api-key: ${key}`, `{"contents": [{"parts": [{"text": "${hello}"}]}]}`),
  },
  {
    id: "genai", client: "google-genai (Python)", language: "python",
    write: ({ url, key, words: { hello } }) => `from google import genai\n\nclient = genai.Client(api_key="${key}", http_options={"base_url": "${url}"})\nprint(client.models.generate_content(model="gemini-2.5-flash", contents="${hello}").text)`,
  },
  { id: "gemini-cli", client: "Gemini CLI", language: "bash", write: ({ url, key }) => `export GOOGLE_GEMINI_BASE_URL=${quoted(url)}\nexport GEMINI_API_KEY=${quoted(key)}\ngemini` },
];

const REST: Snippet[] = [
  { id: "curl", client: "curl", language: "bash", write: ({ url, key }) => curl(`${url}/`, `X-Proxy-Key: ${key}`) },
  {
    id: "python", client: "requests (Python)", language: "python",
    write: ({ url, key }) => `import requests\n\nanswer = requests.get("${url}/", headers={"X-Proxy-Key": "${key}"}, timeout=30)\nprint(answer.status_code, answer.text)`,
  },
];

export const SNIPPETS: Record<Dialect, Snippet[]> = {
  openai: [openaiCurl, ...OPENAI],
  openai_responses: RESPONSES,
  anthropic: ANTHROPIC,
  gemini: GEMINI,
  rest: REST,
};

/** The request once more, as far as the log has it: without its query and body, which are not kept. */
export function curlOf(baseUrl: string, { method, path }: Pick<LoggedRequest, "method" | "path">): string {
  const header = path.startsWith("/llm/") ? "Authorization: Bearer $PROXY_KEY" : "X-Proxy-Key: $PROXY_KEY";
  return `curl -X ${method} ${quoted(baseUrl + path)} \\\n  -H "${header}"`;
}
