//! Raspbian is built for ARMv6: archives whose armhf means ARMv7 are not for it.

use std::fs;

use crate::{
    archive::{Archive, Files},
    bench::{Bench, names},
    package::Package,
    site::Site,
    support::is_root,
};

/// Raspbian: the same image with packages of 32 bits.
fn raspbian() -> Bench {
    Bench::with_image(|root| {
        let status = root.join("var/lib/dpkg/status");
        let text = fs::read_to_string(&status).unwrap();
        assert!(text.contains("Architecture: arm64"));
        fs::write(&status, text.replace("Architecture: arm64", "Architecture: armhf")).unwrap();
    })
}

fn armhf(origin: &str) -> Files {
    let packages = vec![Package::of("alpha", "1", "armhf"), Package::of("beta", "1", "all")];
    let archive = Archive { packages, architectures: vec!["armhf"], ..Archive::new() };
    archive.with_release(|text| text.replace("Origin: Test", origin))
}

#[test]
fn packages_for_armv7_are_not_taken_for_raspbian() {
    if !is_root() {
        return;
    }
    for origin in ["Origin: Debian", "Origin: Ubuntu", "Origin: Test"] {
        let (bench, site) = (raspbian(), Site::new(armhf(origin)));
        bench.wants(&["alpha"], &site, "");
        let said = bench.refusal(4, "do not run on all Raspberry Pis that this image is for", &[]).unwrap();
        assert!(said.text.contains("armv6: true"), "{}", said.text);
    }
    for (origin, options) in [("Origin: Raspbian", ""), ("Origin: Raspberry Pi Foundation", ""), ("Origin: Test", "      armv6: true\n")] {
        let (bench, site) = (raspbian(), Site::new(armhf(origin)));
        bench.wants(&["alpha", "beta"], &site, options);
        assert_eq!(names(&bench.locks(&[])), ["alpha 1", "beta 1"], "{origin}");
    }
}
