"""A rich catalogue, a counter and a nested rule for the tests of the builder."""

from campaigns.simulation import Audience
from decisioning.rules.catalogue import Catalogue
from decisioning.specs import AttributeSpec, EventTypeSpec, PropertySpec, SegmentSpec

ORDER = EventTypeSpec(
    key="Order Completed",
    name="Order completed",
    properties=(
        PropertySpec(key="department", type="text", values=("Garden", "Grocery", "Toys")),
        PropertySpec(key="total", type="number"),
        PropertySpec(key="coupon", type="boolean"),
    ),
)
VIEW = EventTypeSpec(key="Product Viewed", name="Product viewed")
CATALOGUE = Catalogue.of_parts(
    attributes=[
        AttributeSpec(key="country", name="Country", type="text", values=("DE", "AT", "CH", "FR")),
        AttributeSpec(key="tier", name="Loyalty tier", type="text", values=("bronze", "gold")),
        AttributeSpec(key="city", name="City", type="text"),
        AttributeSpec(key="spend", name="Total spend", type="number", unit="EUR"),
        AttributeSpec(key="member", name="Is a member", type="boolean"),
        AttributeSpec(key="birthday", name="Birthday", type="date"),
        AttributeSpec(key="interests", name="Interests", type="list", values=("tents", "boots")),
        AttributeSpec(key="home", name="Home", type="place"),
        AttributeSpec(key="app", name="App version", type="version", source="context"),
        AttributeSpec(key="device", name="Device", type="text", source="context"),
    ],
    event_types=[ORDER, VIEW],
    segments=[
        SegmentSpec(
            key="gold",
            name="Gold members",
            condition={"attribute": "tier", "is": "eq", "value": "gold"},
        )
    ],
)


def count(condition, catalogue, *, now, parts):
    each = tuple(Audience(100 + number, 5000, 50000) for number in range(len(parts)))
    return Audience(367, 5000, 50000, parts=each)


FIRST = {
    "all": [
        {"attribute": "country", "is": "any_of", "value": ["DE", "AT"]},
        {
            "any": [
                {"attribute": "tier", "is": "eq", "value": "gold"},
                {"attribute": "spend", "is": "gt", "value": 500},
            ]
        },
        {
            "none": [
                {
                    "event": "Order Completed",
                    "count": {"is": "gte", "value": 1},
                    "within": "30d",
                    "where": {"attribute": "department", "is": "eq", "value": "Garden"},
                }
            ]
        },
    ]
}
