//! The program on a node, in so far as the steps of the cluster are concerned: this very test binary, started there.

use std::{env, fs, thread};

use berry_firstboot::{
    config::NodeConfig,
    host::Real,
    step::{Outcome, Step},
    steps::{Folder, Glusterd, Marker, Mount, PoolStep, VolumeStep},
};

/// Where the program finds what its node is to become.
pub(crate) const CONFIG: &str = "BERRY_CONFIG";

/// Takes the steps until all are done. Elsewhere than on a node it does nothing.
#[test]
#[ignore = "is the program on a node"]
fn driver() {
    let Ok(path) = env::var(CONFIG) else { return };
    let config = NodeConfig::parse(&fs::read(path).unwrap()).unwrap();
    let steps: [&dyn Step; 6] = [&Glusterd, &PoolStep, &Folder, &VolumeStep, &Mount, &Marker];
    for step in steps {
        loop {
            let outcome = step.ensure(&config, &mut Real);
            let time = fs::read_to_string("/proc/uptime").unwrap();
            say(&format!("{} {}: {outcome:?}", time.split(' ').next().unwrap(), step.name()));
            match outcome {
                Ok(Outcome::Done { .. }) => break,
                Ok(Outcome::Waiting { again, .. }) => thread::sleep(again.min(std::time::Duration::from_secs(2))),
                _ => thread::sleep(std::time::Duration::from_secs(3)),
            }
        }
    }
}

#[expect(clippy::print_stdout, reason = "it is the program's log")]
fn say(line: &str) {
    println!("{line}");
}
