//! `debian:SUITE`: a base for people without a download. mmdebstrap makes the file tree, our own writers make an image of it.
//!
//! It is the one thing that runs packages' scripts on the host (under emulation on a foreign processor), once; then the image is
//! cached and is a base like any other. It serves a Pi 3, 4, 400 and Zero 2 W; Debian's kernel does not drive a Pi 5.

pub mod archive;
mod assemble;
pub mod marker;
mod mirror;
pub mod recipe;
mod run;
mod tools;

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    sync::Arc,
};

use archive::ArchiveError;

use super::cache::{CacheError, Made, Scratch};
use crate::{
    decompress::{DecompressError, Format, decompress},
    disk::{Storage, mbr::MbrError},
    error::{Classified, Kind},
    ext4::write::WriteError,
    fat::FatError,
    progress::{Progress, Stop},
    tree::TreeError,
};

/// What can go wrong when a base is made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebianError {
    /// No recipe for it.
    #[error("`debian:{suite}` is not supported; supported: {}", recipe::SUITES.map(|suite| format!("debian:{suite}")).join(", "))]
    UnknownSuite {
        /// What was asked for.
        suite: String,
    },
    /// mmdebstrap exists on Linux only.
    #[error("a `debian:` base can be made on Linux only, this is {system}; an image file works here")]
    NotLinux {
        /// The operating system.
        system: String,
    },
    /// A program or file of the host is missing.
    #[error("{what} is missing; it {purpose}")]
    MissingTool {
        /// What is missing.
        what: &'static str,
        /// What it is needed for.
        purpose: &'static str,
        /// The command that installs it.
        command: &'static str,
    },
    /// The emulator is there but the kernel does not know of it.
    #[error("arm64 programs do not run on this machine: qemu-aarch64 is installed but not registered with the kernel")]
    NotRegistered,
    /// An ordinary user without sub-ids.
    #[error("this user has no range of at least 65536 numbers in /etc/subuid and /etc/subgid, which making a file tree without root needs")]
    NoSubIds,
    /// The program could not be started or watched.
    #[error("running {program} failed")]
    Start {
        /// The program.
        program: String,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The program ended with an error.
    #[error("{program} failed ({status}); its last lines:\n{output}")]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: String,
        /// Its last lines.
        output: String,
    },
    /// The user asked to stop.
    #[error("making the base was interrupted")]
    Interrupted,
    /// The hook of raspi-firmware has changed.
    #[error("raspi-firmware wrote the command line `{}`, expected `{}`", .found.trim_end(), .expected.trim_end())]
    CommandLine {
        /// What the hook wrote.
        found: String,
        /// What [`raspi_firmware`](super::raspi_firmware) says.
        expected: String,
    },
    /// Something that cannot be in a boot partition.
    #[error("`{path}` {reason}")]
    BootFile {
        /// Its path in the tree.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The archive that mmdebstrap wrote.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The tree in it.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The boot partition.
    #[error("making the boot partition")]
    Boot(#[from] FatError),
    /// The root file system.
    #[error("making the root file system")]
    Root(#[from] WriteError),
    /// The partition table.
    #[error("making the partition table")]
    Table(#[from] MbrError),
    /// Storing the image.
    #[error("storing the image")]
    Store(#[from] DecompressError),
    /// The cache.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

impl Classified for DebianError {
    fn kind(&self) -> Kind {
        match self {
            Self::UnknownSuite { .. } => Kind::Usage,
            Self::NotLinux { .. } | Self::MissingTool { .. } | Self::NotRegistered | Self::NoSubIds => Kind::Unsupported,
            Self::Start { .. } | Self::Failed { .. } => Kind::Io,
            Self::CommandLine { .. } | Self::BootFile { .. } => Kind::Unsupported,
            Self::Interrupted => Kind::Interrupted,
            Self::Archive(error) => error.kind(),
            Self::Tree(error) => error.kind(),
            Self::Boot(error) => error.kind(),
            Self::Root(error) => error.kind(),
            Self::Table(error) => error.kind(),
            Self::Store(error) => error.kind(),
            Self::Cache(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::MissingTool { command, .. } => Some(format!("`{command}`")),
            Self::NotRegistered => Some(
                "`sudo update-binfmts --enable qemu-aarch64`; in a container first \
                 `sudo mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc`"
                    .to_owned(),
            ),
            Self::NoSubIds => {
                Some("`sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER`, or run it as root".to_owned())
            }
            Self::Failed { output, .. } if output.contains("No space left") => {
                Some("set TMPDIR to a folder with 3 GiB of room, on a file system that is mounted without `nodev` and `noexec`".to_owned())
            }
            Self::Failed { output, .. } if output.contains("does not have a Release file") => {
                Some("this machine's mirror does not carry the suite; give apt a source of Debian that does, such as a line in /etc/apt/sources.list.d".to_owned())
            }
            Self::CommandLine { .. } => {
                Some("the package has changed; a newer berry-image may know it, an image file as the base works meanwhile".to_owned())
            }
            Self::Cache(error) => error.hint(),
            _ => None,
        }
    }
}

/// The cache's name for the base of `suite`.
///
/// # Errors
/// When there is no recipe for the suite.
pub fn key(suite: &str) -> Result<String, DebianError> {
    if !recipe::SUITES.contains(&suite) {
        return Err(DebianError::UnknownSuite { suite: suite.to_owned() });
    }
    Ok(recipe::key(suite))
}

/// Makes the image of `suite` in the empty file `image`, by way of an archive in `scratch`; takes minutes.
///
/// # Errors
/// As [`make_tree`]; when the tree cannot become an image, or `raspi-firmware` wrote another command line than expected.
pub fn make(suite: &str, scratch: &Scratch<'_>, image: &File, progress: &dyn Progress, stop: &Stop) -> Result<Made, DebianError> {
    let archive = scratch.temp()?;
    let output = archive.file().try_clone().map_err(|source| DebianError::Start { program: "mmdebstrap".to_owned(), source })?;
    make_tree(suite, output, progress, stop)?;
    let storage: Arc<dyn Storage> = archive.storage()?;
    let extents = assemble::image(suite, &storage)?;
    let stored = decompress(Format::Raw, &extents, image, progress, stop)?;
    Ok(Made { size: stored.size, sha256: stored.sha256 })
}

/// Makes the file tree of `suite` as a tar archive in `output`; takes minutes.
///
/// # Errors
/// When the suite is unknown, something of the host is missing, mmdebstrap fails, or `stop` is requested.
pub fn make_tree(suite: &str, output: File, progress: &dyn Progress, stop: &Stop) -> Result<(), DebianError> {
    key(suite)?;
    let mode = tools::check(&tools::ThisHost)?;
    let sources = sources(suite);
    let program = tools::find("mmdebstrap").unwrap_or_else(|| "mmdebstrap".into());
    let mut command = Command::new(program);
    command.args(recipe::arguments(mode, suite, &sources));
    // SOURCE_DATE_EPOCH, the proxy and TMPDIR reach it as they are.
    command.env(recipe::SETTINGS_VARIABLE, recipe::firmware_settings()).env("LC_ALL", "C.UTF-8");
    match sources.first() {
        Some(source) => progress.note(&format!("making debian:{suite} from this machine's apt sources (`{source}`)")),
        None => progress.note(&format!("making debian:{suite} from the default mirror")),
    }
    run::run(command, output, progress, stop)
}

/// Lines for apt of `suite`, its updates and its security fixes, where this machine's own apt has them from; empty when it has none of
/// Debian's.
#[must_use]
pub fn sources(suite: &str) -> Vec<String> {
    mirror::sources(Path::new("/etc/apt"), suite, is_debian())
}

fn is_debian() -> bool {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    text.lines().any(|line| line.trim_end() == "ID=debian") && !Path::new("/etc/rpi-issue").exists()
}
