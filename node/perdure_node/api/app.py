"""The application: its routes, and what stands around all of them."""

from importlib.metadata import version

from fastapi import FastAPI

from perdure_node.api.about import about
from perdure_node.api.anchors import anchors
from perdure_node.api.context import NodeContext
from perdure_node.api.documented import install_documentation
from perdure_node.api.frame import Frame
from perdure_node.api.guard import Guard
from perdure_node.api.health import health
from perdure_node.api.logs import logs
from perdure_node.api.metrics import install_metrics
from perdure_node.api.problems import install_problems
from perdure_node.api.proofs import QuickProofs, proofs
from perdure_node.api.sites import sites
from perdure_node.api.submitting import submitting
from perdure_node.pages.failures import ErrorPages
from perdure_node.pages.routes import install_pages


def create_app(context: NodeContext) -> FastAPI:
    """The application over a node's folder."""
    # the pages that FastAPI has for its documentation load scripts of third parties
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    install_problems(app)
    for routes in (submitting, about, sites, anchors, proofs, logs):
        app.include_router(routes(context), prefix="/v1")
    app.include_router(health(context))
    install_pages(app, context)
    install_documentation(app, version("perdure"))
    listen = context.settings.listen
    over_tls = bool(listen.certificate) or listen.public_url.startswith("https://")
    # the last one is the outermost
    app.add_middleware(QuickProofs, context=context)
    app.add_middleware(Guard, context=context)
    app.add_middleware(ErrorPages)
    app.add_middleware(Frame, over_tls=over_tls, randomness=context.randomness)
    install_metrics(app, context)
    return app
