"""Checks of an artist's workplace: the pipeline's environment, the service, the token, the shared storage."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path, PureWindowsPath
from urllib.parse import urlsplit
from uuid import UUID

import requests
from requests.utils import get_environ_proxies

from shared import __version__
from shared.client import Client
from shared.context import CONNECTION, NAME_PATTERN, Entity
from shared.doctor.disks import folder_findings, read_only_findings
from shared.doctor.report import Check, Finding, Setup, fault, fine, skipped, warning
from shared.errors import AuthError, InputError, RacewayError
from shared.storage_mark import tenant_of

_SECONDS = 5
_CLOCK_SECONDS = 30
_NO_SERVICE = "no PM_API_URL is set"


def _environment(setup: Setup) -> Iterator[Finding]:
    of_task = ("PM_PROJECT", "PM_ENTITY", "PM_TASK_ID")
    has_task = any(setup.get(name) for name in of_task)
    names = [*CONNECTION, *(["PM_PROJECT"] if has_task else [])]
    present = [name for name in names if setup.get(name)]
    if not present:
        yield skipped("The pipeline's environment: no task is chosen (the launcher sets PM_*).")
        return
    if len(present) < len(names):
        missing = ", ".join(name for name in names if name not in present)
        yield fault(
            "context_missing", f"{missing} not set, while others of PM_* are.", "Start from `raceway launcher`."
        )
    problems = list(_wrong_variables(setup))
    yield from problems
    if problems or len(present) < len(names):
        return
    if not has_task:
        yield fine("The service and the storage are known; no task is chosen: tools of the command line are told one.")
    else:
        task = setup.get("PM_ENTITY") or "no asset or shot"
        yield fine(f"Project {setup.get('PM_PROJECT')}, {task}, artist {setup.get('PM_ARTIST') or 'not named'}")


def _wrong_variables(setup: Setup) -> Iterator[Finding]:
    hint = "Start this program from `raceway launcher`, which sets it."
    if entity := setup.get("PM_ENTITY"):
        try:
            Entity.parse(entity)
        except InputError as error:
            yield fault("context_entity", f"PM_ENTITY: {error.message}", error.hint or hint)
    if task := setup.get("PM_TASK_ID"):
        try:
            UUID(task)
        except ValueError:
            yield fault("context_task", f"PM_TASK_ID is {task!r}, which is no task's id.", hint)
    if (project := setup.get("PM_PROJECT")) and not NAME_PATTERN.fullmatch(project):
        yield fault("context_project", f"PM_PROJECT is {project!r}, which is no project's name.", hint)
    if (python := setup.get("PM_PYTHON")) and not Path(python).is_file():
        yield fault("context_python", f"PM_PYTHON names {python}, which does not exist: CAD cannot be converted.", hint)


def _service(setup: Setup) -> Iterator[Finding]:
    url = setup.get("PM_API_URL")
    if not url:
        yield skipped(f"The service: {_NO_SERVICE}.")
        return
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield fault(
            "service_url", f"PM_API_URL is {url!r}, which is no web address.", "Give it like http://host:8430/api."
        )
        return
    client = Client(url)
    began = time.time()
    try:
        answer = requests.get(f"{client.api_url}/health", timeout=_SECONDS)
        client.health()
        ready = requests.get(f"{client.api_url}/ready", timeout=_SECONDS)
    except requests.RequestException:
        code, hint = (
            "service_unreachable",
            "Is it running (`raceway up`)? Is the host's name right? Is a firewall between?",
        )
        yield fault(code, f"Nothing answers at {url}.", hint)
        return
    except RacewayError as error:
        yield fault("service_foreign", error.message, error.hint)
        return
    yield from _versions(answer)
    yield from _clock(answer, began)
    if ready.status_code != 200:
        problems = ready.json()["error"]
        yield fault("service_not_ready", problems["message"], problems["hint"] or "Run `raceway doctor` where it runs.")


def _versions(answer: requests.Response) -> Iterator[Finding]:
    theirs = answer.json()["data"]["version"]
    if theirs != __version__:
        yield fault(
            "service_version",
            f"The service is Raceway {theirs}, this is {__version__}.",
            "Update the older of the two.",
        )
    else:
        yield fine(f"The service {answer.url.removesuffix('/health')} answers, version {theirs}")


def _clock(answer: requests.Response, began: float) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (KeyError, ValueError):
        return
    apart = theirs - (began + answer.elapsed.total_seconds() / 2)
    if abs(apart) > _CLOCK_SECONDS:
        yield warning(
            "clock",
            f"This machine's clock and the service's are {abs(apart):.0f} s apart: times of publishes mislead.",
            "Let both keep time by NTP (timedatectl set-ntp true).",
        )


def _proxy(setup: Setup) -> Iterator[Finding]:
    url = setup.get("PM_API_URL")
    if not url:
        yield skipped(f"Proxies: {_NO_SERVICE}.")
        return
    proxies = get_environ_proxies(url, no_proxy=None)
    used = proxies.get(urlsplit(url).scheme) or proxies.get("all")
    if used:
        yield warning(
            "proxy",
            f"Requests to {urlsplit(url).hostname} go through the proxy {_without_password(used)}.",
            f"Where the service is in your own network: NO_PROXY={urlsplit(url).hostname}.",
        )
    else:
        yield fine("The service is reached directly")


def _without_password(url: str) -> str:
    return re.sub(r"//[^@/]*@", "//", url)


def _token(setup: Setup) -> Iterator[Finding]:
    if not (setup.get("PM_API_URL") and setup.get("PM_API_TOKEN")):
        yield skipped("The token: PM_API_URL and PM_API_TOKEN are not both set.")
        return
    try:
        me = Client(setup.get("PM_API_URL"), setup.get("PM_API_TOKEN")).me()
    except AuthError as error:
        yield fault("token", f"The token is not accepted: {error.message}", "Log in again in the launcher.")
        return
    except RacewayError as error:
        yield skipped(f"The token: {error.message}")
        return
    if not me["permissions"]:
        yield fault(
            "token_two_factor",
            f"The token opens nothing yet: everybody at {me['tenant']['name']} logs in with a second factor.",
            "Set it up in the browser, at /account/two-factor.",
        )
        return
    yield fine(f"Logged in as {me['user']['name']} ({me['user']['role']}) of {me['tenant']['name']}")
    yield from _same_storage(setup, me["tenant"])


def _same_storage(setup: Setup, tenant: dict[str, str]) -> Iterator[Finding]:
    root = Path(setup.get("PM_ROOT"))
    if not setup.get("PM_ROOT") or not root.is_dir():
        return
    marked = tenant_of(root)
    if marked is None:
        yield fault(
            "root_wrong",
            f"PM_ROOT is {root}, which the service never wrote to: it is not the storage of {tenant['name']}.",
            "Set it to the shared storage as this machine sees it (in the launcher: Settings, Storage).",
        )
    elif marked != tenant["id"]:
        yield fault(
            "root_foreign",
            f"PM_ROOT is {root}, which is the storage of another studio.",
            "Set it to the storage of the studio that you are logged in to.",
        )


def _storage(setup: Setup) -> Iterator[Finding]:
    root = setup.get("PM_ROOT")
    if not root:
        yield skipped("The shared storage: PM_ROOT is not set.")
        return
    if not Path(root).is_absolute():
        windows = PureWindowsPath(root).is_absolute()
        hint = "That is a path of Windows; give the one of this machine." if windows else "Give the whole path."
        yield fault("root_relative", f"PM_ROOT is {root!r}, which is no absolute path here.", hint)
        return
    yield from folder_findings(Path(root), "root", "The shared storage", "PM_ROOT", setup.free_bytes)
    yield from read_only_findings(Path(root), "root", "The shared storage")


CHECKS = [
    Check("workplace", "environment", _environment),
    Check("workplace", "service", _service),
    Check("workplace", "proxy", _proxy),
    Check("workplace", "token", _token),
    Check("workplace", "storage", _storage),
]
