//! Tools in namespaces, as Codex groups them. No other format has these, so there a tool's name begins with its
//! namespace.

use std::borrow::Cow;

use crate::json::Json;

/// Stands between namespace and name.
const SEPARATOR: &str = "__";
/// The namespace that is as good as none.
const DEFAULT: &str = "functions";

/// The name by which a tool is known outside of its namespace.
pub(super) fn flat_name<'a>(namespace: Option<&str>, name: Cow<'a, str>) -> Cow<'a, str> {
    match namespace {
        None | Some("" | DEFAULT) => name,
        Some(namespace) => format!("{namespace}{SEPARATOR}{name}").into(),
    }
}

/// Namespace and name of a flat name, if one of the tools has it.
pub(super) fn split<'n>(flat: &'n str, tools: &Json<'_>) -> Option<(&'n str, &'n str)> {
    let Json::Array(tools) = tools else { return None };
    tools.iter().find_map(|tool| {
        let namespace = text(tool, "name").filter(|_| text(tool, "type") == Some("namespace"))?;
        let name = flat.strip_prefix(namespace)?.strip_prefix(SEPARATOR)?;
        let Some(Json::Array(inner)) = tool.as_object()?.get("tools") else { return None };
        let is_known = inner.iter().any(|tool| text(tool, "name") == Some(name));
        is_known.then(|| flat.split_at(namespace.len())).map(|(namespace, _)| (namespace, name))
    })
}

fn text<'j>(json: &'j Json<'_>, name: &str) -> Option<&'j str> {
    json.as_object()?.get(name)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_finds_back_into_its_namespace() {
        let tools =
            br#"[{"type":"function","name":"a__b"},{"type":"namespace","name":"a","tools":[{"name":"c"}]}]"#;
        let tools = Json::parse(tools).unwrap();

        assert_eq!(flat_name(Some("a"), "c".into()), "a__c");
        assert_eq!(split("a__c", &tools), Some(("a", "c")));
        assert_eq!(split("a__b", &tools), None);
        assert_eq!(flat_name(Some("functions"), "c".into()), "c");
    }
}
