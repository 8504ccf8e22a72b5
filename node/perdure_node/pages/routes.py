"""The pages' routes: the node's status, a site, and the auditor's page."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import HTMLResponse, Response
from perdure_anchor.checkpoint import OriginError, parse_origin
from perdure_anchor.errors import PerdureError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from perdure_node.api.context import NodeContext
from perdure_node.pages.assets import assets
from perdure_node.pages.describing import described
from perdure_node.pages.judging import GRADES, Answer, Judgement, judge
from perdure_node.pages.multipart import VERIFY_PATH, Form, FormTooLarge, read_form
from perdure_node.pages.rendering import page
from perdure_node.pages.views import node_facts, site_view, status_view

# two labels of 32, and the slash
_LONGEST_ORIGIN = 65
_RIVALS_HEADLINES = {
    Answer.YES: "Yes: two histories are proved",
    Answer.NO: "No: two histories are not proved",
    Answer.UNKNOWN: "Could not find out",
}
_HEADLINES = {
    Answer.YES: "Yes: the evidence holds",
    Answer.NO: "No: the evidence does not hold",
    Answer.UNKNOWN: "Could not find out",
}


def install_pages(app: FastAPI, context: NodeContext) -> None:
    """Mount the pages; who may read them is decided before all routes (`perdure_node.api.guard`)."""
    app.include_router(assets())
    app.include_router(pages(context))


def pages(context: NodeContext) -> APIRouter:
    """The pages' routes; they are for people, so not in the API's description."""
    router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @router.get("/")
    def status(after: Annotated[str, Query(max_length=_LONGEST_ORIGIN)] = "") -> Response:
        return page("status.html", view=status_view(context, after))

    @router.get("/sites/{partner}/{name}")
    def site(partner: str, name: str) -> Response:
        try:
            origin = parse_origin(f"{partner}/{name}")
        except OriginError:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is no site of such a name") from None
        view = site_view(context, origin)
        return page("site.html", view=view, description=described(view))

    @router.get(VERIFY_PATH)
    def form() -> Response:
        return _form_page(context)

    # the one handler in the event loop: the body is taken as it comes, and never stored
    @router.post(VERIFY_PATH)
    async def answer(request: Request) -> Response:
        try:
            sent = await read_form(
                request.headers.get("content-type", ""),
                request.stream(),
                context.settings.limits.document_bytes,
            )
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        except PerdureError as error:
            return await run_in_threadpool(_form_page, context, error)
        return await run_in_threadpool(_answer_page, context, sent)

    return router


def _answer_page(context: NodeContext, form: Form) -> Response:
    try:
        judgement = judge(form, context.gateway().trust)
    except PerdureError as error:
        return _form_page(context, error)
    return page("answer.html", **_answer_values(context, form, judgement))


def _answer_values(context: NodeContext, form: Form, judgement: Judgement) -> dict[str, Any]:
    return {
        "facts": node_facts(context),
        "form": form,
        "judgement": judgement,
        "headline": (_RIVALS_HEADLINES if judgement.is_rivals else _HEADLINES)[judgement.answer],
    }


def _form_page(context: NodeContext, error: PerdureError | None = None) -> Response:
    status = HTTPStatus.OK
    if error is not None:
        is_large = isinstance(error, FormTooLarge)
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if is_large else HTTPStatus.BAD_REQUEST
    return page(
        "verify.html",
        status=status,
        facts=node_facts(context),
        error=error,
        grades=tuple(GRADES),
        document_bytes=context.settings.limits.document_bytes,
    )
