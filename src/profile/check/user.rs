//! The user: name, password, keys, and how it becomes root.

use ssh_key::{Algorithm, authorized_keys::Entry};

use super::{
    super::{
        SshPolicy, Sudo, User,
        mask::{PRIVATE_KEY, shown},
        password::{self, Looks},
        problem::{Code, Span},
        raw::{RawProfile, RawUser, SudoText},
        read::{Field, Given, SecretText},
        references::{self, Readers, Reference},
        report::Draft,
    },
    Checker,
};
use crate::secret::Secret;

/// Users and groups that Debian or a package of ours already has; adduser would refuse the name or mix the accounts up.
const TAKEN: [&str; 52] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "gnats",
    "_apt",
    "nobody",
    "nogroup",
    "adm",
    "tty",
    "disk",
    "dialout",
    "fax",
    "voice",
    "cdrom",
    "floppy",
    "tape",
    "sudo",
    "audio",
    "dip",
    "operator",
    "src",
    "shadow",
    "utmp",
    "video",
    "sasl",
    "plugdev",
    "staff",
    "users",
    "input",
    "render",
    "kvm",
    "netdev",
    "crontab",
    "messagebus",
    "sshd",
    "gluster",
    "systemd-network",
    "systemd-timesync",
    "systemd-resolve",
];

impl Checker<'_> {
    /// The user and the SSH policy, which belong together: both may need a password.
    pub(super) fn user(&mut self, raw: &RawProfile) -> (Option<User>, SshPolicy) {
        let empty = RawUser::default();
        let section = raw.user.given().map_or(&empty, |given| &given.value);
        let name = self.user_name(&section.name);
        let password = self.password(&section.password);
        let keys = self.keys(section);
        let sudo = self.sudo(&section.sudo);
        let login = raw.ssh.given().and_then(|ssh| ssh.value.password_login.given());
        let ssh = SshPolicy { password_login: login.is_some_and(|login| login.value) };
        if section.password.is_absent() && !matches!(raw.user, Field::Wrong) {
            let hint = "add `user.password` with a hash that `berry-image hash-password` makes";
            if let Some(given) = section.sudo.given().filter(|_| sudo == Some(Sudo::Password)) {
                let draft = Draft::new(Code::PasswordNeeded, given.span, "sudo with a password needs a password, and the user has none");
                self.add(draft.hint(format!("{hint}, or write `sudo: passwordless`")));
            }
            if let Some(login) = login.filter(|login| login.value) {
                let draft = Draft::new(Code::PasswordNeeded, login.span, "login by password needs a password, and the user has none");
                self.add(draft.hint(format!("{hint}, or write `password_login: false`")));
            }
        }
        let user = name.zip(sudo).map(|(name, sudo)| User { name, password, keys, sudo });
        (user, ssh)
    }

    fn user_name(&mut self, field: &Field<String>) -> Option<String> {
        let given = match field {
            Field::Absent => return Some("pi".to_owned()),
            Field::Wrong => return None,
            Field::Given(given) => given,
        };
        let name = given.value.as_str();
        let first = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let other = |byte: u8| first(byte) || byte.is_ascii_digit() || byte == b'-';
        if TAKEN.contains(&name) || name.starts_with("systemd-") {
            let message = format!("{} is an account or a group of the system", shown(name));
            let hint = if name == "root" { "the user becomes root with sudo; take another name" } else { "take another name" };
            self.add(Draft::new(Code::UserName, given.span, message).hint(hint));
            return None;
        }
        if !(1..=32).contains(&name.len()) || !name.bytes().all(other) || !name.bytes().next().is_some_and(first) {
            let message = format!("{} is no user name", shown(name));
            let hint = "1 to 32 letters `a` to `z`, digits, `_` and `-`, the first one a letter or `_`";
            self.add(Draft::new(Code::UserName, given.span, message).hint(hint));
            return None;
        }
        Some(name.to_owned())
    }

    fn password(&mut self, field: &Field<SecretText>) -> Option<Secret<String>> {
        let given = field.given()?;
        let hash = self.secret(&given.value, given.span, Readers::OwnerOnly)?;
        let make = "run `berry-image hash-password` and put what it prints here, in single quotes";
        let (message, hint) = match password::looks(hash.expose()) {
            Looks::Good => return Some(hash),
            Looks::Weak(scheme) => (format!("the password hash is {scheme}, which is not accepted"), make),
            Looks::Damaged(scheme) => (format!("the password hash says it is {scheme}, and its parts are not those of one"), make),
            Looks::Locked => {
                ("the password is a word that locks it".to_owned(), "leave the key `password` out: then the password is locked")
            }
            Looks::Plain => ("the password is not a hash: it is the password itself, or a DES hash".to_owned(), make),
        };
        self.add(Draft::new(Code::Password, given.span, message).hint(hint));
        None
    }

    /// The text itself, or what its reference leads to.
    pub(super) fn secret(&mut self, text: &SecretText, span: Span, readers: Readers) -> Option<Secret<String>> {
        let reference = match text {
            SecretText::Literal(secret) => return Some(secret.clone()),
            SecretText::Env(name) => Reference::Env(name),
            SecretText::File(path) => Reference::File(path),
        };
        match references::resolve(reference, readers, span, self.folder(), self.environment) {
            Ok(secret) => Some(secret),
            Err(draft) => {
                self.add(draft);
                None
            }
        }
    }

    fn keys(&mut self, section: &RawUser) -> Vec<String> {
        let mut keys = Vec::new();
        for item in section.keys.given().map(|given| given.value.0.as_slice()).unwrap_or_default() {
            let literal = matches!(item.value, SecretText::Literal(_));
            let Some(text) = self.secret(&item.value, item.span, Readers::Anyone) else { continue };
            let before = (self.problems.errors(), keys.len());
            let lines = text.expose().lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            for (count, line) in lines.enumerate() {
                match key_line(line, text.expose()) {
                    Ok(()) => keys.push(line.to_owned()),
                    Err((code, message, hint)) => {
                        let place = if literal { String::new() } else { format!("key {} there: ", count + 1) };
                        self.add(Draft::new(code, item.span, format!("{place}{message}")).hint(hint));
                        break;
                    }
                }
            }
            if (self.problems.errors(), keys.len()) == before {
                self.add(Draft::new(Code::SshKey, item.span, "there is no key").hint("give a public key, or leave it out"));
            }
        }
        keys
    }

    fn sudo(&mut self, field: &Field<SudoText>) -> Option<Sudo> {
        let Given { value, span, .. } = match field {
            Field::Absent => return Some(Sudo::Passwordless),
            Field::Wrong => return None,
            Field::Given(given) => given,
        };
        match value.0.as_str() {
            "passwordless" => return Some(Sudo::Passwordless),
            "password" => return Some(Sudo::Password),
            "no" => return Some(Sudo::No),
            _ => {}
        }
        let hint = match value.0.to_ascii_lowercase().as_str() {
            "false" | "none" | "never" => "write `no`".to_owned(),
            "true" | "yes" | "nopasswd" => "write `passwordless`".to_owned(),
            _ => "write `passwordless`, `password` or `no`".to_owned(),
        };
        self.add(Draft::new(Code::Sudo, *span, format!("{} is no way to become root", shown(&value.0))).hint(hint));
        None
    }
}

