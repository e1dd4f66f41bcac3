//! Packets, RFC 9580 section 4: framed here, so that one that is not understood does not take its neighbours along; read by rPGP.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pgp::{
    packet::{Packet, PacketHeader},
    types::Tag,
};

/// A packet that was not read yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    /// Its kind.
    pub(super) tag: u8,
    body: &'a [u8],
}

/// Divides bytes into packets; stops at the first mistake.
#[derive(Debug)]
pub(super) struct Packets<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Raw<'a>, &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let found = take(self.0);
        self.0 = found.map_or(&[], |(_, rest)| rest);
        Some(found.map(|(raw, _)| raw).ok_or("its packets are damaged or cut off"))
    }
}

/// The first packet and what follows. Lengths that are not known at the beginning are for encrypted data only.
fn take(bytes: &[u8]) -> Option<(Raw<'_>, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let (tag, length, rest) = if first & 0x40 == 0 {
        let width = match first & 3 {
            0 => 1,
            1 => 2,
            2 => 4,
            _ => return None,
        };
        let (length, rest) = rest.split_at_checked(width)?;
        (first >> 2 & 0xf, number(length), rest)
    } else {
        let (&one, after) = rest.split_first()?;
        let (length, rest) = match one {
            0..192 => (usize::from(one), after),
            192..224 => {
                let (&two, after) = after.split_first()?;
                ((usize::from(one) - 192) * 256 + usize::from(two) + 192, after)
            }
            255 => {
                let (length, after) = after.split_at_checked(4)?;
                (number(length), after)
            }
            _ => return None,
        };
        (first & 0x3f, length, rest)
    };
    let (body, rest) = rest.split_at_checked(length)?;
    Some((Raw { tag, body }, rest))
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

impl Raw<'_> {
    /// Reads it; nothing if it is not understood.
    pub(super) fn read(&self) -> Option<Packet> {
        let header = PacketHeader::new_fixed(Tag::from(self.tag), u32::try_from(self.body.len()).ok()?);
        guarded(|| Packet::from_reader(header, self.body))
    }
}

/// Calls into rPGP. What it cannot do, or panics about, has not happened: signatures that are not verified do not count. No panic is known
/// today; there were some (CVE-2024-53856).
pub(super) fn guarded<T>(call: impl FnOnce() -> pgp::errors::Result<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(call)).ok()?.ok()
}
