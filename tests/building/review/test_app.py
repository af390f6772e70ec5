"""The page's HTTP side: who may ask what, and what bad requests get."""

from __future__ import annotations

import json

import pytest
from werkzeug.test import Client

from segearth.building.review.access import Access, host_name, is_loopback
from segearth.building.review.app import ReviewApp
from segearth.building.review.decisions import CRITERIA
from segearth.building.review.log import NAME, open_log
from segearth.building.review.session import Review
from segearth.data.manifest import read_manifest

HERE = "http://127.0.0.1:8710"
TOKEN = "s3cret"


@pytest.fixture
def review(records, tmp_path):
    with open_log(tmp_path / "out") as log:
        yield Review(records, log, second_look=0)


@pytest.fixture
def client(review):
    return Client(ReviewApp(review, Access("127.0.0.1", None)))


@pytest.fixture
def remote(review):
    return Client(ReviewApp(review, Access("0.0.0.0", TOKEN)))


def say(review, **changes):
    """The body of an accepting decision on the first record."""
    rubric = dict.fromkeys(CRITERIA, True)
    said = {"reviewer": "ana", "id": "a", "record": review.fingerprint_of(0), "rubric": rubric}
    return said | changes


def test_a_decision_is_in_the_file_when_the_answer_comes(client, review, tmp_path):
    answer = client.post("/api/decision", base_url=HERE, json=say(review, note="fine"))

    line = json.loads((tmp_path / "out" / NAME).read_text(encoding="utf-8"))
    assert answer.status_code == 200
    assert answer.json == {"verdict": "accept", "at": line["at"]}
    assert (line["reviewer"], line["note"], line["verdict"]) == ("ana", "fine", "accept")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rubric": {"object": True}}, "rubric"),
        ({"rubric": "all"}, "rubric"),
        ({"verdict": "reject"}, "verdict"),
        ({"reviewer": ""}, "no name"),
        ({"reviewer": "a\nb"}, "no name"),
        ({"id": "zzz"}, "no record"),
        ({"id": 3}, '"id"'),
        ({"record": "0" * 16}, "has changed"),
        ({"masks": [None, None]}, "2 masks"),
        ({"masks": [{"size": [4, 4], "counts": "0@"}]}, "it was"),
        ({"masks": [{"size": [48, 64], "counts": "zzz"}]}, "damaged"),
        ({"masks": [{"size": [48, 64], "counts": "PP3"}]}, "no pixel"),
        ({"masks": "x"}, "masks"),
        ({"answer": "There is nothing."}, "name its 1 targets"),
        ({"answer": "[SEG]"}, "name its 1 targets"),
        ({"instruction": " "}, "question is empty"),
        ({"seconds": float("inf")}, "seconds"),
        ({"note": "x" * 5000}, "note"),
        ({"undo": True}, "no decision"),
        ({"replaces": 3}, "replaces"),
        ({"replaces": "2026-01-01T00:00:00+00:00"}, "elsewhere"),
    ],
    ids=repr,
)
def test_a_bad_decision_is_refused_and_not_written(client, review, tmp_path, changes, problem):
    answer = client.post("/api/decision", base_url=HERE, json=say(review, **changes))

    assert answer.status_code in (400, 422)
    assert problem in answer.json["problem"]
    assert (tmp_path / "out" / NAME).read_bytes() == b""


@pytest.mark.parametrize("key", ["note", "instruction", "answer"])
@pytest.mark.parametrize("half", ["\\ud800", "\\ude00"])
def test_half_a_character_is_refused_and_a_whole_one_is_not(client, review, tmp_path, key, half):
    text = "The <p>box </p>[SEG] is here. \\ud83d\\ude00"  # as JSON has it: a pair
    whole, broken = (
        json.dumps(say(review, **{key: "TEXT"})).replace("TEXT", text + end) for end in ("", half)
    )

    refused, taken = (
        client.post("/api/decision", base_url=HERE, data=body, content_type="application/json")
        for body in (broken, whole)
    )

    assert refused.status_code == 400
    assert f'"{key}" has half a character in it, after 31 others' in refused.json["problem"]
    assert taken.status_code == 200
    (line,) = (tmp_path / "out" / NAME).read_text(encoding="utf-8").splitlines()
    assert json.loads(line)[key].endswith("\U0001f600")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000], ids=len)
def test_a_body_that_is_no_object_is_refused(client, body):
    answer = client.post("/api/decision", base_url=HERE, data=body, content_type="application/json")

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/page/../review_app.py",
        "/page/..%2freview_app.py",
        "/page/%2e%2e/review_app.py",
        "/page//etc/passwd",
        "/api/images/../../manifest.jsonl",
        "/api/images/3",
        "/api/images/-1",
        "/api/images/a.png",
        "/manifest.jsonl",
        "/api/decision",
    ],
)
def test_nothing_but_the_page_and_the_images_of_the_manifest_is_served(client, path):
    answer = client.get(path, base_url=HERE)

    assert answer.status_code in (404, 405)
    assert b"segearth.building" not in answer.data


