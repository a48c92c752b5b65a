"""A real shop's tracker events through our ingestion, compared with the tracker project's own expected tables.

Compared is every column of sessions, carts, checkouts, transactions and products, but for these: network_userid (an id
of the collector's cookie; we keep none), product_event_id (a hash of their warehouse) and the *2 copies of their tests.
"""

import base64
import csv
import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consent.people import PARTITIONS
from decisioning import journeys
from decisioning.ingestion import snowplow
from decisioning.ingestion.history import archive
from decisioning.ingestion.wire import Intake
from decisioning.visited import visits_between
from tests.decisioning import making
from tests.decisioning.ingestion.people_and_records import drain_all, make_drain
from tests.decisioning.making import call

FOLDER = Path(__file__).parents[4] / "shared/data/clickstream_snowplow"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="../shared/data is absent")
APPS = ("ecom-accel", "DemoID")
ACTION = "unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1_0_0"
SHOP = "com.snowplowanalytics.snowplow.ecommerce"
LAST_STEP = 4  # of this shop's checkout is the order


def raw_rows():
    with gzip.open(FOLDER / "events_raw.csv.gz", "rt") as lines:
        return list(csv.DictReader(lines))


def expected(name):
    with (FOLDER / f"expected_{name}.csv").open() as lines:
        return list(csv.DictReader(lines))


def epoch_ms(text):
    moment = datetime.fromisoformat(text.strip())
    return round(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)


