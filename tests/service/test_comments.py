"""Comments: said about tasks and publishes, told to whom they concern, and shown to those alone who may read them."""

from __future__ import annotations

import io

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from service.accounts.permissions import Role
from service.database import tenant_session
from service.models import Comment, User
from service.review.comments import mentioned
from service.tasks import notifier
from tests.service.page import Page
from tests.service.studio import Api, Json, Production, StudioUnderTest, make_studio
from tests.service.world import PNG, World

pytestmark = pytest.mark.usefixtures("few_tenants", "quiet_queue")


@pytest.fixture
def production(studio: StudioUnderTest) -> Production:
    return studio.production()


@pytest.fixture
def client(studio: StudioUnderTest, production: Production) -> Api:
    """The tenant's client, who sees the project of ``production``."""
    return studio.let_client_in(production.project["id"], clients_see="all")


def id_of(api: Api) -> str:
    return str(api.get("/auth/me").data["user"]["id"])


def on(**target: str) -> Json:
    """Which task or publish a new comment is about: ``on(task=ID)``."""
    [(target_type, target_id)] = target.items()
    return {"target_type": target_type, "target_id": target_id}


def say(api: Api, text: str, about: Json, **more: object) -> Json:
    said = api.post("/comments/", {**about, "text": text, **more})
    assert said.status == 201, said.body
    answer: Json = said.data
    return answer


def texts(api: Api, **query: str) -> list[str]:
    return [each["text"] for each in api.get("/comments/", query_string=query).data["items"]]


def told(app: Flask, api: Api) -> list[tuple[str, str]]:
    """Kind and title of what somebody is told, the newest first."""
    with app.app_context():
        notifier.tell(app)
    items = api.get("/notifications/", query_string={"channel": "notification"}).data["items"]
    return [(item["kind"], item["title"]) for item in items]


def person(studio: StudioUnderTest, name: str, email: str, role: Role = Role.ARTIST) -> str:
    body = {"name": name, "email": email, "role": role}
    return str(studio.admin.post("/artists/", body).data["id"])


# -- what is said


def test_comments_are_found_by_what_they_are_about_and_by_who_said_them(
    studio: StudioUnderTest, production: Production
) -> None:
    task, publish = production.task["id"], studio.publish(production)["id"]
    first = say(studio.artist, "  Started with the teeth.\n", on(task=task))
    assert (first["text"], first["target_type"], first["author"]) == ("Started with the teeth.", "task", "artist")
    assert (first["target_id"], first["mentions"], first["attachments"]) == (task, [], [])
    say(studio.admin, "Sharper, please.", on(task=task))
    say(studio.admin, "That is it.", on(publish=publish))
    assert texts(studio.artist) == ["That is it.", "Sharper, please.", "Started with the teeth."]
    assert texts(studio.artist, task_id=task, sort="created_at") == ["Started with the teeth.", "Sharper, please."]
    assert texts(studio.artist, publish_id=publish) == ["That is it."]
    for author in (id_of(studio.artist), "me"):
        assert texts(studio.artist, author=author) == ["Started with the teeth."]
    assert texts(studio.artist, q="sharp") == ["Sharper, please."]
    assert texts(studio.artist, sort="author,-created_at")[0] == "Started with the teeth."
    studio.admin.post(f"/tasks/{task}/archive")
    assert texts(studio.artist) == ["That is it."], "what is put away takes its comments with it"
    assert len(texts(studio.artist, archived="1")) == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"target_type": "task", "text": " \n"}, "body"),
        ({"target_type": "publish", "text": "A status.", "status": "done"}, "body"),
        ({"target_type": "task", "text": "x" * 10_001}, "text"),
        ({"target_type": "asset", "text": "An asset."}, "target_type"),
        ({"target_type": "task", "text": "For clients.", "for_client": True}, "for_client"),
    ],
)
def test_a_comment_that_says_nothing_or_too_much_is_refused(
    studio: StudioUnderTest, production: Production, body: Json, field: str
) -> None:
    ids = {"task": production.task["id"], "publish": studio.publish(production)["id"]}
    target_id = ids.get(body["target_type"], production.asset["id"])
    refused = studio.artist.post("/comments/", {**body, "target_id": target_id})
    assert (refused.status, list(refused.error["fields"])) == (422, [field])
    assert texts(studio.artist) == []


