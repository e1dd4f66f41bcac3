//! System users and groups of packages, made in advance: so they have the same numbers on every node.
//!
//! A package makes them when it is configured, with the first number that is free on that node. What its postinst would make is foreseen, and
//! stands in the image already; adduser(8), addgroup(8) and systemd-sysusers(8) leave alone what is there.

use super::{
    Account, DpkgError, Orders, arrival,
    database::Database,
    edit::Editor,
    scripts,
    sysusers::{self, Entry},
};
use crate::{
    accounts::Accounts,
    debian::script::{Done, Effect, PrimaryGroup, User},
    tree::{Inode, Kind, Time, Tree},
};

const PASSWD: &str = "/etc/passwd";
const SHADOW: &str = "/etc/shadow";
const GROUP: &str = "/etc/group";
const GSHADOW: &str = "/etc/gshadow";
/// Numbers of users and groups of the system (Debian policy 9.2.2), those that adduser gives.
const OF_SYSTEM: std::ops::RangeInclusive<u32> = 100..=999;
const SECONDS_PER_DAY: i64 = 86_400;
/// The group of users that have none of their own.
const NOGROUP: u32 = 65_534;

/// Which way numbers are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// From the lowest, as adduser does.
    Upwards,
    /// From the highest, as systemd-sysusers does.
    Downwards,
}

/// The files of accounts.
struct Files {
    passwd: Accounts,
    shadow: Accounts,
    group: Accounts,
    gshadow: Accounts,
    /// The field of a password that nobody has.
    locked: &'static str,
    /// Days since 1970.
    day: i64,
}

/// Makes the users and groups that the packages that came will want; tells names and numbers.
pub(super) fn prepare(database: &Database, editor: &mut Editor<'_>, orders: &Orders) -> Result<Vec<Account>, DpkgError> {
    let mut made = Vec::new();
    for incoming in &orders.come {
        let package = arrival::name(&incoming.deb);
        let Some(id) = database.by_database_name(package) else { continue };
        let Some(script) = incoming.deb.control_text("postinst") else { continue };
        let effects = |tree: &Tree| scripts::of_configuring(database, tree, id, script);
        let before = effects(editor.tree);
        let mut tree = editor.tree.clone();
        let mut trial = Editor::new(&mut tree, editor.epoch());
        // What hangs on something unknown, or cannot be had, is left to the package: its numbers are given on the node.
        let certain = before.iter().filter(|done| done.certain).map(|done| make(package, &mut trial, &done.effect));
        let Ok(new) = certain.collect::<Result<Vec<_>, _>>() else { continue };
        let new: Vec<Account> = new.into_iter().flatten().collect();
        // Many a script does more where the account is not there yet; then that, too, has to be left to it.
        let others = |effects: &[Done]| -> Vec<Effect> {
            effects.iter().filter(|done| !is_account(&done.effect)).map(|done| done.effect.clone()).collect()
        };
        if !new.is_empty() && others(&before) == others(&effects(&tree)) {
            *editor.tree = tree;
            made.extend(new);
        }
    }
    Ok(made)
}

/// Whether an effect is about users and groups alone.
fn is_account(effect: &Effect) -> bool {
    matches!(effect, Effect::Group { .. } | Effect::User(_) | Effect::Member { .. } | Effect::SysusersFile(_))
}

/// Does what an effect says, if it makes users or groups; tells names and numbers.
pub(super) fn make(package: &str, editor: &mut Editor<'_>, effect: &Effect) -> Result<Vec<Account>, DpkgError> {
    match effect {
        Effect::Group { name, gid, system: true } => {
            let mut files = Files::read(editor, "!");
            let made = files.add_group(package, name, *gid, Way::Upwards)?;
            files.write(editor)?;
            Ok(made.map(|gid| account("group", name, gid)).into_iter().collect())
        }
        Effect::User(user) if user.system => {
            let mut files = Files::read(editor, "!");
            let made = files.add_user(package, user, Way::Upwards)?;
            files.write(editor)?;
            if let (Some((uid, gid)), true) = (made, user.makes_home) {
                make_home(editor, &user.home, uid, gid)?;
            }
            Ok(made.map(|(uid, _)| account("user", &user.name, uid)).into_iter().collect())
        }
        Effect::Member { user, group } => {
            let mut files = Files::read(editor, "!");
            files.group.set_member(group, user, true);
            files.gshadow.set_member(group, user, true);
            files.write(editor)?;
            Ok(Vec::new())
        }
        Effect::SysusersFile(name) if !name.is_empty() => from_sysusers(package, editor, name),
        _ => Ok(Vec::new()),
    }
}

