//! The web server serves the volume.

use super::{Ready, systemctl};
use crate::{
    config::NodeConfig,
    host::{Command, Host},
    step::{Doing as _, Outcome, Step, StepError, carry_out},
};

/// What answers with the marker, from the volume, when all is well.
const HEALTH: &str = "/healthz";
/// Seconds after which it is tried again.
const AGAIN: u64 = 5;

/// The web server serves the volume.
#[derive(Clone, Copy, Debug)]
pub struct Web;

impl Step for Web {
    fn name(&self) -> &'static str {
        "web"
    }

    fn purpose(&self) -> &'static str {
        "the web server serves the volume"
    }

    /// It answers 503 for as long as the volume is not there.
    fn stands_alone(&self) -> bool {
        true
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        let Some(web) = &config.web else { return Ok(Outcome::KEPT) };
        if let waiting @ Outcome::Waiting { .. } = Ready.ensure(config, host)? {
            return Ok(waiting);
        }
        let mut changed = false;
        for switch in &web.apache {
            if host.look(&switch.link()).doing(switch.link())?.is_some() == switch.on {
                continue;
            }
            let force: &[&str] = if switch.on { &[] } else { &["-f"] };
            let command = Command::new(switch.program(), [&["-q"], force, &[&switch.name]].concat());
            carry_out(host, &command)?;
            changed = true;
        }
        let unit = &web.unit;
        if !systemctl::says(host, "is-enabled", unit)? {
            systemctl::order(host, "enable", unit)?;
            changed = true;
        }
        if !systemctl::says(host, "is-active", unit)? {
            // Where it has failed too often there is nothing to reset otherwise; that fails only then.
            let _ = systemctl::order(host, "reset-failed", unit);
            systemctl::order(host, "start", unit)?;
            changed = true;
        } else if changed {
            systemctl::order(host, "restart", unit)?;
        }
        match host.get(HEALTH) {
            Ok((200, body)) if body.trim_ascii() == config.cluster.as_bytes() => Ok(Outcome::Done { changed }),
            Ok((200, _)) => {
                Ok(Outcome::blocked(format!("{HEALTH} is answered, but not from this cluster's volume: another site stands before it")))
            }
            Ok((status, _)) => Ok(Outcome::wait(format!("the web server answers {HEALTH} with {status}"), AGAIN)),
            Err(error) => Ok(Outcome::wait(format!("the web server does not answer: {error}"), AGAIN)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Switch, SwitchKind, Web as Wanted},
        journal::Journal,
        part::Part,
        testing::{Fake, config},
    };

    fn node() -> NodeConfig {
        let switch = |kind, name: &str, on| Switch { kind, name: name.into(), on };
        let apache = vec![switch(SwitchKind::Module, "rewrite", true), switch(SwitchKind::Site, "000-default", false)];
        let (root, marker) = ("/mnt/www".into(), "/mnt/www/.cluster-volume".into());
        NodeConfig { web: Some(Wanted { root, marker, unit: "apache2.service".into(), apache }), ..config() }
    }

    fn fake(enabled: i32, active: i32) -> Fake {
        let mut fake = Fake::new(move |files, words| {
            match words {
                "a2dissite -q -f 000-default" => drop(files.remove("/etc/apache2/sites-enabled/000-default.conf")),
                "systemctl is-enabled --quiet apache2.service" => return (enabled, String::new()),
                "systemctl is-active --quiet apache2.service" => return (active, String::new()),
                _ => {}
            }
            (0, String::new())
        });
        fake.put("/etc/apache2/mods-enabled/rewrite.load", "");
        fake.put("/etc/apache2/sites-enabled/000-default.conf", "");
        fake.web = Ok((200, b"cluster01\n".to_vec()));
        let mut journal = Journal::new(Part::System, Part::System.steps().iter().map(|step| (step.name(), step.purpose())));
        for index in 0..journal.steps.len() {
            journal.note(index, &Ok(Outcome::KEPT), 0);
        }
        journal.write(&mut fake).unwrap();
        fake.log.clear();
        fake
    }

    #[test]
    fn its_package_is_awaited_and_nothing_else() {
        assert!(Web.stands_alone());
        let mut fake = fake(0, 0);
        fake.files.remove(&Journal::path(Part::System));
        assert!(matches!(Web.ensure(&node(), &mut fake).unwrap(), Outcome::Waiting { on, .. } if on.contains("`clock`")));
        assert!(fake.log.is_empty(), "{:?}", fake.log);
    }

    #[test]
    fn what_its_package_switched_on_is_switched_off() {
        let mut fake = fake(1, 3);
        assert_eq!(Web.ensure(&node(), &mut fake).unwrap(), Outcome::CHANGED);
        assert_eq!(
            fake.log,
            [
                "a2dissite -q -f 000-default",
                "systemctl enable apache2.service",
                "systemctl reset-failed apache2.service",
                "systemctl start apache2.service"
            ]
        );
    }

    #[test]
    fn a_running_one_is_left_alone_or_started_again() {
        let mut fake = fake(0, 0);
        Web.ensure(&node(), &mut fake).unwrap();
        assert_eq!(fake.log, ["a2dissite -q -f 000-default", "systemctl restart apache2.service"]);
        fake.log.clear();
        assert_eq!(Web.ensure(&node(), &mut fake).unwrap(), Outcome::KEPT);
        assert!(fake.log.is_empty());
    }

    #[test]
    fn only_the_volume_s_own_answer_counts() {
        let outcome = |web| {
            let mut fake = fake(0, 0);
            fake.web = web;
            Web.ensure(&node(), &mut fake).unwrap()
        };
        assert!(matches!(outcome(Ok((503, Vec::new()))), Outcome::Waiting { on, .. } if on.contains("503")));
        assert!(matches!(outcome(Err(std::io::ErrorKind::TimedOut)), Outcome::Waiting { on, .. } if on.contains("does not answer")));
        assert!(matches!(outcome(Ok((200, b"It works!".to_vec()))), Outcome::Blocked { reason } if reason.contains("another site")));
        assert_eq!(Web.ensure(&config(), &mut Fake::new(|_, words| panic!("{words}"))).unwrap(), Outcome::KEPT);
    }
}
