//! Attacks by name, each run against a machine that has nothing yet, and against one that has locked yesterday's archive before.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use crate::{
    archive::{Archive, Files},
    bench::Bench,
    kit::armored,
    site::{Site, Twist},
};

/// What somebody between us and the archive does.
pub(super) struct Attack {
    name: String,
    /// What the archive offers.
    files: Files,
    twist: Option<Twist>,
    /// Keys to give the source instead of Alice's.
    key: Option<Vec<u8>>,
    code: i32,
    words: String,
}

impl Attack {
    /// Which must end with exit code 3 and these words.
    pub(super) fn new(name: &str, words: &str, files: Files) -> Self {
        Self { name: name.to_owned(), files, twist: None, key: None, code: 3, words: words.to_owned() }
    }

    pub(super) fn code(self, code: i32) -> Self {
        Self { code, ..self }
    }

    /// With another key for the source than Alice's.
    pub(super) fn key(self, key: &[u8]) -> Self {
        Self { key: Some(armored("PUBLIC KEY BLOCK", key).into_bytes()), ..self }
    }

    pub(super) fn twist(self, twist: impl Fn(&str, usize) -> Option<crate::support::server::Reply> + Send + Sync + 'static) -> Self {
        Self { twist: Some(std::sync::Arc::new(twist)), ..self }
    }

    /// Everything that is wrong with the refusal.
    fn run(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let bench = Bench::new();
        let site = Site::new(self.files.clone());
        site.offer(self.files.clone(), self.twist.clone());
        bench.wants(&["alpha"], &site, "");
        if let Some(key) = &self.key {
            bench.key("key.asc", key);
        }
        wrong.extend(bench.refusal(self.code, &self.words, &[]).err().map(|text| format!("{}, at first: {text}", self.name)));
        let bench = Bench::new();
        site.offer(Archive::of_yesterday().files(), None);
        bench.wants(&["alpha"], &site, "");
        bench.locks(&[]);
        bench.wants(&["alpha"], &site, "");
        site.offer(self.files.clone(), self.twist.clone());
        if let Some(key) = &self.key {
            bench.key("key.asc", key);
        }
        wrong.extend(bench.refusal(self.code, &self.words, &["--update"]).err().map(|text| format!("{}, later: {text}", self.name)));
        wrong
    }
}

/// All of these attacks must fail; those that do not are told together.
pub(super) fn all_fail(attacks: &[Attack]) {
    if !crate::support::is_root() {
        return;
    }
    // Most of the time is spent in pauses between tries.
    let next = AtomicUsize::new(0);
    let work = || {
        let mut wrong = Vec::new();
        while let Some(attack) = attacks.get(next.fetch_add(1, Ordering::SeqCst)) {
            wrong.extend(attack.run());
        }
        wrong
    };
    let wrong: Vec<String> = thread::scope(|scope| {
        let workers = [(); 4].map(|()| scope.spawn(work));
        workers.into_iter().flat_map(|worker| worker.join().expect("it tells what is wrong otherwise")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} attacks:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
}