/// Makes what a file of sysusers.d(5) asks for.
fn from_sysusers(package: &str, editor: &mut Editor<'_>, name: &str) -> Result<Vec<Account>, DpkgError> {
    let mut files = Files::read(editor, "!*");
    let mut made = Vec::new();
    for entry in sysusers::read(editor.tree, name) {
        match entry {
            Entry::Group { name, gid } => {
                made.extend(files.add_group(package, &name, gid, Way::Downwards)?.map(|gid| account("group", &name, gid)));
            }
            Entry::User(user) => {
                made.extend(files.add_user(package, &user, Way::Downwards)?.map(|(uid, _)| account("user", &user.name, uid)));
            }
            Entry::Member { user, group } => {
                files.group.set_member(&group, &user, true);
                files.gshadow.set_member(&group, &user, true);
            }
        }
    }
    files.write(editor)?;
    Ok(made)
}

fn account(kind: &'static str, name: &str, number: u32) -> Account {
    Account { kind, name: name.to_owned(), number }
}

/// A home folder as adduser makes it for users of the system: without any files.
fn make_home(editor: &mut Editor<'_>, home: &str, uid: u32, gid: u32) -> Result<(), DpkgError> {
    let home = home.trim_end_matches('/');
    if home == "/nonexistent" || !home.starts_with('/') || editor.tree.resolve(home).is_some() {
        return Ok(());
    }
    if let Some((parent, _)) = home.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
        let meta = editor.new_meta(0o755);
        editor.tree.make_folder(parent, &meta)?;
    }
    let meta = editor.meta(0o755, uid, gid, editor.epoch());
    editor.tree.place(home, Inode::new(meta, Kind::directory()))?;
    Ok(())
}

impl Files {
    fn read(editor: &Editor<'_>, locked: &'static str) -> Self {
        let read = |path: &str| Accounts::parse(&editor.tree.read(path).unwrap_or_default());
        let day = editor.epoch().div_euclid(SECONDS_PER_DAY);
        Self { passwd: read(PASSWD), shadow: read(SHADOW), group: read(GROUP), gshadow: read(GSHADOW), locked, day }
    }

    fn write(&self, editor: &mut Editor<'_>) -> Result<(), DpkgError> {
        let time = Time::from_seconds(editor.epoch());
        let change = |tree: &mut Tree, path: &str, accounts: &Accounts| -> Result<(), DpkgError> {
            let bytes = accounts.to_bytes();
            if tree.exists(path) && tree.read(path)? != bytes {
                tree.rewrite(path, bytes, time)?;
            }
            Ok(())
        };
        for (path, accounts) in [(PASSWD, &self.passwd), (SHADOW, &self.shadow), (GROUP, &self.group), (GSHADOW, &self.gshadow)] {
            change(editor.tree, path, accounts)?;
        }
        Ok(())
    }

    /// Adds a group unless there is one of the name; tells its number.
    fn add_group(&mut self, package: &str, name: &str, gid: Option<u32>, way: Way) -> Result<Option<u32>, DpkgError> {
        if self.group.find(name).is_some() {
            return Ok(None);
        }
        let gid = match gid {
            Some(gid) => available(package, "group", name, gid, way, &self.group)?,
            None => None,
        };
        let gid = match gid {
            Some(gid) => gid,
            None => free(way, |number| self.group.has_number(number)).ok_or_else(|| full(package, "group", name))?,
        };
        self.push_group(package, name, gid)?;
        Ok(Some(gid))
    }

    fn push_group(&mut self, package: &str, name: &str, gid: u32) -> Result<(), DpkgError> {
        must_be_a_field(package, "group", name)?;
        self.group.push(&format!("{name}:x:{gid}:"));
        self.gshadow.push(&format!("{name}:{}::", self.locked));
        Ok(())
    }

