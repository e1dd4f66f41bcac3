//! A software bill of materials of an image: CycloneDX 1.6 in JSON (ECMA-424), the packages as dpkg's database in the image has them.
//!
//! The same image has the same bill, to the byte: its serial number is made from what it lists.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    base::facts::Facts,
    dpkg::Listed,
    hex,
    lock::{Lock, LockedPackage},
};

/// What a bill is of.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the node.
    pub node: &'a str,
    /// What the base is.
    pub facts: &'a Facts,
    /// Name and SHA-256 of the base image.
    pub base: (&'a str, &'a [u8; 32]),
    /// Time of the build, in seconds since 1970.
    pub epoch: i64,
}

/// Makes the bill of an image with these packages. `lock` says where those come from that the build brought.
#[must_use]
pub fn cyclonedx(subject: &Subject<'_>, packages: &[Listed], lock: Option<&Lock>) -> Value {
    let locked: BTreeMap<(&str, &str), &LockedPackage> =
        lock.iter().flat_map(|lock| &lock.packages).map(|package| ((package.name.as_str(), package.version.as_str()), package)).collect();
    let reference = |package: &Listed| purl(subject.facts, package);
    let by_name: BTreeMap<&str, String> = packages.iter().map(|package| (package.name.as_str(), reference(package))).collect();
    let components: Vec<Value> = packages
        .iter()
        .map(|package| {
            let locked = locked.get(&(package.name.as_str(), package.version.as_str())).copied();
            component(package, &reference(package), locked.zip(lock))
        })
        .collect();
    let dependencies: Vec<Value> = packages
        .iter()
        .map(|package| {
            let needs: Vec<&String> = package.needs.iter().filter_map(|name| by_name.get(name.as_str())).collect();
            json!({ "ref": reference(package), "dependsOn": needs })
        })
        .collect();
    let timestamp = OffsetDateTime::from_unix_timestamp(subject.epoch).ok().and_then(|time| time.format(&Rfc3339).ok());
    let (base, sha256) = subject.base;
    let metadata = json!({
        "timestamp": timestamp,
        "tools": { "components": [{ "type": "application", "name": "berry-image", "version": env!("CARGO_PKG_VERSION") }] },
        "component": {
            "type": "operating-system",
            "bom-ref": subject.node,
            "name": subject.node,
            "version": subject.facts.name,
            "properties": [
                { "name": "berry-image:base", "value": base },
                { "name": "berry-image:base:sha256", "value": hex::encode(sha256) },
            ],
        },
    });
    let serial = serial(&metadata, &components);
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial,
        "version": 1,
        "metadata": metadata,
        "components": components,
        "dependencies": dependencies,
    })
}

fn component(package: &Listed, reference: &str, locked: Option<(&LockedPackage, &Lock)>) -> Value {
    let mut properties = vec![json!({ "name": "dpkg:state", "value": package.state })];
    if package.source != package.name {
        properties.push(json!({ "name": "dpkg:source", "value": package.source }));
    }
    if package.held {
        properties.push(json!({ "name": "dpkg:selection", "value": "hold" }));
    } else if package.leaving {
        properties.push(json!({ "name": "dpkg:selection", "value": "deinstall" }));
    }
    let mut component = json!({
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": package.version,
        "purl": reference,
        "properties": properties,
    });
    if let Some((package, lock)) = locked {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": package.sha256.to_string() }]);
        if let Some(archive) = lock.archives.get(package.archive) {
            let address = format!("{}/{}", archive.uri.trim_end_matches('/'), package.path);
            component["externalReferences"] = json!([{ "type": "distribution", "url": address }]);
        }
    }
    component
}

/// A package URL (package-url/purl-spec, type `deb`).
fn purl(facts: &Facts, package: &Listed) -> String {
    let escaped = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect()
    };
    let vendor = if facts.name.starts_with("Raspbian") { "raspbian" } else { "debian" };
    format!(
        "pkg:deb/{vendor}/{}@{}?arch={}&distro={}",
        escaped(&package.name),
        escaped(&package.version),
        escaped(&package.architecture),
        facts.release.codename()
    )
}

/// A UUID of version 8 (RFC 9562: made by a method of one's own) from what is listed.
fn serial(metadata: &Value, components: &[Value]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(metadata.to_string());
    components.iter().for_each(|component| hasher.update(component.to_string()));
    let digest: [u8; 32] = hasher.finalize().into();
    let mut bytes = digest;
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex::encode(&bytes[..16]);
    format!("urn:uuid:{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}
