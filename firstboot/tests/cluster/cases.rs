//! What is disturbed, and what must be true at the end.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use berry_firstboot::gluster::answer;

use crate::lab::{HOSTS, Lab, PROGRAM, is_possible, name, wait_for};

/// After this a case has failed.
const LIMIT: Duration = Duration::from_secs(300);

/// What is done to a host.
#[derive(Clone, Copy, Debug)]
enum Act {
    On,
    KillProgram,
    KillDaemon,
    Reboot(u64),
    /// A reboot so many milliseconds after its daemon has begun to write the volume down.
    RebootInCreate(u64),
    /// The same with a kill of the daemon.
    KillDaemonInCreate(u64),
    /// A reboot as soon as its daemon has written the volume down, after which none of the volume files that it makes of it is there.
    LoseVolfiles,
    /// A kill of the program as soon as it has said that a step is done.
    KillAfter(&'static str),
}

/// A history: at which second what is done to which host.
#[derive(Clone, Debug)]
struct Case {
    unbaked: Vec<usize>,
    acts: Vec<(f64, usize, Act)>,
}

impl Case {
    /// Hosts come in this order, some seconds apart.
    fn arriving(order: [usize; HOSTS], apart: f64) -> Self {
        Self { unbaked: Vec::new(), acts: order.iter().enumerate().map(|(at, index)| (at as f64 * apart, *index, Act::On)).collect() }
    }

    fn without(mut self, unbaked: &[usize]) -> Self {
        self.unbaked = unbaked.to_vec();
        self
    }

