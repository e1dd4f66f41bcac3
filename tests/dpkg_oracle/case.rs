//! One question: the same packages, unpacked by us and by dpkg, then configured, and installed by apt.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::{
    apt::Chosen,
    compare::{Aspect, Difference, Expected, Fact, differences, judge},
    expected,
    ground::Ground,
    ours,
    place::{Place, Said},
    real, records,
};

const DIVERSIONS: &str = "/var/lib/dpkg/diversions";
const STATUS_OLD: &str = "/var/lib/dpkg/status-old";
const UCF: &str = "/var/lib/ucf/hashfile.0";
const LOG: &str = "/var/log/dpkg.log";
const ALTERNATIVES: &str = "/var/log/alternatives.log";

/// Who unpacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum By {
    Us,
    /// The real dpkg once more, to see how it goes with a sound unpacker.
    Dpkg,
}

/// A tree, and what is done to it.
pub(crate) struct Case<'a> {
    /// The set's name, for the tables.
    pub(crate) name: &'a str,
    pub(crate) ground: &'a Ground,
    /// Where the files of the packages are.
    pub(crate) debs: PathBuf,
    pub(crate) chosen: Chosen,
    /// Whether apt has a hand in it.
    pub(crate) is_by_apt: bool,
    /// Does everything at once in a copy.
    pub(crate) whole: &'a dyn Fn(&Place) -> Said,
}

