//! What the crash test found once, lived again by the command that it printed.

mod common;

use common::run;

/// One life: geometry, ECC, scene and cuts.
fn lives(which: &str) {
    let root = std::env::temp_dir();
    let ran = run(&root, &format!("crash-test {which} --seed 1"));
    assert_eq!(ran.code, 0, "{which}\n{}{}", ran.out, ran.err);
}

/// Two cells of the staging log read well in the scan and fault now and then while they are solved: eight attempts
/// went by, and the bundle was given up.
#[test]
fn unstable_symbols_are_passed_over_and_others_take_their_place() {
    lives("--geometry 16x8192 --ecc on --scene load-and-go --cuts 22:flickers,188:unstable");
}
