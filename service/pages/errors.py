"""An error as a page."""

from __future__ import annotations

from flask import Response, make_response, render_template

from service.pages.frame import finish
from service.pages.sign_in import login_page
from shared.errors import RacewayError

_HEADINGS = {
    400: "This request makes no sense",
    403: "You may not see this",
    404: "There is nothing here",
    405: "This address does not work that way",
    503: "Not available just now",
}


def error_page(error: RacewayError) -> Response:
    """An error in the look of the pages; without a valid session, the login instead."""
    if error.status == 401:
        return login_page(error)
    heading = _HEADINGS.get(error.status, "Something went wrong")
    response = make_response(render_template("pages/error.html", error=error, heading=heading))
    response.status_code = error.status
    return finish(response)
