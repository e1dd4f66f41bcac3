//! The brick's partition and its file system fill the card.
//!
//! Nothing is written before the file system has shown that it is the brick's and is mounted where it belongs. Then follow the partition
//! table on the card, the kernel's idea of the partition, and the file system: a file system is never larger than its partition, wherever
//! this is cut short. Nothing is ever formatted.

use std::{io, time::Duration};

use rustix::io::Errno;

use crate::{
    config::{Brick as Wanted, NodeConfig},
    disk::{
        DiskError, Refusal, SECTOR, Table,
        ext4::Superblock,
        machine::{Linux, Machine, Partition},
        signature,
    },
    host::Host,
    step::{Doing as _, Outcome, Step, StepError},
};

/// How long after power-on a disk may show up; after that a person is told. Slow cards and USB disks take half a minute.
const LATE: Duration = Duration::from_secs(120);

/// Grows the brick to the card's end or to its cap.
#[derive(Clone, Copy, Debug, Default)]
pub struct Brick<M = Linux> {
    machine: M,
}

impl<M: Machine> Brick<M> {
    /// On this machine.
    #[must_use]
    pub fn new(machine: M) -> Self {
        Self { machine }
    }
}

/// Why it does not go on.
enum Stop {
    Outcome(Outcome),
    Error(StepError),
}

impl From<StepError> for Stop {
    fn from(error: StepError) -> Self {
        Self::Error(error)
    }
}

type Progress<T> = Result<T, Stop>;

fn blocked<T>(reason: impl Into<String>) -> Progress<T> {
    Err(Stop::Outcome(Outcome::blocked(reason)))
}

fn waiting<T>(on: impl Into<String>, seconds: u64) -> Progress<T> {
    Err(Stop::Outcome(Outcome::wait(on, seconds)))
}

/// What a table says goes to people; what the operating system says is tried again.
fn refused<T>(result: Result<T, DiskError>, partition: &Partition) -> Progress<T> {
    match result {
        Ok(value) => Ok(value),
        Err(DiskError::Io(source)) => Err(StepError::Io { what: format!("read the partition table of {}", partition.disk), source }.into()),
        Err(DiskError::Refused(refusal)) => {
            let Partition { name, disk, .. } = partition;
            blocked(format!("the brick's partition {name} stays as it is: {refusal}. Look at it with `sfdisk --list /dev/{disk}`"))
        }
    }
}

impl<M: Machine> Step for Brick<M> {
    fn name(&self) -> &'static str {
        "brick"
    }

    fn purpose(&self) -> &'static str {
        "the brick's partition and file system fill the card"
    }

    fn ensure(&self, config: &NodeConfig, host: &mut dyn Host) -> Result<Outcome, StepError> {
        match self.grow(&config.brick, host) {
            Ok(changed) => Ok(Outcome::Done { changed }),
            Err(Stop::Outcome(outcome)) => Ok(outcome),
            Err(Stop::Error(error)) => Err(error),
        }
    }
}

impl<M: Machine> Brick<M> {
    fn grow(&self, brick: &Wanted, host: &dyn Host) -> Progress<bool> {
        let (partition, table) = self.find(brick, host)?;
        let superblock = self.superblock(brick, &partition)?;
        self.is_mounted(brick, host, &partition, &superblock)?;
        if superblock.has_errors {
            return blocked(format!(
                "the file system of the brick has errors and does not grow. Start the node again, and {} is checked; or unmount it and run \
                 `e2fsck -f /dev/{}`",
                brick.mount, partition.name
            ));
        }
        let is_written = self.write_table(brick, &partition, &table)?;
        let is_told = self.tell_kernel(brick)?;
        Ok(self.grow_file_system(brick)? | is_told | is_written)
    }

