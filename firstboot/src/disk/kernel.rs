//! The two calls of the kernel that make things larger. All that is not checked by the compiler is here.

use std::{
    ffi::{c_int, c_longlong, c_void},
    fs::File,
    io,
    ptr::from_mut,
};

use rustix::ioctl::{self, Setter, ioctl, opcode};

/// `BLKPG` and `BLKPG_RESIZE_PARTITION` (include/uapi/linux/blkpg.h).
const BLKPG: ioctl::Opcode = opcode::none(0x12, 105);
const RESIZE_PARTITION: c_int = 3;
/// `EXT4_IOC_RESIZE_FS` (include/uapi/linux/ext4.h).
const RESIZE_FS: ioctl::Opcode = opcode::write::<u64>(b'f', 16);

/// `struct blkpg_ioctl_arg`.
#[repr(C)]
struct Request {
    operation: c_int,
    flags: c_int,
    length: c_int,
    data: *mut c_void,
}

/// `struct blkpg_partition`; places are bytes.
#[repr(C)]
struct Partition {
    start: c_longlong,
    length: c_longlong,
    number: c_int,
    device_name: [u8; 64],
    volume_name: [u8; 64],
}

/// Tells the kernel that a partition of `disk` has another size, while it is in use. Its first byte must be as the kernel knows it.
///
/// # Errors
/// What the kernel says: `InvalidInput` when the partition begins elsewhere, `ResourceBusy` when another one is in the way.
#[expect(unsafe_code, reason = "the call is in no library")]
pub(super) fn resize_partition(disk: &File, number: u32, first_byte: u64, bytes: u64) -> io::Result<()> {
    let signed = |number: u64| i64::try_from(number).map_err(io::Error::other);
    let mut partition = Partition {
        start: signed(first_byte)?,
        length: signed(bytes)?,
        number: c_int::try_from(number).map_err(io::Error::other)?,
        device_name: [0; 64],
        volume_name: [0; 64],
    };
    let length = size_of::<Partition>() as c_int;
    let request = Request { operation: RESIZE_PARTITION, flags: 0, length, data: from_mut(&mut partition).cast() };
    // SAFETY: BLKPG reads a `struct blkpg_ioctl_arg`, which `Request` is by its representation, and by its pointer a
    // `struct blkpg_partition`, which lives until the call is over; it writes to neither.
    Ok(unsafe { ioctl(disk, Setter::<BLKPG, Request>::new(request)) }?)
}

/// Makes a mounted ext4 larger; `file` is any file or folder of it. What is not finished when the power goes is not begun or finished when it
/// is mounted the next time, group by group.
///
/// # Errors
/// What the kernel says.
#[expect(unsafe_code, reason = "the call is in no library")]
pub(super) fn resize_file_system(file: &File, blocks: u64) -> io::Result<()> {
    // SAFETY: EXT4_IOC_RESIZE_FS reads a 64-bit number and writes nothing to it.
    Ok(unsafe { ioctl(file, Setter::<RESIZE_FS, u64>::new(blocks)) }?)
}
