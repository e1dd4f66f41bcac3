//! The files of accounts: one record a line, fields parted by colons (passwd(5), shadow(5), group(5), gshadow(5), subuid(5)).
//!
//! Lines that are not touched stay byte for byte as they were, whatever they are.

use std::ops::RangeInclusive;

/// One of the files.
#[derive(Clone, Debug)]
pub struct Accounts {
    lines: Vec<Vec<u8>>,
}

impl Accounts {
    /// Reads a file, whatever it holds.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let lines = if body.is_empty() { Vec::new() } else { body.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
        Self { lines }
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
    }

    /// The fields of the first record of `name`.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Vec<String>> {
        let line = self.lines.iter().find(|line| key(line) == name.as_bytes())?;
        Some(fields(line).iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect())
    }

    /// The number (uid or gid) of `name`, from the third field of its first record.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        let line = self.lines.iter().find(|line| key(line) == name.as_bytes())?;
        std::str::from_utf8(fields(line).get(2)?).ok()?.parse().ok()
    }

    /// Whether a record has this number in its third field (uid or gid).
    #[must_use]
    pub fn has_number(&self, number: u32) -> bool {
        self.numbers().any(|taken| taken == number)
    }

    /// The numbers in the third fields.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        self.lines.iter().filter_map(|line| std::str::from_utf8(fields(line).get(2)?).ok()?.parse().ok())
    }

    /// The ranges of numbers of subuid(5): start in the second field, length in the third.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + '_ {
        self.lines.iter().filter_map(|line| {
            let number = |index: usize| std::str::from_utf8(fields(line).get(index)?).ok()?.parse::<u64>().ok();
            let (start, length) = (number(1)?, number(2)?);
            (length > 0).then(|| start..=start.saturating_add(length - 1))
        })
    }

    /// Appends a record.
    pub fn push(&mut self, record: &str) {
        // Lines that begin with `+` or `-` stand for NIS, and must stay last.
        let end = self.lines.iter().position(|line| matches!(line.first(), Some(b'+' | b'-'))).unwrap_or(self.lines.len());
        self.lines.insert(end, record.as_bytes().to_vec());
    }

    /// Removes all records of `name`.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|line| key(line) != name.as_bytes());
    }

    /// Sets a field, counted from 0, of all records of `name`; records without that field are left alone.
    pub fn set(&mut self, name: &str, index: usize, value: &str) {
        self.edit(|fields| {
            if fields.first().is_some_and(|field| field == name.as_bytes())
                && let Some(field) = fields.get_mut(index)
            {
                *field = value.as_bytes().to_vec();
            }
        });
    }

    /// Changes the second field, the password, of every record but that of `except`, by what `change` makes of it.
    pub fn each_password(&mut self, except: &str, change: impl Fn(&[u8]) -> Option<&'static str>) {
        self.edit(|fields| {
            let is_record = fields.first().is_some_and(|name| !name.is_empty() && !b"+-#".contains(&name[0]) && name != except.as_bytes());
            if let Some(password) = fields.get_mut(1).filter(|_| is_record)
                && let Some(value) = change(password)
            {
                *password = value.as_bytes().to_vec();
            }
        });
    }

    /// Renames `old` in the lists of members and administrators of groups: fields from the third on.
    pub fn rename_member(&mut self, old: &str, new: &str) {
        self.edit_members(|members| {
            for member in members.iter_mut().filter(|member| *member == old.as_bytes()) {
                *member = new.as_bytes().to_vec();
            }
        });
    }

    /// Takes `name` out of all lists of members and administrators of groups.
    pub fn remove_member(&mut self, name: &str) {
        self.edit_members(|members| members.retain(|member| member != name.as_bytes()));
    }

    /// Adds or removes `name` as a member (last field) of one group.
    pub fn set_member(&mut self, group: &str, name: &str, wanted: bool) {
        self.edit(|fields| {
            if fields.len() >= 4 && fields[0] == group.as_bytes() {
                let last = fields.len() - 1;
                let mut members = split(&fields[last]);
                let is_member = members.iter().any(|member| member == name.as_bytes());
                if wanted && !is_member {
                    members.push(name.as_bytes().to_vec());
                } else if !wanted {
                    members.retain(|member| member != name.as_bytes());
                }
                fields[last] = members.join(&b","[..]);
            }
        });
    }

    fn edit_members(&mut self, change: impl Fn(&mut Vec<Vec<u8>>)) {
        self.edit(|fields| {
            for field in fields.iter_mut().skip(2) {
                let mut members = split(field);
                let before = members.clone();
                change(&mut members);
                if members != before {
                    *field = members.join(&b","[..]);
                }
            }
        });
    }

    fn edit(&mut self, change: impl Fn(&mut Vec<Vec<u8>>)) {
        for line in &mut self.lines {
            let mut fields: Vec<Vec<u8>> = fields(line).into_iter().map(<[u8]>::to_vec).collect();
            change(&mut fields);
            *line = fields.join(&b":"[..]);
        }
    }
}

