//! `lightday keygen`: signing keys, link keys, and the key set that the vehicle is launched with.

use std::path::{Path, PathBuf};

use lightday_station::keys::{self, SigningKey, role_name, to_hex};
use lightday_station::keyset::{KeySetFile, NamedKey, Thresholds};
use lightday_trust::KeySet;
use lightday_wire::{Role, canon};

use serde_json::json;

use crate::Global;
use crate::atomic::{self, Access, Pending};
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::Mission;
use crate::mission::keys::{bad_key, entropy, signing_key as read_key};
use crate::mission::recover::Files;
use crate::out;
use crate::verb::{link_keys, preview, successor};

/// Make a signing key, the link keys, or the key set.
///
/// A private key is made on its holder's own machine and stays there (mode 0600). What leaves it is the
/// public half, ROLE-NAME.pub. No key file is ever overwritten.
///
/// Examples:
///   lightday keygen release bob
///   lightday keygen flight dan --out ~/lightday-keys
///   lightday keygen link && mv keys/link.key /media/vault
///   lightday keygen keyset --threshold root=2 --threshold flight=2
///   lightday keygen successor --dry-run
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// A key that changes key sets and link epochs. Example: lightday keygen root ann
    Root(Holder),
    /// A key that signs manifests. Example: lightday keygen release bob
    Release(Holder),
    /// A key that answers for evidence. Example: lightday keygen verification cleo
    Verification(Holder),
    /// A key that answers for the vehicle. Example: lightday keygen flight dan
    Flight(Holder),
    /// The sixteen link keys, which only the ground and the vehicle have. Example: lightday keygen link
    Link(link_keys::Link),
    /// The link key of one epoch alone, from the file of all sixteen: for a machine that sends and hears.
    /// Example: lightday keygen link-epoch 1 --from /media/vault/link.key
    LinkEpoch(link_keys::LinkEpoch),
    /// The key set, from all public keys in keys/. Example: lightday keygen keyset
    Keyset(FirstSet),
    /// The next key set, from the public keys that are in keys/ now, as a document that the root thresholds of
    /// both sets sign. Thresholds stay as they are unless stated. Example: lightday keygen successor
    Successor(NextSet),
    /// Take a successor into use, once a report shows that the vehicle has. Example: lightday keygen adopt 1
    Adopt(Adopt),
}

