//! Modes as chmod(1) takes them.

/// A change of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// An octal number.
    Exactly(u16),
    /// `u+x`, `go-w`, `a=rX`; several are parted by commas.
    Symbolic(Vec<Clause>),
}

/// One of `ugoa`, one of `+-=`, some of `rwxXst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clause {
    /// The bits of those who are meant.
    who: u16,
    operator: char,
    /// The bits, as if all were meant.
    bits: u16,
    /// `X`: execution for folders and for what somebody may execute.
    if_any: bool,
}

impl Change {
    /// Reads one; `None` when it is not understood.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(mode) = u16::from_str_radix(text, 8) {
            return (mode <= 0o7777).then_some(Self::Exactly(mode));
        }
        text.split(',').map(Clause::parse).collect::<Option<_>>().map(Self::Symbolic)
    }

    /// The permissions that come of others.
    pub(super) fn of(&self, before: u16, is_folder: bool) -> u16 {
        match self {
            // chmod leaves the set-id bits of folders unless they are named with all five digits.
            Self::Exactly(mode) if is_folder => mode | (before & 0o6000),
            Self::Exactly(mode) => *mode,
            Self::Symbolic(clauses) => clauses.iter().fold(before, |mode, clause| clause.of(mode, is_folder)),
        }
    }
}

impl Clause {
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['+', '-', '='])?;
        let mut who = 0;
        for c in text[..at].chars() {
            who |= match c {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o0007,
                'a' => 0o6777,
                _ => return None,
            };
        }
        if at == 0 {
            // As with a umask of 022, which dpkg sets.
            who = 0o6777 & !0o022 | 0o6000;
        }
        let (mut bits, mut if_any) = (0, false);
        for c in text[at + 1..].chars() {
            match c {
                'r' => bits |= 0o444,
                'w' => bits |= 0o222,
                'x' => bits |= 0o111,
                's' => bits |= 0o6000,
                't' => bits |= 0o1000,
                'X' => if_any = true,
                _ => return None,
            }
        }
        let operator = text[at..].chars().next()?;
        Some(Self { who: who | 0o1000, operator, bits, if_any })
    }

    fn of(self, mode: u16, is_folder: bool) -> u16 {
        let execution = if self.if_any && (is_folder || mode & 0o111 != 0) { 0o111 } else { 0 };
        let bits = (self.bits | execution) & self.who;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            _ => mode & !(self.who & 0o6777) | bits,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_chmod() {
        let cases = [
            ("755", 0o600, false, 0o755),
            ("0640", 0o4755, false, 0o640),
            ("755", 0o2700, true, 0o2755),
            ("-x", 0o755, false, 0o644),
            ("+x", 0o644, false, 0o755),
            ("a-x", 0o755, false, 0o644),
            ("u+s", 0o755, false, 0o4755),
            ("g=rX,o=", 0o777, false, 0o750),
            ("go-w", 0o666, false, 0o644),
            ("u=rwx", 0o4755, false, 0o755),
            ("a+X", 0o600, false, 0o600),
            ("a+X", 0o600, true, 0o711),
            ("+t", 0o755, true, 0o1755),
        ];
        for (text, before, is_folder, expected) in cases {
            let change = Change::parse(text).unwrap();
            assert_eq!(change.of(before, is_folder), expected, "{text} of {before:o}");
        }
        assert!(["", "999", "77777", "x", "u?x", "q+x", "u+q"].iter().all(|text| Change::parse(text).is_none()));
    }
}
