"""HTTP connections to one server that knows us by a token or a certificate.

The files are read when the connections are made; the token's again whenever the server denies us, so that a token can be replaced
while we run. A request that was denied has had no effect, and is sent once more if the file has another token by then.
"""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

import httpx
from perdure_anchor.errors import ConfigError

from perdure_contracts.access import EndpointAccess, read_token, tls_context
from perdure_contracts.bounded_http import BoundedTransport, proxy_for
from perdure_contracts.closing import Closing
from perdure_contracts.endpoint import EndpointError, masked

DENIED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
TLS_HINT: Final = (
    "compare the file of authorities with the server's certificate, and see whether it wants one of ours"
)
_NOT_COMPRESSED: Final = {
    # a compressed answer could unfold to any size between two looks at its length
    "accept-encoding": "identity",
}


class ServerConnection(Closing):
    """Connections that are reused; to be closed. ``what`` is the URL's name in messages, ``timeout`` in seconds.

    An exchange is bounded as `BoundedTransport` says, however slowly the server sends or takes its bytes.

    Proxies of the environment are not used for this machine's own addresses. Raises `ConfigError`s of `perdure_contracts.access`
    and `perdure_contracts.endpoint`.
    """

    def __init__(
        self, access: EndpointAccess, *, timeout: float, headers: Mapping[str, str], what: str = "rpc url"
    ) -> None:
        self.endpoint = access.endpoint(what)
        self._token_file = access.token_file
        self._token = None if access.token_file is None else read_token(access.token_file)
        self._tokens = set(filter(None, (self._token,)))
        try:
            # where an empty path would get a slash, what was given is asked for as it is
            self.url = httpx.URL(access.url)
            proxy = None if self.endpoint.is_loopback else proxy_for(self.url)
            self._http = httpx.Client(
                base_url=access.url,
                headers={**headers, **_NOT_COMPRESSED},
                timeout=timeout,
                transport=BoundedTransport(tls_context(access), proxy),
                trust_env=False,
                follow_redirects=False,
            )
        except httpx.InvalidURL as error:
            raise EndpointError(f"{what}: cannot be read", hint="give it as http://HOST:PORT") from error

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def shown(self, text: str) -> str:
        """Text from the server or from a library, without our credentials."""
        return masked(self.endpoint.without_secrets(text), self._tokens)

    @contextmanager
    def stream(self, method: str, url: httpx.URL | str, **options: Any) -> Iterator[httpx.Response]:
        """The answer to a request, its body not yet read; raises what httpx does. ``options`` are httpx's."""
        with self._http.stream(method, url, headers=self._authorization(), **options) as response:
            if response.status_code not in DENIED or not self._has_new_token():
                yield response
                return
        with self._http.stream(method, url, headers=self._authorization(), **options) as response:
            yield response

    def _authorization(self) -> dict[str, str]:
        return {} if self._token is None else {"authorization": f"Bearer {self._token}"}

    def _has_new_token(self) -> bool:
        """Whether the file has another token than the one that was denied."""
        if self._token_file is None:
            return False
        try:
            token = read_token(self._token_file)
        except ConfigError:
            return False  # the file is about to be replaced, or gone: the denial is what there is to tell
        is_new = token != self._token
        self._token = token
        self._tokens.add(token)
        return is_new


def is_tls_failure(error: BaseException) -> bool:
    """Whether certificates, and not the network, are why there is no connection."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError)  # who was cut off
        cause = cause.__cause__ or cause.__context__
    return False
