//! File → text → tree → raw values → checked profile.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::Path,
};

use super::{
    Environment, Profile,
    check::Checker,
    problem::Code,
    raw::RawProfile,
    read::{Field, Read as _},
    report::{Problems, ProfileErrors, Report},
    yaml::{self, Node, Value},
};

/// A profile of 1000 nodes written out has some 100 kB.
const MAX_FILE: usize = 1 << 20;

/// A profile that can be built, and what is doubtful about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The profile.
    pub profile: Profile,
    /// What works and is probably not meant.
    pub warnings: Report,
}

/// Reads and checks a profile.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(path: &Path, environment: &dyn Environment) -> Result<Loaded, ProfileErrors> {
    let text = text(path).map_err(ProfileErrors::new)?;
    parse(&text, path, environment)
}

/// Checks a profile's text; `path` is where it stands, or would.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, path: &Path, environment: &dyn Environment) -> Result<Loaded, ProfileErrors> {
    let mut problems = Problems::default();
    let profile = tree(text, path, environment, &mut problems);
    let failed = problems.errors() > 0;
    let (errors, warnings) = problems.finish(path, text);
    match profile.filter(|_| !failed) {
        Some(profile) => Ok(Loaded { profile, warnings }),
        None => Err(ProfileErrors::new(errors)),
    }
}

/// The profile, or `None` and at least one error among the problems.
fn tree(text: &str, path: &Path, environment: &dyn Environment, problems: &mut Problems) -> Option<Profile> {
    let root = yaml::parse(text, problems)?;
    let mut checker = Checker { problems, environment, path, text, top: root.span };
    if !version(&root, &mut checker) {
        return None;
    }
    let raw = RawProfile::read(&root, checker.problems)?;
    checker.profile(&raw)
}

/// Looks at the version before anything else: of a newer format nothing else can be judged.
fn version(root: &Node, checker: &mut Checker<'_>) -> bool {
    let Value::Map(entries) = &root.value else { return true };
    let Some(entry) = entries.iter().find(|entry| entry.key == "version") else { return true };
    // Read into a bin: a wrong type is reported when all keys are read.
    match u64::read(&entry.value, &mut Problems::default()) {
        Some(value) => checker.version(&Field::Given(super::read::Given { value, span: entry.value.span, key: entry.span })),
        None => true,
    }
}

/// The file's text.
fn text(path: &Path) -> Result<String, Report> {
    let fail = |code, message: String, hint: &str| Report::of_file(path, code, message, Some(hint.to_owned()), None);
    let io_error = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => {
            fail(Code::Unreadable, "there is no such file".to_owned(), "give the path of a profile, such as `profiles/cluster01.yaml`")
        }
        _ => fail(Code::Unreadable, format!("it cannot be read: {error}"), "check the path and its permissions"),
    };
    if fs::metadata(path).map_err(io_error)?.is_dir() {
        return Err(fail(
            Code::Unreadable,
            "this is a folder, and a profile is a file".to_owned(),
            "give the path of a `.yaml` file in it",
        ));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path).map_err(io_error)?.take(limit).read_to_end(&mut bytes).map_err(io_error)?;
    if bytes.len() > MAX_FILE {
        let message = format!("it is larger than {} MiB, so it is hardly a profile", MAX_FILE >> 20);
        return Err(fail(Code::TooLarge, message, "many nodes can be written as one pattern"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..good).unwrap_or_default()).into_owned();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = format!("it is not UTF-8 from byte {good} on");
        Report::of_file(path, Code::NotUtf8, message, Some("save it as UTF-8".to_owned()), Some((line, column)))
    })
}
