//! Expansion of words, sh(1): parameters, substitutions, splitting into fields, names of files.

use super::{
    Field, Machine, Status, Value,
    output::Capture,
    pattern::{is_pattern, quote, unquote},
};
use crate::debian::script::{
    ScriptError,
    syntax::{List, Piece, Word},
};

/// The largest text that a word may become.
const MAX_TEXT: usize = 64 << 10;
/// The most fields that words may become.
const MAX_FIELDS: usize = 20_000;

/// Fields that are being put together; each is a pattern in which what was quoted stands for itself.
struct Fields {
    done: Vec<Field>,
    pattern: String,
    known: bool,
    many: bool,
    /// The field exists even when it is empty.
    exists: bool,
    /// Names of files and splitting matter.
    splits: bool,
}

impl Fields {
    const fn new(splits: bool) -> Self {
        Self { done: Vec::new(), pattern: String::new(), known: true, many: false, exists: false, splits }
    }

    fn quoted(&mut self, text: &str) {
        quote(text, &mut self.pattern);
        self.exists = true;
    }

    fn plain(&mut self, text: &str) {
        self.pattern.push_str(text);
        self.exists |= !text.is_empty();
    }

    fn unknown(&mut self, many: bool) {
        self.pattern.push('…');
        self.known = false;
        self.many |= many && self.splits;
        self.exists = true;
    }

    /// Text from an expansion without quotes.
    fn split(&mut self, text: &str, separators: &str) {
        if !self.splits {
            // A value is a pattern where one is asked for, and text elsewhere.
            self.plain(text);
            return;
        }
        for (index, part) in text.split(|character| separators.contains(character)).enumerate() {
            if index > 0 {
                self.end();
            }
            self.plain(part);
        }
    }

    fn end(&mut self) {
        if self.exists {
            let text = std::mem::take(&mut self.pattern);
            self.done.push(Field { text, known: self.known, many: self.many });
        }
        (self.known, self.many, self.exists) = (true, false, false);
        self.pattern.clear();
    }
}

impl Machine<'_> {
    /// Words as the arguments of a command.
    pub(super) fn fields(&mut self, words: &[Word]) -> Result<Vec<Field>, ScriptError> {
        let mut fields = Vec::new();
        for word in words {
            let mut building = Fields::new(true);
            self.pieces(word, &mut building, true)?;
            building.end();
            for field in building.done {
                self.spend(1 + field.text.len() / 64)?;
                if field.known && is_pattern(&field.text) {
                    fields.append(&mut self.names(&field.text)?);
                } else {
                    fields.push(Field { text: unquote(&field.text), ..field });
                }
                if fields.len() > MAX_FIELDS {
                    return Err(ScriptError::TooComplex);
                }
            }
        }
        Ok(fields)
    }

    /// A word as one text.
    pub(super) fn text(&mut self, word: &Word) -> Result<Field, ScriptError> {
        let field = self.pattern(word)?;
        Ok(Field { text: unquote(&field.text), ..field })
    }

    /// A word as a pattern.
    pub(super) fn pattern(&mut self, word: &Word) -> Result<Field, ScriptError> {
        let mut building = Fields::new(false);
        self.pieces(word, &mut building, true)?;
        Ok(Field { text: building.pattern, known: building.known, many: false })
    }

    fn pieces(&mut self, word: &Word, fields: &mut Fields, beginning: bool) -> Result<(), ScriptError> {
        let separators = match self.variable("IFS") {
            Value::Known(separators) => Some(separators.to_string()),
            Value::Unset => Some(" \t\n".to_owned()),
            Value::Unknown => None,
        };
        for (index, piece) in word.iter().enumerate() {
            self.spend(1)?;
            match piece {
                Piece::Text { text, .. } if text.contains('\u{fffd}') => fields.unknown(false),
                Piece::Text { text, quoted: true } => fields.quoted(text),
                Piece::Text { text, quoted: false } => {
                    // The home folder of someone.
                    let home = index == 0 && beginning && text.starts_with('~');
                    if home { fields.unknown(false) } else { fields.plain(text) }
                }
                Piece::Parameter { name, quoted, .. } if *quoted && name == "@" => self.all_arguments(piece, fields)?,
                Piece::Parameter { name, modifier, quoted } => {
                    let value = self.parameter(name, modifier)?;
                    add(fields, &value, *quoted, separators.as_deref());
                }
                Piece::Substitution { body, quoted } => {
                    let value = self.substitution(body)?;
                    add(fields, &value, *quoted, separators.as_deref());
                }
                Piece::Arithmetic { expression, quoted } => {
                    let value = self.arithmetic(expression)?;
                    add(fields, &value, *quoted, separators.as_deref());
                }
            }
            if fields.pattern.len() > MAX_TEXT || fields.done.len() > MAX_FIELDS {
                return Err(ScriptError::TooComplex);
            }
        }
        Ok(())
    }

    /// `"$@"`: each parameter is a field.
    fn all_arguments(&mut self, piece: &Piece, fields: &mut Fields) -> Result<(), ScriptError> {
        if !matches!(piece, Piece::Parameter { modifier: crate::debian::script::syntax::Modifier::None, .. }) {
            fields.unknown(true);
            return Ok(());
        }
        for (index, argument) in self.arguments().into_iter().enumerate() {
            self.spend(1)?;
            if index > 0 {
                if fields.splits {
                    fields.end();
                } else {
                    fields.quoted(" ");
                }
            }
            match argument.get() {
                Some(text) => fields.quoted(text),
                None => fields.unknown(argument.many),
            }
        }
        Ok(())
    }

    /// The positional parameters.
    pub(super) fn arguments(&self) -> Vec<Field> {
        let unknown = |many| Field { text: "…".to_owned(), known: false, many };
        match self.state.as_ref().and_then(|state| state.positional.clone()) {
            None => vec![unknown(true)],
            Some(values) => values
                .iter()
                .map(|value| match value {
                    Value::Known(text) => Field::known(&**text),
                    _ => unknown(false),
                })
                .collect(),
        }
    }

    /// What commands print, without the ends of lines at its end.
    fn substitution(&mut self, body: &List) -> Result<Value, ScriptError> {
        self.captures.push(Capture::new(self.forks, self.ends));
        let result = self.apart(|machine| machine.list(body));
        let printed = self.captures.pop().and_then(Capture::text);
        let status = result?;
        if let Some(state) = self.here() {
            state.last = status;
        }
        Ok(printed.map_or(Value::Unknown, |text| Value::Known(text.trim_end_matches('\n').into())))
    }

    /// `NAME=VALUE`
    pub(in crate::debian::script) fn assign(&mut self, name: &str, value: Value) -> Result<(), ScriptError> {
        self.spend(1)?;
        if let Some(state) = self.here() {
            state.set(name, value);
        }
        Ok(())
    }

    /// The status of the last substitution.
    pub(super) fn last(&self) -> Status {
        self.state.as_ref().map_or(Status::YES, |state| state.last)
    }
}

fn add(fields: &mut Fields, value: &Value, quoted: bool, separators: Option<&str>) {
    match (value, separators) {
        (Value::Known(text), _) if quoted => fields.quoted(text),
        (Value::Known(text), Some(separators)) => fields.split(text, separators),
        (Value::Known(_), None) => fields.unknown(true),
        (Value::Unset, _) if quoted => fields.quoted(""),
        (Value::Unset, _) => {}
        (Value::Unknown, _) => fields.unknown(!quoted),
    }
}
