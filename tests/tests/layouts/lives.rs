//! States of slots, trials, papers, keys and record, each from the launch on.

use embedded_storage::nor_flash::NorFlash as _;
use lightday_agent::Health;
use lightday_boot::trailer::{Entry, Trailer};
use lightday_sim::flash::CutForm;
use lightday_tests::bench_ground::{LEASE_S, number};
use lightday_tests::bench_staff::Staff;
use lightday_tests::bench_vehicle::COMMAND_LOSS_S;
use lightday_trust::digest::sha256;
use lightday_wire::{Action, Epoch, ObjectKind, ResetCause, RevertCause, SlotId, SlotState};

use crate::setting::{Life, first_image, image, launch};
use crate::ways::{
    armed, barred, bundle, command_until_reset, commit_cut, given_up, hear, in_epoch, load_and_go,
    lose_record, on_trial, over_b, patching, rearm, reset_by, resync, rotated, successor,
    switch_epoch, until,
};

const B: SlotId = SlotId::B;

/// All of them.
pub const ALL: &[(&str, Life)] = &[
    ("launched", launch),
    ("reset by nobody knows what", || {
        reset_by(ResetCause::Unknown)
    }),
    ("reset by power", || reset_by(ResetCause::PowerOn)),
    ("reset by a brown-out", || reset_by(ResetCause::BrownOut)),
    ("reset by an upset", || reset_by(ResetCause::Upset)),
    ("reset by the watchdog", || reset_by(ResetCause::Watchdog)),
    ("reset by software", || reset_by(ResetCause::Software)),
    ("reset by the deadline", || reset_by(ResetCause::Deadline)),
    ("reset by a fault", || reset_by(ResetCause::Fault)),
    ("crashed three times at home", || {
        let mut bench = launch();
        (0..3).for_each(|_| bench.reset(ResetCause::Watchdog));
        bench
    }),
    ("patching", || patching(CutForm::NotDone, 10)),
    ("patching, a program torn", || {
        patching(CutForm::Partial(5), 12)
    }),
    ("patching, its slot being erased", || {
        patching(CutForm::Partial(6), 2)
    }),
    ("patching for the seventh time", || {
        let mut bench = launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        hear(&mut bench, &built.object);
        for attempt in 1..=7 {
            until(&mut bench, |b| {
                b.record().patch_attempts == attempt && b.state(B) == SlotState::Patching
            });
            bench.reset(ResetCause::Upset);
        }
        bench
    }),
    ("verified", || {
        let mut bench = launch();
        bench.stage(2, 2);
        bench
    }),
    ("armed, held by command", || {
        let mut bench = launch();
        bench.command(Action::Hold { held: true });
        bench.try_out(2, 2);
        bench
    }),
    ("armed, before its window", || {
        armed(true, true, Some((3600, 7200)))
    }),
    ("armed, and time is not known", || {
        armed(false, true, Some((0, 7200)))
    }),
    ("armed, the interlock holds", || armed(true, false, None)),
    ("armed by its manifest, held", || {
        let mut bench = launch();
        bench.command(Action::Hold { held: true });
        bundle(&mut bench, 2, load_and_go);
        bench
    }),
    ("armed, its papers not in the trailer yet", || {
        let mut bench = launch();
        let built = bench.stage(2, 2);
        let authorization = bench.ground.authorization(&built);
        hear(&mut bench, &authorization);
        until(&mut bench, |b| b.state(B) == SlotState::Armed);
        bench
    }),
    ("patching A", || {
        over_b(|bench| {
            let built = bench.ground.bundle(&image(3, 3000), 3);
            hear(bench, &built.object);
            until(bench, |b| b.state(SlotId::A) == SlotState::Patching);
        })
    }),
    ("verified in A", || over_b(|bench| drop(bench.stage(3, 3)))),
    ("armed in A, held by command", || {
        over_b(|bench| {
            bench.command(Action::Hold { held: true });
            bench.try_out(3, 3);
        })
    }),
    ("reverted from A", || {
        over_b(|bench| {
            bench.try_out(3, 3);
            (0..3).for_each(|_| bench.reset(ResetCause::Watchdog));
        })
    }),
    ("failed in A", || {
        over_b(|bench| drop(bundle(bench, 3, |m| m.image.size -= 1)))
    }),
    (
        "resynchronised, what was not confirmed in A forgotten",
        || {
            over_b(|bench| {
                bench.stage(3, 3);
                lose_record(bench);
                resync(bench);
            })
        },
    ),
    ("an authorization waits for its bundle", || {
        let mut bench = launch();
        let built = bench.ground.bundle(&image(2, 3000), 2);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench
    }),
    ("two authorizations wait", || {
        let mut bench = launch();
        for seed in [2, 3] {
            let built = bench.ground.bundle(&image(seed, 3000), seed);
            let authorization = bench.ground.authorization(&built);
            bench.deliver_all(&authorization);
        }
        bench
    }),
    ("a trial that no boot has started", || {
        let mut bench = launch();
        let built = bench.stage(2, 2);
        let authorization = bench.ground.authorization(&built);
        hear(&mut bench, &authorization);
        until(&mut bench, |b| b.state(B) == SlotState::Trial);
        bench
    }),
    ("on trial", || on_trial(|_| ())),
    ("on trial, not healthy yet", || {
        let mut bench = launch();
        let built = bench.stage(2, 2);
        bench.application.health = Health::Starting;
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench
    }),
    ("on trial, uplink proven", || {
        on_trial(|bench| bench.command(Action::ReportRequest))
    }),
    ("on trial, its second lease", || {
        on_trial(|bench| {
            bench.command(Action::ReportRequest);
            bench.wait_s(u64::from(LEASE_S) + 10);
        })
    }),
    ("on trial, one boot left", || {
        on_trial(|bench| (0..2).for_each(|_| bench.reset(ResetCause::Fault)))
    }),
    ("on trial, resets by the environment used up", || {
        on_trial(|bench| (0..16).for_each(|_| bench.reset(ResetCause::Upset)))
    }),
    ("on trial, switched to the next epoch", || {
        on_trial(|bench| switch_epoch(bench, 1))
    }),
    ("a Confirm that no loader has seen", || {
        on_trial(|bench| {
            let image = bench.record().slot(B).image;
            command_until_reset(bench, Action::Confirm { image });
        })
    }),
    ("given up, not reverted yet: not healthy", || {
        given_up(RevertCause::HealthFailed)
    }),
    ("given up, not reverted yet: not healthy in time", || {
        given_up(RevertCause::HealthDeadline)
    }),
    ("given up, not reverted yet: by command", || {
        on_trial(|bench| {
            let (kind, number) = (ObjectKind::Bundle, number(1));
            command_until_reset(bench, Action::Abort { kind, number });
        })
    }),
    ("reverted: tries", || {
        on_trial(|bench| (0..3).for_each(|_| bench.reset(ResetCause::Fault)))
    }),
    ("reverted: environment", || {
        on_trial(|bench| (0..17).for_each(|_| bench.reset(ResetCause::BrownOut)))
    }),
    ("reverted: not healthy", || {
        on_trial(|bench| {
            bench.application.health = Health::Failing;
            bench.wait_s(2 * 3600);
            bench.application.health = Health::Healthy;
        })
    }),
    ("reverted: not healthy in time", || {
        let mut bench = launch();
        let built = bench.stage(2, 2);
        bench.application.health = Health::Starting;
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench.wait_s(2 * 3600);
        bench.application.health = Health::Healthy;
        bench
    }),
    ("reverted: lease", || {
        on_trial(|bench| bench.wait_s(u64::from(LEASE_S) + 10))
    }),
    ("reverted: digest", || {
        on_trial(|bench| {
            let at = bench.map().slot(B).image.start + 99;
            bench.corrupt(at);
            bench.reset(ResetCause::Upset);
        })
    }),
    ("reverted: trailer", || {
        on_trial(|bench| {
            let trailer = bench.map().slot(B).trailer;
            bench.flash.erase(trailer.start, trailer.end()).unwrap();
            bench.reset(ResetCause::Upset);
        })
    }),
    ("reverted: by command", || {
        on_trial(|bench| bench.command(Action::BootGolden))
    }),
    ("reverted: crash loop", || {
        let mut bench = launch();
        bench.update(2, 2);
        (0..4).for_each(|_| bench.reset(ResetCause::Fault));
        bench
    }),
    ("both crashed, golden runs", || {
        let mut bench = launch();
        bench.update(2, 2);
        (0..8).for_each(|_| bench.reset(ResetCause::Fault));
        bench
    }),
    ("no command for too long, golden runs", || {
        let mut bench = launch();
        bench.command(Action::ReportRequest);
        bench.wait_s(COMMAND_LOSS_S + 10);
        bench
    }),
    ("reverted, and armed anew", || {
        on_trial(|bench| {
            (0..3).for_each(|_| bench.reset(ResetCause::Fault));
            bench.settle();
            bench.command(Action::Hold { held: true });
            rearm(bench);
        })
    }),
    ("two images barred", || barred(2)),
    ("four images barred", || barred(4)),
    ("five images reverted, the oldest bar fallen", || barred(5)),
    ("confirmed in B", || {
        let mut bench = launch();
        bench.update(2, 2);
        bench
    }),
    ("confirmed in B, then in A", || {
        let mut bench = launch();
        bench.update(2, 2);
        bench.update(3, 3);
        bench
    }),
    ("confirmed itself", || {
        let mut bench = launch();
        let built = bundle(&mut bench, 2, |m| m.trial.self_confirm = true);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        bench.command(Action::ReportRequest);
        bench.wait_s(61);
        bench
    }),
    ("security counter 5", || {
        let mut bench = launch();
        let built = bundle(&mut bench, 2, |m| m.security_counter = 5);
        let authorization = bench.ground.authorization(&built);
        bench.deliver_all(&authorization);
        let image = built.image.digest;
        bench.command(Action::Confirm { image });
        bench
    }),
    ("golden by command", || {
        let mut bench = launch();
        bench.update(2, 2);
        bench.command(Action::BootGolden);
        bench
    }),
    ("a rollback that no loader has seen", || {
        let mut bench = launch();
        bench.update(2, 2);
        let image = sha256(&first_image());
        command_until_reset(&mut bench, Action::Rollback { image });
        bench
    }),
    ("on trial by rollback", || {
        let mut bench = launch();
        bench.update(2, 2);
        let image = sha256(&first_image());
        bench.command(Action::Rollback { image });
        bench
    }),
    ("failed by an abort", || {
        let mut bench = launch();
        let built = bench.stage(2, 2);
        let (kind, number) = (ObjectKind::Bundle, built.number);
        bench.command(Action::Abort { kind, number });
        bench
    }),
    ("a trailer that is full", || {
        let mut bench = launch();
        bench.update(2, 2);
        let trailer = Trailer::new(bench.map().slot(B).trailer);
        while trailer.free(&mut bench.flash) > 0 {
            let entry = Entry::Commanded {
                number: number(0),
                envelope: &[0; 40],
            };
            trailer.append(&mut bench.flash, entry).unwrap();
        }
        bench
    }),
    ("a key set that no loader has seen", || {
        let mut bench = launch();
        let object = successor(&mut bench, &Staff::new(2, 2));
        hear(&mut bench, &object);
        until(&mut bench, |b| b.supervisor.is_reset_requested());
        bench
    }),
    ("key set 2", || rotated(2)),
    ("key set 3", || rotated(3)),
    ("an epoch that no loader has seen", || {
        let mut bench = launch();
        bench.ground.epoch = 1;
        let epoch = Epoch::new(1).unwrap();
        command_until_reset(&mut bench, Action::EpochSwitch { epoch });
        bench
    }),
    ("epoch 1", || in_epoch(1)),
    ("epoch 7", || in_epoch(7)),
    ("the last epoch", || in_epoch(15)),
    ("the record lost", || {
        let mut bench = launch();
        bench.update(2, 2);
        lose_record(&mut bench);
        bench
    }),
    ("resynchronised", || {
        let mut bench = launch();
        bench.update(2, 2);
        lose_record(&mut bench);
        resync(&mut bench);
        bench
    }),
    ("one copy of the record wiped", || {
        let mut bench = launch();
        bench.update(2, 2);
        let copy = bench.map().record[0];
        bench.flash.erase(copy.start, copy.end()).unwrap();
        bench
    }),
    ("a commit that power cut in its first copy", || {
        commit_cut(0)
    }),
    ("a commit that power cut in its second copy", || {
        commit_cut(1)
    }),
    ("golden dead, a slot in its stead", || {
        let mut bench = launch();
        bench.update(2, 2);
        for copy in bench.map().golden {
            bench.corrupt(copy.image.start + 5);
        }
        bench.command(Action::BootGolden);
        bench
    }),
];
