"""The consent gate said once more, as sentences of the law rather than as steps; tests compare the two."""

LEAST_AGE = {"under_13": 0, "13_15": 13, "16_17": 16, "adult": 18}
YES = {"given", "renewed"}
SPOKEN = {"opt_in": 0, "opt_out": 1, "notice_only": 2}


def younger(age, limit, unknown_is_child):
    if age == "unknown":
        return unknown_is_child and limit > 0
    return LEAST_AGE[age] < limit


def law_of(places, code):
    """Return what holds for a code, None for an unknown one: then everything is as strict as anywhere."""
    laws = [places[code]] if code in places else list(places.values())
    return {
        "mechanism": min((law["mechanism"] for law in laws), key=SPOKEN.get)
        if code in places
        else "opt_in",
        "consent_from": max(law["consent_from"] for law in laws),
        "asked_below": max(law["asked_below"] for law in laws),
        "ads_from": max(law["ads_from"] for law in laws),
        "child": any(law["child"] for law in laws),
    }


def asks_first(purpose, law, age):
    """Say whether the person must have said yes."""
    if purpose["device_access"] or purpose["special_category"]:
        return True
    if purpose["basis"] == "contract":
        return False
    if purpose["significant_effect"]:
        return True
    if purpose["basis"] != "consent":
        return False
    how = min(law["mechanism"], purpose["mechanism"], key=SPOKEN.get)
    return how == "opt_in" or younger(age, law["asked_below"], law["child"])


def allows(purpose, law, *, age, status, event_type, by_guardian):
    """Say whether a purpose may be done for somebody of an age, who said `status` (None: never anything)."""
    minor = age not in ("unknown", "adult")
    if purpose["profiled_ads"] and minor and LEAST_AGE[age] < law["ads_from"]:
        return False
    if asks_first(purpose, law, age):
        if status not in YES or event_type == "implied":
            return False
        decides = purpose["significant_effect"] and purpose["basis"] != "contract"
        if (purpose["special_category"] or decides) and event_type != "explicit":
            return False
        return by_guardian is younger(age, law["consent_from"], law["child"])
    if purpose["basis"] == "contract" and not purpose["objectable"]:
        return status not in ("terminated", "invalidated")
    return status in (None, "unknown", *YES)