    /// The brick's partition, and the table that says so.
    fn find(&self, brick: &Wanted, host: &dyn Host) -> Progress<(Partition, Table)> {
        let (mut found, others) = self.candidates(brick)?;
        match (found.pop(), found.pop()) {
            (Some(one), None) => Ok(one),
            (Some((one, _)), Some((other, _))) => blocked(format!(
                "{} and {} both are partition {}: two cards of one image are in this node. Take out the one that is not its own",
                one.name, other.name, brick.partition_uuid
            )),
            (None, _) if host.uptime() < LATE => waiting(format!("there is no partition {} yet", brick.partition_uuid), 5),
            (None, _) => blocked(format!(
                "no disk of this node has the brick's partition {}: it is missing, or another program changed the partition table. `lsblk -o \
                 NAME,PARTUUID,UUID` shows what there is; nothing was changed{others}",
                brick.partition_uuid
            )),
        }
    }

    /// All partitions that it may be, and what is said of disks that cannot be understood: each after a full stop.
    fn candidates(&self, brick: &Wanted) -> Result<(Vec<(Partition, Table)>, String), StepError> {
        let (mut found, mut others) = (Vec::new(), String::new());
        for partition in self.machine.partitions(brick.partition).doing("list the disks of this node")? {
            // Another disk may be damaged, empty or gone: it is not the brick's then.
            match self.table(&partition) {
                Ok(table) if table.partuuid(partition.number).is_some_and(|uuid| uuid.eq_ignore_ascii_case(&brick.partition_uuid)) => {
                    found.push((partition, table));
                }
                Ok(_) => {}
                Err(error) => others.push_str(&format!(". {}: {error}", partition.disk)),
            }
        }
        Ok((found, others))
    }

    fn table(&self, partition: &Partition) -> Result<Table, DiskError> {
        match partition.sector_size {
            SECTOR => Table::read(&*self.machine.open(partition)?),
            other => Err(Refusal::SectorSize(other).into()),
        }
    }

    /// The brick's file system, if that is what stands there.
    fn superblock(&self, brick: &Wanted, partition: &Partition) -> Progress<Superblock> {
        let name = &partition.name;
        let start = self.machine.start_of(partition, signature::LENGTH).doing(format!("read the start of /dev/{name}"))?;
        let keep = "Nothing was written. There may be data on it";
        match Superblock::parse(&start) {
            Ok(superblock) if superblock.uuid.eq_ignore_ascii_case(&brick.uuid) => Ok(superblock),
            Ok(superblock) => blocked(format!(
                "the brick's partition {name} holds an ext4 with the UUID {}, and that of the brick is {}. {keep}: put in the node's own card, \
                 or flash this one again if nothing of it is needed",
                superblock.uuid, brick.uuid
            )),
            Err(flaw) => blocked(format!(
                "the brick's partition {name} cannot be used: {flaw}. {keep}: copy the card first; `e2fsck -b 32768 -B 4096 /dev/{name}` \
                 repairs an ext4 from its second superblock. If nothing of it is needed, flash the card again"
            )),
        }
    }

    /// Whether that file system, and no other, is mounted where it belongs.
    fn is_mounted(&self, brick: &Wanted, host: &dyn Host, partition: &Partition, superblock: &Superblock) -> Progress<()> {
        let (mount, name) = (&brick.mount, &partition.name);
        let Some(mounted) = host.mounted(mount).doing(format!("see what is mounted on {mount}"))? else {
            if !superblock.is_sealed {
                return blocked(format!(
                    "the superblock of the brick's ext4 on {name} is damaged. Nothing was written: copy the card first; `e2fsck -b 32768 -B \
                     4096 /dev/{name}` repairs it from the second one"
                ));
            }
            if superblock.blocks.saturating_mul(superblock.block_size) / SECTOR > partition.sectors {
                return blocked(format!(
                    "the brick's ext4 on {name} is larger than its partition: the image was cut short, or the partition table was changed. \
                     Nothing was written"
                ));
            }
            return waiting(format!("the brick {name} is not mounted on {mount}"), 5);
        };
        let device = self.machine.device_below(mount).doing(format!("look at {mount}"))?;
        if mounted.kind != "ext4" || device != partition.device {
            return blocked(format!(
                "on {mount} is {} ({}), not the brick {name}: unmount it, and `systemctl restart local-fs.target`",
                mounted.source, mounted.kind
            ));
        }
        Ok(())
    }

