"""Who is let in, and what each sees."""

from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from cli.running import rgtsr
from serving.services import Service, code, content, ready, serving, slow

ANNE, BOB = "anne-has-a-long-token", "bob-has-another-token"
HTML = {"accept": "text/html"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    tokens.write_text(f"{BOB}\n# who may\n\n{ANNE}\n", encoding="utf-8-sig")  # as Windows does
    given = ("--auth-token-file", tokens, "--host", "0.0.0.0", "--max-queue", "4")
    with serving(*given) as service:
        service.said[:] = [line.replace("0.0.0.0", "127.0.0.1") for line in service.said]
        yield ready(service)


def test_only_who_has_a_token_is_let_in(guarded: Service) -> None:
    with guarded.http() as http:
        for path in ("/v1/models", "/metrics", "/openapi.json", "/v1/jobs/x"):
            answer = http.get(path)
            assert code(answer) == (401, "no-token")
            assert answer.headers["www-authenticate"] == "Bearer"
            for wrong in (ANNE[:-1], ANNE + "x", "x", "é", "# who may"):
                sent = {"authorization": f"Bearer {wrong}".encode()}
                assert http.get(path, headers=sent).status_code == 401
        assert code(http.post("/v1/jobs", content=content()))[0] == 401
        assert http.get("/v1/models", headers=bearer(BOB)).status_code == 200
        for path in ("/healthz", "/readyz"):
            assert http.get(path).status_code == 200


def test_others_jobs_are_as_if_they_were_not(guarded: Service) -> None:
    with guarded.http() as http:
        job = http.post("/v1/jobs", content=content(), headers=bearer(ANNE)).json()["id"]
        for path in ("", "/events", "/result", "/view/before", "/zoom/before.dzi"):
            foreign = http.get(f"/v1/jobs/{job}{path}", headers=bearer(BOB))
            assert code(foreign) == (404, "unknown-job")
        zipped = http.get("/v1/results.zip", params={"job": job}, headers=bearer(BOB))
        assert code(zipped) == (404, "unknown-job")
        assert http.delete(f"/v1/jobs/{job}", headers=bearer(BOB)).status_code == 404
        assert http.get(f"/v1/jobs/{job}", headers=bearer(ANNE)).status_code == 200
        assert http.delete(f"/v1/jobs/{job}", headers=bearer(ANNE)).status_code == 204


def test_one_client_leaves_places_for_another(guarded: Service) -> None:
    with guarded.http() as http:
        jobs: list[str] = []
        while (answer := http.post("/v1/jobs", content=slow(), headers=bearer(ANNE))).is_success:
            jobs.append(answer.json()["id"])
        assert code(answer) == (429, "queue-full")
        other = http.post("/v1/jobs", content=content(), headers=bearer(BOB))
        assert other.status_code == 202
        for owner, job in [(BOB, other.json()["id"]), *((ANNE, job) for job in jobs)]:
            assert http.delete(f"/v1/jobs/{job}", headers=bearer(owner)).status_code == 204


def test_a_browser_signs_in_once(guarded: Service) -> None:
    with guarded.http() as http:
        asked = http.get("/", headers=HTML)
        assert asked.status_code == 401
        assert 'name="token"' in asked.text
        wrong = http.post("/session", data={"token": "x" * 20}, headers=HTML)
        assert (wrong.status_code, "not known here" in wrong.text) == (401, True)
        right = http.post("/session", data={"token": ANNE}, headers=HTML)
        assert (right.status_code, right.headers["location"]) == (303, "/")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert http.get("/v1/models").status_code == 200
    elsewhere = {"origin": "https://evil.example"}
    with httpx.Client(base_url=guarded.address, cookies={"rgtsr-token": ANNE}) as http:
        answer = http.post("/v1/jobs", content=content(), headers=elsewhere)
        assert code(answer) == (403, "foreign-origin")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no token in it"),
        ("short", "at least 16"),
        ("a-token-of-Zo\xeb-and-others", "line 1"),
        ("# one\ntab\tin-the-middle-of-it", "line 2"),
        (None, "No such file"),
    ],
)
def test_a_token_file_holds_tokens(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    rgtsr("serve", "--port", "0", "--auth-token-file", path).assert_failed(1, str(path), words)
