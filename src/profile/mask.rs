//! What of a profile's text may be shown beside an error.
//!
//! A report prints the line of each mistake and its neighbours, and a secret may stand on any of them: a password written where its
//! hash belongs, a private key pasted for a public one. So the text that is printed is a copy in which they are masked, byte for byte, so
//! that every offset still holds.

use super::problem::Span;

/// Parts of key names whose value is a secret, whatever the key is called in full.
const SECRET_WORDS: [&str; 6] = ["passw", "passp", "pasw", "psk", "secret", "token"];

/// How a pasted private key is recognised.
pub(super) const PRIVATE_KEY: &str = "PRIVATE KEY";

/// Whether the value of a key is never shown.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key != "password_login" && SECRET_WORDS.iter().any(|word| key.contains(word))
}

/// Whether a value is never shown, wherever it stands: a private key, or an address with a password in it.
pub(super) fn is_secret_value(value: &str) -> bool {
    value.contains(PRIVATE_KEY) || has_login(value)
}

/// Whether an address carries a user name or a password: `https://user:word@host/`.
pub(super) fn has_login(address: &str) -> bool {
    let authority = address.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// What to hide of a text whose grammar broke after `done` bytes were understood. `key` says whether what comes next is a secret's value;
/// else it is hidden from the first word on that speaks of one, beginning with the line where it broke.
pub(super) fn rest(text: &str, done: usize, key: bool) -> Option<Span> {
    let hide = |start| Some(Span { start, end: text.len() });
    if key {
        return hide(done);
    }
    let line = text.get(..done)?.rfind('\n').map_or(0, |end| end + 1);
    let lower = text.get(line..)?.to_ascii_lowercase();
    let word = SECRET_WORDS.iter().chain(&["://"]).filter_map(|word| lower.find(word)).min()?;
    hide(line + word)
}

/// A copy of the text, of equal length, in which the spans are masked and nothing can steer a terminal.
pub(super) fn mask(text: &str, hidden: &[Span]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut cover = |start: usize, end: usize| {
        let range = bytes.get_mut(start..end).unwrap_or_default();
        range.iter_mut().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = b'*');
    };
    for span in hidden {
        // Widened to whole characters, so that what is left stays UTF-8.
        let start = (0..=span.start.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let end = (span.end.min(text.len())..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
        cover(start, end);
    }
    // However it was cut up into values, or not.
    if let Some(start) = text.find(PRIVATE_KEY) {
        let end = text.rfind("-----END").filter(|&end| end > start).unwrap_or(text.len());
        cover(start, end);
    }
    for (at, comment) in comments(text) {
        cover(at, at + comment.len());
    }
    for (at, c) in text.char_indices().filter(|&(_, c)| steers(c)) {
        bytes.get_mut(at..at + c.len_utf8()).unwrap_or_default().fill(b'?');
    }
    // Whole characters were replaced by as many ASCII bytes.
    String::from_utf8(bytes).unwrap_or_default()
}

/// What follows a `#` on its line and speaks of a secret: a commented-out passphrase is one still.
fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n')
        .scan(0, |start, line| {
            let at = *start;
            *start += line.len();
            Some(line.split_once('#').map(|(before, comment)| (at + before.len() + 1, comment)))
        })
        .flatten()
        .filter(|(_, comment)| is_secret_key(comment) || is_secret_value(comment))
}

/// Control characters, and those that turn the direction of writing or have no width.
fn steers(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A value for a message: in backticks, short, and unable to steer a terminal.
pub(super) fn shown(value: &str) -> String {
    let clean: String = value.chars().take(64).map(|c| if steers(c) || c.is_whitespace() && c != ' ' { '?' } else { c }).collect();
    let more = if value.chars().nth(64).is_some() { "…" } else { "" };
    format!("`{clean}{more}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_whole_characters_and_keeps_lengths() {
        let text = "a: gähn\u{1b}[31m\nb: c";
        let masked = mask(text, &[Span { start: 5, end: 6 }]);
        assert_eq!(masked, "a: g**hn?[31m\nb: c");
        assert_eq!(masked.len(), text.len());
    }

    #[test]
    fn knows_secret_keys() {
        for key in ["password", "Passwort", "wifi_psk", "passphrase", "api_token"] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["password_login", "keys", "passive", "name"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn shortens_what_it_shows() {
        assert_eq!(mask("a: 1 # psk=b\nc: 2 # d", &[]), "a: 1 # *****\nc: 2 # d");
        assert_eq!(shown("a\u{202e}b\n"), "`a?b?`");
        assert_eq!(shown(&"x".repeat(65)).chars().count(), 67);
    }
}
