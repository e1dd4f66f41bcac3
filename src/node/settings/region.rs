//! Time zone, locale and keyboard, each checked against what the image knows.

use super::edit::{Editor, assign};
use crate::{
    node::{NodeError, embedded, error::near},
    profile::{Keyboard, Profile},
    tree::{Content, InodeId, Tree},
};

const ZONES: &str = "/usr/share/zoneinfo";
const LOCALES: &str = "/usr/lib/locale";
const SUPPORTED: &str = "/usr/share/i18n/SUPPORTED";
const GENERATOR: &str = "/usr/sbin/locale-gen";
const LOCALE_UNIT: &str = "berry-locale.service";
/// Stands as long as the locale is not generated.
const LOCALE_PENDING: &str = "/var/lib/berry/locale-pending";
const KEYBOARDS: &str = "/usr/share/X11/xkb/rules/base.lst";
const CONSOLE: &str = "/etc/console-setup";

pub(super) fn apply(editor: &mut Editor, profile: &Profile) -> Result<(), NodeError> {
    time_zone(editor, &profile.time_zone)?;
    locale(editor, &profile.locale)?;
    keyboard(editor, &profile.keyboard)
}

/// Both the link, which counts, and the text, from which `dpkg-reconfigure tzdata` starts.
fn time_zone(editor: &mut Editor, zone: &str) -> Result<(), NodeError> {
    let path = format!("{ZONES}/{zone}");
    let tame = !zone.is_empty() && zone.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    // tzfile(5): a compiled zone begins with `TZif`; the folder also holds tables and lists.
    let known = tame && editor.is_file(&path) && editor.tree.read(&path)?.starts_with(b"TZif");
    if !known {
        let mut zones = Vec::new();
        if let Some(folder) = editor.tree.resolve(ZONES) {
            collect_zones(editor.tree, folder, "", &mut zones);
        }
        if zones.is_empty() {
            return Err(NodeError::Missing { path: ZONES.to_owned(), purpose: "the time zone" });
        }
        let near = near(zone, zones.iter().map(String::as_str));
        return Err(NodeError::Unknown { what: "time zone", value: zone.to_owned(), near });
    }
    editor.link("/etc/localtime", &path)?;
    editor.write("/etc/timezone", format!("{zone}\n"))
}

/// The names of all zones below `folder`. Names of areas and zones begin with a capital; the rest are tables and other editions.
fn collect_zones(tree: &Tree, folder: InodeId, prefix: &str, zones: &mut Vec<String>) {
    for (name, id) in tree.inode(folder).children().into_iter().flatten() {
        let Ok(name) = std::str::from_utf8(name.as_bytes()) else { continue };
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            continue;
        }
        match tree.inode(*id).children() {
            Some(_) => collect_zones(tree, *id, &format!("{prefix}{name}/"), zones),
            None => zones.push(format!("{prefix}{name}")),
        }
    }
}

fn locale(editor: &mut Editor, locale: &str) -> Result<(), NodeError> {
    let mut text = assign(&editor.text("/etc/default/locale")?, "LANG", locale);
    // Either of them would win over LANG.
    text = text
        .lines()
        .filter(|line| !line.starts_with("LC_ALL=") && !line.starts_with("LANGUAGE="))
        .map(|line| format!("{line}\n"))
        .collect();
    editor.write("/etc/default/locale", text)?;
    if is_compiled(editor, locale)? {
        return Ok(());
    }
    if !editor.is_file(SUPPORTED) || !editor.is_file(GENERATOR) {
        return Err(NodeError::Missing { path: GENERATOR.to_owned(), purpose: "a locale that the image does not have ready" });
    }
    let supported = editor.text(SUPPORTED)?;
    let name_of = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
    let Some(entry) = supported.lines().find(|line| name_of(line) == locale) else {
        let names: Vec<String> = supported.lines().map(name_of).collect();
        let near = near(locale, names.iter().map(String::as_str));
        return Err(NodeError::Unknown { what: "locale", value: locale.to_owned(), near });
    };
    let list = with_locale(&editor.text("/etc/locale.gen")?, entry.trim());
    editor.write("/etc/locale.gen", list)?;
    let values = [("locale", locale), ("generator", GENERATOR), ("pending", LOCALE_PENDING)];
    let unit = embedded::render(&embedded::LOCALE_UNIT, &values)?;
    let path = format!("/etc/systemd/system/{LOCALE_UNIT}");
    editor.create(&path, 0o644, 0, 0, unit)?;
    editor.link(&format!("/etc/systemd/system/multi-user.target.wants/{LOCALE_UNIT}"), &path)?;
    editor.create(LOCALE_PENDING, 0o644, 0, 0, "")
}

