//! What is disturbed, and what must be true at the end.

use std::{
    thread,
    time::{Duration, Instant},
};

use berry_firstboot::gluster::answer;

use crate::lab::{HOSTS, Lab, is_possible, name, wait_for};

/// After this a case has failed.
const LIMIT: Duration = Duration::from_secs(420);

/// What is done to a host.
#[derive(Clone, Copy, Debug)]
enum Act {
    On,
    KillProgram,
    KillDaemon,
    Reboot(u64),
    /// A reboot as soon as its daemon has begun to write the volume down.
    RebootInCreate(u64),
    /// The same with a kill of the daemon.
    KillDaemonInCreate,
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

fn act(lab: &mut Lab, index: usize, act: Act) -> Result<(), String> {
    match act {
        Act::On => lab.boot(index),
        _ if !lab.is_on(index) => {}
        Act::KillProgram => lab.kill(index, "program"),
        Act::KillDaemon => lab.kill(index, "glusterd"),
        Act::Reboot(seconds) => {
            lab.power_off(index);
            thread::sleep(Duration::from_secs(seconds));
            lab.boot(index);
        }
        Act::RebootInCreate(_) | Act::KillDaemonInCreate => {
            let volume = lab.own(index).join("glusterd/vols/volpi");
            let began = Instant::now();
            while !volume.exists() {
                if began.elapsed() > Duration::from_secs(60) {
                    return Err("no volume is being made".into());
                }
                thread::yield_now();
            }
            if let Act::RebootInCreate(seconds) = act {
                lab.power_off(index);
                thread::sleep(Duration::from_secs(seconds));
                lab.boot(index);
            } else {
                lab.kill(index, "glusterd");
            }
        }
    }
    Ok(())
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
        if said.matches("Ok(Done { changed: false })").count() != 6 || said.contains("changed: true") {
            return Err(format!("a second run on {} says {said}", name(index)));
        }
    }
    Ok(())
}

/// Plays a history; how long it took to its end.
fn play(case: &Case) -> Result<Duration, String> {
    let mut lab = Lab::new(&case.unbaked);
    let began = Instant::now();
    let mut acts = case.acts.clone();
    acts.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (second, index, what) in acts {
        thread::sleep(Duration::from_secs_f64(second).saturating_sub(began.elapsed()));
        act(&mut lab, index, what)?;
    }
    let is_done = |lab: &Lab| (0..HOSTS).all(|index| lab.own(index).join("done").exists());
    let end = wait_for("the end", LIMIT, || is_done(&lab));
    let time = began.elapsed();
    end.and_then(|()| check(&lab)).map_err(|why| format!("{why}\n{}", lab.logs()))?;
    Ok(time)
}

fn all(cases: &[(&str, Case)]) {
    if !is_possible() {
        return;
    }
    let mut failures = Vec::new();
    for (what, case) in cases {
        match play(case) {
            Ok(time) => say(&format!("{what}: {:.1} s", time.as_secs_f64())),
            Err(why) => failures.push(format!("{what}: {case:?}\n{why}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[expect(clippy::print_stdout, reason = "figures for those who look")]
fn say(line: &str) {
    println!("{line}");
}

#[test]
fn three_hosts_become_a_cluster() {
    all(&[("baked", Case::arriving([0, 1, 2], 0.0)), ("nothing baked", Case::arriving([0, 1, 2], 0.0).without(&[0, 1, 2]))]);
}
