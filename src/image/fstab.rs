//! The lines of an fstab(5), as far as they tell what belongs where.

/// What is mounted where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// The first field, such as `UUID=…`.
    pub(super) device: String,
    /// The mount point; absolute, not `/` itself.
    pub(super) point: String,
    /// Type of the file system.
    pub(super) kind: String,
}

/// The lines that mount something below the root, parents before what is inside them.
pub(super) fn lines(fstab: &str) -> Vec<Line> {
    let mut lines: Vec<_> = fstab.lines().filter_map(line).collect();
    lines.sort_by_key(|line| line.point.split('/').count());
    lines
}

fn line(text: &str) -> Option<Line> {
    if text.trim_start().starts_with('#') {
        return None;
    }
    let mut fields = text.split_ascii_whitespace().map(unescaped);
    let (device, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
    let point = format!("/{}", point.strip_prefix('/')?.trim_matches('/'));
    (point != "/").then_some(Line { device, point, kind })
}

/// Spaces and tabs stand as `\040` and `\011`, the backslash as `\134`.
fn unescaped(field: &str) -> String {
    field.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_what_is_not_below_the_root_is_left_out() {
        let text = "proc /proc proc defaults 0 0\n# UUID=0 /no ext4\nUUID=1 /a/b ext4 defaults\nPARTUUID=x-01\t/a/\tvfat\n\
                    UUID=2 / ext4\nUUID=3 none swap\nUUID=4 /with\\040space ext4\nbroken /x\n";
        let found: Vec<_> = lines(text).into_iter().map(|line| (line.device, line.point, line.kind)).collect();
        let expected =
            [("proc", "/proc", "proc"), ("PARTUUID=x-01", "/a", "vfat"), ("UUID=4", "/with space", "ext4"), ("UUID=1", "/a/b", "ext4")];
        assert_eq!(found, expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())));
    }
}
