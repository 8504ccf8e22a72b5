"""An operator's key under his own passphrase: one secret, from which come the key that signs and the key that reads.

The file is of the same format as the vault's identity, and in the vault's folder: a backup takes it along.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from perdure_node.clock import Clock, system_clock
from perdure_node.encryption.contents import DataKey
from perdure_node.encryption.hybrid import PrivateKey, PublicKey, unwrap, wrap
from perdure_node.encryption.identity import decrypt_identity
from perdure_node.errors import IdentityUnreadable, VaultDamaged, WrongPassphrase
from perdure_node.keys.data_keys import data_key_info
from perdure_node.keys.keyring import KeyRing, Passphrase
from perdure_node.operators.errors import CodeWanted, NotAllowed
from perdure_node.operators.one_time_codes import check_code, wait_left, wants_codes
from perdure_node.vault import Vault

OPERATORS_FOLDER: Final = "operators"
_SIGNING_INFO: Final = b"perdure operator signing key\nv1"
_IDENTITY_INFO: Final = b"perdure identity\nv1"
_ANEW: Final = (
    "a site keeper removes him and adds him anew: `perdure operator remove`, `perdure operator add`"
)
_LOST: Final = f"try again; if it is forgotten, {_ANEW}"


def operator_key_file(folder: Path, number: int) -> Path:
    """Where an operator's key lies in a vault's folder."""
    return folder / OPERATORS_FOLDER / f"{number}.json"


def signing_key_of(secret: PrivateKey) -> bytes:
    """The secp256k1 private key that comes from an operator's secret (HKDF-SHA256, RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    # that 32 random bytes are no private key happens once in 2^127
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_SIGNING_INFO).derive(secret)


def wrap_identity(identity: PrivateKey, reading_key: PublicKey) -> bytes:
    """The vault's own key, for an operator who keeps the site."""
    return wrap(identity, reading_key, _IDENTITY_INFO)


class OperatorKeyRing(KeyRing):
    """What an operator's passphrase opens: his signature, what the records say, and for a site keeper all that the vault's opens."""

    def __init__(
        self,
        vault: Vault,
        number: int,
        ask: Passphrase,
        code: Callable[[], str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``code`` gives a one-time code where he needs one beside his passphrase; the ``clock`` says whether it is right."""
        super().__init__(vault, ask)
        self._number = number
        self._code, self._clock = code, clock or system_clock()
        self._secret: PrivateKey | None = None

    def secret(self) -> PrivateKey:
        """The operator's own; raises `WrongPassphrase`, `IdentityUnreadable`, `CodeWanted`, or what `check_code` does."""
        if self._secret is None:
            secret = self._decrypted(self._ask())
            self._check_second_factor(secret)
            self._secret = secret
        return self._secret

    def _decrypted(self, passphrase: str) -> PrivateKey:
        """The secret in his file; the vault's recovery key, which a hint for the vault's own passphrase names, does not open it."""
        try:
            return decrypt_identity(operator_key_file(self._folder, self._number), passphrase)
        except WrongPassphrase:
            raise WrongPassphrase("the passphrase does not open this operator's key", hint=_LOST) from None
        except IdentityUnreadable as error:
            raise IdentityUnreadable(
                str(error), hint=f"put the file back from a backup; if there is none, {_ANEW}"
            ) from None

    def _check_second_factor(self, secret: PrivateKey) -> None:
        if not wants_codes(self._database, self._number):
            return
        if self._code is None:
            raise CodeWanted("this passphrase needs a one-time code beside it, and nothing asks for one")
        # nobody is asked for a code that is not taken yet
        waits = wait_left(self._database, self._number, self._clock)
        check_code(self._database, self._number, secret, "" if waits else self._code(), self._clock)

    def signing_key(self) -> bytes:
        """The key that signs what he attests."""
        return signing_key_of(self.secret())

    @property
    def is_unlocked(self) -> bool:
        return self._secret is not None

    def private_key(self) -> PrivateKey:
        """The vault's key, which a site keeper has; raises `NotAllowed` for anybody else."""
        if self._private_key is None:
            row = self._database.row("SELECT wrapped_identity FROM operator WHERE number = ?", self._number)
            if row is None or row[0] is None:
                raise NotAllowed(
                    "this needs the vault's own key, which only a site keeper's passphrase opens",
                    hint="let a site keeper do it, or use the vault's passphrase without --as",
                )
            self._private_key = PrivateKey(unwrap(bytes(row[0]), self.secret(), _IDENTITY_INFO))
        return self._private_key

    def data_key(self, number: int) -> DataKey:
        """A data key of the vault's, wrapped to him."""
        if number not in self._data_keys:
            row = self._database.row(
                "SELECT wrapped FROM wrapped_operator_key WHERE operator = ? AND data_key = ?",
                self._number,
                number,
            )
            if row is None:
                raise VaultDamaged(f"data key {number}: not wrapped to this operator")
            key = unwrap(bytes(row[0]), self.secret(), data_key_info(number))
            self._data_keys[number] = DataKey(number, key)
        return self._data_keys[number]
