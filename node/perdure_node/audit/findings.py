"""What an audit found: all kinds with what they mean and what to do, and those that were found."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from perdure_anchor.audit_report import MAX_EXAMPLES, MAX_TEXT, ReportedFinding

from perdure_node.audit.kinds import Kind, Severity
from perdure_node.audit.kinds_of_people import KINDS_OF_PEOPLE

_BACKUP = "restore the vault from a backup that is whole: `perdure backup verify` finds one, `perdure restore` makes the vault"

_ALL = [
    Kind("database_damaged", Severity.ERROR, "the vault's database is not as SQLite wrote it", _BACKUP),
    Kind(
        "content_unreadable",
        Severity.ERROR,
        "what a record says does not decrypt, or does not give its leaf hash: it was damaged or changed, and cannot be proved",
        _BACKUP,
    ),
    Kind(
        "content_missing",
        Severity.ERROR,
        "what a record says is gone, and nothing says that it was erased",
        _BACKUP,
    ),
    Kind(
        "lookup_damaged",
        Severity.ERROR,
        "the digest by which a record is found is not that of what it says: who has the document finds no record of it",
        _BACKUP,
    ),
    Kind(
        "link_damaged",
        Severity.ERROR,
        "the vault has another record as corrected, or another block as known, than the record itself says",
        _BACKUP,
    ),
    Kind(
        "block_damaged",
        Severity.ERROR,
        "a block that records name as known is not what the vault has of it: evidence of these records would lack it",
        _BACKUP,
    ),
    Kind(
        "trace_unreadable",
        Severity.ERROR,
        "what was noted of a record, by whom and why, does not decrypt: it was damaged or changed",
        _BACKUP,
    ),
    Kind(
        "note_missing", Severity.ERROR, "what was done to a record was noted, and the note is gone", _BACKUP
    ),
    Kind(
        "transaction_damaged",
        Severity.ERROR,
        "a signed transaction has another hash than the vault says: the chain is asked for the wrong one",
        _BACKUP,
    ),
    *KINDS_OF_PEOPLE,
    Kind(
        "key_missing",
        Severity.ERROR,
        "a key of the vault is missing or another one: what it opens cannot be read",
        _BACKUP,
    ),
    Kind(
        "record_not_in_log",
        Severity.ERROR,
        "a record stands at a place of the log whose hash is another one's: one of both was changed",
        _BACKUP,
    ),
    Kind(
        "log_damaged",
        Severity.ERROR,
        "hashes of the log do not give the root that was signed: proofs of the records around fail",
        _BACKUP,
    ),
    Kind(
        "checkpoint_invalid",
        Severity.ERROR,
        "a checkpoint is not signed by a key of the site's, or not what was signed",
        _BACKUP,
    ),
    Kind(
        "anchor_invalid",
        Severity.ERROR,
        "an anchor at home does not verify under the pinned trust file: evidence that goes through it is refused",
        "`perdure verify` of evidence says at which step; a backup may have the anchor whole, or the trust file is the wrong one",
    ),
    Kind(
        "record_missing",
        Severity.ERROR,
        "the log has leaves of which this vault has no record, though it never took over another log: their records were deleted",
        _BACKUP,
    ),
    Kind(
        "record_dropped",
        Severity.ERROR,
        "a record is neither in the log nor waits for its place in it, and nobody withdrew it: it would never be sealed",
        _BACKUP,
    ),
    Kind(
        "hold_differs",
        Severity.ERROR,
        "a record is not held as often as its life says: what nobody may erase is unguarded, or a hold has no reason",
        "hold it anew (`perdure hold`), and find out who changed the vault; `perdure show` tells who held and released it",
    ),
    Kind(
        "record_lost",
        Severity.WARNING,
        "the log has leaves of which this vault has no record: they were lost, or are somebody else's",
        "a backup or another vault may have them: `perdure recover --from VAULT`",
    ),
    Kind(
        "leaf_hash_lost",
        Severity.WARNING,
        "even the hashes of some leaves are lost: records beside them may not be provable",
        "a backup, a gateway or another vault may have them: `perdure recover`",
    ),
    Kind(
        "evidence_lost",
        Severity.WARNING,
        "the registry is said to have checkpoints whose evidence is not at home",
        "`perdure sync` asks for it again, as long as a node still has it",
    ),
    Kind(
        "supersedes_unknown",
        Severity.WARNING,
        "a record corrects one that this vault does not have",
        "see with `perdure show` which one was meant; a later record may say it right",
    ),
    Kind(
        "registry_rival",
        Severity.ERROR,
        "the registry has another log for this site than this vault: somebody else seals for it, or this vault went on from an old copy",
        "find out who has another copy of the vault, or its key; `perdure recover` adopts the registry's log, and seals what is only here anew",
    ),
    Kind(
        "registry_ahead",
        Severity.ERROR,
        "the registry has more records of this site than this vault: it was restored from an old backup, or another copy of it went on",
        "go on with the newer copy; or let this one catch up: `perdure recover`, with --from for what another vault or a backup has",
    ),
    Kind(
        "registry_lacks_anchor",
        Severity.ERROR,
        "the registry does not know a checkpoint whose anchor is at home, or only since later: the chain was replaced, or the node lies",
        "ask another node (--rpc URL), and the consortium",
    ),
    Kind(
        "registry_doubted",
        Severity.WARNING,
        "a node says of the registry what contradicts this vault, and nothing shows it: it errs or lies, or the trust file is too old",
        "ask another node (--rpc URL), or get a newer trust file: `perdure trust`; `perdure recover` compares leaf by leaf",
    ),
    Kind(
        "nodes_disagree",
        Severity.WARNING,
        "nodes that were asked say different things of the registry: one is behind or lies",
        "ask a third (--rpc URL), and take the wrong one out: `perdure config`",
    ),
    Kind(
        "node_elsewhere",
        Severity.WARNING,
        "a node that should know the registry is on another chain, or does not have the contracts that the trust file pins",
        "name the right node: `perdure config rpc_url URL`; a devnet that was made anew needs a new vault",
    ),
    Kind(
        "registry_not_asked",
        Severity.NOTE,
        "no node could be asked, so it is not known whether the registry has another log or other keys than this vault",
        "do it again with a network; --require-registry makes it count, --offline says that it was not meant to be",
    ),
    Kind(
        "site_key_revoked",
        Severity.ERROR,
        "the registry's word is that a key of this site is revoked or compromised",
        "`perdure key show` says which; the partner can register a new one: docs/guide-site.md",
    ),
    Kind(
        "site_key_unknown",
        Severity.WARNING,
        "the key that signs now is none that the registry names for this site",
        "`perdure sync` brings a rotation to the registry; else the partner has to register the key",
    ),
    Kind(
        "site_key_replaced",
        Severity.ERROR,
        "the registry names a key for this site that is none of this vault's: nothing that is sealed here can be anchored",
        "ask the site's partner who has that key, a thief or a newer copy of this vault; `perdure key new` makes another one",
    ),
    Kind(
        "site_key_news",
        Severity.NOTE,
        "the site's keys were changed in the registry since this vault last asked",
        "`perdure sync` learns of it; if nobody here did it, ask the site's partner",
    ),
    Kind(
        "log_closed",
        Severity.WARNING,
        "the site's partner has closed its log in the registry: nothing more is anchored under this name",
        "in the vault of its successor: `perdure recover --successor-of` takes over what is left",
    ),
    Kind(
        "not_compared",
        Severity.WARNING,
        "the vault was restored or rebuilt, and has not been compared with the registry since",
        "`perdure sync`, or a courier, compares it",
    ),
    Kind(
        "document_changed",
        Severity.ERROR,
        "a file has the name of a recorded document, which was not found, and other content",
        "find the document as it was recorded: evidence of it fits no other bytes",
    ),
    Kind(
        "document_missing",
        Severity.WARNING,
        "no file in the given folders is the recorded document",
        "give all folders where documents are kept; without its document a record proves little",
    ),
    Kind(
        "document_unreadable",
        Severity.WARNING,
        "a file could not be read, so nothing is known of it",
        "run the audit as a user who may read it",
    ),
    Kind(
        "document_unrecorded",
        Severity.NOTE,
        "files in the given folders that are in no record",
        "`perdure add FILE` records what should be",
    ),
    Kind(
        "number_missing",
        Severity.ERROR,
        "a number is missing between others of its series: a document may never have been recorded",
        "find the document and record it (`perdure add`), or note why the number was not used",
    ),
    Kind(
        "number_erased",
        Severity.WARNING,
        "numbers are missing between others of their series, no more of them than records were erased: they may have been theirs",
        "see with `perdure list --state erased`, and with what was noted of these numbers elsewhere, whether it is so",
    ),
    Kind(
        "number_double",
        Severity.ERROR,
        "one number stands in several records, of which none supersedes the others",
        "see which is meant, and correct the other: `perdure add --supersedes LEAF_HASH`",
    ),
    Kind(
        "number_unread",
        Severity.NOTE,
        "records that fill the numbered field, in a form that the expression does not match",
        "see whether the expression is right",
    ),
    Kind(
        "operator_one_factor",
        Severity.WARNING,
        "an operator shows who he is by a passphrase alone: whoever learns it can act for him",
        "`perdure operator totp` wants a one-time code beside it; or let him sign with passkeys alone: `perdure operator credential`",
    ),
    Kind(
        "awaiting_confirmation",
        Severity.NOTE,
        "records wait for a second person, and are not sealed before",
        "`perdure confirm RECORD --as NAME`, or `perdure reject`",
    ),
    Kind(
        "policy_not_in_force",
        Severity.ERROR,
        "the site's policy file is not the one that was put in force: what it says is not followed, and nobody may act by it",
        "put the old file back, or let a site keeper put the new one in force: `perdure policy set`",
    ),
    Kind(
        "auditor_unnamed",
        Severity.WARNING,
        "the audit was made with the vault's passphrase, and nobody said who made it, though this site has operators",
        "once the site's policy is in force, let an auditor do it again: `perdure audit --as NAME`",
    ),
    Kind(
        "clock_doubted",
        Severity.WARNING,
        "the clock contradicts a block, an earlier use of the vault or itself",
        "set the clock; times that it gave stay claims, beside which stands the chain's time",
    ),
    Kind(
        "clock_was_wrong",
        Severity.NOTE,
        "the clock could not have been right at some time",
        "nothing is to be done: it is noted, and evidence has the chain's time",
    ),
    Kind(
        "import_unfinished",
        Severity.WARNING,
        "a list was imported in part: its records are not recorded yet",
        "run the same `perdure import` again, or `perdure import --abandon`",
    ),
    Kind(
        "not_sealed",
        Severity.NOTE,
        "records wait to be sealed",
        "`perdure sync` seals and anchors them",
    ),
    Kind(
        "not_anchored",
        Severity.NOTE,
        "sealed records are not anchored, or the proof is not at home",
        "`perdure sync` anchors them and brings the evidence home",
    ),
    Kind(
        "no_recovery_key",
        Severity.WARNING,
        "whoever forgets the passphrase has lost all that the records say",
        "`perdure key recovery` makes a recovery key for paper",
    ),
    Kind(
        "not_backed_up",
        Severity.WARNING,
        "records were added since the last backup, or there is none",
        "`perdure backup DIR`",
    ),
    Kind(
        "devnet",
        Severity.NOTE,
        "the pinned trust file is of a devnet, where one process holds all keys: nothing is proved to anybody",
        "use a consortium's chain for what shall count",
    ),
]
KINDS = {kind.name: kind for kind in _ALL}


@dataclass(slots=True)
class Found:
    """All that was found, counted by kind, with some examples of each."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, example: str | None = None, count: int = 1) -> None:
        """Something of a kind that is in `KINDS`."""
        assert kind in KINDS, kind
        self.counts[kind] = self.counts.get(kind, 0) + count
        kept = self.examples.setdefault(kind, [])
        if example is not None and len(kept) < MAX_EXAMPLES:
            kept.append(example[:MAX_TEXT])

    def add_all(self, found: Iterable[tuple[str, str]]) -> None:
        """Several, each a kind and an example."""
        for kind, example in found:
            self.add(kind, example)

    def reported(self) -> tuple[ReportedFinding, ...]:
        """In the order of `KINDS`, the errors first."""
        order = list(Severity)
        kinds = [kind for kind in KINDS.values() if self.counts.get(kind.name)]
        kinds.sort(key=lambda kind: order.index(kind.severity))
        return tuple(
            ReportedFinding(
                kind.name,
                kind.severity.value,
                self.counts[kind.name],
                kind.meaning,
                kind.remedy,
                tuple(self.examples[kind.name]),
            )
            for kind in kinds
        )
