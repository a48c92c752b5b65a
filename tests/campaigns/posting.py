"""What a browser would post: the fields of a rendered form with some changed."""

from html.parser import HTMLParser


class _Fields(HTMLParser):
    """Collects what a form would send."""

    def __init__(self):
        super().__init__()
        self.fields = {}
        self._select = self._textarea = None
        self._options = []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        name = attrs.get("name")
        if tag == "input" and name and attrs.get("type") not in ("submit", "button"):
            if attrs.get("type") in ("checkbox", "radio") and "checked" not in attrs:
                return
            default = "on" if attrs.get("type") == "checkbox" else ""
            self.fields.setdefault(name, []).append(attrs.get("value", default))
        elif tag == "select" and name:
            self._select, self._options = (name, "multiple" in attrs), []
        elif tag == "option" and self._select:
            self._options.append((attrs.get("value") or "", "selected" in attrs))
        elif tag == "textarea" and name:
            self._textarea = name
            self.fields[name] = [""]

    def handle_data(self, data):
        if self._textarea:
            self.fields[self._textarea][0] += data

    def handle_endtag(self, tag):
        if tag == "textarea" and self._textarea:
            # A browser drops the line break that a text area begins with.
            self.fields[self._textarea] = [self.fields[self._textarea][0].removeprefix("\n")]
            self._textarea = None
        elif tag == "select" and self._select:
            name, multiple = self._select
            chosen = [value for value, selected in self._options if selected]
            if not chosen and not multiple and self._options:
                chosen = [self._options[0][0]]
            if chosen:
                self.fields.setdefault(name, []).extend(chosen)
            self._select = None


def fields_of(response):
    """Return every field of a page as name -> values, without buttons."""
    parser = _Fields()
    parser.feed(response.content.decode())
    skipped = ("csrfmiddlewaretoken", "q", "title", "text")
    return {name: values for name, values in parser.fields.items() if name not in skipped}


def leaf(name, number, parent, subject, operator, value):
    """Return the fields of one condition of a rule builder."""
    prefix = f"{name}-{number}-"
    return {
        f"{name}-node": [f"{number}:{parent}:leaf"],
        f"{prefix}subject": [subject],
        f"{prefix}about": [subject],
        f"{prefix}is": [operator],
        f"{prefix}value": [value],
    }


def group(name, number, parent, match):
    """Return the fields of one group of a rule builder."""
    return {f"{name}-node": [f"{number}:{parent}:group"], f"{name}-{number}-match": [match]}


def together(*parts):
    """Return fields merged, values of equal names in order."""
    found = {}
    for part in parts:
        for key, values in part.items():
            found.setdefault(key, []).extend(values)
    return found


def rule(name, *parts):
    """Return the fields of a whole rule."""
    return together(*parts)


def without_rule(fields, name):
    """Return the fields without those of a rule builder."""
    return {key: value for key, value in fields.items() if not key.startswith(f"{name}-")}
