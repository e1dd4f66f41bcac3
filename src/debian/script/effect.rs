//! What a script would change.

/// One change, and how sure it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    /// What would be changed.
    pub effect: Effect,
    /// Whether it happens whenever the script is called so; otherwise it hangs on something that cannot be known without running it.
    pub certain: bool,
    /// The line of the script, counted from one; lines of files that the script reads in are those of the command that does so.
    pub line: usize,
}

/// A change. Paths are absolute, without `.` and `..`, and their links are not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A diversion is added, dpkg-divert(1).
    Divert {
        /// The package whose file stays at the old path; `None` for a local diversion.
        package: Option<String>,
        /// The path of the files of all other packages.
        from: String,
        /// Where they go.
        to: String,
        /// Whether a file that is there now is moved.
        rename: bool,
    },
    /// A diversion is removed.
    Undivert {
        /// The package that had it, `None` for a local or any one.
        package: Option<String>,
        /// The path.
        from: String,
        /// Where it led, when the script says so.
        to: Option<String>,
        /// Whether the file is moved back.
        rename: bool,
    },
    /// A group is made, unless there is one of that name.
    Group {
        /// Its name.
        name: String,
        /// Its number, when the script chooses it.
        gid: Option<u32>,
        /// Whether it is one of the system's.
        system: bool,
    },
    /// A user is made, unless there is one of that name.
    User(User),
    /// A user becomes a member of a group.
    Member {
        /// The user's name.
        user: String,
        /// The group's name.
        group: String,
    },
    /// A user is removed.
    RemoveUser(String),
    /// A group is removed.
    RemoveGroup(String),
    /// systemd-sysusers(8) reads a file, or all of them when the name is empty.
    SysusersFile(String),
    /// systemd-tmpfiles(8) reads a file, or all of them when the name is empty.
    TmpfilesFile(String),
    /// dpkg-maintscript-helper(1) acts; it does so only when its conditions, the versions among them, hold.
    Helper(Helper),
    /// The byte code of a package's Python modules is removed (py3clean(1)).
    PyClean {
        /// The package.
        package: String,
    },
    /// The byte code of a package's Python modules is made (py3compile(1)).
    PyCompile {
        /// The package; empty when a folder is named.
        package: String,
    },
    /// A unit's state is changed by deb-systemd-helper(1p) or systemctl(1).
    Unit {
        /// `enable`, `mask`, `purge`, `update-state`, …
        action: String,
        /// The units.
        units: Vec<String>,
    },
    /// A service is started, stopped or told something, or systemd itself is.
    Service {
        /// The command.
        command: String,
    },
    /// update-rc.d(8)
    UpdateRcD {
        /// The script in `/etc/init.d`.
        name: String,
        /// `defaults`, `remove`, …
        action: String,
    },
    /// debconf's database is read or written.
    Debconf {
        /// The command.
        command: String,
    },
    /// A trigger is activated, dpkg-trigger(1).
    Trigger {
        /// Its name.
        name: String,
        /// Whether the package waits for it to be processed.
        awaits: bool,
    },
    /// update-alternatives(1) with `--install`: `link name path priority`, then further links.
    InstallAlternative {
        /// The arguments after `--install`.
        arguments: Vec<String>,
    },
    /// update-alternatives(1) with `--remove` or another change.
    ChangeAlternative {
        /// The arguments.
        arguments: Vec<String>,
    },
    /// dpkg-statoverride(1) with `--add` or `--remove`.
    Statoverride {
        /// The arguments.
        arguments: Vec<String>,
    },
    /// ucf(1) and ucfr(1)
    Ucf {
        /// The arguments.
        arguments: Vec<String>,
    },
    /// A program makes an index or a cache again of what there is: ldconfig, update-mime-database and the like.
    Refresh {
        /// The command.
        command: String,
    },
    /// A file, or with `recursive` a folder with all that is in it, is removed.
    RemoveFile {
        /// Its path.
        path: String,
        /// Whether folders are removed with what is in them.
        recursive: bool,
    },
    /// An empty folder is removed.
    RemoveFolder {
        /// Its path.
        path: String,
    },
    /// A folder is made.
    MakeFolder {
        /// Its path.
        path: String,
        /// Its mode, when the script says so.
        mode: Option<String>,
    },
    /// An empty file is made, or the times of one that is there are changed.
    Touch {
        /// Its path.
        path: String,
    },
    /// A file is written or lengthened.
    WriteFile {
        /// Its path.
        path: String,
    },
    /// A file or folder is moved.
    Rename {
        /// Where it was.
        from: String,
        /// Where it is put.
        to: String,
    },
    /// A file is copied, or a folder with what is in it.
    Copy {
        /// The original.
        from: String,
        /// The copy.
        to: String,
    },
    /// A link is made.
    Link {
        /// What it leads to.
        target: String,
        /// Its path.
        path: String,
        /// Whether it is a symbolic one.
        symbolic: bool,
    },
    /// Permissions are changed.
    Mode {
        /// The path.
        path: String,
        /// The mode as chmod(1) takes it.
        mode: String,
        /// Whether it is that of everything below, too.
        recursive: bool,
    },
    /// Owner or group are changed.
    Owner {
        /// The path.
        path: String,
        /// `USER`, `USER:GROUP` or `:GROUP`.
        owner: String,
        /// Whether it is that of everything below, too.
        recursive: bool,
    },
    /// The script ends, and says that it failed.
    Fail {
        /// Its exit status; not zero.
        status: u8,
    },
    /// Something else, which may be anything.
    Other {
        /// The command, shortened, in printable characters.
        command: String,
        /// Why it is not understood.
        why: String,
    },
}

/// A user that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The number, when the script chooses it.
    pub uid: Option<u32>,
    /// The primary group.
    pub group: PrimaryGroup,
    /// The home folder.
    pub home: String,
    /// Whether that folder is made.
    pub makes_home: bool,
    /// The shell.
    pub shell: String,
    /// The comment in passwd(5).
    pub gecos: String,
    /// Whether it is one of the system's.
    pub system: bool,
}

/// The primary group of a user that is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrimaryGroup {
    /// One of the user's own name, made with it; with this number when the script chooses one.
    Own(Option<u32>),
    /// A group that exists.
    Named(String),
    /// A group that exists, by its number.
    Number(u32),
    /// What adduser takes for users of the system that ask for nothing else: `nogroup`.
    Nogroup,
}

/// An action of dpkg-maintscript-helper(1) whose conditions hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Helper {
    /// `rm_conffile`
    RemoveConffile {
        /// The configuration file.
        path: String,
        /// The last version that had it, empty when none is named.
        version: String,
        /// The package that has it.
        package: String,
    },
    /// `mv_conffile`
    MoveConffile {
        /// The old path.
        from: String,
        /// The new path.
        to: String,
        /// The last version with the old path, empty when none is named.
        version: String,
        /// The package that has it.
        package: String,
    },
    /// `symlink_to_dir`
    SymlinkToDir {
        /// The link.
        path: String,
        /// What it leads to.
        target: String,
        /// The last version that had it, empty when none is named.
        version: String,
        /// The package that has it.
        package: String,
    },
    /// `dir_to_symlink`
    DirToSymlink {
        /// The folder.
        path: String,
        /// What the link shall lead to.
        target: String,
        /// The last version that had it, empty when none is named.
        version: String,
        /// The package that has it.
        package: String,
    },
}

impl Effect {
    /// Whether it is known what is changed.
    #[must_use]
    pub const fn is_understood(&self) -> bool {
        !matches!(self, Self::Other { .. })
    }
}