    fn then(mut self, second: f64, index: usize, act: Act) -> Self {
        self.acts.push((second, index, act));
        self
    }
}

/// Does it; whether there was anything to disturb.
fn act(lab: &mut Lab, index: usize, act: Act) -> Result<bool, String> {
    match act {
        Act::On => lab.boot(index),
        _ if !lab.is_on(index) => return Ok(false),
        _ if lab.own(index).join("done").exists() => return Ok(false),
        Act::KillProgram => lab.kill(index, "program"),
        Act::KillDaemon => lab.kill(index, "glusterd"),
        Act::Reboot(seconds) => {
            lab.power_off(index);
            thread::sleep(Duration::from_secs(seconds));
            lab.boot(index);
        }
        Act::KillAfter(step) => {
            let log = lab.own(index).join("program.log");
            let is_told = |line: &str| ["done", "is so"].iter().any(|how| line.starts_with(&format!("{step}: {how}, ")));
            wait_for(step, Duration::from_secs(120), || fs::read_to_string(&log).is_ok_and(|text| text.lines().any(is_told)))?;
            lab.kill(index, "program");
        }
        Act::LoseVolfiles => {
            let volume = begun(lab, index, "volpi-shd.vol")?;
            lab.power_off(index);
            let files = fs::read_dir(volume).map_err(|error| error.to_string())?.flatten().map(|file| file.path());
            for file in files.filter(|path| path.extension().is_some_and(|extension| extension == "vol")) {
                fs::remove_file(file).map_err(|error| error.to_string())?;
            }
            lab.boot(index);
        }
        Act::RebootInCreate(later) | Act::KillDaemonInCreate(later) => {
            begun(lab, index, "")?;
            thread::sleep(Duration::from_millis(later));
            if matches!(act, Act::RebootInCreate(_)) {
                lab.power_off(index);
                thread::sleep(Duration::from_secs(3));
                lab.boot(index);
            } else {
                lab.kill(index, "glusterd");
            }
        }
    }
    Ok(true)
}

/// Waits until the daemon of a host has begun to write the volume down, as far as this file; the folder in which it does so.
fn begun(lab: &Lab, index: usize, file: &str) -> Result<PathBuf, String> {
    let volume = lab.own(index).join("lib/glusterd/vols/volpi");
    let began = Instant::now();
    while !volume.join(file).exists() {
        // The lock of one that died goes away after three minutes.
        if began.elapsed() > LIMIT {
            return Err("no volume is being made".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(volume)
}

/// What must be true at the end, however it came about.
fn check(lab: &Lab) -> Result<(), String> {
    let mut ids = Vec::new();
    for index in 0..HOSTS {
        let status = lab.say(index, "gluster --mode=script --xml peer status");
        let view = answer::pool(&status)?;
        for other in (0..HOSTS).filter(|other| *other != index) {
            let is_member = |peer: &&answer::Peer| peer.names == [name(other)] && peer.is_member();
            if view.others.iter().filter(is_member).count() != 1 || view.others.len() != HOSTS - 1 {
                return Err(format!("{} sees {view:?}", name(index)));
            }
        }
        let volumes = answer::volumes(&lab.say(index, "gluster --mode=script --xml volume info"))?;
        ids.extend(volumes.iter().map(|volume| (volume.id.clone(), volume.options["auth.allow"].clone())));
        let bricks = answer::bricks(&lab.say(index, "gluster --mode=script --xml volume status volpi"))?;
        if bricks.len() != HOSTS || !bricks.iter().all(|brick| brick.is_online) {
            return Err(format!("{} sees {bricks:?}", name(index)));
        }
        lab.say(index, &format!("echo hello > /mnt/www/html/from-{index}"));
    }
    if ids.len() != HOSTS || ids.iter().any(|id| *id != ids[0]) {
        return Err(format!("volumes: {ids:?}"));
    }
    for index in 0..HOSTS {
        let read = lab.say(index, "cat /mnt/www/html/from-* /mnt/www/.ready; mountpoint /mnt/www");
        if read != "hello\nhello\nhello\ncluster\n/mnt/www is a mountpoint\n" {
            return Err(format!("{} reads `{read}`", name(index)));
        }
        let said = lab.again(index);
        if !said.is_empty() {
            return Err(format!("a second run on {} says {said}", name(index)));
        }
        let status = lab.say(index, &format!("{PROGRAM} status | head -n 1; ls /var/lib/enabled"));
        if !status.contains(": ready (") || !status.ends_with("apache2.service\nglusterd.service\n") {
            return Err(format!("{} says {status}", name(index)));
        }
    }
    Ok(())
}

/// How a history went.
struct Played {
    time: Duration,
    /// Acts that came when there was nothing to disturb any more, or not yet.
    idle: usize,
}

/// Plays a history to its end.
fn play(case: &Case) -> Result<Played, String> {
    let mut lab = Lab::new(&case.unbaked);
    let began = Instant::now();
    let mut acts = case.acts.clone();
    acts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut idle = 0;
    for (second, index, what) in acts {
        thread::sleep(Duration::from_secs_f64(second).saturating_sub(began.elapsed()));
        idle += usize::from(!act(&mut lab, index, what)?);
    }
    let is_done = |lab: &Lab| (0..HOSTS).all(|index| lab.own(index).join("done").exists());
    let end = wait_for("the end", LIMIT, || is_done(&lab));
    let time = began.elapsed();
    end.and_then(|()| check(&lab)).map_err(|why| format!("{why}\n{}", lab.logs()))?;
    Ok(Played { time, idle })
}

/// Labs at the same time: what a history takes is mostly waiting.
const LABS: usize = 4;

/// Plays histories, some at a time; with `BERRY_CASE` only those that have it in their names.
fn all(cases: &[(String, Case)]) {
    if !is_possible() {
        return;
    }
    let wanted = std::env::var("BERRY_CASE").unwrap_or_default();
    let cases: Vec<_> = cases.iter().filter(|(what, _)| what.contains(&wanted)).collect();
    let (next, idled, failures) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..LABS {
            scope.spawn(|| {
                while let Some((what, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match play(case) {
                        Ok(Played { time, idle: 0 }) => say(&format!("{what}: {:.1} s", time.as_secs_f64())),
                        Ok(Played { time, idle }) => {
                            say(&format!("{what}: {:.1} s, {idle} of {} acts disturbed nothing", time.as_secs_f64(), case.acts.len()));
                            idled.fetch_add(idle, Ordering::Relaxed);
                        }
                        Err(why) => {
                            say(&format!("{what}: FAILED"));
                            failures.lock().unwrap().push(format!("{what}: {case:?}\n{why}"));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    say(&format!("{} histories in {:.0} s, {} failed", cases.len(), began.elapsed().as_secs_f64(), failures.len()));
    assert!(failures.is_empty() && !cases.is_empty(), "{}", failures.join("\n"));
    let disturbances: usize = cases.iter().map(|(_, case)| case.acts.iter().filter(|(_, _, act)| !matches!(act, Act::On)).count()).sum();
    assert!(idled.into_inner() * 2 <= disturbances, "most of the acts disturbed nothing");
}

#[expect(clippy::print_stdout, reason = "figures for those who look")]
fn say(line: &str) {
    println!("{line}");
}

#[test]
fn three_hosts_become_a_cluster_whatever_is_disturbed() {
    let together = || Case::arriving([0, 1, 2], 0.0);
    let killed_at_random = (0..12).fold(together(), |case, at| case.then(2.0 + 1.3 * f64::from(at), at as usize % HOSTS, Act::KillProgram));
    let killed_after_steps = STEPS.iter().fold(together(), |case, step| case.then(1.0, 0, Act::KillAfter(step)));
    let daemons_killed =
        [(4.0, 0), (6.0, 1), (8.0, 2)].into_iter().fold(together(), |case, (at, index)| case.then(at, index, Act::KillDaemon));
    let cases = [
        ("baked, all at once", together()),
        ("nothing baked", Case::arriving([2, 0, 1], 1.0).without(&[0, 1, 2])),
        ("the leader lost what was baked", together().without(&[0])),
        ("the last first", Case::arriving([2, 1, 0], 4.0)),
        ("one late", Case::arriving([1, 0, 2], 10.0)),
        ("a node's daemon killed in the creation", together().then(3.0, 1, Act::KillDaemonInCreate(0))),
        ("a node rebooted in the creation", together().then(3.0, 1, Act::RebootInCreate(0))),
        ("the leader's daemon killed in the creation", together().then(3.0, 0, Act::KillDaemonInCreate(0))),
        ("the leader rebooted in the creation", together().then(3.0, 0, Act::RebootInCreate(0))),
        ("a node without its volume files", together().then(3.0, 1, Act::LoseVolfiles)),
        ("all rebooted", (0..HOSTS).fold(Case::arriving([1, 0, 2], 0.0), |case, index| case.then(9.0, index, Act::Reboot(2)))),
        ("programs killed at random", killed_at_random),
        ("the leader's program killed after each step", killed_after_steps),
        ("daemons killed", daemons_killed),
    ];
    all(&cases.map(|(what, case)| (what.to_owned(), case)));
}

/// Steps after which the program goes on.
const STEPS: [&str; 7] = ["glusterd", "pool", "folder", "volume", "mount", "marker", "web"];

#[test]
fn a_node_that_does_not_come_is_named_and_nothing_is_made() {
    if !is_possible() {
        return;
    }
    let mut lab = Lab::new(&[]);
    lab.boot(0);
    lab.boot(1);
    let log = lab.own(0).join("program.log");
    let says = || fs::read_to_string(&log).is_ok_and(|text| text.contains("cluster03 does not answer on port 24007"));
    wait_for("the name of who is missing", Duration::from_secs(120), says).unwrap();
    // It has had time to do what it must not.
    thread::sleep(Duration::from_secs(10));
    for index in 0..2 {
        assert_eq!(lab.say(index, "ls -A /mnt/export/brick /var/lib/glusterd/vols 2>/dev/null | grep -v :"), "");
        let stamp = "getfattr --absolute-names --only-values -n trusted.glusterfs.volume-id /mnt/export/brick 2>/dev/null | wc -c";
        assert_eq!(lab.say(index, stamp).trim(), "0", "no brick is stamped");
    }
    lab.boot(2);
    wait_for("the end", LIMIT, || (0..HOSTS).all(|index| lab.own(index).join("done").exists())).unwrap();
    check(&lab).unwrap_or_else(|why| panic!("{why}\n{}", lab.logs()));
}

/// `cargo cluster-create`: the power goes, or the daemon dies, at each moment of the creation.
#[test]
#[ignore = "takes a quarter of an hour: `cargo cluster-create`"]
fn a_creation_is_cut_short_at_every_moment() {
    let cut = |index, later, act: fn(u64) -> Act| {
        (format!("{:?} on {}", act(later), name(index)), Case::arriving([0, 1, 2], 0.0).then(2.0, index, act(later)))
    };
    let cases =
        (0..20).flat_map(|at| [0, 1].map(|index| [cut(index, at * 15, Act::RebootInCreate), cut(index, at * 15, Act::KillDaemonInCreate)]));
    all(&cases.flatten().collect::<Vec<_>>());
}

/// A history by chance, repeatable by its seed.
fn by_chance(seed: u64) -> Case {
    let mut state = seed;
    // splitmix64
    let mut below = |end: u64| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    };
    let order = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]][below(6) as usize];
    let unbaked: &[usize] = [&[][..], &[], &[0, 1, 2], &[0], &[1], &[2]][below(6) as usize];
    let apart = below(60) as f64 / 10.0;
    let mut case = Case::arriving(order, apart).without(unbaked);
    for _ in 0..below(6) {
        let act = match below(7) {
            0 => Act::KillDaemon,
            1 => Act::Reboot(below(10)),
            2 => Act::RebootInCreate(below(300)),
            3 => Act::KillDaemonInCreate(below(300)),
            4 => Act::KillAfter(STEPS[below(STEPS.len() as u64) as usize]),
            _ => Act::KillProgram,
        };
        let is_awaited = matches!(act, Act::RebootInCreate(_) | Act::KillDaemonInCreate(_) | Act::KillAfter(_));
        // Acts are played one after the other: what is awaited may not keep a host from coming for which it waits itself.
        let earliest = if is_awaited { 2.0 * apart } else { 0.0 };
        case = case.then((1.0 + below(250) as f64 / 10.0).max(earliest), below(3) as usize, act);
    }
    case
}

/// `cargo cluster-long`; `BERRY_SEEDS=7..9` plays some of them.
#[test]
#[ignore = "takes half an hour: `cargo cluster-long`"]
fn a_hundred_histories_by_chance() {
    let seeds = std::env::var("BERRY_SEEDS").unwrap_or_else(|_| "0..100".into());
    let (first, end) = seeds.split_once("..").unwrap();
    let seeds = first.parse::<u64>().unwrap()..end.parse().unwrap();
    all(&seeds.map(|seed| (format!("seed {seed}"), by_chance(seed))).collect::<Vec<_>>());
}
