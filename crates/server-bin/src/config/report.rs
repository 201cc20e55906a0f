//! The table of variables as people read it: the effective configuration, and the `.env` examples.

use admin_api::{EffectiveSetting, Texts};

use super::{
    Values,
    variables::{ALL, Section, Unset, Variable, Visibility},
};

/// A language of the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// English.
    En,
    /// Chinese.
    Cn,
}

/// Every variable with its value, or that it has one, and where it comes from.
pub fn effective(values: &Values) -> Vec<EffectiveSetting> {
    ALL.iter().map(|variable| setting(values, variable)).collect()
}

fn setting(values: &Values, variable: &Variable) -> EffectiveSetting {
    let (section_en, section_zh) = variable.section.titles();
    let found = values.get(variable).filter(|setting| !setting.text.is_empty());
    let is_secret = variable.visibility == Visibility::Secret;
    EffectiveSetting {
        name: variable.name,
        section: Texts { en: section_en, zh: section_zh },
        meaning: Texts { en: variable.english, zh: variable.chinese },
        is_set: found.is_some(),
        is_secret,
        source: values.get(variable).map(|setting| setting.source).unwrap_or_default(),
        value: found.filter(|_| !is_secret).map(|setting| setting.text),
    }
}

/// The same as a text.
pub fn report(values: &Values) -> String {
    let rows = effective(values);
    let names = rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let shown = rows.iter().map(|row| shown(row).chars().count()).max().unwrap_or_default();
    let line = |row: &EffectiveSetting| {
        format!("{:names$}  {:shown$}  {}", row.name, self::shown(row), row.source).trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn shown(row: &EffectiveSetting) -> &str {
    match &row.value {
        Some(value) => value,
        None if row.is_set => "(set)",
        // One that was written down without a value.
        None if !row.source.is_empty() => "(empty)",
        None => "(not set)",
    }
}

/// A `.env` file in which everything is explained and nothing is set.
pub fn env_example(language: Language) -> String {
    let mut text = String::from(match language {
        Language::En => {
            "# API Key Rotator: every setting. Copy this file to .env and set what you want to change;\n\
             # without any of it the server starts and makes the secrets it needs. A secret may also be in a\n\
             # file that the same name with _FILE at its end names, such as ADMIN_PASSWORD_FILE=/run/secrets/admin.\n"
        }
        Language::Cn => {
            "# API Key Rotator 的全部配置项。复制为 .env 后按需修改；\n\
             # 不设置任何变量也可以启动，所需的密钥会自动生成。机密值也可以放在文件中，\n\
             # 用同名加 _FILE 的变量指定路径，例如 ADMIN_PASSWORD_FILE=/run/secrets/admin。\n"
        }
    });
    let mut section = None;
    for variable in ALL {
        if section != Some(variable.section) {
            section = Some(variable.section);
            text.push_str(&headline(variable.section, language));
        }
        text.push_str(&entry(variable, language));
    }
    text
}

fn headline(section: Section, language: Language) -> String {
    let (english, chinese) = section.titles();
    let title = if language == Language::En { english } else { chinese };
    format!("\n# ==== {title} ====\n")
}

fn entry(variable: &Variable, language: Language) -> String {
    let (explanation, generated, alias) = match language {
        Language::En => {
            (variable.english, "Unset: one is generated and kept in the data folder.", "Also called ")
        }
        Language::Cn => (variable.chinese, "不设置则自动生成并保存在数据目录中。", "别名："),
    };
    let mut lines = vec![String::new(), explanation.to_owned()];
    let value = match variable.unset {
        Unset::Default(value) | Unset::Nothing(value) => value,
        Unset::Generated => {
            lines.push(generated.to_owned());
            ""
        }
    };
    lines.extend(variable.aliases.iter().map(|name| format!("{alias}{name}")));
    lines.push(format!("{}={value}", variable.name));
    lines.iter().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("# {line}\n") }).collect()
}
