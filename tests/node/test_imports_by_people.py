"""Lists that somebody signs: what changes among the people while a long one is taken holds for the rows that are left."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from node.test_confirming import person, signing
from perdure_node.imports import importing
from perdure_node.operators.adopting import adopt_policy
from perdure_node.operators.confirming import count_awaiting
from perdure_node.operators.errors import NotAllowed
from perdure_node.operators.membership import remove_operator
from perdure_node.operators.people import Operator, operator_named
from perdure_node.operators.policy import policy_template
from perdure_node.operators.roles import Role
from perdure_node.vault import Vault
from tools.site_desk import import_file
from tools.site_network import STOPPED

NOBODY = b'[[documents]]\ntype = "*"\n'


def policy(vault: Vault, raw: bytes) -> None:
    adopt_policy(vault, raw, clock=STOPPED, randomness=os.urandom)


def meanwhile(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Do something once, after the rows' work has begun."""
    made, left = importing.recorder_of, [do]

    def recorder_of(*given: Any, **named: Any) -> Any:
        recorder = made(*given, **named)
        if left:
            left.pop()()
        return recorder

    monkeypatch.setattr(importing, "recorder_of", recorder_of)


def take(vault: Vault, path: Path, who: Operator) -> int:
    return import_file(vault, path, who=signing(vault, who)).added


def test_who_is_removed_while_his_list_is_taken_records_none_of_it(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = person(vault, "Ada", Role.RECORDER)
    path = tmp_path / "list.jsonl"
    path.write_text(f'{{"document_sha256":"{"ab" * 32}"}}\n')
    before = vault.database.number("SELECT count(*) FROM record")
    meanwhile(monkeypatch, lambda: remove_operator(vault, ada, clock=STOPPED, randomness=os.urandom))
    with pytest.raises(NotAllowed, match="removed"):
        take(vault, path, ada)
    # the record that he was removed, and no other
    assert vault.database.number("SELECT count(*) FROM record") == before + 1


def test_a_list_is_taken_by_the_policy_that_is_in_force(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(vault, NOBODY)
    ada = person(vault, "Ada", Role.RECORDER)
    path = tmp_path / "list.jsonl"
    path.write_text(f'{{"document_sha256":"{"ab" * 32}"}}\n')
    meanwhile(monkeypatch, lambda: policy(vault, policy_template()))
    with pytest.raises(NotAllowed, match="policy was changed"):
        take(vault, path, ada)
    # once more it goes on, and waits for a second person
    assert take(vault, path, operator_named(vault.database, "Ada")) == 1
    assert count_awaiting(vault.database) == 1
