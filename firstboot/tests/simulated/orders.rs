//! What programs do: `gluster`, `systemctl`, `readlink`, `systemd-run`.

use std::time::Duration;

use berry_firstboot::host::Output;

use crate::{
    answers,
    glusterd::{BRICK, Definition, FOLDER, Known, STAMP, stamp_of},
    world::{Event, Fault, World},
};

fn output(code: i32, stdout: &str, stderr: &str) -> Output {
    Output { code: Some(code), stdout: stdout.into(), stderr: stderr.into(), timed_out: false }
}

fn said(xml: String) -> Output {
    output(0, &xml, "")
}

impl World {
    pub(crate) fn run(&mut self, index: usize, program: &str, words: &[&str]) -> Output {
        match (program, words) {
            ("gluster", ["--mode=script", "--xml", words @ ..]) => self.gluster(index, words),
            ("systemctl", words) => self.systemctl(index, words),
            ("systemd-run", [.., "umount", "--lazy", _]) => {
                self.nodes[index].changes.push("umount".into());
                self.nodes[index].mount = None;
                output(0, "", "")
            }
            ("sync", ["--file-system", _]) => output(0, "", ""),
            ("readlink", _) => output(0, &self.nodes[index].device, ""),
            _ => panic!("{program} {words:?} is not simulated"),
        }
    }

    fn systemctl(&mut self, index: usize, words: &[&str]) -> Output {
        let is_volume = words.contains(&"mnt-www.mount");
        let node = &mut self.nodes[index];
        let ok = |is_ok: bool| output(i32::from(!is_ok), "", if is_ok { "" } else { "Job failed. See \"journalctl -xe\" for details." });
        match words[0] {
            "is-enabled" => ok(node.is_enabled),
            "is-active" => ok(node.daemon.is_some()),
            "reset-failed" => ok(true),
            "enable" => {
                node.changes.push("enable".into());
                node.is_enabled = true;
                ok(true)
            }
            "stop" if is_volume => {
                // Something in it is open, one time in two.
                let is_busy = self.chance.below(2) == 0;
                if !is_busy {
                    self.nodes[index].mount = None;
                }
                ok(!is_busy)
            }
            "stop" => {
                node.changes.push("stop glusterd".into());
                node.daemon = None;
                self.meet();
                ok(true)
            }
            "start" if is_volume => self.mount(index),
            "start" => {
                node.changes.push("start glusterd".into());
                ok(self.start_daemon(index))
            }
            other => panic!("systemctl {other} is not simulated"),
        }
    }

    fn mount(&mut self, index: usize) -> Output {
        self.nodes[index].changes.push("mount".into());
        let is_started =
            self.nodes[index].daemon.as_ref().is_some_and(|daemon| daemon.volumes.get("volpi").is_some_and(|volume| volume.status == 1));
        let online = self.nodes.iter().filter(|node| node.daemon.as_ref().is_some_and(|daemon| daemon.is_brick_online)).count();
        if !is_started || online * 2 <= self.nodes.len() {
            return output(1, "", "Mount failed. Check the log file  for more details.");
        }
        if !self.nodes[index].is_refused {
            self.nodes[index].mount = Some(true);
        }
        output(0, "", "")
    }

