"""An error as a page."""

from __future__ import annotations

from flask import Response, make_response, redirect, render_template, url_for

from service.accounts.auth import TWO_FACTOR_REQUIRED
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
    """An error in the look of the pages; without a valid session, the login instead, and so with a second factor."""
    if error.status == 401:
        return login_page(error)
    if error.code == TWO_FACTOR_REQUIRED:
        return finish(make_response(redirect(url_for("pages.two_factor"), 303)))
    heading = _HEADINGS.get(error.status, "Something went wrong")
    response = make_response(render_template("pages/error.html", error=error, heading=heading))
    response.status_code = error.status
    return finish(response)
