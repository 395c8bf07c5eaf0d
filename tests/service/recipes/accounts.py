"""Logins, users and their tokens, tenants and their settings, notifications."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

from service.accounts.permissions import Role
from tests.service.phone import Phone
from tests.service.recipes.registry import ANY, RECIPES, Call, Recipe, recipe, row_recipes
from tests.service.studio import PASSWORD, Api, Json
from tests.service.world import World, unique

row_recipes("/artists/", "user_id", World.user, {"name": "Another"})


@recipe("POST /auth/login")
def _(world: World) -> Call:
    return Call("/auth/login", {"email": world.studio.email(Role.ARTIST), "password": PASSWORD})


@recipe("POST /auth/refresh")
def _(world: World) -> Call:
    login = Api(world.studio.app).post("/auth/login", {"email": world.user()["email"], "password": PASSWORD})
    return Call("/auth/refresh", {"refresh_token": login.data["refresh_token"]})


def _of_a_new_session(path: str, body: Json) -> Recipe:
    def made(world: World) -> Call:
        login = Api(world.studio.app).post("/auth/login", {"email": world.user()["email"], "password": PASSWORD})
        return Call(path, body, {"headers": {"Authorization": f"Bearer {login.data['token']}"}}, alone=True)

    return made


RECIPES["POST /auth/logout"] = _of_a_new_session("/auth/logout", {})
RECIPES["POST /auth/password"] = _of_a_new_session(
    "/auth/password", {"current_password": PASSWORD, "new_password": "battery staple horse"}
)


RECIPES["POST /auth/two-factor"] = _of_a_new_session("/auth/two-factor", {"current_password": PASSWORD})


def _with_two_factor(path: str, *, is_on: bool = True, proved: bool = True) -> Recipe:
    """A call of somebody who has begun to set it up, or has it, with a code that is good."""

    def made(world: World) -> Call:
        login = Api(world.studio.app).post("/auth/login", {"email": world.user()["email"], "password": PASSWORD})
        phone = Phone(Api(world.studio.app, login.data["token"]))
        code = phone.switch_on()[0] if is_on else phone.begin().code()
        body = {"code": code, **({"current_password": PASSWORD} if proved else {})}
        return Call(path, body, {"headers": {"Authorization": f"Bearer {login.data['token']}"}}, alone=True)

    return made


RECIPES["POST /auth/two-factor/confirm"] = _with_two_factor("/auth/two-factor/confirm", is_on=False, proved=False)
RECIPES["POST /auth/two-factor/disable"] = _with_two_factor("/auth/two-factor/disable")
RECIPES["POST /auth/two-factor/recovery-codes"] = _with_two_factor("/auth/two-factor/recovery-codes")


@recipe("DELETE /artists/<uuid:user_id>/two-factor")
def _(world: World) -> Call:
    user = world.user()
    login = Api(world.studio.app).post("/auth/login", {"email": user["email"], "password": PASSWORD})
    Phone(Api(world.studio.app, login.data["token"])).switch_on()
    return Call(f"/artists/{user['id']}/two-factor")


RECIPES["PATCH /auth/me"] = _of_a_new_session("/auth/me", {"name": "Another"})


@recipe("POST /auth/sessions/end-others")
def _(world: World) -> Call:
    account = {"email": world.user()["email"], "password": PASSWORD}
    tokens = [Api(world.studio.app).post("/auth/login", account).data["token"] for _ in range(2)]
    return Call("/auth/sessions/end-others", {}, {"headers": {"Authorization": f"Bearer {tokens[0]}"}}, alone=True)


@recipe("DELETE /auth/sessions/<uuid:session_id>")
def _(world: World) -> Call:
    own = Api(world.studio.app, world.log_in()["token"])
    [current] = [each for each in own.get("/auth/sessions").data["items"] if each["is_current"]]
    return Call(f"/auth/sessions/{current['id']}")


@recipe("POST /auth/forgotten-password")
def _(world: World) -> Call:
    return Call("/auth/forgotten-password", {"email": f"{unique()}@example.com"}, alone=True)


def _code(world: World) -> str:
    link = world.post(f"/artists/{world.user()['id']}/password-link")["url"]
    return str(link.partition("#")[2])


@recipe("POST /auth/password-link")
def _(world: World) -> Call:
    return Call("/auth/password-link", {"code": _code(world)})


@recipe("POST /auth/chosen-password")
def _(world: World) -> Call:
    return Call("/auth/chosen-password", {"code": _code(world), "password": "battery staple horse"})


@recipe("POST /artists/<uuid:user_id>/password-link")
def _(world: World) -> Call:
    return Call(f"/artists/{world.user()['id']}/password-link", {})


@recipe("POST /tokens/")
def _(world: World) -> Call:
    return Call("/tokens/", {"name": "farm"}, alone=True)


@recipe("DELETE /tokens/<uuid:token_id>")
def _(world: World) -> Call:
    return Call(f"/tokens/{world.token()['id']}")


@recipe("POST /artists/")
def _(world: World) -> Call:
    return Call("/artists/", {"name": "Anna", "email": f"{unique()}@example.com"}, alone=True)


@recipe("POST /artists/<uuid:user_id>/reset-password")
def _(world: World) -> Call:
    return Call(f"/artists/{world.user()['id']}/reset-password", {})


# -- tenants


@recipe("POST /tenants/")
def _(world: World) -> Call:
    return Call("/tenants/", {"name": unique(), "admin_email": "boss@example.com"}, alone=True)


def _tenant(path: str, body: Json | None = None) -> Recipe:
    return lambda world: Call(f"/tenants/{world.tenant()['id']}{path}", body, alone=True)


RECIPES["GET /tenants/<uuid:tenant_id>"] = _tenant("")
RECIPES["PATCH /tenants/<uuid:tenant_id>"] = _tenant("", {"title": "Another"})
RECIPES["POST /tenants/<uuid:tenant_id>/archive"] = _tenant("/archive", {})


@recipe("POST /tenants/<uuid:tenant_id>/restore")
def _(world: World) -> Call:
    tenant = world.tenant()
    world.post(f"/tenants/{tenant['id']}/archive")
    return Call(f"/tenants/{tenant['id']}/restore", {}, alone=True)


@recipe("PATCH /settings/")
def _(world: World) -> Call:
    now = world.admin.get("/settings/").data["max_order_size"]
    return Call("/settings/", {"max_order_size": now + 1}, alone=True)


# -- notifications


@recipe("POST /notifications/read")
def _(world: World) -> Call:
    return Call("/notifications/read", {}, alone=True)


@recipe("POST /notifications/<uuid:notification_id>/read")
def _(world: World) -> Call:
    return Call(f"/notifications/{uuid4()}/read", {}, refuses=True)


@recipe("PUT /notifications/preferences")
def _(world: World) -> Call:
    preference = {"channel": "activity", "frequency": "daily"}
    return Call("/notifications/preferences", {"preferences": [preference]}, alone=True)


@recipe("DELETE /notifications/preferences")
def _(world: World) -> Call:
    return Call("/notifications/preferences", alone=True)


# -- teams


@recipe("GET /projects/<uuid:project_id>/team")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/team")


@recipe("PUT /projects/<uuid:project_id>/team")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/team", {"user_ids": [world.user()["id"]]}, ANY)


@recipe("POST /projects/<uuid:project_id>/team")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/team", {"user_ids": [world.user()["id"]]})


@recipe("DELETE /projects/<uuid:project_id>/team/<uuid:user_id>")
def _(world: World) -> Call:
    project, user = world.project(), world.user()
    world.post(f"/projects/{project['id']}/team", {"user_ids": [user["id"]]})
    return Call(f"/projects/{project['id']}/team/{user['id']}")


# -- time spent


def _of_today(world: World) -> Json:
    return {"task_id": world.task()["id"], "day": str(datetime.now(UTC).date()), "minutes": 90}


def _entry(world: World, role: Role = Role.ARTIST) -> Json:
    """What somebody spent on a task."""
    whose = world.studio.api(role).get("/auth/me").data["user"]["id"]
    answer: Json = world.admin.put("/time-entries/", {**_of_today(world), "minutes": 1, "user_id": whose}).data
    return answer


_THIS_YEAR = "first_day=2026-01-01&last_day=2026-12-31"


@recipe("PUT /time-entries/")
def _(world: World) -> Call:
    entry = _entry(world, Role.GLOBAL_ADMIN)
    return Call("/time-entries/", {"task_id": entry["task_id"], "day": entry["day"], "minutes": 2})


@recipe("POST /time-entries/")
def _(world: World) -> Call:
    return Call("/time-entries/", {**_of_today(world), "minutes": 1})


@recipe("GET /time-entries/report")
def _(world: World) -> Call:
    return Call(f"/time-entries/report?{_THIS_YEAR}", alone=True)


@recipe("GET /time-entries/report.csv")
def _(world: World) -> Call:
    return Call(f"/time-entries/report.csv?{_THIS_YEAR}", alone=True)


@recipe("GET /time-entries/<uuid:entry_id>")
def _(world: World) -> Call:
    return Call(f"/time-entries/{_entry(world)['id']}")


@recipe("PATCH /time-entries/<uuid:entry_id>")
def _(world: World) -> Call:
    return Call(f"/time-entries/{_entry(world)['id']}", {"minutes": 30})


@recipe("DELETE /time-entries/<uuid:entry_id>")
def _(world: World) -> Call:
    return Call(f"/time-entries/{_entry(world)['id']}")


@recipe("GET /tasks/<uuid:task_id>/time-spent")
def _(world: World) -> Call:
    return Call(f"/tasks/{world.task()['id']}/time-spent")