    fn gluster(&mut self, asking: usize, words: &[&str]) -> Output {
        let down = || output(1, "Connection failed. Please check if gluster daemon is operational.\n", "");
        let (index, words, is_remote) = match words {
            [at, words @ ..] if at.starts_with("--remote-host=") => {
                (self.find(at.strip_prefix("--remote-host=").unwrap()).unwrap(), words, true)
            }
            words => (asking, words, false),
        };
        if self.nodes[index].daemon.is_none() || self.nodes[index].is_mute {
            return down();
        }
        let is_question = matches!(words, ["pool", "list"] | ["peer" | "volume", "status" | "info", ..]);
        if is_remote && !is_question {
            return output(1, "", "");
        }
        if !is_question {
            self.nodes[index].changes.push(words.join(" "));
        }
        let is_locked = self.now < self.locked_until;
        match words {
            ["pool", "list"] => said(self.pool_list(index)),
            ["volume", "info"] => said(answers::volumes(self.daemon(index).volumes.iter())),
            ["volume", "info", name] => match self.daemon(index).volumes.get_key_value(*name) {
                Some(volume) => said(answers::volumes([volume].into_iter())),
                None => said(answers::refused(30806, "Volume does not exist")),
            },
            ["volume", "status", name] => said(self.status(index, name, is_locked)),
            ["peer", "probe", name] => said(self.probe(index, name)),
            ["volume", ..] if is_locked => said(answers::refused(30800, "Locking failed on cluster02. Please check log file for details.")),
            ["volume", "create", name, "replica", _, bricks @ ..] => {
                let answer = self.create(index, name, bricks);
                // The daemon may have died of it: then nobody answers.
                if self.nodes[index].daemon.is_some() { said(answer) } else { down() }
            }
            ["volume", "set", _, option, value] => {
                if *option == "no.such" {
                    return said(answers::refused(30800, "option : no.such does not exist"));
                }
                let (option, value) = ((*option).to_owned(), (*value).to_owned());
                self.change(index, |volume| drop(volume.options.insert(option.clone(), value.clone())));
                said(answers::done(0, "Set volume successful"))
            }
            ["volume", "start", name] => {
                if self.daemon(index).volumes[*name].status == 1 {
                    return said(answers::refused(30800, &format!("Volume {name} already started")));
                }
                self.change(index, |volume| volume.status = 1);
                self.start_bricks(index);
                said(answers::done(0, ""))
            }
            ["volume", "start", _, "force"] => {
                self.start_bricks(index);
                said(answers::done(0, ""))
            }
            _ => panic!("gluster {words:?} is not simulated, and must not be used"),
        }
    }

    fn start_bricks(&mut self, index: usize) {
        for node in self.members(index).into_iter().chain([index]) {
            self.start_brick(node);
        }
    }

    fn pool_list(&mut self, index: usize) -> String {
        let daemon = self.daemon(index).clone();
        let others = daemon.peers.iter().map(|(uuid, known)| {
            let other = self.nodes.iter().position(|node| node.daemon.as_ref().is_some_and(|it| it.uuid == *uuid));
            (uuid.clone(), known.names.clone(), known.state, other.is_some_and(|other| self.is_connected(index, other)))
        });
        let others: Vec<_> = others.collect();
        answers::pool(Some(&daemon.uuid), &others)
    }

    fn status(&mut self, index: usize, name: &str, is_locked: bool) -> String {
        if is_locked {
            return answers::refused(30800, "Another transaction is in progress for volpi. Please try again after some time.");
        }
        let Some(definition) = self.daemon(index).volumes.get(name).cloned() else {
            return answers::refused(30800, &format!("Volume {name} does not exist"));
        };
        if definition.status != 1 {
            return answers::refused(30800, &format!("Volume {name} is not started"));
        }
        let mut bricks = Vec::new();
        for node in self.members(index).into_iter().chain([index]) {
            let uuid = self.daemon(node).uuid.clone();
            let is_online = self.daemon(node).is_brick_online;
            let own = definition.bricks.iter().filter(|(_, owner)| *owner == uuid);
            bricks.extend(own.map(|(brick, owner)| (brick.clone(), owner.clone(), is_online)));
        }
        answers::status(name, &bricks)
    }

    fn probe(&mut self, index: usize, name: &str) -> String {
        let Some(other) = self.find(name).filter(|other| self.nodes[*other].daemon.is_some()) else {
            return answers::refused(107, "Probe returned with Transport endpoint is not connected");
        };
        if other == index {
            return answers::done(1, "Probe on localhost not needed");
        }
        let (ours, theirs) = (self.daemon(index).clone(), self.daemon(other).clone());
        if let Some(known) = self.daemon(index).peers.get_mut(&theirs.uuid) {
            if known.names.iter().any(|known| known == name) {
                return answers::done(2, &format!("Host {name} port 24007 already in peer list"));
            }
            known.names.push(name.to_owned());
            return answers::done(0, "success");
        }
        if ours.uuid == theirs.uuid {
            return answers::refused(5, &format!("Peer uuid (host {name}) is same as local uuid"));
        }
        if !theirs.peers.is_empty() || !theirs.volumes.is_empty() {
            return answers::refused(3, &format!("{name} is either already part of another cluster or having volumes configured"));
        }
        let prober =
            if self.nodes[index].has_reverse_name { self.nodes[index].config.node.clone() } else { format!("10.77.0.{}", index + 1) };
        self.daemon(index).peers.insert(theirs.uuid.clone(), Known { names: vec![name.to_owned()], state: 3 });
        self.daemon(other).peers.insert(ours.uuid.clone(), Known { names: vec![prober], state: 3 });
        if self.pop_fault(|fault| *fault == Fault::StuckProbe).is_some() {
            let (state, theirs_state) = [(1, 0), (4, 5), (5, 5), (1, 8), (4, 10)][usize::try_from(self.chance.below(5)).unwrap()];
            self.daemon(index).peers.get_mut(&theirs.uuid).unwrap().state = state;
            if theirs_state == 0 {
                self.daemon(other).peers.remove(&ours.uuid);
            } else {
                self.daemon(other).peers.get_mut(&ours.uuid).unwrap().state = theirs_state;
            }
            let (one, two) = (ours.start.min(theirs.start), ours.start.max(theirs.start));
            self.pairs.insert((one, two));
        }
        self.meet();
        answers::done(0, "success")
    }

