"""The operator of what is yes or no."""

from dataclasses import replace
from typing import Final

from decisioning.rules.operators.operator import Said
from decisioning.rules.operators.recurring import comparing
from decisioning.rules.phrases import gettext_noop as _

# Yes and no are each other's denial, so the value is turned round instead.
_TOLD: Final = Said(_("{name}: {value}"), _("{name}: {value}"))
BOOLEAN: Final = (replace(*comparing({"eq": _("is")}, "boolean"), said=_TOLD),)
