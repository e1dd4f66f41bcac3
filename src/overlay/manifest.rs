//! The manifest of an overlay. Of each line: on which nodes, mode, owner and group, the file of the folder, the path in the root.
//!
//! ```text
//! always  0644  root:root      motd            /etc/motd
//! always  0750  www-data:adm   -               /var/log/site
//! always  link  -              /etc/x/a.conf   /etc/y/a.conf
//! ```
//! `-` for the file makes a folder; `link` for the mode makes a symbolic link, and then the file is where it leads. Words are parted by
//! white space, so that there is none in a path. Lines that begin with `#` are comments.

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number, from 1.
    pub number: usize,
    /// The word for the nodes that get it.
    pub on: &'a str,
    /// What it is.
    pub item: Item<'a>,
    /// Where it goes.
    pub path: &'a str,
}

/// What a line is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A file.
    File {
        /// Permission bits.
        permissions: u16,
        /// User and group.
        owner: (&'a str, &'a str),
        /// The file of the folder.
        source: &'a str,
    },
    /// A folder.
    Folder {
        /// Permission bits.
        permissions: u16,
        /// User and group.
        owner: (&'a str, &'a str),
    },
    /// A link that leads here.
    Link(&'a str),
}

/// A line that is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its number, from 1.
    pub number: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// The lines of a manifest, each read by itself.
pub fn lines(text: &str) -> impl Iterator<Item = Result<Line<'_>, Wrong>> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines.map(|(index, line)| read(index + 1, line).map_err(|what| Wrong { number: index + 1, what }))
}

fn read(number: usize, line: &str) -> Result<Line<'_>, &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[on, mode, owner, source, path] = words.as_slice() else {
        return Err("expected five words: on which nodes, mode, owner:group, file, path");
    };
    let item = if mode == "link" {
        Item::Link(source)
    } else {
        // As chmod(1) takes it: digits alone, and of those at most four.
        let digits = (3..=4).contains(&mode.len()) && mode.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let permissions =
            u16::from_str_radix(mode, 8).ok().filter(|_| digits).ok_or("the mode is none: expected one such as 0644, or `link`")?;
        let owner = owner.split_once(':').filter(|(user, group)| !user.is_empty() && !group.is_empty());
        let owner = owner.ok_or("expected owner and group, such as root:root")?;
        if source == "-" { Item::Folder { permissions, owner } } else { Item::File { permissions, owner, source } }
    };
    Ok(Line { number, on, item, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_read() {
        let text = "# x\n\nalways 0644 root:adm a.conf /etc/a\n  pool\t1777 0:33  - /srv/x\n # y\nn1 link - /etc/b /etc/c\n";
        let read: Vec<_> = lines(text).map(Result::unwrap).collect();
        let expected = [
            Line {
                number: 3,
                on: "always",
                item: Item::File { permissions: 0o644, owner: ("root", "adm"), source: "a.conf" },
                path: "/etc/a",
            },
            Line { number: 4, on: "pool", item: Item::Folder { permissions: 0o1777, owner: ("0", "33") }, path: "/srv/x" },
            Line { number: 6, on: "n1", item: Item::Link("/etc/b"), path: "/etc/c" },
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn a_wrong_line_is_told_and_the_next_is_read() {
        for line in ["a", "always 0644 0:0 a.conf", "always 0644 0:0 a.conf /etc/a b"] {
            let text = format!("{line}\nalways link - /a /b\n");
            let read: Vec<_> = lines(&text).collect();
            assert!(matches!(read[0], Err(Wrong { number: 1, what }) if what.starts_with("expected five words")), "{line}");
            assert!(read[1].is_ok());
        }
        for mode in ["0648", "+644", "64", "00644", "rw", "-"] {
            let text = format!("always {mode} 0:0 a /etc/a");
            assert!(matches!(lines(&text).next(), Some(Err(Wrong { number: 1, what })) if what.starts_with("the mode")), "{mode}");
        }
        for owner in ["root", ":", "0:", ":0", "-"] {
            let text = format!("always 0644 {owner} a /etc/a");
            assert!(matches!(lines(&text).next(), Some(Err(Wrong { number: 1, what })) if what.starts_with("expected owner")), "{owner}");
        }
    }
}