    fn create(&mut self, index: usize, name: &str, bricks: &[&str]) -> String {
        if self.daemon(index).volumes.contains_key(name) {
            return answers::refused(0, &format!("Volume {name} already exists"));
        }
        let owners: Vec<usize> = bricks.iter().map(|brick| self.find(brick.split(':').next().unwrap()).unwrap()).collect();
        if self.nodes[index].disk.attribute(BRICK, STAMP).is_some() {
            return answers::refused(30800, &format!("{BRICK} is already part of a volume"));
        }
        let id = format!("{:08x}-1111-4111-8111-{:012x}", self.chance.next() >> 32, self.chance.next() >> 16);
        let stamp = |world: &mut Self, node: usize| {
            world.nodes[node].disk.make_folder(&format!("{BRICK}/.glusterfs"));
            world.nodes[node].disk.set_attribute(BRICK, STAMP, &stamp_of(&id)).unwrap();
        };
        // Trap 4: the own brick is stamped before the others are asked.
        stamp(self, index);
        let others: Vec<usize> = owners.iter().copied().filter(|owner| *owner != index).collect();
        let fault = self.pop_fault(|fault| *fault != Fault::StuckProbe);
        let victim = others[usize::try_from(self.chance.below(others.len() as u64)).unwrap()];
        if fault == Some(Fault::CreateRefused) {
            self.happen(Event::KillDaemon(victim));
        }
        for other in &others {
            let host = &self.nodes[*other].config.node;
            if !self.members(index).contains(other) {
                return answers::refused(30800, &format!("Host {host} not connected"));
            }
            if self.nodes[*other].disk.attribute(BRICK, STAMP).is_some() {
                return answers::refused(30800, &format!("Staging failed on {host}. Error: {BRICK} is already part of a volume"));
            }
        }
        match fault {
            Some(Fault::CreateHalfWritten) => {
                owners.iter().for_each(|owner| stamp(self, *owner));
                self.nodes[index].disk.put(&format!("{FOLDER}/vols/{name}/info"), "");
                self.happen(Event::KillDaemon(index));
                self.locked_until = self.now + Duration::from_secs(180);
                return String::new();
            }
            Some(Fault::CreateNothing) => {
                self.happen(Event::KillDaemon(index));
                self.locked_until = self.now + Duration::from_secs(180);
                return String::new();
            }
            _ => {}
        }
        owners.iter().for_each(|owner| stamp(self, *owner));
        if fault == Some(Fault::StampLost) {
            self.nodes[victim].disk.remove_attribute(BRICK, STAMP);
        }
        if fault == Some(Fault::CreatePeerDies) {
            self.happen(Event::KillDaemon(victim));
        }
        let bricks = bricks.iter().zip(&owners).map(|(brick, owner)| {
            let uuid = self.nodes[*owner].config.pool.as_ref().unwrap().uuid.clone();
            ((*brick).to_owned(), uuid)
        });
        let options = [("nfs.disable", "on"), ("transport.address-family", "inet")].map(|(a, b)| (a.into(), b.into())).into();
        let definition = Definition { id: id.clone(), status: 0, version: 1, bricks: bricks.collect(), options };
        for node in self.members(index).into_iter().chain([index]) {
            self.daemon(node).volumes.insert(name.to_owned(), definition.clone());
        }
        self.meet();
        if fault == Some(Fault::CreatePeerDies) {
            return answers::refused(
                30800,
                &format!("Commit failed on {}. Please check log file for details.", self.nodes[victim].config.node),
            );
        }
        answers::done(0, "")
    }
}
