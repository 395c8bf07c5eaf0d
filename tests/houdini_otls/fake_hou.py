"""A stand-in for Houdini's ``hou`` module, held to SideFX's own stubs.

NOTHING HERE WAS EVER COMPARED WITH A RUNNING HOUDINI. Every public name of this module, and every signature, is
taken from the ``types-houdini`` stubs when it is imported: a name that the stubs do not know is refused, and a call
whose arguments do not fit the stub's signature raises TypeError, as it would in Houdini. What a call *does* is our
reading of the documentation. Stages are real ones of ``usd-core``.
"""

# Houdini's own names.
# ruff: noqa: N802, N818

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from pxr import Sdf, Usd

from tests.houdini_otls.hou_stubs import HeldToStub, held_to_stub, refuse, stub_of

# -- errors and values


class Error(Exception):
    def instanceMessage(self) -> str:
        return str(self.args[0]) if self.args else ""


class OperationFailed(Error):
    pass


class EnumValue(HeldToStub):
    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name


class _Enumeration:
    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._values: dict[str, EnumValue] = {}

    def __getattr__(self, name: str) -> EnumValue:
        if name.startswith("_") or stub_of(self._owner, name) is None:
            raise AttributeError(f"hou.{self._owner} has no {name!r} (types-houdini)")
        return self._values.setdefault(name, EnumValue(name))


class ParmTemplate(HeldToStub):
    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name


class StringParmTemplate(ParmTemplate):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        held_to_stub("StringParmTemplate", "__init__", lambda *_, **__: None)(self, *arguments, **keywords)
        super().__init__(arguments[0] if arguments else keywords["name"])


class ParmTemplateGroup(HeldToStub):
    def __init__(self, templates: Sequence[ParmTemplate]) -> None:
        self._templates = list(templates)

    def find(self, name: str) -> ParmTemplate | None:
        return next((template for template in self._templates if template.name() == name), None)

    def append(self, parm_template: ParmTemplate) -> None:
        if self.find(parm_template.name()):
            raise OperationFailed(f"a parameter {parm_template.name()} is there already")
        self._templates.append(parm_template)


class Parm(HeldToStub):
    def __init__(self, value: str = "") -> None:
        self._value, self._pressed = value, 0

    def set(self, value: Any, language: Any = None, follow_parm_reference: bool = True) -> None:
        self._value = str(value)

    def evalAsString(self) -> str:
        return re.sub(r"\$(\w+)", lambda match: os.environ.get(match[1], ""), self._value)

    def unexpandedString(self) -> str:
        return self._value

    def pressButton(self, arguments: Any = None) -> None:
        self._pressed += 1


# -- nodes

_PARAMETERS = {
    "sublayer": ("filepath1", "reload"),
    "reference": ("filepath1", "primpath", "reload"),
    "pythonscript": ("python",),
    "null": (),
    "lopnet": (),
    "geo": (),
}


class NodeTypeCategory(HeldToStub):
    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name


class OpNodeTypeCategory(NodeTypeCategory):
    def nodeType(self, type_name: str) -> OpNodeType | None:
        return OpNodeType(type_name, self) if type_name in _PARAMETERS else None


class OpNodeType(HeldToStub):
    def __init__(self, name: str, category: NodeTypeCategory) -> None:
        self._name, self._category = name, category

    def name(self) -> str:
        return self._name

    def category(self) -> NodeTypeCategory:
        return self._category

    def instances(self) -> tuple[OpNode, ...]:
        return tuple(node for node in _every_node() if node.type().name() == self._name)


