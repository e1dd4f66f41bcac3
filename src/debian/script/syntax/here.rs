//! Here-documents: `<<END`, and the lines after it.

use std::{cell::OnceCell, rc::Rc};

use super::{Piece, Word, reader::Reader, word::Place};
use crate::debian::script::ScriptError;

/// A here-document whose text is still to come.
pub(super) struct Pending {
    /// Where its text is wanted.
    pub(super) text: Rc<OnceCell<Word>>,
    /// The line that ends it.
    pub(super) end: String,
    /// The end was quoted: nothing in the text is expanded.
    pub(super) quoted: bool,
    /// `<<-`: tabs at the beginning of lines do not count.
    pub(super) strip: bool,
}

impl Reader {
    /// Announces a document; its end follows here.
    pub(super) fn announce(&mut self, strip: bool) -> Result<Rc<OnceCell<Word>>, ScriptError> {
        self.blanks()?;
        let word = self.word()?.ok_or_else(|| self.wrong("a here-document has no end"))?;
        let (mut end, mut is_quoted) = (String::new(), false);
        for piece in word {
            match piece {
                Piece::Text { text, quoted } => {
                    end.push_str(&text);
                    is_quoted |= quoted;
                }
                _ => return Err(self.wrong("the end of a here-document is not plain text")),
            }
        }
        let text = Rc::new(OnceCell::new());
        self.pending.push(Pending { text: Rc::clone(&text), end, quoted: is_quoted, strip });
        Ok(text)
    }

    /// Reads the documents announced on the line that has just ended.
    pub(super) fn here_documents(&mut self) -> Result<(), ScriptError> {
        for pending in std::mem::take(&mut self.pending) {
            let mut text = String::new();
            loop {
                if self.peek_raw().is_none() {
                    return Err(self.wrong("a here-document is not ended"));
                }
                let mut line = String::new();
                while let Some(next) = self.next_raw()?.filter(|next| *next != '\n') {
                    line.push(next);
                }
                let line = if pending.strip { line.trim_start_matches('\t') } else { &line };
                if line == pending.end {
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            let word = if pending.quoted {
                vec![Piece::Text { text, quoted: true }]
            } else {
                self.inner(&text, |reader| reader.pieces(Place::Here))?
            };
            // It is set here only, and once.
            let _ = pending.text.set(word);
        }
        Ok(())
    }
}
