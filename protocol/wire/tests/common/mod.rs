//! Sample values that the golden vectors, the table tests and the tests of `lightday-trust` share.
//! Every field has a value that no other field has, so that swapped fields show.

// Each test file uses its own part of these.
#![allow(dead_code)]

use heapless::Vec;
use lightday_wire::answer::Answer;
use lightday_wire::dump::{DumpRange, Part};
use lightday_wire::report::RunningCode;
use lightday_wire::{
    Action, Activation, Authorization, AuthorizationContext, Base, ClassId, CodecId, Command,
    CommandContext, ComponentId, Digest, Epoch, Image, Location, Manifest, ManifestContext,
    ObjectKind, ObjectNumber, Payload, Refusal, Region, Report, ResetCause, RevertCause,
    SlotChoice, SlotId, SlotReport, SlotState, Stage, Target, TrialPolicy, VehicleId, Verdict,
    Version, Window,
};

pub const VEHICLE: VehicleId = VehicleId(0x00c0_ffee);
pub const CLASS: ClassId = ClassId(0x51);
pub const IMAGE: Digest = Digest([0x11; 32]);
pub const PAYLOAD: Digest = Digest([0x22; 32]);
pub const EVIDENCE: Digest = Digest([0x33; 32]);
pub const TEXT: Digest = Digest([0x44; 32]);
pub const BASE: Base = Base {
    digest: Digest([0x0b; 32]),
    size: 262_144,
    version: version(2, 3, 4567),
};

pub const fn version(major: u8, minor: u8, patch: u16) -> Version {
    Version {
        major,
        minor,
        patch,
    }
}

pub fn number(number: u32) -> ObjectNumber {
    ObjectNumber::new(number).expect("24 bit")
}

pub fn epoch(epoch: u8) -> Epoch {
    Epoch::new(epoch).expect("at most 15")
}

/// The vector `name` of a vectors file.
pub fn vector(file: &str, name: &str) -> std::vec::Vec<u8> {
    let mut found = file
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
        .filter(|(key, _)| *key == name);
    let (_, hex) = found
        .next()
        .unwrap_or_else(|| panic!("no vector is named {name}"));
    assert!(found.next().is_none(), "two vectors are named {name}");
    let digit = |c: u8| {
        char::from(c)
            .to_digit(16)
            .unwrap_or_else(|| panic!("{name} is not hexadecimal"))
    };
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).expect("two digits"))
        .collect()
}

/// The names in a vectors file that begin with `prefix`.
pub fn names<'a>(file: &'a str, prefix: &str) -> std::vec::Vec<&'a str> {
    file.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
        .filter_map(|(key, _)| key.strip_prefix(prefix))
        .collect()
}

/// A whole image: no base, armed by an authorization.
pub fn manifest_full() -> Manifest {
    Manifest {
        format: 1,
        class_bound: false,
        component: ComponentId(0),
        slot: SlotChoice::Inactive,
        load_address: 0x2000_0000,
        security_counter: 7,
        image: Image {
            digest: IMAGE,
            size: 524_288,
            version: version(2, 3, 4567),
        },
        base: None,
        payload: Payload {
            codec: CodecId::Store,
            params: Vec::new(),
            ram: 0,
            digest: PAYLOAD,
            size: 524_288,
        },
        activation: Activation::OnAuthorization,
        trial: TrialPolicy {
            tries: 3,
            health_deadline_s: 600,
            lease_s: 604_800,
            self_confirm: false,
        },
        evidence_root: None,
        text_digest: None,
    }
}

/// What most bundles are: a delta for a class, neither evidence root nor text.
pub fn manifest_delta() -> Manifest {
    let mut manifest = manifest_full();
    manifest.class_bound = true;
    manifest.security_counter = 8;
    manifest.image.size = 266_240;
    manifest.image.version = version(2, 4, 0);
    manifest.base = Some(BASE.digest.prefix());
    manifest.payload.codec = CodecId::Model;
    manifest.payload.params = Vec::from_slice(&[1, 14]).expect("at most 8");
    manifest.payload.ram = 65_536;
    manifest.payload.size = 20_480;
    manifest
}

