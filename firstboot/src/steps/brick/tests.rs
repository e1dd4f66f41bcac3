//! What the step says where a card cannot easily be made so; what it does on real ones is in `tests/growth.rs`.

use std::cell::{Cell, RefCell};

use super::*;
use crate::{
    disk::medium::Medium,
    host::Mounted,
    testing::{Fake, config},
};

const FIRST: u32 = 8192;
const CARD: usize = 40 << 20;

/// A card of 40 MiB in memory, with a brick of 8 MiB that needs none of its blocks.
struct Simulated {
    partitions: RefCell<Vec<Partition>>,
    card: RefCell<Vec<u8>>,
    /// What opening it to write says.
    opens: Option<io::ErrorKind>,
    /// What making the file system larger says.
    resizes: Option<Errno>,
    /// Whether what is written is kept.
    forgets: bool,
    calls: Cell<u32>,
}

/// What a step sees of it while it writes.
struct Borrowed<'a>(&'a Simulated);

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn simulated() -> Simulated {
    let mut card = vec![0; CARD];
    put(&mut card, 440, &[0xef, 0xbe, 0xad, 0xde]);
    put(&mut card, 446 + 32 + 4, &[0x83]);
    put(&mut card, 446 + 32 + 8, &FIRST.to_le_bytes());
    put(&mut card, 446 + 32 + 12, &16384_u32.to_le_bytes());
    put(&mut card, 510, &[0x55, 0xaa]);
    let superblock = FIRST as usize * 512 + 1024;
    for (at, value) in [(0x4, 2048_u32), (0x18, 2), (0x20, 32768), (0x38, 0xef53)] {
        put(&mut card, superblock + at, &value.to_le_bytes());
    }
    put(&mut card, superblock + 0x68, &[1; 16]);
    let partition = Partition {
        name: "mmcblk0p3".into(),
        disk: "mmcblk0".into(),
        number: 3,
        first: FIRST.into(),
        sectors: 16384,
        device: (179, 3),
        sector_size: 512,
        is_read_only: false,
    };
    let partitions = RefCell::new(vec![partition]);
    Simulated { partitions, card: RefCell::new(card), opens: None, resizes: None, forgets: false, calls: Cell::new(0) }
}

impl Simulated {
    fn with(self, change: impl FnOnce(&mut Partition)) -> Self {
        change(&mut self.partitions.borrow_mut()[0]);
        self
    }

    fn call(&self) {
        self.calls.set(self.calls.get() + 1);
    }
}

impl Medium for Borrowed<'_> {
    fn sectors(&self) -> u64 {
        self.0.card.borrow().sectors()
    }

    fn read(&self, first: u64, count: usize) -> io::Result<Vec<u8>> {
        self.0.card.borrow().read(first, count)
    }

    fn write(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.call();
        if self.0.forgets { Ok(()) } else { self.0.card.borrow_mut().write(first, bytes) }
    }
}

impl Machine for &Simulated {
    fn partitions(&self, number: u32) -> io::Result<Vec<Partition>> {
        Ok(self.partitions.borrow().iter().filter(|partition| partition.number == number).cloned().collect())
    }

    fn open(&self, _: &Partition) -> io::Result<Box<dyn Medium + '_>> {
        Ok(Box::new(Borrowed(self)))
    }

    fn open_locked(&self, partition: &Partition) -> io::Result<Box<dyn Medium + '_>> {
        self.opens.map_or_else(|| self.open(partition), |kind| Err(kind.into()))
    }

    fn start_of(&self, partition: &Partition, length: usize) -> io::Result<Vec<u8>> {
        Ok(self.card.borrow()[partition.first as usize * 512..][..length].to_vec())
    }

    fn device_below(&self, _: &str) -> io::Result<(u32, u32)> {
        Ok((179, 3))
    }

    fn resize_partition(&self, _: &Partition, sectors: u64) -> io::Result<()> {
        self.call();
        self.partitions.borrow_mut()[0].sectors = sectors;
        Ok(())
    }

    fn resize_file_system(&self, _: &str, blocks: u64) -> io::Result<()> {
        self.call();
        if let Some(error) = self.resizes {
            return Err(error.into());
        }
        put(&mut self.card.borrow_mut(), FIRST as usize * 512 + 1024 + 4, &blocks.to_le_bytes()[..4]);
        Ok(())
    }
}

fn host() -> Fake {
    let mounted = Mounted { kind: "ext4".into(), source: "/dev/mmcblk0p3".into(), is_alive: true };
    Fake { mounted: Some(mounted), ..Fake::idle(LATE) }
}

