//! Sizes: each by itself, and all together on the smallest card.

use super::{
    super::{
        Brick, BrickSize,
        mask::shown,
        names,
        problem::{Code, Span},
        raw::{RawBrick, RawProfile},
        read::{Field, SizeText},
        report::Draft,
        size,
    },
    Checker,
};

/// Partitions begin and end at multiples of this.
const ALIGNMENT: u64 = 4 << 20;

/// What lies before the root partition, at most: 4 MiB of table and gap, and the boot partition of Raspberry Pi OS bookworm. The plan checks
/// again with what the base really has.
const BEFORE_ROOT: u64 = ALIGNMENT + (512 << 20);

/// A brick below this is no use: its journal alone takes an eighth.
const BRICK_MINIMUM: u64 = 256 << 20;

/// An MBR counts sectors of 512 bytes with 32 bits.
const MBR_LIMIT: u64 = 512 << 32;

const DEFAULT_CARD: u64 = 16_000_000_000;
const DEFAULT_ROOT: u64 = 4 << 30;

/// Folders whose content the system needs, with everything below them.
const SYSTEM: [&str; 15] =
    ["bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "lost+found", "proc", "root", "run", "sbin", "sys", "usr"];

/// Folders that services do not see, or not as the system has them (`ProtectHome=`, `PrivateTmp=`), with everything below them: Apache and
/// the units of first boot are such services.
const UNSEEN: [&str; 3] = ["/home", "/tmp", "/var/tmp"];

/// Folders that hold something themselves, or into which a package puts something when it is configured (Apache); a folder of one's own
/// below them is fine.
const HOLDERS: [&str; 11] = [
    "/opt",
    "/var",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/local",
    "/var/log",
    "/var/mail",
    "/var/spool",
    "/var/www",
    "/var/www/html",
];

impl Checker<'_> {
    /// Card size, root size and brick.
    pub(super) fn card(&mut self, raw: &RawProfile) -> Option<(u64, u64, Brick)> {
        let card = self.size(&raw.card_size, DEFAULT_CARD);
        let root = self.size(&raw.root_size, DEFAULT_ROOT);
        let empty = RawBrick::default();
        let section = raw.brick.given().map_or(&empty, |given| &given.value);
        let size = match section.size.given() {
            Some(given) if given.value.0.trim() == "rest" => Some(BrickSize::Rest),
            Some(given) if given.value.0.trim().eq_ignore_ascii_case("rest") => {
                self.add(Draft::new(Code::Size, given.span, format!("{} is no size", shown(&given.value.0))).hint("write `rest`"));
                None
            }
            _ => self.size(&section.size, 0).map(|cap| if cap == 0 { BrickSize::Rest } else { BrickSize::Cap(cap) }),
        };
        let mount_point = self.mount_point(&section.mount, "the brick", "/export");
        let label = self.label(&section.label);
        let root = self.fits(raw, section, card, root, size);
        if raw.brick.given().is_none() && !raw.brick.is_absent() {
            return None;
        }
        Some((card?, root?, Brick { size: size?, mount_point: mount_point?, label: label? }))
    }

    fn size(&mut self, field: &Field<SizeText>, default: u64) -> Option<u64> {
        match field {
            Field::Absent => Some(default),
            Field::Wrong => None,
            Field::Given(given) => match size::parse(&given.value.0) {
                Ok(size) => Some(size),
                Err(error) => {
                    let message = format!("{} is no size: it {}", shown(&given.value.0), error.reason);
                    self.add(Draft::new(Code::Size, given.span, message).hint(error.hint));
                    None
                }
            },
        }
    }

    /// Checks the sizes against each other; gives the root's, aligned.
    fn fits(&mut self, raw: &RawProfile, brick: &RawBrick, card: Option<u64>, root: Option<u64>, size: Option<BrickSize>) -> Option<u64> {
        let span = |field: &Field<SizeText>| field.given().map(|given| given.span);
        if let (Some(card), Some(at)) = (card, span(&raw.card_size))
            && card > MBR_LIMIT
        {
            let message =
                format!("the partition table of a Raspberry Pi ends at {}, and the card has {}", size::show(MBR_LIMIT), size::show(card));
            self.add(Draft::new(Code::DoesNotFit, at, message).hint("what is beyond stays unused: write `2 TiB`"));
            return None;
        }
        // Both numbers stay below 2^63 + 2^22, because a size does.
        let root = root?.div_ceil(ALIGNMENT) * ALIGNMENT;
        let card = card?;
        let cap = match size {
            Some(BrickSize::Cap(cap)) => Some(cap),
            _ => None,
        };
        let at: Span = [span(&raw.root_size), span(&brick.size), span(&raw.card_size)].into_iter().flatten().next().unwrap_or(self.top);
        let before = root.saturating_add(BEFORE_ROOT);
        if before.saturating_add(BRICK_MINIMUM) > card {
            let message = format!(
                "a card of {} has no room for {} of boot partition, {} of root and a brick of at least {}",
                size::show(card),
                size::show(BEFORE_ROOT),
                size::show(root),
                size::show(BRICK_MINIMUM)
            );
            let draft = Draft::new(Code::DoesNotFit, at, message).hint("make `root_size` smaller or `card_size` larger");
            let card = span(&raw.card_size).filter(|card| *card != at);
            self.add(match card {
                Some(card) => draft.also(card, "the card"),
                None => draft,
            });
            return None;
        }
        let (Some(cap), Some(at)) = (cap, span(&brick.size)) else { return Some(root) };
        if cap < BRICK_MINIMUM {
            let message = format!("a brick has at least {}, got {}", size::show(BRICK_MINIMUM), size::show(cap));
            self.add(Draft::new(Code::DoesNotFit, at, message).hint("write `rest`, or a larger size"));
        } else if before.saturating_add(cap) > card {
            let message = format!("a brick of {} does not fit: the card leaves {} for it", size::show(cap), size::show(card - before));
            self.add(Draft::new(Code::DoesNotFit, at, message).hint("write `rest` to take what is there"));
        }
        Some(root)
    }

    /// Where something is mounted; `what` is for the message.
    pub(super) fn mount_point(&mut self, field: &Field<String>, what: &str, default: &str) -> Option<String> {
        let given = match field {
            Field::Absent => return Some(default.to_owned()),
            Field::Wrong => return None,
            Field::Given(given) => given,
        };
        let path = given.value.as_str();
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let problem = if !path.starts_with('/') {
            Some(("it is not absolute", format!("write `/{path}`")))
        } else if path == "/" {
            Some(("that is the root file system", format!("write a folder of its own, such as `{default}`")))
        } else if !names::is_direct(path) {
            Some(("it has an empty part, `.` or `..`", format!("write `{default}` without detours and without `/` at its end")))
        } else if !names::is_plain(path) {
            Some(("fstab and systemd take only plain names", "use up to 200 letters, digits, `.`, `_`, `+`, `@` and `-`".to_owned()))
        } else if UNSEEN.iter().any(|folder| path == *folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))) {
            Some(("services do not see what is mounted there", format!("write another folder, such as `{default}`")))
        } else if SYSTEM.contains(&first) || HOLDERS.contains(&path) {
            Some(("the system keeps its own files there", format!("write a folder of its own, such as `{default}`")))
        } else {
            None
        };
        match problem {
            None => Some(path.to_owned()),
            Some((reason, hint)) => {
                let message = format!("{what} cannot be mounted on {}: {reason}", shown(path));
                self.add(Draft::new(Code::MountPoint, given.span, message).hint(hint));
                None
            }
        }
    }

    fn label(&mut self, field: &Field<String>) -> Option<String> {
        let given = match field {
            Field::Absent => return Some("brick".to_owned()),
            Field::Wrong => return None,
            Field::Given(given) => given,
        };
        let label = given.value.as_str();
        if !(1..=16).contains(&label.len()) {
            let message = format!("an ext4 label has 1 to 16 bytes, and {} has {}", shown(label), label.len());
            self.add(Draft::new(Code::Label, given.span, message).hint("shorten it"));
            return None;
        }
        if !label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte)) {
            let message = format!("{} is no label that mount and udev take as it is", shown(label));
            self.add(Draft::new(Code::Label, given.span, message).hint("use letters, digits, `.`, `_`, `+` and `-`"));
            return None;
        }
        Some(label.to_owned())
    }
}
