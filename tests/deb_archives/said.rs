//! What a reader makes of a package, in one form for all: a line for each member.

use std::{io, sync::Arc};

use berry_image::{
    debian::deb::{Deb, DebError, Member, MemberKind, Scratch},
    disk::Storage as _,
    progress::Stop,
};

pub struct Temporary;

impl Scratch for Temporary {
    fn file(&self) -> io::Result<std::fs::File> {
        tempfile::tempfile()
    }
}

pub fn read(bytes: &[u8]) -> Result<Deb, DebError> {
    Deb::read(Arc::new(bytes.to_vec()), &Temporary, &Stop::default())
}

/// As `tar -tv --full-time --numeric-owner` has it, but with an absolute path.
pub fn line(member: &Member) -> String {
    let (kind, size) = match &member.kind {
        MemberKind::Folder => ('d', "0".to_owned()),
        MemberKind::File { content, .. } => ('-', content.size().to_string()),
        MemberKind::HardLink(_) => ('h', "0".to_owned()),
        MemberKind::Symlink(_) => ('l', "0".to_owned()),
        MemberKind::CharDevice { major, minor } => ('c', format!("{major},{minor}")),
        MemberKind::BlockDevice { major, minor } => ('b', format!("{major},{minor}")),
        MemberKind::Fifo => ('p', "0".to_owned()),
    };
    let link = match &member.kind {
        MemberKind::HardLink(target) => format!(" link to {}", target.escape_ascii()),
        MemberKind::Symlink(target) => format!(" -> {}", target.escape_ascii()),
        _ => String::new(),
    };
    let Member { uid, gid, mtime, path, .. } = member;
    format!("{kind}{} {uid}/{gid} {size} {} {}{link}", bits(member.permissions), time(*mtime), path.escape_ascii())
}

/// As `ls -l` shows them.
fn bits(permissions: u16) -> String {
    let mut text = String::new();
    for (shift, special, letters) in [(6, 0o4000, ['s', 'S']), (3, 0o2000, ['s', 'S']), (0, 0o1000, ['t', 'T'])] {
        let bits = permissions >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (bits & 1 != 0, permissions & special != 0) {
            (false, false) => '-',
            (true, false) => 'x',
            (true, true) => letters[0],
            (false, true) => letters[1],
        });
    }
    text
}

/// As GNU tar shows a time in UTC: a date, or the seconds where the year has more than 31 bits.
fn time(seconds: i64) -> String {
    let (days, rest) = (i128::from(seconds).div_euclid(86400), seconds.rem_euclid(86400));
    // Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms".
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    // `struct tm` counts years from 1900, in an int.
    if i32::try_from(year - 1900).is_err() {
        return seconds.to_string();
    }
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// An error in a few words: the variant, and what distinguishes it.
pub fn short(error: &DebError) -> String {
    match error {
        DebError::Ar { fault, .. } => format!("Ar: {fault:?}"),
        DebError::Version { found } => format!("Version: {found}"),
        DebError::Compression { part, member } => format!("Compression: {part} {member}"),
        DebError::Decompress { part, source } => format!("Decompress: {part}: {source}"),
        DebError::Tar { part, source } => format!("Tar: {part}: {source}"),
        DebError::Control { path, fault } => format!("Control: {path}: {fault:?}"),
        DebError::Member { path, fault } => format!("Member: {}: {fault:?}", cut(path)),
        other => format!("{other:?}"),
    }
}

fn cut(path: &str) -> &str {
    path.get(..40).unwrap_or(path)
}
