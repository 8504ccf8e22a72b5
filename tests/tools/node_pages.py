"""A node's application over a gateway's folder, asked without a network; and what is in a page."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from typing import Any

import httpx
from perdure_node.api.app import create_app
from perdure_node.api.context import NodeContext
from perdure_node.clock import Clock
from perdure_node.gateway.folder import Gateway
from perdure_node.service.endpoints import open_pool
from perdure_node.service.state import new_state
from tools.site_network import counted_bytes

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
VOID = {"meta", "link", "input", "br", "path", "circle"}


@contextmanager
def paged(gateway: Gateway, clock: Clock) -> Iterator[tuple[httpx.Client, NodeContext]]:
    """A client for the gateway's pages as a browser asks for them, and what the handlers share."""
    with opened_context(gateway, clock) as context:
        transport = _InProcess(create_app(context))
        client = httpx.Client(transport=transport, base_url="http://node", headers={"accept": BROWSER})
        with client:
            yield client, context


@contextmanager
def opened_context(gateway: Gateway, clock: Clock) -> Iterator[NodeContext]:
    """What the handlers share, over the gateway's folder and settings."""
    randomness = counted_bytes(b"pages")
    with open_pool(gateway, clock) as pool:
        context = NodeContext(
            gateway.folder, gateway.settings, new_state(clock), clock, randomness, lambda _name: None, pool
        )
        try:
            yield context
        finally:
            context.close()


class _InProcess(httpx.BaseTransport):
    def __init__(self, app: Any) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._answer(request))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = await httpx.ASGITransport(self._app).handle_async_request(request)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


class Page(HTMLParser):
    """A page's elements with their attributes, and the text of each; raises where a tag is not closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]
