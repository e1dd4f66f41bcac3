//! Texts with `{{name}}` where a value goes.

use std::collections::BTreeMap;

/// Values by their names.
pub type Values = BTreeMap<&'static str, String>;

/// A mistake in a template.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

/// `text` with every `{{name}}` replaced by its value; there may be more values than it needs. Values are not looked into again.
///
/// # Errors
/// When a name has no value, or braces are not closed on their line.
pub fn fill(text: &str, values: &Values) -> Result<String, Wrong> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let wrong = |what: String| Wrong { line: text[..text.len() - after.len()].matches('\n').count() + 1, what };
        let line = after.split_once('\n').map_or(after, |(line, _)| line);
        let (name, _) = line.split_once("}}").ok_or_else(|| wrong("`{{` is not closed".to_owned()))?;
        let value = values.get(name).ok_or_else(|| wrong(unknown(name)))?;
        out.push_str(before);
        out.push_str(value);
        rest = &after[name.len() + "}}".len()..];
    }
    out.push_str(rest);
    Ok(out)
}

/// What is said of a name that there is not. What is none may be a secret that stands between braces by chance, and is not shown.
fn unknown(name: &str) -> String {
    let is_name = (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if is_name { format!("`{name}` has no value") } else { "what stands in `{{…}}` is not the name of a value".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, (usize, String)> {
        let values = BTreeMap::from([("x", "{{y}}".to_owned()), ("y", "2".to_owned())]);
        fill(text, &values).map_err(|wrong| (wrong.line, wrong.what))
    }

    #[test]
    fn values_stand_where_their_names_stood() {
        assert_eq!(filled("a {{x}}{{y}} {{x}} }}").unwrap(), "a {{y}}2 {{y}} }}");
        assert_eq!(filled("").unwrap(), "");
    }

    #[test]
    fn unknown_and_open_names_are_mistakes_of_their_line() {
        for (text, line, what) in [
            ("\n{{z}}", 2, "`z` has no value"),
            ("{{x", 1, "`{{` is not closed"),
            ("a\n{{x\n}}", 2, "`{{` is not closed"),
            ("{{x}}\n\n{{}}", 3, "what stands in `{{…}}` is not the name of a value"),
            ("{{ x }}", 1, "what stands in `{{…}}` is not the name of a value"),
            ("{{hunter2}}", 1, "what stands in `{{…}}` is not the name of a value"),
        ] {
            assert_eq!(filled(text), Err((line, what.to_owned())), "{text}");
        }
    }
}
