//! ASCII armour and the cleartext signature framework, RFC 9580 section 6 and 7, read strictly: what is not covered by the signature is
//! refused, not skipped.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::SignatureError;

const MESSAGE: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "PGP SIGNATURE";
const KEYS: &str = "PGP PUBLIC KEY BLOCK";

/// A cleartext-signed message in its two parts.
#[derive(Debug)]
pub(super) struct Cleartext {
    /// What is signed: dashes are no longer escaped, white space at the ends of lines, which no signature covers, is gone, lines end with
    /// a line feed.
    pub(super) text: Vec<u8>,
    /// The packets of the signatures.
    pub(super) signatures: Vec<u8>,
}

impl Cleartext {
    /// The text as it was hashed: lines are divided by carriage return and line feed, the last one has no end.
    pub(super) fn hashed(&self) -> Vec<u8> {
        let mut hashed = Vec::with_capacity(self.text.len() + self.text.len() / 16);
        let body = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        for &byte in body {
            if byte == b'\n' {
                hashed.push(b'\r');
            }
            hashed.push(byte);
        }
        hashed
    }

    pub(super) fn new(message: &[u8]) -> Result<Self, SignatureError> {
        let malformed = |reason| SignatureError::Malformed { reason };
        let mut lines = message.split(|byte| *byte == b'\n').skip_while(|line| trim(line).is_empty());
        if lines.next().map(trim) != Some(MESSAGE) {
            let is_later = lines.any(|line| trim(line) == MESSAGE);
            return Err(if is_later { SignatureError::OutsideText { place: "in front of" } } else { SignatureError::Unsigned });
        }
        loop {
            let line = lines.next().ok_or_else(|| malformed("it ends within its headers"))?;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                break;
            }
            let is_plain = |hash: &[u8]| hash.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-, ".contains(byte));
            if !line.strip_prefix(b"Hash: ").is_some_and(is_plain) {
                return Err(malformed("it has a header other than `Hash`"));
            }
        }
        let mut text = Vec::with_capacity(message.len());
        loop {
            let line = lines.next().ok_or_else(|| malformed("it ends before its signature"))?;
            if trim(line) == b"-----BEGIN PGP SIGNATURE-----" {
                break;
            }
            if line.starts_with(b"-----BEGIN PGP SIGNED MESSAGE") {
                return Err(SignatureError::TwoMessages);
            }
            let line = match line.strip_prefix(b"- ") {
                Some(line) => line,
                None if line.starts_with(b"-") => return Err(malformed("a line begins with a dash that is not escaped")),
                None => line,
            };
            let line = trim(line);
            if line.iter().any(|byte| matches!(byte, b'\r' | 0)) {
                return Err(malformed("a line has a carriage return or a zero byte within it"));
            }
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        let signatures = body(&mut lines, SIGNATURE).map_err(malformed)?;
        end(lines)?;
        Ok(Self { text, signatures })
    }
}

/// The packets of signatures that stand in a file of their own: binary, or armoured in one block or several, and nothing else.
pub(super) fn detached(file: &[u8]) -> Result<Vec<u8>, SignatureError> {
    if file.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(file.to_owned());
    }
    let mut lines = file.split(|byte| *byte == b'\n');
    let mut packets = Vec::new();
    let mut blocks = 0;
    while let Some(line) = lines.next() {
        let line = trim(line);
        if line == b"-----BEGIN PGP SIGNATURE-----" {
            packets.extend(body(&mut lines, SIGNATURE).map_err(|reason| SignatureError::Malformed { reason })?);
            blocks += 1;
        } else if !line.is_empty() {
            return Err(SignatureError::Malformed { reason: "there is something else than a signature in the file of the signature" });
        }
    }
    if blocks == 0 { Err(SignatureError::Unsigned) } else { Ok(packets) }
}

/// The packets of a keyring. Text outside of the armour is taken for a comment, as GnuPG does.
pub(super) fn keyring(file: &[u8]) -> Result<Vec<u8>, &'static str> {
    if file.get(8..12) == Some(b"KBXf") {
        return Err("it is a keybox, which apt does not read either; export the keys with `gpg --export`");
    }
    if file.first().is_some_and(|byte| byte & 0x80 != 0) {
        return Ok(file.to_owned());
    }
    let mut lines = file.split(|byte| *byte == b'\n');
    let mut packets = Vec::new();
    while let Some(line) = lines.next() {
        if trim(line) == b"-----BEGIN PGP PUBLIC KEY BLOCK-----" {
            packets.extend(body(&mut lines, KEYS)?);
        }
    }
    Ok(packets)
}

/// What stands between the line of the beginning, which was taken, and that of the end. The checksum is not looked at: signatures protect
/// better (RFC 9580 section 6.1 forbids to insist on it).
fn body<'a>(lines: &mut impl Iterator<Item = &'a [u8]>, kind: &str) -> Result<Vec<u8>, &'static str> {
    let end = format!("-----END {kind}-----");
    for line in lines.by_ref() {
        let line = trim(line);
        if line.is_empty() {
            break;
        }
        if line.starts_with(b"-") || !line.contains(&b':') {
            return Err("the armour has no empty line before its content");
        }
    }
    let mut content = Vec::new();
    let mut has_checksum = false;
    for line in lines {
        let line = trim(line);
        if line == end.as_bytes() {
            return STANDARD.decode(&content).map_err(|_| "the armour is damaged");
        }
        if line.is_empty() {
            continue;
        }
        if has_checksum || line.starts_with(b"-") {
            return Err("the armour has something else where its end should be");
        }
        if line.len() == 5 && line.starts_with(b"=") {
            has_checksum = true;
        } else {
            content.extend_from_slice(line);
        }
    }
    Err("it ends within its armour")
}

/// Nothing may stand behind a signed message but white space.
fn end<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<(), SignatureError> {
    let mut rest = lines.map(trim).filter(|line| !line.is_empty()).peekable();
    if rest.peek().is_none() {
        return Ok(());
    }
    let is_other = rest.any(|line| line.starts_with(b"-----BEGIN PGP SIGN"));
    Err(if is_other { SignatureError::TwoMessages } else { SignatureError::OutsideText { place: "behind" } })
}

/// A line without the white space at its end, in the sense of RFC 9580 section 7.2.
fn trim(line: &[u8]) -> &[u8] {
    let length = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).map_or(0, |last| last + 1);
    &line[..length]
}
