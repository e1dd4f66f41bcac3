//! Password hashes: making them, and telling good ones from bad ones.

use sha_crypt::{PasswordHasher as _, ShaCrypt};
use yescrypt::{CustomizedPasswordHasher as _, Params, Yescrypt};

/// Bytes of salt, as libxcrypt's `crypt_gensalt` draws.
const SALT: usize = 16;
/// Bytes of salt for SHA-512: 16 characters, which is all that crypt(3) takes of one.
const SHA512_SALT: usize = 12;

/// A way of hashing a password (crypt(5)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `$y$`, Debian's own since bullseye.
    #[default]
    Yescrypt,
    /// `$6$`, which older releases know, too.
    Sha512,
}

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// There is nothing to hash.
    #[error("the password is empty")]
    Empty,
    /// Line ends and NUL cannot be typed at a login prompt.
    #[error("the password has a control character, which no login prompt accepts")]
    ControlCharacter,
    /// libxcrypt takes no more than `CRYPT_MAX_PASSPHRASE_SIZE`.
    #[error("the password has {length} bytes, and 511 are allowed")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// The system gave no random numbers.
    #[error("no random numbers for the salt: {0}")]
    Random(String),
    /// The hash function refused.
    #[error("hashing the password failed: {0}")]
    Hash(String),
}

impl crate::error::Classified for PasswordError {
    fn kind(&self) -> crate::error::Kind {
        match self {
            Self::Empty | Self::ControlCharacter | Self::TooLong { .. } => crate::error::Kind::Usage,
            Self::Random(_) | Self::Hash(_) => crate::error::Kind::Io,
        }
    }
}

/// Hashes a password at the scheme's usual cost (`$y$j9T$`, or 5000 rounds), with a salt from the operating system.
///
/// # Errors
/// The password is one that no login prompt would take, or the system has no random numbers.
pub fn hash(password: &str, scheme: Scheme) -> Result<String, PasswordError> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|error| PasswordError::Random(error.to_string()))?;
    hash_with_salt(password, &salt, scheme)
}

fn hash_with_salt(password: &str, salt: &[u8; SALT], scheme: Scheme) -> Result<String, PasswordError> {
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    if password.chars().any(char::is_control) {
        return Err(PasswordError::ControlCharacter);
    }
    // CRYPT_MAX_PASSPHRASE_SIZE of crypt(3) is 512, with its NUL.
    if password.len() > 511 {
        return Err(PasswordError::TooLong { length: password.len() });
    }
    let hash = match scheme {
        Scheme::Yescrypt => Yescrypt::default().hash_password_customized(password.as_bytes(), salt, None, None, Params::default()),
        Scheme::Sha512 => ShaCrypt::SHA512.hash_password_with_salt(password.as_bytes(), &salt[..SHA512_SALT]),
    };
    Ok(hash.map_err(|error| PasswordError::Hash(error.to_string()))?.as_str().to_owned())
}

