"""The documents of the tutorial: what lies on the learner's desk, by name. Invented, all of it."""

from typing import Final

from perdure_anchor.hashes import Hash32, sha256

_ADA, _BELA = "Ada Example <ada@acme.example>", "Bela Example <bela@acme.example>"

DOCUMENTS: Final = {
    "contract.txt": (
        "Charter party\n\nAcme Shipping lets the motor vessel Perpetua to Globex Trading for 12000 euro a day.\n"
        "Rotterdam, 4 May 2026. Signed: Ada Example\n"
    ),
    "contract-2.txt": (
        "Charter party, corrected\n\nAcme Shipping lets the motor vessel Perpetua to Globex Trading for 21000 euro a day.\n"
        "Rotterdam, 5 May 2026. Signed: Ada Example\n"
    ),
    "agreement.txt": "Agreement on the settlement of damage to 40 pallets.\nRotterdam, 6 May 2026. Signed: Bela Example\n",
    "order-1.txt": "Order of 300 tonnes of bunker fuel.\nRotterdam, 7 May 2026. Signed: Ada Example\n",
    "order-2.txt": "Order of 900 tonnes of bunker fuel.\nRotterdam, 7 May 2026. Signed: Bela Example\n",
    "permit.txt": "Permit to work in tank 3.\nRotterdam, 2 February 2026. Signed: Ada Example\n",
    "permit-mail.txt": "Mail of 9 May 2026: the permit of February lay in the wrong folder until today.\n",
    "letters/letter-1.txt": "I agree to the treatment that was explained to me.\n",
    "letters/letter-2.txt": "I agree to the treatment, but not to photographs.\n",
    "letters/letter-3.txt": "I do not agree to the treatment.\n",
    "letters/letter-4.txt": "I agree to the treatment, and to photographs.\n",
}

# who signed the letters, and in which ward
_LETTERS = (
    ("letters/letter-1.txt", _ADA, "3 west"),
    ("letters/letter-2.txt", _BELA, "3 east"),
    ("letters/letter-3.txt", _ADA, "4 east"),
    ("letters/letter-4.txt", _BELA, "4 west"),
)
REGISTER: Final = "file,document_type,signer,extra.ward\n" + "".join(
    f"{file},consent,{signer},{ward}\n" for file, signer, ward in _LETTERS
)

POLICY: Final = """\
# Who may do what at this site, and which documents need a second person. `perdure policy template` prints all keys,
# with what each means and risks.

[allowed]
recorder = ["record", "change"]
confirmer = ["confirm"]
site_keeper = ["review", "audit", "erase", "hold", "manage"]

[recording]
# who records says who he is, and signs
recorders_sign = true

# agreements and orders need a second person: a confirmer
[[documents]]
type = "agreement"
confirmed_by = ["confirmer"]

[[documents]]
type = "order"
confirmed_by = ["confirmer"]

# after a month a permit is late: it wants a reason, and a document that supports it
[[documents]]
type = "permit"
confirmed_by = []
late_after_days = 31
late_documents = 1

# the first rule that fits counts, so the last one fits all: one person answers alone
[[documents]]
type = "*"
confirmed_by = []
"""


def text_of(name: str) -> str:
    """What a document of the tutorial says, as it was when it came to the desk."""
    return {**DOCUMENTS, "policy.toml": POLICY, "letters.csv": REGISTER}[name]


def digest_of(name: str) -> Hash32:
    """SHA-256 of a document of the tutorial, whatever became of its file."""
    return Hash32(sha256(text_of(name).encode()))
