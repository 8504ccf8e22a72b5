"""The record of an operator's key: how the site's log says whose a credential is (SPEC.md, section 16)."""

from typing import Final

OPERATOR_FORMAT: Final = "perdure-operator/1"
OPERATOR_TYPE: Final = "perdure/operator"
