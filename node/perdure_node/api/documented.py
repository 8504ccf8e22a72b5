"""The API's documentation (OpenAPI 3.1): what every operation shares, said once."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Query
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from perdure_node.api import evidence_shapes, shapes
from perdure_node.api.problems import MEDIA_TYPE
from perdure_node.api.scopes import OPEN_PATHS
from perdure_node.api.shapes import HASH_PATTERN, Problem

_LABEL: Final = r"^[a-z0-9][a-z0-9-]{0,31}$"
MAX_PAGE: Final = 1000
DEFAULT_PAGE: Final = 100

PartnerName = Annotated[str, Path(pattern=_LABEL, description="The partner's name", examples=["acme"])]
SiteName = Annotated[str, Path(pattern=_LABEL, description="The site's local name", examples=["rotterdam"])]
HashPath = Annotated[
    str, Path(pattern=HASH_PATTERN, description="32 bytes in hexadecimal", examples=["0x" + "3f" * 32])
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most", examples=[DEFAULT_PAGE])]

_EVERYWHERE: Final = {
    HTTPStatus.BAD_REQUEST: "What came is not of its format",
    HTTPStatus.UNAUTHORIZED: "A token is needed",
    HTTPStatus.FORBIDDEN: "The token is for something else, or the site has no say here",
    HTTPStatus.REQUEST_TIMEOUT: "The content came too slowly",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The content is over a limit",
    HTTPStatus.UNPROCESSABLE_ENTITY: "The request is not of the documented form, or shows that what it says is not so",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests from one client; Retry-After says when to come again",
    HTTPStatus.INTERNAL_SERVER_ERROR: "A fault of the node",
    HTTPStatus.SERVICE_UNAVAILABLE: "The node or its chain client is busy or away; Retry-After says when to come again",
    HTTPStatus.INSUFFICIENT_STORAGE: "The node's disk is full: nothing was kept",
}
API_TAGS: Final = {
    "submit": "What sites hand in",
    "sites": "The sites of this node",
    "evidence": "Proofs, and parts of evidence",
    "node": "The node, its chain and its consortium",
    "health": "For supervisors",
    "logs": "Mirrored logs",
}
_ABOUT: Final = """What a consortium partner's node takes in and answers. Nothing that it says has to be believed: evidence is verified under a pinned
trust file, by `perdure verify`."""


def reads(shape: type[BaseModel], more: dict[int, Any] | None = None) -> dict[str, Any]:
    """What a route that answers with JSON of this shape, and an ETag, says of itself. The answer is not put through the class."""
    described = {
        "model": shape,
        "description": "The answer",
        "headers": {
            "ETag": {
                "description": "Names this answer; send it as If-None-Match",
                "schema": {"type": "string"},
            }
        },
    }
    return {
        "response_model": None,
        "responses": {200: described, 304: {"description": "As it was, by If-None-Match"}, **(more or {})},
    }


def not_found(what: str) -> dict[int, Any]:
    """A route's 404."""
    return {404: problem_response(what)}


def problem_response(description: str) -> dict[str, Any]:
    """A response that is a problem."""
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def install_documentation(app: FastAPI, version: str) -> None:
    """Serve the documentation at /openapi.json."""

    def documentation() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _documentation(app, version)
        return app.openapi_schema

    app.openapi = documentation  # type: ignore[method-assign]  # FastAPI's own way to extend it


def _documentation(app: FastAPI, version: str) -> dict[str, Any]:
    made = get_openapi(
        title="Perdure node",
        version=version,
        summary="A consortium partner's node",
        description=_ABOUT,
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    for name, schema in schemas.items():
        # as they were written: FastAPI leaves nulls out of them
        if "examples" in schema:
            shape = getattr(evidence_shapes, name, None) or getattr(shapes, name)
            schema["examples"] = shape.model_config["json_schema_extra"]["examples"]
    made["components"]["securitySchemes"] = {
        "token": {
            "type": "http",
            "scheme": "bearer",
            "description": "`perdure node token new`. Where reading is open, or a proxy asks for certificates, none is needed.",
        }
    }
    made["tags"] = [{"name": name, "description": text} for name, text in API_TAGS.items()]
    made["servers"] = [{"url": "/", "description": "this node"}]
    for path, operations in made["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    return made


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Add the problems that every operation can end with, and that a token may be needed."""
    responses = operation["responses"]
    responses.pop("422", None)
    if path in OPEN_PATHS:
        responses["500"] = problem_response(_EVERYWHERE[HTTPStatus.INTERNAL_SERVER_ERROR])
        return
    for status, description in _EVERYWHERE.items():
        responses.setdefault(str(int(status)), problem_response(description))
    operation["security"] = [{"token": []}, {}]
