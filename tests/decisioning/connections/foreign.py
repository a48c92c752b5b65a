"""A foreign system for tests: an OAuth 2 server and pages of rows, on a port of this machine."""

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Foreign:
    """What the system holds, and what it was asked; `answers` are given before anything else."""

    def __init__(self):
        self.rows, self.size = [], 2
        self.asked, self.answers, self.tokens, self.token_calls = [], [], set(), []
        self.refresh = "r-0"
        self.expires_in = 3600
        self.elsewhere = ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def handler(self):
        foreign = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                status, headers, body = foreign.page(self.path, self.headers)
                self.answer(status, headers, body)

            def do_POST(self):
                said = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.answer(*foreign.token(parse_qs(said), self.headers))

            def answer(self, status, headers, body):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        return Handler

    def token(self, said, headers):
        self.token_calls.append(said)
        basic = base64.b64encode(b"app:s3cret").decode()
        if headers.get("Authorization") != f"Basic {basic}":
            return 401, {}, {"error": "invalid_client"}
        if said["grant_type"] == ["refresh_token"]:
            if said["refresh_token"] != [self.refresh]:
                return 400, {}, {"error": "invalid_grant"}
            self.refresh = f"r-{len(self.token_calls)}"
        token = f"t-{len(self.token_calls)}"
        self.tokens = {token}
        told = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in}
        if said["grant_type"] == ["refresh_token"]:
            told["refresh_token"] = self.refresh
        return 200, {}, told

    def page(self, path, headers):
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append((parts.path, query))
        if self.answers:
            return self.answers.pop(0)
        if parts.path.startswith("/oauth/"):
            given = headers.get("Authorization", "").removeprefix("Bearer ")
            if given not in self.tokens:
                return 401, {}, {"error": "invalid_token"}
        if parts.path.startswith("/keyed/") and headers.get("X-API-Key") != "k-1":
            return 403, {}, {}
        rows = [row for row in self.rows if row.get("at", "") >= query.get("since", "")]
        start = int(query.get("after") or query.get("page", "0")) * (
            1 if "after" in query else self.size
        )
        chunk, rest = rows[start : start + self.size], rows[start + self.size :]
        following = str(start + self.size) if rest else None
        query_after = f"{parts.path}?since={query.get('since', '')}&after={following}"
        told = {
            "data": {"items": chunk},
            "paging": {"after": following},
            "next": self.elsewhere or (query_after if rest else None),
        }
        link = {"Link": f'<{self.url}{query_after}>; rel="next"'} if rest else {}
        return 200, link, told
