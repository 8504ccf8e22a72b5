"""The words of a report, for readers who meet them for the first time."""

from typing import Final

GLOSSARY: Final = (
    ("anchored", "The registry on the chain has taken the log's checkpoint, and a block holds its word."),
    ("block", "A page of the chain, sealed by validators and naming the block before it by its hash."),
    ("chain", "The common ledger of the consortium's partners, of which each keeps a copy."),
    (
        "checkpoint",
        "Size and root of a site's log at some moment, signed with the site's key. The root is a SHA-256 that depends on all records of the log.",
    ),
    (
        "claim",
        "What the site wrote down and nobody shows: that it is in the record is proved, that it is true is not.",
    ),
    ("disclosed, hidden", "Evidence can show some values of a record and hide others behind their digests."),
    (
        "evidence",
        "A file with all that is needed to show that a record was in a log by a certain time, given a trust file.",
    ),
    (
        "final",
        "A quorum of the validators sealed the block, so that no rival can take its place unless validators lie.",
    ),
    (
        "fingerprint",
        "The SHA-256 of a trust file in sixteen groups of four digits. Two files with the same fingerprint are the same file.",
    ),
    ("log", "A site's list of records, to which records can be added only at the end."),
    (
        "not after, not before",
        "The moments between which the record was made, and who must have lied for them to be wrong.",
    ),
    ("pinned", "Compared with the consortium's fingerprint once, and kept by the one who verifies."),
    ("proposer", "The validator that made a block, and wrote its time into it."),
    (
        "red letters such as \\u{4e2d}",
        "A character, by its number in Unicode, that the fonts of this report cannot draw, or that would move or hide others.",
    ),
    ("recorded", "The values and digests make up a record. Anybody can make such a record at any time."),
    ("registry", "The contract on the chain that takes the checkpoints of the sites."),
    (
        "SHA-256",
        "A number of 64 hexadecimal digits computed from a file. No two files with the same one are known.",
    ),
    ("signed", "The record is in a log whose checkpoint a pinned key of the site signed."),
    ("site", "A place that keeps a log, named partner/name."),
    ("trust file", "Names the chain, the registry, the partners and the validators that one believes."),
    ("validator", "A computer of a partner that seals blocks with its key."),
)
