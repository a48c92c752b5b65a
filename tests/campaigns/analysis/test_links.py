"""Links are followed out of jobs only, never into a private network."""

import http.server
import threading

import pytest

from campaigns.analysis import links
from tests.campaigns.analysis.making import offer


def asked(content):
    return [one.args["trouble"] for one in links.follow([offer(content=content)])]


def test_a_private_network_is_never_asked():
    requests = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            requests.append(self.path)

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        troubles = [
            *asked({"link_url": f"http://127.0.0.1:{port}/x"}),
            *asked({"link_url": f"http://localhost.:{port}/x"}),
        ]
        troubles.append(links.trouble_at(f"http://localhost:{port}/x"))
        server.shutdown()

    assert set(troubles) == {"private"}
    assert requests == []


@pytest.mark.parametrize(
    "number", ["127.0.0.1", "64:ff9b::7f00:1", "::ffff:10.0.0.1", "2002:7f00:1::"]
)
def test_a_number_that_leads_into_a_private_network_is_never_asked(number):
    host = f"[{number}]" if ":" in number else number

    assert links.trouble_at(f"http://{host}/x") == "private"


@pytest.mark.parametrize(
    "address", ["/shop", "mailto:a@b.com", "https://x.test/a", "https://{{ host }}/a"]
)
def test_only_whole_addresses_are_asked(address):
    assert asked({"link_url": address}) == []
