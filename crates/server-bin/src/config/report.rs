//! The table of variables as people read it: the effective configuration, and the `.env` examples.

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
pub fn report(values: &Values) -> String {
    let rows: Vec<_> = ALL.iter().map(|variable| row(values, variable)).collect();
    let names = rows.iter().map(|row| row.0.len()).max().unwrap_or_default();
    let shown = rows.iter().map(|row| row.1.chars().count()).max().unwrap_or_default();
    let line = |(name, value, source): &(&str, String, String)| {
        format!("{name:names$}  {value:shown$}  {source}").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row(values: &Values, variable: &Variable) -> (&'static str, String, String) {
    match values.get(variable) {
        None => (variable.name, "(not set)".into(), String::new()),
        Some(setting) => {
            let value = match variable.visibility {
                Visibility::Secret if setting.text.is_empty() => "(empty)".into(),
                Visibility::Secret => "(set)".into(),
                Visibility::Public => setting.text,
            };
            (variable.name, value, setting.source)
        }
    }
}

/// A `.env` file in which everything is explained and nothing is set.
pub fn env_example(language: Language) -> String {
    let mut text = String::from(match language {
        Language::En => {
            "# API Key Rotator: every setting. Copy this file to .env and set what you want to change;\n\
             # without any of it the server starts and makes the secrets it needs.\n"
        }
        Language::Cn => {
            "# API Key Rotator 的全部配置项。复制为 .env 后按需修改；\n\
             # 不设置任何变量也可以启动，所需的密钥会自动生成。\n"
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
