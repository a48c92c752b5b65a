"""The known shapes, on answers as their makers document them."""

import json

import pytest

from decisioning.connections import polls, presets
from decisioning.connections.mapping import apply, decode_mapping, encode_mapping, faults_of
from decisioning.connections.polls import PollSpec, Progress

HUBSPOT = {
    "results": [
        {
            "id": "512",
            "properties": {
                "email": "ana@shop.example",
                "firstname": "Ana",
                "lastname": "Kovač",
                "phone": "+43 1 5050505",
                "city": "Vienna",
                "country": None,
                "lifecyclestage": "customer",
                "lastmodifieddate": "2026-09-12T11:36:22.982Z",
            },
            "createdAt": "2026-09-12T11:36:05.267Z",
            "updatedAt": "2026-09-12T11:36:22.982Z",
            "archived": False,
        }
    ],
    "paging": {"next": {"after": "513", "link": "https://api.hubapi.com/crm/v3/objects/contacts"}},
}
SALESFORCE = {
    "totalSize": 3214,
    "done": False,
    "nextRecordsUrl": "/services/data/v63.0/query/01gD0000002HU6KIAW-2000",
    "records": [
        {
            "attributes": {"type": "Contact", "url": "/services/data/v63.0/sobjects/Contact/003D"},
            "Id": "003D000000IRFmaIAH",
            "Email": "ben@shop.example",
            "Phone": None,
            "FirstName": "Ben",
            "LastName": "Okafor",
            "MailingCity": "Graz",
            "MailingCountry": "Austria",
            "LastModifiedDate": "2026-10-01T08:15:30.000+0000",
            "Account": {"attributes": {"type": "Account"}, "Name": "Okafor Ltd"},
        }
    ],
}
SHOPIFY = {
    "orders": [
        {
            "id": 450789469,
            "name": "#1001",
            "email": "cleo@shop.example",
            "created_at": "2026-01-10T11:00:00-05:00",
            "updated_at": "2026-01-10T11:00:00-05:00",
            "currency": "USD",
            "total_price": "103.89",
            "tags": "imported, vip",
            "customer": {"id": 207119551, "email": "cleo@shop.example"},
            "line_items": [
                {"id": 466157049, "title": "IPod Nano", "quantity": 1, "price": "199.00"}
            ],
        }
    ]
}


def page(preset, told, headers=None):
    spec = PollSpec(
        url=preset.url,
        rows=preset.rows,
        paging=preset.paging,
        parameter=preset.parameter,
        path=preset.path,
        since=preset.since,
        begin="2026-01-01T00:00:00Z",
    )
    return spec, polls.read_page(spec, Progress(), json.dumps(told).encode(), headers or {})


def message(preset, row):
    return apply(preset.mapping, row, unique="u")


@pytest.mark.parametrize("preset", presets.PRESETS.values(), ids=presets.PRESETS)
def test_is_sound_and_can_be_stored(preset):
    assert faults_of(preset.mapping) == []
    assert decode_mapping(encode_mapping(preset.mapping)) == preset.mapping


def test_hubspot_contacts():
    spec, found = page(presets.HUBSPOT_CONTACTS, HUBSPOT)
    told = message(presets.HUBSPOT_CONTACTS, found.rows[0])

    assert found.next == "513"
    assert "after=513" in polls.next_url(spec, Progress(cursor="513"))
    assert told["type"] == "identify"
    assert told["timestamp"] == "2026-09-12T11:36:22.982Z"
    assert [(one["type"], one["id"]) for one in told["context"]["externalIds"]] == [
        ("crm", "512"),
        ("email", "ana@shop.example"),
        ("phone", "+43 1 5050505"),
    ]
    assert told["traits"] == {
        **{"first_name": "Ana", "last_name": "Kovač", "city": "Vienna"},
        "lifecycle_stage": "customer",
    }


def test_salesforce_contacts():
    spec, found = page(presets.SALESFORCE_CONTACTS, SALESFORCE)
    told = message(presets.SALESFORCE_CONTACTS, found.rows[0])

    assert found.next == (
        "https://MyDomainName.my.salesforce.com/services/data/v63.0/query/01gD0000002HU6KIAW-2000"
    )
    assert "LastModifiedDate+>=+2026-01-01T00%3A00%3A00Z" in polls.next_url(spec, Progress())
    assert told["timestamp"] == "2026-10-01T08:15:30Z"
    assert told["traits"]["company"] == "Okafor Ltd"
    assert polls.after_page(spec, Progress(), polls.Page(found.rows, "")).since == (
        "2026-10-01T08:15:30.000+0000"
    )


def test_shopify_orders():
    link = (
        "<https://your-shop.myshopify.com/admin/api/2024-10/orders.json?page_info=a&limit=250>; "
        'rel="previous", '
        "<https://your-shop.myshopify.com/admin/api/2024-10/orders.json?page_info=b&limit=250>; "
        'rel="next"'
    )
    _spec, found = page(presets.SHOPIFY_ORDERS, SHOPIFY, {"link": link})
    told = message(presets.SHOPIFY_ORDERS, found.rows[0])

    assert "page_info=b" in found.next
    assert told["messageId"] == "shopify:450789469"
    assert told["event"] == "Order Completed"
    assert told["timestamp"] == "2026-01-10T16:00:00Z"
    assert told["properties"]["total"] == 100  # euro
    assert told["properties"]["tags"] == ["imported", "vip"]
    assert told["properties"]["products"][0]["title"] == "IPod Nano"
