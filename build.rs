//! Links with packed relocations if the system can load them. A generated gRPC client has about 80,000 relocations: 1.9 MB
//! in each of our processes, or 10 kB when packed.

use std::process::Command;

/// The first glibc that loads packed relocations; an older one cannot run the program.
const MIN_GLIBC: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let gnu = variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu";
    let here = variable("HOST") == variable("TARGET");
    if gnu && here && glibc().is_some_and(|found| found >= MIN_GLIBC) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Version that `getconf` reports, for example `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
