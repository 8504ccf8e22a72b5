"""The vault's encryption: what is readable with which key.

    passphrase ─ Argon2id ─▶ identity.json ─▶ identity's private key ┐
    recovery key, on paper ────────────────▶ recovery private key    ┴ HPKE ▶ data keys ─ AES-GCM ▶ slots and seeds
                                                                            ▶ signing keys

Recording needs public keys only; reading needs a private one. Nothing here is of our own invention: HPKE (RFC 9180), X25519
(RFC 7748), AES-256-GCM (NIST SP 800-38D), Argon2id (RFC 9106) and HMAC-SHA-256 (RFC 2104), all by `cryptography` and Python.
What a thief of the disk learns all the same is said in SECURITY.md. `cryptography` is imported where it is used: `verify` and
`status` do without.
"""
