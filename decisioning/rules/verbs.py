"""The only place that knows what a person has done when an event of a well-known name happened."""

from typing import Final

from decisioning.rules.phrases import gettext_noop as _

# After "the person has" and after "the person last", so participle and past are the same word.
# By name, not by key: the name is what its authors call it. Names of the Segment specification first.
VERBS: Final = {
    "order completed": _("bought"),
    "order cancelled": _("cancelled an order"),
    "order refunded": _("received a refund"),
    "product viewed": _("viewed a product"),
    "product list viewed": _("viewed a list of products"),
    "product added": _("added a product to the basket"),
    "product removed": _("removed a product from the basket"),
    "product clicked": _("clicked a product"),
    "product shared": _("shared a product"),
    "product added to wishlist": _("added a product to the wish list"),
    "products searched": _("searched for products"),
    "cart viewed": _("viewed the basket"),
    "checkout started": _("started the checkout"),
    "coupon applied": _("used a coupon"),
    "coupon entered": _("entered a coupon"),
    "promotion viewed": _("viewed a promotion"),
    "promotion clicked": _("clicked a promotion"),
    "email opened": _("opened an e-mail"),
    "email link clicked": _("clicked a link in an e-mail"),
    "application installed": _("installed the app"),
    "application opened": _("opened the app"),
    "signed up": _("signed up"),
    "page viewed": _("viewed a page"),
    "coupon redeemed": _("redeemed a coupon"),
    "newsletter opened": _("opened a newsletter"),
    "page read": _("read a page"),
    "product put into the basket": _("put a product into the basket"),
}


def verb_of(name: str) -> str:
    """Return the English source of what an event of this name says, "" where it is not well known.

    >>> verb_of("Order Completed"), verb_of("Gate passed")
    ('bought', '')
    """
    return VERBS.get(name.casefold(), "")
