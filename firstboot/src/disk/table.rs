//! The partition table of a disk, of either kind, and how one partition of it is made larger.

use super::{
    DiskError,
    gpt::Gpt,
    growth::{self, Layout, Place, Refusal},
    mbr::Mbr,
    medium::Medium,
};

/// A partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// Four partitions in sector 0.
    Mbr(Mbr),
    /// A GUID partition table.
    Gpt(Gpt),
}

/// Sectors that are written at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// What it is, for people.
    pub what: &'static str,
    /// Its first sector.
    pub first: u64,
    /// Whole sectors.
    pub bytes: Vec<u8>,
}

impl Table {
    /// Reads it as Linux does.
    ///
    /// # Errors
    /// When it cannot be read, or there is none that is sound.
    pub fn read(medium: &dyn Medium) -> Result<Self, DiskError> {
        let mbr = Mbr::parse(medium.read(0, 1)?)?;
        Ok(if mbr.is_protective() { Self::Gpt(Gpt::read(medium, mbr)?) } else { Self::Mbr(mbr) })
    }

    /// All partitions, as the table says.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        match self {
            Self::Mbr(mbr) => mbr.places(),
            Self::Gpt(gpt) => gpt.places(),
        }
    }

    /// Partition `number`.
    #[must_use]
    pub fn place(&self, number: u32) -> Option<Place> {
        self.places().into_iter().find(|place| place.number == number)
    }

    /// The PARTUUID of partition `number`, as Linux spells it.
    #[must_use]
    pub fn partuuid(&self, number: u32) -> Option<String> {
        self.place(number).map(|_| match self {
            Self::Mbr(mbr) => mbr.partuuid(number),
            Self::Gpt(gpt) => gpt.partuuid(number),
        })
    }

    /// The disk of so many sectors.
    ///
    /// # Errors
    /// When the table has something that is not understood here.
    pub fn layout(&self, sectors: u64) -> Result<Layout, Refusal> {
        match self {
            Self::Mbr(mbr) => mbr.layout(sectors),
            Self::Gpt(gpt) => gpt.layout(sectors),
        }
    }

    /// What is to be written, in this order and each before the next, so that partition `number` reaches the end of the disk, or has `cap`
    /// bytes. After any part of it the disk has the table that it had or the one that it is to have, and what is missing follows when it is
    /// asked again. Nothing where all is so; a partition never gets smaller, and no other one changes.
    ///
    /// # Errors
    /// When it must not grow, or the disk cannot be read.
    pub fn changes(&self, medium: &dyn Medium, number: u32, cap: Option<u64>) -> Result<Vec<Write>, DiskError> {
        let sectors = growth::target(&self.layout(medium.sectors())?, number, cap)?;
        match self {
            Self::Mbr(mbr) => {
                let is_same = self.place(number).is_some_and(|place| place.sectors == sectors);
                let write = || Ok(Write { what: "the record", first: 0, bytes: mbr.grown(number, sectors)? });
                if is_same { Ok(Vec::new()) } else { Ok(vec![write().map_err(DiskError::Refused)?]) }
            }
            Self::Gpt(gpt) => gpt.changes(medium, number, sectors),
        }
    }
}
