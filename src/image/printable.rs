//! Names and paths of an image as text. Whoever made the image chose them; what they hold must not reach a terminal.

use std::{borrow::Cow, fmt::Write as _};

/// The bytes as `ls --escape` prints them: what is not UTF-8, what controls a terminal and what reorders or hides text as `\033`, with
/// the C escapes where there are some; also the backslash and the space, so that the text says exactly which bytes they are.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut text, character);
        }
        chunk.invalid().iter().for_each(|byte| push_byte(&mut text, *byte));
    }
    text
}

/// Text for a terminal, with what is [unsafe](is_unsafe) in it escaped; line feeds stay, and so do spaces and backslashes.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|character| is_unsafe(character) && character != '\n') {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) && character != '\n' { push(&mut safe, character) } else { safe.push(character) }
    }
    Cow::Owned(safe)
}

/// Whether a character does something to a terminal, or to the text around it, instead of being seen: control characters, and those
/// that have no width or change the direction of writing.
#[must_use]
pub const fn is_unsafe(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

fn push(text: &mut String, character: char) {
    let letter = match character {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        '\\' => '\\',
        ' ' => ' ',
        _ if is_unsafe(character) => return character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_byte(text, byte)),
        _ => return text.push(character),
    };
    text.push('\\');
    text.push(letter);
}

fn push_byte(text: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\\{byte:03o}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_stays() {
        for text in ["plain-name_1.txt", "Ünïcödé", "日本", "a:b`c$d'e\"f"] {
            assert_eq!(printable(text.as_bytes()), text);
        }
    }

    #[test]
    fn what_cannot_is_escaped_without_loss() {
        let cases: [(&[u8], &str); 8] = [
            (b"a b\\c", "a\\ b\\\\c"),
            (b"\x1b[31mred", "\\033[31mred"),
            (b"line\nline\ttab\x7f", "line\\nline\\ttab\\177"),
            (b"\xff\xfe.txt", "\\377\\376.txt"),
            (b"cut \xe6\x97", "cut\\ \\346\\227"),
            ("c1\u{9b}31m".as_bytes(), "c1\\302\\23331m"),
            ("fdp\u{202e}exe.".as_bytes(), "fdp\\342\\200\\256exe."),
            (b"", ""),
        ];
        for (bytes, text) in cases {
            assert_eq!(printable(bytes), text);
        }
    }
}
