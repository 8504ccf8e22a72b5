"""The application: its routes, and what happens to errors."""

from importlib.metadata import version

from fastapi import FastAPI

from perdure_node.api.context import NodeContext
from perdure_node.api.health import health
from perdure_node.api.problems import install_problems
from perdure_node.api.reading import reading
from perdure_node.api.submitting import submitting
from perdure_node.pages.routes import install_pages

_ABOUT = """What a consortium partner's node takes in and answers. Nothing that it says has to be believed: evidence is verified under a pinned
trust file, by `perdure verify`."""


def create_app(context: NodeContext) -> FastAPI:
    """The application over a node's folder."""
    # the pages that FastAPI has for its documentation load scripts of third parties
    app = FastAPI(
        title="Perdure node", version=version("perdure"), description=_ABOUT, docs_url=None, redoc_url=None
    )
    install_problems(app)
    app.include_router(submitting(context), prefix="/v1")
    app.include_router(reading(context), prefix="/v1")
    app.include_router(health(context))
    install_pages(app, context)
    return app