/// `/etc/locale.gen` with the line `entry` switched on.
fn with_locale(list: &str, entry: &str) -> String {
    let words = |line: &str| line.trim_start_matches(['#', ' ', '\t']).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let mut found = false;
    let mut out = String::new();
    for line in list.lines() {
        let is_it = words(line) == words(entry);
        out.push_str(if is_it { entry } else { line });
        out.push('\n');
        found |= is_it;
    }
    if !found {
        out.push_str(entry);
        out.push('\n');
    }
    out
}

/// Whether the image has this locale ready for use, as a folder or in the archive.
fn is_compiled(editor: &Editor, locale: &str) -> Result<bool, NodeError> {
    let name = compiled_name(locale);
    // glibc has these built in.
    if ["C", "POSIX", "C.utf8"].contains(&name.as_str()) || editor.tree.resolve(format!("{LOCALES}/{name}")).is_some() {
        return Ok(true);
    }
    let archive = format!("{LOCALES}/locale-archive");
    let content = editor.tree.resolve(&archive).and_then(|id| editor.tree.inode(id).content());
    let Some(content) = content else { return Ok(false) };
    archive_names(content)
        .map(|names| names.iter().any(|known| *known == name.as_bytes()))
        .ok_or_else(|| NodeError::NotUnderstood { path: archive, reason: "it is not a locale archive of glibc".to_owned() })
}

/// The name under which glibc keeps a locale: its codeset in lower case, letters and digits only (`de_DE.UTF-8@x` → `de_DE.utf8@x`).
fn compiled_name(locale: &str) -> String {
    let (rest, modifier) = locale.split_once('@').map_or((locale, None), |(rest, modifier)| (rest, Some(modifier)));
    let (language, codeset) = rest.split_once('.').map_or((rest, None), |(language, codeset)| (language, Some(codeset)));
    let mut name = language.to_owned();
    if let Some(codeset) = codeset {
        name.push('.');
        name.extend(codeset.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()));
    }
    if let Some(modifier) = modifier {
        name.push('@');
        name.push_str(modifier);
    }
    name
}

/// The names in a locale archive: NUL-terminated texts in a table that the header points at (`struct locarhead` in glibc's
/// locale/locarchive.h). `None` when it is not one.
fn archive_names(content: &Content) -> Option<Vec<Vec<u8>>> {
    use crate::disk::Storage as _;
    const MAGIC: u32 = 0xde02_0109;
    /// The table of the full archive of Debian's `locales-all` has 30 KiB.
    const MAX_TABLE: usize = 1 << 20;
    let mut header = [0; 32];
    content.read_exact_at(0, &mut header).ok()?;
    let field = |index: usize| header.get(index * 4..index * 4 + 4)?.try_into().ok().map(u32::from_le_bytes);
    // magic, serial, namehash_offset, namehash_used, namehash_size, string_offset, string_used, string_size
    if field(0)? != MAGIC {
        return None;
    }
    let mut table = vec![0; usize::try_from(field(6)?).ok().filter(|size| *size <= MAX_TABLE)?];
    content.read_exact_at(u64::from(field(5)?), &mut table).ok()?;
    Some(table.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect())
}

fn keyboard(editor: &mut Editor, keyboard: &Keyboard) -> Result<(), NodeError> {
    if editor.is_file(KEYBOARDS) {
        check_keyboard(&editor.text(KEYBOARDS)?, keyboard)?;
    }
    let mut text = editor.text("/etc/default/keyboard")?;
    for (key, value) in [
        ("XKBMODEL", &keyboard.model),
        ("XKBLAYOUT", &keyboard.layout),
        ("XKBVARIANT", &keyboard.variant),
        ("XKBOPTIONS", &keyboard.options),
    ] {
        text = assign(&text, key, &format!("\"{value}\""));
    }
    editor.write("/etc/default/keyboard", text)?;
    // The console's services make these anew from the settings; with the old ones they keep the old keyboard.
    for name in editor.names(CONSOLE) {
        if name.starts_with("cached_") {
            editor.remove(&format!("{CONSOLE}/{name}"))?;
        }
    }
    Ok(())
}

