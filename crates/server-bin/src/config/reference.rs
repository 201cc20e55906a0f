//! The table of variables as a page of the documentation.

use std::fmt::Write as _;

use super::{
    Language,
    variables::{ALL, Section, Unset, Variable, Visibility},
};

/// Everything but the rows, in one language.
struct Words {
    opening: &'static str,
    columns: &'static str,
    generated: &'static str,
    aliases: &'static str,
    flag: &'static str,
    from_file: &'static str,
    example: &'static str,
    stop: &'static str,
}

const ENGLISH: Words = Words {
    opening: "\
# Configuration

Every setting there is. This page is written by the program (`make config-reference`), from the table that it reads its
settings by. Nothing has to be set.

Values are taken from, weakest first: defaults, a TOML file (`--config FILE`, names in lower case), `.env` (or
`--env-file FILE`), the environment, and the command line. `api-key-rotator check-config` prints what is in force and
where each value comes from, without secrets. A wrong value stops the start with exit code 2 and one sentence that names the
variable and the fix. An empty value counts as unset, except where one would be generated.

Durations are written like `500ms`, `30s`, `10m` or `24h`, sizes like `64KiB`, `50MiB` or `1GiB`.

**Secrets in files.** Every setting that is marked as a secret may be in a file instead: `JWT_SECRET_FILE=/run/secrets/jwt`
is what Docker's and Kubernetes' secrets and systemd's credentials want. One line break at the file's end is left out. It is
an error to set both in one place. A file is read at the start, and once.
",
    columns: "| Variable | Default | Meaning |",
    generated: "generated",
    aliases: "Also called",
    flag: "On the command line",
    from_file: "A secret: also as",
    example: "Such as",
    stop: ".",
};

const CHINESE: Words = Words {
    opening: "\
# 配置参考

全部配置项。本页由程序生成（`make config-reference`），来自程序读取配置所用的同一张表。无需任何配置即可运行。

配置来源由弱到强依次为：默认值、TOML 文件（`--config FILE`，名称用小写）、`.env`（或 `--env-file FILE`）、环境变量、命令行。
`api-key-rotator check-config` 显示生效的值及其来源，不含机密。值有误时，程序以退出码 2 停止，并用一句话指出变量和修正方法。
空值视为未设置；会自动生成的变量除外。

时长写作 `500ms`、`30s`、`10m` 或 `24h`，大小写作 `64KiB`、`50MiB` 或 `1GiB`。

**文件中的机密。** 标为机密的配置项也可以放在文件中：`JWT_SECRET_FILE=/run/secrets/jwt`，适用于 Docker 和 Kubernetes 的 secret 以及
systemd 的 credential。文件末尾的一个换行会被忽略。同一处同时设置两者是错误。文件只在启动时读取一次。
",
    columns: "| 变量 | 默认值 | 含义 |",
    generated: "自动生成",
    aliases: "别名",
    flag: "命令行",
    from_file: "机密，也可写作",
    example: "例如",
    stop: "。",
};

/// What the command line calls some of them.
const FLAGS: &[(&str, &str)] = &[
    ("BIND_ADDRESS", "--bind"),
    ("BACKEND_PORT", "--port"),
    ("DATABASE_PATH", "--database"),
    ("LOG_LEVEL", "--log-level"),
    ("LOG_FORMAT", "--log-format"),
];

/// The page.
pub fn reference(language: Language) -> String {
    let words = if language == Language::En { ENGLISH } else { CHINESE };
    let mut text = words.opening.to_owned();
    let mut section: Option<Section> = None;
    for variable in ALL {
        if section != Some(variable.section) {
            section = Some(variable.section);
            let (english, chinese) = variable.section.titles();
            let title = if language == Language::En { english } else { chinese };
            // Writing to a string cannot fail.
            let _ = write!(text, "\n## {title}\n\n{}\n|---|---|---|\n", words.columns);
        }
        text.push_str(&row(variable, language, &words));
    }
    text
}

fn row(variable: &Variable, language: Language, words: &Words) -> String {
    let name = variable.name;
    let (default, example) = match variable.unset {
        Unset::Default(value) => (format!("`{value}`"), None),
        Unset::Nothing(value) => ("–".to_owned(), Some(value)),
        Unset::Generated => (words.generated.to_owned(), None),
    };
    let meaning = if language == Language::En { variable.english } else { variable.chinese };
    let secret = variable.visibility == Visibility::Secret;
    let flag = FLAGS.iter().find(|(flagged, _)| *flagged == name).map(|(_, flag)| *flag);
    let more = [
        // What a secret looks like is told by its meaning; an example would be used by somebody.
        (words.example, example.filter(|_| !secret).map(|value| format!("`{value}`"))),
        (
            words.aliases,
            (!variable.aliases.is_empty()).then(|| format!("`{}`", variable.aliases.join("`, `"))),
        ),
        (words.flag, flag.map(|flag| format!("`{flag}`"))),
        (words.from_file, secret.then(|| format!("`{name}_FILE`"))),
    ];
    let gap = if language == Language::En { " " } else { "" };
    let mut text = meaning.to_owned();
    for (lead, what) in more.into_iter().filter_map(|(lead, what)| Some((lead, what?))) {
        let _ = write!(text, "{gap}{lead} {what}{}", words.stop);
    }
    format!("| `{name}` | {default} | {text} |\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::variables as var;

    #[test]
    fn a_row_tells_every_way_to_set_a_variable() {
        let text = reference(Language::En);

        assert!(text.contains(
            "Port to listen on; 0 takes a free one. Also called `PORT`. On the command line `--port`. |"
        ));
        assert!(
            text.contains("Also called `GATEWAY_API_KEYS`. A secret: also as `GLOBAL_PROXY_KEYS_FILE`. |")
        );
        assert!(reference(Language::Cn).contains("。别名 `PORT`。命令行 `--port`。 |"));
        for (name, _) in FLAGS {
            assert!(var::ALL.iter().any(|variable| variable.name == *name), "{name}");
        }
    }

    #[test]
    fn a_pipe_would_end_a_cell() {
        for variable in var::ALL {
            assert!(!variable.english.contains('|') && !variable.chinese.contains('|'), "{}", variable.name);
        }
    }
}
