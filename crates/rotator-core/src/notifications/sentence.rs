//! What happened, as people are told.

use serde::{Deserialize, Serialize};

use super::{Affected, Event, Level, PoolState, Service, WatchedPart};

/// A language in which people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Simplified Chinese.
    Zh,
}

impl Event {
    /// It as a sentence, and who says it.
    pub(super) fn text(&self, language: Language) -> String {
        match language {
            Language::En => format!("API Key Rotator: {}", self.english()),
            Language::Zh => format!("API Key Rotator：{}", self.chinese()),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Pool(level, PoolState { service: Service { name, slug, .. }, usable, total }) => {
                match level {
                    Level::Enough => {
                        format!("{name} ({slug}) is well again: {usable} of {total} keys can be used.")
                    }
                    Level::Low => format!("{name} ({slug}) is low on keys: {usable} of {total} can be used."),
                    Level::Empty => format!("{name} ({slug}) has no key left that can be used, of {total}."),
                }
            }
            Self::KeysRejected(affected) => {
                format!("{} not accepted by the API any more.", affected.english())
            }
            Self::KeysExhausted(affected) => format!("{} out of quota.", affected.english()),
            Self::Degraded(part) => {
                format!("the {} does not answer; requests are served by what is known.", part.as_str())
            }
            Self::Recovered(part) => format!("the {} answers again.", part.as_str()),
            Self::Test => "this is a test. Notifications arrive here.".into(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::Pool(level, PoolState { service: Service { name, slug, .. }, usable, total }) => {
                match level {
                    Level::Enough => {
                        format!("{name}（{slug}）的密钥已恢复充足：{total} 个中有 {usable} 个可用。")
                    }
                    Level::Low => format!("{name}（{slug}）的密钥不足：{total} 个中仅 {usable} 个可用。"),
                    Level::Empty => format!("{name}（{slug}）已没有可用的密钥，共 {total} 个。"),
                }
            }
            Self::KeysRejected(affected) => format!("{}已不被 API 接受。", affected.chinese()),
            Self::KeysExhausted(affected) => format!("{}的配额已用尽。", affected.chinese()),
            Self::Degraded(part) => format!("{}没有响应，请求仍按已知的配置处理。", part.chinese()),
            Self::Recovered(part) => format!("{}已恢复响应。", part.chinese()),
            Self::Test => "这是一条测试通知，通知可以送达此处。".into(),
        }
    }
}

impl Affected {
    /// The beginning of a sentence.
    fn english(&self) -> String {
        let Service { name, slug, .. } = &self.service;
        match &*self.keys {
            [key] => format!("key {key} of {name} ({slug}) is"),
            keys => format!("{} keys of {name} ({slug}) are", keys.len()),
        }
    }

    /// The same.
    fn chinese(&self) -> String {
        let Service { name, slug, .. } = &self.service;
        match &*self.keys {
            [key] => format!("{name}（{slug}）的密钥 {key} "),
            keys => format!("{name}（{slug}）的 {} 个密钥", keys.len()),
        }
    }
}

impl WatchedPart {
    fn chinese(self) -> &'static str {
        match self {
            Self::Database => "数据库",
            Self::Cache => "缓存",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConfigId, KeyId};

    #[test]
    fn each_event_is_told_in_each_language() {
        let service = || Service { id: ConfigId(7), name: "OpenAI".into(), slug: "openai".into() };
        let pool = |level| Event::Pool(level, PoolState { service: service(), usable: 2, total: 40 });
        let keys =
            |keys: &[i64]| Affected { service: service(), keys: keys.iter().copied().map(KeyId).collect() };
        for (event, english, chinese) in [
            (
                pool(Level::Enough),
                "OpenAI (openai) is well again: 2 of 40 keys can be used.",
                "OpenAI（openai）的密钥已恢复充足：40 个中有 2 个可用。",
            ),
            (
                pool(Level::Low),
                "OpenAI (openai) is low on keys: 2 of 40 can be used.",
                "OpenAI（openai）的密钥不足：40 个中仅 2 个可用。",
            ),
            (
                pool(Level::Empty),
                "OpenAI (openai) has no key left that can be used, of 40.",
                "OpenAI（openai）已没有可用的密钥，共 40 个。",
            ),
            (
                Event::KeysRejected(keys(&[3])),
                "key 3 of OpenAI (openai) is not accepted by the API any more.",
                "OpenAI（openai）的密钥 3 已不被 API 接受。",
            ),
            (
                Event::KeysExhausted(keys(&[3, 4])),
                "2 keys of OpenAI (openai) are out of quota.",
                "OpenAI（openai）的 2 个密钥的配额已用尽。",
            ),
            (
                Event::Degraded(WatchedPart::Database),
                "the database does not answer; requests are served by what is known.",
                "数据库没有响应，请求仍按已知的配置处理。",
            ),
            (Event::Recovered(WatchedPart::Cache), "the cache answers again.", "缓存已恢复响应。"),
            (
                Event::Test,
                "this is a test. Notifications arrive here.",
                "这是一条测试通知，通知可以送达此处。",
            ),
        ] {
            assert_eq!(event.text(Language::En), format!("API Key Rotator: {english}"));
            assert_eq!(event.text(Language::Zh), format!("API Key Rotator：{chinese}"));
        }
    }
}
