//! The clock of a computer that has none: time servers, and the time before they are reached.

use time::{OffsetDateTime, macros::format_description};

use super::edit::Editor;
use crate::{
    accounts::Accounts,
    base::facts::Facts,
    node::{NodeError, embedded},
    profile::Profile,
};

/// The user that systemd-timesyncd runs as.
const OWNER: &str = "systemd-timesync";

pub(super) fn apply(editor: &mut Editor, facts: &Facts, profile: &Profile) -> Result<(), NodeError> {
    if facts.fake_hwclock {
        let date = date(editor.epoch())?;
        editor.write("/etc/fake-hwclock.data", format!("{date}\n"))?;
    }
    let timesyncd = editor.unit("systemd-timesyncd.service").is_some();
    let owner = Accounts::parse(&editor.tree.read("/etc/passwd")?).find(OWNER);
    let numbers = owner.and_then(|fields| Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?)));
    if let Some((uid, gid)) = numbers.filter(|_| timesyncd) {
        // systemd-timesyncd sets the clock to this file's mtime when the clock is behind it.
        let clock = "/var/lib/systemd/timesync/clock";
        editor.folder("/var/lib/systemd/timesync", 0o755, uid, gid)?;
        // In the first trixie images it is a folder, by mistake.
        editor.remove(clock)?;
        editor.create(clock, 0o644, uid, gid, "")?;
    }
    if !profile.ntp.is_empty() {
        if !timesyncd {
            return Err(NodeError::Missing { path: "/lib/systemd/system/systemd-timesyncd.service".to_owned(), purpose: "`ntp`" });
        }
        let text = embedded::render(&embedded::TIMESYNCD, &[("servers", &profile.ntp.join(" "))])?;
        editor.create("/etc/systemd/timesyncd.conf.d/10-berry.conf", 0o644, 0, 0, text)?;
    }
    Ok(())
}

/// As fake-hwclock writes it: UTC, without a zone.
fn date(epoch: i64) -> Result<String, NodeError> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let time = OffsetDateTime::from_unix_timestamp(epoch).ok().filter(|time| (1970..=9999).contains(&time.year()));
    time.and_then(|time| time.format(format).ok()).ok_or(NodeError::Epoch { epoch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_utc() {
        assert_eq!(date(1_700_000_000).unwrap(), "2023-11-14 22:13:20");
        assert!(date(-1).is_err() && date(i64::MAX).is_err());
    }
}