/// What a text that should be a password hash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looks {
    /// A hash that Debian's login accepts.
    Good,
    /// A hash of a scheme that is too weak or that Debian does not know.
    Weak(&'static str),
    /// A hash of a good scheme with a part missing or wrong.
    Damaged(&'static str),
    /// A word that locks a password in /etc/shadow.
    Locked,
    /// Not a hash: probably the password itself.
    Plain,
}

/// Tells what a text is by the grammar of crypt(5); it is never repeated to anybody.
pub(super) fn looks(text: &str) -> Looks {
    let crypt64 = |part: &str, lengths: std::ops::RangeInclusive<usize>| {
        lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/')
    };
    let verdict = |good: bool, scheme| if good { Looks::Good } else { Looks::Damaged(scheme) };
    if matches!(text, "*" | "!" | "!!" | "x" | "!*") {
        return Looks::Locked;
    }
    let Some(rest) = text.strip_prefix('$') else {
        return if text.strip_prefix('_').is_some_and(|rest| crypt64(rest, 19..=19)) { Looks::Weak("DES") } else { Looks::Plain };
    };
    let fields: Vec<&str> = rest.split('$').collect();
    match fields.as_slice() {
        ["y", rest @ ..] => verdict(
            matches!(rest, [params, salt, hash] if crypt64(params, 1..=32) && crypt64(salt, 1..=86) && crypt64(hash, 43..=43)),
            "yescrypt",
        ),
        ["gy", rest @ ..] => verdict(
            matches!(rest, [params, salt, hash] if crypt64(params, 1..=32) && crypt64(salt, 1..=86) && crypt64(hash, 43..=43)),
            "gost-yescrypt",
        ),
        // A salt beyond 16 characters is cut by libxcrypt, and then its result is another text than this one: nobody could log in.
        ["6", rest @ ..] => {
            verdict(sha_crypt(rest).is_some_and(|(salt, hash)| crypt64(salt, 1..=16) && crypt64(hash, 86..=86)), "sha512crypt")
        }
        ["5", rest @ ..] => {
            verdict(sha_crypt(rest).is_some_and(|(salt, hash)| crypt64(salt, 1..=16) && crypt64(hash, 43..=43)), "sha256crypt")
        }
        ["2b", rest @ ..] => {
            let cost = |cost: &str| cost.len() == 2 && cost.parse::<u8>().is_ok_and(|cost| (4..=31).contains(&cost));
            verdict(matches!(rest, [rounds, hash] if cost(rounds) && crypt64(hash, 53..=53)), "bcrypt")
        }
        ["1", ..] => Looks::Weak("MD5"),
        ["2" | "2a" | "2x" | "2y", ..] => Looks::Weak("an old bcrypt"),
        ["3", ..] => Looks::Weak("NT"),
        ["md5" | "sha1" | "7", ..] => Looks::Weak("another scheme than yescrypt, SHA-512, SHA-256 or bcrypt"),
        _ => Looks::Plain,
    }
}

/// `[rounds=N$]SALT$HASH` → salt and hash.
fn sha_crypt<'a>(fields: &[&'a str]) -> Option<(&'a str, &'a str)> {
    match fields {
        [salt, hash] => Some((salt, hash)),
        [rounds, salt, hash] => {
            let rounds: u32 = rounds.strip_prefix("rounds=")?.parse().ok()?;
            (1000..=999_999_999).contains(&rounds).then_some((*salt, *hash))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// libxcrypt itself: `crypt(password, hash)` gives the hash again if and only if they belong together.
    fn crypt(password: &str, setting: &str) -> String {
        let output =
            Command::new("perl").args(["-e", "print crypt($ARGV[0], $ARGV[1])", password, setting]).output().expect("perl is needed");
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn libxcrypt_accepts_our_hash() {
        for password in ["correct horse", "ä€𝄞", "'\"$y$ \\"] {
            for (scheme, start) in [(Scheme::Yescrypt, "$y$j9T$"), (Scheme::Sha512, "$6$")] {
                let hash = hash(password, scheme).unwrap();
                assert!(hash.starts_with(start), "{hash}");
                assert_eq!(looks(&hash), Looks::Good);
                assert_eq!(crypt(password, &hash), hash);
                assert_ne!(crypt("wrong", &hash), hash);
            }
        }
    }

    #[test]
    fn salts_differ() {
        for scheme in [Scheme::Yescrypt, Scheme::Sha512] {
            assert_ne!(hash("a", scheme).unwrap(), hash("a", scheme).unwrap());
        }
    }

    #[test]
    fn what_libxcrypt_makes_is_good() {
        for setting in [
            "$y$j9T$abcdefgh",
            "$gy$j9T$abcdefgh",
            "$6$abcdefgh",
            "$6$rounds=5000$abcdefgh",
            "$5$abcdefgh",
            "$2b$05$abcdefghijklmnopqrstuu",
        ] {
            let hash = crypt("a", setting);
            assert_eq!(looks(&hash), Looks::Good, "{hash}");
        }
    }

    #[test]
    fn tells_the_others_apart() {
        let sha_with_long_salt = format!("$6${}${}", "a".repeat(22), "b".repeat(86));
        for (text, expected) in [
            ("hunter2", Looks::Plain),
            ("", Looks::Plain),
            ("$ecret$", Looks::Plain),
            ("ab01FAX.bQRSU", Looks::Plain),
            ("!", Looks::Locked),
            ("_J9..rasmBYk8r9AiWNc", Looks::Weak("DES")),
            ("$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", Looks::Weak("MD5")),
            ("$2y$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui", Looks::Weak("an old bcrypt")),
            ("$y$j9T$abc", Looks::Damaged("yescrypt")),
            ("$5$rounds=10$a$b", Looks::Damaged("sha256crypt")),
            (&sha_with_long_salt, Looks::Damaged("sha512crypt")),
        ] {
            assert_eq!(looks(text), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_be_typed() {
        let refused = |password: &str| hash(password, Scheme::default()).unwrap_err();
        assert!(matches!(refused(""), PasswordError::Empty));
        assert!(matches!(refused("a\n"), PasswordError::ControlCharacter));
        assert!(matches!(refused(&"a".repeat(512)), PasswordError::TooLong { length: 512 }));
    }
}