    /// Makes the table say how large the partition is to be; whether it did not.
    fn write_table(&self, brick: &Wanted, partition: &Partition, table: &Table) -> Progress<bool> {
        let disk = self.machine.open(partition).doing(format!("open /dev/{}", partition.disk))?;
        if table.place(partition.number).is_none_or(|place| place.first != partition.first || place.sectors < partition.sectors) {
            return blocked(format!("the kernel knows {} otherwise than its partition table says. Start the node again", partition.name));
        }
        if refused(table.changes(&*disk, partition.number, brick.cap), partition)?.is_empty() {
            return Ok(false);
        }
        if partition.is_read_only {
            return blocked(format!("{} cannot be written: its card is write-protected, or worn out", partition.disk));
        }
        let mut disk = match self.machine.open_locked(partition) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return waiting(format!("another program holds {}", partition.disk), 5);
            }
            opened => opened.doing(format!("open /dev/{} to write", partition.disk))?,
        };
        if refused(Table::read(&*disk), partition)? != *table {
            return waiting(format!("another program changes the partition table of {}", partition.disk), 5);
        }
        for write in refused(table.changes(&*disk, partition.number, brick.cap), partition)? {
            self.machine.write(&mut *disk, &write).doing(format!("write {} of the partition table of {}", write.what, partition.disk))?;
        }
        // Cards that are worn out or pretend to be larger than they are take what is written without a word.
        let written = refused(Table::read(&*disk), partition)?;
        if refused(written.changes(&*disk, partition.number, brick.cap), partition)?.is_empty() {
            return Ok(true);
        }
        let reason = "it does not read as it was written: the card is worn out, or smaller than it says".to_owned();
        Err(StepError::Unexpected { what: format!("the partition table of {}", partition.disk), reason }.into())
    }

    /// The partition and how many sectors its table gives it. Both are asked anew: what was done before may have been by another run.
    fn size_by_table(&self, brick: &Wanted) -> Result<(Partition, u64), StepError> {
        let found = self.candidates(brick)?.0.into_iter().next();
        let found = found.and_then(|(partition, table)| table.place(partition.number).map(|place| (partition, place.sectors)));
        let gone = || StepError::Unexpected { what: format!("partition {}", brick.partition_uuid), reason: "it is gone".to_owned() };
        found.ok_or_else(gone)
    }

    /// Makes the kernel know the partition as its table has it; whether it did not.
    fn tell_kernel(&self, brick: &Wanted) -> Progress<bool> {
        let (partition, sectors) = self.size_by_table(brick)?;
        if partition.sectors >= sectors {
            return Ok(false);
        }
        self.machine.resize_partition(&partition, sectors).doing(format!("tell the kernel the size of {}", partition.name))?;
        Ok(true)
    }

    /// Makes the file system fill its partition; whether it did not.
    fn grow_file_system(&self, brick: &Wanted) -> Progress<bool> {
        let (partition, sectors) = self.size_by_table(brick)?;
        let before = self.superblock(brick, &partition)?;
        let blocks = before.grown(partition.sectors.min(sectors).saturating_mul(SECTOR));
        if blocks == before.blocks {
            return Ok(false);
        }
        if let Err(error) = self.machine.resize_file_system(&brick.mount, blocks) {
            return match Errno::from_io_error(&error) {
                Some(Errno::BUSY) => waiting(format!("another program makes {} larger", brick.mount), 5),
                Some(Errno::ROFS) => {
                    blocked(format!("{} is mounted read-only: look for errors of {} in `dmesg`", brick.mount, partition.name))
                }
                Some(Errno::PERM) => blocked(format!(
                    "the kernel does not make {} larger: it asks for CAP_SYS_RESOURCE, and for an ext4 without errors and mounted by its first \
                     superblock. Look at `dmesg`",
                    brick.mount
                )),
                _ => Err(StepError::Io { what: format!("make the file system on {} larger", brick.mount), source: error }.into()),
            };
        }
        Ok(self.superblock(brick, &partition)?.blocks != before.blocks)
    }
}

#[cfg(test)]
mod tests;