class OpNode(HeldToStub):
    _CATEGORY = "Object"

    def __init__(self, type_name: str, name: str, parent: OpNode | None) -> None:
        self._type, self._name, self._parent = type_name, name, parent
        self._children: list[OpNode] = []
        self._input: OpNode | None = None
        self._parms = {parm: Parm() for parm in _PARAMETERS[type_name]}
        self._flags: set[str] = set()

    def name(self) -> str:
        return self._name

    def path(self) -> str:
        return (self._parent.path().rstrip("/") if self._parent else "") + "/" + self._name

    def parent(self) -> OpNode | None:
        return self._parent

    def type(self) -> OpNodeType:
        return OpNodeType(self._type, OpNodeTypeCategory(self._CATEGORY))

    def children(self) -> tuple[OpNode, ...]:
        return tuple(self._children)

    def createNode(self, node_type_name: str, node_name: str | None = None, *_: Any, **__: Any) -> OpNode:
        if node_type_name not in _PARAMETERS:
            raise OperationFailed(f"Invalid node type name: {node_type_name}")
        taken = {child.name() for child in self._children}
        name = base = node_name or f"{node_type_name}1"
        number = 1
        while name in taken:
            name, number = f"{base.rstrip('0123456789')}{number}", number + 1
        node = LopNode(node_type_name, name, self)
        self._children.append(node)
        return node

    def setInput(self, input_index: int, item_to_become_input: Any, output_index: int = 0) -> None:
        if input_index != 0:
            raise OperationFailed("Invalid input")
        self._input = item_to_become_input

    def inputs(self) -> tuple[OpNode | None, ...]:
        return (self._input,) if self._input else ()

    def parm(self, parm_path: str) -> Parm | None:
        return self._parms.get(parm_path)

    def parmTemplateGroup(self) -> ParmTemplateGroup:
        return ParmTemplateGroup([StringParmTemplate(name, name, 1) for name in self._parms])

    def setParmTemplateGroup(self, parm_template_group: ParmTemplateGroup, *_: Any, **__: Any) -> None:
        for template in parm_template_group._templates:
            self._parms.setdefault(template.name(), Parm())

    def moveToGoodPosition(self, *_: Any, **__: Any) -> None:
        self._flags.add("placed")

    def setCurrent(self, on: bool, clear_all_selected: bool = False) -> None:
        _STATE.selected = [self] if on else []


class LopNode(OpNode):
    _CATEGORY = "Lop"

    def setDisplayFlag(self, on: bool) -> None:
        self._flags.add("display")

    def stage(self, *_: Any, **__: Any) -> Usd.Stage:
        """Cook the chain of inputs: each node adds a layer above those before it."""
        chain: list[LopNode] = []
        node: OpNode | None = self
        while isinstance(node, LopNode):
            chain.insert(0, node)
            node = node._input
        stage = Usd.Stage.CreateInMemory()
        for lop in chain:
            lop._cook(stage)
        return stage

    def editableStage(self) -> Usd.Stage | None:
        return _STATE.editing

    def _cook(self, stage: Usd.Stage) -> None:
        root = stage.GetRootLayer()
        if self._type == "sublayer":
            root.subLayerPaths.insert(0, self._parms["filepath1"].evalAsString())
            return
        layer = Sdf.Layer.CreateAnonymous(f"{self._name}.usda")
        # Houdini leaves a note of its own in every layer it makes.
        Sdf.PrimSpec(layer, "HoudiniLayerInfo", Sdf.SpecifierDef)
        root.subLayerPaths.insert(0, layer.identifier)
        _STATE.keep.append(layer)
        with Usd.EditContext(stage, Usd.EditTarget(layer)):
            if self._type == "reference":
                prim = stage.DefinePrim(f"/{self._name}")
                prim.GetReferences().AddReference(self._parms["filepath1"].evalAsString())
            elif self._type == "pythonscript":
                _STATE.editing, _STATE.current = stage, self
                try:
                    exec(self._parms["python"].unexpandedString(), {"hou": HOU})
                finally:
                    _STATE.editing = _STATE.current = None


# -- the module


class _Files:
    """``hou.hipFile``."""

    def __init__(self) -> None:
        self.current = "/home/artist/untitled.hip"
        self.fails = ""

    def path(self) -> str:
        return self.current

    def save(self, file_name: str | None = None, save_to_recent_files: bool = True) -> None:
        self.current = file_name or self.current
        if self.fails:
            raise OperationFailed(self.fails)
        Path(self.current).write_bytes(b"a scene")

    def setName(self, file_name: str) -> None:
        self.current = file_name


