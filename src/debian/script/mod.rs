//! What a maintainer script would do when it is called, found without running it.
//!
//! A script is read as a program of the shell and followed along every way that it can take: what is known (its arguments, what dpkg
//! puts into its environment, the files of the image, the packages installed) decides conditions; where something cannot be known, both
//! ways are looked at. Every command that may change something becomes an [`Effect`], in order; a command that is not known becomes
//! [`Effect::Other`]. So a script without effects changes nothing, and one whose effects are all understood does no more than they say.
//!
//! What is taken for granted: the script runs with `/` as its root and working folder, as root, with the environment of dpkg(1) and a
//! `PATH` of the usual six folders. Variables that nobody set are not set, except those a caller may well have (`HOME`, `TERM`,
//! `DEBIAN_FRONTEND`, …), which are not known. Nothing in `/proc`, `/sys` and `/dev` is known. A command that has effects does not fail,
//! and one that is in no folder of `PATH` does nothing. Questions of debconf change no files of the system.

mod commands;
mod effect;
mod error;
mod eval;
mod syntax;

use crate::tree::Tree;

pub use effect::{Done, Effect, Helper, PrimaryGroup, User};
pub use error::ScriptError;

/// The largest script that is looked at, in bytes.
pub const MAX_SIZE: usize = 256 << 10;

/// The system that a script would run on.
pub struct World<'a> {
    /// Its files as they are when the script is called.
    pub tree: &'a Tree,
    /// Its architecture.
    pub architecture: &'a str,
    /// What dpkg knows of the package of a name, which may be followed by a colon and an architecture.
    pub installed: &'a dyn Fn(&str) -> Option<Known>,
}

impl std::fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}

/// What dpkg knows of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The three words of its status: `install ok installed`.
    pub status: String,
    /// Its version; empty when there is none.
    pub version: String,
}

/// Which of the four scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Before a package is unpacked.
    Preinst,
    /// When it is configured.
    Postinst,
    /// Before it is removed or replaced.
    Prerm,
    /// After it was removed or replaced.
    Postrm,
}

impl Kind {
    /// The name of the script in a package.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preinst => "preinst",
            Self::Postinst => "postinst",
            Self::Prerm => "prerm",
            Self::Postrm => "postrm",
        }
    }
}

/// A script, and how it is called.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its text.
    pub script: &'a [u8],
    /// Which one it is.
    pub kind: Kind,
    /// The package's name.
    pub package: &'a str,
    /// The package's architecture, which may be `all`.
    pub package_architecture: &'a str,
    /// Its arguments: `install`, `upgrade 1.0-1 1.0-2`, `remove`, … (deb-preinst(5) and so on).
    pub arguments: &'a [&'a str],
}

/// What a script would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreseen {
    /// The changes, in order.
    pub effects: Vec<Done>,
}

impl Foreseen {
    /// Whether it changes nothing.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.effects.is_empty()
    }

    /// The changes that are not understood.
    pub fn unknown(&self) -> impl Iterator<Item = &Done> {
        self.effects.iter().filter(|done| !done.effect.is_understood())
    }
}

/// Finds out what a script would do.
///
/// # Errors
/// When it is no script for a shell, does not follow the shell's grammar, is too large, or takes too many steps.
pub fn foresee(call: &Call<'_>, world: &World<'_>) -> Result<Foreseen, ScriptError> {
    if call.script.len() > MAX_SIZE {
        return Err(ScriptError::TooLarge { size: call.script.len(), limit: MAX_SIZE });
    }
    let (bash, options) = interpreter(call.script)?;
    let text = String::from_utf8_lossy(call.script);
    let program = syntax::parse(&text, 1, bash)?;
    eval::run(call, world, &program, bash, options)
}

/// Whether the script is for bash, and the options its first line gives the shell.
fn interpreter(script: &[u8]) -> Result<(bool, &str), ScriptError> {
    let line = script.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let wrong = || ScriptError::NotShell(line.iter().take(40).copied().flat_map(std::ascii::escape_default).map(char::from).collect());
    let text = str::from_utf8(line).ok().and_then(|line| line.strip_prefix("#!")).ok_or_else(wrong)?;
    let mut words = text.split_ascii_whitespace();
    let mut program = words.next().ok_or_else(wrong)?;
    if program == "/usr/bin/env" {
        program = words.next().ok_or_else(wrong)?;
    }
    let bash = match program.rsplit('/').next() {
        Some("sh" | "dash") => false,
        Some("bash") => true,
        _ => return Err(wrong()),
    };
    if script.contains(&0) {
        return Err(wrong());
    }
    Ok((bash, words.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests;
