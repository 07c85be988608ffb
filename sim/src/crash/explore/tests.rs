//! What is made of a panic: a finding with every cut that led to it, so that its command replays it.

use super::*;
use crate::scenario::Images;

/// The points of the first operation on the commit path of a scene, explored where the code that flies panics after so
/// many cuts.
fn panicking_after(cuts: usize) -> Vec<Finding> {
    // As alike as two versions are: what differs much takes the encoder long.
    let image = |seed: u8| -> Vec<u8> {
        let mut bytes: Vec<u8> = (0u32..9000).map(|at| ((at * at) >> 7) as u8).collect();
        bytes[..16].fill(seed);
        bytes
    };
    let images = Images::new(&image(1), &image(2), &image(3));
    let people = People::<8, 2048>::new(&images).unwrap();
    let settings = Settings {
        depth: 2,
        ..Settings::default()
    };
    let scene = Scene::named("golden").unwrap();
    let mut explorer = Explorer::new(&people, scene, false, &settings).unwrap();
    explorer.panics_after = Some(cuts);
    let mut rig = Rig::new(&people, scene, false).unwrap();
    let mut points = Vec::new();
    while points.is_empty() {
        let act = explorer.act(&mut rig, |rig, flash, checker, cut| {
            if is_on_commit_path(rig, cut.address) {
                points.push(Point {
                    rig: rig.cut_off(flash, checker),
                    trail: vec![cut],
                    is_sampled: false,
                });
            }
        });
        assert_eq!(act, Act::Goes);
    }
    points.into_iter().for_each(|point| explorer.survey(point));
    explorer.tally.into_inner().unwrap().findings
}

#[test]
fn a_panic_behind_a_second_cut_is_found_with_both_cuts() {
    let found = panicking_after(2);
    assert!(found.len() > 3, "{}", found.len());
    for finding in &found {
        assert_eq!(finding.violation, Violation::Panicked);
        assert_eq!(finding.trail.len(), 2, "{}", finding.replay());
        let [first, second] = [finding.trail[0], finding.trail[1]];
        let cuts = format!("--cuts {first},{second}");
        assert!(finding.replay().ends_with(&cuts), "{}", finding.replay());
    }
}

#[test]
fn a_panic_behind_the_first_cut_is_found_with_that_one() {
    let found = panicking_after(1);
    assert!(!found.is_empty());
    assert!(found.iter().all(|finding| finding.trail.len() == 1));
}
