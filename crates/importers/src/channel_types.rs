//! What the numbers of channel types mean, in one-api and in new-api: up to 25 the same in both, above not.

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    /// songquanpeng/one-api.
    OneApi,
    /// QuantumNous/new-api.
    NewApi,
}

/// What a channel's API speaks, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Api {
    /// See `api_format`.
    pub format: &'static str,
    /// Where it is unless the channel says so; empty when it must.
    pub base_url: &'static str,
    /// What belongs to the address besides, whoever's it is: where its version is not `v1`.
    pub path: &'static str,
}

/// The API behind a channel type; else why there is none that could be called: a clause.
pub fn api(product: Product, number: i64) -> Result<Api, String> {
    let known = match number {
        26.. => match product {
            Product::OneApi => of_one_api(number),
            Product::NewApi => of_new_api(number),
        },
        4 if product == Product::NewApi => Some(openai("http://localhost:11434")),
        _ => of_both(number),
    };
    known.ok_or_else(|| match number {
        3 => "is Azure OpenAI, whose addresses name the deployment; add it by hand as a service of its own"
            .into(),
        number => format!("has the type {number}, whose protocol is none of those that are translated here"),
    })
}

const fn openai(base_url: &'static str) -> Api {
    Api { format: "openai_compatible", base_url, path: "" }
}

const fn at(base_url: &'static str, path: &'static str) -> Api {
    Api { format: "openai_compatible", base_url, path }
}

fn of_both(number: i64) -> Option<Api> {
    Some(match number {
        1 => openai("https://api.openai.com"),
        2 => openai("https://oa.api2d.net"),
        4 => openai("https://api.closeai-proxy.xyz"),
        5 => openai("https://api.openai-sb.com"),
        6 => openai("https://api.openaimax.com"),
        7 => openai("https://api.ohmygpt.com"),
        8 => openai(""),
        9 => openai("https://api.caipacity.com"),
        10 => openai("https://api.aiproxy.io"),
        12 => openai("https://api.api2gpt.com"),
        13 => openai("https://api.aigc2d.com"),
        14 => Api { format: "anthropic_native", base_url: "https://api.anthropic.com", path: "" },
        17 => at("https://dashscope.aliyuncs.com", "/compatible-mode/v1"),
        20 => openai("https://openrouter.ai/api"),
        24 => {
            Api { format: "gemini_native", base_url: "https://generativelanguage.googleapis.com", path: "" }
        }
        25 => openai("https://api.moonshot.cn"),
        _ => return None,
    })
}

fn of_one_api(number: i64) -> Option<Api> {
    Some(match number {
        26 => openai("https://api.baichuan-ai.com"),
        27 => openai("https://api.minimax.chat"),
        28 => openai("https://api.mistral.ai"),
        29 => openai("https://api.groq.com/openai"),
        30 => openai("http://localhost:11434"),
        31 => openai("https://api.lingyiwanwu.com"),
        32 => openai("https://api.stepfun.com"),
        36 => openai("https://api.deepseek.com"),
        39 => openai("https://api.together.xyz"),
        40 => at("https://ark.cn-beijing.volces.com", "/api/v3"),
        41 => at("https://api.novita.ai", "/v3/openai"),
        _ => return None,
    })
}

fn of_new_api(number: i64) -> Option<Api> {
    Some(match number {
        26 => at("https://open.bigmodel.cn", "/api/paas/v4"),
        27 => openai("https://api.perplexity.ai"),
        31 => openai("https://api.lingyiwanwu.com"),
        35 => openai("https://api.minimax.chat"),
        40 => openai("https://api.siliconflow.cn"),
        42 => openai("https://api.mistral.ai"),
        43 => openai("https://api.deepseek.com"),
        44 => openai("https://api.moka.ai"),
        45 => at("https://ark.cn-beijing.volces.com", "/api/v3"),
        46 => at("https://qianfan.baidubce.com", "/v2"),
        47 => openai(""),
        48 => openai("https://api.x.ai"),
        53 => openai("https://llm.submodel.ai"),
        _ => return None,
    })
}
