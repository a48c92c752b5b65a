"""The only place that names the fields of authored things and the choices that they offer."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from campaigns.models.items import Kind

LABELS: Final = {
    "arms": _("Arms"),
    "basis": _("Legal basis"),
    "cache_seconds": _("May be kept for (seconds)"),
    "campaign": _("Campaign"),
    "caps": _("Limits"),
    "category": _("Category"),
    "channel": _("Channel"),
    "clock": _("Whose clock"),
    "condition": _("Who"),
    "content_type": _("Content type"),
    "description": _("Description"),
    "device_access": _("Reads or writes the device"),
    "dpv": _("Data Privacy Vocabulary term"),
    "eligibility": _("Who"),
    "ends_at": _("Ends"),
    "enforcement": _("An event that is not like this"),
    "fallback": _("Fallback"),
    "fallback_offer": _("Fallback offer"),
    "goal_event": _("Goal"),
    "gpc": _("Global Privacy Control denies it"),
    "gpp": _("GPP fields"),
    "holdout_salt": _("Salt of the holdout"),
    "holdout_share": _("Holdout"),
    "hours": _("Hours"),
    "identity": _("Who is who"),
    "in_quiet_hours": _("In quiet hours too"),
    "inferred": _("Inferred"),
    "leaving": _("Who leaves"),
    "max_count": _("Offers at once"),
    "objectable": _("The person may object"),
    "offers": _("Offers"),
    "only_properties": _("No other properties"),
    "owner": _("Owner"),
    "picture_width": _("Width of pictures"),
    "priority": _("Priority"),
    "properties": _("Properties"),
    "purposes": _("Purposes"),
    "quiet_hours": _("Quiet hours"),
    "retired": _("Retired"),
    "salt": _("Salt"),
    "sayable": _("May be said to the person"),
    "sensitive": _("Sensitive"),
    "source": _("Source"),
    "starts_at": _("Starts"),
    "stay_s": _("Shortest stay"),
    "tcf": _("TCF purposes"),
    "time_zone": _("Time zone"),
    "traffic": _("Share of people who take part"),
    "trusted": _("Trusted"),
    "type": _("Type"),
    "unit": _("Unit"),
    "validity_days": _("Consent holds for (days)"),
    "value": _("Value"),
    "values": _("Known values"),
    "variants": _("Variants"),
    "weights": _("Weights"),
}
TYPES: Final = {
    "number": _("number"),
    "text": _("text"),
    "boolean": _("yes or no"),
    "date": _("date"),
    "list": _("list of texts"),
    "place": _("place"),
    "version": _("version"),
}
# Fields whose value is one of a few words.
CHOICES: Final = {
    "type": TYPES,
    "source": {"profile": _("the profile"), "context": _("the request")},
    "basis": {
        "consent": _("consent"),
        "legitimate_interest": _("legitimate interest"),
        "contract": _("contract"),
    },
    "enforcement": {
        "off": _("is taken as it is"),
        "watch": _("is taken and counted"),
        "enforce": _("is refused and kept in the quarantine"),
    },
    "clock": {"zone": _("of the time zone"), "person": _("of the person")},
}
SCOPES: Final = {
    "person": _("per person"),
    "channel": _("per person and channel"),
    "total": _("for everybody together"),
}
COUNTS: Final = {
    "decision": _("decisions"),
    "impression": _("impressions"),
    "click": _("clicks"),
    "conversion": _("conversions"),
}
REFERENCES: Final[dict[str, str]] = {
    "purposes": Kind.PURPOSE,
    "channel": Kind.CHANNEL,
    "offers": Kind.OFFER,
    "fallback_offer": Kind.OFFER,
    "goal_event": Kind.EVENT_TYPE,
    "campaign": Kind.CAMPAIGN,
}
NAMESPACES: Final = {
    "user": _("User id"),
    "anonymous": _("Anonymous id"),
    "email": _("E-mail address, hashed"),
    "phone": _("Phone number, hashed"),
    "device": _("Device id"),
    "crm": _("CRM id"),
}
