//! `debian:bookworm`, `image.img.xz#sha256=…`: the ways to name what the images are made of.

use std::path::Path;

use super::{
    BaseReference, Environment,
    mask::{has_login, shown},
    references,
};
use crate::{
    error::{Classified, Kind},
    hex,
};

const KINDS: &str = "`debian:bookworm`, a path, or an https address with `#sha256=` and 64 hexadecimal digits";

/// A text that names no base.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadBaseReference {
    /// What is wrong, without a full stop.
    pub(super) message: String,
    /// What to write.
    pub(super) hint: String,
}

impl Classified for BadBaseReference {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(self.hint.clone())
    }
}

impl BaseReference {
    /// Reads a reference, from a profile or from `--base`. Paths that are not absolute count from `folder`; `~/` is the home folder.
    ///
    /// # Errors
    /// The text is neither `debian:SUITE` nor a path nor an address with its digest.
    pub fn parse(text: &str, folder: &Path, environment: &dyn Environment) -> Result<Self, BadBaseReference> {
        let bad = |(message, hint)| BadBaseReference { message, hint };
        match reference(text).map_err(bad)? {
            Self::File { path, sha256 } => {
                let path = references::path(&path.to_string_lossy(), folder, environment);
                let none = || bad(("there is no home folder for `~/`".to_owned(), "set HOME, or write the whole path".to_owned()));
                Ok(Self::File { path: path.ok_or_else(none)?, sha256 })
            }
            other => Ok(other),
        }
    }
}

/// The grammar; the error is message and hint. Paths are left as they are written.
fn reference(text: &str) -> Result<BaseReference, (String, String)> {
    let fail = |message: String, hint: &str| Err((message, hint.to_owned()));
    if text.is_empty() || text.chars().any(char::is_control) {
        return fail("the base is empty or has control characters".to_owned(), KINDS);
    }
    if let Some(suite) = text.strip_prefix("debian:") {
        let good = suite.starts_with(|c: char| c.is_ascii_lowercase())
            && suite.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        return match good {
            true => Ok(BaseReference::Debian { suite: suite.to_owned() }),
            false => fail(format!("{} is no suite of Debian", shown(suite)), "write `debian:bookworm`"),
        };
    }
    let (place, fragment) = match text.split_once('#') {
        Some((place, fragment)) => (place, Some(fragment)),
        None => (text, None),
    };
    if has_login(place) {
        return fail("the address has a user name or password in it".to_owned(), "download the file by hand and give its path");
    }
    let sha256 = match fragment {
        None => None,
        Some(fragment) => Some(digest(fragment)?),
    };
    if let Some((scheme, rest)) = place.split_once("://") {
        if !matches!(scheme, "http" | "https") {
            return fail(format!("{} is no address that can be fetched", shown(without_query(place))), KINDS);
        }
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        let blank = place.chars().any(char::is_whitespace);
        if host.is_empty() || blank {
            return fail(format!("{} is no web address", shown(without_query(place))), KINDS);
        }
        return match sha256 {
            Some(sha256) => Ok(BaseReference::Url { url: place.to_owned(), sha256 }),
            None => fail(
                "an image from the web needs its digest".to_owned(),
                "append `#sha256=` and the 64 digits that the publisher names, without a blank; without such a list, `sha256sum FILE` tells \
                 them of a file that was downloaded by hand",
            ),
        };
    }
    // `ubuntu:noble` is meant to be a suite and not a file of that name, which can be written with `./`.
    if let Some((kind, _)) = place.split_once(':')
        && !kind.contains(['/', '.'])
    {
        return fail(format!("{} is no kind of base", shown(kind)), "write `debian:bookworm`, or put `./` in front of a file's name");
    }
    match place.is_empty() {
        true => fail("the base has a digest and no name".to_owned(), KINDS),
        false => Ok(BaseReference::File { path: place.into(), sha256 }),
    }
}

/// A signed address carries its secret in the query.
fn without_query(address: &str) -> &str {
    address.split('?').next().unwrap_or_default()
}

/// `sha256=HEX` → 32 bytes.
fn digest(fragment: &str) -> Result<[u8; 32], (String, String)> {
    let hint = || "write `#sha256=` and 64 hexadecimal digits".to_owned();
    let Some(digits) = fragment.strip_prefix("sha256=") else {
        return Err((format!("{} is no digest that is known here", shown(fragment)), hint()));
    };
    if digits.len() != 64 {
        return Err((format!("a SHA-256 has 64 hexadecimal digits, got {}", digits.chars().count()), hint()));
    }
    hex::decode(digits).ok_or_else(|| ("the digest has something else than hexadecimal digits".to_owned(), hint()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_kind() {
        let hex = "00".repeat(31) + "fF";
        let mut sha256 = [0; 32];
        sha256[31] = 255;
        assert_eq!(reference("debian:bookworm"), Ok(BaseReference::Debian { suite: "bookworm".into() }));
        assert_eq!(reference("../a b.img"), Ok(BaseReference::File { path: "../a b.img".into(), sha256: None }));
        assert_eq!(reference(&format!("./a:b#sha256={hex}")), Ok(BaseReference::File { path: "./a:b".into(), sha256: Some(sha256) }));
        assert_eq!(
            reference(&format!("https://a.org/b.xz#sha256={hex}")),
            Ok(BaseReference::Url { url: "https://a.org/b.xz".into(), sha256 })
        );
    }

    #[test]
    fn an_address_needs_its_digest_and_shows_no_secret() {
        for (text, expected) in [
            ("https://a.org/b.xz", "needs its digest"),
            ("https://a.org/b.xz#md5=00", "is no digest that is known here"),
            ("ftp://a.org/b.xz?key=canary", "`ftp://a.org/b.xz` is no address"),
            ("https://?key=canary", "`https://` is no web address"),
            ("https://me:canary@a.org/b.xz", "has a user name or password"),
        ] {
            let (message, hint) = reference(text).unwrap_err();
            assert!(message.contains(expected) && !(message + &hint).contains("canary"), "{text}");
        }
        assert!(reference("https://a.org/b.xz").unwrap_err().1.contains("sha256sum"));
    }
}
