"""The vault's config.toml: what is refused, and that changing one key leaves everything else as it is."""

import tomllib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from perdure_anchor.checkpoint import Origin
from perdure_anchor.record import SLOTS
from perdure_node.config import (
    SETTINGS,
    VaultConfig,
    change_config,
    encode_config,
    parse_config,
    toml_value,
    written_keys,
)
from perdure_node.errors import SettingsError

ORIGIN = Origin("acme", "rotterdam")
SHORT = b"origin = 'acme/rotterdam'\nrpc_url = 'http://127.0.0.1:8545'\n"
PRINTABLE = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)
CONFIGS = st.builds(
    VaultConfig,
    st.just(ORIGIN),
    st.just("https://user:secret@node.example/key"),
    st.lists(st.sampled_from(("http://127.0.0.1:1", "https://b.example/key")), unique=True).map(tuple),
    st.one_of(st.none(), PRINTABLE.filter(bool)),
    st.one_of(st.integers(0, 86400).map(float), st.floats(0, 86400)),
    st.lists(st.sampled_from(("all", *SLOTS[:5])), unique=True).map(tuple),
    st.lists(st.sampled_from(SLOTS[5:]), unique=True).map(tuple),
)


@given(CONFIGS)
def test_settings_survive_their_file(config: VaultConfig) -> None:
    raw = encode_config(config)
    assert parse_config(raw) == config
    assert written_keys(raw) == set(SETTINGS)


def test_each_key_stands_there_with_what_it_means() -> None:
    lines = encode_config(VaultConfig(ORIGIN, "http://x")).decode().splitlines()
    for key, setting in SETTINGS.items():
        (number,) = [number for number, line in enumerate(lines) if line.startswith(f"{key} = ")]
        assert lines[number - 1] == f"# {setting.about}"


def test_an_old_file_has_the_defaults() -> None:
    assert parse_config(SHORT) == VaultConfig(ORIGIN, "http://127.0.0.1:8545")
    assert written_keys(SHORT) == {"origin", "rpc_url"}


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("wiat = 3", "unknown key 'wiat'", "did you mean wait?"),
        ("zzz = 3", "unknown key 'zzz'", "known are origin"),
        ("[wait]\nx = 1", "wait: want seconds", None),
        ("wait = -1", "wait: want seconds", None),
        ("wait = nan", "wait: want seconds", None),
        ("wait = inf", "wait: want seconds", None),
        ("wait = true", "wait: want seconds", None),
        ("wait = 1" + "0" * 400, "wait: want seconds", None),
        ("hide = 'signers'", "hide: want a list of slots", None),
        ("hide = ['singers']", "hide: got 'singers', want slots", "did you mean signers?"),
        ("hide = [3]", "hide: got '3', want slots", "known are"),
        ("hide = ['all']", "hide: got 'all', want slots", "known are"),
        ("hide = ['signers']\ndisclose = ['signers']", "signers: is to be disclosed and hidden", "take it"),
        ("recorded_by = '''a\nb'''", "recorded_by: has a control character", None),
    ],
)
def test_what_is_refused(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_config(SHORT + text.encode())
    assert f"config.toml: {message}" in str(caught.value)
    assert (caught.value.hint or "").startswith(hint or "")


@pytest.mark.parametrize("missing", ["origin", "rpc_url"])
def test_what_has_to_be_there(missing: str) -> None:
    lines = [line for line in SHORT.decode().splitlines() if not line.startswith(missing)]
    with pytest.raises(SettingsError, match=f"{missing}: is missing"):
        parse_config("\n".join(lines).encode())


CHANGES = st.sampled_from(
    [
        ("wait", "7"), ("wait", "0.5"), ("recorded_by", "# Ada \"A\" \\"), ("recorded_by", ""), ("hide", "signers"),
        ("hide", ""), ("disclose", "all, extra"), ("rpc_url", "https://u:p@node.example/k?a=b#c"),
    ]
)  # fmt: skip
STATEMENTS = st.lists(
    st.sampled_from(
        [
            'recorded_by = "# no = comment" # but this is', "wait = 5\t# wait = 6", "'hide' = [ # [\n  'late', # ]\n]",
            'disclose = ["extra"]', "# wait = 1", "", "   ", 'hide = []', 'recorded_by = """Ada"""',
        ]
    ),
    max_size=6,
)  # fmt: skip


def sound(text: str) -> VaultConfig | None:
    try:
        return parse_config(text.encode())
    except SettingsError:
        return None


@given(STATEMENTS, CHANGES, st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_changing_one_key_leaves_the_rest(
    statements: list[str], change: tuple[str, str], newline: str, ended: bool
) -> None:
    text = newline.join([*SHORT.decode().splitlines(), *statements]) + newline * ended
    before = sound(text)
    assume(before is not None)
    key, value = change
    raw = change_config(text.encode(), key, value)
    after = parse_config(raw)
    assert {each for each in SETTINGS if getattr(before, each) != getattr(after, each)} <= {key}
    assert toml_value(after, key) == tomllib.loads(raw.decode())[key]
    comments = [line for line in text.split(newline) if line.startswith("#")]
    kept = ["# but this is"] if "# but this is" in text else []
    assert all(comment in raw.decode() for comment in comments + kept)
    assert change_config(raw, key, value) == raw


def test_a_changed_line_keeps_its_comment_and_its_place() -> None:
    raw = SHORT + b"wait = 5  # as the office wishes\nrecorded_by = 'Ada'\n"
    assert change_config(raw, "wait", "9") == raw.replace(b"= 5", b"= 9")


def test_a_new_key_comes_with_what_it_means() -> None:
    assert change_config(SHORT, "wait", "9").decode().endswith(f"\n\n# {SETTINGS['wait'].about}\nwait = 9\n")


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("origin", "acme/antwerp", "origin: cannot be changed"),
        ("wiat", "3", "unknown key 'wiat'"),
        ("wait", "soon", "wait: want seconds"),
        ("rpc_url", "localhost:8545", "rpc_url: rpc url: want the scheme"),
        ("recorded_by", "a\x1b", "has a control character"),
        ("hide", "document_sha265", "hide: got 'document_sha265'"),
    ],
)
def test_what_cannot_be_set(key: str, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        change_config(SHORT, key, text)


def test_a_file_that_is_nested_too_deeply() -> None:
    with pytest.raises(SettingsError, match="nested too deeply"):
        parse_config(SHORT + b"a = " + b"[" * 100_000)
