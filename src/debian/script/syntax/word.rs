//! Words: quotes, and what is between them.

use super::{Piece, Word, reader::Reader, reader::ends_word};
use crate::debian::script::ScriptError;

/// What a run of pieces stands in, and so where it ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A word of a command.
    Plain,
    /// `"…"`
    Quotes,
    /// After the name in `${…}`; the flag says whether that is inside of double quotes, where single ones mean nothing.
    Braces { quoted: bool, literal_quotes: bool },
    /// `$((…))`
    Arithmetic,
    /// The text of a here-document.
    Here,
}

impl Place {
    const fn quoted(self) -> bool {
        matches!(self, Self::Quotes | Self::Arithmetic | Self::Here | Self::Braces { quoted: true, .. })
    }
}

impl Reader {
    /// A word, or nothing when none begins here.
    pub(super) fn word(&mut self) -> Result<Option<Word>, ScriptError> {
        let pieces = self.pieces(Place::Plain)?;
        Ok((!pieces.is_empty()).then_some(pieces))
    }

    /// Pieces up to, and without, what ends them.
    pub(super) fn pieces(&mut self, place: Place) -> Result<Word, ScriptError> {
        let mut pieces = Vec::new();
        let quoted = place.quoted();
        let mut open = 0_usize;
        while let Some(next) = self.peek() {
            match (next, place) {
                (_, Place::Plain) if ends_word(next) => break,
                ('"', Place::Quotes) | ('}', Place::Braces { .. }) => break,
                (')', Place::Arithmetic) if open == 0 => break,
                ('(', Place::Arithmetic) => open += 1,
                (')', Place::Arithmetic) => open -= 1,
                ('\'', Place::Plain | Place::Braces { literal_quotes: false, .. }) => {
                    self.next()?;
                    let text = self.until_quote()?;
                    push(&mut pieces, &text, true);
                    continue;
                }
                ('"', Place::Plain | Place::Braces { .. }) => {
                    self.next()?;
                    // An empty pair of quotes is a word, too.
                    push(&mut pieces, "", true);
                    pieces.append(&mut self.nested(|reader| reader.pieces(Place::Quotes))?);
                    if !self.take("\"")? {
                        return Err(self.wrong("a double quote is not closed"));
                    }
                    continue;
                }
                ('\\', _) => {
                    self.next()?;
                    self.escaped(place, &mut pieces)?;
                    continue;
                }
                ('$', _) => {
                    self.next()?;
                    let piece = self.nested(|reader| reader.dollar(quoted))?;
                    match piece {
                        Piece::Text { text, quoted } => push(&mut pieces, &text, quoted),
                        piece => pieces.push(piece),
                    }
                    continue;
                }
                ('`', _) => {
                    self.next()?;
                    let body = self.backquotes(quoted)?;
                    pieces.push(Piece::Substitution { body, quoted });
                    continue;
                }
                _ => {}
            }
            self.next()?;
            push(&mut pieces, next.encode_utf8(&mut [0; 4]), quoted);
        }
        Ok(pieces)
    }

    /// What follows a backslash.
    fn escaped(&mut self, place: Place, pieces: &mut Word) -> Result<(), ScriptError> {
        let special: &[char] = match place {
            Place::Here => &['$', '`', '\\'],
            Place::Braces { quoted: true, .. } => &['$', '`', '"', '\\', '}'],
            _ => &['$', '`', '"', '\\'],
        };
        match self.peek_raw() {
            Some(next) if !place.quoted() || special.contains(&next) => {
                self.next_raw()?;
                push(pieces, next.encode_utf8(&mut [0; 4]), true);
            }
            _ => push(pieces, "\\", true),
        }
        Ok(())
    }

    /// The text up to a single quote, which is taken.
    fn until_quote(&mut self) -> Result<String, ScriptError> {
        let mut text = String::new();
        loop {
            match self.next_raw()? {
                None => return Err(self.wrong("a single quote is not closed")),
                Some('\'') => return Ok(text),
                Some(next) => text.push(next),
            }
        }
    }
}

/// Adds text to what is there.
fn push(pieces: &mut Word, more: &str, is_quoted: bool) {
    match pieces.last_mut() {
        Some(Piece::Text { text, quoted }) if *quoted == is_quoted => text.push_str(more),
        _ => pieces.push(Piece::Text { text: more.to_owned(), quoted: is_quoted }),
    }
}
