"""The service as a FastAPI application."""

import asyncio
from contextlib import asynccontextmanager
from typing import Annotated, Any, AsyncIterator, Dict, List, Optional, Sequence

from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException as StarletteHTTPException

from .. import __version__
from ..errors import Errors
from ..types import NIL
from . import schemas
from .batching import QueueFullError, StoppingError, TokenQueue, TooManyRequestsError
from .engine import ANNOTATE, LINK, RETRIEVE, Engine, FoundEntity, Job
from .limits import Limits, RequestGuard
from .metrics import CONTENT_TYPE, Metrics
from .names import NamesFile

DESCRIPTION = """Entity linking by generating names: the components of spacy_genre over HTTP.

Offsets are in characters (Unicode code points), as in Python. JavaScript and Java count UTF-16 code
units, which differ after characters such as emoji."""
PROBLEMS: Dict[int, str] = {
    400: "The body is not JSON",
    401: "The API key is missing or wrong",
    408: "The body came too slowly",
    413: "The body, the text or the list of mentions is too long",
    422: "A value is wrong; `errors` says which one",
    429: "Too many requests of this client",
    501: "The pipeline of this service has no component for this task",
    503: "Too many requests of all clients, or the service is stopping",
    504: "There was no result in time",
}
RETRY = {"Retry-After": "1"}


class Service:
    """What the routes of an application share.

    engine (Engine): Runs jobs.
    names (NamesFile): Changes the title set.
    limits (Limits): The limits.
    """

    def __init__(self, engine: Engine, names: NamesFile, limits: Limits) -> None:
        self.engine, self.names, self.limits, self.metrics = engine, names, limits, Metrics()
        self.queue = TokenQueue(
            engine.run,
            batch_tokens=limits.batch_tokens,
            max_tokens=limits.max_queue,
            max_per_client=limits.max_per_client,
            timeout=limits.timeout,
            on_batch=self.metrics.count_batch,
        )
        self.metrics.watch("waiting_tokens", "Tokens that wait.", lambda: self.queue.n_tokens)
        self.metrics.watch("names", "Names of the title set.", lambda: len(engine.titles))

    async def run(self, job: Job, client: str) -> Any:
        """The result of a job, or the error to reply."""
        self._check_length("text", len(job.text), "characters", self.limits.max_text)
        n_mentions = len(job.mentions or ())
        self._check_length("list of mentions", n_mentions, "items", self.limits.max_mentions)
        try:
            self.engine.check(job)
            n_tokens = self.engine.n_tokens(job)
            return await self.queue.submit(job, n_tokens, client)
        except TooManyRequestsError as err:
            raise HTTPException(429, str(err), headers=RETRY) from err
        except (QueueFullError, StoppingError) as err:
            raise HTTPException(503, str(err), headers=RETRY) from err
        except asyncio.TimeoutError as err:
            raise HTTPException(504, Errors.V061.format(seconds=self.limits.timeout)) from err
        except ValueError as err:
            has_task = job.task in self.engine.components
            raise HTTPException(422 if has_task else 501, str(err)) from err

    def _check_length(self, what: str, found: int, unit: str, limit: int) -> None:
        if found > limit:
            message = Errors.V058.format(what=what, found=found, unit=unit, limit=limit)
            raise HTTPException(413, message)


def make_app(
    engine: Engine,
    names: NamesFile,
    limits: Optional[Limits] = None,
    *,
    api_key: Optional[str] = None,
) -> FastAPI:
    """Make the application.

    engine (Engine): A loaded pipeline. The application runs it in one thread.
    names (NamesFile): The file of the names that are added.
    limits (Optional[Limits]): The limits. None for the defaults.
    api_key (Optional[str]): The key that clients must send as a bearer token. None for no key.
    RETURNS (FastAPI): The application.
    """
    service = Service(engine, names, limits or Limits())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.queue.start()
        yield
        await service.queue.stop()
        names.close()

    app = FastAPI(
        title="spacy_genre",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        redoc_url=None,
        responses={
            status: {"model": schemas.Problem, "description": text}
            for status, text in PROBLEMS.items()
        },
        # For the OpenAPI document only: the guard checks the key before it reads the body.
        dependencies=[Depends(HTTPBearer(auto_error=False))] if api_key is not None else [],
    )
    app.state.service = service
    app.add_middleware(
        RequestGuard, limits=service.limits, metrics=service.metrics, api_key=api_key
    )
    app.add_exception_handler(RequestValidationError, _reply_invalid)
    app.add_exception_handler(StarletteHTTPException, _reply_problem)
    _add_tasks(app, service)
    _add_names(app, service)
    _add_state(app, service)
    return app