    /// Adds a user unless there is one of the name; tells its number and that of its group.
    fn add_user(&mut self, package: &str, user: &User, way: Way) -> Result<Option<(u32, u32)>, DpkgError> {
        let User { name, uid, group, home, shell, gecos, .. } = user;
        if self.passwd.find(name).is_some() {
            return Ok(None);
        }
        for field in [name, home, shell, gecos] {
            must_be_a_field(package, "user", field)?;
        }
        let missing = |group: &str| DpkgError::Account {
            package: package.to_owned(),
            what: "group",
            name: group.to_owned(),
            reason: format!("the user `{name}` is to be of it, and there is none"),
        };
        let full = || full(package, "user", name);
        let uid = match uid {
            Some(uid) => &available(package, "user", name, *uid, way, &self.passwd)?,
            None => &None,
        };
        let wanted_gid = match group {
            PrimaryGroup::Own(Some(gid)) if self.group.find(name).is_none() => available(package, "group", name, *gid, way, &self.group)?,
            _ => None,
        };
        let (uid, gid) = match group {
            PrimaryGroup::Own(_) => match (self.group.number(name), &wanted_gid) {
                (Some(gid), _) => (self.free_uid(*uid, way).ok_or_else(full)?, gid),
                (None, Some(gid)) => {
                    self.push_group(package, name, *gid)?;
                    (self.free_uid(*uid, way).ok_or_else(full)?, *gid)
                }
                // adduser looks for each by itself (its `first_avail_uid` and `first_avail_gid`), systemd-sysusers for one number for both.
                (None, None) if way == Way::Upwards => {
                    let gid = free(way, |number| self.group.has_number(number)).ok_or_else(full)?;
                    self.push_group(package, name, gid)?;
                    (self.free_uid(*uid, way).ok_or_else(full)?, gid)
                }
                (None, None) => {
                    let is_taken = |number: u32| self.passwd.has_number(number) || self.group.has_number(number);
                    let number = uid.filter(|uid| !self.group.has_number(*uid)).or_else(|| free(way, is_taken)).ok_or_else(full)?;
                    self.push_group(package, name, number)?;
                    (uid.unwrap_or(number), number)
                }
            },
            PrimaryGroup::Named(group) => {
                let gid = self.group.number(group).ok_or_else(|| missing(group))?;
                (self.free_uid(*uid, way).ok_or_else(full)?, gid)
            }
            PrimaryGroup::Number(gid) => (self.free_uid(*uid, way).ok_or_else(full)?, *gid),
            PrimaryGroup::Nogroup => {
                let gid = self.group.number("nogroup").unwrap_or(NOGROUP);
                (self.free_uid(*uid, way).ok_or_else(full)?, gid)
            }
        };
        self.passwd.push(&format!("{name}:x:{uid}:{gid}:{gecos}:{home}:{shell}"));
        self.shadow.push(&format!("{name}:{}:{}::::::", self.locked, self.day));
        Ok(Some((uid, gid)))
    }

    fn free_uid(&self, wanted: Option<u32>, way: Way) -> Option<u32> {
        wanted.or_else(|| free(way, |number| self.passwd.has_number(number)))
    }
}

/// A number that is asked for, unless it is taken: then systemd-sysusers gives another, and adduser gives up.
fn available(package: &str, what: &'static str, name: &str, number: u32, way: Way, accounts: &Accounts) -> Result<Option<u32>, DpkgError> {
    match (accounts.has_number(number), way) {
        (false, _) => Ok(Some(number)),
        (true, Way::Downwards) => Ok(None),
        (true, Way::Upwards) => {
            let reason = format!("its number {number} is taken");
            Err(DpkgError::Account { package: package.to_owned(), what, name: name.to_owned(), reason })
        }
    }
}

fn free(way: Way, is_taken: impl Fn(u32) -> bool) -> Option<u32> {
    match way {
        Way::Upwards => OF_SYSTEM.clone().find(|number| !is_taken(*number)),
        Way::Downwards => OF_SYSTEM.clone().rev().find(|number| !is_taken(*number)),
    }
}

fn full(package: &str, what: &'static str, name: &str) -> DpkgError {
    let reason = format!("all numbers from {} to {} are taken", OF_SYSTEM.start(), OF_SYSTEM.end());
    DpkgError::Account { package: package.to_owned(), what, name: name.to_owned(), reason }
}