def test_a_comment_is_about_one_thing_in_the_database_too(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    with app.app_context(), pytest.raises(IntegrityError), tenant_session(studio.tenant_id) as session:
        author = session.query(User).first()
        assert author is not None
        session.add(Comment(author_id=author.id, text="About nothing."))
        session.flush()


def test_only_its_author_and_managers_change_a_comment(studio: StudioUnderTest, production: Production) -> None:
    comment = say(studio.artist, "Teh teeth.", on(task=production.task["id"]))
    path = f"/comments/{comment['id']}"
    other = studio.admin.post("/artists/", {"name": "Other", "email": "o@x.example", "password": "battery staple"}).data
    login = {"email": other["email"], "password": "battery staple", "tenant": studio.name}
    stranger = Api(studio.app, Api(studio.app).post("/auth/login", login).data["token"])
    for change in (lambda: stranger.patch(path, {"text": "Mine."}), lambda: stranger.post(f"{path}/archive")):
        refused = change()
        assert (refused.status, refused.error["code"]) == (403, "auth.forbidden")
    changed = studio.artist.patch(path, {"text": "The teeth."}).data
    assert (changed["text"], changed["revision"], changed["author"]) == ("The teeth.", 2, "artist")
    managed = studio.api(Role.PROJECT_MANAGER).patch(path, {"text": "The teeth!"}).data
    assert (managed["text"], managed["author"]) == ("The teeth!", "artist")
    stale = studio.artist.patch(path, {"text": "No."}, headers={"If-Match": '"2"'})
    assert (stale.status, stale.error["code"]) == (412, "conflict.stale")
    assert studio.artist.patch(path, {"text": ""}).status == 422
    archived = studio.artist.post(f"{path}/archive").data
    assert archived["archived_at"] and texts(studio.artist) == []
    assert stranger.post(f"{path}/restore").status == 403
    assert studio.artist.post(f"{path}/restore").status == 200 and texts(studio.artist) == ["The teeth!"]
    log = studio.admin.get("/audit/", query_string={"row_id": comment["id"], "sort": "created_at"}).data["items"]
    assert [each["action"] for each in log] == ["create", "change", "change", "archive", "restore"]
    assert (log[1]["before"]["text"], log[1]["after"]["text"]) == ("Teh teeth.", "The teeth.")


# -- the status of a task


def test_a_comment_sets_the_status_of_its_task_or_is_not_made(studio: StudioUnderTest, production: Production) -> None:
    task = production.task["id"]
    comment = say(studio.artist, "Please look.", on(task=task), status="review")
    assert comment["status"] == "review"
    after = studio.artist.get(f"/tasks/{task}").data
    assert (after["status"], after["revision"]) == ("review", 2)
    alone = say(studio.admin, "", on(task=task), status="approved")
    assert (alone["text"], alone["status"]) == ("", "approved")
    # What cannot be attached leaves the status as it was.
    unknown = {**on(task=task), "text": "", "status": "retake", "attachments": [comment["id"]]}
    assert studio.admin.post("/comments/", unknown).status == 404
    assert studio.artist.get(f"/tasks/{task}").data["status"] == "approved"
    assert len(texts(studio.artist, task_id=task)) == 2
    studio.admin.post(f"/tasks/{task}/archive")
    refused = studio.artist.post("/comments/", {**on(task=task), "text": "Too late."})
    assert (refused.status, refused.error["code"]) == (409, "conflict.archived")


def test_a_token_that_may_not_change_tasks_sets_no_status(studio: StudioUnderTest, production: Production) -> None:
    limited = {"name": "bot", "scopes": ["comment.write"]}
    bot = Api(studio.app, studio.artist.post("/tokens/", limited).data["token"])
    task = production.task["id"]
    assert say(bot, "Rendered.", on(task=task))["status"] is None
    refused = bot.post("/comments/", {**on(task=task), "text": "Rendered.", "status": "done"})
    assert (refused.status, refused.error["code"]) == (403, "auth.scope")
    assert studio.artist.get(f"/tasks/{task}").data["status"] == "todo"


# -- mentions


@pytest.fixture(scope="module")
def cast(app: Flask) -> tuple[StudioUnderTest, dict[str, str]]:
    """People whose names are told apart with care; what they are called, by id."""
    studio = make_studio(app)
    people = {
        "Anna": "anna@studio.example",
        "Anna Berg": "berg@studio.example",
        "Çağla (rig)": "cagla+rig@studio.example.co",
        "Bo.": "bo@studio.example",
    }
    ids = {person(studio, name, email): name for name, email in people.items()}
    gone = person(studio, "Gone", "gone@studio.example")
    studio.admin.post(f"/artists/{gone}/archive")
    return studio, ids


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@Anna, look", ["Anna"]),
        ("@anna@studio.example: look", ["Anna"]),
        ("(@ANNA BERG) and @anna's", ["Anna Berg", "Anna"]),
        ("@anna @anna @Anna@Studio.Example", ["Anna"]),
        ("@Annabel, @anna.berg, @anna@elsewhere.example", []),
        ("@Anna Bergström", ["Anna"]),
        ("anna@studio.example, mail@anna", []),
        ("@Çağla (rig)! @cagla+rig@studio.example.co.", ["Çağla (rig)"]),
        ("@berg@studio.example.org", []),
        ("@Gone @nobody @", []),
        ("Ask @Bo.", ["Bo."]),
    ],
)
def test_names_and_addresses_after_an_at_sign_are_mentions(
    app: Flask, cast: tuple[StudioUnderTest, dict[str, str]], text: str, names: list[str]
) -> None:
    studio, people = cast
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        assert [people[str(user_id)] for user_id in mentioned(session, text)] == names


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(before=st.text(alphabet=" \n(@x.", max_size=4), after=st.text(max_size=6).filter(lambda text: "\0" not in text))
def test_an_address_is_found_wherever_it_stands_alone(
    app: Flask, cast: tuple[StudioUnderTest, dict[str, str]], before: str, after: str
) -> None:
    studio, people = cast
    text = f"{before}@anna@studio.example{after}"
    with app.app_context(), tenant_session(studio.tenant_id) as session:
        found = [people[str(user_id)] for user_id in mentioned(session, text.encode("utf-8", "replace").decode())]
    continues = after[:1].isalnum() or after[:1] in "_@" or (after[:1] in ".-" and after[1:2].isalnum())
    if before[-1:] != "x" and not continues and after[1:2] != "_":
        assert found == ["Anna"]


