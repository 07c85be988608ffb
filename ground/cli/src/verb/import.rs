//! `lightday import`: a bundle that was built and signed in another mission of the class.

use std::path::{Path, PathBuf};

use lightday_station::bundle::Bundle;
use lightday_station::cut::cut;
use lightday_trust::digest::sha256;
use lightday_wire::{ObjectKind, SlotId, Target};
use serde_json::json;

use crate::Global;
use crate::atomic::{self, Access, Pending};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Ledger, ObjectRow};
use crate::mission::Mission;
use crate::mission::artifact::{self, Artifact};
use crate::mission::keys::bad_key;
use crate::mission::recover::{self, Files};
use crate::out;
use crate::verb::{describe, plan};

/// Take over a bundle that was built in another mission of the same class, such as that of the testbed.
///
/// It keeps its bytes, its number and its signatures, which must hold under this mission's key set: what flew on the
/// testbed is what flies here. It must be bound to the class (`lightday build --class`), and its number must be free
/// here; all numbers below it are given up. Nothing else comes along: each vehicle has authorizations and commands of
/// its own.
///
/// Example:
///   lightday import ../testbed/bundles/7.ldb
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The bundle (.ldb), with its signatures beside it.
    file: PathBuf,
    /// Say what would be taken over, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let file = &args.file;
    // Read once: what is checked is what is taken over, whoever writes to the file meanwhile.
    let bytes = atomic::read(file, artifact::MAX_FILE_LEN)?;
    let read = Artifact::parse(&bytes).map_err(|e| artifact::bad_file(file, &e))?;
    let Artifact::Bundle(bundle) = read else {
        return Err(Error::new(Kind::Usage, "not a bundle")
            .file(file)
            .hint("give a .ldb file; documents are for one vehicle and are drafted here"));
    };
    check(&bundle, file, &mission)?;
    let mut ledger = mission.ledger(global)?;
    free(&bundle, file, &ledger)?;
    let path = mission.path(format!("bundles/{}.ldb", bundle.number()));
    atomic::refuse_existing(&path)?;
    if !args.dry_run {
        let of = (&bundle, bytes.as_slice());
        write(&mission, &mut ledger, of, (file, &path), global)?;
    }
    out::result(&format!("{}\n", path.display()))?;
    let artifact = Artifact::Bundle(bundle);
    describe::artifact(&artifact).iter().for_each(out::message);
    if !args.dry_run {
        out::message(format_args!(
            "Next: lightday rehearse {} for the evidence that `lightday authorize {}` takes",
            path.display(),
            artifact.number()
        ));
    }
    Ok(())
}

/// Refuses what this vehicle does not take: one that is bound to another, or lacks signatures.
fn check(bundle: &Bundle, file: &Path, mission: &Mission) -> Result<()> {
    let artifact = Artifact::Bundle(bundle.clone());
    artifact.check_target(file, mission)?;
    if let Target::Vehicle(_) = bundle.context().target {
        return Err(Error::new(Kind::Refused, "is bound to one vehicle")
            .file(file)
            .field("target")
            .hint(
                "build it with --class: then every vehicle of the class takes the identical bytes",
            ));
    }
    fits(bundle, file, mission)?;
    let keys = mission.key_set()?;
    let keys = keys
        .key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))?;
    let mut signed = artifact;
    signed.take_signatures(file, &keys, &artifact::names(mission)?)?;
    signed
        .verify(&keys)
        .map_err(|e| artifact::untrusted(file, &e))
}

/// Refuses what was built for another profile: one number of mission.toml after the other.
fn fits(bundle: &Bundle, file: &Path, mission: &Mission) -> Result<()> {
    let (manifest, profile) = (bundle.manifest(), &mission.profile);
    let (memory, decoder) = (&profile.memory, &profile.decoder);
    let addresses = SlotId::ALL.map(|slot| memory.load_address.of(slot));
    let rules = [
        (
            manifest.component == profile.component,
            "vehicle.component",
            "is for another component",
        ),
        (
            manifest.image.size <= memory.slot_size,
            "memory.slot_size",
            "the image is longer than a slot",
        ),
        (
            addresses.contains(&manifest.load_address),
            "memory.load_address",
            "the image is for another address",
        ),
        (
            decoder.codecs.contains(&manifest.payload.codec),
            "decoder.codecs",
            "no decoder on board reads its payload",
        ),
        (
            manifest.payload.ram <= decoder.ram,
            "decoder.ram",
            "its payload needs more RAM to be decoded",
        ),
        (
            manifest.security_counter <= memory.security_counters,
            "memory.security_counters",
            "its security counter is higher than the floors go",
        ),
    ];
    if let Some((_, field, what)) = rules.iter().find(|(holds, _, _)| !holds) {
        return Err(Error::new(Kind::Refused, what).file(file).field(*field).hint(
            "build it for the profile that both vehicles have: `lightday inspect` shows what it was built for",
        ));
    }
    let (link, bytes) = (mission.config.link_model(), bundle.object_bytes());
    cut(ObjectKind::Bundle, bundle.number(), &bytes, profile, &link)
        .map(|_| ())
        .map_err(|e| plan::uncut(file, &e))
}

/// Refuses a number that means something else here already.
fn free(bundle: &Bundle, file: &Path, ledger: &Ledger) -> Result<()> {
    let (number, next) = (bundle.number(), ledger.next_number(ObjectKind::Bundle)?);
    if number >= next {
        return Ok(());
    }
    let what = format!("bundle {number} was given out here already; the next one is {next}");
    Err(Error::new(Kind::Refused, what)
        .file(file)
        .field("number")
        .hint("build it again where the numbers are higher: a number is signed, and means one thing for ever"))
}

fn write(
    mission: &Mission,
    ledger: &mut Ledger,
    (bundle, bytes): (&Bundle, &[u8]),
    (file, path): (&Path, &Path),
    global: &Global,
) -> Result<()> {
    let number = bundle.number();
    let row = ObjectRow {
        kind: ObjectKind::Bundle,
        number,
        file: mission.relative(path),
        sha256: sha256(bytes).0,
        made_s: global.now_s(),
    };
    let mut signatures = Files::new();
    let from = file.file_name().map(|n| n.to_string_lossy().into_owned());
    for beside in artifact::signature_files(file)? {
        let name = beside.file_name().map(|n| n.to_string_lossy().into_owned());
        let (Some(from), Some(name)) = (&from, name) else {
            continue;
        };
        let signer = name.strip_prefix(from.as_str()).unwrap_or_default();
        let to = mission.path(format!("bundles/{number}.ldb{signer}"));
        signatures.add(mission, &to, atomic::read_text(&beside)?.as_bytes(), false)?;
    }
    let pending = Pending::write(path, bytes, Access::Public)?;
    let base = bundle.context().base.map(|b| b.digest.0);
    let mut what = describe::says(&Artifact::Bundle(bundle.clone()));
    what["file"] = json!(row.file);
    what["sha256"] = json!(lightday_station::keys::to_hex(&row.sha256));
    ledger.step(&global.actor(), "import", |step| {
        step.raise_number(ObjectKind::Bundle, number)?;
        step.expect_number(ObjectKind::Bundle, number)?;
        atomic::refuse_existing(path)?;
        step.add_object(&row, bytes)?;
        step.add_bundle(number, bundle.manifest(), base)?;
        signatures.keep(step)?;
        Ok(((), what))
    })?;
    recover::name_kept(pending, bytes)?;
    signatures.name(ledger)
}
