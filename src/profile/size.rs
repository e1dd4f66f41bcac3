//! Sizes with units, decimal and binary told apart.

/// Units, in bytes. Two spellings of one are both common (`kB`, `KB`).
const UNITS: [(&str, u64); 10] = [
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Why a text is no size: what was understood, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoSize {
    /// What was understood, to follow the text itself.
    pub(super) reason: String,
    /// What to write.
    pub(super) hint: String,
}

/// Reads a size such as `32 GB`, `4GiB` or `1.5 GiB`, in bytes; at least 1.
pub(super) fn parse(text: &str) -> Result<u64, NoSize> {
    let text = text.trim();
    let fail = |reason: String, hint: String| Err(NoSize { reason, hint });
    let example = || "write a number and a unit, such as `4 GiB` (binary) or `32 GB` (decimal)".to_owned();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let unit = rest.trim_start();
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        let reason = if text.starts_with('-') { "is negative" } else { "does not begin with a number" };
        return fail(reason.to_owned(), example());
    }
    if unit.is_empty() {
        return fail("has no unit".to_owned(), format!("write `{number} GiB` (binary) or `{number} GB` (decimal)"));
    }
    let Some(&(_, factor)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        if unit.starts_with(',') {
            return fail("has a comma".to_owned(), "write fractions with a point".to_owned());
        }
        // K, M, G and T alone mean one thing to some programs and another to others.
        if let [letter @ ('k' | 'K' | 'm' | 'M' | 'g' | 'G' | 't' | 'T')] = unit.chars().collect::<Vec<_>>()[..] {
            let letter = letter.to_ascii_uppercase();
            let reason = format!("has the unit `{unit}`, which some read as decimal and some as binary");
            return fail(reason, format!("write `{number} {letter}B` or `{number} {letter}iB`"));
        }
        let near = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
        let hint = near.map_or_else(example, |(name, _)| format!("write `{number} {name}`"));
        return fail("has an unknown unit".to_owned(), hint);
    };
    match exact(number, factor) {
        Ok(0) => fail("is nothing".to_owned(), "give a size above 0".to_owned()),
        Ok(size) => Ok(size),
        Err(reason) => fail(reason.to_owned(), example()),
    }
}

/// `number` × `factor`, exactly.
fn exact(number: &str, factor: u64) -> Result<u64, &'static str> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("has no proper fraction");
    }
    if fraction.len() > 9 {
        return Err("has more than 9 digits after the point");
    }
    let too_large = "is more than 64 bits can count";
    let scale = 10_u128.pow(u32::try_from(fraction.len()).map_err(|_| too_large)?);
    let whole: u128 = whole.parse().map_err(|_| too_large)?;
    let fraction: u128 = fraction.parse().map_err(|_| too_large)?;
    let scaled = whole.checked_mul(scale).and_then(|whole| whole.checked_add(fraction)).and_then(|sum| sum.checked_mul(u128::from(factor)));
    let scaled = scaled.ok_or(too_large)?;
    if !scaled.is_multiple_of(scale) {
        return Err("is no whole number of bytes");
    }
    // i64: file offsets are signed.
    u64::try_from(scaled / scale).ok().filter(|size| i64::try_from(*size).is_ok()).ok_or(too_large)
}

/// A size for messages: exact in the largest unit that divides it, else rounded to a tenth of a MiB.
pub(super) fn show(bytes: u64) -> String {
    let exact = |units: &[usize]| {
        units.iter().filter_map(|&at| UNITS.get(at)).find(|(_, factor)| bytes.is_multiple_of(*factor) && bytes >= *factor)
    };
    if let Some((name, factor)) = exact(&[9, 8]).or_else(|| exact(&[5, 4])).or_else(|| exact(&[7])).or_else(|| exact(&[3])) {
        return format!("{} {name}", bytes / factor);
    }
    let tenths = u128::from(bytes) * 10 / (1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_decimal_and_binary() {
        for (text, size) in [
            ("32 GB", 32_000_000_000),
            ("4 GiB", 4 << 30),
            ("512MiB", 512 << 20),
            ("1.5 GiB", 3 << 29),
            ("0.001 kB", 1),
            ("7B", 7),
            ("8 TiB", 8 << 40),
        ] {
            assert_eq!(parse(text), Ok(size), "{text}");
        }
    }

    #[test]
    fn says_what_it_understood() {
        for (text, reason) in [
            ("", "does not begin with a number"),
            ("-4 GiB", "is negative"),
            ("16", "has no unit"),
            ("4G", "has the unit `G`, which some read as decimal and some as binary"),
            ("4 gib", "has an unknown unit"),
            ("4 Gibi", "has an unknown unit"),
            ("1,5 GiB", "has a comma"),
            ("0 GiB", "is nothing"),
            ("0.3 B", "is no whole number of bytes"),
            ("1..5 GB", "has no proper fraction"),
            ("1. GB", "has no proper fraction"),
            ("9223372036854775808 B", "is more than 64 bits can count"),
            ("99999999999999999999999999999999999999999 TiB", "is more than 64 bits can count"),
        ] {
            assert_eq!(parse(text).map_err(|error| error.reason), Err(reason.to_owned()), "{text}");
        }
    }

    #[test]
    fn shows_sizes() {
        for (size, text) in [(4 << 30, "4 GiB"), (16_000_000_000, "16 GB"), (512 << 20, "512 MiB"), (1 << 19, "0.5 MiB"), (0, "0.0 MiB")] {
            assert_eq!(show(size), text);
        }
    }
}