#[derive(clap::Args)]
struct Adopt {
    /// The number of the key set document.
    number: u32,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
struct Holder {
    /// Who holds the key: letters, digits, - _ .
    name: String,
    /// Where to write it; by default keys/ of the mission.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(clap::Args)]
struct FirstSet {
    #[command(flatten)]
    keyset: Keyset,
    /// Make it anew although one was made before, such as with a key more. Never once anything was sent or
    /// heard: from then on only a successor that root signs takes its place.
    #[arg(long)]
    replace: bool,
}

#[derive(clap::Args)]
struct NextSet {
    /// How many keys of a role must sign, such as flight=3; by default as many as in the set in force.
    #[arg(long, value_name = "ROLE=N", value_parser = threshold)]
    threshold: Vec<(Role, u8)>,
    /// Draft it although fewer keys of a role would have to sign than do now.
    #[arg(long)]
    lower: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Keyset {
    /// How many keys of a role must sign, such as flight=2; one by default.
    #[arg(long, value_name = "ROLE=N", value_parser = threshold)]
    threshold: Vec<(Role, u8)>,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

fn threshold(text: &str) -> std::result::Result<(Role, u8), String> {
    let how = || format!("`{text}`: write ROLE=N, such as flight=2");
    let (role, n) = text.split_once('=').ok_or_else(how)?;
    let role = keys::role_from_name(role).map_err(|e| e.to_string())?;
    let n = n.parse().ok().filter(|n| *n > 0).ok_or_else(how)?;
    Ok((role, n))
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    match &args.what {
        What::Root(holder) => signing_key(Role::Root, holder, global),
        What::Release(holder) => signing_key(Role::Release, holder, global),
        What::Verification(holder) => signing_key(Role::Verification, holder, global),
        What::Flight(holder) => signing_key(Role::Flight, holder, global),
        What::Link(args) => link_keys::make(args, global),
        What::LinkEpoch(args) => link_keys::take(args, global),
        What::Keyset(first) => key_set(&first.keyset, first.replace, global),
        What::Successor(next) => {
            let how = preview::How {
                dry_run: next.dry_run,
                json: next.json,
            };
            successor::draft(&next.threshold, next.lower, how, global)
        }
        What::Adopt(adopt) => successor::adopt(adopt.number, adopt.dry_run, global),
    }
}

fn signing_key(role: Role, holder: &Holder, global: &Global) -> Result<()> {
    let dir = match &holder.out {
        Some(dir) => dir.clone(),
        None => Mission::open(global)
            .map_err(|e| match crate::mission::nowhere(global) {
                true => e.hint(
                    "run it within a mission, or name a directory of your own with --out DIR",
                ),
                false => e,
            })?
            .path("keys"),
    };
    let stem = format!("{}-{}", role_name(role), holder.name);
    let private = dir.join(format!("{stem}.key"));
    let public = dir.join(format!("{stem}.pub"));
    let key = SigningKey::generate(role, &holder.name, *entropy::<32>()?);
    let pem = key.to_pem().map_err(|e| {
        Error::new(Kind::Usage, &e)
            .field("name")
            .hint("use letters, digits, - _ . only")
    })?;
    atomic::sweep(&dir);
    atomic::refuse_existing(&public)?;
    if private.symlink_metadata().is_ok() {
        return public_half(role, holder, &private, &public);
    }
    if !holder.dry_run {
        let text = public_text(&key)?;
        // Both lie aside, synced, before the first takes its name. The public half can be made again of the
        // private one, so that comes first.
        let private = Pending::write(&private, pem.as_bytes(), Access::Private)?;
        let public = Pending::write(&public, text.as_bytes(), Access::Public)?;
        private.create()?;
        public.create()?;
    }
    out::result(&format!("{}\n{}\n", private.display(), public.display()))?;
    out::message("Keep the .key file secret and backed up; hand the .pub file to the mission.");
    out::message(
        "Next: one key for each role, then `lightday keygen link` and `lightday keygen keyset`",
    );
    Ok(())
}

/// Makes the public half of a private key that has lost it, or never got it: the run was cut off.
fn public_half(role: Role, holder: &Holder, private: &Path, public: &Path) -> Result<()> {
    let key = read_key(private)?;
    if key.role() != role || key.name() != holder.name {
        let what = format!("is the key of {} {}", role_name(key.role()), key.name());
        return Err(Error::new(Kind::Refused, what)
            .file(private)
            .hint("give it the name of its role and holder again, ROLE-NAME.key"));
    }
    if !holder.dry_run {
        atomic::create(public, public_text(&key)?.as_bytes(), Access::Public)?;
    }
    out::result(&format!("{}\n", public.display()))?;
    out::message(format_args!(
        "{} was there already and stays as it is; its public half is made of it again.",
        private.display()
    ));
    Ok(())
}

fn public_text(key: &SigningKey) -> Result<String> {
    let named = NamedKey {
        name: key.name().to_owned(),
        role: role_name(key.role()).to_owned(),
        key: to_hex(&key.public()),
    };
    toml::to_string(&named)
        .map_err(|e| Error::new(Kind::Internal, format!("cannot write the public key: {e}")))
}

/// Refuses to make link keys or the key set anew where the vehicle may have the ones before.
pub fn replaceable(what: &str, replace: bool, ledger: &Ledger, path: &Path) -> Result<()> {
    let (what, hint) = if !ledger.sent()?.is_empty() || !ledger.reports()?.is_empty() {
        (
            format!("the {what} of this mission were made before, and are in use"),
            "restore the file from its backup: the vehicle knows no other",
        )
    } else if !replace {
        (
            format!("the {what} of this mission were made before"),
            "restore the file from its backup; if the vehicle does not have it yet, --replace makes a new one",
        )
    } else {
        return Ok(());
    };
    Err(Error::new(Kind::Refused, what).file(path).hint(hint))
}

fn key_set(args: &Keyset, replace: bool, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let text_path = mission.path("keys/keyset.toml");
    let (file, key_set) = assemble(&mission, KeySetFile::new(1), &args.threshold)?;
    let bin_path = mission.path(format!("keys/keyset-{}.bin", key_set.version));
    atomic::refuse_existing(&text_path).map_err(|e| {
        e.hint(
            "the vehicle flies with this key set; only a successor that root signs can replace it",
        )
    })?;
    atomic::refuse_existing(&bin_path)?;
    let mut buffer = [0; canon::MAX_LEN];
    let bytes = canon::encode(&key_set, &mut buffer)
        .map_err(|e| Error::new(Kind::Internal, format!("cannot encode the key set: {e}")))?;
    let mut ledger = mission.ledger(global)?;
    let digest = lightday_trust::digest::sha256(bytes);
    let known = ledger.key_sets()?;
    if known.iter().any(|(_, known)| *known != digest.0) {
        replaceable("keys of the set", replace, &ledger, &text_path)?;
    }
    if !args.dry_run {
        let mut files = Files::new();
        files.add(&mission, &bin_path, bytes, false)?;
        files.add(&mission, &text_path, file.to_toml().as_bytes(), false)?;
        let what = json!({
            "version": key_set.version, "keys": file.keys.len(), "sha256": digest.to_string(),
        });
        ledger.step(&global.actor(), "keygen keyset", |step| {
            step.add_key_set(key_set.version, &digest.0)?;
            files.keep(step)?;
            Ok(((), what))
        })?;
        files.name(&ledger)?;
    }
    out::result(&format!(
        "{}\n{}\n",
        text_path.display(),
        bin_path.display()
    ))?;
    report(&file, &text_path);
    Ok(())
}

/// The key set of all public keys in keys/, with the version of `file` and its thresholds, but for those that are stated.
/// The order is that of the roles, then of the names: the same keys make the same set.
///
/// # Errors
/// The keys make no set, or a role has fewer keys than its threshold.
pub fn assemble(
    mission: &Mission,
    mut file: KeySetFile,
    thresholds: &[(Role, u8)],
) -> Result<(KeySetFile, KeySet)> {
    file.keys = mission
        .public_keys()?
        .into_iter()
        .map(|(_, key)| key)
        .collect();
    let place = |k: &NamedKey| keys::role_from_name(&k.role).map_or(u8::MAX, Role::code);
    file.keys
        .sort_by(|a, b| (place(a), &a.name).cmp(&(place(b), &b.name)));
    for (role, n) in thresholds {
        *of(&mut file.thresholds, *role) = *n;
    }
    let key_set = file.key_set().map_err(|e| {
        bad_key(&mission.path("keys"), &e).hint(
            "make the keys that are missing with `lightday keygen ROLE NAME`, collect the .pub files in keys/, and mind the thresholds",
        )
    })?;
    Ok((file, key_set))
}

fn report(file: &KeySetFile, path: &Path) {
    for role in Role::ALL.iter().copied() {
        let holders: Vec<&str> = file.holders(role).collect();
        let mut thresholds = file.thresholds;
        out::message(format_args!(
            "{:<12} {} of {}: {}",
            role_name(role),
            of(&mut thresholds, role),
            holders.len(),
            holders.join(", ")
        ));
    }
    out::message(format_args!(
        "Next: commit {} and burn the .bin file into the vehicle.",
        path.display()
    ));
}

fn of(thresholds: &mut Thresholds, role: Role) -> &mut u8 {
    match role {
        Role::Root => &mut thresholds.root,
        Role::Release => &mut thresholds.release,
        Role::Verification => &mut thresholds.verification,
        Role::Flight => &mut thresholds.flight,
    }
}
