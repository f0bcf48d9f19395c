"""Limits of a service, and the middleware that enforces those of a request as a whole."""

import asyncio
import hmac
import json
import time
from typing import Any, Awaitable, Callable, Dict, List, MutableMapping, Optional

from pydantic import BaseModel, ConfigDict, Field

from ..errors import Errors
from .metrics import Metrics

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Needs no key, so that load balancers can ask.
OPEN_PATHS = ("/health", "/docs", "/openapi.json")


class Limits(BaseModel):
    """What a service accepts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_body: int = Field(1_000_000, ge=1, description="The largest body, in bytes.")
    max_text: int = Field(20_000, ge=1, description="The longest text, in characters.")
    max_mentions: int = Field(500, ge=1, description="The most mentions of a request.")
    batch_tokens: int = Field(4096, ge=1, description="The most tokens of a batch of requests.")
    max_queue: int = Field(65_536, ge=1, description="The most tokens of requests that wait.")
    max_per_client: int = Field(100, ge=1, description="The most requests of a client at once.")
    timeout: float = Field(30.0, gt=0, description="The longest time of a request, in seconds.")


class BodyTooLargeError(Exception):
    """The body is larger than allowed."""


class RequestGuard:
    """ASGI middleware: counts requests, checks the API key, and reads the whole body before the
    application does, so that neither a large nor a slow one gets there.

    app (App): The application.
    limits (Limits): The limits.
    metrics (Metrics): Where requests are counted.
    api_key (Optional[str]): The key that clients must send. None for no key.
    """

    def __init__(self, app: App, limits: Limits, metrics: Metrics, api_key: Optional[str]) -> None:
        self.app, self.limits, self.metrics, self.api_key = app, limits, metrics, api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, start = 500, time.perf_counter()

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._check(scope, receive, send_counted)
        finally:
            route = scope.get("route")
            path = getattr(route, "path", "other")
            self.metrics.count_request(path, status, time.perf_counter() - start)

    async def _check(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        if not self._has_key(scope["path"], headers):
            await _reply(send, 401, Errors.V063, {"WWW-Authenticate": "Bearer"})
            return
        try:
            body = await asyncio.wait_for(self._read(headers, receive), self.limits.timeout)
        except BodyTooLargeError as err:
            await _reply(send, 413, str(err), {"Connection": "close"})
            return
        except asyncio.TimeoutError:
            message = Errors.V064.format(seconds=self.limits.timeout)
            await _reply(send, 408, message, {"Connection": "close"})
            return
        parts = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_body() -> Message:
            return parts.pop() if parts else await receive()

        await self.app(scope, receive_body, send)

    def _has_key(self, path: str, headers: Dict[bytes, bytes]) -> bool:
        if self.api_key is None or path in OPEN_PATHS:
            return True
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        is_same = hmac.compare_digest(key.strip(), self.api_key.encode("utf8"))
        return scheme.lower() == b"bearer" and is_same

    async def _read(self, headers: Dict[bytes, bytes], receive: Receive) -> bytes:
        """RAISES (BodyTooLargeError): As soon as it is too large."""
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced[:20]) > self.limits.max_body:
            self._refuse(int(announced[:20]))
        parts: List[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            part = message.get("body", b"")
            size, more = size + len(part), message.get("more_body", False)
            if size > self.limits.max_body:
                self._refuse(size)
            parts.append(part)
        return b"".join(parts)

    def _refuse(self, size: int) -> None:
        limit = self.limits.max_body
        raise BodyTooLargeError(
            Errors.V058.format(what="body", found=size, unit="bytes or more", limit=limit)
        )


async def _reply(send: Send, status: int, detail: str, headers: Dict[str, str]) -> None:
    body = json.dumps({"detail": detail, "errors": []}).encode("utf8")
    named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    encoded = [(key.lower().encode(), value.encode()) for key, value in named.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})