def test_an_image_is_served_as_it_is_in_the_manifest(client):
    answer = client.get("/api/images/0", base_url=HERE)

    assert answer.data.startswith(b"\x89PNG")


def test_an_image_that_is_gone_is_told(client, records):
    records[0].image.unlink()

    answer = client.get("/api/images/0", base_url=HERE)

    assert answer.status_code == 422
    assert "a.png" in answer.json["problem"]


def test_a_record_with_a_damaged_mask_can_be_rejected_but_not_accepted(make, tmp_path):
    masks = [{"size": [48, 64], "counts": "zzz"}]
    path = make.write_rows(tmp_path / "damaged", [make.row("a", masks=masks)])
    with open_log(tmp_path / "out") as log:
        review = Review(read_manifest(path), log, second_look=0)
        client = Client(ReviewApp(review, Access("127.0.0.1", None)))
        wrong = dict.fromkeys(CRITERIA, True) | {"mask": False}

        shown = client.get("/api/records/0?reviewer=ana", base_url=HERE).json
        accepted = client.post("/api/decision", base_url=HERE, json=say(review))
        rejected = client.post("/api/decision", base_url=HERE, json=say(review, rubric=wrong))

    assert (shown["masks"], shown["correctable"]) == ([], False)
    assert "damaged" in shown["problem"]
    assert (accepted.status_code, rejected.status_code) == (422, 200)


def test_a_page_left_open_elsewhere_does_not_override(client, review, tmp_path):
    wrong = dict.fromkeys(CRITERIA, True) | {"mask": False}
    shown = client.get("/api/records/0?reviewer=ana", base_url=HERE).json["decision"]
    first = client.post("/api/decision", base_url=HERE, json=say(review, replaces=shown))

    stale = say(review, rubric=wrong, replaces=shown)
    answer = client.post("/api/decision", base_url=HERE, json=stale)
    informed = stale | {"replaces": first.json["at"]}
    again = client.post("/api/decision", base_url=HERE, json=informed)

    assert answer.status_code == 422
    assert "elsewhere since it was shown" in answer.json["problem"]
    assert again.status_code == 200
    assert len((tmp_path / "out" / NAME).read_text(encoding="utf-8").splitlines()) == 2


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8710", "127.0.0.1.evil.example", "10.0.0.1", ""]
)
def test_a_foreign_host_name_is_refused(client, host):
    assert client.get("/", base_url=HERE, headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8710", "127.0.0.1:9", "[::1]:8710", "LOCALHOST"])
def test_a_loopback_name_is_served(client, host):
    assert client.get("/", base_url=HERE, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_another_page_cannot_write(client, review, headers):
    answer = client.post("/api/decision", base_url=HERE, json=say(review), headers=headers)

    assert answer.status_code == 403


def test_a_form_of_another_page_cannot_write(client, review):
    body = json.dumps(say(review))

    answer = client.post("/api/decision", base_url=HERE, data=body, content_type="text/plain")

    assert answer.status_code == 400


def test_from_elsewhere_only_the_secret_link_opens(remote):
    there = "http://192.168.0.7:8710"

    assert remote.get("/", base_url=there).status_code == 403
    assert remote.get("/?token=wrong", base_url=there).status_code == 403
    assert remote.get("/api/next?reviewer=ana", base_url=there).status_code == 403
    assert remote.get(f"/?token={TOKEN}", base_url=there).status_code == 200
    # The cookie carries on from there, and no script can read it.
    assert remote.get("/api/next?reviewer=ana", base_url=there).json["number"] == 0
    cookie = remote.get_cookie("segearth-review-8710", domain="192.168.0.7")
    assert (cookie.http_only, cookie.same_site) == (True, "Strict")


def test_a_name_of_somebody_else_is_refused_with_the_right_token_too(remote):
    answer = remote.get(f"/?token={TOKEN}", base_url="http://evil.example:8710")

    assert answer.status_code == 403


def test_the_second_reviewer_sees_nothing_of_the_first(records, tmp_path):
    with open_log(tmp_path / "qa") as log:
        review = Review(records, log, second_look=1)
        client = Client(ReviewApp(review, Access("127.0.0.1", None)))
        client.post("/api/decision", base_url=HERE, json=say(review, note="by ana"))

        first, second = (
            client.get(f"/api/records/0?reviewer={name}", base_url=HERE).json
            for name in ("ana", "bo")
        )

    assert first["decision"]["note"] == "by ana"
    assert second == first | {"decision": None}


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:1", "a"), ("A", "a"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("", "")],
)
def test_host_names(header, name):
    assert host_name(header) == name


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.7", False), ("box.local", False)],
)  # fmt: skip
def test_what_is_loopback(host, local):
    assert is_loopback(host) is local
