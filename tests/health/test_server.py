from __future__ import annotations

import asyncio
import contextlib
import socket
from http import HTTPStatus

import pytest

from bot.config.address import Address
from bot.health import server
from bot.health.server import Answer, Server


async def page():
    return Answer(HTTPStatus.OK, "good\n")


async def bug():
    raise RuntimeError("a word of a person")


@pytest.fixture
async def serving():
    made = Server({"/page": page, "/bug": bug, "/big": big})
    place = Address.parse(await made.start(Address("127.0.0.1")))
    yield place
    await made.close()


async def big():
    return Answer(HTTPStatus.OK, b"x" * 50_000_000)


async def ask(place, request, *, close=False):
    """What comes back until the server closes the connection; '' if it is cut off."""
    reader, writer = await asyncio.open_connection(place.host, place.port)
    writer.write(request)
    if close:
        writer.write_eof()
    with contextlib.suppress(ConnectionError):
        answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    return answer.decode("latin-1")


def line(answer):
    return answer.split("\r\n")[0]


async def test_a_page_is_answered_whole_and_the_connection_ends(serving):
    answer = await ask(serving, b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
    assert line(answer) == "HTTP/1.1 200 OK"
    assert "Content-Length: 5\r\n" in answer
    assert answer.endswith("\r\n\r\ngood\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /page?x=1 HTTP/1.0\r\n\r\n", 200),
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /page/../bug HTTP/1.1\r\n\r\n", 404),
        (b"GET /\xff\x00 HTTP/1.1\r\n\r\n", 404),
        (b"POST /page HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"HEAD /page HTTP/1.1\r\n\r\n", 405),
        (b"get /page HTTP/1.1\r\n\r\n", 405),
        (b"GET /page\r\n\r\n", 400),
        (b"GET  /page HTTP/1.1\r\n\r\n", 400),
        (b"GET /page HTTP/2\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /page HTTP/1.1\r\nX: " + b"x" * 20_000, 431),
        (b"GET /bug HTTP/1.1\r\n\r\n", 500),
    ],
)
async def test_each_request_gets_the_status_it_deserves(serving, request_, status):
    answer = await ask(serving, request_)
    assert line(answer).startswith(f"HTTP/1.1 {status} ")
    assert "word of a person" not in answer
    assert ("Allow: GET\r\n" in answer) == (status == 405)


async def test_half_a_request_gets_no_answer(serving):
    assert await ask(serving, b"GET /page HTTP/1.1\r\n", close=True) == ""


async def test_a_client_that_is_slow_is_cut_off(serving, monkeypatch):
    monkeypatch.setattr(server, "SECONDS", 0.1)
    assert await ask(serving, b"GET /page") == ""


async def test_a_client_that_does_not_read_is_cut_off_and_keeps_nobody_waiting(serving, monkeypatch):
    monkeypatch.setattr(server, "SECONDS", 0.5)
    with socket.create_connection((serving.host, serving.port)) as idle:
        idle.sendall(b"GET /big HTTP/1.1\r\n\r\n")
        assert line(await ask(serving, b"GET /page HTTP/1.1\r\n\r\n")) == "HTTP/1.1 200 OK"
        await asyncio.sleep(1)
        received = 0
        with contextlib.suppress(ConnectionError):
            while chunk := await asyncio.to_thread(idle.recv, 1_000_000):
                received += len(chunk)
    assert received < 50_000_000


async def test_many_idle_clients_do_not_keep_one_that_asks_from_its_answer(serving):
    idle = [await asyncio.open_connection(serving.host, serving.port) for _ in range(3 * server.CLIENTS)]
    assert line(await ask(serving, b"GET /page HTTP/1.1\r\n\r\n")) == "HTTP/1.1 200 OK"
    for _, writer in idle:
        writer.close()


async def test_of_many_that_connect_at_once_only_so_many_are_kept(serving):
    idle = [socket.create_connection((serving.host, serving.port)) for _ in range(3 * server.CLIENTS)]
    assert line(await ask(serving, b"GET /page HTTP/1.1\r\n\r\n")) == "HTTP/1.1 200 OK"
    for each in idle:
        each.setblocking(False)
    assert sum(is_open(each) for each in idle) < server.CLIENTS
    for each in idle:
        each.close()


def is_open(client):
    """Whether the server has not ended this connection."""
    try:
        client.recv(1)
    except BlockingIOError:
        return True
    except ConnectionError:
        pass
    return False


async def test_a_socket_in_the_file_system_is_served_and_removed_in_the_end(tmp_path):
    path = tmp_path / "health.sock"
    for _ in range(2):  # the second time over what a killed process leaves
        left = socket.socket(socket.AF_UNIX)
        if not path.exists():
            left.bind(str(path))
        made = Server({"/page": page})
        assert await made.start(Address(path=str(path))) == f"unix:{path}"
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /page HTTP/1.1\r\n\r\n")
        assert (await reader.read()).endswith(b"good\n")
        writer.close()
        left.close()
        await made.close()
        assert not path.exists()


async def test_a_socket_on_which_another_listens_is_not_taken_away(tmp_path):
    place = Address(path=str(tmp_path / "health.sock"))
    first, second = Server({"/page": page}), Server({})
    await first.start(place)
    with pytest.raises(OSError, match="in use"):
        await second.start(place)
    await second.close()
    reader, writer = await asyncio.open_unix_connection(place.path)
    writer.write(b"GET /page HTTP/1.1\r\n\r\n")
    assert (await reader.read()).endswith(b"good\n")
    writer.close()
    await first.close()


async def test_a_socket_that_another_has_put_in_its_place_is_left_alone(tmp_path):
    path = tmp_path / "health.sock"
    made = Server({})
    await made.start(Address(path=str(path)))
    path.rename(tmp_path / "old")
    path.write_text("another's")
    await made.close()
    assert path.read_text() == "another's"


async def test_an_address_that_is_taken_is_an_error(serving):
    with pytest.raises(OSError, match="in use"):
        await Server({}).start(serving)
