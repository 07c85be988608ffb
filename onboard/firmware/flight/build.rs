//! Says where the linker finds the memory layout.

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo:rustc-link-arg-bins=-T{here}/flight.ld");
    println!("cargo:rerun-if-changed=flight.ld");
}
