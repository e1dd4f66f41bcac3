//! What glusterd makes of a volume that it has written down, where a power cut came between the two.

use crate::{
    gluster::{
        answer::VolumeInfo,
        baked::{MODE, VOLUMES},
    },
    host::{Host, Kind},
    step::{Doing as _, StepError},
};

/// Lets glusterd make its volume files again on a node that was cut off while it made them; whether that was needed.
///
/// It writes `info` first, and then `NAME-shd.vol` and the others. Where that file is missing, every `volume set` of the whole pool fails at
/// this node for ever: it compares the file with what it would write, and that there is none is an error to it and no difference
/// (`glusterd_check_files_identical`). One that it can read and would write otherwise is replaced; an empty one it cannot read
/// (`glusterd_check_topology_identical`).
pub(super) fn mend(info: &VolumeInfo, host: &mut dyn Host) -> Result<bool, StepError> {
    let name = &info.name;
    let has_one = info.replica > 1 || info.disperse > 0;
    let (record, path) = (format!("{VOLUMES}/{name}/info"), format!("{VOLUMES}/{name}/{name}-shd.vol"));
    if !has_one || !matches!(host.look(&record).doing(&record)?, Some(Kind::File(_))) {
        return Ok(false);
    }
    match host.look(&path).doing(&path)? {
        None | Some(Kind::File(0)) => {
            host.write(&path, format!("volume {name}-shd\n    type debug/io-stats\nend-volume\n").as_bytes(), MODE.into()).doing(&path)?;
            Ok(true)
        }
        Some(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use super::*;
    use crate::{gluster::answer::Running, testing::Fake};

    fn info(replica: u32, disperse: u32) -> VolumeInfo {
        VolumeInfo {
            name: "volpi".into(),
            id: "i".into(),
            running: Running::Created,
            replica,
            arbiter: 0,
            disperse,
            redundancy: 0,
            bricks: vec![],
            options: BTreeMap::new(),
        }
    }

    #[test]
    fn only_a_file_that_is_missing_or_empty_is_made() {
        let mut fake = Fake::idle(Duration::ZERO);
        assert!(!mend(&info(3, 0), &mut fake).unwrap(), "glusterd has not written the volume down");
        fake.put("/var/lib/glusterd/vols/volpi/info", "x");
        assert!(!mend(&info(1, 0), &mut fake).unwrap(), "without copies there is nothing to heal, and no such file");
        assert!(mend(&info(1, 3), &mut fake).unwrap());
        let path = "/var/lib/glusterd/vols/volpi/volpi-shd.vol";
        let text = "volume volpi-shd\n    type debug/io-stats\nend-volume\n";
        assert_eq!((fake.text(path).as_deref(), fake.files[path].1), (Some(text), 0o600));
        fake.put(path, "");
        assert!(mend(&info(3, 0), &mut fake).unwrap() && fake.text(path).as_deref() == Some(text));
        fake.put(path, "volume");
        assert!(!mend(&info(3, 0), &mut fake).unwrap());
        assert_eq!(fake.text(path).as_deref(), Some("volume"));
    }
}
