//! Recorded answers of apt, with the part of an archive that they are about, in `tests/apt_frozen/`.
//!
//! `N.packages.xz` are indices in apt's order, `base.status.xz` and `older.status.xz` are what two systems have, `auto.xz` says what came
//! by itself, and `answers.xz` is what apt said: a line `SYSTEM, HELD HELD: QUESTION`, and below it, indented, the lines of the answer.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    fs,
    io::{Read as _, Write as _},
    path::PathBuf,
    process::Stdio,
};

use super::{
    apt::{Answer, Question},
    program::{repository, tool},
};

/// What stands below a question that apt refuses.
const REFUSED: &str = "refused";

#[derive(Clone, Debug, Default)]
pub struct Frozen {
    /// The texts of the indices, in the order in which apt reads them.
    pub indices: Vec<String>,
    /// dpkg's status of the base.
    pub base: String,
    /// The same without security fixes and updates.
    pub older: String,
    /// apt's list of what came by itself.
    pub auto: String,
    pub cases: Vec<Case>,
}

/// A question, and what apt said.
#[derive(Clone, Debug)]
pub struct Case {
    pub setting: Setting,
    pub question: Question,
    pub answer: Answer,
}

/// Whom the question is put to.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// Without security fixes and updates.
    pub is_older: bool,
    /// Packages on hold.
    pub held: Vec<String>,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_older { "older" } else { "base" })?;
        if self.held.is_empty() { Ok(()) } else { write!(f, ", {}", self.held.join(" ")) }
    }
}

impl Setting {
    fn parse(text: &str) -> Option<Self> {
        let (system, held) = text.split_once(", ").unwrap_or((text, ""));
        let is_older = match system {
            "base" => false,
            "older" => true,
            _ => return None,
        };
        Some(Self { is_older, held: held.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect() })
    }
}

impl Frozen {
    pub fn read() -> Self {
        let indices: Vec<String> =
            (0..).map(|number| file(&format!("{number}.packages"))).take_while(|path| path.exists()).map(unpack).collect();
        let [base, older, auto, answers] = ["base.status", "older.status", "auto", "answers"].map(|name| unpack(file(name)));
        let mut cases: Vec<Case> = Vec::new();
        for line in answers.lines() {
            match line.strip_prefix(' ') {
                None => {
                    let (setting, question) = line.split_once(": ").unwrap();
                    let (setting, question) = (Setting::parse(setting).unwrap(), Question::parse(question).unwrap());
                    cases.push(Case { setting, question, answer: Some(BTreeSet::new()) });
                }
                Some(REFUSED) => cases.last_mut().unwrap().answer = None,
                Some(line) => {
                    cases.last_mut().unwrap().answer.as_mut().unwrap().insert(line.to_owned());
                }
            }
        }
        Self { indices, base, older, auto, cases }
    }

    /// Writes everything; returns the size in bytes.
    pub fn write(&self) -> u64 {
        let _ = fs::remove_dir_all(file("").parent().unwrap());
        fs::create_dir(file("").parent().unwrap()).unwrap();
        let mut answers = String::new();
        for Case { setting, question, answer } in &self.cases {
            writeln!(answers, "{setting}: {question}").unwrap();
            match answer {
                None => writeln!(answers, " {REFUSED}").unwrap(),
                Some(lines) => lines.iter().for_each(|line| writeln!(answers, " {line}").unwrap()),
            }
        }
        let indices = self.indices.iter().enumerate().map(|(number, text)| (format!("{number}.packages"), text));
        let others = [("base.status", &self.base), ("older.status", &self.older), ("auto", &self.auto), ("answers", &answers)];
        indices.chain(others.map(|(name, text)| (name.to_owned(), text))).map(|(name, text)| pack(&file(&name), text)).sum()
    }

    /// The status of a setting.
    pub fn status(&self, setting: &Setting) -> String {
        let held = |stanza: &str| {
            let name = stanza.strip_prefix("Package: ").and_then(|rest| rest.lines().next()).unwrap_or_default();
            let is_held = setting.held.iter().any(|held| held == name);
            if is_held { stanza.replace("\nStatus: install ", "\nStatus: hold ") } else { stanza.to_owned() }
        };
        let status = if setting.is_older { &self.older } else { &self.base };
        status.split("\n\n").map(held).collect::<Vec<_>>().join("\n\n")
    }
}

fn file(name: &str) -> PathBuf {
    repository().join("tests/apt_frozen").join(format!("{name}.xz"))
}

fn unpack(path: PathBuf) -> String {
    let mut text = String::new();
    let packed = fs::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    lzma_rust2::XzReader::new(packed, false).read_to_string(&mut text).unwrap();
    text
}

fn pack(path: &PathBuf, text: &str) -> u64 {
    let packed = fs::File::create(path).unwrap();
    let mut xz = tool("xz").args(["-9e", "-T1"]).stdin(Stdio::piped()).stdout(packed).spawn().unwrap();
    xz.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(xz.wait().unwrap().success());
    fs::metadata(path).unwrap().len()
}
