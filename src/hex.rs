//! Bytes as hexadecimal digits.

/// Two lower-case digits for each byte.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// The `N` bytes that `2 * N` digits of either case stand for; nothing for any other text.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; N] = pairs.try_into().ok()?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let bytes: [u8; 256] = std::array::from_fn(|byte| byte as u8);
        let text = encode(&bytes);
        assert!(text.starts_with("000102") && text.ends_with("fdfeff"), "{text}");
        assert_eq!(decode(&text), Some(bytes));
        assert_eq!((encode(&[]).as_str(), decode("")), ("", Some([])));
    }

    #[test]
    fn nothing_but_digits_of_that_number_is_read() {
        assert_eq!(decode("00Ff"), Some([0, 255]));
        for text in ["", "00f", "00ff0", "00ff00", "00fg", "+0ff", "00 f", "0x0f", "\u{e4}ff", "0\u{e4}f", "00f\u{ff11}"] {
            assert_eq!(decode::<2>(text), None, "{text}");
        }
    }
}
