//! What the prefixes of `LiteLLM`'s models mean.

/// An API, by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// The prefix.
    pub name: &'static str,
    /// See `api_format`.
    pub format: &'static str,
    /// Where it is, unless a deployment says so; empty when it must.
    pub base_url: &'static str,
}

/// The provider of models without a prefix.
pub const OPENAI: Provider = openai("openai", "https://api.openai.com");

const ALL: [Provider; 29] = [
    OPENAI,
    Provider { name: "anthropic", format: "anthropic_native", base_url: "https://api.anthropic.com" },
    Provider {
        name: "gemini",
        format: "gemini_native",
        base_url: "https://generativelanguage.googleapis.com",
    },
    openai("cerebras", "https://api.cerebras.ai"),
    openai("custom_openai", ""),
    openai("dashscope", "https://dashscope-intl.aliyuncs.com/compatible-mode"),
    openai("deepinfra", "https://api.deepinfra.com/v1/openai"),
    openai("deepseek", "https://api.deepseek.com"),
    openai("fireworks_ai", "https://api.fireworks.ai/inference"),
    openai("groq", "https://api.groq.com/openai"),
    openai("hosted_vllm", ""),
    openai("litellm_proxy", ""),
    openai("llamafile", ""),
    openai("lm_studio", ""),
    openai("meta_llama", "https://api.llama.com/compat"),
    openai("mistral", "https://api.mistral.ai"),
    openai("moonshot", "https://api.moonshot.ai"),
    openai("nebius", "https://api.studio.nebius.ai"),
    openai("novita", "https://api.novita.ai/v3/openai"),
    openai("nvidia_nim", "https://integrate.api.nvidia.com"),
    openai("ollama", "http://localhost:11434"),
    openai("ollama_chat", "http://localhost:11434"),
    openai("openai_like", ""),
    openai("openrouter", "https://openrouter.ai/api"),
    openai("perplexity", "https://api.perplexity.ai"),
    openai("sambanova", "https://api.sambanova.ai"),
    openai("together_ai", "https://api.together.xyz"),
    openai("vllm", ""),
    openai("xai", "https://api.x.ai"),
];

/// Prefixes of APIs that there is no way to here.
const ELSEWHERE: [&str; 19] = [
    "ai21",
    "azure",
    "azure_ai",
    "bedrock",
    "bedrock_converse",
    "cloudflare",
    "cohere",
    "cohere_chat",
    "databricks",
    "github_copilot",
    "huggingface",
    "palm",
    "petals",
    "predibase",
    "replicate",
    "sagemaker",
    "sagemaker_chat",
    "vertex_ai",
    "watsonx",
];

const fn openai(name: &'static str, base_url: &'static str) -> Provider {
    Provider { name, format: "openai_compatible", base_url }
}

/// The provider of a model, and what it calls the model; else the prefix of one that there is no way to.
pub fn provider(model: &str) -> Result<(Provider, &str), &str> {
    let Some((prefix, name)) = model.split_once('/') else { return Ok((OPENAI, model)) };
    if let Some(provider) = ALL.into_iter().find(|provider| provider.name == prefix) {
        // `openai/responses/gpt-5` says which of its APIs is meant.
        return Ok((provider, name.strip_prefix("responses/").unwrap_or(name)));
    }
    if ELSEWHERE.contains(&prefix) { Err(prefix) } else { Ok((OPENAI, model)) }
}
