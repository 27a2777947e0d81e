#!/usr/bin/python3
"""delayproxy.py - a TCP proxy that makes a near server a far one.

    delayproxy.py PORT TARGET_PORT DELAY_MS

Listens on 127.0.0.1:PORT, passes everything to 127.0.0.1:TARGET_PORT and back, and
delivers each piece DELAY_MS after it came: a round trip grows by twice that, and
connecting costs one round trip, as on a real network. Throughput is not limited.
SIGTERM or ^C ends it.
"""

import argparse
import asyncio
import signal
import socket

PIECE = 256 * 1024
WAITING = 256  # pieces under way in one direction; then the sender waits


async def delay(reader, writer, seconds):
    """One direction. Pieces wait beside each other, not for each other."""
    loop = asyncio.get_running_loop()
    under_way = asyncio.Queue(WAITING)

    async def deliver():
        while True:
            when, piece = await under_way.get()
            await asyncio.sleep(when - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        writer.write_eof()  # the other direction may still be open

    delivering = asyncio.create_task(deliver())
    try:
        piece = b"?"
        while piece and not delivering.done():
            piece = await reader.read(PIECE)
            await under_way.put((loop.time() + seconds, piece))
        await delivering
    finally:
        delivering.cancel()


async def pair(reader, writer, port, seconds):
    """One client's connection and ours to the target."""
    far = None
    try:
        writer.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.sleep(2 * seconds)
        far_reader, far = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(delay(reader, far, seconds),
                             delay(far_reader, writer, seconds))
    except OSError:
        pass  # either side hung up: both are closed
    finally:
        for end in (writer, far):
            if end:
                end.close()


async def serve(options):
    stop = asyncio.Event()
    pairs = set()  # the loop itself keeps no hold of its tasks

    def connected(reader, writer):
        task = asyncio.create_task(pair(reader, writer, options.target_port,
                                        options.delay_ms / 1000))
        pairs.add(task)
        task.add_done_callback(pairs.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(connected, "127.0.0.1", options.port,
                                        backlog=1024)
    print(f"127.0.0.1:{options.port} -> {options.target_port}, "
          f"{options.delay_ms:g} ms each way", flush=True)
    await stop.wait()
    server.close()


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("port", type=int)
    options.add_argument("target_port", type=int)
    options.add_argument("delay_ms", type=float)
    asyncio.run(serve(options.parse_args()))


if __name__ == "__main__":
    main()
