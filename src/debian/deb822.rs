//! Stanzas of fields, deb822(5): indices of archives, dpkg's database, apt's sources.

/// How many fields a stanza may have. Debian's indices have up to 29.
pub const MAX_FIELDS: usize = 128;

/// A stanza: its fields in the order in which they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stanza<'a> {
    fields: Vec<(&'a str, &'a str)>,
    /// Line on which it begins, counted from 1.
    line: usize,
}

/// Why some text has no stanzas.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Deb822Error {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl<'a> Stanza<'a> {
    /// The value of a field, without the space around it; names are compared without regard to case. A value of several lines has line
    /// feeds, and the space in front of each further line.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The lines of a value, without the space around each, and without those that are empty.
    pub fn lines(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.get(name).unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty())
    }

    /// All fields: names and values.
    #[must_use]
    pub fn fields(&self) -> &[(&'a str, &'a str)] {
        &self.fields
    }

    /// Line on which it begins, counted from 1.
    #[must_use]
    pub const fn line(&self) -> usize {
        self.line
    }
}

/// The stanzas of a text, one after another: nothing is kept of those that were handed on.
#[derive(Clone, Debug)]
pub struct Stanzas<'a> {
    text: &'a str,
    /// Where the next line begins, in bytes.
    at: usize,
    /// How many lines stand before it.
    line: usize,
}

/// Reads stanzas. Lines that begin with `#` are comments, lines of blanks divide stanzas.
#[must_use]
pub const fn stanzas(text: &str) -> Stanzas<'_> {
    Stanzas { text, at: 0, line: 0 }
}

impl<'a> Stanzas<'a> {
    /// The next line without its end, if there is one.
    fn peek(&self) -> Option<&'a str> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        Some(rest.split_once('\n').map_or(rest, |(line, _)| line))
    }

    fn step(&mut self, line: &str) {
        self.at += line.len() + 1;
        self.line += 1;
    }

    fn fail(&mut self, reason: impl Into<String>) -> Deb822Error {
        self.at = self.text.len();
        Deb822Error { line: self.line, reason: reason.into() }
    }

    /// Takes the field that begins with `line`, which was stepped over.
    fn field(&mut self, stanza: &mut Stanza<'a>, line: &'a str) -> Result<(), Deb822Error> {
        if line.starts_with([' ', '\t']) {
            return Err(self.fail("a line that goes on with a field, where no field begins"));
        }
        let Some((name, value)) = line.split_once(':') else { return Err(self.fail("a line that is no field: it has no colon")) };
        let name = name.trim_end_matches([' ', '\t']);
        if name.is_empty() || name.starts_with('-') || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.fail(format!("`{}` is no name of a field", name.escape_debug())));
        }
        if stanza.fields.len() == MAX_FIELDS {
            return Err(self.fail(format!("a stanza of more than {MAX_FIELDS} fields")));
        }
        if stanza.get(name).is_some() {
            return Err(self.fail(format!("the field `{name}` stands twice in one stanza")));
        }
        let end_of_line = self.at - 1;
        let start = end_of_line - value.len();
        let mut end = end_of_line;
        while let Some(more) = self.peek().filter(|more| more.starts_with([' ', '\t']) && !is_blank(more)) {
            end = self.at + more.len();
            self.step(more);
        }
        stanza.fields.push((name, self.text[start..end].trim_matches(BLANKS)));
        Ok(())
    }
}

impl<'a> Iterator for Stanzas<'a> {
    type Item = Result<Stanza<'a>, Deb822Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut stanza = Stanza::default();
        while let Some(line) = self.peek() {
            self.step(line);
            if is_blank(line) && !stanza.fields.is_empty() {
                break;
            }
            if is_blank(line) || line.starts_with('#') {
                continue;
            }
            if stanza.fields.is_empty() {
                stanza.line = self.line;
            }
            if let Err(error) = self.field(&mut stanza, line) {
                return Some(Err(error));
            }
        }
        (!stanza.fields.is_empty()).then_some(Ok(stanza))
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_blank(line: &str) -> bool {
    line.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Vec<Vec<(&str, &str)>> {
        stanzas(text).map(|stanza| stanza.unwrap().fields().to_vec()).collect()
    }

    #[test]
    fn fields_go_on_over_lines() {
        let text = "# comment\n\nPackage: a\nDescription: short\n long\n .\n\tmore \n# comment\nempty:\nX-y :z\r\n \n\n\nPackage:b:c";
        let expected =
            [&[("Package", "a"), ("Description", "short\n long\n .\n\tmore"), ("empty", ""), ("X-y", "z")][..], &[("Package", "b:c")]];
        assert_eq!(read(text), expected);
        let stanza = stanzas(text).next().unwrap().unwrap();
        assert_eq!((stanza.get("PACKAGE"), stanza.get("none"), stanza.line()), (Some("a"), None, 3));
        assert_eq!(stanza.lines("description").collect::<Vec<_>>(), ["short", "long", ".", "more"]);
        assert!(read("").is_empty() && read("\n#x\n \n").is_empty());
    }

    #[test]
    fn what_is_no_field_is_told_with_its_line() {
        let cases = [
            ("a: 1\nb\n", 2, "no colon"),
            (" a: 1", 1, "where no field begins"),
            ("a: 1\n\n b: 2", 3, "where no field begins"),
            ("a: 1\nA: 2", 2, "stands twice"),
            (": 1", 1, "no name"),
            ("-a: 1", 1, "no name"),
            ("a b: 1", 1, "no name"),
            ("\u{e4}: 1", 1, "no name"),
        ];
        for (text, line, words) in cases {
            let mut stanzas = stanzas(text);
            let error = stanzas.find_map(Result::err).unwrap();
            assert!(error.line == line && error.reason.contains(words), "{text:?}: {error}");
            assert!(stanzas.next().is_none(), "nothing follows a mistake");
        }
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[a-c:# \\t\\r\\n\u{e4}]{0,60}") {
            let found = stanzas(&text).count();
            prop_assert!(found <= text.len());
        }
    }
}
