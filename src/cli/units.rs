//! Sizes and counts as a person reads them.

/// A number of bytes with a binary unit and three significant digits, whole numbers without a fraction: `4 GiB`, `771 MiB`, `1.25 GiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut value = count as f64;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = match value {
        v if v.fract() < 0.005 || v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$} {}", UNITS[unit])
}

/// `1 file`, `2 files`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_short() {
        let cases = [(0, "0 B"), (1023, "1023 B"), (1 << 32, "4 GiB"), (808_452_096, "771 MiB"), (1_342_177_280, "1.25 GiB")];
        for (count, text) in cases {
            assert_eq!(super::bytes(count), text);
        }
        assert_eq!((super::count(1, "node"), super::count(0, "node")), ("1 node".into(), "0 nodes".into()));
    }
}