/// Execute in place in slot A, and may confirm itself.
pub fn manifest_self_confirm() -> Manifest {
    let mut manifest = manifest_delta();
    manifest.class_bound = false;
    manifest.component = ComponentId(1);
    manifest.slot = SlotChoice::Only(SlotId::A);
    manifest.load_address = 0x0800_8000;
    manifest.security_counter = 300;
    manifest.image.size = 131_072;
    manifest.image.version = version(1, 0, 1);
    manifest.payload.codec = CodecId::BsdiffZstd;
    manifest.payload.params = Vec::new();
    manifest.payload.ram = 262_144;
    manifest.payload.size = 9000;
    manifest.trial = TrialPolicy {
        tries: 5,
        health_deadline_s: 3600,
        lease_s: 1_209_600,
        self_confirm: true,
    };
    manifest
}

/// Arms itself, with the evidence that it then needs.
pub fn manifest_load_and_go() -> Manifest {
    let mut manifest = manifest_delta();
    manifest.class_bound = false;
    manifest.security_counter = 9;
    manifest.image.version = version(2, 4, 1);
    manifest.payload.params = Vec::from_slice(&[1]).expect("at most 8");
    manifest.payload.size = 1200;
    manifest.activation = Activation::LoadAndGo;
    manifest.trial.tries = 2;
    manifest.trial.lease_s = 259_200;
    manifest.evidence_root = Some(EVIDENCE);
    manifest
}

/// The largest that a mission needs: every optional field, a 16 MiB image, a 1 MiB patch with 1 MiB
/// of RAM and all eight parameter bytes, a month of lease.
pub fn manifest_largest() -> Manifest {
    let mut manifest = manifest_delta();
    manifest.component = ComponentId(1);
    manifest.slot = SlotChoice::Only(SlotId::B);
    manifest.load_address = 0x8000_0000;
    manifest.security_counter = 16_383;
    manifest.image.size = 16 << 20;
    manifest.image.version = version(2, 4, 2);
    manifest.payload.params = Vec::from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]).expect("at most 8");
    manifest.payload.ram = 1 << 20;
    manifest.payload.size = 1 << 20;
    manifest.trial = TrialPolicy {
        tries: 255,
        health_deadline_s: 86_400,
        lease_s: 2_592_000,
        self_confirm: false,
    };
    manifest.evidence_root = Some(EVIDENCE);
    manifest.text_digest = Some(TEXT);
    manifest
}

/// The longest that the types allow; no mission needs these figures.
pub fn manifest_longest() -> Manifest {
    let mut manifest = manifest_largest();
    manifest.load_address = u64::MAX;
    manifest.security_counter = u32::MAX;
    manifest.image.size = u32::MAX;
    manifest.payload.ram = u32::MAX;
    manifest.payload.size = u32::MAX;
    manifest.trial.health_deadline_s = u32::MAX;
    manifest.trial.lease_s = u32::MAX;
    manifest
}

