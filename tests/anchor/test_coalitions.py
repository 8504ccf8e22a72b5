"""How many liars it takes, by the numbers: what the search of test_who_must_have_lied.py finds on small chains, for larger ones too."""

import pytest
from perdure_anchor.coalitions import forgers, rivals, text_of
from perdure_anchor.trust import Epoch
from simulated_chain import Story, tell, with_epoch


def epoch_of(validators: int, client: str = "besu") -> Epoch:
    return with_epoch(tell(Story(validators=validators)).trust, client=client).epochs[0]


@pytest.mark.parametrize(
    ("client", "validators", "forging", "parting"),
    [
        ("besu", 4, "3 of 4", "2 of 4"),
        ("besu", 7, "5 of 7", "3 of 7"),
        ("goquorum", 4, "3 of 4", "1 of 4"),
        ("goquorum", 7, "5 of 7", "1 of 7"),
        ("goquorum", 9, "6 of 9", "none of 9"),
        ("goquorum", 10, "7 of 10", "1 of 10"),
        ("goquorum", 12, "8 of 12", "none of 12"),
    ],
)
def test_how_many_suffice(client: str, validators: int, forging: str, parting: str) -> None:
    epoch = epoch_of(validators, client)
    assert (text_of(forgers(epoch, ())), text_of(rivals(epoch, ()))) == (forging, parting)
