//! What can be typed; the doc comments are the help.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand};

/// One stock Raspberry Pi image and one profile of a cluster in, one ready SD image per node out.
///
/// Building from an image needs no root, no loop device, no chroot and no emulator. The result goes to standard output, progress and
/// messages to standard error.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 80)]
#[command(after_help = "Exit codes: 0 done, 1 I/O or internal, 2 usage or profile, 3 verification failed, 4 refused, 130 interrupted.")]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write one SD image per node of a profile
    Build(Build),
    /// Show what `build` would do with each node; no image is written
    Plan(Plan),
    /// Check a profile, and that its base can carry it
    Check(Check),
    /// Choose the packages of a profile and pin them in its lock file
    Lock(Lock),
    /// Show what is in an image: partitions, file systems, system, identity
    Inspect(Inspect),
    /// Ask the nodes how far they are, over SSH
    Status(Status),
    /// List and clean the cache of base images
    Cache(Cache),
    /// List what is in an image, its file systems as one tree
    Ls(Ls),
    /// Print files that are in an image
    Cat(Cat),
    /// Print the JSON Schema of profiles, for editors
    Schema,
    /// Make the hash of a password for a profile (asks, or reads one line from standard input)
    HashPassword(HashPassword),
}

/// What every command that reads a profile takes.
#[derive(Debug, Args)]
pub(super) struct ProfileArguments {
    /// Profile of the cluster (YAML)
    pub(super) profile: PathBuf,

    /// Use another base than the profile's: a path, an address with #sha256=DIGEST, or debian:SUITE
    #[arg(long, value_name = "PATH|URL|debian:SUITE")]
    pub(super) base: Option<String>,

    /// File that keeps the identities of the nodes [default: the profile with the extension .ledger]
    #[arg(long, value_name = "PATH")]
    pub(super) ledger: Option<PathBuf>,

    /// File that pins the packages [default: the profile with the extension .lock]
    #[arg(long, value_name = "PATH")]
    pub(super) lock: Option<PathBuf>,

    /// Use nothing but this computer: what is not in the cache is an error
    #[arg(long)]
    pub(super) offline: bool,
}

/// Where base and packages may come from besides cache and network.
#[derive(Debug, Args)]
pub(super) struct BundleArguments {
    /// Take the base and the packages from this folder, which `lock --bundle` made
    #[arg(long, value_name = "DIR", conflicts_with = "base")]
    pub(super) bundle: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Build {
    #[command(flatten)]
    pub(super) profile: ProfileArguments,

    #[command(flatten)]
    pub(super) from: BundleArguments,

    /// Never make or move the lock: a missing one, or one that does not fit, is an error
    #[arg(long)]
    pub(super) locked: bool,

    /// Folder for the images [default: images/CLUSTER]
    #[arg(long, short, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,

    /// Build only this node (may be given more than once)
    #[arg(long, value_name = "NAME")]
    pub(super) node: Vec<String>,

    /// Threads that write at the same time [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) jobs: Option<u16>,

    /// Make new identities although images of this profile exist and their ledger is lost
    #[arg(long)]
    pub(super) new_identities: bool,

    /// Put the SHA-256 of each whole image into the manifest (slower)
    #[arg(long)]
    pub(super) sha256: bool,

    /// Do not wait until the images have reached the disk (for benchmarks)
    #[arg(long, hide = true)]
    pub(super) no_sync: bool,
}

#[derive(Debug, Args)]
pub(super) struct Plan {
    #[command(flatten)]
    pub(super) profile: ProfileArguments,

    #[command(flatten)]
    pub(super) from: BundleArguments,

    /// List every path that changes
    #[arg(long, short)]
    pub(super) verbose: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub(super) profile: ProfileArguments,

    #[command(flatten)]
    pub(super) from: BundleArguments,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Ask the nodes how far they are, over SSH.
///
/// Uses the ssh_config that `build` wrote. Ends with 0 when all nodes are ready, and with 3 when one is not, or does not answer.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// Profile of the cluster (YAML)
    pub(super) profile: PathBuf,

    /// Folder with the images and the ssh_config [default: images/CLUSTER]
    #[arg(long, short, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,

    /// Ask only this node (may be given more than once)
    #[arg(long, value_name = "NAME")]
    pub(super) node: Vec<String>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,

    /// Ask again every so many seconds until all are ready
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "10", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(super) watch: Option<u16>,
}

#[derive(Debug, Args)]
pub(super) struct Lock {
    #[command(flatten)]
    pub(super) profile: ProfileArguments,

    /// Take the newest version of these packages, or, without a name, of all
    ///
    /// Without this option a lock that fits stays as it is, and one that does not keeps every version that can still be had.
    #[arg(long, value_name = "PACKAGE", num_args = 0..)]
    pub(super) update: Option<Vec<String>>,

    /// Store the base and all packages in this folder, for `build --bundle`
    #[arg(long, value_name = "DIR")]
    pub(super) bundle: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// Image: raw, or packed with xz, gzip, zstd or zip
    pub(super) image: PathBuf,

    /// List every package, not only those that are to be configured, on hold or to be removed
    #[arg(long)]
    pub(super) packages: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Cache {
    #[command(subcommand)]
    pub(super) command: super::cache::Command,
}

#[derive(Debug, Args)]
pub(super) struct HashPassword {
    /// By SHA-512, for Raspbian stretch and buster, which do not know yescrypt
    #[arg(long)]
    pub(super) sha512: bool,
}

#[derive(Debug, Args)]
pub(super) struct Ls {
    /// Image (raw, or packed with xz, gzip, zstd or zip) and the path in it [default: /]
    ///
    /// The boot partition and the brick stand where the image's fstab mounts them. A link is shown itself; with a slash at its end the
    /// folder it leads to. Names are listed with the hidden ones, sorted by their bytes, and escaped as by `ls --escape`.
    #[arg(value_name = "IMAGE[:/PATH]")]
    pub(super) target: OsString,

    /// Show type and permissions, names, owner, group, size or device numbers, and time of the last change (UTC)
    #[arg(long, short)]
    pub(super) long: bool,

    /// As --long, with numbers of owner and group instead of their names in the image
    #[arg(long, short)]
    pub(super) numeric: bool,

    /// List what is in folders, too
    #[arg(long, short = 'R')]
    pub(super) recursive: bool,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Cat {
    /// Image (raw, or packed with xz, gzip, zstd or zip) and the path of a file in it; links are followed inside the image
    #[arg(value_name = "IMAGE:/PATH", required = true)]
    pub(super) targets: Vec<OsString>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        super::Arguments::command().debug_assert();
    }
}
