"""HTTP servers on loopback that send exactly the bytes of a test."""

import asyncio
import contextlib


@contextlib.asynccontextmanager
async def serving(serve, *, tls=None):
    """An HTTP server whose connections end with it. Yields its URL."""
    tasks = []

    async def accept(reader, writer):
        tasks.append(asyncio.current_task())
        with contextlib.closing(writer), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def answering(answer, *, hang=False, seen=None):
    """Gives these bytes to every request, or what `answer` makes of its head; `seen` takes the heads."""

    async def serve(reader, writer):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if seen is not None:
                seen.append(head.decode("latin-1"))
            writer.write(answer(head.decode("latin-1")) if callable(answer) else answer)
            await writer.drain()
            if hang:
                await reader.read()

    return serving(serve)


def http(status, body=b"{}", headers="", kind="application/json"):
    """One whole response. `headers`: lines, each with its end."""
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return f"{head}{headers}\r\n".encode() + body
