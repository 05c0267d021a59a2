"""Posting: a GitHub API on loopback that paginates, limits, conflicts and refuses, as the real one does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from review.cli import app
from review.github import GitHub
from review.problems import NOT_POSTED, ReviewError
from tests.review.github_api import REPOSITORY, Handler, Server
from tests.review.making import RECORDED

MARKER = "<!-- secure-hosting review of recorded/small -->"


@pytest.fixture
def waited() -> list[float]:
    """Seconds that would have been slept."""
    return []


@pytest.fixture
def github(server: Server, waited: list[float]) -> GitHub:
    """A client of it."""
    return GitHub(repository=REPOSITORY, token="t0ken", api=server.api, sleep=waited.append)


def test_first_run_writes_and_second_updates_in_place(github: GitHub, server: Server) -> None:
    """One comment, whatever the number of runs; the token goes into the header."""
    assert github.post(7, f"{MARKER}\none", MARKER) == "https://x/1"
    assert github.post(7, f"{MARKER}\ntwo", MARKER) == "https://x/1"
    assert [c["body"] for c in server.comments] == [f"{MARKER}\ntwo"]
    assert server.tokens == {"Bearer t0ken"}


def test_comment_is_found_on_any_page(github: GitHub, server: Server) -> None:
    """The 250th comment of a long thread."""
    for index in range(249):
        server.add(f"comment {index}", login="jane")
    number = server.add(f"{MARKER}\nold")
    for index in range(30):
        server.add(f"more {index}", login="jane")
    github.post(7, f"{MARKER}\nnew", MARKER)
    assert server.comments[number - 1]["body"] == f"{MARKER}\nnew"
    assert len(server.comments) == 280
    assert server.asked.count("GET /issues/7/comments") == 3


def test_other_stacks_keep_their_comments(github: GitHub, server: Server) -> None:
    """Each is found by its own marker."""
    server.add("<!-- secure-hosting review of recorded/prod -->\nprod")
    github.post(7, f"{MARKER}\nsmall", MARKER)
    assert len(server.comments) == 2


def test_somebody_elses_comment_with_the_marker_is_left_alone(github: GitHub, server: Server) -> None:
    """Anybody can write the marker: what cannot be updated is passed over, and a quotation does not count."""
    server.others.add(server.add(f"{MARKER}\nforged", login="mallory"))
    server.add(f"look at this: {MARKER}", login="jane")
    assert github.post(7, f"{MARKER}\nreal", MARKER) == "https://x/3"
    assert [c["body"] for c in server.comments][2] == f"{MARKER}\nreal"


def test_doubles_of_two_runs_at_once_are_made_one(github: GitHub, server: Server) -> None:
    """The oldest stays; only our own are removed."""
    server.add(f"{MARKER}\na")
    server.add(f"{MARKER}\nb")
    server.add(f"{MARKER}\nc", login="mallory")
    github.post(7, f"{MARKER}\nnew", MARKER)
    assert [c["body"] for c in server.comments] == [f"{MARKER}\nnew", f"{MARKER}\nc"]


@pytest.mark.parametrize(
    ("code", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (403, {"Retry-After": "3"}, 3.0),
        (403, {"x-ratelimit-remaining": "0"}, 2.0),
        (502, {}, 1.0),
        (409, {}, 1.0),
    ],
)
def test_limits_and_conflicts_are_waited_out(
    github: GitHub, server: Server, waited: list[float], code: int, headers: dict[str, str], seconds: float
) -> None:
    """As long as the platform says, and once."""
    server.first.append((code, {"message": "later"}, headers))
    github.post(7, f"{MARKER}\none", MARKER)
    assert waited == [seconds]
    assert len(server.comments) == 1


def test_lost_answer_to_a_new_comment_does_not_make_two(github: GitHub, server: Server) -> None:
    """A 502 after the comment was made: the thread is read again before anything is written."""
    original = Handler._answer
    state = {"lost": False}

    def lossy(self: Handler, code: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        if code == 201 and not state["lost"]:
            state["lost"] = True
            original(self, 502, {"message": "Bad Gateway"})
        else:
            original(self, code, body, headers)

    Handler._answer = lossy  # type: ignore[method-assign]
    try:
        github.post(7, f"{MARKER}\none", MARKER)
    finally:
        Handler._answer = original  # type: ignore[method-assign]
    assert state["lost"]
    assert len(server.comments) == 1


def test_long_limits_are_given_up(github: GitHub, server: Server, waited: list[float]) -> None:
    """An hour of waiting costs more than the comment."""
    server.first.append((403, {"message": "API rate limit exceeded"}, {"Retry-After": "3600"}))
    with pytest.raises(ReviewError, match="rate limit") as refused:
        github.post(7, "x", MARKER)
    assert (refused.value.code, waited) == (NOT_POSTED, [])


def test_redirects_and_other_servers_never_get_the_token(github: GitHub, server: Server) -> None:
    """Neither by a redirect nor by the link to a next page."""
    server.first.append((302, {}, {"Location": "http://127.0.0.1:1/steal"}))
    with pytest.raises(ReviewError, match="302"):
        github.post(7, "x", MARKER)
    for index in range(101):
        server.add(str(index))
    server.next_host = "http://attacker.example.com"
    with pytest.raises(ReviewError, match="another server"):
        github.post(7, "x", MARKER)


def test_plain_http_is_refused() -> None:
    """But for the loopback."""
    with pytest.raises(ReviewError, match="https only"):
        GitHub(repository=REPOSITORY, token="t", api="http://api.example.com")


DRIFT = "<!-- secure-hosting drift of recorded/small -->"


def issues(server: Server) -> list[tuple[str, str]]:
    """Title and state of each."""
    return [(issue["title"], issue["state"]) for issue in server.comments]


def test_drift_is_one_issue_from_its_beginning_to_its_end(github: GitHub, server: Server) -> None:
    """Made, updated, closed when nothing differs, opened again; nothing is made only to say that all is well."""
    assert github.issue("none", f"{DRIFT}\nnone", DRIFT, open_=False) == ""
    assert github.issue("two", f"{DRIFT}\ntwo", DRIFT, open_=True) == "https://x/1"
    assert github.issue("one", f"{DRIFT}\none", DRIFT, open_=True) == "https://x/1"
    assert issues(server) == [("one", "open")]
    github.issue("none", f"{DRIFT}\nnone", DRIFT, open_=False)
    assert issues(server) == [("none", "closed")]
    github.issue("none", f"{DRIFT}\nnone", DRIFT, open_=False)
    github.issue("again", f"{DRIFT}\nagain", DRIFT, open_=True)
    assert issues(server) == [("again", "open")]
    assert server.comments[0]["body"].endswith("again")


def test_an_issue_of_a_stranger_or_a_pull_request_is_left_alone(github: GitHub, server: Server) -> None:
    """Whoever may open issues could otherwise own ours; a member of the organization may have opened it by hand."""
    stranger, request = server.add(f"{DRIFT}\nmine"), server.add(f"{DRIFT}\nmine")
    server.comments[stranger - 1]["user"]["type"] = "User"
    server.comments[request - 1]["pull_request"] = {}
    assert github.issue("t", f"{DRIFT}\nours", DRIFT, open_=True) == "https://x/3"
    server.comments[stranger - 1]["author_association"] = "MEMBER"
    server.comments[2]["state"] = "closed"
    assert github.issue("t", f"{DRIFT}\nours", DRIFT, open_=True) == "https://x/1"


def test_drift_without_permission_says_what_to_give(github: GitHub, server: Server) -> None:
    """The report is written before."""
    server.first.append((403, {"message": "Resource not accessible by integration"}, {}))
    with pytest.raises(ReviewError, match="issues: write") as refused:
        github.issue("t", DRIFT, DRIFT, open_=True)
    assert refused.value.code == NOT_POSTED


def run(tmp_path: Path, server: Server, *more: str, token: str = "t0ken") -> tuple[Any, Path]:
    """The command on the recorded run."""
    out = tmp_path / "comment.md"
    words = [
        "comment",
        "--digest",
        str(RECORDED / "change.digest.json"),
        "--events",
        str(RECORDED / "change.events.jsonl"),
    ]
    words += ["--out", str(out), "--post", "--repository", REPOSITORY, "--api", server.api, "--token", token, *more]
    return CliRunner().invoke(app, words), out


def test_command_posts_what_it_writes(tmp_path: Path, server: Server) -> None:
    """File and comment are the same text."""
    done, out = run(tmp_path, server, "--pull-request", "7")
    assert done.exit_code == 0, done.output
    assert server.comments[0]["body"] == out.read_text()


@pytest.mark.parametrize(
    ("code", "message"), [(403, "Resource not accessible by integration"), (401, "Bad credentials")]
)
def test_without_permission_the_report_is_still_written(
    tmp_path: Path, server: Server, code: int, message: str
) -> None:
    """A fork's token may not comment: exit code 3, the report is there, and the message says what to give."""
    server.first.append((code, {"message": message}, {}))
    done, out = run(tmp_path, server, "--pull-request", "7")
    assert isinstance(done.exception, ReviewError)
    assert (done.exception.code, server.comments) == (NOT_POSTED, [])
    assert "pull-requests: write" in str(done.exception)
    assert "t0ken" not in str(done.exception)
    assert out.read_text().startswith(MARKER)


@pytest.mark.parametrize(("more", "token"), [((), "t0ken"), (("--pull-request", "7"), "")])
def test_what_is_missing_to_post_is_told_after_writing(
    tmp_path: Path, server: Server, more: tuple[str, ...], token: str
) -> None:
    """No number, no token: the report is written first."""
    done, out = run(tmp_path, server, *more, token=token)
    assert isinstance(done.exception, ReviewError)
    assert done.exception.code == NOT_POSTED
    assert out.exists()