fn fields(line: &[u8]) -> Vec<&[u8]> {
    line.split(|byte| *byte == b':').collect()
}

fn key(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b':').next().unwrap_or_default()
}

fn split(list: &[u8]) -> Vec<Vec<u8>> {
    list.split(|byte| *byte == b',').filter(|member| !member.is_empty()).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &[u8] = b"root:x:0:\nsudo:x:27:pi,backup\n\xff odd\nvideo:x:44:pi\npi:x:1000:\n+:::\n";

    #[test]
    fn what_is_not_touched_stays_byte_for_byte() {
        for bytes in [GROUP, b"", b"a:b\n\n:\n"] {
            let mut file = Accounts::parse(bytes);
            file.set("nobody", 1, "x");
            file.rename_member("nobody", "somebody");
            assert_eq!(file.to_bytes(), bytes);
        }
        assert_eq!(Accounts::parse(b"a:b").to_bytes(), b"a:b\n");
    }

    #[test]
    fn members_are_whole_names() {
        let mut file = Accounts::parse(GROUP);
        file.rename_member("pi", "berry");
        file.set("pi", 0, "berry");
        assert_eq!(file.to_bytes(), b"root:x:0:\nsudo:x:27:berry,backup\n\xff odd\nvideo:x:44:berry\nberry:x:1000:\n+:::\n");
        file.set_member("sudo", "berry", false);
        file.set_member("video", "berry", true);
        file.set_member("root", "berry", true);
        file.push("new:x:1001:");
        assert_eq!(file.to_bytes(), b"root:x:0:berry\nsudo:x:27:backup\n\xff odd\nvideo:x:44:berry\nberry:x:1000:\nnew:x:1001:\n+:::\n");
        file.remove_member("backup");
        file.remove("root");
        assert!(file.find("root").is_none());
        assert_eq!(file.find("sudo").unwrap(), ["sudo", "x", "27", ""]);
        assert!(file.has_number(1000) && !file.has_number(2));
        assert_eq!((file.number("new"), file.number("root"), Accounts::parse(b"a:b").number("a")), (Some(1001), None, None));
    }

    #[test]
    fn passwords_are_changed_in_records_only() {
        let mut file = Accounts::parse(b"root::1:\nberry:keep:1:\n+::::\nsshd:!:1\nlone\n");
        file.each_password("berry", |password| (!password.starts_with(b"!")).then_some("*"));
        assert_eq!(file.to_bytes(), b"root:*:1:\nberry:keep:1:\n+::::\nsshd:!:1\nlone\n");
    }

    #[test]
    fn ranges_are_read() {
        let file = Accounts::parse(b"a:100000:65536\nb:5:0\nc:x:1\n");
        assert_eq!(file.ranges().collect::<Vec<_>>(), [100_000..=165_535]);
    }
}