fn ensure(machine: &Simulated) -> Result<Outcome, StepError> {
    Brick::new(machine).ensure(&config(), &mut host())
}

/// Why it is blocked, with nothing written.
fn blocked_by(machine: &Simulated) -> String {
    let before = machine.card.borrow().clone();
    let Ok(Outcome::Blocked { reason }) = ensure(machine) else { panic!("{:?}", ensure(machine)) };
    assert!(*machine.card.borrow() == before && machine.calls.get() == 0);
    reason
}

#[test]
fn it_fills_the_card_once() {
    let machine = simulated();
    assert_eq!(ensure(&machine).unwrap(), Outcome::CHANGED);
    assert_eq!((machine.partitions.borrow()[0].sectors, machine.calls.get()), (73728, 3));
    assert_eq!(ensure(&machine).unwrap(), Outcome::KEPT);
    assert_eq!(machine.calls.get(), 3);
    // The table was written before, and nobody told the kernel.
    machine.partitions.borrow_mut()[0].sectors = 16384;
    assert_eq!((ensure(&machine).unwrap(), machine.calls.get()), (Outcome::CHANGED, 4));
}

#[test]
fn what_is_odd_is_said_and_left_alone() {
    assert!(blocked_by(&simulated().with(|partition| partition.sector_size = 4096)).contains("sectors of 4096 bytes"));
    assert!(blocked_by(&simulated().with(|partition| partition.is_read_only = true)).contains("write-protected, or worn out"));
    assert!(blocked_by(&simulated().with(|partition| partition.sectors = 20000)).contains("otherwise than its partition table"));
    assert!(blocked_by(&simulated().with(|partition| partition.first = 8193)).contains("holds no ext4"));
    assert!(
        blocked_by(&simulated().with(|partition| partition.number = 2))
            .contains("no disk of this node has the brick's partition DEADBEEF-03")
    );
    let twins = simulated();
    twins.partitions.borrow_mut().push(Partition { name: "sda3".into(), ..simulated().partitions.borrow()[0].clone() });
    assert!(blocked_by(&twins).contains("sda3 and mmcblk0p3 both are"));
    let machine = simulated();
    let mut elsewhere = host();
    elsewhere.mounted = Some(Mounted { kind: "tmpfs".into(), source: "none".into(), is_alive: true });
    let outcome = Brick::new(&machine).ensure(&config(), &mut elsewhere).unwrap();
    assert!(matches!(outcome, Outcome::Blocked { reason } if reason.contains("on /export is none (tmpfs), not the brick mmcblk0p3")));
}

#[test]
fn what_comes_by_itself_is_awaited() {
    let waiting = |machine: &Simulated, host: &mut Fake| match Brick::new(machine).ensure(&config(), host).unwrap() {
        Outcome::Waiting { on, .. } => on,
        other => panic!("{other:?}"),
    };
    let absent = simulated().with(|partition| partition.number = 2);
    assert_eq!(waiting(&absent, &mut Fake { uptime: Duration::from_secs(20), ..host() }), "there is no partition DEADBEEF-03 yet");
    assert_eq!(waiting(&simulated(), &mut Fake { mounted: None, ..host() }), "the brick mmcblk0p3 is not mounted on /export");
    let locked = Simulated { opens: Some(io::ErrorKind::WouldBlock), ..simulated() };
    assert_eq!(waiting(&locked, &mut host()), "another program holds mmcblk0");
    let busy = Simulated { resizes: Some(Errno::BUSY), ..simulated() };
    assert_eq!(waiting(&busy, &mut host()), "another program makes /export larger");
}

#[test]
fn what_the_machine_refuses_is_told_apart() {
    let said = |resizes| ensure(&Simulated { resizes: Some(resizes), ..simulated() });
    assert!(matches!(said(Errno::ROFS).unwrap(), Outcome::Blocked { reason } if reason.contains("mounted read-only")));
    assert!(matches!(said(Errno::PERM).unwrap(), Outcome::Blocked { reason } if reason.contains("CAP_SYS_RESOURCE")));
    assert!(matches!(said(Errno::IO).unwrap_err(), StepError::Io { what, .. } if what == "make the file system on /export larger"));
    let denied = Simulated { opens: Some(io::ErrorKind::PermissionDenied), ..simulated() };
    assert!(ensure(&denied).unwrap_err().to_string().starts_with("open /dev/mmcblk0 to write: "));
    let worn_out = Simulated { forgets: true, ..simulated() };
    assert!(ensure(&worn_out).unwrap_err().to_string().contains("the card is worn out, or smaller than it says"));
}
