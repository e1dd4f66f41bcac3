//! What the tests of cards share: sfdisk, and chance that can be repeated.

#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod attached;

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// A deterministic stream of numbers (splitmix64).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low)
    }
}

/// Runs a program that reads `input`, in English.
pub fn run(program: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(program)
        .env("LC_ALL", "C")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What a program says when it succeeds; both kinds, in order of kind.
pub fn said(program: &str, arguments: &[&str], input: &str) -> String {
    let output = run(program, arguments, input);
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {:?}\n{text}", output.status);
    text
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What `sfdisk --dump` says of the label and the partitions, without the name of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump {
    /// Kind, id.
    pub label: Vec<String>,
    /// Number, first sector, sectors, and all else that is said of it.
    pub partitions: Vec<(u32, u64, u64, String)>,
}

impl Dump {
    pub fn of(path: &Path) -> Self {
        let output = run("sfdisk", &["--dump", text(path)], "");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let is_label = |line: &&str| line.starts_with("label");
        let label = said.lines().filter(is_label).map(str::to_owned).collect();
        let partitions = said.lines().filter_map(|line| line.strip_prefix(text(path))).map(|line| {
            let (number, fields) = line.split_once(':').unwrap();
            let field = |name: &str| {
                let value = fields.split(',').find_map(|field| field.trim().strip_prefix(name));
                value.and_then(|value| value.trim_start_matches('=').trim().parse::<u64>().ok()).unwrap()
            };
            let rest = fields.split(',').filter(|field| !field.contains("size=")).collect();
            (number.trim().trim_start_matches('p').parse().unwrap(), field("start"), field("size"), rest)
        });
        Self { label, partitions: partitions.collect() }
    }

    /// The same with another size of a partition.
    pub fn with(&self, number: u32, sectors: u64) -> Self {
        let mut other = self.clone();
        other.partitions.iter_mut().filter(|partition| partition.0 == number).for_each(|partition| partition.2 = sectors);
        other
    }

    pub fn place(&self, number: u32) -> (u64, u64) {
        let (_, first, sectors, _) = self.partitions.iter().find(|partition| partition.0 == number).unwrap();
        (*first, *sectors)
    }
}

/// That sfdisk finds nothing to complain about.
pub fn verify(path: &Path) {
    let said = said("sfdisk", &["--verify", text(path)], "");
    assert!(said.contains("No errors detected."), "{said}");
    assert!(!said.contains("corrupt") && !said.contains("mismatch") && !said.contains("not on the end"), "{said}");
}