impl Case<'_> {
    /// What is not as it must be, in words; nothing when all is.
    pub(crate) fn run(&self, by: By) -> Result<(), String> {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let (start, mut last) = (Instant::now(), 0.0);
        let mut times = Vec::new();
        let mut step = |what: &str| {
            let now = start.elapsed().as_secs_f64();
            times.push(format!("{what} {:.1} s", now - last));
            last = now;
        };
        let mut words = String::new();

        let mut chosen = self.chosen.clone();
        let mut made: Vec<Fact> = Vec::new();
        let mut deferred: Vec<String> = Vec::new();
        let mine = match by {
            By::Us => match ours::unpack(self.ground, &self.debs, &self.chosen, began) {
                Err(reason) => return Err(format!("{}: not to be refused: {reason}\n", self.name)),
                Ok((tree, report)) => {
                    println!("{}: to be removed later: {:?}, accounts: {:?}", self.name, report.deferred, report.accounts);
                    let is_changed = |path: &str| tree.read_text(path).ok() != self.ground.tree().read_text(path).ok();
                    let has_old = self.ground.tree().exists(STATUS_OLD);
                    let of_users = [Fact::Users, if has_old { Fact::OldUsers } else { Fact::NoOldUsers }];
                    let of_groups = [Fact::Groups, if has_old { Fact::OldGroups } else { Fact::NoOldGroups }];
                    let files = [("/etc/passwd", of_users), ("/etc/group", of_groups)];
                    made.extend(files.into_iter().filter(|(path, _)| is_changed(path)).flat_map(|(_, facts)| facts));
                    deferred.extend(report.deferred.into_iter().map(|(name, _)| name));
                    Place::image(&tree)
                }
            },
            By::Dpkg => {
                let place = Place::copy(self.ground);
                real::unpack(&place, &self.debs, &self.chosen);
                place
            }
        };
        step("we unpack");
        chosen.go.retain(|name| !deferred.contains(name));
        let theirs = Place::copy(self.ground);
        real::unpack(&theirs, &self.debs, &chosen);
        real::want_removed(&theirs, &deferred);
        step("dpkg unpacks");
        let table = if by == By::Us { expected::UNPACKED } else { expected::UNPACKED_TWICE };
        let mut facts = self.facts(by, &theirs);
        facts.extend(made);
        words += &self.compare(table, &facts, (&mine, &theirs), began, &[]);
        for (one, other) in real::judgement(&mine).into_iter().zip(real::judgement(&theirs)) {
            if one != other {
                words += &format!("{}: dpkg judges otherwise:\n{}", self.name, records::lines(&one.text, &other.text));
            }
        }
        drop(theirs);
        step("compared");

        let before = mine.read(ALTERNATIVES);
        if !deferred.is_empty() {
            real::remove_pending(&mine);
        }
        let said = real::configure(&mine);
        if mine.read(ALTERNATIVES) != before {
            facts.insert(Fact::Alternatives);
        }
        if said.code != Some(0) {
            return Err(format!("{words}{}: configuring failed:\n{}", self.name, said.text));
        }
        let [audit, _] = real::judgement(&mine);
        if audit != (Said { code: Some(0), text: String::new() }) {
            words += &format!("{}: dpkg finds fault with what is configured:\n{}", self.name, audit.text);
        }
        step("configured");
        let finished = Place::copy(self.ground);
        (self.whole)(&finished).ok();
        step("apt does all");
        words += &self.compare(expected::CONFIGURED, &facts, (&mine, &finished), began, &deferred);
        step("compared");
        println!("{}: {} come, {} go: {}", self.name, self.chosen.come.len(), self.chosen.go.len(), times.join(", "));
        if words.is_empty() { Ok(()) } else { Err(words) }
    }

    /// What is so with this case, after unpacking.
    fn facts(&self, by: By, theirs: &Place) -> BTreeSet<Fact> {
        let diversions = self.ground.tree().read_text(DIVERSIONS).unwrap_or_default();
        let all = [
            (
                Fact::Libraries,
                theirs.read("/var/lib/dpkg/status").lines().any(|line| line.starts_with("Triggers-Pending:") && line.contains(" ldconfig")),
            ),
            (Fact::Apt, self.is_by_apt),
            (Fact::Log, self.ground.tree().exists(LOG)),
            (Fact::Diversions, by == By::Us && theirs.read(DIVERSIONS) != diversions),
            (Fact::Ucf, theirs.read(UCF) != self.ground.tree().read_text(UCF).unwrap_or_default()),
            (Fact::Old, self.ground.tree().exists(STATUS_OLD)),
            (Fact::NoOld, !self.ground.tree().exists(STATUS_OLD)),
            (Fact::NoLog, !self.ground.tree().exists(LOG)),
        ];
        all.into_iter().filter_map(|(fact, is_so)| is_so.then_some(fact)).collect()
    }

    /// Compares files and records; texts that differ where they must not are shown.
    fn compare(
        &self,
        table: &[Expected],
        facts: &BTreeSet<Fact>,
        (mine, theirs): (&Place, &Place),
        began: i64,
        gone_by_dpkg: &[String],
    ) -> String {
        let mut shown = mine.listing();
        let numbers = |file| records::renumbered(&mine.read(file), &theirs.read(file));
        let (users, groups) = (numbers("/etc/passwd"), numbers("/etc/group"));
        for entry in shown.values_mut() {
            let (user, group) = entry.owner;
            entry.owner = (*users.get(&user).unwrap_or(&user), *groups.get(&group).unwrap_or(&group));
        }
        let found = differences(&shown, &theirs.listing(), began);
        let mut words = String::new();
        if let Err(reason) = judge(self.name, facts, table, &found) {
            words += &reason;
            let shown = |difference: &&Difference| {
                difference.aspect == Aspect::Content && words.contains(&format!("not expected: {} Content", difference.path))
            };
            let texts: String = found
                .iter()
                .filter(shown)
                .take(20)
                .map(|difference| {
                    let path = &difference.path;
                    format!("  {path}\n{}", records::lines(&mine.read(path), &theirs.read(path)))
                })
                .collect();
            words += &texts;
        }
        // What goes on first boot goes by dpkg, which does not know of apt's marks.
        let is_mark = |line: &&String| gone_by_dpkg.iter().any(|name| line.contains(&format!("extended_states: {name}:")));
        for line in records::differences(mine, theirs).iter().filter(|line| !is_mark(line)) {
            words += &format!("{}: {line}\n", self.name);
        }
        words
    }
}
