//! What a command works on: profile, base, ledger, epoch.

use std::{
    env,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use super::{args::ProfileArguments, failure::Failure, report::Report, units};
use crate::{
    base::{self, Base},
    disk::table::Scheme,
    error::Kind,
    lock::{Lock, bundle},
    node::ledger::Ledger,
    profile::{self, BaseReference, ProcessEnvironment, Profile},
    progress::{Progress as _, Stop},
};

/// Reads the profile with all that it refers to, and prints its problems if there are any.
pub(super) fn profile(arguments: &ProfileArguments, report: &Report) -> Result<Profile, Failure> {
    let mut profile = load(&arguments.profile, report)?;
    if let Some(text) = &arguments.base {
        profile.base = base_argument(text)?;
    }
    Ok(profile)
}

/// Reads the profile at a path, and shows what is wrong or odd about it.
pub(super) fn load(path: &Path, report: &Report) -> Result<Profile, Failure> {
    let loaded = profile::load(path, &ProcessEnvironment).map_err(|errors| {
        report.line(errors.report().render(std::io::stderr().is_terminal(), report.width()).trim_end());
        let problems = errors.report().problems().len() + errors.report().more();
        Failure::new(Kind::Usage, format!("{} in {}", units::count(problems, "problem"), shown(path)))
    })?;
    if !loaded.warnings.is_empty() {
        report.line(loaded.warnings.render(std::io::stderr().is_terminal(), report.width()).trim_end());
    }
    Ok(loaded.profile)
}

/// `--base`: as the key `base`, but relative paths count from the working folder.
fn base_argument(text: &str) -> Result<BaseReference, Failure> {
    let here = env::current_dir().map_err(|error| Failure::new(Kind::Io, format!("the working folder cannot be told: {error}")))?;
    BaseReference::parse(text, &here, &ProcessEnvironment).map_err(|error| Failure::from(error).while_doing("--base"))
}

/// Where a base may come from.
pub(super) struct From<'a> {
    /// This computer alone.
    pub(super) offline: bool,
    /// A bundle, and the lock that says what is in it.
    pub(super) bundle: Option<&'a Path>,
    pub(super) lock: Option<&'a Lock>,
}

/// Fetches, unpacks or makes the base, or takes it from a bundle, and reads it.
pub(super) fn base(profile: &Profile, from: &From<'_>, report: &Report, stop: &Stop) -> Result<Base, Failure> {
    let From { offline, bundle, lock } = *from;
    let cache = base::cache::Cache::open_default()?;
    let raw = match (bundle, lock) {
        (Some(folder), Some(lock)) => bundle::base(folder, lock, &profile.base, &cache, report, stop)?,
        (Some(_), None) => {
            return Err(Failure::new(Kind::Refused, "--bundle without a lock: nothing would say what must be in the bundle")
                .with_hint("put the lock that was made with the bundle beside the profile; compare it with the original"));
        }
        (None, _) => base::source::obtain(&profile.base, &cache, offline, report, stop)?,
    };
    let base = Base::read(raw)?;
    if base.table.scheme() == Scheme::Gpt {
        // Their boot ROM finds the boot partition in a master boot record or not at all.
        report.note(&format!("warning: {} has a GUID partition table (GPT), and so have its images:", base.name));
        report.note("         a Raspberry Pi up to the 3, a Zero and a Zero 2 W do not boot from such a card; a Pi 4, 400 or 5 does");
    }
    Ok(base)
}

/// Where the ledger is.
pub(super) fn ledger_path(arguments: &ProfileArguments) -> PathBuf {
    arguments.ledger.clone().unwrap_or_else(|| arguments.profile.with_extension("ledger"))
}

/// Where the lock is.
pub(super) fn lock_path(arguments: &ProfileArguments) -> PathBuf {
    arguments.lock.clone().unwrap_or_else(|| arguments.profile.with_extension("lock"))
}

/// The folder of the images: the one that is named, or that of the cluster.
pub(super) fn output_folder(named: Option<&Path>, profile: &Profile) -> PathBuf {
    named.map_or_else(|| Path::new("images").join(&profile.cluster), Path::to_owned)
}

/// The lock that is there, for a profile that asks for packages.
pub(super) fn lock(arguments: &ProfileArguments, profile: &Profile) -> Result<Option<Lock>, Failure> {
    if profile.packages.is_empty() { Ok(None) } else { Ok(Lock::load(&lock_path(arguments))?) }
}

/// The identities for a command that writes nothing: the ledger's, or, where a node has none yet, provisional ones, of the time of a lock.
pub(super) fn ledger_to_look_at(arguments: &ProfileArguments, profile: &Profile, lock: Option<&Lock>) -> Result<Ledger, Failure> {
    match Ledger::load(&ledger_path(arguments))? {
        Some(mut ledger) => {
            let has_new = ledger.ensure(profile)?;
            Ok(if has_new { ledger.into_provisional() } else { ledger })
        }
        None => Ok(Ledger::provisional(profile, epoch_from_environment()?.or(lock.map(|lock| lock.epoch)).map_or_else(now, Ok)?)?),
    }
}

/// `SOURCE_DATE_EPOCH`, if it is set.
pub(super) fn epoch_from_environment() -> Result<Option<i64>, Failure> {
    let Some(text) = env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let number = text.to_str().and_then(|text| text.parse().ok()).filter(|epoch| (0..1 << 33).contains(epoch));
    number.map(Some).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("SOURCE_DATE_EPOCH is {text:?}, not a number of seconds since 1970"))
            .with_hint("for instance SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)")
    })
}

/// Now, in seconds since 1970.
pub(super) fn now() -> Result<i64, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_secs()).ok());
    since.ok_or_else(|| Failure::new(Kind::Io, "the clock of this computer stands before 1970"))
}

/// A path as it can be typed.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
