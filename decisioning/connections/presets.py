"""Mappings of shapes that many know, as data: a start for the owner of a source, who may change all of it.

Source: the public API references of HubSpot (CRM objects, contacts), Salesforce (REST query) and Shopify (Admin
REST, orders).
"""

from dataclasses import dataclass
from typing import Final

from decisioning.connections.mapping import Mapping, Rule


@dataclass(frozen=True, slots=True)
class Preset:
    """What is known of one shape: where its rows are, how it pages, what its columns mean."""

    name: str
    mapping: Mapping
    rows: str  # path of the rows in a body
    url: str = ""  # of a poll; {since} is where the last run came to
    paging: str = "none"  # of polls.Paging
    parameter: str = ""  # that the cursor goes into
    path: str = ""  # of the cursor, or of the next address
    since: str = ""  # path of a row's moment


def _trait(column: str, name: str, cast: str = "") -> Rule:
    return Rule(column=column, target=f"trait:{name}", cast=cast)


HUBSPOT_CONTACTS: Final = Preset(
    name="HubSpot contacts",
    url=(
        "https://api.hubapi.com/crm/v3/objects/contacts?limit=100"
        "&properties=email,phone,firstname,lastname,city,country,lifecyclestage,lastmodifieddate"
    ),
    rows="results",
    paging="cursor",
    parameter="after",
    path="paging.next.after",
    mapping=Mapping(
        call="identify",
        rules=(
            Rule(column="id", target="id:crm", required=True),
            Rule(column="properties.email", target="id:email"),
            Rule(column="properties.phone", target="id:phone"),
            Rule(column="updatedAt", target="time"),
            _trait("properties.firstname", "first_name"),
            _trait("properties.lastname", "last_name"),
            _trait("properties.city", "city"),
            _trait("properties.country", "country"),
            _trait("properties.lifecyclestage", "lifecycle_stage"),
        ),
    ),
)
SALESFORCE_CONTACTS: Final = Preset(
    name="Salesforce contacts (query)",
    url=(
        "https://MyDomainName.my.salesforce.com/services/data/v63.0/query?q=SELECT+Id,Email,Phone,"
        "FirstName,LastName,MailingCity,MailingCountry,LastModifiedDate,Account.Name+FROM+Contact"
        "+WHERE+LastModifiedDate+>=+{since}+ORDER+BY+LastModifiedDate"
    ),
    rows="records",
    paging="next",
    path="nextRecordsUrl",
    since="LastModifiedDate",
    mapping=Mapping(
        call="identify",
        rules=(
            Rule(column="Id", target="id:crm", required=True),
            Rule(column="Email", target="id:email"),
            Rule(column="Phone", target="id:phone"),
            Rule(column="LastModifiedDate", target="time", form="%Y-%m-%dT%H:%M:%S.%f%z"),
            _trait("FirstName", "first_name"),
            _trait("LastName", "last_name"),
            _trait("MailingCity", "city"),
            _trait("MailingCountry", "country"),
            _trait("Account.Name", "company"),
        ),
    ),
)
SHOPIFY_ORDERS: Final = Preset(
    name="Shopify orders",
    url=(
        "https://your-shop.myshopify.com/admin/api/2024-10/orders.json?status=any&limit=250"
        "&order=updated_at+asc&updated_at_min={since}"
    ),
    rows="orders",
    paging="link",
    since="updated_at",
    mapping=Mapping(
        call="track",
        event="Order Completed",
        id_prefix="shopify:",
        rules=(
            Rule(column="id", target="message_id", required=True),
            Rule(column="customer.id", target="id:crm"),
            Rule(column="email", target="id:email", required=True),
            Rule(column="created_at", target="time", required=True),
            Rule(column="name", target="property:order_id"),
            Rule(
                column="total_price",
                target="property:total",
                cast="number",
                currency="=currency",
                to_currency="EUR",
            ),
            Rule(column="currency", target="property:paid_in"),
            Rule(column="line_items", target="property:products", cast="json"),
            Rule(column="tags", target="property:tags", cast="list"),
        ),
    ),
)
PRESETS: Final = {
    "hubspot-contacts": HUBSPOT_CONTACTS,
    "salesforce-contacts": SALESFORCE_CONTACTS,
    "shopify-orders": SHOPIFY_ORDERS,
}
