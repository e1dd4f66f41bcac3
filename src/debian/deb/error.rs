//! What can be wrong with a package.

use std::{fmt, io};

use super::limits;
use crate::{
    decompress::DecompressError,
    error::{Classified, Kind},
    tar::TarError,
};

/// Why a package is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebError {
    /// Reading the package, or what was decompressed from it, failed.
    #[error("reading the package failed")]
    Read(#[source] io::Error),
    /// There is no place for decompressed data.
    #[error("no file could be made for the package's decompressed data")]
    Scratch(#[source] io::Error),
    /// The outer archive is not one of a package.
    #[error("the package is not sound at {offset}: {fault}")]
    Ar {
        /// Where, in bytes.
        offset: u64,
        /// What is wrong.
        fault: ArFault,
    },
    /// Another major version of the format.
    #[error("the package has the format `{found}`, expected 2.0")]
    Version {
        /// The first line of its `debian-binary`, unprintable bytes escaped.
        found: String,
    },
    /// A member that is compressed in another way.
    #[error("the package has a member `{member}`, expected a {part} member without compression or with .gz, .xz or .zst")]
    Compression {
        /// Which of the two.
        part: Part,
        /// Its name.
        member: String,
    },
    /// A member does not decompress.
    #[error("the {part} member of the package does not decompress")]
    Decompress {
        /// Which of the two.
        part: Part,
        /// What went wrong.
        #[source]
        source: DecompressError,
    },
    /// A member that is not compressed is too large.
    #[error("the {part} member of the package has {size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// Which of the two.
        part: Part,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A member is no sound tar archive.
    #[error("the {part} member of the package")]
    Tar {
        /// Which of the two.
        part: Part,
        /// What is wrong.
        #[source]
        source: TarError,
    },
    /// More members, or longer names, than any package has.
    #[error(
        "the {part} member of the package holds more than {} files, or more than {} MiB of their names",
        limits::MAX_MEMBERS,
        limits::MAX_TEXT >> 20
    )]
    TooMany {
        /// Which of the two.
        part: Part,
    },
    /// A file of the control member that cannot be one.
    #[error("`{path}` of the package's control member {fault}")]
    Control {
        /// Its path, unprintable bytes escaped.
        path: String,
        /// What is wrong.
        fault: ControlFault,
    },
    /// A member of the data archive that cannot be one.
    #[error("`{path}` of the package {fault}")]
    Member {
        /// Its path as shipped, unprintable bytes escaped.
        path: String,
        /// What is wrong.
        fault: MemberFault,
    },
    /// The user asked to stop.
    #[error("reading the package was interrupted")]
    Interrupted,
}

/// One of the two members that hold files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `control.tar`.
    Control,
    /// `data.tar`.
    Data,
}

impl Part {
    /// The name of the member without the suffix of its compression.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control.tar",
            Self::Data => "data.tar",
        }
    }

    pub(super) const fn limit(self) -> u64 {
        match self {
            Self::Control => limits::MAX_CONTROL,
            Self::Data => limits::MAX_DATA,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "control",
            Self::Data => "data",
        })
    }
}

/// What is wrong with the outer archive; names have unprintable bytes escaped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArFault {
    /// It does not begin as one.
    #[error("it is no Debian package, which begins with `!<arch>`")]
    Magic,
    /// The format before 1996.
    #[error("it is a package of the format before 2.0, which is not supported")]
    OldFormat,
    /// It ends in the middle of something.
    #[error("it is cut off")]
    Truncated,
    /// The header of a member is damaged.
    #[error("the header of a member is damaged")]
    Header,
    /// A member claims more than there is.
    #[error("the member `{member}` has {size} bytes, but only {left} are left")]
    Size {
        /// Its name.
        member: String,
        /// Its size in bytes.
        size: u64,
        /// What is left, in bytes.
        left: u64,
    },
    /// A member of odd size must have a line end behind it.
    #[error("the byte behind a member of odd size is no line end")]
    Padding,
    /// `debian-binary` is not text of a version and a line end.
    #[error("`debian-binary` does not begin with a line of a version")]
    Version,
    /// A member stands where another is expected.
    #[error("the member `{found}` stands where `{expected}` is expected")]
    Order {
        /// Its name.
        found: String,
        /// What is expected here.
        expected: &'static str,
    },
    /// It ends before a member it needs.
    #[error("it has no `{0}`")]
    Missing(&'static str),
    /// A member comes a second time.
    #[error("it has a second `{0}`")]
    Twice(String),
}

