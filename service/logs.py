"""Logs: one JSON object a line, with the request's id; no secrets, because no header and no query is written."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

from flask import Response, g, has_request_context, request

_access = logging.getLogger("raceway.access")
_GUEST_LINK = re.compile(r"^(/+guest/+)[^/]+")


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context() and "request_id" in g:
            line["request_id"] = g.request_id
        line |= getattr(record, "details", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(level: int = logging.INFO) -> None:
    """Write the logs of this process to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for chatty in ("alembic", "rq.worker"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def access_log(response: Response, seconds: float) -> None:
    """One line for an answered request. Paths hold ids only: tokens travel in headers, or in a query not logged; that
    of a guest's link is left out."""
    details = {
        "method": request.method,
        "path": _GUEST_LINK.sub(r"\1-", request.path),
        "status": response.status_code,
        "milliseconds": round(1000 * seconds, 1),
        "user": str(g.identity.user_id) if "identity" in g else None,
    }
    _access.info("request", extra={"details": details})