/// Checks against the lists of `base.lst`: sections `! model`, `! layout`, `! variant`, `! option`, and lines `  name  description`;
/// of a variant the description begins with its layout and a colon.
fn check_keyboard(list: &str, keyboard: &Keyboard) -> Result<(), NodeError> {
    let names = |section: &str| {
        let lines = list.lines().skip_while(move |line| line.strip_prefix("! ") != Some(section)).skip(1);
        lines.take_while(|line| !line.starts_with('!')).filter_map(|line| line.trim().split_once(char::is_whitespace)).collect::<Vec<_>>()
    };
    let check = |what, value: &str, known: Vec<&str>| {
        if known.contains(&value) {
            return Ok(());
        }
        Err(NodeError::Unknown { what, value: value.to_owned(), near: near(value, known.into_iter()) })
    };
    let first = |section| names(section).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    check("keyboard model", &keyboard.model, first("model"))?;
    for layout in keyboard.layout.split(',') {
        check("keyboard layout", layout, first("layout"))?;
    }
    for (layout, variant) in keyboard.layout.split(',').zip(keyboard.variant.split(',')).filter(|(_, variant)| !variant.is_empty()) {
        let of_layout = |description: &str| description.trim_start().split(':').next() == Some(layout);
        let known = names("variant").into_iter().filter(|(_, description)| of_layout(description)).map(|(name, _)| name).collect();
        check("keyboard variant", variant, known)?;
    }
    for option in keyboard.options.split(',').filter(|option| !option.is_empty()) {
        check("keyboard option", option, first("option"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_have_glibcs_names() {
        for (locale, expected) in [
            ("de_DE.UTF-8", "de_DE.utf8"),
            ("C.UTF-8", "C.utf8"),
            ("ca_ES.UTF-8@valencia", "ca_ES.utf8@valencia"),
            ("de_DE@euro", "de_DE@euro"),
            ("en_GB.ISO-8859-15", "en_GB.iso885915"),
        ] {
            assert_eq!(compiled_name(locale), expected);
        }
    }

    #[test]
    fn a_locale_is_switched_on_where_it_stands() {
        let list = "# head\n# de_DE ISO-8859-1\n# de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n";
        let expected = "# head\n# de_DE ISO-8859-1\nde_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n";
        assert_eq!(with_locale(list, "de_DE.UTF-8 UTF-8"), expected);
        assert_eq!(with_locale(expected, "de_DE.UTF-8 UTF-8"), expected);
        assert_eq!(with_locale("", "de_DE.UTF-8 UTF-8"), "de_DE.UTF-8 UTF-8\n");
    }

    #[test]
    fn the_archive_that_localedef_writes_is_understood() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("usr/lib/locale")).unwrap();
        let output = std::process::Command::new("localedef")
            .args(["-i", "de_DE", "-f", "UTF-8", "--prefix"])
            .arg(root.path())
            .arg("de_DE.UTF-8")
            .output()
            .expect("localedef is installed");
        let archive = root.path().join("usr/lib/locale/locale-archive");
        assert!(archive.exists(), "{}", String::from_utf8_lossy(&output.stderr));
        let names = archive_names(&Content::bytes(std::fs::read(archive).unwrap())).unwrap();
        assert!(names.contains(&b"de_DE.utf8".to_vec()));
        assert!(!names.contains(&b"en_GB.utf8".to_vec()));
        assert!(archive_names(&Content::bytes(vec![0; 64])).is_none());
        assert!(archive_names(&Content::bytes(vec![9, 1, 2, 0xde])).is_none());
    }

    #[test]
    fn keyboards_are_checked() {
        let list = "! model\n  pc105           Generic 105-key PC\n\n! layout\n  de              German\n  us              English (US)\n\n\
                    ! variant\n  nodeadkeys      de: German (no dead keys)\n  intl            us: English (intl)\n\n\
                    ! option\n  ctrl:nocaps     Caps Lock as Ctrl\n";
        let good = Keyboard {
            model: "pc105".to_owned(),
            layout: "us,de".to_owned(),
            variant: ",nodeadkeys".to_owned(),
            options: "ctrl:nocaps".to_owned(),
        };
        check_keyboard(list, &good).unwrap();
        for (bad, what) in [
            (Keyboard { model: "pc104".to_owned(), ..good.clone() }, "keyboard model"),
            (Keyboard { layout: "dd".to_owned(), ..good.clone() }, "keyboard layout"),
            (Keyboard { variant: "nodeadkeys".to_owned(), ..good.clone() }, "keyboard variant"),
            (Keyboard { options: "ctrl:caps".to_owned(), ..good.clone() }, "keyboard option"),
        ] {
            let error = check_keyboard(list, &bad).unwrap_err();
            assert!(matches!(&error, NodeError::Unknown { what: got, .. } if *got == what), "{error}");
        }
    }
}
