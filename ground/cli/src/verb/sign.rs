//! `lightday sign`: one signer, one key, one detached signature.

use std::path::{Path, PathBuf};

use lightday_station::keys::{SigningKey, role_name};
use lightday_trust::KeySet;
use serde_json::json;

use crate::Global;
use crate::atomic::{self, Access};
use crate::error::{Error, Kind, Result};
use crate::mission::Mission;
use crate::mission::artifact::{
    Artifact, SignatureFile, kind_name, names, signature_files, signature_path, untrusted,
};
use crate::mission::keys::{bad_key, signing_key};
use crate::out;
use crate::verb::describe;

/// Sign a bundle, an authorization, a command or a key set with one key.
///
/// Writes FILE.ROLE-NAME.sig beside FILE and changes nothing else, so that signers never meet: each signs
/// on a machine of their own and hands the .sig file over. Every verb that needs signatures takes all that
/// lie beside the file. Within a mission the key is held against its key set; elsewhere only its role is.
///
/// Example:
///   lightday sign bundles/7.ldb --key ~/lightday-keys/release-bob.key
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The file (.ldb or .ldd).
    file: PathBuf,
    /// The private key.
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    /// Where to write the signature, if not beside the file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say what would be signed, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mut artifact = Artifact::load(&args.file)?;
    let key = signing_key(&args.key)?;
    if !artifact.authority().needs(key.role()) {
        let roles: Vec<&str> = artifact.authority().roles().map(role_name).collect();
        let what = format!(
            "a {} key signs no {}",
            role_name(key.role()),
            kind_name(artifact.kind())
        );
        return Err(Error::new(Kind::Trust, what)
            .file(&args.key)
            .field("role")
            .hint(format!(
                "roles that sign {}: {}",
                args.file.display(),
                roles.join(", ")
            )));
    }
    let out_path = args
        .out
        .clone()
        .unwrap_or_else(|| signature_path(&args.file, &key));
    not_signed_yet(&artifact, &key, args)?;
    atomic::refuse_existing(&out_path)?;
    out::message(format_args!(
        "You sign as {} {}:",
        role_name(key.role()),
        key.name()
    ));
    for line in describe::artifact(&artifact) {
        out::message(format_args!("  {line}"));
    }
    let mission = Mission::open(global)
        .ok()
        .filter(|m| m.path("keys/keyset.toml").is_file());
    if let Some(mission) = &mission {
        for line in describe::changed_thresholds(&artifact, &in_force(mission)?) {
            out::message(format_args!("  {line}"));
        }
    }
    let signature = artifact.sign(&key);
    let text = toml::to_string(&signature)
        .map_err(|e| Error::new(Kind::Internal, format!("cannot write the signature: {e}")))?;
    if let Some(mission) = &mission {
        hold_against_key_set(mission, &artifact, &key, args)?;
    }
    if !args.dry_run {
        atomic::create(&out_path, text.as_bytes(), Access::Public)?;
        if let Some(mission) = &mission {
            remember(mission, &mut artifact, &out_path, global)?;
        }
    }
    out::result(&format!("{}\n", out_path.display()))?;
    if args.dry_run {
        return Ok(());
    }
    match &mission {
        Some(mission) => next(mission, args),
        None => {
            out::message(
                "Next: hand the .sig file over; it belongs beside the file in the mission",
            );
            Ok(())
        }
    }
}

/// The key set in force, of a mission that has one.
fn in_force(mission: &Mission) -> Result<KeySet> {
    let file = mission.key_set()?;
    file.key_set()
        .map_err(|e| bad_key(&mission.path("keys/keyset.toml"), &e))
}

/// Says what is still missing, with all signatures that lie beside the file.
fn next(mission: &Mission, args: &Args) -> Result<()> {
    let key_set = in_force(mission)?;
    // Another's signature that does not hold is for `verify` to say, not for this signer.
    if let Ok((artifact, _)) = Artifact::load_signed(&args.file, &key_set, &names(mission)?) {
        out::message(describe::next_of(&artifact, &args.file, &key_set));
    }
    Ok(())
}

/// Refuses to sign what this key signed already, under whatever file name.
fn not_signed_yet(artifact: &Artifact, key: &SigningKey, args: &Args) -> Result<()> {
    let ours = artifact.sign(key);
    for file in signature_files(&args.file)? {
        let read = atomic::read_text(&file).ok();
        let read = read.and_then(|text| toml::from_str::<SignatureFile>(&text).ok());
        // Signatures are deterministic (RFC 8032): the same key over the same document gives the same bytes.
        if read.is_some_and(|r| r.signature == ours.signature) {
            return Err(Error::new(Kind::Io, "already signed by this key")
                .file(&file)
                .hint("nothing is to be done: the signature is there"));
        }
    }
    Ok(())
}

fn hold_against_key_set(
    mission: &Mission,
    artifact: &Artifact,
    key: &SigningKey,
    args: &Args,
) -> Result<()> {
    artifact.check_target(&args.file, mission)?;
    let key_set = in_force(mission)?;
    let successor = match artifact {
        Artifact::KeySet(draft) => draft.document().keys.as_slice(),
        _ => &[],
    };
    let known = |k: &&lightday_trust::RoleKey| k.key == key.public();
    match key_set.keys.iter().chain(successor).find(known) {
        None => Err(untrusted_key(
            args,
            "the mission's key set does not know this key",
        )),
        Some(found) if found.role != key.role() => {
            let what = format!(
                "the key file says {}, the key set says {}",
                role_name(key.role()),
                role_name(found.role)
            );
            Err(untrusted_key(args, &what).field("role"))
        }
        Some(_) => Ok(()),
    }
}

fn untrusted_key(args: &Args, what: &str) -> Error {
    Error::new(Kind::Trust, what)
        .file(&args.key)
        .hint("sign with a key of keys/keyset.toml; a new key needs a key set that root signs")
}

/// Keeps the signature in the ledger, where there is one.
fn remember(
    mission: &Mission,
    artifact: &mut Artifact,
    path: &Path,
    global: &Global,
) -> Result<()> {
    let key_set = in_force(mission)?;
    let row = artifact.take_signature(path, &key_set, &names(mission)?)?;
    if let Err(error) = artifact.verify(&key_set)
        && !matches!(error, lightday_trust::TrustError::BelowThreshold(_))
    {
        return Err(untrusted(path, &error));
    }
    if !mission.path("ledger.sqlite").is_file() {
        return Ok(());
    }
    let what = json!({ "kind": kind_name(row.kind), "number": row.number.get(), "role": role_name(row.role), "name": row.name });
    mission
        .ledger(global)?
        .step(&global.actor(), "sign", |step| {
            step.add_signature(&row)?;
            Ok(((), what))
        })
}