pub fn manifests() -> [(&'static str, Manifest); 5] {
    [
        ("full", manifest_full()),
        ("delta", manifest_delta()),
        ("self_confirm", manifest_self_confirm()),
        ("load_and_go", manifest_load_and_go()),
        ("largest", manifest_largest()),
    ]
}

pub fn manifest_context_vehicle() -> ManifestContext {
    ManifestContext {
        target: Target::Vehicle(VEHICLE),
        number: number(0x01_0203),
        base: None,
    }
}

pub fn manifest_context_class() -> ManifestContext {
    ManifestContext {
        target: Target::Class(CLASS),
        number: number(0x01_0203),
        base: Some(BASE),
    }
}

pub fn command_context() -> CommandContext {
    CommandContext {
        vehicle: VEHICLE,
        number: number(0x01_0203),
    }
}

pub fn authorization_context() -> AuthorizationContext {
    AuthorizationContext {
        vehicle: VEHICLE,
        number: number(0x01_0203),
    }
}

pub fn authorizations() -> [(&'static str, Authorization); 2] {
    let open = Authorization {
        bundle: number(0x01_0203),
        image: IMAGE,
        window: None,
        expires_s: None,
        evidence_root: EVIDENCE,
    };
    let window = Authorization {
        window: Some(Window {
            opens_s: 1_900_000_000,
            closes_s: 1_900_086_400,
        }),
        expires_s: Some(1_902_592_000),
        ..open
    };
    [("window", window), ("open", open)]
}

/// One command for each action, named as the variant is.
pub fn commands() -> std::vec::Vec<(&'static str, Command)> {
    let actions = [
        ("Confirm", Action::Confirm { image: IMAGE }),
        (
            "Abort",
            Action::Abort {
                kind: ObjectKind::Bundle,
                number: number(0x01_0203),
            },
        ),
        ("Rollback", Action::Rollback { image: BASE.digest }),
        ("BootGolden", Action::BootGolden),
        ("ReportRequest", Action::ReportRequest),
        (
            "RegionDigest",
            Action::RegionDigest {
                region: Region::Image(Location::Slot(SlotId::B)),
                offset: 4096,
                len: 65_536,
            },
        ),
        ("EpochSwitch", Action::EpochSwitch { epoch: epoch(3) }),
        (
            "Resync",
            Action::Resync {
                epoch: epoch(4),
                next: [0x10, 0x20, 0x30, 0x40].map(number),
            },
        ),
        (
            "MemoryDump",
            Action::MemoryDump {
                region: Region::Record(2),
                offset: 16,
                len: 512,
            },
        ),
        (
            "SetTime",
            Action::SetTime {
                time_s: 1_900_000_000,
            },
        ),
        (
            "Scrub",
            Action::Scrub {
                region: Region::Image(Location::Golden),
            },
        ),
        ("RetireBlock", Action::RetireBlock { address: 0x4_0000 }),
        ("Hold", Action::Hold { held: true }),
    ];
    actions
        .map(|(name, action)| (name, Command { action }))
        .to_vec()
}

/// A vehicle in the middle of a trial that has much to tell.
pub fn report() -> Report {
    let verdict = |n, stage, refusal| Verdict {
        number: number(n),
        stage,
        refusal,
    };
    Report {
        sequence: 0x0102_0304,
        time_s: 1_900_000_000,
        running: RunningCode(Location::Slot(SlotId::B)),
        slots: [
            SlotReport {
                state: SlotState::Confirmed,
                version: version(2, 3, 4567),
                digest: [0x0b; 4],
            },
            SlotReport {
                state: SlotState::Trial,
                version: version(2, 4, 0),
                digest: [0x11; 4],
            },
        ],
        golden: [0x90; 4],
        bundle: verdict(0x01_0203, Stage::Done, Refusal::None),
        symbols_needed: 0x0102,
        authorization: verdict(0x20, Stage::Started, Refusal::Interlock),
        command: verdict(0x30, Stage::Refused, Refusal::NoTrial),
        next: [0x01_0204, 0x21, 0x31, 1].map(number),
        reset_cause: ResetCause::Software,
        resets: 0x0203,
        tries_left: 2,
        environment_left: 15,
        lease_left_h: 167,
        revert_cause: RevertCause::HealthDeadline,
        reverted: number(0x01_0201),
        key_set: 3,
        security_counter: 8,
        hold: Refusal::NotAuthorized,
        frames_refused: 7,
        flags: 0x14,
        state_digest: [0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8],
    }
}

/// What the vehicle says to a region-digest command.
pub fn answer() -> Answer {
    Answer {
        command: number(0x01_0203),
        digest: Digest([0x66; 32]),
    }
}

/// The range that a dump command asks for: two whole parts, and a third one of 22 B.
pub fn dump_range() -> DumpRange {
    DumpRange::new(0x0001_0040, 150).expect("a range")
}

/// Its last part.
pub fn part() -> Part {
    let bytes: std::vec::Vec<u8> = (1..=22).collect();
    Part::new(number(0x01_0203), dump_range(), 2, Some(&bytes)).expect("a part")
}

/// The same, where the flash could not be read.
pub fn unread_part() -> Part {
    Part::new(number(0x01_0203), dump_range(), 2, None).expect("a part")
}
