//! Names with a number in them: `pi%02d`.

use super::mask::shown;

/// Widest number: more nodes than fit into any subnet here need no more.
const MAX_WIDTH: usize = 6;

/// A name with one place for a number.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern<'a> {
    before: &'a str,
    width: usize,
    after: &'a str,
}

impl<'a> Pattern<'a> {
    /// Reads `TEXT%dTEXT` or `TEXT%0NdTEXT`; the error says why it is none.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let fail = |reason: &str| Err(format!("{} is no pattern of names: {reason}", shown(text)));
        let Some((before, rest)) = text.split_once('%') else { return fail("it has no `%d`, so all nodes would have one name") };
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (width, rest) = rest.split_at(digits);
        let Some(after) = rest.strip_prefix('d') else { return fail("after `%` comes `d`, or `0`, a width and `d`") };
        if after.contains('%') {
            return fail("it has `%` twice");
        }
        let width = match width {
            "" => 0,
            _ if !width.starts_with('0') || width.len() < 2 => return fail("a width begins with `0`, because names have no blanks"),
            _ => width
                .parse()
                .ok()
                .filter(|width| (1..=MAX_WIDTH).contains(width))
                .map_or_else(|| fail("its number is too wide").map(|_: Self| 0), Ok)?,
        };
        Ok(Self { before, width, after })
    }

    /// The name with this number.
    pub(super) fn name(&self, number: u64) -> String {
        format!("{}{number:0width$}{}", self.before, self.after, width = self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_names() {
        assert_eq!(Pattern::parse("pi%02d").unwrap().name(7), "pi07");
        assert_eq!(Pattern::parse("pi%02d").unwrap().name(123), "pi123");
        assert_eq!(Pattern::parse("rpi%d-a").unwrap().name(0), "rpi0-a");
    }

    #[test]
    fn refuses_what_is_no_pattern() {
        for text in ["pi", "pi%", "pi%s", "pi%2d", "pi%0d", "pi%d%d", "pi%%", "pi%07d", "pi%09999999999999999999999d", "%-2d"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
