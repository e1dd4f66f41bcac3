//! What making `debian:SUITE` needs of the host, checked before anything starts.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{DebianError, recipe::ARCHITECTURE, recipe::Mode};

/// Keys of the Debian archive: where mmdebstrap looks for them on a host that is not Debian, and where a tree has them, too.
pub(super) const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// What is asked of a host; its own type so that a test can have any.
pub(super) trait Host {
    /// Whether a program of this name is on the path.
    fn has(&self, program: &str) -> bool;
    /// Whether a file is there.
    fn has_file(&self, path: &str) -> bool;
    /// Operating system, as in [`env::consts::OS`].
    fn system(&self) -> &str;
    /// Processor, as in [`env::consts::ARCH`].
    fn processor(&self) -> &str;
    /// Whether this process is root.
    fn is_root(&self) -> bool;
    /// Whether programs of [`ARCHITECTURE`] run here, as `arch-test` finds by running one.
    fn runs_foreign(&self) -> bool;
    /// Whether `/etc/subuid` and `/etc/subgid` give this user numbers of its own.
    fn has_sub_ids(&self) -> bool;
}

/// Whether `host` can make a base, and how; the first thing that is missing otherwise.
pub(super) fn check(host: &dyn Host) -> Result<Mode, DebianError> {
    if host.system() != "linux" {
        return Err(DebianError::NotLinux { system: host.system().to_owned() });
    }
    let missing = |what: &'static str, purpose: &'static str, command: &'static str| DebianError::MissingTool { what, purpose, command };
    if !host.has("mmdebstrap") {
        return Err(missing("mmdebstrap", "makes the file tree", "sudo apt-get install mmdebstrap"));
    }
    if !host.has_file(KEYRING) {
        return Err(missing("the keys of the Debian archive", "verify the packages", "sudo apt-get install debian-archive-keyring"));
    }
    if host.processor() != "aarch64" {
        if !host.has("qemu-aarch64-static") && !host.has("qemu-aarch64") {
            let command = "sudo apt-get install qemu-user-static binfmt-support arch-test";
            return Err(missing("qemu-aarch64-static", "runs the packages' arm64 programs on this processor", command));
        }
        if !host.has("arch-test") {
            return Err(missing("arch-test", "tells whether arm64 programs run here", "sudo apt-get install arch-test"));
        }
        if !host.runs_foreign() {
            return Err(DebianError::NotRegistered);
        }
    }
    if host.is_root() {
        return Ok(Mode::Root);
    }
    if !host.has("newuidmap") || !host.has("newgidmap") {
        return Err(missing("newuidmap", "lets an ordinary user make files of other owners", "sudo apt-get install uidmap"));
    }
    if !host.has_sub_ids() {
        return Err(DebianError::NoSubIds);
    }
    Ok(Mode::Unshare)
}

/// The machine this runs on.
#[derive(Debug)]
pub(super) struct ThisHost;

impl Host for ThisHost {
    fn has(&self, program: &str) -> bool {
        find(program).is_some()
    }

    fn has_file(&self, path: &str) -> bool {
        Path::new(path).exists()
    }

    fn system(&self) -> &str {
        env::consts::OS
    }

    fn processor(&self) -> &str {
        env::consts::ARCH
    }

    fn is_root(&self) -> bool {
        is_root()
    }

    fn runs_foreign(&self) -> bool {
        let mut command = Command::new("arch-test");
        let status = command.arg(ARCHITECTURE).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn has_sub_ids(&self) -> bool {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let name = user_number().and_then(|number| name_of(&passwd, &number)).or_else(|| env::var("USER").ok());
        let has = |file| name.as_ref().is_some_and(|name| has_range(&fs::read_to_string(file).unwrap_or_default(), name));
        has("/etc/subuid") && has("/etc/subgid")
    }
}

/// The name of the user with this number in the text of an `/etc/passwd`.
fn name_of(passwd: &str, number: &str) -> Option<String> {
    let lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.filter(|fields| fields.get(2) == Some(&number)).find_map(|fields| fields.first().map(|name| (*name).to_owned()))
}

/// Whether a line `NAME:FIRST:COUNT` (subuid(5)) gives `name` at least the 65,536 numbers that a Debian tree uses. A line may begin
/// with the user's number as well, but mmdebstrap 1.3.5 looks for the name only.
fn has_range(text: &str, name: &str) -> bool {
    text.lines().any(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let count = fields.get(2).and_then(|count| count.trim().parse::<u64>().ok());
        fields.first() == Some(&name) && count >= Some(65_536)
    })
}

