//! From cards as they are flashed to a served volume, and again after all machines were off.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    cards,
    lab::{Lab, Off, is_possible, wait_for},
    support::program::folder,
};

const PROGRAM: &str = "/usr/lib/berry-image/berry-firstboot";
const PARTS: [&str; 2] = ["berry-firstboot-system.service", "berry-firstboot-cluster.service"];
/// For all that first boot does, on a computer that has other things to do.
const FIRST_BOOT: Duration = Duration::from_secs(15 * 60);
/// For the volume's return, on such a computer.
const RETURN: Duration = Duration::from_secs(5 * 60);
/// Between two machines that are switched on after each other.
const APART: Duration = Duration::from_secs(60);

/// Waits for something of a machine, and says after how long it came.
fn await_on(lab: &Lab, index: usize, what: &str, limit: Duration, is_there: impl Fn(&Lab, usize) -> bool) -> Duration {
    wait_for(what, limit, || is_there(lab, index)).unwrap_or_else(|why| panic!("{}: {why}\n{}", lab.name(index), report(lab, index)))
}

/// What a person would look at.
fn report(lab: &Lab, index: usize) -> String {
    let words = format!(
        "{PROGRAM} status; systemctl --failed --no-pager; systemctl list-jobs --no-pager; \
         journalctl --boot --no-pager --output=short-monotonic --lines=80"
    );
    format!("{}\n{}", lab.say(index, &words), lab.console(index))
}

fn status(lab: &Lab, index: usize) -> serde_json::Value {
    serde_json::from_str(&lab.say(index, &format!("{PROGRAM} status --json"))).unwrap_or_default()
}

fn has_finished(lab: &Lab, index: usize) -> bool {
    status(lab, index)["finished"] == true
}

/// Whether the page is the cluster's own, from the volume.
fn serves(lab: &Lab, index: usize) -> bool {
    lab.page(index, "/healthz") == format!("{}\n200 ", cards::CLUSTER)
}

fn is_mounted(lab: &Lab, index: usize) -> bool {
    let mounts = lab.say(index, "findmnt --noheadings --output SOURCE,FSTYPE /mnt/www");
    mounts.split_whitespace().eq(["localhost:/volpi", "fuse.glusterfs"])
}

/// What must be equal, or all that one needs to know.
fn must_say(lab: &Lab, index: usize, command: &str, expected: &str) {
    let said = lab.say(index, command);
    assert_eq!(said, expected, "{}: {command}\n{}", lab.name(index), report(lab, index));
}

/// What is to be so on each machine once its volume is served, after whatever happened: nothing is left for a person.
fn check(lab: &Lab, index: usize) {
    // Units that first boot or a package has enabled may still be on their way.
    await_on(lab, index, "the end of its start", RETURN, |lab, index| lab.say(index, "systemctl is-system-running") == "running");
    must_say(lab, index, "systemctl list-units --failed --plain --no-legend", "");
    must_say(lab, index, "systemctl is-active glusterd apache2 berry-volume export.mount mnt-www.mount | uniq", "active");
    // Each brick, as every machine sees it.
    let bricks =
        "gluster --xml volume status volpi | tr -d '\\n ' | sed 's/<node>/\\n/g' | grep '<path>/export/brick<' | grep -c '<status>1<'";
    await_on(lab, index, "all bricks", RETURN, |lab, index| lab.say(index, bricks) == lab.count().to_string());
    // Names, nothing but names, and only one for each.
    let mut others: Vec<&str> = (0..lab.count()).filter(|other| *other != index).map(|other| lab.name(other)).collect();
    others.sort_unstable();
    let names = "gluster peer status | sed -n 's/^Hostname: //p' | sort";
    must_say(lab, index, names, &others.join("\n"));
    must_say(lab, index, "gluster peer status | grep -c '^State: Peer in Cluster (Connected)$'", &others.len().to_string());
    must_say(lab, index, "gluster peer status | grep -A9 -i 'other names'", "");
    // First boot is over, for good.
    must_say(lab, index, &format!("systemctl is-enabled {} | uniq", PARTS.join(" ")), "disabled");
    must_say(lab, index, &format!("systemctl is-active {} | uniq", PARTS.join(" ")), "inactive");
    must_say(lab, index, "dpkg --audit; ls /usr/sbin/policy-rc.d 2>/dev/null", "");
    // What keeps the volume mounted looks each quarter of a minute.
    let login = format!("{PROGRAM} status --login");
    await_on(lab, index, "nothing to be told at login", RETURN, |lab, index| lab.say(index, &login).is_empty());
}

