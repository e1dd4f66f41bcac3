//! The hashes by which an indexed folder is sorted (fs/ext4/hash.c).

/// `s_def_hash_version` and `dx_root_info.hash_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ext4) enum Version {
    Legacy = 0,
    HalfMd4 = 1,
    Tea = 2,
}

impl Version {
    pub(in crate::ext4) fn new(number: u8) -> Option<Self> {
        [Self::Legacy, Self::HalfMd4, Self::Tea].into_iter().find(|version| *version as u8 == number)
    }
}

/// Hashes names.
#[derive(Clone, Copy, Debug)]
pub(in crate::ext4) struct Hasher {
    version: Version,
    /// Whether a byte counts as -128 … 127: what `char` was on the machine that made the file system.
    signed: bool,
    seed: [u32; 4],
}

impl Hasher {
    pub(in crate::ext4) fn new(version: Version, signed: bool, seed: [u32; 4]) -> Self {
        let default = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
        Self { version, signed, seed: if seed == [0; 4] { default } else { seed } }
    }

    pub(in crate::ext4) fn version(&self) -> Version {
        self.version
    }

    /// The hash, whose lowest bit is always clear, and the minor hash.
    pub(in crate::ext4) fn hash(&self, name: &[u8]) -> (u32, u32) {
        let mut state = self.seed;
        let (hash, minor) = match self.version {
            Version::Legacy => (self.legacy(name), 0),
            Version::HalfMd4 => {
                for start in (0..name.len()).step_by(32) {
                    half_md4(&mut state, &self.words(&name[start..]));
                }
                (state[1], state[2])
            }
            Version::Tea => {
                for start in (0..name.len()).step_by(16) {
                    tea(&mut state, &self.words(&name[start..]));
                }
                (state[0], state[1])
            }
        };
        // The highest hash is kept free as the end of a folder.
        let hash = hash & !1;
        (if hash == 0xffff_fffe { 0xffff_fffc } else { hash }, minor)
    }

    fn widen(&self, byte: u8) -> u32 {
        if self.signed { byte.cast_signed() as i32 as u32 } else { u32::from(byte) }
    }

    /// `str2hashbuf`: four bytes a word, filled up with the length of what is left of the name.
    fn words<const N: usize>(&self, rest: &[u8]) -> [u32; N] {
        let length = rest.len() as u32;
        let pad = length | length << 8;
        let pad = pad | pad << 16;
        let mut words = [pad; N];
        for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
            *word = bytes.iter().fold(pad, |value, byte| self.widen(*byte).wrapping_add(value << 8));
        }
        words
    }

    fn legacy(&self, name: &[u8]) -> u32 {
        let (mut last, mut before) = (0x12a3_fe2d_u32, 0x37ab_e8f9_u32);
        for byte in name {
            let mut hash = before.wrapping_add(last ^ self.widen(*byte).wrapping_mul(7_152_373));
            if hash & 0x8000_0000 != 0 {
                hash = hash.wrapping_sub(0x7fff_ffff);
            }
            before = last;
            last = hash;
        }
        last << 1
    }
}

fn tea(state: &mut [u32; 4], input: &[u32; 4]) {
    let [a, b, c, d] = *input;
    let [mut x, mut y, ..] = *state;
    let mut sum = 0_u32;
    for _ in 0..16 {
        sum = sum.wrapping_add(0x9E37_79B9);
        x = x.wrapping_add((y << 4).wrapping_add(a) ^ y.wrapping_add(sum) ^ (y >> 5).wrapping_add(b));
        y = y.wrapping_add((x << 4).wrapping_add(c) ^ x.wrapping_add(sum) ^ (x >> 5).wrapping_add(d));
    }
    state[0] = state[0].wrapping_add(x);
    state[1] = state[1].wrapping_add(y);
}

/// MD4 with half of its rounds; each row is (word of the input, rotation).
fn half_md4(state: &mut [u32; 4], input: &[u32; 8]) {
    type Mix = fn(u32, u32, u32) -> u32;
    const ROUNDS: [(u32, [usize; 8], [u32; 4]); 3] = [
        (0, [0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19]),
        (0x5a82_7999, [1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13]),
        (0x6ed9_eba1, [3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15]),
    ];
    let mixes: [Mix; 3] = [|x, y, z| z ^ (x & (y ^ z)), |x, y, z| (x & y).wrapping_add((x ^ y) & z), |x, y, z| x ^ y ^ z];
    let [mut a, mut b, mut c, mut d] = *state;
    for ((constant, order, rotations), mix) in ROUNDS.iter().zip(mixes) {
        for (step, word) in order.iter().enumerate() {
            let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(input[*word]).wrapping_add(*constant);
            // The registers move on by one place at each step.
            (a, b, c, d) = (d, sum.rotate_left(rotations[step % 4]), b, c);
        }
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `debugfs -R 'dx_hash -h VERSION [-s SEED] NAME'` of e2fsprogs 1.47.0 prints; versions from 3 on are the unsigned ones there.
    #[test]
    fn hashes_are_those_of_debugfs() {
        let seed = [0x3c2d_1e0f, 0x7869_5a4b, 0xb4a5_9687, 0xf0e1_d2c3];
        let short = b"a".as_slice();
        let full = b"a name of thirty-two byte, exact";
        let long = b"a rather longer name that does not fit into thirty-two bytes, nor into sixty-four of them.txt";
        let high = b"\xc3\xa4\xc3\xb6\xff\x80z";
        let cases = [
            (short, 0, [0; 4], 0xe74b_53e2, 0),
            (short, 1, [0; 4], 0xd5fa_7d7a, 0xacb4_8187),
            (short, 1, seed, 0x3e64_fde2, 0x4228_0a57),
            (short, 2, [0; 4], 0x6d0e_a4c0, 0xc189_22df),
            (short, 2, seed, 0xa921_7068, 0xd145_792f),
            (full, 0, seed, 0x3a46_5c6a, 0),
            (full, 1, [0; 4], 0xf86a_e4f4, 0x4d47_ed2a),
            (full, 1, seed, 0x953b_8da2, 0xcfa7_119c),
            (full, 2, seed, 0xdbfa_d856, 0xb71c_d5d1),
            (full, 5, [0; 4], 0xcc88_9bc8, 0x968a_2307),
            (long, 0, seed, 0x39ab_3a80, 0),
            (long, 1, seed, 0x88ef_e2e4, 0x138e_6d25),
            (long, 2, seed, 0xb1b5_b746, 0x0454_b7c3),
            (long, 4, [0; 4], 0x3e57_f1d4, 0xe7a1_2b1f),
            (high, 0, [0; 4], 0xcd8a_2b0a, 0),
            (high, 1, [0; 4], 0x0acd_ed50, 0xaed2_1c56),
            (high, 1, seed, 0xc0b5_31e8, 0x8cdc_f19d),
            (high, 2, seed, 0x98d7_c236, 0x2b0e_1317),
            (high, 3, [0; 4], 0xf744_9f0a, 0),
            (high, 4, seed, 0xb2ce_48d8, 0x92c8_d949),
            (high, 5, [0; 4], 0xb98c_e498, 0x46a9_d5c8),
        ];
        for (name, version, seed, hash, minor) in cases {
            let hasher = Hasher::new(Version::new(version % 3).unwrap(), version < 3, seed);
            assert_eq!(hasher.hash(name), (hash, minor), "{} {version}", name.escape_ascii());
        }
    }
}