/// The full path of a program.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // Programs for administrators are not on every user's path.
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder: PathBuf| folder.join(program)).find(|candidate| candidate.is_file())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)]
fn user_number() -> Option<String> {
    Some(rustix::process::getuid().as_raw().to_string())
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(not(unix))]
fn user_number() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Classified as _;

    struct Fake {
        programs: Vec<&'static str>,
        keyring: bool,
        system: &'static str,
        processor: &'static str,
        root: bool,
        foreign: bool,
        sub_ids: bool,
    }

    impl Fake {
        fn complete() -> Self {
            Self {
                programs: vec!["mmdebstrap", "qemu-aarch64-static", "arch-test", "newuidmap", "newgidmap"],
                keyring: true,
                system: "linux",
                processor: "x86_64",
                root: false,
                foreign: true,
                sub_ids: true,
            }
        }

        fn without(program: &str) -> Self {
            let mut fake = Self::complete();
            fake.programs.retain(|name| *name != program);
            fake
        }
    }

    impl Host for Fake {
        fn has(&self, program: &str) -> bool {
            self.programs.contains(&program)
        }
        fn has_file(&self, _path: &str) -> bool {
            self.keyring
        }
        fn system(&self) -> &str {
            self.system
        }
        fn processor(&self) -> &str {
            self.processor
        }
        fn is_root(&self) -> bool {
            self.root
        }
        fn runs_foreign(&self) -> bool {
            self.foreign
        }
        fn has_sub_ids(&self) -> bool {
            self.sub_ids
        }
    }

    fn hint(fake: &Fake) -> String {
        check(fake).unwrap_err().hint().unwrap_or_default()
    }

    #[test]
    fn root_and_user_have_their_modes() {
        assert_eq!(check(&Fake::complete()).unwrap(), Mode::Unshare);
        assert_eq!(check(&Fake { root: true, sub_ids: false, ..Fake::without("newuidmap") }).unwrap(), Mode::Root);
    }

    #[test]
    fn an_arm64_host_needs_no_emulator() {
        let native = Fake { processor: "aarch64", foreign: false, ..Fake::without("qemu-aarch64-static") };
        assert!(check(&native).is_ok());
    }

    #[test]
    fn each_missing_thing_comes_with_its_command() {
        assert!(hint(&Fake::without("mmdebstrap")).contains("apt-get install mmdebstrap"));
        assert!(hint(&Fake { keyring: false, ..Fake::complete() }).contains("apt-get install debian-archive-keyring"));
        assert!(hint(&Fake::without("qemu-aarch64-static")).contains("apt-get install qemu-user-static binfmt-support"));
        assert!(hint(&Fake::without("arch-test")).contains("apt-get install arch-test"));
        assert!(hint(&Fake { foreign: false, ..Fake::complete() }).contains("update-binfmts --enable qemu-aarch64"));
        assert!(hint(&Fake::without("newgidmap")).contains("apt-get install uidmap"));
        assert!(hint(&Fake { sub_ids: false, ..Fake::complete() }).contains("usermod --add-subuids"));
        assert!(matches!(check(&Fake { system: "macos", ..Fake::complete() }), Err(DebianError::NotLinux { .. })));
    }

    #[test]
    fn ranges_of_numbers_are_found_by_name() {
        assert!(has_range("other:100000:65536\nberry:165536:65536\n", "berry"));
        assert!(!has_range("1000:165536:65536\nberry:165536:10\nberries:1:65536\nberry\n", "berry"));
        let passwd = "root:x:0:0::/root:/bin/sh\nberry:x:1000:1000::/home/berry:/bin/sh\n";
        assert_eq!((name_of(passwd, "1000").as_deref(), name_of(passwd, "100")), (Some("berry"), None));
    }
}