type KeyProblem = (Code, String, &'static str);

/// Checks one line of `authorized_keys`, of the whole text it stands in. The line is never repeated: it may be anything.
fn key_line(line: &str, text: &str) -> Result<(), KeyProblem> {
    if text.contains(PRIVATE_KEY) || line.starts_with("PuTTY-User-Key-File") {
        return Err((
            Code::PrivateKey,
            "this is a private key, which never leaves its owner".to_owned(),
            "give the public one, from the file that ends in `.pub`",
        ));
    }
    let bad = |message: &str, hint| Err((Code::SshKey, message.to_owned(), hint));
    if line.starts_with(['~', '/', '.']) || (line.ends_with(".pub") && !line.contains(' ')) {
        return bad("this is a path and no key", "write `!file` in front of it");
    }
    if line.starts_with("ssh-dss ") {
        return bad("this is a DSA key, which OpenSSH no longer accepts", "make a new one: `ssh-keygen -t ed25519`");
    }
    if line.chars().any(char::is_control) {
        return bad("the key has control characters", "copy the line of the `.pub` file again");
    }
    match line.parse::<Entry>() {
        Ok(entry) => match entry.public_key().algorithm() {
            Algorithm::Dsa => bad("this is a DSA key, which OpenSSH no longer accepts", "make a new one: `ssh-keygen -t ed25519`"),
            Algorithm::Other(_) => bad("this kind of key is not known", "use an Ed25519, ECDSA or RSA key"),
            _ => Ok(()),
        },
        Err(_) => {
            bad("this is no public SSH key", "copy the whole line of the `.pub` file; it begins with `ssh-ed25519`, `ssh-rsa` or `ecdsa-`")
        }
    }
}
