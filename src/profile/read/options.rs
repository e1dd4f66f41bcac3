//! A mapping whose keys are not ours.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    super::{
        problem::Code,
        report::{Draft, Problems},
        yaml::{Kind, Node, Scalar, Value},
    },
    Read, Spanned, wrong,
};

/// Names that the profile makes up, each with a text, number or boolean, which is kept as it is written.
#[derive(Debug)]
pub(in crate::profile) struct Options(pub(in crate::profile) Vec<(Spanned<String>, Spanned<String>)>);

impl Read for Options {
    const EXPECTED: &str = "a mapping of options to values";
    const EMPTY_IS_FINE: bool = true;

    fn read(node: &Node, problems: &mut Problems) -> Option<Self> {
        let Value::Map(entries) = &node.value else { return wrong(node, problems, None) };
        let mut options = Vec::with_capacity(entries.len());
        for entry in entries {
            match &entry.value.value {
                Value::Scalar(scalar @ Scalar { tag: None, text, .. }) if scalar.kind() != Kind::Null => {
                    let name = Spanned { value: entry.key.clone(), span: entry.span };
                    options.push((name, Spanned { value: text.clone(), span: entry.value.span }));
                }
                Value::Broken => {}
                _ => {
                    let message = format!("expected the value of an option, got {}", entry.value.describe());
                    let span = if entry.value.is_null() { entry.span } else { entry.value.span };
                    problems.add(Draft::new(Code::WrongType, span, message).hint("give one value, such as `on` or `15`"));
                }
            }
        }
        Some(Self(options))
    }
}

impl JsonSchema for Options {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Options".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } })
    }
}