def packed(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def described(name, vendor, data):
    return {"schema": f"iglu:{vendor}/{name}/jsonschema/1-0-0", "data": data}


def entities(row):
    """Yield the entities of a row of the warehouse as the tracker had sent them."""
    for column, text in row.items():
        name = column.removeprefix("contexts_com_snowplowanalytics_")
        if name == column or text in ("", "[]"):
            continue
        vendor, name = "com.snowplowanalytics.snowplow", name.removeprefix("snowplow_")
        if name.startswith("ecommerce_"):
            vendor, name = SHOP, name.removeprefix("ecommerce_")
        name = name.removeprefix("mobile_").rsplit("_", 3)[0]
        for data in json.loads(text):
            yield described(name, vendor, data)


def payload(row, *, true_time=False):
    """Return a row as the tracker had sent it."""
    action = json.loads(row[ACTION] or "{}")
    event = described("snowplow_ecommerce_action", SHOP, action)
    contexts = described("contexts", "com.snowplowanalytics.snowplow", list(entities(row)))
    sent = {
        "e": "ue",
        "eid": row["event_id"],
        "aid": row["app_id"],
        "p": row["platform"],
        "tv": row["v_tracker"],
        "tna": row["name_tracker"],
        "duid": row["domain_userid"],
        "sid": row["domain_sessionid"],
        "tnuid": row["network_userid"],
        "url": row["page_url"],
        "refr": row["page_referrer"],
        "ua": row["useragent"],
        "tz": row["os_timezone"],
        "dtm": str(epoch_ms(row["dvce_created_tstamp"])),
        "stm": str(epoch_ms(row["dvce_sent_tstamp"])),
        "ue_px": packed(described("unstruct_event", "com.snowplowanalytics.snowplow", event)),
        "cx": packed(contexts),
    }
    if true_time:
        sent["ttm"] = str(epoch_ms(row["derived_tstamp"]))
    return {name: value for name, value in sent.items() if value}


@pytest.fixture(scope="module")
def received():
    """Return the records of all rows, each received when the tracker project's collector received it."""
    records = []
    for row in raw_rows():
        intake = Intake(
            attributes={}, received_at_ms=epoch_ms(row["collector_tstamp"]), pepper=b"pepper"
        )
        (record,), refusals = snowplow.read_payloads([payload(row)], intake=intake, secret="")
        assert refusals == []
        records.append(record)
    return records


def steps_of(visits):
    return {step.record.message_id: step for visit in visits for step in visit.steps}


def same(found, text):
    """Return whether a value is what a cell of the tables says; an empty one says that there is none."""
    if text == "":
        return found is None
    if isinstance(found, bool):
        return str(found).lower() == text.lower()
    if isinstance(found, int | float):
        return abs(found - (float(text) if "-" not in text[1:] else epoch_ms(text))) < 0.005
    return str(found).lower() == text.lower()  # some flags were sent as "true"


def differences(found, row, columns):
    return {
        column: (found[column], row[column])
        for column in columns
        if not same(found[column], row[column])
    }


def test_event_times_are_those_that_the_projects_pipeline_derived(received):
    derived = {row["event_id"]: epoch_ms(row["derived_tstamp"]) for row in raw_rows()}

    wrong = [
        one.message_id for one in received if abs(one.event_time_ms - derived[one.message_id]) > 1
    ]

    # One device's clock ran so far ahead of its own sending that their pipeline took the collector's time.
    assert wrong == ["611b0eeb-d77d-485d-b7c7-9324c930e955"]


def times(name, steps):
    first, last = journeys.first_and_last(steps)
    return {f"first_{name}": first, f"last_{name}": last}


def session_row(visit):
    """Return a visit in the columns of the project's table of sessions."""
    cart, checkout = visit.of(journeys.CART), visit.of(journeys.CHECKOUT)
    orders, viewed = visit.of({"Order Completed"}), visit.of(journeys.VIEWS)
    added, removed = visit.of({"Product Added"}), visit.of({"Product Removed"})
    with_products = [step for step in orders if step.products]
    row = {
        "start_tstamp": visit.started_ms,
        "end_tstamp": visit.ended_ms,
        "number_unique_cart_ids": len({step.cart_id for step in cart} - {None}),
        "number_carts_created": len(visit.carts_created),
        "number_carts_emptied": len(visit.carts_emptied),
        "number_carts_transacted": len(orders),
        "session_cart_abandoned": visit.cart_abandoned,
        "session_entered_at_checkout": any(step.entered_here for step in checkout),
        "number_unique_checkout_steps_attempted": len(visit.steps_attempted(last=LAST_STEP)),
        "number_checkout_steps_visited": len(checkout),
        "checkout_succeeded": bool(orders),
        "number_product_views": len(viewed),
        "number_add_to_carts": len(added),
        "number_remove_from_carts": len(removed),
        "number_product_transactions": len(with_products),
        "total_transaction_revenue": sum(step.revenue for step in orders),
        "total_transaction_quantity": sum(step.quantity for step in orders),
        "total_number_transactions": len(orders),
        "total_transacted_products": sum(len(step.products) for step in orders),
    }
    begun = [s for s in checkout if s.checkout_step(last=LAST_STEP) == 1]
    for name, some in (
        ("cart_created", visit.carts_created),
        ("cart_transacted", orders),
        ("checkout_attempted", begun),
        ("checkout_succeeded", orders),
        ("product_view", viewed),
        ("product_add_to_cart", added),
        ("product_remove_from_cart", removed),
        ("product_transaction", orders),
        ("transaction_completed", orders),
    ):
        row |= times(name, some)
    return row


# A session without a cart, checkout or order has empty cells where ours say 0 or no.
ONLY_WITH = {
    "cart": (
        "number_unique_cart_ids",
        "number_carts_created",
        "number_carts_emptied",
        "number_carts_transacted",
        "session_cart_abandoned",
    ),
    "checkout": (
        "session_entered_at_checkout",
        "number_unique_checkout_steps_attempted",
        "number_checkout_steps_visited",
        "checkout_succeeded",
    ),
    "order": (
        "total_transaction_revenue",
        "total_transaction_quantity",
        "total_number_transactions",
        "total_transacted_products",
    ),
}


def check_sessions(visits, *, without=()):
    table = {row["domain_sessionid"]: row for row in expected("sessions")}

    assert {visit.key for visit in visits} == set(table)
    wrong = {}
    for visit in visits:
        row, found = table[visit.key], session_row(visit)
        kinds = {"cart": journeys.CART, "checkout": journeys.CHECKOUT, "order": {"Order Completed"}}
        for kind, columns in ONLY_WITH.items():
            if not visit.of(kinds[kind]):
                found |= dict.fromkeys(columns)
        wrong[visit.key] = differences(found, row, found.keys() - set(without))
    assert {key: some for key, some in wrong.items() if some} == {}


def common(step):
    """Return what every table says of an event."""
    said, context = step.record.properties, step.record.context
    return {
        "page_view_id": context.get("page_view_id"),
        "domain_sessionid": step.visit,
        "event_in_session_index": step.index,
        "domain_userid": step.record.identifiers[0].removeprefix("anonymous:"),
        "user_id": None,
        "app_id": context["app"],
        "ecommerce_user_id": said.get("ecommerce_user", {}).get("id"),
        "derived_tstamp": step.at_ms,
    }


def compare(table, steps, row_of):
    rows = expected(table)
    wrong = {}
    for row in rows:
        step = steps[row["event_id"]]
        found = common(step) | row_of(step, row)
        wrong[row["event_id"]] = differences(found, row, found)
    assert {key: some for key, some in wrong.items() if some} == {}
    return rows


def action_of(step):
    return step.record.properties.get("action", {}).get("type")


def check_cart_interactions(steps):
    def row_of(step, row):
        cart = step.record.properties.get("cart", {})
        return {
            "cart_id": step.cart_id,
            "cart_currency": cart.get("currency"),
            "cart_total_value": step.cart_value,
            "cart_created": step.cart_created,
            "cart_emptied": step.cart_emptied,
            "cart_transacted": step.event == "Order Completed",
            "ecommerce_action_type": action_of(step),
        }

    rows = compare("cart_interactions", steps, row_of)

    assert {row["event_id"] for row in rows} == {
        key for key, step in steps.items() if step.event in journeys.CART
    }


def check_checkout_interactions(steps):
    def row_of(step, row):
        said = step.record.properties
        checkout, user = said.get("checkout", {}), said.get("ecommerce_user", {})
        return {
            "ecommerce_action_type": action_of(step),
            "ecommerce_action_name": said["action"].get("name"),
            "ecommerce_page_type": said.get("ecommerce_page", {}).get("type"),
            "checkout_step_number": step.checkout_step(last=LAST_STEP),
            "checkout_account_type": checkout.get("account_type"),
            "checkout_billing_full_address": checkout.get("billing_full_address"),
            "checkout_billing_postcode": checkout.get("billing_postcode"),
            "checkout_coupon_code": checkout.get("coupon_code"),
            "checkout_delivery_method": checkout.get("delivery_method"),
            "checkout_delivery_provider": checkout.get("delivery_provider"),
            "checkout_marketing_opt_in": checkout.get("marketing_opt_in"),
            "checkout_payment_method": checkout.get("payment_method"),
            "checkout_proof_of_payment": checkout.get("proof_of_payment"),
            "checkout_shipping_full_address": checkout.get("shipping_full_address"),
            "checkout_shipping_postcode": checkout.get("shipping_postcode"),
            "session_entered_at_step": step.entered_here,
            "checkout_succeeded": step.event == "Order Completed",
            "ecommerce_user_email": user.get("email"),
            "ecommerce_user_is_guest": user.get("is_guest"),
        }

    rows = compare("checkout_interactions", steps, row_of)

    assert {row["event_id"] for row in rows} == {
        key for key, step in steps.items() if step.event in journeys.CHECKOUT
    }


def check_transactions(steps):
    def row_of(step, row):
        said = step.record.properties
        order, user = said["transaction"], said.get("ecommerce_user", {})
        return {
            "transaction_id": said["order_id"],
            "transaction_currency": said["currency"],
            "transaction_payment_method": order.get("payment_method"),
            "transaction_revenue": step.revenue,
            "transaction_total_quantity": step.quantity,
            "transaction_credit_order": order.get("credit_order"),
            "transaction_discount_amount": order.get("discount_amount"),
            "transaction_discount_code": order.get("discount_code"),
            "transaction_shipping": number(order.get("shipping")),
            "transaction_tax": number(order.get("tax")),
            "ecommerce_user_email": user.get("email"),
            "ecommerce_user_is_guest": user.get("is_guest"),
            "number_products": len(step.products),
        }

    compare("transaction_interactions", steps, row_of)


def number(value):
    return None if value is None else float(value)


def check_products(steps):
    """Every product of every event is there, with all that the tracker said of it."""
    wanted, found = defaultdict(list), defaultdict(list)
    for row in expected("product_interactions"):
        wanted[row["event_id"]].append(row)
    for key, rows in wanted.items():
        step = steps[key]
        assert len(step.products) == len(rows)
        action, name = action_of(step), step.record.properties["action"].get("name")
        shared = common(step) | {
            "ecommerce_action_type": action,
            "ecommerce_action_name": name,
            "is_product_view": None if action is None else step.event in journeys.VIEWS,
            "product_view_type": action if step.event in journeys.VIEWS else None,
            "is_add_to_cart": None if action is None else action == "add_to_cart",
            "is_remove_from_cart": None if action is None else action == "remove_from_cart",
            "is_product_transaction": None if action is None else action == "transaction",
            "product_list_name": name if action == "list_view" else None,
            "transaction_id": step.record.properties.get("order_id"),
            "ecommerce_user_email": step.record.properties.get("ecommerce_user", {}).get("email"),
            "ecommerce_user_is_guest": step.record.properties.get("ecommerce_user", {}).get(
                "is_guest"
            ),
        }
        order = sorted(rows, key=lambda row: (row["product_id"], row["product_price"]))
        ours = sorted(step.products, key=lambda one: (one["id"], float(one["price"])))
        for product, row in zip(ours, order, strict=True):
            said = shared | {
                "product_id": product["id"],
                "product_category": product["category"],
                "product_currency": product["currency"],
                "product_price": number(product["price"]),
                "product_brand": product.get("brand"),
                "product_inventory_status": product.get("inventory_status"),
                "product_creative_id": product.get("creative_id"),
                "product_list_price": product.get("list_price"),
                "product_name": product.get("name"),
                "product_list_position": product.get("position"),
                "product_quantity": product.get("quantity"),
                "product_size": product.get("size"),
                "product_variant": product.get("variant"),
            }
            categories = [*product["category"].split("/"), None, None, None, None][:4]
            for place, category in enumerate(categories, start=1):
                said[f"product_subcategory_{place}"] = category
            found[key].append(differences(said, row, said))
    assert {key: some for key, some in found.items() if any(some)} == {}
    assert set(wanted) == {key for key, step in steps.items() if step.products}


def check_funnel(visits):
    """Whoever went on without the step before counts as far as they came without a gap, in order."""
    table = {row["domain_sessionid"]: row for row in expected("sessions")}
    stages = ("first_product_view", "first_product_add_to_cart", "first_checkout_attempted")
    wanted = [0, 0, 0, 0]
    for row in table.values():
        at = 0
        for place, stage in enumerate((*stages, "last_transaction_completed")):
            last = row[stage.replace("first", "last")]
            if not last or epoch_ms(last) < at:
                break
            wanted[place] += 1
            at = max(at, epoch_ms(row[stage]))
    assert [step.visits for step in journeys.funnel(visits)] == wanted
    assert [step.name for step in journeys.funnel(visits)] == [
        "view",
        "cart",
        "checkout",
        "purchase",
    ]


def check_tables(visits):
    steps = steps_of(visits)
    check_cart_interactions(steps)
    check_checkout_interactions(steps)
    check_transactions(steps)
    check_products(steps)
    check_funnel(visits)


def test_what_is_received_gives_the_expected_tables(received):
    visits = journeys.visits(received, apps=APPS)

    check_sessions(visits)
    check_tables(visits)


def test_what_is_sent_over_http_and_stored_gives_the_expected_tables(kept, db):
    """The same over HTTP, folded, archived and read from history; received now, so not the times of receipt."""
    key = making.make_key(kept, "events", "import")
    rows = [payload(row, true_time=True) for row in raw_rows()]
    shuffled = sorted(rows, key=lambda row: row["eid"])
    path = "/com.snowplowanalytics.snowplow/tp2"

    async def send():
        parts = [shuffled[place : place + 100] for place in range(0, len(rows), 100)]
        again = [*parts, parts[0]]
        return [
            await call("POST", path, {"schema": "iglu:…", "data": one}, key=key) for one in again
        ]

    replies = making.run(send())
    drain_all(make_drain(kept))
    while archive(kept, range(PARTITIONS)):
        pass

    assert {reply.status for reply in replies} == {200}
    assert sum(reply.json["accepted"] for reply in replies) == len(rows)
    assert replies[-1].json["duplicates"] == 100
    now = datetime.now(UTC)
    visits = visits_between(now - timedelta(hours=1), now + timedelta(hours=1), apps=APPS)
    check_sessions(visits, without=("start_tstamp", "end_tstamp"))
    check_tables(visits)
