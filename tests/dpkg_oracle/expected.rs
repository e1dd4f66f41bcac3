//! The differences that must be, each with its reason.

use crate::compare::{
    Aspect::{Content, OnlySecond, Time},
    Expected, Fact,
    Shows::{Always, Perhaps, When, With},
};

/// Our tree against that of `dpkg --unpack`.
pub(crate) const UNPACKED: &[Expected] = &[
    Expected { path: "/var/log/dpkg.log", aspects: &[OnlySecond], shows: When(Fact::NoLog), reason: LOG },
    Expected { path: "/var/log/dpkg.log", aspects: &[Content, Time], shows: When(Fact::Log), reason: LOG },
    Expected { path: "/var/lib/dpkg/lock", aspects: &[Time], shows: Always, reason: LOCK },
    Expected { path: "/var/lib/dpkg/lock-frontend", aspects: &[Time], shows: Always, reason: LOCK },
    Expected { path: "/var/lib/dpkg/triggers/Lock", aspects: &[Time], shows: Always, reason: LOCK },
    Expected {
        path: "/var/lib/dpkg/status-old",
        aspects: &[Content],
        shows: When(Fact::Old),
        reason: "dpkg keeps the status before its last change; ours is that of the base",
    },
    Expected { path: "/var/lib/dpkg/status-old", aspects: &[OnlySecond], shows: When(Fact::NoOld), reason: "the base has none" },
    Expected { path: "/var/lib/dpkg/status-old", aspects: &[Time], shows: Perhaps, reason: "both may be as old as the base" },
    Expected { path: "/var/lib/dpkg/triggers/*", aspects: &[Time], shows: Perhaps, reason: INTERESTS },
    Expected { path: "/var/lib/dpkg/diversions", aspects: &[Content], shows: Perhaps, reason: DIVERSIONS },
    Expected { path: "/var/lib/dpkg/diversions-old", aspects: &[OnlySecond], shows: When(Fact::Diversions), reason: DIVERSIONS },
    Expected { path: "/etc/passwd", aspects: &[Content, Time], shows: When(Fact::Users), reason: ACCOUNTS },
    Expected { path: "/etc/shadow", aspects: &[Content, Time], shows: When(Fact::Users), reason: ACCOUNTS },
    Expected { path: "/etc/group", aspects: &[Content, Time], shows: When(Fact::Groups), reason: ACCOUNTS },
    Expected { path: "/etc/gshadow", aspects: &[Content, Time], shows: When(Fact::Groups), reason: ACCOUNTS },
    Expected { path: "/var/lib/apt/extended_states", aspects: &[Content], shows: Perhaps, reason: ORDER },
    Expected {
        path: "/var/lib/apt/extended_states",
        aspects: &[Time],
        shows: Perhaps,
        reason: "apt writes its marks anew, without a change",
    },
    Expected { path: "/var/lib/ucf/hashfile", aspects: &[Time], shows: When(Fact::Ucf), reason: UCF },
    Expected { path: "/var/lib/ucf/hashfile.0", aspects: &[Content], shows: When(Fact::Ucf), reason: UCF },
    Expected { path: "/var/lib/ucf/hashfile.1", aspects: &[OnlySecond], shows: When(Fact::Ucf), reason: UCF },
    Expected { path: "/var/cache/debconf/config.dat", aspects: &[Content, Time], shows: With(&["services"]), reason: TEMPLATES },
    Expected { path: "/var/cache/debconf/config.dat-old", aspects: &[Content], shows: With(&["services"]), reason: TEMPLATES },
    Expected { path: "/var/cache/debconf/templates.dat", aspects: &[Content, Time], shows: With(&["services"]), reason: TEMPLATES },
    Expected { path: "/var/cache/debconf/templates.dat-old", aspects: &[Content], shows: With(&["services"]), reason: TEMPLATES },
];
const UCF: &str = "`ucf --purge` of a file that it does not know copies its records, and writes them anew as they were";
const TEMPLATES: &str = "a preinst that speaks to debconf loads the package's questions early; ours come when it is configured";
const NUMBERS: &str = "several packages make accounts: ours have numbers in the order of unpacking, apt's in that of configuring";
const ACCOUNTS: &str = "users and groups that the packages would make when they are configured are there already, with the same numbers";
const INTERESTS: &str = "dpkg writes interests of an upgraded package anew that have not changed; we do where others in the same file have";
const DIVERSIONS: &str =
    "dpkg-divert writes them in the order of its hash table, and keeps those before; that they are the same is checked apart";
const ORDER: &str = "apt writes new marks in the order of its hash table; that they are the same is checked apart";
const LOG: &str = "dpkg did not run, so it has no log of it";
const LOCK: &str = "dpkg did not run, so it took no locks";

/// Two trees of `dpkg --unpack`.
pub(crate) const UNPACKED_TWICE: &[Expected] =
    &[Expected { path: "/var/log/dpkg.log", aspects: &[Content], shows: Perhaps, reason: "the time of day" }];