def test_who_is_concerned_is_told_once_and_the_author_is_not(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    task = production.task["id"]
    studio.admin.patch(f"/tasks/{task}", {"assignee_id": id_of(studio.artist)})
    told(app, studio.artist)
    comment = say(studio.admin, "@artist and @project_manager: sharper.", on(task=task))
    assert [each["name"] for each in comment["mentions"]] == ["artist", "project_manager"]
    say(studio.admin, "Softer, then.", on(task=task))
    say(studio.artist, "@artist notes: done.", on(task=task))
    place = f"modelling of gear ({production.project['name']})"
    expected = [
        ("comment.created", f"tenant_admin commented on {place}"),
        ("comment.mention", f"tenant_admin mentioned you in a comment on {place}"),
    ]
    for _ in range(2):
        assert told(app, studio.artist)[:-1] == expected, "the last is that the task is theirs"
    assert [kind for kind, _ in told(app, studio.api(Role.PROJECT_MANAGER))] == ["comment.mention"]
    assert told(app, studio.admin) == []
    note = studio.artist.get("/notifications/").data["items"][1]
    assert note["body"] == "@artist and @project_manager: sharper."
    assert note["link"] == f"/tasks/{task}#comment-{comment['id']}"
    activity = studio.artist.get("/activity", query_string={"kind": "comment.created"}).data["items"]
    assert activity[-1]["payload"]["name"] == "@artist and @project_manager: sharper."


def test_a_changed_comment_tells_only_those_whom_it_did_not_mention(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    comment = say(studio.admin, "@artist: sharper.", on(task=production.task["id"]))
    told(app, studio.artist)
    text = "@artist, @project_manager: sharper."
    changed = studio.admin.patch(f"/comments/{comment['id']}", {"text": text}).data
    assert [each["name"] for each in changed["mentions"]] == ["artist", "project_manager"]
    assert len(told(app, studio.artist)) == 1
    assert len(told(app, studio.api(Role.PROJECT_MANAGER))) == 1


def test_a_status_given_with_a_comment_is_told_with_it(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    task = production.task["id"]
    studio.admin.patch(f"/tasks/{task}", {"assignee_id": id_of(studio.artist)})
    told(app, studio.artist)
    say(studio.admin, "@artist: the teeth.", on(task=task), status="retake")
    now, _ = told(app, studio.artist)
    assert now == ("task.status", f"modelling of gear ({production.project['name']}) is now Retake")
    assert studio.artist.get("/notifications/").data["items"][0]["body"] == "@artist: the teeth."


def test_the_author_of_a_publish_is_told_as_often_as_they_chose(
    app: Flask, studio: StudioUnderTest, production: Production
) -> None:
    publish = studio.publish(production)
    preference = {"channel": "notification", "kind": "comment.created", "frequency": "never"}
    say(studio.admin, "Good.", on(publish=publish["id"]))
    title = f"tenant_admin commented on body v001_i001 of gear ({production.project['name']})"
    assert told(app, studio.artist) == [("comment.created", title)]
    studio.artist.put("/notifications/preferences", {"preferences": [preference]})
    say(studio.admin, "Very good.", on(publish=publish["id"]))
    assert len(told(app, studio.artist)) == 1
    say(studio.admin, "@artist, very good.", on(publish=publish["id"]))
    assert [kind for kind, _ in told(app, studio.artist)] == ["comment.mention", "comment.created"]


# -- attachments


def test_media_of_the_tenant_are_attached_and_no_others(
    studio: StudioUnderTest, other_studio: StudioUnderTest, production: Production
) -> None:
    ours, theirs = World(studio).medium(), World(other_studio).medium()
    task = production.task["id"]
    comment = say(studio.artist, "", on(task=task), attachments=[ours["id"], ours["id"]])
    assert comment["attachments"] == [{name: ours[name] for name in ("id", "name", "mime_type", "url")}]
    assert texts(studio.artist, task_id=task) == [""]
    foreign = studio.artist.post("/comments/", {**on(task=task), "text": "x", "attachments": [theirs["id"]]})
    assert foreign.status == 404 and theirs["id"] in foreign.error["fields"]["attachments"]
    path = f"/comments/{comment['id']}"
    assert studio.artist.patch(path, {"attachments": [theirs["id"]]}).status == 404
    assert studio.artist.patch(path, {"attachments": []}).status == 422, "nothing would be left"
    assert studio.artist.patch(path, {"text": "See.", "attachments": []}).data["attachments"] == []


# -- tenants and clients


def test_another_tenants_tasks_publishes_and_people_are_unknown(
    studio: StudioUnderTest, other_studio: StudioUnderTest, production: Production
) -> None:
    say(studio.artist, "Ours.", on(task=production.task["id"]))
    stranger = other_studio.api(Role.GLOBAL_ADMIN)
    for about in (on(task=production.task["id"]), on(publish=studio.publish(production)["id"])):
        assert stranger.post("/comments/", {**about, "text": "Theirs."}).status == 404
    assert texts(stranger) == []
    theirs = other_studio.production().task["id"]
    assert say(stranger, f"@{studio.email(Role.ARTIST)}", on(task=theirs))["mentions"] == []


def test_a_client_reads_what_is_for_clients_and_answers(
    app: Flask, studio: StudioUnderTest, production: Production, client: Api
) -> None:
    publish = studio.publish(production)["id"]
    elsewhere = studio.publish(studio.production())["id"]
    hidden = say(studio.admin, "@client must not read this.", on(publish=publish))
    medium = World(studio).medium()
    say(studio.admin, "@client: how is it?", on(publish=publish), for_client=True)
    say(studio.admin, "@client: not your project.", on(publish=elsewhere), for_client=True)
    say(studio.admin, "@client: internal.", on(task=production.task["id"]))
    [seen] = client.get("/comments/").data["items"]
    assert seen["text"] == "@client: how is it?"
    assert client.get(f"/comments/{hidden['id']}").status == 404
    assert [kind for kind, _ in told(app, client)] == ["comment.mention"]
    for shown, number in ((True, 2), (False, 1)):
        studio.admin.patch(f"/comments/{hidden['id']}", {"for_client": shown})
        assert len(texts(client)) == number and len(told(app, client)) == 2

    answer = say(client, "@artist: sharper.", on(publish=publish))
    assert answer["for_client"] and [each["name"] for each in answer["mentions"]] == ["artist"]
    assert texts(studio.artist, author=answer["author_id"]) == ["@artist: sharper."]
    path = f"/comments/{answer['id']}"
    assert client.patch(path, {"text": "@artist: sharper!"}).data["text"] == "@artist: sharper!"
    assert client.patch(path, {"for_client": False}).status == 422
    assert client.post("/comments/", {**on(publish=publish), "text": "x", "attachments": [medium["id"]]}).status == 404
    for unseen in (on(publish=elsewhere), on(task=production.task["id"])):
        assert client.post("/comments/", {**unseen, "text": "Hello?"}).status == 404
    assert client.patch(f"/comments/{seen['id']}", {"text": "x"}).status == 403
    assert client.post(f"{path}/archive").status == 200 and texts(client) == ["@client: how is it?"]


def test_what_hangs_on_a_comment_reaches_the_clients_who_may_read_it(
    studio: StudioUnderTest, production: Production, client: Api
) -> None:
    publish, world = studio.publish(production)["id"], World(studio)
    elsewhere = studio.publish(studio.production())["id"]
    note, internal, foreign, moved = (world.picture()["id"] for _ in range(4))
    comment = say(studio.artist, "Look.", on(publish=publish), for_client=True, attachments=[note])
    say(studio.artist, "Between us.", on(publish=publish), attachments=[internal])
    say(studio.artist, "Not yours.", on(publish=elsewhere), for_client=True, attachments=[foreign])

    def read() -> list[str]:
        [seen] = client.get("/comments/").data["items"]
        return [each["id"] for each in seen["attachments"]]

    def files() -> list[int]:
        browser, headers = studio.app.test_client(), {"Authorization": f"Bearer {client.token}"}
        addresses = (f"/api/media/assets/{each}/file" for each in (note, internal, foreign, moved))
        return [browser.get(address, headers=headers).status_code for address in addresses]

    assert read() == [note] and files() == [200, 404, 404, 404]
    page = studio.browser(Role.CLIENT).get(f"/publishes/{publish}").text
    assert f"/api/media/assets/{note}/file" in page and internal not in page
    path = f"/comments/{comment['id']}"
    studio.artist.patch(path, {"attachments": [note, moved]})
    assert read() == [note, moved] and files() == [200, 404, 404, 200]
    studio.admin.post(f"/media/assets/{moved}/archive")
    assert read() == [note] and files() == [200, 404, 404, 404]
    studio.admin.patch(path, {"for_client": False})
    assert files() == [404] * 4
    studio.admin.patch(path, {"for_client": True})
    assert files() == [200, 404, 404, 404]
    studio.admin.post(f"{path}/archive")
    assert files() == [404] * 4


def test_what_hangs_on_a_comment_about_a_picture_reaches_clients_with_the_picture(
    studio: StudioUnderTest, production: Production, client: Api
) -> None:
    world = World(studio)
    picture, note = world.picture(production.asset)["id"], world.picture()["id"]
    say(studio.artist, "Like this.", on(medium=picture), for_client=True, attachments=[note])
    path = f"/media/assets/{note}"
    assert client.get(path).status == 404
    body = {"project_id": production.project["id"], "name": "For you", "media_ids": [picture], "for_client": True}
    assert studio.admin.post("/playlists/", body).status == 201
    assert client.get(path).status == 200 and texts(client) == ["Like this."]
    studio.admin.post(f"/media/assets/{picture}/archive")
    assert client.get(path).status == 404 and texts(client) == []


# -- pages


def test_comments_are_read_and_written_on_the_page_of_a_task(studio: StudioUnderTest, production: Production) -> None:
    task, browser = production.task["id"], studio.browser()
    evil = '<script>alert("x")</script>'
    form = {**on(task=task), "text": f"{evil}\nsecond line", "status": "retake"}
    made = browser.post("/comments", data=form)
    assert made.status_code == 303 and made.location.startswith(f"/tasks/{task}#comment-")
    [comment] = studio.artist.get("/comments/").data["items"]
    answer = browser.get(f"/tasks/{task}")
    page = Page(answer)
    assert evil in page.text and evil not in answer.text and not page.inline
    assert "Retake" in page.text and f"/assets/{production.asset['id']}" in page.links
    fragment = browser.get(f"/tasks/{task}?fragment=comments")
    assert "second line" in fragment.text and "<textarea" in fragment.text and "<html" not in fragment.text
    change = {"text": "Gentler.", "version": "1"}
    assert browser.post(f"/comments/{comment['id']}/change", data=change).status_code == 303
    stale = browser.post(f"/comments/{comment['id']}/change", data={**change, "text": "Harder."})
    assert "Somebody else changed the comment meanwhile" in Page(browser.get(stale.location)).text
    assert "Gentler." in Page(browser.get(f"/tasks/{task}")).text
    empty = browser.post("/comments", data={**on(task=task), "text": " "})
    assert "say something" in Page(browser.get(empty.location)).text
    other = browser.post("/comments", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert other.status_code == 403 and len(texts(studio.artist)) == 1
    assert browser.post(f"/comments/{comment['id']}/archive").status_code == 303
    assert "Gentler." not in Page(browser.get(f"/tasks/{task}")).text


def test_pictures_are_sent_with_a_comment(studio: StudioUnderTest, production: Production) -> None:
    task, browser = production.task["id"], studio.browser()
    assert 'type="file" name="files" multiple accept=".png,.jpg' in browser.get(f"/tasks/{task}").text

    def send(*files: tuple[bytes, str], text: str = "") -> TestResponse:
        chosen = [(io.BytesIO(content), name) for content, name in files]
        return browser.post("/comments", data={**on(task=task), "text": text, "files": chosen})

    assert send((PNG, "left.png"), (PNG, "right.png")).status_code == 303
    [comment] = studio.artist.get("/comments/").data["items"]
    assert [each["name"] for each in comment["attachments"]] == ["left.png", "right.png"]
    assert browser.get(comment["attachments"][0]["url"]).data == PNG
    shown = browser.get(f"/tasks/{task}").text
    assert f'<img src="{comment["attachments"][0]["url"]}" alt="left.png"' in shown
    # One that is refused takes the others with it; the page says why.
    refused = send((PNG, "front.png"), (b"MZ\x90", "tool.png"), text="look")
    assert "tool.png is no picture or film" in Page(browser.get(refused.location)).text
    assert len(studio.artist.get("/comments/").data["items"]) == 1
    assert [each["name"] for each in studio.artist.get("/media/assets?q=front").data["items"]] == []


def test_a_film_with_a_comment_may_be_as_large_as_any_upload(
    studio: StudioUnderTest, production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Larger than what other forms may send."""
    monkeypatch.setitem(studio.app.config, "MAX_CONTENT_LENGTH", 50_000)
    files = [(io.BytesIO(PNG + bytes(60_000)), "large.png")]
    form = {**on(task=production.task["id"]), "files": files}
    assert studio.browser().post("/comments", data=form).location.startswith(f"/tasks/{production.task['id']}#comment-")


def test_a_client_sends_no_files(studio: StudioUnderTest, production: Production, client: Api) -> None:
    publish, browser = studio.publish(production)["id"], studio.browser(Role.CLIENT)
    assert 'type="file"' not in browser.get(f"/publishes/{publish}").text
    form = {**on(publish=publish), "text": "see this", "files": [(io.BytesIO(PNG), "view.png")]}
    assert browser.post("/comments", data=form).status_code == 403
    assert texts(client) == []


def test_a_client_reads_and_writes_comments_on_the_page_of_a_publish(
    studio: StudioUnderTest, production: Production, client: Api
) -> None:
    publish, browser = studio.publish(production)["id"], studio.browser(Role.CLIENT)
    say(studio.admin, "Between us.", on(publish=publish))
    for number in range(32):
        say(studio.admin, f"Note {number}.", on(publish=publish), for_client=True)
    browser.post("/comments", data={**on(publish=publish), "text": "Thank you."})
    newest, older = (Page(browser.get(f"/publishes/{publish}?page={number}")) for number in (1, 2))
    assert "Thank you." in newest.text and "Between us." not in newest.text + older.text
    assert "Note 31." in newest.text and "Note 0." in older.text and "Note 0." not in newest.text
    assert f"/publishes/{publish}?page=2" in newest.links
    assert browser.get(f"/tasks/{production.task['id']}").status_code == 403
