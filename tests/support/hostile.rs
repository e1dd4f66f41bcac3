//! Hostile bytes: where they come from, and a child process with limits to read them in.

#![allow(dead_code, missing_docs, unreachable_pub)]

use std::{env, fs, io::Write as _, process::Command};

use rustix::process::{Resource, Rlimit, setrlimit};

/// Variable with the path of a file in which the child keeps the name of its current case.
pub const LABEL: &str = "BERRY_MUTATION_LABEL";
/// Variable with the number of random cases; sweeps are longer when it is set.
pub const MUTATIONS: &str = "BERRY_MUTATIONS";

/// A deterministic stream of numbers (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The little-endian number of `width` bytes at `at`.
pub fn number(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// What a field is set to in a sweep: nothing, everything, one more, one less, its highest bit turned, its bytes in the other order, and
/// what its neighbour holds.
pub fn values(bytes: &[u8], at: usize, width: usize) -> [u64; 7] {
    let old = number(bytes, at, width);
    let max = u64::MAX >> (64 - 8 * width);
    let next = if at + 2 * width <= bytes.len() { at + width } else { at - width };
    let swapped = old.swap_bytes() >> (64 - 8 * width);
    [0, max, old.wrapping_add(1) & max, old.wrapping_sub(1) & max, old ^ (max / 2 + 1), swapped, number(bytes, next, width)]
}

/// Runs an ignored test of this program, which limits its own memory, in a child of its own.
pub fn run_limited(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let label = folder.path().join("label");
    let mut command = Command::new(env::current_exe().unwrap());
    let output = command.args(["--exact", test, "--ignored", "--nocapture"]).env(LABEL, &label).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let passed = output.status.success() && stdout.contains("1 passed");
    assert!(passed, "{} in {}\n{stdout}\n{stderr}", output.status, fs::read_to_string(&label).unwrap_or_default());
    std::io::stderr().write_all(stderr.as_bytes()).unwrap();
}

/// Limits the memory of this process to what it has now and `more` bytes.
pub fn limit_memory(more: u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    let now: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = Some(now * 1024 + more);
    setrlimit(Resource::Data, Rlimit { current: limit, maximum: limit }).unwrap();
}
