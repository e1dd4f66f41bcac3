//! Patterns of the shell.

/// Whether `text` as a whole is matched by `pattern`, in which a backslash takes away what the next character means.
pub(in crate::debian::script) fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut here) = (0, 0);
    // Where the last star stands, and how much of the text it takes so far.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
                continue;
            }
            None if here == text.len() => return true,
            None => None,
            Some(_) => text.get(here).and_then(|character| one(&pattern[at..], *character)),
        };
        match (step, &mut star) {
            (Some(length), _) => {
                at += length;
                here += 1;
            }
            (None, Some((position, taken))) if *taken < text.len() => {
                *taken += 1;
                (at, here) = (*position + 1, *taken);
            }
            (None, _) => return false,
        }
    }
}

/// The length of the beginning of `pattern` that matches one character, when it does.
fn one(pattern: &[char], character: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '\\' => (*pattern.get(1)? == character).then_some(2),
        '[' => match bracket(pattern) {
            Some((length, negated, inner)) => (within(inner, character) != negated).then_some(length),
            None => (character == '[').then_some(1),
        },
        plain => (*plain == character).then_some(1),
    }
}

/// The length of `[…]`, whether it is negated, and what is in it.
fn bracket(pattern: &[char]) -> Option<(usize, bool, &[char])> {
    let negated = matches!(pattern.get(1)?, '!' | '^');
    let start = if negated { 2 } else { 1 };
    let mut end = start;
    loop {
        match pattern.get(end)? {
            ']' if end > start => return Some((end + 1, negated, &pattern[start..end])),
            // `[:alpha:]`
            '[' if pattern.get(end + 1) == Some(&':') => {
                let rest = pattern.get(end + 2..)?;
                end += 2 + rest.windows(2).position(|pair| pair == [':', ']'])? + 2;
            }
            '\\' => end += 2,
            _ => end += 1,
        }
    }
}

fn within(mut inner: &[char], character: char) -> bool {
    loop {
        match inner {
            [] => return false,
            ['[', ':', rest @ ..] => {
                let Some(end) = rest.windows(2).position(|pair| pair == [':', ']']) else { return false };
                let class: String = rest[..end].iter().collect();
                if in_class(&class, character) {
                    return true;
                }
                inner = &rest[end + 2..];
            }
            ['\\', plain, rest @ ..] => {
                if *plain == character {
                    return true;
                }
                inner = rest;
            }
            [first, '-', last, rest @ ..] => {
                if (*first..=*last).contains(&character) {
                    return true;
                }
                inner = rest;
            }
            [plain, rest @ ..] => {
                if *plain == character {
                    return true;
                }
                inner = rest;
            }
        }
    }
}

fn in_class(class: &str, character: char) -> bool {
    match class {
        "alpha" => character.is_ascii_alphabetic(),
        "digit" => character.is_ascii_digit(),
        "alnum" => character.is_ascii_alphanumeric(),
        "upper" => character.is_ascii_uppercase(),
        "lower" => character.is_ascii_lowercase(),
        "space" => character.is_ascii_whitespace(),
        "blank" => matches!(character, ' ' | '\t'),
        "punct" => character.is_ascii_punctuation(),
        "xdigit" => character.is_ascii_hexdigit(),
        _ => false,
    }
}

/// A text as a pattern that matches only it.
pub(super) fn quote(text: &str, pattern: &mut String) {
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '!' | '-' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
}

/// The text of a pattern without the backslashes of [`quote`].
pub(super) fn unquote(pattern: &str) -> String {
    let mut text = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        text.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    text
}

/// Whether there is something in it that matches more than itself.
pub(super) fn is_pattern(pattern: &str) -> bool {
    let characters: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    while let Some(character) = characters.get(at) {
        match character {
            '\\' => at += 1,
            '*' | '?' => return true,
            // One that is not closed stands for itself; not many are looked at.
            '[' if at >= 4096 || bracket(&characters[at..]).is_some() => return true,
            _ => {}
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_the_shell() {
        for (pattern, yes, no) in [
            ("", "", "a"),
            ("a*c", "abbc", "abcd"),
            ("*.list", "/etc/a.list", "a.list~"),
            ("[0-9]*", "1.2", "a1"),
            ("[!a-c]?", "dx", "ax"),
            ("[[:digit:]_]x", "_x", "ax"),
            ("\\*", "*", "a"),
            ("[]x]", "]", "["),
            ("[a", "[a", "a"),
            ("*a*b*c", "xxaxxbxxc", "xxaxxcxxb"),
        ] {
            assert!(matches(pattern, yes) && !matches(pattern, no), "{pattern}");
        }
        let mut quoted = String::new();
        quote("a*[b]\\", &mut quoted);
        assert!(!is_pattern(&quoted) && unquote(&quoted) == "a*[b]\\" && is_pattern("a?"));
    }
}
