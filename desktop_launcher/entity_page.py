"""The right side of the browser: an asset or shot, its tasks, scenes and publishes, and the start buttons."""

from __future__ import annotations

from textwrap import shorten

from PySide6.QtCore import QModelIndex, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from desktop_launcher.catalogue import PublishItem, SceneItem, TaskItem
from desktop_launcher.delegates import ROW_HEIGHT, TaskDelegate
from desktop_launcher.launch import Work
from desktop_launcher.models import ItemListModel, TableModel, publish_table, scene_table, task_text
from desktop_launcher.programs import Programs
from desktop_launcher.session import Session
from desktop_launcher.software import Installation
from desktop_launcher.start_buttons import StartButtons
from desktop_launcher.widgets import ListView, Picture, TableView, label
from shared.context import Entity

PICTURE_SIZE = QSize(160, 90)
INSET = 8
FIELD_LETTERS = 60
"""Of what is in a custom field, shown at the head."""
TASK_ROWS = 4
"""Tasks shown without scrolling."""


class EntityPage(QWidget):
    """Shows one asset or shot; ``start`` carries the installation and the work."""

    start = Signal(Installation, Work)

    def __init__(self, session: Session, programs: Programs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._target_id, self._project, self._entity = "", "", Entity.asset("none")
        self._wanted_task = ""
        self.task: TaskItem | None = None

        self._picture = Picture(PICTURE_SIZE)
        self._title = label("", "title")
        self._detail = label("", "muted")
        self._fields = label("", "muted")
        self._fields.setWordWrap(True)
        self.tasks: ItemListModel[TaskItem] = ItemListModel(task_text)
        self.task_view = ListView()
        self.task_view.setAccessibleName("Tasks")
        self.task_view.setModel(self.tasks)
        self.task_view.setItemDelegate(TaskDelegate(parent=self.task_view))
        self.task_view.setMouseTracking(True)
        self.scenes = scene_table()
        self.scene_view = _table(self.scenes, "Scenes", stretch=0)
        self.scene_view.set_empty_text("Choose a task to see its scenes.")
        self.publishes = publish_table()
        self.publish_view = _table(self.publishes, "Publishes", stretch=1)
        self.buttons = StartButtons(programs)
        self._choice = label("", "muted")

        self.tabs = QTabWidget()
        self.tabs.addTab(_inset(self.scene_view), "Scenes")
        self.tabs.addTab(_inset(self.publish_view), "Publishes")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._heading())
        layout.addWidget(self._section("TASKS", self.task_view))
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self._actions())

        self.task_view.selectionModel().currentChanged.connect(self._on_task)
        self.scene_view.selectionModel().currentChanged.connect(lambda: self._show_choice())
        self.scene_view.activated.connect(self._on_scene_activated)
        self.buttons.start.connect(self._on_start)
        session.thumbnails.changed.connect(self._show_picture)
        self._fit_tasks()

    @property
    def scene(self) -> SceneItem | None:
        """The scene under the cursor; None for a new one."""
        index = self.scene_view.currentIndex()
        return self.scenes.item(index.row()) if index.isValid() else None

    def show_entity(
        self, target_id: str, project: str, entity: Entity, title: str, detail: str, task_id: str = ""
    ) -> None:
        """Show the asset or shot with that id, on the task with that id or else the one chosen last, if it has it."""
        self._wanted_task = task_id or self._session.settings.choice("task")
        changed = target_id != self._target_id
        self._target_id, self._project, self._entity = target_id, project, entity
        self._title.setText(title)
        self._detail.setText(detail)
        self._show_picture()
        if changed:
            self._set_fields([])
            self._set_tasks([])
            self.publishes.set_items([])
            self.task_view.set_empty_text("Loading…")
            self.publish_view.set_empty_text("Loading…")
        self.reload()

    def reload(self) -> None:
        """Load the tasks and publishes again."""
        if not self._project:
            return
        catalogue, background = self._session.catalogue, self._session.background
        project, entity, target_id = self._project, self._entity, self._target_id
        background.run(
            "fields", lambda: catalogue.fields(project, entity, target_id), self._set_fields, self._session.report
        )
        background.run("tasks", lambda: catalogue.tasks(project, entity), self._set_tasks, self._session.report)
        background.run(
            "publishes", lambda: catalogue.publishes(project, entity), self._set_publishes, self._session.report
        )

    def _set_fields(self, fields: list[tuple[str, str]]) -> None:
        texts = (f"{title} {shorten(text, FIELD_LETTERS, placeholder='…')}" for title, text in fields)
        self._fields.setText("  ·  ".join(texts))
        self._fields.setVisible(bool(fields))

    def _set_tasks(self, tasks: list[TaskItem]) -> None:
        self.tasks.set_items(tasks)
        self.task_view.set_empty_text("There is no task here yet.")
        self._fit_tasks()
        rows = [task.id for task in tasks]
        if rows:
            row = rows.index(self._wanted_task) if self._wanted_task in rows else 0
            self.task_view.setCurrentIndex(self.tasks.index(row))
        else:
            self.task = None
            self._set_scenes([])

    def _set_publishes(self, publishes: list[PublishItem]) -> None:
        self.publishes.set_items(publishes)
        self.publish_view.set_empty_text("Nothing is published yet.")
        self.tabs.setTabText(1, f"Publishes  {len(publishes)}" if publishes else "Publishes")

    def _set_scenes(self, scenes: list[SceneItem]) -> None:
        self.scenes.set_items(scenes, first_row="New scene" if self.task else "")
        self.tabs.setTabText(0, f"Scenes  {len(scenes)}" if scenes else "Scenes")
        # The latest scene is what an artist most often goes on with.
        self.scene_view.selectRow(min(1, len(scenes)))
        self._show_choice()

    def _on_task(self, current: QModelIndex) -> None:
        if not current.isValid():
            return
        self.task = task = self.tasks.item(current.row())
        self._session.settings.choose("task", task.id)
        self._wanted_task = task.id
        self._set_scenes([])
        catalogue = self._session.catalogue
        self._session.background.run(
            "scenes", lambda: catalogue.scenes(task.id), self._set_scenes, self._session.report
        )

    def _on_scene_activated(self, index: QModelIndex) -> None:
        scene = self.scenes.item(index.row())
        if scene is not None:
            self.buttons.activate(scene)

    def _on_start(self, installation: Installation, scene: SceneItem | None) -> None:
        if (task := self.task) is not None:
            path = scene.path if scene else ""
            self.start.emit(installation, Work(task.project, str(task.entity), task.id, task.name, path))

    def _show_choice(self) -> None:
        self.buttons.show_choice(self.task is not None, self.scene)
        if self.task is None:
            self._choice.setText("Choose a task to start on.")
        else:
            self._choice.setText(self.scene.file_name if self.scene else f"A new scene of “{self.task.name}”")

    def _show_picture(self) -> None:
        if self._project:
            picture = self._session.thumbnails.picture(self._target_id, self._entity)
            self._picture.show_picture(self._entity.name, picture)

    def _fit_tasks(self) -> None:
        rows = max(1, min(TASK_ROWS, self.tasks.rowCount()))
        self.task_view.setFixedHeight(rows * ROW_HEIGHT + 2)

    def _heading(self) -> QHBoxLayout:
        text = QVBoxLayout()
        text.setSpacing(4)
        text.addStretch(1)
        text.addWidget(self._title)
        text.addWidget(self._detail)
        text.addWidget(self._fields)
        text.addStretch(1)
        row = QHBoxLayout()
        row.setContentsMargins(20, 18, 20, 16)
        row.setSpacing(18)
        row.addWidget(self._picture)
        row.addLayout(text, 1)
        return row

    def _section(self, heading: str, content: QWidget) -> QWidget:
        caption = label(heading, "heading")
        caption.setContentsMargins(20, 0, 0, 4)
        section = QWidget()
        column = QVBoxLayout(section)
        column.setContentsMargins(0, 0, 0, 10)
        column.setSpacing(2)
        column.addWidget(caption)
        column.addWidget(_inset(content))
        return section

    def _actions(self) -> QFrame:
        frame = QFrame()
        frame.setObjectName("actions")
        row = QHBoxLayout(frame)
        row.setContentsMargins(20, 12, 20, 12)
        row.addWidget(self._choice, 1)
        row.addWidget(self.buttons)
        return frame


def _inset(content: QWidget) -> QWidget:
    """Stand a list or table a little inside the page, its text in line with the headings."""
    frame = QWidget()
    layout = QHBoxLayout(frame)
    layout.setContentsMargins(INSET, 0, INSET, 0)
    layout.addWidget(content)
    return frame


def _table(model: TableModel[SceneItem] | TableModel[PublishItem], name: str, *, stretch: int) -> TableView:
    view = TableView()
    view.setAccessibleName(name)
    view.setModel(model)
    view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    view.setShowGrid(False)
    view.setTabKeyNavigation(False)
    view.verticalHeader().hide()
    view.verticalHeader().setDefaultSectionSize(36)
    header = view.horizontalHeader()
    header.setHighlightSections(False)
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(stretch, QHeaderView.ResizeMode.Stretch)
    return view
