//! Orders to glusterd.

use std::time::Duration;

use super::{
    GlusterError,
    answer::{self, BrickStatus, PoolView, Verdict, VolumeInfo},
};
use crate::{
    config::{Volume, VolumeKind},
    host::{Command, Host},
};

/// Where glusterd listens.
pub const PORT: u16 = 24007;
/// `opErrno` of a volume that there is not.
const NO_SUCH_VOLUME: i32 = 30806;
/// How long a question may take: while another order hangs, an answer does not come before that ends, and it is asked again anyway.
const QUESTION: Duration = Duration::from_secs(30);
/// How long an order may take. A probe whose packets vanish takes 120 seconds; bricks on a slow card take long to start.
const ORDER: Duration = Duration::from_secs(180);

/// Orders to this node's glusterd, or questions to another's.
#[expect(missing_debug_implementations, reason = "a host need not be shown")]
pub struct Gluster<'a> {
    host: &'a mut dyn Host,
    at: Option<&'a str>,
}

impl<'a> Gluster<'a> {
    /// This node's.
    pub fn here(host: &'a mut dyn Host) -> Self {
        Self { host, at: None }
    }

    /// Another node's, which answers questions and refuses every order. Look whether its port is open first.
    pub fn at(host: &'a mut dyn Host, name: &'a str) -> Self {
        Self { host, at: Some(name) }
    }

    /// Gives an order; what was said, when it was carried out, and the XML.
    fn ask(&mut self, words: &[&str], limit: Duration) -> Result<(Verdict, String), GlusterError> {
        let remote = self.at.map(|name| format!("--remote-host={name}"));
        let words = ["--mode=script", "--xml"].into_iter().chain(remote.as_deref()).chain(words.iter().copied());
        let command = Command::new("gluster", words).within(limit);
        let output = self.host.run(&command).map_err(|source| GlusterError::Start { command: command.to_string(), source })?;
        if output.timed_out {
            return Err(GlusterError::Late(command.to_string()));
        }
        if output.stdout.starts_with("Connection failed") {
            return Err(GlusterError::Down);
        }
        let odd = |reason| GlusterError::Odd { command: command.to_string(), reason };
        if output.stdout.trim().is_empty() {
            return Err(odd(format!("it said nothing but {}", output.last_words())));
        }
        let verdict = answer::verdict(&output.stdout).map_err(odd)?;
        if verdict.result == 0 {
            Ok((verdict, output.stdout))
        } else {
            Err(GlusterError::Refused { command: command.to_string(), errno: verdict.errno, said: verdict.said })
        }
    }

    /// Asks, and reads the answer.
    fn read<T>(&mut self, words: &[&str], reader: impl Fn(&str) -> Result<T, String>) -> Result<T, GlusterError> {
        let (_, xml) = self.ask(words, QUESTION)?;
        reader(&xml).map_err(|reason| GlusterError::Odd { command: format!("gluster {}", words.join(" ")), reason })
    }

    /// Itself and the others.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn pool(&mut self) -> Result<PoolView, GlusterError> {
        self.read(&["pool", "list"], answer::pool)
    }

    /// All volumes that it knows.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn volumes(&mut self) -> Result<Vec<VolumeInfo>, GlusterError> {
        self.read(&["volume", "info"], answer::volumes)
    }

    /// A volume, if it knows it.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn volume(&mut self, name: &str) -> Result<Option<VolumeInfo>, GlusterError> {
        match self.read(&["volume", "info", name], answer::volumes) {
            Ok(volumes) => Ok(volumes.into_iter().find(|volume| volume.name == name)),
            Err(GlusterError::Refused { errno: NO_SUCH_VOLUME, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The bricks of a running volume that are on connected nodes.
    ///
    /// # Errors
    /// When there is no answer, or the volume does not run.
    pub fn bricks(&mut self, name: &str) -> Result<Vec<BrickStatus>, GlusterError> {
        self.read(&["volume", "status", name], answer::bricks)
    }

    /// Takes a node into the pool, or gives a node of the pool another name. That this succeeds does not say that it is in the pool.
    ///
    /// # Errors
    /// When it says no.
    pub fn probe(&mut self, name: &str) -> Result<(), GlusterError> {
        self.ask(&["peer", "probe", name], ORDER).map(|_| ())
    }

    /// Makes a volume. Never with `force`, which would take bricks that hold somebody's data.
    ///
    /// # Errors
    /// When it says no. The brick of this node may be stamped all the same, and the volume may be there.
    pub fn create(&mut self, volume: &Volume) -> Result<(), GlusterError> {
        let bricks: Vec<String> = volume.bricks.iter().map(ToString::to_string).collect();
        let kind: Vec<String> = match volume.kind {
            VolumeKind::Distribute => Vec::new(),
            VolumeKind::Replica { count } => vec!["replica".into(), count.to_string()],
            VolumeKind::Arbiter => ["replica", "3", "arbiter", "1"].map(str::to_owned).into(),
            VolumeKind::Disperse { count, redundancy } => {
                vec!["disperse".into(), count.to_string(), "redundancy".into(), redundancy.to_string()]
            }
        };
        let words = ["volume", "create", volume.name.as_str()].into_iter();
        let words: Vec<&str> = words.chain(kind.iter().map(String::as_str)).chain(bricks.iter().map(String::as_str)).collect();
        self.ask(&words, ORDER).map(|_| ())
    }

    /// Sets an option of a volume.
    ///
    /// # Errors
    /// When it says no.
    pub fn set(&mut self, volume: &str, option: &str, value: &str) -> Result<(), GlusterError> {
        self.ask(&["volume", "set", volume, option, value], ORDER).map(|_| ())
    }

    /// Starts a volume.
    ///
    /// # Errors
    /// When it says no, as when it runs.
    pub fn start(&mut self, volume: &str) -> Result<(), GlusterError> {
        self.ask(&["volume", "start", volume], ORDER).map(|_| ())
    }

    /// Starts what does not run of a volume that was started. Bricks without the volume's stamp stay off.
    ///
    /// # Errors
    /// When it says no.
    pub fn start_rest(&mut self, volume: &str) -> Result<(), GlusterError> {
        self.ask(&["volume", "start", volume, "force"], ORDER).map(|_| ())
    }
}