class _Dialogs:
    """``hou.ui``: answers are laid ready in ``answers``; what was said is in ``messages``."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.messages: list[str] = []

    def _answer(self, text: str) -> Any:
        self.messages.append(text)
        return self.answers.pop(0)

    def displayMessage(self, text: str, **keywords: Any) -> int:
        self.messages.append(f"{text} {keywords.get('help') or ''}".strip())
        return int(self.answers.pop(0)) if len(keywords.get("buttons", ())) > 1 else 0

    def selectFromList(self, choices: Sequence[str], **keywords: Any) -> tuple[int, ...]:
        wanted = self._answer(f"{keywords.get('message')}: {' | '.join(choices)}")
        return tuple(index for index, choice in enumerate(choices) if any(text in choice for text in wanted))

    def readInput(self, text: str, **_: Any) -> tuple[int, str]:
        answer = self._answer(text)
        return (0, answer) if answer is not None else (1, "")

    def setStatusMessage(self, message: str, severity: Any = None) -> None:
        self.messages.append(message)


class _Namespace:
    """A class of the stubs that is used as a namespace of functions; ``behaviour`` answers who carries them out."""

    def __init__(self, owner: str, behaviour: Callable[[], object]) -> None:
        self._owner, self._behaviour = owner, behaviour

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._behaviour(), name, None)
        if name.startswith("_") or not callable(function):
            refuse(self._owner, name)
        return held_to_stub(self._owner, name, function)


class _State:
    def __init__(self) -> None:
        self.root = OpNode("geo", "", None)
        self.root._children.append(LopNode("lopnet", "stage", self.root))
        self.selected: list[OpNode] = []
        self.current: OpNode | None = None
        self.editing: Usd.Stage | None = None
        self.keep: list[Sdf.Layer] = []
        self.files, self.dialogs = _Files(), _Dialogs()
        self.license = "Commercial"


_STATE = _State()


def _every_node() -> Iterator[OpNode]:
    waiting = [_STATE.root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children()


class FakeHou(ModuleType):
    """The module. What is there for the tests alone begins with an underscore: ``hou`` has no such names."""

    def __init__(self) -> None:
        super().__init__("hou")
        self.OperationFailed, self.Error = OperationFailed, Error
        self.StringParmTemplate, self.Parm, self.ParmTemplateGroup = StringParmTemplate, Parm, ParmTemplateGroup
        self.Node, self.OpNode, self.LopNode = OpNode, OpNode, LopNode
        self.severityType = _Enumeration("severityType")
        self.licenseCategoryType = _Enumeration("licenseCategoryType")
        self.ui = _Namespace("ui", lambda: _STATE.dialogs)
        self.hipFile = _Namespace("hipFile", lambda: _STATE.files)
        functions: dict[str, Callable[..., Any]] = {
            "node": lambda path: next((node for node in _every_node() if node.path() == path), None),
            "pwd": lambda: _STATE.current,
            "selectedNodes": lambda include_hidden=False: tuple(_STATE.selected),
            "lopNodeTypeCategory": lambda: OpNodeTypeCategory("Lop"),
            "licenseCategory": lambda: getattr(self.licenseCategoryType, _STATE.license),
            "applicationVersionString": lambda: "21.0.512",
        }
        for name, function in functions.items():
            setattr(self, name, held_to_stub("", name, function))

    @property
    def _dialogs(self) -> _Dialogs:
        return _STATE.dialogs

    @property
    def _files(self) -> _Files:
        return _STATE.files

    def _select(self, *nodes: OpNode) -> None:
        _STATE.selected = list(nodes)

    def _license(self, category: str) -> None:
        _STATE.license = category

    def _new_scene(self) -> None:
        global _STATE
        _STATE = _State()

    def __getattr__(self, name: str) -> Any:
        refuse("", name)


HOU = FakeHou()
