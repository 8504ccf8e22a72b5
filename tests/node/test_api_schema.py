"""The API's documentation: complete, current, with examples that fit; and what is answered to made-up questions fits it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from perdure_node.api.app import create_app
from perdure_node.api.documented import API_TAGS
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tools.api_desk import ApiDesk, api_desk, leaf, make_site, place_all

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "openapi.json"
EXAMPLES = min(200, int(os.environ.get("PERDURE_TORTURE", "6")))
# what a made-up question cannot get to: nobody runs a chain here, so what asks it is a problem for later
AWAY = 503
CHECKS = (
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiDesk]:
    with api_desk(tmp_path_factory.mktemp("schema") / "node") as opened:
        make_site(opened.context.gateway(), "acme/rotterdam", 2, 300)
        place_all(opened.database)
        yield opened


@pytest.fixture(scope="module")
def documented(desk: ApiDesk) -> dict[str, Any]:
    return create_app(desk.context).openapi()


@pytest.mark.parametrize(
    "mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=lambda mode: mode.value
)
def test_made_up_questions_are_answered_as_documented(desk: ApiDesk, mode: GenerationMode) -> None:
    asked = 0
    with desk.client() as client:
        for operation in schemathesis.openapi.from_url(
            f"{client.base_url}/openapi.json"
        ).get_all_operations():
            asked += ask(operation.ok(), mode)
    assert asked > EXAMPLES


def ask(operation: Any, mode: GenerationMode) -> int:
    """Ask an operation made-up questions, and check the answers; how many there were."""
    answered = [0]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def fits(case: schemathesis.Case) -> None:
        response = case.call()
        answered[0] += 1
        checks = [*CHECKS, *([] if response.status_code == AWAY else [not_a_server_error])]
        case.validate_response(response, checks=checks)

    try:
        fits()
    except Unsatisfiable:
        # nothing of it can be wrong
        assert mode is GenerationMode.NEGATIVE
    return answered[0]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_committed_document_is_current(documented: dict[str, Any]) -> None:
    want = json.dumps(documented, indent=1, ensure_ascii=False) + "\n"
    assert DOCUMENT.read_text("utf-8") == want, "write it anew: PYTHONPATH=tests python -m tools.api_document"


def test_every_operation_says_what_it_does_and_can_fail(documented: dict[str, Any]) -> None:
    for path, method, operation in operations(documented):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert set(operation["tags"]) <= set(API_TAGS), where
        for parameter in operation.get("parameters", ()):
            assert parameter["description"], where
            assert "example" in parameter or parameter["schema"].get("examples"), (where, parameter["name"])
        problems = [
            status
            for status, each in operation["responses"].items()
            if "application/problem+json" in each.get("content", {})
        ]
        assert "500" in problems, where
        if path.startswith("/v1/"):
            assert {"400", "401", "403", "413", "422", "429", "503"} <= set(problems), where


def test_every_shape_has_an_example_that_fits(documented: dict[str, Any]) -> None:
    shapes = documented["components"]["schemas"]
    shown = 0
    for name, shape in shapes.items():
        for example in shape.get("examples", ()):
            whole = {**shape, "components": documented["components"]}
            Draft202012Validator(whole).validate(example)
            shown += 1
        assert shape.get("examples") or name not in answers_of(documented), name
    assert shown >= 10


def answers_of(document: dict[str, Any]) -> set[str]:
    """The names of the shapes that operations answer with, but for lists, which are pages of others."""
    found = set()
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                found.add(content["schema"].get("$ref", "").rpartition("/")[2])
    return found - {"SitesBody", "AnchorsBody", ""}


def test_the_guide_names_every_route(documented: dict[str, Any]) -> None:
    guide = (ROOT / "docs" / "api.md").read_text("utf-8")
    for path, method, _ in operations(documented):
        assert f"`{method.upper()} {path}`" in guide, f"{method} {path}"


def test_answers_fit_their_shapes(desk: ApiDesk, documented: dict[str, Any]) -> None:
    with desk.client() as client:
        digest = client.get("/v1/sites/acme/rotterdam/anchors").json()["anchors"][0]["digest"]
        for path, concrete in (
            ("/v1/status", "/v1/status"),
            ("/v1/consortium", "/v1/consortium"),
            ("/v1/sites", "/v1/sites"),
            ("/v1/sites/{partner}/{name}", "/v1/sites/acme/rotterdam"),
            ("/v1/sites/{partner}/{name}/standing", "/v1/sites/acme/rotterdam/standing?size=2"),
            ("/v1/sites/{partner}/{name}/anchors", "/v1/sites/acme/rotterdam/anchors"),
            ("/v1/anchors/{digest}", f"/v1/anchors/{digest}"),
            ("/v1/proofs/{leaf_hash}", f"/v1/proofs/{leaf('acme/rotterdam', 1).hex()}"),
            ("/health", "/health"),
        ):
            answer = client.get(concrete)
            assert answer.status_code == 200
            content = documented["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
            whole = {**content["schema"], "components": documented["components"]}
            Draft202012Validator(whole).validate(answer.json())
