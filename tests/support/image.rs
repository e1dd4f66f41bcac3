//! Finished images through the eyes of other programs: sfdisk, e2fsprogs, mtools, the kernel.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::program::{ok, output, shell, tool};

/// A partition as sfdisk sees it.
#[derive(Clone, Debug)]
pub struct Partition {
    pub start: u64,
    pub size: u64,
    pub kind: String,
    pub uuid: String,
}

/// An image file.
#[derive(Clone, Debug)]
pub struct Image {
    pub path: PathBuf,
    pub disk_id: String,
    pub partitions: Vec<Partition>,
}

impl Image {
    /// Reads the partition table with sfdisk.
    pub fn open(path: &Path) -> Self {
        let json: serde_json::Value = serde_json::from_str(&ok(tool("sfdisk").arg("--json").arg(path))).expect("sfdisk prints JSON");
        let table = &json["partitiontable"];
        let number = |value: &serde_json::Value| value.as_u64().expect("a number of sectors") * 512;
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_lowercase();
        let partitions = table["partitions"].as_array().expect("a list of partitions").iter();
        let partitions = partitions.map(|p| Partition {
            start: number(&p["start"]),
            size: number(&p["size"]),
            kind: text(&p["type"]),
            // Only partitions of a GUID partition table have one of their own.
            uuid: p["uuid"]
                .as_str()
                .map_or_else(|| disk_part_uuid(&text(&table["id"]), p["node"].as_str().expect("a node")), str::to_lowercase),
        });
        Self { path: path.to_owned(), disk_id: text(&table["id"]), partitions: partitions.collect() }
    }

    /// `sfdisk --verify` must have nothing to say.
    pub fn verify_table(&self) {
        let said = ok(tool("sfdisk").arg("--verify").arg(&self.path));
        let remark = |line: &&str| !line.starts_with("Remaining ") && !line.ends_with(':') && !line.is_empty();
        assert_eq!(said.lines().filter(remark).collect::<Vec<_>>(), ["No errors detected."], "{}: {said}", self.path.display());
    }

    /// `e2fsck -fn` on partition `number` (from 1) must exit with 0 and find nothing to remark.
    pub fn verify_ext4(&self, number: usize) {
        let start = self.partitions[number - 1].start;
        let result = output(tool("e2fsck").arg("-fn").arg(format!("{}?offset={start}", self.path.display())));
        let said = String::from_utf8_lossy(&result.stdout).into_owned();
        assert!(result.status.success(), "{}: {said}", self.path.display());
        for line in said.lines() {
            assert!(line.starts_with("Pass ") || line.contains(" files ("), "e2fsck remarks on {}: {line}", self.path.display());
        }
    }

    /// `fsck.fat -n` on partition 1 must exit with 0 and find nothing to remark.
    pub fn verify_fat(&self, folder: &Path) {
        let copy = self.extract(1, folder);
        let said = ok(tool("fsck.fat").arg("-n").arg(&copy));
        assert_eq!(said.lines().count(), 2, "{}: {said}", self.path.display());
        std::fs::remove_file(copy).expect("the copy can be removed");
    }

    /// Copies a partition into a file of its own.
    pub fn extract(&self, number: usize, folder: &Path) -> PathBuf {
        let partition = &self.partitions[number - 1];
        let copy = folder.join(format!("{}.p{number}", self.path.file_name().expect("a name").display()));
        // A partition need not be a multiple of anything but 512.
        let script = "dd if=\"$1\" of=\"$2\" bs=1M skip=\"$3\" count=\"$4\" iflag=skip_bytes,count_bytes conv=sparse status=none && truncate -s \"$4\" \"$2\"";
        let (start, size) = (partition.start.to_string(), partition.size.to_string());
        shell(script, &[self.path.as_os_str(), copy.as_os_str(), OsStr::new(&start), OsStr::new(&size)]);
        copy
    }

    /// A file of the boot partition, by mtools.
    pub fn boot_file(&self, name: &str) -> String {
        ok(tool("mtype").env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(self.boot()).arg(format!("::/{name}")))
    }

    /// Names in the boot partition's root folder, by mtools.
    pub fn boot_names(&self) -> Vec<String> {
        let listing = ok(tool("mdir").env("MTOOLS_SKIP_CHECK", "1").args(["-b", "-i"]).arg(self.boot()).arg("::/"));
        listing.lines().filter_map(|line| line.strip_prefix("::/")).map(str::to_owned).collect()
    }

    /// Copies a file out of the boot partition.
    pub fn copy_boot_file(&self, name: &str, to: &Path) {
        ok(tool("mcopy").env("MTOOLS_SKIP_CHECK", "1").args(["-n", "-i"]).arg(self.boot()).arg(format!("::/{name}")).arg(to));
    }

    fn boot(&self) -> String {
        format!("{}@@{}", self.path.display(), self.partitions[0].start)
    }

    /// A text file of the root file system, by debugfs.
    pub fn root_file(&self, path: &str) -> String {
        self.debugfs(2, &format!("cat {path}"))
    }

    /// What debugfs says to a request on partition `number`.
    pub fn debugfs(&self, number: usize, request: &str) -> String {
        let start = self.partitions[number - 1].start;
        let result = output(tool("debugfs").arg("-R").arg(request).arg(format!("{}?offset={start}", self.path.display())));
        // debugfs exits with 0 whatever happens; what it could not do it says after its version on standard error.
        let complaint: Vec<_> = String::from_utf8_lossy(&result.stderr).lines().skip(1).map(str::to_owned).collect();
        assert!(complaint.is_empty(), "debugfs {request} on {}: {complaint:?}", self.path.display());
        String::from_utf8(result.stdout).expect("a text file")
    }

    /// A field of `dumpe2fs -h` of partition `number`.
    pub fn superblock(&self, number: usize, field: &str) -> String {
        let start = self.partitions[number - 1].start;
        let said = ok(tool("dumpe2fs").arg("-h").arg(format!("{}?offset={start}", self.path.display())));
        let line = said.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':').map(str::trim));
        line.unwrap_or_else(|| panic!("dumpe2fs shows no {field}")).to_owned()
    }
}

fn disk_part_uuid(disk_id: &str, node: &str) -> String {
    let number = node.chars().last().expect("a partition number");
    format!("{}-0{number}", disk_id.trim_start_matches("0x"))
}
