"""The tools at a running service: load, bring up to date, save and publish. The Houdini scene is fake."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pxr import Sdf, Usd, UsdGeom

from dcc.publish.data import Request, UsdFile
from dcc.publish.pipeline import publish
from houdini_otls import assets, provenance, scenes, tools
from shared.client import Client
from shared.context import Context
from shared.files import sha256_of
from shared.publish_queue import PublishQueue
from tests.houdini_otls.fake_hou import FakeHou, LopNode
from tests.houdini_otls.sample_asset import ASSET
from tests.studio import Studio


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    from service.stack import running
    from tests.studio import make_studio

    with running(tmp_path_factory.mktemp("raceway"), workers=0) as stack:
        made = make_studio(stack.url, stack.api_url, stack.root, stack.admin_token)
        with made.token() as token, Client(made.api_url, token) as client:
            master = made.root / "master.usda"
            master.write_text(ASSET.replace("bearing", "ball_bearing"))
            publish(client, made.context(token), Request("model", UsdFile(master), "model"))
        yield made


@pytest.fixture
def context(studio: Studio, houdini: FakeHou, monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """Houdini as the launcher starts it."""
    with studio.token() as token:
        context = studio.context(token)
        for name, value in context.to_environment().items():
            monkeypatch.setenv(name, value)
        yield context


@pytest.fixture
def client(context: Context) -> Iterator[Client]:
    with Client.from_context(context) as client:
        yield client


@pytest.fixture
def loaded(context: Context, houdini: FakeHou) -> LopNode:
    houdini._dialogs.answers += [["ball_bearing"]]
    tools.load_asset()
    (node,) = houdini.selectedNodes()
    assert isinstance(node, LopNode)
    return node


def add_light(houdini: FakeHou, after: LopNode, path: str = "/ball_bearing/light") -> LopNode:
    """A node of the artist's own that makes a prim."""
    node = houdini.node("/stage").createNode("pythonscript", "add_light")
    node.setInput(0, after)
    node.parm("python").set(
        f"from pxr import UsdGeom\nUsdGeom.Sphere.Define(hou.pwd().editableStage(), {path!r}).CreateRadiusAttr(3.0)"
    )
    houdini._select(node)
    return node


def test_the_asset_worked_on_is_loaded_in_its_place(loaded: LopNode, houdini: FakeHou) -> None:
    assert loaded.type().name() == "sublayer"
    assert loaded.stage().GetPrimAtPath("/ball_bearing/ball_1").IsInstance()
    assert provenance.read(loaded, "version").startswith("look v001_i001, model v001_i0")
    assert "ball_bearing" in houdini._dialogs.messages[-1]


def test_a_published_layer_composes_into_the_asset(
    loaded: LopNode, houdini: FakeHou, context: Context, client: Client
) -> None:
    add_light(houdini, loaded)
    houdini._dialogs.answers += ["lights"]
    tools.publish_layer()
    assert "Published film/assets/ball_bearing/usd/lights/data/lights_v" in houdini._dialogs.messages[-1]
    (published,) = client.publishes(project="film", asset="ball_bearing", part="lights", latest_per_part=1)
    assert (published["department"], published["software"]) == ("look", "houdini")
    entry = Usd.Stage.Open(str(context.root / published["entity_usd_path"]))
    assert UsdGeom.Sphere(entry.GetPrimAtPath("/ball_bearing/light")).GetRadiusAttr().Get() == 3.0
    item = Sdf.Layer.FindOrOpen(str(context.root / published["item_usd_path"]))
    assert not item.GetPrimAtPath("/ball_bearing/ball_1"), "what was loaded is not published again"

    # Whoever had the asset open is told, and brought up to date.
    (one,) = assets.loaded_assets(assets.published_assets(client, "film"))
    assert one.outdated
    houdini._dialogs.answers += [["sublayer", "ball_bearing"]]
    tools.check_assets()
    assert "lights v001_i" in provenance.read(loaded, "version")
    tools.check_assets()
    assert houdini._dialogs.messages[-1] == "All 1 loaded assets are up to date."


