"""Projects and what is below them; scenes and media."""

from __future__ import annotations

import hashlib

from service.accounts.permissions import Role
from tests.service.recipes.registry import ANY, TITLE, Call, recipe, row_recipes
from tests.service.world import PNG, World, unique, upload

row_recipes("/projects/", "project_id", World.project, TITLE)
row_recipes("/sequences/", "sequence_id", World.sequence, TITLE)
row_recipes("/shots/", "shot_id", World.shot, TITLE)
row_recipes("/assets/", "asset_id", World.asset, TITLE)
row_recipes("/tasks/", "task_id", World.task, {"status": "done"})
row_recipes("/custom-fields/", "field_id", World.custom_field, {"title": "Focal length"})
row_recipes("/departments/", "department_id", World.department, {"label": "Grooming"})
row_recipes("/task-statuses/", "status_id", World.task_status, TITLE)
_SHADING = [{"name": "shading", "department": "look"}]
row_recipes("/task-templates/", "template_id", World.task_template, {"tasks": _SHADING})
row_recipes("/comments/", "comment_id", World.comment, {"text": "better"})
row_recipes("/scenes/", "scene_id", World.scene, {"comment": "better"})
row_recipes("/media/assets/", "media_id", World.medium, {"category_key": "press"})


@recipe("POST /projects/")
def _(world: World) -> Call:
    return Call("/projects/", {"name": unique()}, alone=True)


@recipe("GET /projects/<uuid:project_id>/clients")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/clients")


@recipe("PUT /projects/<uuid:project_id>/clients")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/clients", {"user_ids": [world.client()["id"]]}, ANY)


@recipe("GET /projects/<uuid:project_id>/progress")
def _progress(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/progress")


@recipe("GET /projects/<uuid:project_id>/sheet")
def _(world: World) -> Call:
    return Call(f"/projects/{world.project()['id']}/sheet")


@recipe("POST /projects/<uuid:project_id>/sheet")
def _(world: World) -> Call:
    options = upload(b"asset,task\ngear,model\n")
    return Call(f"/projects/{world.project()['id']}/sheet", options={**options, "content_type": "text/csv"})


@recipe("POST /sequences/")
def _(world: World) -> Call:
    return Call("/sequences/", {"project_id": world.project()["id"], "name": unique()})


@recipe("POST /shots/")
def _(world: World) -> Call:
    return Call("/shots/", {"sequence_id": world.sequence()["id"], "name": unique()})


@recipe("POST /assets/")
def _(world: World) -> Call:
    return Call("/assets/", {"project_id": world.project()["id"], "name": unique()})


@recipe("GET /shots/<uuid:shot_id>/casting")
def _(world: World) -> Call:
    return Call(f"/shots/{world.cast()[0]['id']}/casting")


@recipe("PUT /shots/<uuid:shot_id>/casting")
def _(world: World) -> Call:
    shot, asset = world.cast()
    return Call(f"/shots/{shot['id']}/casting", {"assets": [{"asset_id": asset["id"], "count": 3}]}, ANY)


@recipe("GET /assets/<uuid:asset_id>/cast-in")
def _(world: World) -> Call:
    return Call(f"/assets/{world.cast()[1]['id']}/cast-in")


@recipe("POST /tasks/")
def _(world: World) -> Call:
    body = {"target_type": "asset", "target_id": world.asset()["id"], "name": unique(), "department": "look"}
    return Call("/tasks/", {**body, "assignee_id": world.user()["id"]})


@recipe("POST /tasks/change")
def _(world: World) -> Call:
    body = {"tasks": [{"id": world.task()["id"]}], "changes": {"status": "review"}}
    return Call("/tasks/change", body)


@recipe("POST /departments/")
def _(world: World) -> Call:
    return Call("/departments/", {"name": unique(), "arc": "payload", "below": "model"}, alone=True)


@recipe("POST /task-statuses/")
def _(world: World) -> Call:
    return Call("/task-statuses/", {"name": unique(), "kind": "review", "color": "#336699"}, alone=True)


@recipe("POST /task-statuses/<uuid:status_id>/replace")
def _(world: World) -> Call:
    status = world.task_status()
    assert world.admin.patch(f"/tasks/{world.task()['id']}", {"status": status["name"]}).status == 200
    return Call(f"/task-statuses/{status['id']}/replace", {"by": "todo"})


@recipe("POST /task-templates/")
def _(world: World) -> Call:
    tasks = [{"name": "light", "department": "lighting", "status": "todo"}]
    body = {"name": unique(), "target_type": "shot", "project_id": world.project()["id"], "tasks": tasks}
    return Call("/task-templates/", body)


@recipe("POST /task-templates/<uuid:template_id>/apply")
def _(world: World) -> Call:
    return Call(f"/task-templates/{world.task_template()['id']}/apply", {"target_ids": [world.asset()["id"]]})


@recipe("POST /comments/")
def _(world: World) -> Call:
    body = {"target_type": "publish", "target_id": world.publish()["id"], "text": "Sharper."}
    return Call("/comments/", {**body, "attachments": [world.medium()["id"]]})


@recipe("POST /custom-fields/")
def _(world: World) -> Call:
    body = {"target_type": "shot", "name": unique(), "type": "number"}
    return Call("/custom-fields/", {**body, "project_id": world.project()["id"]})


@recipe("POST /custom-fields/<uuid:field_id>/rename-choice")
def _(world: World) -> Call:
    return Call(f"/custom-fields/{world.custom_field()['id']}/rename-choice", {"choice": "low", "to": "easy"})


# -- scenes and media


@recipe("POST /scenes/reserve")
def _(world: World) -> Call:
    body = {"task_id": world.task()["id"], "name": "shop", "software": "x", "suffix": ".blend"}
    return Call("/scenes/reserve", body)


@recipe("POST /scenes/<uuid:scene_id>/commit")
def _(world: World) -> Call:
    scene, content = world.scene(), "a scene"
    world.studio.write(scene["path"], content)
    body = {"sha256": hashlib.sha256(content.encode()).hexdigest(), "size": len(content)}
    return Call(f"/scenes/{scene['id']}/commit", body)


@recipe("POST /media/assets")
def _(world: World) -> Call:
    return Call("/media/assets", options=upload(PNG, filename="gear.png", asset=world.asset()["name"]))


@recipe("GET /media/assets/<uuid:media_id>/poster")
def _(world: World) -> Call:
    return Call(f"/media/assets/{world.film()['id']}/poster")


@recipe("GET /media/assets/<uuid:media_id>/file")
def _(world: World) -> Call:
    return Call(f"/media/assets/{world.medium()['id']}/file")


@recipe("GET /tasks/<uuid:task_id>/watchers")
def _(world: World) -> Call:
    return Call(f"/tasks/{world.task()['id']}/watchers")


@recipe("POST /tasks/<uuid:task_id>/watch")
def _(world: World) -> Call:
    return Call(f"/tasks/{world.task()['id']}/watch", {})


@recipe("POST /tasks/<uuid:task_id>/unwatch")
def _(world: World) -> Call:
    path = f"/tasks/{world.task()['id']}"
    world.studio.api(Role.GLOBAL_ADMIN).post(f"{path}/watch")
    return Call(f"{path}/unwatch", {})