/// A tree that was unpacked and then configured, against that of apt, which does both by turns.
pub(crate) const CONFIGURED: &[Expected] = &[
    Expected {
        path: "/var/cache/apt/*pkgcache.bin",
        aspects: &[OnlySecond],
        shows: When(Fact::Apt),
        reason: "apt's memory of its indices",
    },
    Expected { path: "/var/log/apt/*", aspects: &[OnlySecond], shows: When(Fact::Apt), reason: "apt's own logs" },
    Expected { path: "/var/log/dpkg.log", aspects: &[Content], shows: Perhaps, reason: "the time of day, and the order of steps" },
    Expected {
        path: "/var/lib/apt/extended_states",
        aspects: &[Time],
        shows: Perhaps,
        reason: "apt writes its marks anew, with or without a change",
    },
    Expected {
        path: "/var/lib/dpkg/lock-frontend",
        aspects: &[Time],
        shows: When(Fact::Apt),
        reason: "taken by dpkg, or else by apt, which takes no locks here",
    },
    Expected {
        path: "/var/lib/dpkg/status-old",
        aspects: &[Content],
        shows: Perhaps,
        reason: "the status before its last change: by chance the last step was the same",
    },
    Expected {
        path: "/var/cache/ldconfig/aux-cache",
        aspects: &[Content],
        shows: When(Fact::Libraries),
        reason: "ldconfig's memory: numbers of inodes, and when they changed",
    },
    Expected {
        path: "/etc/passwd-",
        aspects: &[Content],
        shows: When(Fact::OldUsers),
        reason: "adduser keeps the file before its last change; there was none to make",
    },
    Expected {
        path: "/etc/shadow-",
        aspects: &[Content],
        shows: When(Fact::OldUsers),
        reason: "adduser keeps the file before its last change; there was none to make",
    },
    Expected {
        path: "/etc/group-",
        aspects: &[Content],
        shows: When(Fact::OldGroups),
        reason: "adduser keeps the file before its last change; there was none to make",
    },
    Expected {
        path: "/etc/gshadow-",
        aspects: &[Content],
        shows: When(Fact::OldGroups),
        reason: "adduser keeps the file before its last change; there was none to make",
    },
    Expected { path: "/etc/passwd-", aspects: &[OnlySecond], shows: When(Fact::NoOldUsers), reason: "the base has none" },
    Expected { path: "/etc/shadow-", aspects: &[OnlySecond], shows: When(Fact::NoOldUsers), reason: "the base has none" },
    Expected { path: "/etc/group-", aspects: &[OnlySecond], shows: When(Fact::NoOldGroups), reason: "the base has none" },
    Expected { path: "/etc/gshadow-", aspects: &[OnlySecond], shows: When(Fact::NoOldGroups), reason: "the base has none" },
    Expected {
        path: "/run/adduser",
        aspects: &[OnlySecond],
        shows: Perhaps,
        reason: "adduser's lock, which it takes where there is something to make",
    },
    Expected { path: "/var/lib/apt/extended_states", aspects: &[Content], shows: Perhaps, reason: ORDER },
    Expected { path: "/var/lib/dpkg/diversions", aspects: &[Content], shows: Perhaps, reason: DIVERSIONS },
    Expected { path: "/var/lib/dpkg/diversions-old", aspects: &[OnlySecond], shows: When(Fact::Diversions), reason: DIVERSIONS },
    Expected { path: "/var/lib/dpkg/triggers/*", aspects: &[Time], shows: Perhaps, reason: INTERESTS },
    Expected { path: "/var/log/alternatives.log", aspects: &[Content], shows: When(Fact::Alternatives), reason: "the time of day" },
    Expected {
        path: "/var/cache/fontconfig/*.cache-*",
        aspects: &[Content],
        shows: With(&["triggers", "random-01", "random-21", "random-24"]),
        reason: "the times of the folders with fonts, which is when they were filled",
    },
    Expected { path: "/etc/default/ddclient", aspects: &[Content], shows: With(&["cluster"]), reason: "a comment with the time of day" },
    Expected { path: "/var/lib/ucf/hashfile*", aspects: &[Time], shows: When(Fact::Ucf), reason: UCF },
    Expected { path: "/var/lib/ucf/hashfile.*", aspects: &[Content, OnlySecond], shows: When(Fact::Ucf), reason: UCF },
    Expected { path: "/etc/passwd", aspects: &[Content], shows: With(&["services"]), reason: NUMBERS },
    Expected { path: "/etc/shadow", aspects: &[Content], shows: With(&["services"]), reason: NUMBERS },
    Expected { path: "/etc/group", aspects: &[Content], shows: With(&["services"]), reason: NUMBERS },
    Expected { path: "/etc/gshadow", aspects: &[Content], shows: With(&["services"]), reason: NUMBERS },
    Expected {
        path: "/var/lib/dpkg/statoverride-old",
        aspects: &[Content],
        shows: With(&["services"]),
        reason: "the file before its last change, which is that of the package that was configured last",
    },
    Expected {
        path: "/etc/aliases.db",
        aspects: &[Content],
        shows: With(&["services"]),
        reason: "a database of Berkeley DB with the time of day",
    },
    Expected { path: "/etc/ssl/certs/ssl-cert-snakeoil.pem", aspects: &[Content], shows: With(&["services"]), reason: "made by chance" },
    Expected { path: "/etc/ssl/private/ssl-cert-snakeoil.key", aspects: &[Content], shows: With(&["services"]), reason: "made by chance" },
];