/// A file that is written on one machine is read on the others, and served by all.
fn exchange(lab: &Lab, writer: usize, text: &str) {
    let page = format!("{text}.txt");
    must_say(lab, writer, &format!("echo {text} > /mnt/www/{page}"), "");
    for reader in 0..lab.count() {
        must_say(lab, reader, &format!("cat /mnt/www/{page}"), text);
        assert_eq!(lab.page(reader, &format!("/{page}")), format!("{text}\n200 "), "{}", lab.name(reader));
    }
}

/// Takes both parts again, as if nothing were known of them; every step says that there was nothing to do.
fn nothing_is_done_twice(lab: &Lab, index: usize) {
    must_say(lab, index, "rm /var/lib/berry-firstboot/*.json", "");
    for part in PARTS {
        let begin =
            "systemd-cat --identifier=begin echo begin; journalctl --sync; journalctl --lines=0 --show-cursor | sed -n 's/^-- cursor: //p'";
        let cursor = lab.say(index, begin);
        must_say(lab, index, &format!("systemctl start {part}"), "");
        await_on(lab, index, part, FIRST_BOOT, |lab, index| lab.say(index, &format!("systemctl is-active {part}")) == "inactive");
        // By the name in its stream: of a program that has ended the journal may not learn the unit any more.
        // Not `--after-cursor=`, which passes over one more line where lines are chosen.
        let lines = format!("journalctl --sync; journalctl --output=cat --identifier=berry-firstboot --cursor='{cursor}'");
        let said = lab.say(index, &lines);
        let steps: Vec<&str> = said.lines().collect();
        assert!(steps.len() >= 4 && steps.iter().all(|line| line.contains(": is so, ")), "{part}: {said}");
        must_say(lab, index, &format!("systemctl is-failed {part}"), "inactive");
    }
}

/// Whoever clears away what is on the volume clears away its marker, too; it comes back, and the volume is served again.
fn the_marker_comes_back(lab: &Lab, index: usize) {
    must_say(lab, index, "rm /mnt/www/.cluster-volume", "");
    println!("  without the marker: {}", lab.page(index, "/").lines().last().unwrap_or_default());
    for index in 0..lab.count() {
        let time = await_on(lab, index, "the marker", RETURN, serves);
        println!("  {}: served again {time:.0?} after that", lab.name(index));
    }
    must_say(lab, index, "stat -c '%a %U %s' /mnt/www/.cluster-volume", &format!("644 root {}", cards::CLUSTER.len() + 1));
}

/// A machine that was switched on again.
struct Started {
    index: usize,
    at: Instant,
    /// How long after that it served the volume.
    served: Option<Duration>,
}

