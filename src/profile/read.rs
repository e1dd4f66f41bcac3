//! Tree → raw values, going on after every mistake.
//!
//! A field is absent, given or wrong. Wrong means that it was reported, so that nothing later complains about it a second time.

mod options;

use std::rc::Rc;

pub(super) use options::Options;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    mask::shown,
    problem::{Code, Span},
    report::{Draft, Problems},
    yaml::{Entry, Kind, Node, Scalar, Tag, Value},
};
use crate::secret::Secret;

/// What can be read from a node.
pub(super) trait Read: Sized {
    /// What should stand there, for messages: `a text`.
    const EXPECTED: &str;

    /// Reads it; `None` if it is wrong, which is then reported.
    fn read(node: &Node, problems: &mut Problems) -> Option<Self>;

    /// Whether a key without a value is the same as no key.
    const EMPTY_IS_FINE: bool = false;
}

/// A value and its bytes.
#[derive(Debug)]
pub(super) struct Spanned<T> {
    /// The value.
    pub(super) value: T,
    /// Its bytes in the text.
    pub(super) span: Span,
}

/// The value of a key.
#[derive(Debug)]
pub(super) struct Given<T> {
    /// The value.
    pub(super) value: T,
    /// Its bytes in the text.
    pub(super) span: Span,
    /// The bytes of its key.
    pub(super) key: Span,
}

/// A key that may stand or not.
#[derive(Debug, Default)]
pub(super) enum Field<T> {
    /// It does not.
    #[default]
    Absent,
    /// It does, with a value that was reported.
    Wrong,
    /// It does.
    Given(Given<T>),
}

impl<T> Field<T> {
    /// The value, if there is a good one.
    pub(super) fn given(&self) -> Option<&Given<T>> {
        match self {
            Self::Given(given) => Some(given),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Whether the key does not stand.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Copy> Field<T> {
    /// The value, or what holds without it.
    pub(super) fn or(&self, default: T) -> T {
        self.given().map_or(default, |given| given.value)
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// Reports that something else was expected.
pub(super) fn wrong<T: Read>(node: &Node, problems: &mut Problems, hint: Option<String>) -> Option<T> {
    if !matches!(node.value, Value::Broken) {
        let draft = Draft::new(Code::WrongType, node.span, format!("expected {}, got {}", T::EXPECTED, node.describe()));
        problems.add(match hint {
            Some(hint) => draft.hint(hint),
            None => draft,
        });
    }
    None
}

impl Read for String {
    const EXPECTED: &str = "a text";

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar @ Scalar { tag: None, text, .. }) => match scalar.kind() {
                Kind::Text => Some(text.clone()),
                Kind::Null => wrong(node, problems, Some("give a value, or remove the key".to_owned())),
                Kind::Boolean(_) | Kind::Number => {
                    wrong(node, problems, Some(format!("put it in quotes: \"{}\"", shown(text).trim_matches('`'))))
                }
            },
            Value::Scalar(_) => wrong(node, problems, Some("references stand only for `password`, `keys` and `passphrase`".to_owned())),
            _ => wrong(node, problems, None),
        }
    }
}

impl Read for bool {
    const EXPECTED: &str = "`true` or `false`";

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::Scalar(scalar @ Scalar { tag: None, text, .. }) = &node.value else { return wrong(node, problems, None) };
        if let Kind::Boolean(value) = scalar.kind() {
            return Some(value);
        }
        let hint = match text.to_ascii_lowercase().as_str() {
            "yes" | "y" | "on" | "1" => Some("write `true`"),
            "no" | "n" | "off" | "0" => Some("write `false`"),
            "true" | "false" => Some("write it without quotes"),
            _ => None,
        };
        wrong(node, problems, hint.map(str::to_owned))
    }
}

impl Read for u64 {
    const EXPECTED: &str = "a whole number";

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        if let Value::Scalar(scalar @ Scalar { text, .. }) = &node.value
            && scalar.kind() == Kind::Number
        {
            if text.bytes().all(|byte| byte.is_ascii_digit())
                && let Ok(number) = text.parse()
            {
                return Some(number);
            }
            let message = format!("expected a whole number of at least 0, got {}", shown(text));
            problems.add(Draft::new(Code::WrongType, node.span, message).hint("write decimal digits only"));
            return None;
        }
        wrong(node, problems, None)
    }
}

/// A size: text or a bare number, so that the message can be about the missing unit.
#[derive(Debug)]
pub(super) struct SizeText(pub(super) String);

impl Read for SizeText {
    const EXPECTED: &str = "a size such as `4 GiB`";

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar @ Scalar { tag: None, text, .. }) if matches!(scalar.kind(), Kind::Text | Kind::Number) => {
                Some(Self(text.clone()))
            }
            _ => wrong(node, problems, None),
        }
    }
}

