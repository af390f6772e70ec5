"""The review page's side of HTTP: five things to ask for and two to say.

    GET  /                       the page
    GET  /page/NAME              one of its files, by name from a fixed list
    GET  /api/next               the next record for a reviewer, and the progress
    GET  /api/records/NUMBER     one record, with the reviewer's own decision on it
    GET  /api/images/NUMBER      its picture
    POST /api/decision           a decision
    POST /api/undo               take the latest one back

Images are asked for by the number of their record, so a request has no path to lead astray.
Errors are JSON: {"problem", "hint"}.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from segearth.building.review.access import Access, is_own_page
from segearth.building.review.decisions import (
    CRITERIA,
    TEXTS,
    Decision,
    check_name,
    check_whole,
    read_event,
)
from segearth.building.review.pictures import is_shrunk, read_png, shown_masks
from segearth.building.review.session import UNSAID, Review
from segearth.data.manifest import Record
from segearth.errors import DataError

PAGE = {
    "index.html": "text/html",
    "style.css": "text/css",
    "app.js": "text/javascript",
    "api.js": "text/javascript",
    "notices.js": "text/javascript",
    "texts.js": "text/javascript",
    "picture.js": "text/javascript",
    "rle.js": "text/javascript",
}
"""The files of the page and what they are."""

MAX_BODY_BYTES = 32 << 20  # masks of a 4096 px picture, all noise, would be larger still

_HEADERS = {
    # Nothing from elsewhere, no frame around the page, and the token stays out of Referer.
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class ReviewApp:
    """A WSGI application around one review."""

    def __init__(self, review: Review, access: Access, reviewer: str = "") -> None:
        """Take what is shown, who may see it, and the name the page starts with."""
        self._review = review
        self._access = access
        self._reviewer = reviewer
        self._routes = Map(
            [
                Rule("/", endpoint=self._index, methods=["GET"]),
                Rule("/page/<name>", endpoint=self._page, methods=["GET"]),
                Rule("/api/next", endpoint=self._next, methods=["GET"]),
                Rule("/api/records/<int:number>", endpoint=self._record, methods=["GET"]),
                Rule("/api/images/<int:number>", endpoint=self._image, methods=["GET"]),
                Rule("/api/decision", endpoint=self._decide, methods=["POST"]),
                Rule("/api/undo", endpoint=self._undo, methods=["POST"]),
            ]
        )

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        request.max_content_length = MAX_BODY_BYTES
        try:
            self._guard(request)
            endpoint, values = self._routes.bind_to_environ(environ).match()
            response: Response = endpoint(request, **values)
        except HTTPException as error:
            response = _json({"problem": error.description or "", "hint": None}, error.code or 500)
        except DataError as error:
            response = _json({"problem": error.problem, "hint": error.hint}, 422)
        response.headers.extend(_HEADERS)
        return response(environ, start)

    def _guard(self, request: Request) -> None:
        """Refuse who may not ask, before anything is looked up."""
        host = request.headers.get("Host", "")
        if not self._access.is_host(host):
            raise Forbidden("this server has another name: use the link it printed")
        given = request.args.get("token") or request.cookies.get(self._cookie(host))
        if not self._access.is_token(given):
            raise Forbidden("the token is missing or wrong: use the link that was printed")
        if request.method == "POST":
            origin, site = (request.headers.get(name) for name in ("Origin", "Sec-Fetch-Site"))
            if not is_own_page(origin, site, host):
                raise Forbidden("only this page may write")
            if request.mimetype != "application/json":  # what a form of another page cannot send
                raise BadRequest("the body has to be application/json")

    def _cookie(self, host: str) -> str:
        """Name the token's cookie; cookies do not keep servers on several ports apart."""
        return f"segearth-review-{host.rpartition(':')[2]}"

    def _index(self, request: Request) -> Response:
        response = self._page(request, "index.html")
        token = request.args.get("token")
        if self._access.token and token:
            name = self._cookie(request.headers["Host"])
            response.set_cookie(name, token, httponly=True, samesite="Strict")
        return response

    def _page(self, request: Request, name: str) -> Response:
        if name not in PAGE:
            raise NotFound(f"there is no {name}")
        folder = resources.files("segearth.building.review") / "page"
        return Response((folder / name).read_bytes(), mimetype=PAGE[name])

    def _next(self, request: Request) -> Response:
        reviewer = request.args.get("reviewer", self._reviewer)
        after = request.args.get("after", type=int)
        state: dict[str, Any] = {"reviewer": reviewer, "criteria": CRITERIA, "number": None}
        if reviewer:
            state["number"] = self._review.next_number(reviewer, after)
            state |= self._review.progress(reviewer)
        return _json(state)

    def _record(self, request: Request, number: int) -> Response:
        record = self._look_up(number)
        reviewer = request.args.get("reviewer", "")
        check_name(reviewer)
        own = self._review.own_decision(reviewer, number)
        masks, problem = [], None
        try:
            masks = shown_masks(record)
        except DataError as error:  # it can still be rejected
            problem = error.problem
        return _json(
            {
                "number": number,
                "id": record.id,
                "record": self._review.fingerprint_of(number),
                "image": record.image.name,
                "instruction": record.instruction,
                "answer": record.answer,
                "masks": masks,
                "problem": problem,
                "correctable": not problem and not is_shrunk(record),
                "facets": record.facets,
                "gsd_m": record.gsd_m,
                "source": record.source,
                "decision": own.to_row() if own else None,
            }
        )

    def _image(self, request: Request, number: int) -> Response:
        return Response(read_png(self._look_up(number)), mimetype="image/png")

    def _decide(self, request: Request) -> Response:
        body = _body(request)
        shown = body.pop("replaces", UNSAID)
        if shown is not UNSAID and not isinstance(shown, str | None):
            raise BadRequest('"replaces" should be the time of a decision, or null')
        decision = read_event({**body, "at": self._review.stamp()})
        if not isinstance(decision, Decision):
            raise BadRequest("this is no decision")
        at = self._review.decide(decision, replaces=shown)
        return _json({"verdict": decision.verdict, "at": at})

    def _undo(self, request: Request) -> Response:
        reviewer = _body(request).get("reviewer")
        return _json({"number": self._review.undo(reviewer if isinstance(reviewer, str) else "")})

    def _look_up(self, number: int) -> Record:
        if number >= len(self._review.records):
            raise NotFound(f"there is no record {number}")
        return self._review.records[number]


def _body(request: Request) -> dict[str, Any]:
    """Read the JSON object of a request."""
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is no JSON") from error
    if not isinstance(body, dict):
        raise BadRequest("the body is no JSON object")
    for key in TEXTS:
        try:
            check_whole(body, key)
        except DataError as error:
            raise BadRequest(f"{error.problem}: {error.hint}") from error
    return body


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status=status, mimetype="application/json")
