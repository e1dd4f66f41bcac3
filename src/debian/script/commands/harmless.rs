//! Commands that only read or print.

use crate::debian::script::eval::Field;

/// Commands that change nothing, whatever their arguments.
const READERS: &[&str] = &[
    "arch",
    "b2sum",
    "base32",
    "base64",
    "cksum",
    "cmp",
    "comm",
    "cut",
    "df",
    "diff",
    "du",
    "egrep",
    "expr",
    "factor",
    "fgrep",
    "file",
    "findmnt",
    "fold",
    "free",
    "getcap",
    "getconf",
    "getent",
    "getfacl",
    "getopt",
    "gettext",
    "grep",
    "groups",
    "head",
    "hostid",
    "id",
    "join",
    "ldd",
    "locale",
    "logger",
    "logname",
    "ls",
    "lsattr",
    "lsblk",
    "lscpu",
    "lsmod",
    "lspci",
    "lsusb",
    "md5sum",
    "mountpoint",
    "namei",
    "nl",
    "nproc",
    "od",
    "paste",
    "pathchk",
    "pgrep",
    "pidof",
    "printenv",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rev",
    "runlevel",
    "seq",
    "sha1sum",
    "sha224sum",
    "sha256sum",
    "sha384sum",
    "sha512sum",
    "sleep",
    "stat",
    "strings",
    "sum",
    "tac",
    "tail",
    "tr",
    "tty",
    "type",
    "uname",
    "uniq",
    "uptime",
    "users",
    "wc",
    "which",
    "who",
    "whoami",
    "xxd",
    "zcat",
    "zgrep",
    "apt-config",
    "dpkg-architecture",
    "dpkg-vendor",
    "lsb_release",
    "ischroot",
    "systemd-detect-virt",
    "systemd-path",
    "systemd-escape",
    "sync",
    "bc",
    "dc",
    "jq",
    "column",
    "fmt",
    "tsort",
    "ngettext",
];

/// Whether a command with `--help` does no more than tell how it is used.
pub(super) fn has_help(name: &str) -> bool {
    READERS.contains(&name) || matches!(name, "adduser" | "dpkg" | "dpkg-divert" | "invoke-rc.d" | "systemctl" | "update-alternatives")
}

/// Whether a command changes nothing.
pub(super) fn is(name: &str, arguments: &[Field]) -> bool {
    match name {
        "sort" => !has_option(arguments, &["-o", "--output"]),
        "sed" => sed(arguments),
        "awk" | "gawk" | "mawk" | "nawk" => awk(arguments),
        "find" => find(arguments),
        "date" => !arguments.iter().any(|argument| !argument.known || argument.text.starts_with("-s") || argument.text.starts_with("--s")),
        "hostname" => arguments.iter().all(|argument| argument.known && argument.text.starts_with('-') && !argument.text.starts_with("-F")),
        "mount" => arguments.is_empty(),
        "systemctl" => arguments.iter().find(|argument| !argument.text.starts_with('-')).is_some_and(|action| {
            let reading =
                ["is-active", "is-enabled", "is-failed", "is-system-running", "show", "status", "cat", "list-units", "list-unit-files"];
            reading.contains(&action.text.as_str())
        }),
        "debconf-show" | "debconf-escape" => true,
        "modprobe" => has_option(arguments, &["-n", "--dry-run", "-c", "--show-depends"]),
        "udevadm" => arguments.first().is_some_and(|action| action.text == "info"),
        "perl" => perl(arguments),
        _ => READERS.contains(&name),
    }
}

fn has_option(arguments: &[Field], options: &[&str]) -> bool {
    arguments.iter().any(|argument| options.iter().any(|option| argument.text.starts_with(option)))
}

/// Neither `-i` nor commands that write or run something.
fn sed(arguments: &[Field]) -> bool {
    let mut scripts = Vec::new();
    let mut rest = arguments.iter();
    let mut named = false;
    while let Some(argument) = rest.next() {
        let Some(text) = argument.get() else {
            // Unknown text inside of a script may be anything.
            scripts.push(argument.text.clone());
            continue;
        };
        match text {
            "-e" | "--expression" => {
                named = true;
                scripts.extend(rest.next().map(|script| script.text.clone()));
            }
            "-f" => return false,
            _ if text.starts_with("--expression=") => {
                named = true;
                scripts.push(text["--expression=".len()..].to_owned());
            }
            _ if text.starts_with("--i") || text.starts_with("--f") => return false,
            _ if text.starts_with("--") => {}
            _ if text.starts_with('-') && text.len() > 1 => {
                let letters = text.split('e').next().unwrap_or_default();
                if letters.contains(['i', 'f']) {
                    return false;
                }
                if let Some((_, script)) = text.split_once('e') {
                    named = true;
                    match script {
                        "" => scripts.extend(rest.next().map(|script| script.text.clone())),
                        script => scripts.push(script.to_owned()),
                    }
                }
            }
            _ if !named && scripts.is_empty() => scripts.push(text.to_owned()),
            _ => {}
        }
    }
    scripts.iter().all(|script| !writes(script))
}

/// Whether a script of sed may hold `w`, `W` or `e`, as a command or a flag.
fn writes(script: &str) -> bool {
    let characters: Vec<char> = script.chars().collect();
    characters.iter().enumerate().any(|(index, character)| {
        if !matches!(character, 'w' | 'W' | 'e') {
            return false;
        }
        let before = index.checked_sub(1).and_then(|index| characters.get(index));
        let after = characters.get(index + 1);
        // A command or flag follows a separator, an address or a flag, and is followed by a blank, a separator or the end.
        let begins = before.is_none_or(|before| !before.is_ascii_alphanumeric() && !matches!(before, '_' | '-' | '\\' | '.' | '"'))
            || before.is_some_and(|before| before.is_ascii_digit() || matches!(before, 'g' | 'p' | 'I' | 'M'));
        let ends = after.is_none_or(|after| matches!(after, ' ' | '\t' | '\n' | ';' | '}'));
        begins && ends
    })
}

/// A program of awk that neither prints to a file or a command nor runs one.
fn awk(arguments: &[Field]) -> bool {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.text.as_str() {
            "-F" | "-v" => drop(rest.next()),
            text if text.starts_with("-f") || text.starts_with("--") || text.starts_with("-i") => return false,
            text if text.starts_with('-') => {}
            program => {
                let compares = program.replace(">=", "").replace("||", "");
                return argument.known && !compares.contains("system") && !compares.contains(['>', '|']);
            }
        }
    }
    false
}

fn find(arguments: &[Field]) -> bool {
    let acts = ["-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprint0", "-fprintf", "-fls"];
    arguments.iter().all(|argument| argument.known && !acts.contains(&argument.text.as_str()))
}

/// `perl -e` may do anything, but its version may be asked for.
fn perl(arguments: &[Field]) -> bool {
    matches!(arguments, [only] if matches!(only.text.as_str(), "-v" | "-V" | "--version"))
}