/// Switches all machines off, and on again one after the other, and waits until each serves the volume.
fn all_off_and_on_again(lab: &mut Lab, how: Off, order: [usize; 3]) {
    println!("{how:?}, and on again {APART:?} apart:");
    for index in 0..lab.count() {
        lab.off(index, how);
    }
    let mut started: Vec<Started> = Vec::new();
    for index in order {
        if !started.is_empty() {
            let limit = started[started.len() - 1].at + APART;
            look(lab, &mut started, limit, false);
        }
        if let [alone] = &started[..] {
            // It has no volume, and says so instead of serving what is below.
            assert!(alone.served.is_none() && lab.page(alone.index, "/before.txt").ends_with("503 "), "{}", report(lab, alone.index));
        }
        lab.boot(index);
        started.push(Started { index, at: Instant::now(), served: None });
    }
    look(lab, &mut started, Instant::now() + RETURN, true);
    for Started { index, served, .. } in started {
        let served = served.unwrap_or_else(|| panic!("{} does not serve the volume\n{}", lab.name(index), report(lab, index)));
        println!("  {}: mounted and served {served:.0?} after its start", lab.name(index));
    }
    for index in 0..lab.count() {
        check(lab, index);
        must_say(lab, index, "cat /mnt/www/before.txt", "before");
        // First boot did not even start.
        must_say(lab, index, &format!("systemctl show -P ExecMainStartTimestampMonotonic {} | grep . | uniq", PARTS.join(" ")), "0");
    }
}

/// Notes which machines serve the volume, until a time, or until all of them do.
fn look(lab: &Lab, started: &mut [Started], limit: Instant, is_last: bool) {
    while Instant::now() < limit && !(is_last && started.iter().all(|one| one.served.is_some())) {
        for one in started.iter_mut().filter(|one| one.served.is_none()) {
            if serves(lab, one.index) && is_mounted(lab, one.index) {
                one.served = Some(one.at.elapsed());
            }
        }
        thread::sleep(Duration::from_millis(500));
    }
}

/// `cargo machines`: about ten minutes.
#[test]
#[ignore = "takes ten minutes: `cargo machines`"]
fn three_machines_from_their_cards_on() {
    assert!(is_possible(), "needs root, systemd-container, iproute2, curl, /dev/fuse and loop devices");
    let began = Instant::now();
    let folder = folder();
    let cards = cards::make(folder.path());
    let program = cards::program();
    let mut lab = Lab::new(cards, &program, folder.path());
    println!("the cards took {:.0?}", began.elapsed());

    // The leader comes last, and one that was there loses its power in the midst of dpkg.
    lab.boot(1);
    lab.boot(2);
    await_on(&lab, 2, "dpkg", RETURN, |lab, index| !lab.say(index, "pgrep --full 'dpkg --configure'").is_empty());
    thread::sleep(Duration::from_secs(4));
    must_say(&lab, 2, "test -e /usr/sbin/policy-rc.d && echo 'in the midst'", "in the midst");
    lab.off(2, Off::Cut);
    lab.boot(2);
    for index in [1, 2] {
        await_on(&lab, index, "its packages", FIRST_BOOT, |lab, index| status(lab, index)["steps"][2]["state"] == "done");
    }
    println!("two machines have their packages; the leader is switched on");
    let last = Instant::now();
    lab.boot(0);
    for index in 0..lab.count() {
        await_on(&lab, index, "the end of first boot", FIRST_BOOT, has_finished);
        println!("  {}: ready {:.0?} after the last was switched on", lab.name(index), last.elapsed());
    }
    for index in 0..lab.count() {
        check(&lab, index);
        assert!(is_mounted(&lab, index) && serves(&lab, index));
    }
    // The power cut in the midst of dpkg has emptied no file.
    let empty = "find /etc -xdev -type f -size 0 | sort";
    must_say(&lab, 2, empty, &lab.say(1, empty));
    exchange(&lab, 0, "before");
    exchange(&lab, 2, "again");
    the_marker_comes_back(&lab, 1);
    for index in 0..lab.count() {
        nothing_is_done_twice(&lab, index);
    }
    // What was written last may still be in memory.
    (0..lab.count()).for_each(|index| must_say(&lab, index, "sync", ""));

    all_off_and_on_again(&mut lab, Off::Orderly, [2, 0, 1]);
    all_off_and_on_again(&mut lab, Off::Cut, [1, 2, 0]);
    exchange(&lab, 1, "after");
    println!("all of it took {:.0?}", began.elapsed());
}
