//! `berry-image cache`: what base images are kept, and cleaning up.

use std::{
    fmt::Write as _,
    path::Path,
    time::{Duration, SystemTime},
};

use clap::Subcommand;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{args, failure::Failure, report::Report, units};
use crate::{
    base::cache::{Cache, CacheError, Content, Item, Limits, Removed, Why},
    error::{Classified as _, Kind},
    progress::Stop,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// So much of a key says which it is.
const MIN_PREFIX: usize = 8;

/// What to do with the cache.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List what is in the cache
    Ls {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove images, downloads or (all) `packages`, unless they are in use
    Rm {
        /// Key or name as `ls` shows it, or the beginning of a key
        #[arg(required = true)]
        name: Vec<String>,
    },
    /// Remove what is left of interrupted work, and images beyond the limits
    ///
    /// Without a limit no whole image and no package is removed. What is in use stays.
    Gc {
        /// Remove images and packages that were not used for so many days
        #[arg(long, value_name = "DAYS")]
        older_than: Option<u32>,

        /// Remove the images and packages that were not used for longest, until all take no more than this (for instance 10GiB)
        #[arg(long, value_name = "SIZE", value_parser = size)]
        keep: Option<u64>,

        /// Only tell what would be removed
        #[arg(long)]
        dry_run: bool,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read all images and packages and compare their SHA-256; damaged ones are removed
    Verify,
    /// Print where the cache is
    Path,
}

pub(super) fn run(options: &args::Cache, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let root = std::path::absolute(Cache::default_root()?)
        .map_err(|error| Failure::new(Kind::Io, format!("the path of the cache cannot be told: {error}")))?;
    let cache = Cache::existing(&root);
    match &options.command {
        Command::Path => report.result(&format!("{}\n", root.display())),
        Command::Ls { json } => ls(cache.as_ref(), &root, *json, report),
        Command::Rm { name } => rm(cache.as_ref(), name, report),
        Command::Gc { older_than, keep, dry_run, json } => {
            let limits = Limits { max_age: older_than.map(|days| DAY.saturating_mul(days)), max_stored: *keep };
            gc(cache.as_ref(), &limits, *dry_run, *json, report)
        }
        Command::Verify => verify(cache.as_ref(), report, stop),
    }
}

fn inventory(cache: Option<&Cache>) -> Result<Vec<Item>, Failure> {
    Ok(cache.map(Cache::inventory).transpose()?.unwrap_or_default())
}

fn ls(cache: Option<&Cache>, root: &Path, as_json: bool, report: &Report) -> Result<(), Failure> {
    let items = inventory(cache)?;
    if as_json {
        let entries: Vec<Value> = items.iter().map(entry).collect();
        let stored: u64 = items.iter().map(|item| item.stored).sum();
        return report.json(&json!({ "path": root, "stored": stored, "entries": entries }));
    }
    let now = SystemTime::now();
    let names: Vec<String> = items.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default().clamp(4, 60);
    let mut text = String::new();
    for (item, name) in items.iter().zip(&names) {
        let state = match (item.content, item.in_use) {
            (Content::Image | Content::Packages, true) => "in use".to_owned(),
            (Content::Image | Content::Packages, false) => format!("used {}", age(now, item.last_used)),
            (Content::Download, true) => format!("{}, goes on now", progress(item)),
            (Content::Download, false) => format!("{}, last {}", progress(item), age(now, item.last_used)),
            (Content::Remains, _) => "not whole".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<width$}  {:>9}  {state}\n    {}", units::bytes(item.stored), harmless(&item.key));
    }
    let stored = units::bytes(items.iter().map(|item| item.stored).sum());
    let count = units::count(items.len(), "item");
    let _ = writeln!(text, "{count}, {stored} in {}", root.display());
    report.result(&text)
}

fn entry(item: &Item) -> Value {
    let content = match item.content {
        Content::Image => "image",
        Content::Packages => "packages",
        Content::Download => "download",
        Content::Remains => "remains",
    };
    json!({
        "key": item.key,
        "content": content,
        "origin": item.origin,
        "size": item.size,
        "stored": item.stored,
        "total": item.total,
        "last_used": OffsetDateTime::from(item.last_used).replace_nanosecond(0).ok().and_then(|time| time.format(&Rfc3339).ok()),
        "in_use": item.in_use,
    })
}

fn rm(cache: Option<&Cache>, names: &[String], report: &Report) -> Result<(), Failure> {
    let items = inventory(cache)?;
    let mut chosen: Vec<&Item> = Vec::new();
    for wanted in names {
        chosen.extend(select(&items, wanted)?);
    }
    chosen.sort_by(|one, other| one.key.cmp(&other.key).then(one.size.cmp(&other.size)));
    chosen.dedup_by(|one, other| std::ptr::eq(*one, *other));
    let mut in_use = Vec::new();
    for item in chosen {
        let is_removed = cache.map(|cache| cache.remove_unused(item)).transpose()?.unwrap_or_default();
        if is_removed {
            report.result(&format!("removed {}, {}\n", name(item), units::bytes(item.stored)))?;
        } else {
            in_use.push(format!("`{}`", name(item)));
        }
    }
    if in_use.is_empty() {
        return Ok(());
    }
    let (is, names) = (if in_use.len() == 1 { "is" } else { "are" }, in_use.join(", "));
    Err(Failure::new(Kind::Refused, format!("{names} {is} in use and not removed"))
        .with_hint("wait until the berry-image that uses it is done, or end it"))
}

/// What a name stands for: all with this key or origin, else the only one whose key begins so.
fn select<'a>(items: &'a [Item], wanted: &str) -> Result<Vec<&'a Item>, Failure> {
    let exact: Vec<_> =
        items.iter().filter(|item| item.key == wanted || name(item) == wanted || item.origin.as_deref() == Some(wanted)).collect();
    if !exact.is_empty() {
        return Ok(exact);
    }
    let begins = |item: &&Item| {
        let digits = item.key.strip_prefix("file-").unwrap_or(&item.key);
        wanted.len() >= MIN_PREFIX && (item.key.starts_with(wanted) || digits.starts_with(wanted))
    };
    let found: Vec<_> = items.iter().filter(begins).collect();
    let mut keys: Vec<_> = found.iter().map(|item| item.key.as_str()).collect();
    keys.dedup();
    match keys.len() {
        1 => Ok(found),
        0 => Err(Failure::new(Kind::Usage, format!("nothing in the cache is called `{}`", harmless(wanted)))
            .with_hint("`berry-image cache ls` shows keys and names")),
        _ => Err(Failure::new(Kind::Usage, format!("`{}` may be each of {}", harmless(wanted), keys.join(", ")))),
    }
}

