import httpx

from rtts_site import asgi


async def ask(path):
    transport = httpx.ASGITransport(app=asgi.application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.get(path)


async def test_fast_paths_come_first():
    answer = await ask("/healthz")

    assert answer.status_code == 200


async def test_a_process_for_decisions_serves_no_pages(monkeypatch):
    monkeypatch.setattr(asgi, "_pages", None)

    answer = await ask("/admin/")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "decision and event paths only" in answer.json()["detail"]
