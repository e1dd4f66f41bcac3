//! Files that declare users and groups of the system, sysusers.d(5).

use crate::{
    debian::script::{PrimaryGroup, User},
    tree::Tree,
};

const FOLDERS: [&str; 3] = ["/etc/sysusers.d", "/run/sysusers.d", "/usr/lib/sysusers.d"];

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Group { name: String, gid: Option<u32> },
    User(User),
    Member { user: String, group: String },
}

/// The entries of the file of this name, or path; those that are not understood are left out, for systemd-sysusers reads the file again.
pub(super) fn read(tree: &Tree, name: &str) -> Vec<Entry> {
    let paths: Vec<String> =
        if name.starts_with('/') { vec![name.to_owned()] } else { FOLDERS.iter().map(|folder| format!("{folder}/{name}")).collect() };
    let text = paths.iter().find_map(|path| tree.read_text(path).ok()).unwrap_or_default();
    text.lines().filter_map(entry).collect()
}

fn entry(line: &str) -> Option<Entry> {
    let words = words(line)?;
    let word = |index: usize| words.get(index).map(String::as_str).filter(|word| !word.is_empty() && *word != "-");
    let (kind, name) = (word(0)?, word(1)?);
    // A `%` stands for something of the running system.
    if line.trim_start().starts_with('#') || words.iter().any(|word| word.contains('%')) {
        return None;
    }
    // `!` behind `u` also locks the account; there is no password to log in with in either case.
    match kind {
        "u" | "u!" => {
            let (uid, group) = match word(2).map(|id| id.split_once(':').map_or((id, None), |(uid, gid)| (uid, Some(gid)))) {
                None => (None, PrimaryGroup::Own(None)),
                Some((uid, None)) => {
                    let uid: u32 = uid.parse().ok()?;
                    (Some(uid), PrimaryGroup::Own(Some(uid)))
                }
                Some((uid, Some(gid))) => {
                    let uid = if uid == "-" { None } else { Some(uid.parse().ok()?) };
                    (uid, gid.parse().map_or_else(|_| PrimaryGroup::Named(gid.to_owned()), PrimaryGroup::Number))
                }
            };
            Some(Entry::User(User {
                name: name.to_owned(),
                uid,
                group,
                home: word(4).unwrap_or("/").to_owned(),
                makes_home: false,
                shell: word(5).unwrap_or("/usr/sbin/nologin").to_owned(),
                gecos: word(3).unwrap_or_default().to_owned(),
                system: true,
            }))
        }
        "g" => {
            let gid = match word(2) {
                None => None,
                Some(id) => Some(id.parse().ok()?),
            };
            Some(Entry::Group { name: name.to_owned(), gid })
        }
        "m" => Some(Entry::Member { user: name.to_owned(), group: word(2)?.to_owned() }),
        _ => None,
    }
}

/// The words of a line; some stand in quotes. `None` where a quote does not end.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (word, more) = match quote {
            Some(quote) => rest[1..].split_once(quote)?,
            None => rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len())),
        };
        words.push(word.to_owned());
        rest = more.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let user = |line: &str| match entry(line) {
            Some(Entry::User(user)) => user,
            other => panic!("{line}: {other:?}"),
        };
        let plain = user("u  rpc  -  \"RPC daemon\" /run/rpcbind  /bin/false");
        assert_eq!(
            (plain.uid, plain.group, plain.gecos.as_str(), plain.shell.as_str()),
            (None, PrimaryGroup::Own(None), "RPC daemon", "/bin/false")
        );
        assert_eq!(user("u a 5").group, PrimaryGroup::Own(Some(5)));
        assert_eq!(user("u! a -:adm").group, PrimaryGroup::Named("adm".to_owned()));
        assert_eq!(user("u a 5:6 - - -").group, PrimaryGroup::Number(6));
        assert_eq!(entry("g x 7"), Some(Entry::Group { name: "x".into(), gid: Some(7) }));
        assert_eq!(entry("m a b"), Some(Entry::Member { user: "a".into(), group: "b".into() }));
        for line in ["", "# u a", "u", "u a %v", "g x y", "r - 5-9", "u a - \"open", "m a"] {
            assert_eq!(entry(line), None, "{line}");
        }
    }
}
