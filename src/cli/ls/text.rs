//! For people and for pipes: one name in a line.

use std::{fmt::Write as _, io::Write};

use time::{OffsetDateTime, macros::format_description};

use super::{Listing, put};
use crate::{
    cli::failure::Failure,
    image::printable,
    tree::{Inode, InodeId, Kind, Time},
};

/// The columns before time and name.
type Columns = [String; 5];

impl Listing<'_> {
    pub(super) fn write_text(&self, output: &mut dyn Write) -> Result<(), Failure> {
        if !self.is_folder() {
            return self.write_names(output, &[(self.path, self.id)]);
        }
        let mut is_first = true;
        self.each_folder(&mut |path, id| {
            if self.options.recursive {
                let path = if path.is_empty() { "/".to_owned() } else { printable(path) };
                put(output, &format!("{}{path}:\n", if is_first { "" } else { "\n" }))?;
                is_first = false;
            }
            let children = self.image.tree().inode(id).children().into_iter().flatten();
            let names: Vec<(&[u8], InodeId)> = children.map(|(name, id)| (name.as_bytes(), *id)).collect();
            self.write_names(output, &names)
        })
    }

    fn write_names(&self, output: &mut dyn Write, names: &[(&[u8], InodeId)]) -> Result<(), Failure> {
        if !self.options.long && !self.options.numeric {
            return names.iter().try_for_each(|(name, _)| put(output, &(printable(name) + "\n")));
        }
        // Twice, as a folder may have very many names and each has several texts.
        let mut widths = [0; 5];
        for (_, id) in names {
            for (width, column) in widths.iter_mut().zip(self.columns(*id)) {
                *width = column.chars().count().max(*width);
            }
        }
        let [_, links, user, group, size] = widths;
        for (name, id) in names {
            let inode = self.image.tree().inode(*id);
            let [mode, its_links, its_user, its_group, its_size] = self.columns(*id);
            let mut line = format!("{mode:<0$} {its_links:>links$} {its_user:<user$} {its_group:<group$} ", widths[0]);
            // Writing to a String cannot fail.
            let _ = write!(line, "{its_size:>size$} {} {}", date(inode.meta.mtime), printable(name));
            if let Kind::Symlink(target) = &inode.kind {
                let _ = write!(line, " -> {}", printable(target));
            }
            put(output, &(line + "\n"))?;
        }
        Ok(())
    }

    fn columns(&self, id: InodeId) -> Columns {
        let inode = self.image.tree().inode(id);
        let name = |name: Option<&str>, number: u32| match name {
            Some(name) if !self.options.numeric => printable(name.as_bytes()),
            _ => number.to_string(),
        };
        let size = match &inode.kind {
            // How many bytes its list of names takes depends on the file system, which is not kept.
            Kind::Directory(_) => "-".to_owned(),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => format!("{major},{minor}"),
            _ => inode.size().to_string(),
        };
        let (uid, gid) = (inode.meta.uid, inode.meta.gid);
        [mode(inode), self.image.links(id).to_string(), name(self.accounts.user(uid), uid), name(self.accounts.group(gid), gid), size]
    }
}

/// `drwxr-xr-x` and so on, with a `+` behind it where an access list says more.
fn mode(inode: &Inode) -> String {
    let bits = inode.meta.permissions;
    let mut text = String::with_capacity(11);
    text.push(match inode.kind {
        Kind::Directory(_) => 'd',
        Kind::File(_) => '-',
        Kind::Symlink(_) => 'l',
        Kind::CharDevice { .. } => 'c',
        Kind::BlockDevice { .. } => 'b',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
    });
    // Setuid, setgid and sticky are shown in the place of an `x`: small with it, a capital without.
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let three = bits >> shift;
        text.push(if three & 4 != 0 { 'r' } else { '-' });
        text.push(if three & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & special != 0, three & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    if inode.xattrs.keys().any(|name| name.starts_with(b"system.posix_acl_")) {
        text.push('+');
    }
    text
}

/// A time in UTC to the second, all of the same width.
fn date(time: Time) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let date = OffsetDateTime::from_unix_timestamp(time.seconds).ok().and_then(|date| date.format(&format).ok());
    date.unwrap_or_else(|| format!("@{}", time.seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Meta;

    #[test]
    fn modes_are_as_ls_shows_them() {
        let mode = |permissions, kind| mode(&Inode::new(Meta::new(permissions, 0, 0, Time::default()), kind));
        assert_eq!(mode(0o1777, Kind::directory()), "drwxrwxrwt");
        assert_eq!(mode(0o1776, Kind::directory()), "drwxrwxrwT");
        assert_eq!(mode(0o4755, Kind::Fifo), "prwsr-xr-x");
        assert_eq!(mode(0o6640, Kind::Socket), "srwSr-S---");
        assert_eq!(mode(0o777, Kind::Symlink(Vec::new())), "lrwxrwxrwx");
        assert_eq!(mode(0, Kind::BlockDevice { major: 1, minor: 2 }), "b---------");
    }

    #[test]
    fn dates_are_utc() {
        let date = |seconds| date(Time::from_seconds(seconds));
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(-(1 << 31)), "1901-12-13T20:45:52Z");
        assert_eq!(date((1 << 34) - (1 << 31) - 1), "2446-05-10T22:38:55Z");
        assert_eq!(date(i64::MAX), format!("@{}", i64::MAX));
    }
}
