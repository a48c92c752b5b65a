from decisioning.api import app, schema  # noqa: F401 - the app registers every route
from decisioning.api.http import ROUTES


def test_every_fast_path_is_described():
    assert set(ROUTES) - set(schema.OPERATIONS) == set()
    assert set(schema.OPERATIONS) - set(ROUTES) == set()


def test_every_reference_leads_somewhere():
    paths, components = schema.document()

    def references(node):
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    wanted = {one.rpartition("/")[2] for one in references([paths, components])}
    assert wanted <= set(components)


def test_stands_beside_the_management_api():
    result = schema.add_fast_paths({"paths": {"/v1/consents": {}}, "components": {"schemas": {}}})

    assert {"/v1/consents", "/v1/decisions", "/v1/track", "/healthz"} <= set(result["paths"])
