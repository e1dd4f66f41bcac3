//! `!env NAME` and `!file PATH`: values that stand outside the profile.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{
    mask::shown,
    problem::{Code, Span},
    report::Draft,
};
use crate::secret::Secret;

/// No key file and no secret is larger.
const MAX_FILE: u64 = 64 * 1024;

/// What a profile may ask of its surroundings.
pub trait Environment {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<OsString>;

    /// The folder that `~/` means.
    fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
    }
}

/// The surroundings of this process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn variable(&self, name: &str) -> Option<OsString> {
        env::var_os(name)
    }
}

/// Where the value stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reference<'a> {
    /// In an environment variable.
    Env(&'a str),
    /// In a file.
    File(&'a str),
}

/// Whether others may read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    /// Public keys: whoever likes.
    Anyone,
    /// Secrets: only the owner.
    OwnerOnly,
}

/// A path as the profile writes it: relative to the profile's folder, or to the home folder with `~/`.
pub(super) fn path(text: &str, folder: &Path, environment: &dyn Environment) -> Option<PathBuf> {
    match text.strip_prefix("~/") {
        Some(rest) => environment.home().map(|home| home.join(rest)),
        None => Some(folder.join(text)),
    }
}

/// Reads the value, without the line end at its end. Errors name the variable or the path, and nothing of what stands there.
pub(super) fn resolve(
    reference: Reference<'_>,
    readers: Readers,
    span: Span,
    folder: &Path,
    environment: &dyn Environment,
) -> Result<Secret<String>, Draft> {
    let fail = |message: String| Draft::new(Code::Reference, span, message);
    let (bytes, what) = match reference {
        Reference::Env(name) => {
            let good =
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.starts_with(|c: char| c.is_ascii_digit());
            if name.is_empty() || !good {
                let draft = fail("`!env` is followed by the name of an environment variable".to_owned());
                return Err(draft.hint("names have letters, digits and underscores, such as `!env CLUSTER_PASSWORD_HASH`"));
            }
            let what = format!("the environment variable `{name}`");
            let value = environment
                .variable(name)
                .ok_or_else(|| fail(format!("{what} is not set")).hint(format!("set it for this command: `{name}=… berry-image …`")))?;
            (value.into_encoded_bytes(), what)
        }
        Reference::File(text) => {
            if text.is_empty() {
                return Err(fail("`!file` is followed by a path".to_owned())
                    .hint("relative paths count from the profile's folder; `~/` is the home folder"));
            }
            let path = path(text, folder, environment)
                .ok_or_else(|| fail("there is no home folder for `~/`".to_owned()).hint("set HOME, or write the whole path"))?;
            (read(&path, readers, span)?, format!("the file {}", shown(&path.display().to_string())))
        }
    };
    let text = String::from_utf8(bytes).map_err(|_| {
        let hint = "only text is read here; `gpg --export --armor` exports a key as text";
        fail(format!("{what} is not UTF-8")).hint(hint)
    })?;
    let value = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if value.trim().is_empty() {
        return Err(fail(format!("{what} is empty")));
    }
    Ok(Secret::new(value.to_owned()))
}

fn read(path: &Path, readers: Readers, span: Span) -> Result<Vec<u8>, Draft> {
    let name = shown(&path.display().to_string());
    let fail = |message: String| Draft::new(Code::Reference, span, message);
    let io_error = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => fail(format!("there is no file {name}")).hint("relative paths count from the profile's folder"),
        _ => fail(format!("the file {name} cannot be read: {error}")),
    };
    // Asked before opening, because opening a pipe would wait for its writer.
    if !fs::metadata(path).map_err(io_error)?.is_file() {
        return Err(fail(format!("{name} is no file")));
    }
    let file = File::open(path).map_err(io_error)?;
    let metadata = file.metadata().map_err(io_error)?;
    if readers == Readers::OwnerOnly
        && let Some(mode) = open_to_others(&metadata)
    {
        let draft = Draft::new(Code::SecretFileMode, span, format!("others can read the secret file {name}: its mode is {mode:04o}"));
        return Err(draft.hint(format!("chmod 600 {}", path.display())));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io_error)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(fail(format!("the file {name} is larger than {} KiB", MAX_FILE / 1024)));
    }
    Ok(bytes)
}

/// The permission bits, if group or others have any.
#[cfg(unix)]
fn open_to_others(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt;
    Some(metadata.permissions().mode() & 0o7777).filter(|mode| mode & 0o077 != 0)
}

/// Elsewhere there are no such bits.
#[cfg(not(unix))]
fn open_to_others(_: &fs::Metadata) -> Option<u32> {
    None
}
