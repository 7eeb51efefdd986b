"""Find out from a chapter's own code which explorer a cell shows, on which network and picture.

    shark = cu.load_image("great_white_shark")
    explorer = cu.ClassExplorer(classifier, shark)
    explorer.method.value = "saliency"
    explorer

is {"kind": "class", "network": "efficientnet_lite0", "image": "great_white_shark",
"method": "saliency"}. So nothing about an explorer is written twice. The code is read, not run: a
channel that it computes is taken from the sentence under the stored picture.
"""

import ast
import re

from course_utils import class_index

_EMBEDDED = "efficientnet_lite0"
_UNKNOWN = object()


class ChapterReader:
    """Follows a chapter's assignments from cell to cell."""

    def __init__(self):
        self._known = {}  # name: ("image", sample) | ("images", None) | ("network", name) | dict

    def read(self, source, sentence=""):
        """Take in a code cell; returns the explorer that it shows, {"kind": ..., ...}, or None.

        `sentence` is what the explorer said when the chapter was executed.

        None also stands for an explorer on a network or picture of the chapter's own making,
        which nobody has outside its kernel.
        """
        statements = ast.parse(source).body
        for statement in statements:
            self._take_in(statement)
        shown = statements and isinstance(statements[-1], ast.Expr) and statements[-1].value
        explorer = self._value(shown) if shown else _UNKNOWN
        if not isinstance(explorer, dict):
            return None
        explorer = dict(explorer)
        channel = re.search(r"\bChannel (\d+)", sentence)
        if channel and explorer.get("channel") is _UNKNOWN:
            explorer["channel"] = int(channel[1])
        return None if _UNKNOWN in explorer.values() else explorer

    def _take_in(self, statement):
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            if isinstance(target, ast.Name):
                self._known[target.id] = self._value(statement.value)
                return
            if isinstance(target, ast.Attribute) and self._set_control(target, statement.value):
                return
        if isinstance(statement, ast.Expr) and self._choose_class(statement.value):
            return
        for node in ast.walk(statement):  # whatever else is assigned is unknown
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self._known.pop(node.id, None)

    def _set_control(self, target, value):
        """Take in `explorer.control.value = ...`; returns whether it is that."""
        match target:
            case ast.Attribute(ast.Attribute(ast.Name(name), control), "value"):
                explorer = self._known.get(name)
                if isinstance(explorer, dict):
                    key = "class-index" if control == "classes" else control
                    explorer[key] = _setting(value)
                    return True
        return False

    def _choose_class(self, call):
        """Take in `explorer.choose(class_index("..."))`; returns whether it is that."""
        match call:
            case ast.Call(ast.Attribute(ast.Name(name), "choose"), [index]):
                explorer = self._known.get(name)
                if isinstance(explorer, dict):
                    explorer["class-index"] = _setting(index)
                    return True
        return False

    def _value(self, node):
        match node:
            case ast.Name(name):
                return self._known.get(name, _UNKNOWN)
            case ast.Subscript(container, ast.Constant(str(name))):
                images = self._value(container) == ("images", None)
                return ("image", name) if images else _UNKNOWN
            case ast.DictComp(value=ast.Call(function)) if _name(function) == "load_image":
                return ("images", None)
            case ast.Call(function, arguments):
                return self._call(_name(function), arguments)
        return _UNKNOWN

    def _call(self, name, arguments):
        match name, arguments:
            case "load_image", [ast.Constant(str(sample))]:
                return ("image", sample)
            case "load_classifier", ([] | [ast.Constant("embedded")]):
                return ("network", _EMBEDDED)
            case "load_classifier", [ast.Constant(str(network))]:
                return ("network", network)
            case "VGG16", _:
                return ("network", "vgg16")
            case str(), [network, image, *_] if name.endswith("Explorer"):
                return {
                    "kind": name.removesuffix("Explorer").lower(),
                    "network": self._named("network", network),
                    "image": self._named("image", image),
                }
        return _UNKNOWN

    def _named(self, what, node):
        if what == "image" and isinstance(node, ast.Constant):
            return node.value
        value = self._value(node)
        return value[1] if isinstance(value, tuple) and value[0] == what else _UNKNOWN


def _name(function):
    return getattr(function, "attr", None) or getattr(function, "id", None)


def _setting(node):
    """Return the value that a control is set to: a constant, or the index of a named class."""
    match node:
        case ast.Constant(value):
            return value
        case ast.Call(function, [ast.Constant(str(label))]) if _name(function) == "class_index":
            return class_index(label)
    return _UNKNOWN
