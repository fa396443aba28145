"""A small HTTP server to be put under load: prints its port, answers as its first argument says.

ok: 200 with a Server-Timing header; fail: 500; some: every fourth request fails;
hang: never answers; close: closes instead of answering; once: closes after each answer; trickle: a byte at a time.
The second argument is how long an answer takes, in milliseconds. ``GET /count`` tells what was seen; it counts not.
"""

import asyncio
import json
import sys

MODE, DELAY_S = "ok", 0.0
TIMING = "Server-Timing: pool;dur=0.250, connect;dur=0.000, sql;dur=1.500, app;dur=2.125\r\n"
seen = {"connections": 0, "requests": 0}
paths: dict[str, int] = {}


def answer(status: int, body: bytes, more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{TIMING}{more}\r\n".encode() + body


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    counted = False
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            path = head.split(b" ", 2)[1].decode()
            if path == "/count":
                writer.write(answer(200, json.dumps({**seen, "paths": paths}).encode()))
                continue
            seen["connections"] += not counted
            counted = True
            seen["requests"] += 1
            paths[path] = paths.get(path, 0) + 1
            if not await respond(writer):
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def respond(writer: asyncio.StreamWriter) -> bool:
    if MODE == "hang":
        await asyncio.sleep(3600)
    if MODE == "close":
        return False
    if DELAY_S:
        await asyncio.sleep(DELAY_S)
    if MODE == "trickle":
        writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            writer.write(b".")
            await asyncio.sleep(0.1)
    bad = MODE == "fail" or (MODE == "some" and seen["requests"] % 4 == 0)
    writer.write(answer(500 if bad else 200, b"0123456789", "Connection: close\r\n" if MODE == "once" else ""))
    return MODE != "once"


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    MODE, DELAY_S = sys.argv[1], float(sys.argv[2]) / 1000
    asyncio.run(main())