def test_while_the_service_is_away_a_publish_waits_and_is_sent_with_the_next(
    loaded: LopNode,
    houdini: FakeHou,
    context: Context,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RACEWAY_STATE", str(tmp_path))
    add_light(houdini, loaded, "/ball_bearing/key")
    houdini._dialogs.answers += ["stage"]
    tools.publish_layer()
    # Away from the start: nothing can be asked of it, not even the task.
    monkeypatch.setenv("PM_API_URL", "http://127.0.0.1:9/api")
    add_light(houdini, loaded, "/ball_bearing/rim")
    houdini._dialogs.answers += ["stage"]
    tools.publish_layer()
    assert "The service is away: stage waits" in houdini._dialogs.messages[-1]
    (waiting,) = PublishQueue.of_user().entries()
    assert (waiting.publish.part, waiting.publish.software) == ("stage", "houdini")
    assert len(client.publishes(project="film", part="stage")) == 1
    # The next one stands on what waits, not on what is published.
    add_light(houdini, loaded, "/ball_bearing/back")
    houdini._dialogs.answers += ["stage"]
    tools.publish_layer()
    assert len(PublishQueue.of_user().entries()) == 2
    # What would be refused is refused at once, and does not wait.
    add_light(houdini, loaded, "/elsewhere/rim")
    houdini._dialogs.answers += ["stage"]
    tools.publish_layer()
    assert "/elsewhere" in houdini._dialogs.messages[-1] and len(PublishQueue.of_user().entries()) == 2

    monkeypatch.setenv("PM_API_URL", context.api_url)
    add_light(houdini, loaded, "/ball_bearing/fill")
    houdini._dialogs.answers += ["stage"]
    tools.publish_layer()
    assert PublishQueue.of_user().entries() == []
    published = client.publishes(project="film", part="stage", sort="created_at")
    assert [each["department"] for each in published] == ["look"] * 4
    entry = Usd.Stage.Open(str(context.root / published[-1]["entity_usd_path"]))
    assert all(entry.GetPrimAtPath(f"/ball_bearing/{name}") for name in ("key", "rim", "back", "fill"))


def test_publishing_a_part_again_keeps_what_it_said(
    loaded: LopNode, houdini: FakeHou, context: Context, client: Client
) -> None:
    for prim in ("key", "rim"):
        add_light(houdini, loaded, f"/ball_bearing/{prim}")
        houdini._dialogs.answers += ["rig"]
        tools.publish_layer()
    first, second = sorted(client.publishes(project="film", part="rig"), key=lambda item: item["created_at"])
    assert second["is_latest"] and not first["is_latest"]
    entry = Usd.Stage.Open(str(context.root / second["entity_usd_path"]))
    assert entry.GetPrimAtPath("/ball_bearing/key") and entry.GetPrimAtPath("/ball_bearing/rim")


@pytest.mark.parametrize(
    ("path", "said"), [("/lights/key", "/lights"), ("/ball_bearing/light", "letters, digits and underscores")]
)
def test_a_refused_publish_leaves_nothing(
    loaded: LopNode, houdini: FakeHou, context: Context, client: Client, path: str, said: str
) -> None:
    add_light(houdini, loaded, path)
    before = (len(client.publishes(project="film")), sorted(context.root.rglob("*")))
    houdini._dialogs.answers += ["not a name" if path.startswith("/ball_bearing") else "lights"]
    tools.publish_layer()
    assert said in houdini._dialogs.messages[-1]
    assert (len(client.publishes(project="film")), sorted(context.root.rglob("*"))) == before


def test_scenes_are_saved_as_versions(houdini: FakeHou, context: Context, client: Client) -> None:
    houdini._dialogs.answers += [0, 0, 1]
    saved: list[str] = []
    for _ in range(3):
        tools.save_scene()
        saved.append(Path(houdini.hipFile.path()).name)
    versions = [scene["version"] * 1000 + scene["iteration"] for scene in client.scenes(context.task_id)]
    assert all(name.startswith("ball_bearing_v") and name.endswith(".hip") for name in saved)
    assert len(set(saved)) == 3
    assert saved[2].endswith("_i001.hip"), "a new version starts at its first iteration"
    assert max(versions) == int(saved[2][14:17]) * 1000 + 1
    (latest,) = (scene for scene in client.scenes(context.task_id) if scene["path"].endswith(saved[2]))
    assert sha256_of(context.root / latest["path"]) == latest["sha256"]
    assert latest["software"] == "houdini"


@pytest.mark.parametrize(("licence", "suffix"), [("Commercial", ".hip"), ("Indie", ".hiplc"), ("Apprentice", ".hipnc")])
def test_the_licence_decides_the_suffix(houdini: FakeHou, licence: str, suffix: str) -> None:
    houdini._license(licence)
    assert scenes.suffix() == suffix


def test_a_save_that_fails_keeps_the_scenes_name(houdini: FakeHou, context: Context, client: Client) -> None:
    before = houdini.hipFile.path()
    houdini._files.fails = "the disk is on fire"
    houdini._dialogs.answers += [0]
    count = len(client.scenes(context.task_id))
    tools.save_scene()
    assert "the disk is on fire" in houdini._dialogs.messages[-1]
    assert houdini.hipFile.path() == before
    assert len(client.scenes(context.task_id)) == count
    assert not [path for path in context.root.rglob(".tmp-*") if path.is_file()]


def test_the_panel_lists_the_published_assets(
    loaded: LopNode, houdini: FakeHou, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    widgets = pytest.importorskip("PySide6.QtWidgets", exc_type=ImportError)
    application = widgets.QApplication.instance() or widgets.QApplication([])
    from houdini_otls import panel

    tabs = panel.create()
    made = tabs.widget(0)
    assert isinstance(made, panel.AssetPanel)
    texts = [made.table.item(0, column).text() for column in range(3)]
    assert made.table.rowCount() == 1
    assert texts[0] == "ball_bearing" and "look v001_i001" in texts[1] and loaded.path() in texts[2]
    made.load(0)
    assert len(houdini.node("/stage").children()) == 2
    assert made.table.item(0, 2).text().count("/stage/") == 2
    application.processEvents()