/// What is wrong with a file of the control member; reads on after its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ControlFault {
    /// The control member must hold plain files, and perhaps its root folder.
    #[error("is no plain file, which all of them are")]
    Kind,
    /// Names are as those of files in dpkg's database: plain, not below a folder, not its `list`.
    #[error("has a name that no file of a control member has")]
    Name,
    /// A name that another one has.
    #[error("is there twice")]
    Twice,
    /// Too large.
    #[error("has {0} bytes, at most {limit} are allowed", limit = limits::MAX_CONTROL_FILE)]
    TooLarge(u64),
    /// The file `control` is missing.
    #[error("is missing")]
    Missing,
    /// The file `control` is no text.
    #[error("is no UTF-8 text")]
    NotText,
}

/// What is wrong with a member of the data archive; reads on after its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MemberFault {
    /// Paths in an archive are relative to the root.
    #[error("has an absolute path")]
    Absolute,
    /// A path with `..`.
    #[error("has a path with `..`")]
    DotDot,
    /// A path with `.` that is not its beginning.
    #[error("has a path with `.` in it")]
    Dot,
    /// A path with two slashes, or none at all.
    #[error("has a path with an empty name")]
    EmptyName,
    /// A line end, which dpkg's database cannot hold.
    #[error("has a path with a line end")]
    LineEnd,
    /// A name that dpkg could not unpack.
    #[error("has a path with a name of more than {} bytes", limits::MAX_NAME)]
    NameTooLong,
    /// A path that dpkg could not unpack.
    #[error("has a path of more than {} bytes", limits::MAX_PATH)]
    PathTooLong,
    /// The root is something else than a folder.
    #[error("is the root, but no folder")]
    Root,
    /// A path that another member has; only folders may come twice.
    #[error("is there twice")]
    Twice,
    /// Something below a symbolic link of the same archive, whose target only the system knows.
    #[error("lies below a symbolic link of the same package")]
    BelowSymlink,
    /// Something below a file, device or pipe of the same archive.
    #[error("lies below what is no folder in the same package")]
    BelowFile,
    /// A hard link to something else than an earlier regular file of the same archive.
    #[error("is a hard link to what is no earlier regular file of the package")]
    HardLink,
    /// A symbolic link to nothing.
    #[error("is a symbolic link without a target")]
    EmptyTarget,
    /// A symbolic link to a path of more than 4095 bytes.
    #[error("is a symbolic link with a target of more than {} bytes", limits::MAX_TARGET)]
    TargetTooLong,
    /// The number that stands for no user or group at all.
    #[error("belongs to user or group 4294967295, which is none")]
    Owner,
}

impl Classified for DebError {
    fn kind(&self) -> Kind {
        match self {
            Self::Read(_) | Self::Scratch(_) => Kind::Io,
            Self::Ar { fault: ArFault::OldFormat, .. } | Self::Version { .. } | Self::Compression { .. } => Kind::Unsupported,
            Self::Decompress { source, .. } => source.kind(),
            Self::Tar { source, .. } => source.kind(),
            Self::Ar { .. } | Self::TooLarge { .. } | Self::TooMany { .. } | Self::Control { .. } | Self::Member { .. } => Kind::Corrupt,
            Self::Interrupted => Kind::Interrupted,
        }
    }
}
