//! Whole studies, small ones.

use lightday_station::link::Pass;

use super::*;

fn settings() -> Settings {
    Settings {
        payload: 20_000,
        rate_bps: 100,
        light_time_s: 79_200,
        frame_len: 256,
        loss_ppm: 200_000,
        burst: 4,
        passes: Vec::new(),
        lost_pass_ppm: 0,
        probability: 0.999,
        trials: 60,
        rebuilt: 60,
        seed: 3,
        threads: 2,
    }
}

fn study(settings: &Settings) -> Study {
    // A heap of which nobody knows: the decoder's figure is not looked at.
    run(
        settings,
        &|work| {
            work();
            0
        },
        &|| (),
    )
    .unwrap()
}

#[test]
fn ours_is_whole_with_the_kth_symbol_in_every_trial_and_nobody_is_before_it() {
    let settings = settings();
    // Each trial rebuilds the block from exactly K symbols, or the study fails.
    let study = study(&settings);
    assert_eq!((study.symbols, study.rebuilt), (84, 60));
    for other in [&study.ts004, &study.raptorq] {
        assert_eq!(other.incomplete, 0);
        assert!(
            study
                .ours
                .hours
                .iter()
                .zip(&other.hours)
                .all(|(a, b)| a <= b)
        );
    }
    assert!(study.cfdp2.rounds_mean > Some(1.5) && study.ours.rounds_mean == Some(1.0));
    // Two rounds are a light time there and back apart.
    assert!(study.cfdp2.hours.last() > Some(&66.0));
}

#[test]
fn a_seed_gives_the_same_figures_on_any_number_of_threads() {
    let one = study(&Settings {
        threads: 1,
        rebuilt: 0,
        ..settings()
    });
    let three = study(&Settings {
        threads: 3,
        rebuilt: 0,
        ..settings()
    });
    assert_eq!(
        (one.ours, one.cfdp2, one.ts004),
        (three.ours, three.cfdp2, three.ts004)
    );
}

#[test]
fn without_loss_all_are_whole_with_their_last_frame() {
    let study = study(&Settings {
        loss_ppm: 0,
        burst: 1,
        trials: 2,
        ..settings()
    });
    let last = 84.0 * 20.48 / 3600.0 + 22.0;
    for of in [&study.ours, &study.ts004, &study.raptorq] {
        assert!((of.hours_mean().unwrap() - last).abs() < 1e-9);
        assert!((of.frames_mean.unwrap() - 84.0).abs() < 1e-9);
    }
    assert!((study.cfdp2.frames_mean.unwrap() - 86.0).abs() < 1e-9);
}

#[test]
fn a_lost_pass_takes_all_of_its_frames_with_it() {
    let pass = |start_s| Pass {
        start_s,
        end_s: start_s + 2048,
        ..Pass::default()
    };
    let passes = (1..40).map(|day| pass(day * 86_400)).collect();
    let settings = Settings {
        passes,
        lost_pass_ppm: 300_000,
        loss_ppm: 0,
        burst: 1,
        ..settings()
    };
    let study = study(&settings);
    assert_eq!(study.ours.incomplete, 0);
    // Of some trials the first pass was lost, and a day is gone.
    let hours = &study.ours.hours;
    assert!(
        hours.first() < Some(&23.0) && hours.last() > Some(&46.0),
        "{hours:?}"
    );
    // What a pass says of itself counts before the setting.
    let sure = |pass: &Pass| Pass {
        lost: Some(0.0),
        ..pass.clone()
    };
    let passes = settings.passes.iter().map(sure).collect();
    let all = self::study(&Settings { passes, ..settings });
    assert!(all.ours.hours.last() < Some(&23.0), "{:?}", all.ours.hours);
}

#[test]
fn what_makes_no_sense_is_named() {
    let refused = |settings: Settings| run(&settings, &|_| 0, &|| ()).unwrap_err().to_string();
    assert!(
        refused(Settings {
            payload: 0,
            ..settings()
        })
        .contains("payload")
    );
    assert!(
        refused(Settings {
            loss_ppm: 950_000,
            ..settings()
        })
        .contains("burst")
    );
    assert!(
        refused(Settings {
            frame_len: 17,
            ..settings()
        })
        .contains("frame")
    );
    assert!(
        refused(Settings {
            payload: 60_000_000,
            ..settings()
        })
        .contains("symbols")
    );
    let refused_with = |settings: Settings, says: &str| {
        let error = refused(settings);
        assert!(error.contains(says), "{error}");
    };
    // 0.05 in bursts of 100,000 would be no loss at all in whole millionths.
    refused_with(
        Settings {
            loss_ppm: 50_000,
            burst: 100_000,
            ..settings()
        },
        "1 % off",
    );
    refused_with(
        Settings {
            rate_bps: 1_000_000,
            ..settings()
        },
        "0.1 s",
    );
    refused_with(
        Settings {
            light_time_s: 1 << 40,
            ..settings()
        },
        "60 days",
    );
}

#[test]
fn passes_that_the_study_cannot_fly_are_named() {
    let refused_with = |settings: Settings, says: &str| {
        let error = run(&settings, &|_| 0, &|| ()).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    };
    let pass = |start_s, rate_bps| Pass {
        start_s,
        end_s: start_s + 100,
        rate_bps,
        ..Pass::default()
    };
    refused_with(
        Settings {
            passes: vec![pass(0, Some(50))],
            ..settings()
        },
        "rate_bps",
    );
    let drifting = Pass {
        light_time_s: Some(79_200),
        ..pass(0, None)
    };
    refused_with(
        Settings {
            passes: vec![drifting],
            ..settings()
        },
        "light_time",
    );
    let far = vec![pass(0, None), pass(1 << 32, None)];
    refused_with(
        Settings {
            passes: far,
            ..settings()
        },
        "ten years",
    );
}