/// A text that is a secret, or says where one is.
#[derive(Debug)]
pub(super) enum SecretText {
    /// As it stands in the profile.
    Literal(Secret<String>),
    /// `!env NAME`.
    Env(String),
    /// `!file PATH`.
    File(String),
}

impl Read for SecretText {
    const EXPECTED: &str = "a text, `!env NAME` or `!file PATH`";

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::Scalar(Scalar { tag: Some(Tag::Env), text, .. }) => Some(Self::Env(text.clone())),
            Value::Scalar(Scalar { tag: Some(Tag::File), text, .. }) => Some(Self::File(text.clone())),
            Value::Scalar(scalar) if scalar.kind() != Kind::Null => Some(Self::Literal(Secret::new(scalar.text.clone()))),
            _ => wrong(node, problems, None),
        }
    }
}

impl JsonSchema for SecretText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl JsonSchema for SizeText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SizeText".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

/// A list.
impl<T: Read> Read for Vec<Spanned<T>> {
    const EXPECTED: &str = "a list";
    const EMPTY_IS_FINE: bool = true;

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::List(items) => Some(items.iter().filter_map(|item| spanned(item, problems)).collect()),
            _ => wrong(node, problems, Some("begin each entry with `- `".to_owned())),
        }
    }
}

/// A list, or one value that stands for a list of one.
#[derive(Debug)]
pub(super) struct OneOrMany<T>(pub(super) Vec<Spanned<T>>);

impl<T: Read> Read for OneOrMany<T> {
    const EXPECTED: &str = T::EXPECTED;
    const EMPTY_IS_FINE: bool = true;

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        match &node.value {
            Value::List(_) => Vec::read(node, problems).map(Self),
            _ => Some(Self(vec![spanned(node, problems)?])),
        }
    }
}

fn spanned<T: Read>(node: &Node, problems: &mut Problems) -> Option<Spanned<T>> {
    T::read(node, problems).map(|value| Spanned { value, span: node.span })
}

impl<T: JsonSchema> JsonSchema for OneOrMany<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("OneOrMany_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

impl<T: JsonSchema> JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// The keys of a mapping that is being read.
pub(super) struct Keys<'a> {
    entries: &'a [Entry],
}

impl<'a> Keys<'a> {
    /// Opens a mapping and reports every key that is not among `known`.
    pub(super) fn open<T: Read>(node: &'a Node, known: &[&str], problems: &mut Problems) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            return wrong::<T>(node, problems, Some(format!("keys known here: {}", known.join(", ")))).map(|_| Self { entries: &[] });
        };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            // A hostile file has 100,000 of them, and nobody reads so many suggestions.
            let known = if problems.is_full() { &[] } else { known };
            problems.add(unknown_key(entry, known));
        }
        Some(Self { entries })
    }

    /// The value of one key.
    pub(super) fn field<T: Read>(&self, name: &str, problems: &mut Problems) -> Field<T> {
        let Some(entry) = self.entries.iter().find(|entry| entry.key == name) else { return Field::Absent };
        let node: &Rc<Node> = &entry.value;
        if T::EMPTY_IS_FINE && node.is_null() {
            return Field::Absent;
        }
        match T::read(node, problems) {
            Some(value) => Field::Given(Given { value, span: if node.is_null() { entry.span } else { node.span }, key: entry.span }),
            None => Field::Wrong,
        }
    }
}

fn unknown_key(entry: &Entry, known: &[&str]) -> Draft {
    let draft = Draft::new(Code::UnknownKey, entry.span, format!("there is no key {} here", shown(&entry.key)));
    let near =
        known.iter().map(|name| (distance(&entry.key, name), *name)).min().filter(|(distance, name)| *distance <= 1 + name.len() / 4);
    match near {
        Some((_, name)) => draft.hint(format!("did you mean `{name}`?")),
        None if entry.key == "<<" => draft.hint("YAML 1.2 has no merge keys; write the keys out"),
        None => draft.hint(format!("keys known here: {}", known.join(", "))),
    }
}

/// Edit distance (insert, delete, replace, swap neighbours) of two words, upper and lower case and `-` and `_` alike.
fn distance(a: &str, b: &str) -> usize {
    let plain = |word: &str| -> Vec<char> { word.chars().take(40).map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect() };
    let (a, b) = (plain(a), plain(b));
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            // In range: both loops run over the lengths plus one, and a row is complete before the next begins.
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn measures_typing_mistakes() {
        for (a, b, expected) in
            [("", "", 0), ("nods", "nodes", 1), ("tiem_zone", "time_zone", 1), ("Card-Size", "card_size", 0), ("a", "xyz", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
