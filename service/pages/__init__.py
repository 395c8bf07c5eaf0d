"""The web pages: what a studio makes, what it wears and what the farm is doing, read in a browser.

``frame`` has what every page shares; ``home``, ``assets``, ``tasks``, ``publishes`` and ``jobs`` have one page each
with its queries; ``orders`` are made and delivered; ``playlists`` are found and arranged, and in ``review`` they and
single pictures are looked at; by ``guest_links`` a playlist is shared with ``guests``; ``search`` finds all of it;
``comments`` and ``field_values`` stand on what they are about; ``projects`` has the pages of projects, sequences and
shots, which are made by ``making`` and changed and put away by ``changing``, as assets are; ``casting`` chooses what a
shot uses, ``production`` takes spreadsheets, ``custom_fields`` declares fields, ``departments`` who works,
``task_statuses`` what tasks can be and ``task_templates`` sets of them, many of which ``board`` and ``task_lists`` show
and change; ``uploads`` takes CAD files, and ``revisions`` has the buttons that confirm or correct matches; ``webhooks``
and ``people`` are an administrator's; ``project_people`` has team and clients of a project, ``time_spent`` weeks and
totals, ``progress`` how far it is; ``account`` is one's own with its ``two_factor``, and ``sign_in`` gives and ends the
browser's session. All of them change rows by the API's own functions.
"""

from __future__ import annotations

from flask import Flask

from service.pages import (
    account,
    assets,
    board,
    casting,
    changing,
    comments,
    custom_fields,
    departments,
    field_values,
    formats,
    guest_links,
    guests,
    home,
    jobs,
    making,
    notifications,
    orders,
    people,
    playlist_films,
    playlists,
    production,
    progress,
    project_people,
    projects,
    publishes,
    review,
    revisions,
    schedule,
    search,
    sign_in,
    single_sign_on,
    task_lists,
    task_statuses,
    task_templates,
    tasks,
    time_spent,
    two_factor,
    uploads,
    webhooks,
    workflows,
)
from service.pages.errors import error_page
from service.pages.frame import pages

__all__ = ["error_page", "register"]

_VIEWS = (
    *(home, projects, making, changing, casting, production, custom_fields, field_values),
    *(assets, uploads, revisions, tasks, task_lists, board, schedule, progress),
    *(departments, task_statuses, task_templates),
    *(publishes, playlists, playlist_films, guest_links, guests, orders, review, comments, search),
    *(jobs, workflows, notifications, webhooks),
    *(time_spent, people, project_people, account, two_factor, sign_in, single_sign_on),
)
"""Modules whose import declares the routes of ``pages``."""


def register(app: Flask) -> None:
    """Add the pages to the application. Its error handlers show ``error_page`` outside the API."""
    app.register_blueprint(pages)
    app.jinja_env.filters.update(formats.FILTERS)