fn gc(cache: Option<&Cache>, limits: &Limits, dry_run: bool, as_json: bool, report: &Report) -> Result<(), Failure> {
    let removed = cache.map(|cache| cache.sweep(limits, SystemTime::now(), dry_run)).transpose()?.unwrap_or_default();
    let stored: u64 = removed.iter().map(|removed| removed.stored).sum();
    let why = |removed: &Removed| match removed.why {
        Why::Stale => "stale",
        Why::Old => "old",
        Why::Room => "room",
    };
    if as_json {
        let entries: Vec<_> =
            removed.iter().map(|removed| json!({ "name": removed.name, "why": why(removed), "stored": removed.stored })).collect();
        return report.json(&json!({ "dry_run": dry_run, "stored": stored, "removed": entries }));
    }
    let did = if dry_run { "would remove" } else { "removed" };
    let mut text: String = removed
        .iter()
        .map(|removed| format!("{did} {} ({}), {}\n", harmless(&removed.name), why(removed), units::bytes(removed.stored)))
        .collect();
    let _ = writeln!(text, "{did} {}, {}", units::count(removed.len(), "item"), units::bytes(stored));
    report.result(&text)
}

/// Goes on after an image that cannot be read; the worst that was found decides the exit code.
fn verify(cache: Option<&Cache>, report: &Report, stop: &Stop) -> Result<(), Failure> {
    let (mut damaged, mut unread, mut files) = (0, 0, 0);
    let mut worst: Option<CacheError> = None;
    for item in inventory(cache)?.iter().filter(|item| item.is_whole()) {
        let Some(cache) = cache else { break };
        if item.content == Content::Packages {
            let (sound, broken) = cache.verify_files(report, stop)?;
            files += broken.len();
            let removed = if broken.is_empty() { String::new() } else { format!(", {} damaged and removed", broken.len()) };
            report.result(&format!("{}: {} as stored{removed}\n", name(item), units::count(sound, "file")))?;
            worst = broken.into_iter().next().or(worst);
            continue;
        }
        let looked = cache.look(&item.key);
        let error = match looked.and_then(|entry| entry.map(|entry| cache.verify(&item.key, &entry, report, stop)).transpose()) {
            Ok(Some(())) => {
                report.result(&format!("{}: as it was stored\n", name(item)))?;
                continue;
            }
            // Gone meanwhile.
            Ok(None) => continue,
            Err(error) => error,
        };
        match error.kind() {
            Kind::Interrupted => return Err(error.into()),
            Kind::Verification => {
                damaged += 1;
                report.result(&format!("{}: damaged, removed\n", name(item)))?;
            }
            _ => {
                unread += 1;
                report.result(&format!("{}: not verified: {error}\n", name(item)))?;
            }
        }
        if worst.as_ref().is_none_or(|worst| worst.kind().exit_code() < error.kind().exit_code()) {
            worst = Some(error);
        }
    }
    let Some(error) = worst else { return Ok(()) };
    let found: Vec<String> = [(damaged, "image", "damaged"), (unread, "image", "not verified"), (files, "file", "damaged")]
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, what, how)| format!("{} {how}", units::count(count, what)))
        .collect();
    Err(Failure::from(error).while_doing(found.join(", ")))
}

/// How it is called: a file's name, an address, `debian:SUITE`; the key where that is not known.
fn name(item: &Item) -> String {
    harmless(item.origin.as_deref().unwrap_or(&item.key))
}

fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn progress(item: &Item) -> String {
    match item.total {
        Some(total) => format!("download, {} of {}", units::bytes(item.size), units::bytes(total)),
        None => format!("download, {} so far", units::bytes(item.size)),
    }
}

fn age(now: SystemTime, then: SystemTime) -> String {
    let days = now.duration_since(then).unwrap_or_default().as_secs() / DAY.as_secs();
    match days {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    }
}

/// `10GiB`, `500 MiB`, `0`.
fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim() {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err("write a number and KiB, MiB, GiB or TiB".to_owned()),
    };
    let number: Option<u64> = number.parse().ok();
    number.and_then(|number| number.checked_mul(1 << shift)).ok_or_else(|| "write a number and KiB, MiB, GiB or TiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        let sizes = ["0", "10GiB", "500 MiB", "7B"].map(|text| size(text).unwrap());
        assert_eq!(sizes, [0, 10 << 30, 500 << 20, 7]);
        assert!(["", "GiB", "10 GB", "-1", "99999999999 TiB"].iter().all(|text| size(text).is_err()));
    }
}
