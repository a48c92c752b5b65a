"""The only place that says what may select people but may not be said to them."""

from decisioning.rules.catalogue import Catalogue
from decisioning.specs import AttributeSpec


def is_sayable(attribute: AttributeSpec) -> bool:
    """Return whether content may say an attribute's value to the person; what was inferred or hurts, only if told so."""
    if attribute.sayable is not None:
        return attribute.sayable
    return not (attribute.inferred or attribute.sensitive)


def unsayable(catalogue: Catalogue) -> frozenset[str]:
    """Return the keys of the attributes that may stand in conditions but not in content."""
    return frozenset(
        one.key
        for one in catalogue.attributes.values()
        if isinstance(one, AttributeSpec) and not is_sayable(one)
    )
