//! Stand-ins for the keys of the mission, so that the twin can be asked about what nobody has signed yet.
//!
//! ```text
//! public key of a holder --SHA-256--> secret of the stand-in    role, place and threshold stay those of the key set
//! what was sent, signed again by the stand-ins of its signers --> a twin that was launched with their key set
//! ```
//! The twin verifies them as the vehicle does the real ones: who has signed is the same, and so are all lengths. The
//! secrets are worth nothing: anybody can compute them, and no vehicle but this twin knows their public keys. Nothing
//! that a stand-in signed is ever written to a file.

use lightday_station::document::Draft;
use lightday_station::keys::{SigningKey, role_name};
use lightday_station::signed::{Drafted, Signed};
use lightday_trust::{Digester, KeySet, RoleKey};

use super::artifact::Artifact;
use super::drafts;
use crate::error::{Error, Kind, Result};
use crate::ledger::SignatureRow;

const DOMAIN: &[u8] = b"lightday stand-in v1";

/// The stand-in of a key.
fn of(key: &RoleKey) -> SigningKey {
    let mut digester = Digester::separated(DOMAIN);
    digester.update(&key.key);
    SigningKey::generate(key.role, role_name(key.role), digester.finish().0)
}

/// The key set in which every key is that of its stand-in.
#[must_use]
pub fn key_set(set: &KeySet) -> KeySet {
    let mut stood = set.clone();
    for key in &mut stood.keys {
        key.key = of(key).public();
    }
    stood
}

/// A document without signatures, in which every key is that of its stand-in.
fn unsigned(artifact: &Artifact) -> Result<Artifact> {
    let draft = match artifact {
        Artifact::KeySet(draft) => {
            let set = key_set(draft.document());
            Draft::new(*draft.context(), set).map(Artifact::KeySet)
        }
        Artifact::Command(draft) => {
            Draft::new(*draft.context(), *draft.document()).map(Artifact::Command)
        }
        Artifact::Authorization(draft) => {
            Draft::new(*draft.context(), *draft.document()).map(Artifact::Authorization)
        }
        // Its file holds no signatures, and it was loaded without those that lie beside it.
        Artifact::Bundle(bundle) => Some(Artifact::Bundle(bundle.clone())),
    };
    draft.ok_or_else(drafts::too_long)
}

/// What was sent, signed by the stand-ins of those who had signed it: `artifact` as its file has it, `signatures`
/// those beside it, `keys` the key set of that day.
///
/// # Errors
/// A signature is of a key that the set does not know: it was never good.
pub fn resigned(
    artifact: &Artifact,
    signatures: &[SignatureRow],
    keys: &KeySet,
) -> Result<Artifact> {
    let mut stood = unsigned(artifact)?;
    let set = key_set(keys);
    for row in signatures {
        let key = RoleKey {
            role: row.role,
            key: row.key,
        };
        add(&mut stood, &set, &of(&key))?;
    }
    Ok(stood)
}

/// A draft, signed by the stand-ins of as many holders as must.
///
/// # Errors
/// [`Kind::Internal`].
pub fn signed(artifact: &Artifact, keys: &KeySet) -> Result<Artifact> {
    let mut stood = unsigned(artifact)?;
    let set = key_set(keys);
    let lacks = |artifact: &Artifact| -> usize { artifact.missing(&set).iter().map(|m| m.1).sum() };
    for key in candidates(artifact, keys) {
        let before = lacks(&stood);
        if before == 0 {
            break;
        }
        let mut more = stood.clone();
        let places = add(&mut more, &set, &of(&key))?;
        // One that signs more than is still asked for would be one too many.
        if before - lacks(&more) == places {
            stood = more;
        }
    }
    Ok(stood)
}

/// Who may sign it; roots of both key sets first, since they count for both.
fn candidates(artifact: &Artifact, keys: &KeySet) -> Vec<RoleKey> {
    let next = match artifact {
        Artifact::KeySet(draft) => draft.document().keys.as_slice(),
        _ => &[],
    };
    let may = |key: &&RoleKey| artifact.authority().needs(key.role);
    let is_in_both = |key: &RoleKey| next.contains(key) && keys.keys.contains(key);
    let mut all: Vec<RoleKey> = Vec::new();
    for key in keys.keys.iter().chain(next).filter(may) {
        if !all.contains(key) {
            all.push(*key);
        }
    }
    all.sort_by_key(|key| !is_in_both(key));
    all
}

/// Adds the signature of a stand-in; how often it counts.
fn add(artifact: &mut Artifact, set: &KeySet, key: &SigningKey) -> Result<usize> {
    fn by<T: Drafted>(signed: &mut Signed<T>, set: &KeySet, key: &SigningKey) -> Result<usize> {
        let signature = key.sign(&signed.signing_message());
        let places = signed.add_signature(set, &signature);
        places.map(|places| places.len()).map_err(|e| {
            Error::new(
                Kind::Internal,
                format!("a stand-in's signature is not taken: {e}"),
            )
        })
    }
    match artifact {
        Artifact::Bundle(bundle) => by(bundle, set, key),
        Artifact::Authorization(draft) => by(draft, set, key),
        Artifact::Command(draft) => by(draft, set, key),
        Artifact::KeySet(draft) => by(draft, set, key),
    }
}
