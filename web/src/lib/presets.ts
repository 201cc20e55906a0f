import type { ServiceForm } from "@/api/types";

/** A start for a new service. */
export interface Preset {
  id: string;
  /** A brand's own name, or the key of a text. */
  brand?: string;
  form: ServiceForm;
}

type Llm = Required<Pick<ServiceForm, "api_format" | "target_base_url">> & Partial<ServiceForm>;

const llm = (id: string, brand: string, fields: Llm): Preset => ({
  id,
  brand,
  form: { name: brand, slug: id, config_type: "LLM", ...fields },
});

const openai = (id: string, brand: string, target_base_url: string, more: Partial<ServiceForm> = {}) =>
  llm(id, brand, { api_format: "openai_compatible", target_base_url, ...more });

export const PRESETS: readonly Preset[] = [
  openai("openai", "OpenAI", "https://api.openai.com/v1"),
  openai("azure-openai", "Azure OpenAI", "https://YOUR-RESOURCE.openai.azure.com/openai/v1", {
    api_key_location: "header",
    api_key_name: "api-key",
  }),
  llm("anthropic", "Anthropic", { api_format: "anthropic_native", target_base_url: "https://api.anthropic.com" }),
  llm("gemini", "Gemini", { api_format: "gemini_native", target_base_url: "https://generativelanguage.googleapis.com" }),
  openai("openrouter", "OpenRouter", "https://openrouter.ai/api/v1"),
  openai("deepseek", "DeepSeek", "https://api.deepseek.com/v1"),
  openai("dashscope", "DashScope", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
  openai("ollama", "Ollama / vLLM", "http://localhost:11434/v1"),
  {
    id: "rest",
    form: {
      name: "",
      slug: "",
      config_type: "GENERIC",
      target_url: "https://",
      api_key_location: "header",
      api_key_name: "Authorization",
      api_key_template: "Bearer {key}",
    },
  },
];

/** A slug like this name that none of the others has. */
export function freeSlug(wanted: string, taken: readonly string[]): string {
  const base = wanted.toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+|-+$/g, "").slice(0, 90);
  if (!taken.includes(base)) return base;
  let number = 2;
  while (taken.includes(`${base}-${number}`)) number++;
  return `${base}-${number}`;
}