/// What would break the line of a record.
fn must_be_a_field(package: &str, what: &'static str, text: &str) -> Result<(), DpkgError> {
    if text.contains([':', '\n']) {
        let reason = "it has a colon or a line feed".to_owned();
        return Err(DpkgError::Account { package: package.to_owned(), what, name: text.escape_debug().to_string(), reason });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Meta};

    fn tree() -> Tree {
        let meta = Meta::new(0o640, 0, 42, Time::default());
        let mut tree = Tree::new(meta.clone());
        let files = [
            (PASSWD, "root:x:0:0::/root:/bin/sh\na:x:100:65534::/:/x\nb:x:999:1::/:/x\n"),
            (SHADOW, "root:*:1::::::\n"),
            (GROUP, "root:x:0:\nnogroup:x:65534:\nc:x:101:\n"),
            (GSHADOW, "root:*::\n"),
            ("/usr/lib/sysusers.d/x.conf", "u x - \"X user\" /var/lib/x\ng y 7\nm x y\n"),
        ];
        for (path, text) in files {
            tree.put_file(path, meta.clone(), Content::bytes(text.into())).unwrap();
        }
        tree
    }

    fn user(name: &str, group: PrimaryGroup) -> Effect {
        Effect::User(User {
            name: name.to_owned(),
            uid: None,
            group,
            home: "/run/x y".to_owned(),
            makes_home: true,
            shell: "/usr/sbin/nologin".to_owned(),
            gecos: String::new(),
            system: true,
        })
    }

    #[test]
    fn numbers_are_those_that_adduser_would_give() {
        let mut tree = tree();
        let mut editor = Editor::new(&mut tree, 86_400 * 3);
        let group = Effect::Group { name: "g".to_owned(), gid: None, system: true };
        assert_eq!(make("p", &mut editor, &group).unwrap(), [account("group", "g", 100)]);
        assert_eq!(make("p", &mut editor, &group).unwrap(), []);
        assert_eq!(make("p", &mut editor, &user("own", PrimaryGroup::Own(None))).unwrap(), [account("user", "own", 101)]);
        assert_eq!(make("p", &mut editor, &user("named", PrimaryGroup::Named("g".to_owned()))).unwrap(), [account("user", "named", 102)]);
        assert_eq!(make("p", &mut editor, &user("no", PrimaryGroup::Nogroup)).unwrap(), [account("user", "no", 103)]);
        assert!(matches!(make("p", &mut editor, &user("z", PrimaryGroup::Named("none".to_owned()))), Err(DpkgError::Account { .. })));
        assert!(matches!(make("p", &mut editor, &user("z:0", PrimaryGroup::Nogroup)), Err(DpkgError::Account { .. })));
        let passwd = tree.read_text(PASSWD).unwrap();
        assert!(passwd.ends_with(
            "own:x:101:102::/run/x y:/usr/sbin/nologin\nnamed:x:102:100::/run/x y:/usr/sbin/nologin\n\
             no:x:103:65534::/run/x y:/usr/sbin/nologin\n"
        ));
        assert_eq!(tree.read_text(SHADOW).unwrap(), "root:*:1::::::\nown:!:3::::::\nnamed:!:3::::::\nno:!:3::::::\n");
        assert!(tree.read_text(GROUP).unwrap().ends_with("g:x:100:\nown:x:102:\n"));
        let home = tree.inode(tree.lookup("/run/x y").unwrap());
        assert_eq!((home.mode(), home.meta.uid, home.meta.gid), (0o040_755, 101, 102));
        assert_eq!(tree.inode(tree.lookup(SHADOW).unwrap()).meta.gid, 42);
    }

    #[test]
    fn a_number_that_is_taken_is_not_given_twice() {
        let mut tree = tree();
        let mut editor = Editor::new(&mut tree, 0);
        let taken = Effect::Group { name: "g".to_owned(), gid: Some(101), system: true };
        assert!(matches!(make("p", &mut editor, &taken), Err(DpkgError::Account { .. })));
        let Effect::User(user) = user("u", PrimaryGroup::Own(None)) else { unreachable!() };
        let root = Effect::User(User { uid: Some(0), ..user });
        assert!(matches!(make("p", &mut editor, &root), Err(DpkgError::Account { .. })));
        let meta = Meta::new(0o644, 0, 0, Time::default());
        tree.put_file("/usr/lib/sysusers.d/y.conf", meta, Content::bytes(b"u y 0\ng z 101\n".to_vec())).unwrap();
        let mut editor = Editor::new(&mut tree, 0);
        let made = make("p", &mut editor, &Effect::SysusersFile("y.conf".to_owned())).unwrap();
        assert_eq!(made, [account("user", "y", 998), account("group", "z", 999)]);
    }

    #[test]
    fn a_file_of_sysusers_gives_numbers_from_above() {
        let mut tree = tree();
        let mut editor = Editor::new(&mut tree, 0);
        let made = make("p", &mut editor, &Effect::SysusersFile("x.conf".to_owned())).unwrap();
        assert_eq!(made, [account("user", "x", 998), account("group", "y", 7)]);
        assert!(tree.read_text(PASSWD).unwrap().ends_with("x:x:998:998:X user:/var/lib/x:/usr/sbin/nologin\n"));
        assert!(tree.read_text(GROUP).unwrap().ends_with("x:x:998:\ny:x:7:x\n"));
        assert!(tree.read_text(SHADOW).unwrap().ends_with("x:!*:0::::::\n"));
    }
}
