//! Parameters and what is done to their values.

use super::{Machine, Status, Value, matches};
use crate::debian::script::{
    ScriptError,
    syntax::{Modifier, Word},
};

impl Machine<'_> {
    /// The value of a parameter after its modifier.
    pub(super) fn parameter(&mut self, name: &str, modifier: &Modifier) -> Result<Value, ScriptError> {
        let value = self.special(name);
        let tests = matches!(
            modifier,
            Modifier::Default { .. } | Modifier::Assign { .. } | Modifier::Require { .. } | Modifier::Alternative { .. }
        );
        if value == Value::Unset && !tests && self.state.as_ref().is_some_and(|state| state.strict) {
            // `set -u`
            self.exit(Status::Known(2));
            return Ok(Value::Unknown);
        }
        match modifier {
            Modifier::None => Ok(value),
            Modifier::Length => Ok(match value {
                Value::Known(text) => Value::Known(text.chars().count().to_string().into()),
                Value::Unset => Value::Known("0".into()),
                Value::Unknown => Value::Unknown,
            }),
            Modifier::Default { colon, word } => match is_there(&value, *colon) {
                Some(true) => Ok(value),
                Some(false) => self.word_value(word),
                None => {
                    self.maybe_word(word)?;
                    Ok(Value::Unknown)
                }
            },
            Modifier::Assign { colon, word } => match is_there(&value, *colon) {
                Some(true) => Ok(value),
                Some(false) => {
                    let value = self.word_value(word)?;
                    self.assign(name, value.clone())?;
                    Ok(value)
                }
                None => {
                    self.maybe_word(word)?;
                    self.assign(name, Value::Unknown)?;
                    Ok(Value::Unknown)
                }
            },
            Modifier::Require { colon, word } => {
                if is_there(&value, *colon) == Some(false) {
                    self.word_value(word)?;
                    self.exit(Status::Known(2));
                }
                Ok(value)
            }
            Modifier::Alternative { colon, word } => match is_there(&value, *colon) {
                Some(true) => self.word_value(word),
                Some(false) => Ok(Value::Known("".into())),
                None => {
                    self.maybe_word(word)?;
                    Ok(Value::Unknown)
                }
            },
            Modifier::TrimEnd { longest, word } => self.trimmed(value, word, *longest, false),
            Modifier::TrimStart { longest, word } => self.trimmed(value, word, *longest, true),
            Modifier::Opaque { word } => {
                self.maybe_word(word)?;
                Ok(Value::Unknown)
            }
        }
    }

    fn special(&self, name: &str) -> Value {
        let Some(state) = &self.state else { return Value::Unknown };
        let number = name.parse::<usize>();
        match (name, number) {
            ("0", _) => state.get("0"),
            (_, Ok(number)) => match &state.positional {
                Some(values) => values.get(number - 1).cloned().unwrap_or(Value::Unset),
                None => Value::Unknown,
            },
            ("#", _) => state.positional.as_ref().map_or(Value::Unknown, |values| Value::Known(values.len().to_string().into())),
            ("@" | "*", _) => {
                let fields = self.arguments();
                if fields.iter().any(|field| !field.known) {
                    return Value::Unknown;
                }
                Value::Known(fields.iter().map(|field| field.text.as_str()).collect::<Vec<_>>().join(" ").into())
            }
            ("?", _) => match state.last {
                Status::Known(status) => Value::Known(status.to_string().into()),
                Status::Unknown => Value::Unknown,
            },
            ("-" | "$" | "!", _) => Value::Unknown,
            _ => state.get(name),
        }
    }

    fn word_value(&mut self, word: &Word) -> Result<Value, ScriptError> {
        self.nested(|machine| Ok(machine.text(word)?.value()))
    }

    /// A word that may be expanded or not.
    fn maybe_word(&mut self, word: &Word) -> Result<(), ScriptError> {
        self.perhaps(
            |machine| {
                machine.text(word)?;
                Ok(Status::YES)
            },
            Status::YES,
        )?;
        Ok(())
    }

    /// The value without the part at its beginning or end that matches.
    fn trimmed(&mut self, value: Value, word: &Word, longest: bool, start: bool) -> Result<Value, ScriptError> {
        let pattern = self.nested(|machine| machine.pattern(word))?;
        let text = match value {
            Value::Known(text) => text,
            Value::Unset => "".into(),
            Value::Unknown => return Ok(Value::Unknown),
        };
        let Some(pattern) = pattern.get() else { return Ok(Value::Unknown) };
        let mut cuts: Vec<usize> = text.char_indices().map(|(index, _)| index).chain([text.len()]).collect();
        // The shortest part is that of the cut next to the end where it begins.
        if start == longest {
            cuts.reverse();
        }
        for cut in cuts {
            let (before, after) = text.split_at(cut);
            let (part, rest) = if start { (before, after) } else { (after, before) };
            self.spend(1 + part.len().saturating_mul(pattern.len()) / 1024)?;
            if matches(pattern, part) {
                return Ok(Value::Known(rest.into()));
            }
        }
        Ok(Value::Known(text))
    }
}

/// Whether a parameter counts as set.
fn is_there(value: &Value, colon: bool) -> Option<bool> {
    match value {
        Value::Unset => Some(false),
        Value::Known(text) => Some(!colon || !text.is_empty()),
        Value::Unknown => None,
    }
}
