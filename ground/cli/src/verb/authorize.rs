//! `lightday authorize`: the document by which verification and flight arm an image.

use std::path::PathBuf;

use lightday_station::document::Draft;
use lightday_wire::{
    Authorization, AuthorizationContext, Digest, MAX_ENVELOPE_LEN, ObjectKind, ObjectNumber, Window,
};
use serde_json::json;

use crate::Global;
use crate::error::{Error, Kind, Result};
use crate::ledger::Ledger;
use crate::mission::artifact::Artifact;
use crate::mission::{Mission, drafts, evidence};
use crate::time::parse_instant;
use crate::verb::{build, describe, preview};
use crate::{out, time};

/// Draft the authorization to arm a bundle's image.
///
/// It binds vehicle, bundle, image, activation window, expiry and the root of the evidence, and still
/// needs the signatures of verification and flight. It travels apart from the bundle.
///
/// Examples:
///   lightday authorize 7 --evidence evidence/7.json
///   lightday authorize 7 --evidence evidence/7.json --evidence review.pdf \
///       --opens 2026-12-10T00:00:00Z --closes 2026-12-12T00:00:00Z
#[derive(clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The bundle's number.
    bundle: u32,
    /// A file that shows that the image is good; may be given several times.
    #[arg(long, value_name = "FILE", required_unless_present = "evidence_root")]
    evidence: Vec<PathBuf>,
    /// The root of the evidence, if it is kept elsewhere: 64 hexadecimal digits.
    #[arg(long, value_name = "DIGEST", value_parser = build::digest, conflicts_with = "evidence")]
    evidence_root: Option<Digest>,
    /// Not to be activated before this instant of onboard time.
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant, requires = "closes")]
    opens: Option<u64>,
    /// Not to be activated after this instant of onboard time.
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant, requires = "opens")]
    closes: Option<u64>,
    /// The instant at which the authorization lapses.
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    expires: Option<u64>,
    /// Say what would be drafted, write nothing and take no number.
    #[arg(long)]
    dry_run: bool,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub fn run(args: &Args, global: &Global) -> Result<()> {
    let mission = Mission::open(global)?;
    let mut ledger = mission.ledger(global)?;
    let number = ledger.free_number(ObjectKind::Authorization)?;
    let bundle = ObjectNumber::new(args.bundle);
    let known = match bundle {
        Some(bundle) => ledger.bundle(bundle)?,
        None => None,
    };
    let (Some(bundle), Some(known)) = (bundle, known) else {
        return Err(Error::new(
            Kind::Usage,
            format!("the ledger knows no bundle {}", args.bundle),
        )
        .hint("build it first: `lightday build`; `lightday status` lists the bundles"));
    };
    let (root, files) = match args.evidence_root {
        Some(root) => (root, Vec::new()),
        None => {
            let digests = args.evidence.iter().map(|f| evidence::digest(f));
            let digests = digests.collect::<Result<Vec<Digest>>>()?;
            (evidence::root(digests.clone()), digests)
        }
    };
    let window = args
        .opens
        .zip(args.closes)
        .map(|(opens_s, closes_s)| Window { opens_s, closes_s });
    check(args, window, &mission, global)?;
    if mission.config.policy.require_rehearsal && !rehearsed(&ledger, args.bundle, &files)? {
        return Err(refused("policy.require_rehearsal", "no rehearsal of this bundle is among the evidence")
            .hint(format!("fly it: `lightday rehearse bundles/{bundle}.ldb`, then give its evidence file with --evidence")));
    }
    warn_second(&ledger, args.bundle)?;
    let context = AuthorizationContext {
        vehicle: mission.profile.vehicle,
        number,
    };
    let authorization = Authorization {
        bundle,
        image: Digest(known.image),
        window,
        expires_s: args.expires,
        evidence_root: root,
    };
    let draft = Draft::new(context, authorization).ok_or_else(drafts::too_long)?;
    let hint = "ask for fewer signatures of verification and flight in the key set (`lightday keygen successor`), or leave out --expires, or --opens and --closes";
    drafts::check_len(&draft, MAX_ENVELOPE_LEN, &mission, hint)?;
    let bytes = draft.to_bytes();
    let artifact = Artifact::Authorization(draft);
    let mut says = describe::says(&artifact);
    says["evidence"] = json!(files.iter().map(ToString::to_string).collect::<Vec<_>>());
    let draft = drafts::Draft {
        kind: ObjectKind::Authorization,
        number,
        bytes,
        says,
    };
    if !args.dry_run {
        draft.write(&mission, &mut ledger, "authorize", global)?;
    }
    let how = preview::How {
        dry_run: args.dry_run,
        json: args.json,
    };
    let file = draft.path(&mission);
    preview::show(&artifact, &file, (&mission, &ledger, global), how)
}

/// Tells if the bundle has an authorization already: the vehicle takes the later one.
fn warn_second(ledger: &Ledger, bundle: u32) -> Result<()> {
    let of_this = |what: &str| -> Option<u64> {
        let what: serde_json::Value = serde_json::from_str(what).ok()?;
        (what.get("arms_bundle")?.as_u64()? == u64::from(bundle))
            .then(|| what.get("number")?.as_u64())?
    };
    let decisions = ledger.decisions()?;
    let mut earlier = decisions.iter().filter(|d| d.verb == "authorize");
    if let Some(number) = earlier.find_map(|d| of_this(&d.what)) {
        out::message(format_args!(
            "warning: bundle {bundle} has authorization {number} already; abort that one if this is to replace it"
        ));
    }
    Ok(())
}

fn refused(field: &str, what: &str) -> Error {
    Error::new(Kind::Refused, what).field(field)
}

fn check(args: &Args, window: Option<Window>, mission: &Mission, global: &Global) -> Result<()> {
    let now_s = global.now_s();
    let heard_s = now_s.saturating_add(mission.light_time().at(now_s));
    if let Some(w) = window {
        if w.opens_s >= w.closes_s {
            return Err(
                Error::new(Kind::Usage, "the window closes before it opens").field("closes")
            );
        }
        if w.closes_s <= heard_s {
            let heard = time::show_instant(heard_s);
            return Err(refused(
                "closes",
                "the window is over before the vehicle can hear of it",
            )
            .hint(format!(
                "sent now, it arrives at {heard}; choose a later window"
            )));
        }
    } else if mission.config.policy.require_window {
        return Err(refused(
            "policy.require_window",
            "every authorization needs an activation window",
        )
        .hint("give --opens and --closes"));
    }
    if args.expires.is_some_and(|s| s <= heard_s) {
        return Err(refused(
            "expires",
            "the authorization lapses before the vehicle can hear of it",
        )
        .hint("choose a later instant"));
    }
    Ok(())
}

/// Whether the ledger knows a rehearsal of the bundle whose evidence is among these files.
fn rehearsed(ledger: &Ledger, bundle: u32, files: &[Digest]) -> Result<bool> {
    let files: Vec<String> = files.iter().map(ToString::to_string).collect();
    let is_rehearsal = |what: &str| -> Option<bool> {
        let what: serde_json::Value = serde_json::from_str(what).ok()?;
        let evidence = what.get("evidence")?.as_str()?;
        Some(
            what.get("bundle")?.as_u64()? == u64::from(bundle)
                && files.iter().any(|f| f == evidence),
        )
    };
    let decisions = ledger.decisions()?;
    let mut rehearsals = decisions.iter().filter(|d| d.verb == "rehearse");
    Ok(rehearsals.any(|d| is_rehearsal(&d.what) == Some(true)))
}
