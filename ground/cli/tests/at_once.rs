//! Several commands at once: each is done, or says that another came between and that nothing was written.

mod common;

use std::collections::BTreeSet;

use common::{Mission, START};

/// Commands that run at the same time: many more than there are processors, so that they are held up anywhere.
const RUNS: usize = 16;
const ROUNDS: usize = 6;

/// Runs a verb as often as [`RUNS`] says; how many were done. The others gave way, with exit code 7.
fn at_once(mission: &Mission, line: &str) -> usize {
    let ran = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..RUNS)
            .map(|_| scope.spawn(|| mission.run(line)))
            .collect();
        let ended = runs.into_iter().map(|run| run.join().unwrap());
        ended.collect::<Vec<_>>()
    });
    for ran in &ran {
        assert!(matches!(ran.code, 0 | 7), "{}: {}", ran.code, ran.err);
    }
    let done = ran.iter().filter(|ran| ran.code == 0).count();
    assert!(done > 0, "{}", ran[0].err);
    done
}

#[test]
fn of_uplinks_at_once_each_is_done_or_says_that_another_came_between() {
    let mission = Mission::with_bundle("uplinks-race");
    let line = format!("uplink bundles/1.ldb --afresh --frames 3 --at {START}");
    let mut done = 0;
    for round in 0..ROUNDS {
        done += at_once(&mission, &line);
        let status = mission.ok(&format!("status --json --at {START}")).json();
        let sent = status["sent"].as_array().unwrap();
        let files: BTreeSet<_> = sent.iter().map(|s| s["file"].as_str().unwrap()).collect();
        assert_eq!(files.len(), done, "round {round}");
        assert!(files.iter().all(|file| mission.path(file).is_file()));
    }
}

#[test]
fn of_drafts_at_once_each_is_done_or_says_that_another_came_between() {
    let mission = Mission::new("drafts-race");
    let mut done = 0;
    for round in 0..ROUNDS {
        done += at_once(&mission, &format!("command boot-golden --at {START}"));
        let drafts = std::fs::read_dir(mission.path("documents")).unwrap();
        let drafts = drafts.filter(|e| e.as_ref().unwrap().path().extension().is_some());
        assert_eq!(drafts.count(), done, "round {round}");
    }
}
