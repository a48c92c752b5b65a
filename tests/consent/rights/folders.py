"""What modules name under the folder of the installation, however they write it."""

import ast

HANDED_ON = "?"  # the whole folder goes elsewhere, or the name is only known at run time


def folders_in(tree, *, constants, roots=("RTTS_VAR",)):
    """Yield the first part of each path under a root, e.g. ``exports``; `constants` are texts by their name."""
    parents = {part: node for node in ast.walk(tree) for part in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if is_root(node, roots):
            said = joined_to(unwrapped(node, parents), parents)
            yield text_of(said, constants).split("/")[0] or HANDED_ON


def is_root(node, roots):
    is_read = isinstance(getattr(node, "ctx", None), ast.Load)
    return is_read and getattr(node, "attr", getattr(node, "id", None)) in roots


def unwrapped(node, parents):
    """Return the outermost of ``Path(str(node))``."""
    outer = parents[node]
    while isinstance(outer, ast.Call) and getattr(outer.func, "id", "") in ("Path", "str"):
        if outer.args[1:]:  # Path(root, "name")
            return node
        node, outer = outer, parents[outer]
    return node


def joined_to(node, parents):
    """Return what a path is joined to, by ``/``, joinpath(), os.path.join() or Path(); None where it is not."""
    outer = parents[node]
    if isinstance(outer, ast.BinOp) and isinstance(outer.op, ast.Div) and outer.left is node:
        return outer.right
    if isinstance(outer, ast.Attribute) and outer.attr == "joinpath":
        return next(iter(parents[outer].args), None)
    if isinstance(outer, ast.Call) and outer.args[:1] == [node] and is_joining(outer.func):
        return next(iter(outer.args[1:]), None)
    return None


def is_joining(function):
    return getattr(function, "attr", getattr(function, "id", "")) in ("join", "Path")


def text_of(node, constants):
    if isinstance(node, ast.Constant):
        return str(node.value)
    return constants.get(getattr(node, "attr", getattr(node, "id", "")), "")


def constants_in(tree):
    """Yield the name and text of each constant of a module."""
    for node in tree.body:
        value = getattr(node, "value", None)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            for target in getattr(node, "targets", [getattr(node, "target", None)]):
                if isinstance(target, ast.Name):
                    yield target.id, value.value