def _add_tasks(app: FastAPI, service: Service) -> None:
    @app.post("/link", summary="Link the mentions of a text", tags=["tasks"])
    async def link(body: schemas.LinkRequest, request: Request) -> schemas.EntitiesResponse:
        mentions = body.mentions and tuple((m.start, m.end, m.label) for m in body.mentions)
        job = Job(LINK, body.text, None if body.mentions is None else mentions or ())
        found = await service.run(job, _client(request))
        linked = [_entity(body, entity) for entity in found]
        return schemas.EntitiesResponse(entities=linked)

    @app.post("/annotate", summary="Find and link the mentions of a text", tags=["tasks"])
    async def annotate(body: schemas.TextRequest, request: Request) -> schemas.EntitiesResponse:
        found = await service.run(Job(ANNOTATE, body.text), _client(request))
        linked = [_entity(body, entity) for entity in found]
        kept = [entity for entity in linked if body.threshold is None or entity.kb_id != NIL]
        return schemas.EntitiesResponse(entities=kept)

    @app.post("/retrieve", summary="Retrieve the pages that a text needs", tags=["tasks"])
    async def retrieve(body: schemas.TextRequest, request: Request) -> schemas.PagesResponse:
        found = await service.run(Job(RETRIEVE, body.text), _client(request))
        pages = [page for page in found if page.probability >= (body.threshold or 0)]
        kept = [schemas.RetrievedPage(**page.to_dict()) for page in pages[: body.top_k]]
        return schemas.PagesResponse(pages=kept)


def _add_names(app: FastAPI, service: Service) -> None:
    names, titles = service.names, service.engine.titles

    @app.get("/names", summary="Search names by their beginning", tags=["names"])
    def search(
        prefix: Annotated[str, Query(max_length=1000, examples=["Albert E"])] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 20,
    ) -> schemas.NamesResponse:
        found = titles.view.starting_with(prefix, limit, ignore_case=True)
        return schemas.NamesResponse(total=len(titles), names=found)

    @app.post("/names", summary="Add a name, or aliases to a name", tags=["names"], status_code=201)
    def add(body: schemas.NewName, response: Response) -> schemas.NamesResponse:
        try:
            is_new = names.add(body.name, id=body.id, prior=body.prior, aliases=body.aliases)
        except ValueError as err:
            raise HTTPException(422, str(err)) from err
        except OSError as err:
            raise HTTPException(503, str(err)) from err
        response.status_code = 201 if is_new else 200
        return schemas.NamesResponse(total=len(titles), names=[body.name])

    @app.delete("/names", summary="Remove a name", tags=["names"])
    def remove(
        name: Annotated[str, Query(min_length=1, max_length=1000, examples=["Acme Corporation"])],
    ) -> schemas.NamesResponse:
        try:
            names.remove(name)
        except KeyError as err:
            raise HTTPException(404, err.args[0]) from err
        except OSError as err:
            raise HTTPException(503, str(err)) from err
        return schemas.NamesResponse(total=len(titles), names=[])


def _add_state(app: FastAPI, service: Service) -> None:
    engine, queue = service.engine, service.queue

    @app.get("/health", summary="Whether the service takes requests", tags=["state"])
    async def health(response: Response) -> schemas.Health:
        response.status_code = 503 if queue.is_stopping else 200
        return schemas.Health(
            status="stopping" if queue.is_stopping else "ok",
            version=__version__,
            tasks=list(engine.components),
            finds_entities=engine.finds_entities,
            names=len(engine.titles),
            waiting_tokens=queue.n_tokens,
        )

    @app.get("/metrics", summary="Metrics in the format of Prometheus", tags=["state"])
    async def metrics() -> Response:
        content = await run_in_threadpool(service.metrics.text)
        return Response(content, media_type=CONTENT_TYPE)


def _entity(body: schemas.TextRequest, found: FoundEntity) -> schemas.Entity:
    """An entity of a response, with what it is linked to by the threshold of the request."""
    kb_id = found.kb_id
    if body.threshold is not None:
        best = found.candidates[0] if found.candidates else None
        kb_id = best.kb_id if best and best.probability >= body.threshold else NIL
    return schemas.Entity.of(body.text, found, kb_id, body.top_k)


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


async def _reply_invalid(request: Request, err: Any) -> JSONResponse:
    """Say what was wrong, without the value: it may be large, or not even be valid Unicode."""
    errors: Sequence[Dict[str, Any]] = err.errors()
    details: List[Dict[str, Any]] = [
        {"loc": list(map(_printable, e["loc"])), "msg": _printable(e["msg"])} for e in errors[:20]
    ]
    status = 400 if any(e["type"] == "json_invalid" for e in errors) else 422
    first = details[0] if details else {"loc": [], "msg": "unknown"}
    reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    detail = Errors.V065.format(reason=reason)
    return JSONResponse({"detail": detail, "errors": details}, status)


async def _reply_problem(request: Request, err: Any) -> JSONResponse:
    content = {"detail": _printable(err.detail), "errors": []}
    return JSONResponse(content, err.status_code, headers=err.headers)


def _printable(value: Any) -> Any:
    """A value for JSON: lone surrogates in strings can't be encoded."""
    if not isinstance(value, str):
        return value
    return value[:500].encode("utf8", "backslashreplace").decode("utf8")
