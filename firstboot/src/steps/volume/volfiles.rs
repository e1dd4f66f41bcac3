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
/// (`glusterd_check_files_identical`). An empty one is different, and is replaced.
pub(super) fn mend(info: &VolumeInfo, host: &mut dyn Host) -> Result<bool, StepError> {
    let name = &info.name;
    let has_one = info.replica > 1 || info.disperse > 0;
    let (record, path) = (format!("{VOLUMES}/{name}/info"), format!("{VOLUMES}/{name}/{name}-shd.vol"));
    if !has_one || !matches!(host.look(&record).doing(&record)?, Some(Kind::File(_))) || host.look(&path).doing(&path)?.is_some() {
        return Ok(false);
    }
    host.write(&path, b"", MODE.into()).doing(&path)?;
    Ok(true)
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
    fn only_a_missing_file_is_made() {
        let mut fake = Fake::idle(Duration::ZERO);
        assert!(!mend(&info(3, 0), &mut fake).unwrap(), "glusterd has not written the volume down");
        fake.put("/var/lib/glusterd/vols/volpi/info", "x");
        assert!(!mend(&info(1, 0), &mut fake).unwrap(), "without copies there is nothing to heal, and no such file");
        assert!(mend(&info(1, 3), &mut fake).unwrap());
        let path = "/var/lib/glusterd/vols/volpi/volpi-shd.vol";
        assert_eq!((fake.text(path).as_deref(), fake.files[path].1), (Some(""), 0o600));
        fake.put(path, "volume");
        assert!(!mend(&info(3, 0), &mut fake).unwrap());
        assert_eq!(fake.text(path).as_deref(), Some("volume"));
    }
}
